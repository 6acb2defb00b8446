#![forbid(unsafe_code)]
//! What a caller asks for, checked, and the SQL that answers it (instances.md §5).

use std::collections::BTreeSet;

use rusqlite::types::Value;

use super::{
    check::time,
    shape::{GITHUB_ISSUE, INSTANCE, MCP_EVENT, RELATIONSHIP},
};
use crate::{
    client::{
        Query, Slice,
        check::{not_an_object, refuse, refuse_field, seconds, whole},
    },
    error::Result,
    packed::{Field, Input},
};

/// The columns that a listing can be ordered by.
const ORDERS: [&str; 3] = ["last_activity", "created_at", "terminated_at"];

/// The rows of listInstances.
///
/// # Errors
/// `Error::Validation` with the key of the filter.
pub fn instances(filter: &Input) -> Result<Query> {
    let filter = Filter::new(filter)?;
    let mut query = Query::rows(&INSTANCE);
    query.one_of("type", filter.words("types")?.into_iter());
    query.one_of("status", filter.words("statuses")?.into_iter());
    query.only("issue_number = ?", filter.issue_number()?);
    query.only("parent_instance_id = ?", filter.parent()?);
    query.only("created_at >= ?", filter.time("createdAfter")?);
    query.only("created_at < ?", filter.time("createdBefore")?);
    let order = format!("{} {}, id", filter.order()?, filter.direction()?);
    let limit = filter.count("limit")?.filter(|limit| *limit > 0);
    let offset = filter.count("offset")?.unwrap_or(0).max(0);
    Ok(query.sorted(&order, Slice { limit, offset }))
}

/// The row of getInstance.
pub fn instance(id: &str) -> Query {
    let mut query = Query::rows(&INSTANCE);
    query.only("id = ?", Some(id.to_owned()));
    query
}

/// The rows of getMCPEvents; `limit` at least 1.
pub fn events_of(instance: &str, limit: Option<i64>) -> Query {
    let mut query = Query::rows(&MCP_EVENT);
    query.only("instance_id = ?", Some(instance.to_owned()));
    query.sorted("timestamp DESC, id DESC", Slice { limit, offset: 0 })
}

/// The rows of getRecentMCPEvents.
///
/// # Errors
/// `since must be a valid Date`
pub fn events_since(since: Field<'_>) -> Result<Query> {
    let mut query = Query::rows(&MCP_EVENT);
    query.only("timestamp >= ?", Some(time("since", since)?));
    Ok(query.sorted("timestamp DESC, id DESC", Slice::default()))
}

/// The rows of getRelationships, each once.
pub fn relationships_of(instance: &str) -> Query {
    let mut query = Query::rows(&RELATIONSHIP);
    let id = Value::Text(instance.to_owned());
    query.and("(parent_instance = ? OR child_instance = ?)", [id.clone(), id]);
    query.sorted("created_at DESC, id DESC", Slice::default())
}

/// The row of getGitHubIssue.
pub fn issue(number: i64) -> Query {
    let mut query = Query::rows(&GITHUB_ISSUE);
    query.only("number = ?", Some(number));
    query
}

/// A filter object on its way to a query. `null` leaves a condition out, as `undefined` does.
struct Filter<'a>(&'a Input);

impl<'a> Filter<'a> {
    fn new(input: &'a Input) -> Result<Self> {
        match input {
            Input::Undefined | Input::Null | Input::Map(_) => Ok(Self(input)),
            _ => Err(not_an_object("filter")),
        }
    }

    fn given(&self, key: &str) -> Option<Field<'a>> {
        Some(self.0.get(key).field()).filter(|field| !field.is_empty())
    }

    fn words(&self, key: &'static str) -> Result<BTreeSet<String>> {
        let list = match self.0.get(key) {
            Input::Undefined | Input::Null => return Ok(BTreeSet::new()),
            Input::List(list) => list,
            other => return Err(refuse_field(key, other.field())),
        };
        // Each once, so that few different texts of SQL come about.
        let mut words = BTreeSet::new();
        for item in list {
            words.insert(item.field().text().ok_or_else(|| refuse_field(key, item.field()))?.to_owned());
        }
        Ok(words)
    }

    /// No stored value is 0 or `''`: they mean all.
    fn issue_number(&self) -> Result<Option<i64>> {
        match self.given("issueNumber") {
            None | Some(Field::Text("")) => Ok(None),
            Some(field) => {
                let number = whole(field).ok_or_else(|| refuse_field("issueNumber", field))?;
                Ok(Some(number).filter(|number| *number != 0))
            }
        }
    }

    fn parent(&self) -> Result<Option<String>> {
        match self.given("parentInstance") {
            None | Some(Field::Text("")) => Ok(None),
            Some(Field::Number(0.0)) => Ok(None),
            Some(Field::Text(text)) => Ok(Some(text.to_owned())),
            Some(field) => Err(refuse_field("parentInstance", field)),
        }
    }

    fn time(&self, key: &'static str) -> Result<Option<i64>> {
        self.given(key)
            .map(|field| seconds(field).ok_or_else(|| refuse(format!("{key} must be a valid Date"), key, field)))
            .transpose()
    }

    fn count(&self, key: &'static str) -> Result<Option<i64>> {
        self.given(key).map(|field| whole(field).ok_or_else(|| refuse_field(key, field))).transpose()
    }

    fn order(&self) -> Result<&'static str> {
        let Some(field) = self.given("orderBy") else { return Ok(ORDERS[0]) };
        ORDERS.into_iter().find(|order| field == Field::Text(order)).ok_or_else(|| refuse_field("orderBy", field))
    }

    fn direction(&self) -> Result<&'static str> {
        let Some(field) = self.given("orderDirection") else { return Ok("DESC") };
        let is = |word: &str| field.text().is_some_and(|given| given.eq_ignore_ascii_case(word));
        ["ASC", "DESC"].into_iter().find(|word| is(word)).ok_or_else(|| refuse_field("orderDirection", field))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, params_from_iter};

    use super::*;
    use crate::client::check::testing::refusal;
    use crate::instances::schema::migrations;
    use crate::migration::testing::migrated;

    fn map(entries: &[(&str, Input)]) -> Input {
        Input::Map(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    fn text(text: &str) -> Input {
        Input::Text(text.to_owned())
    }

    fn plan(conn: &Connection, query: &Query) -> String {
        let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {}", query.sql)).unwrap();
        let rows = explain.query_map(params_from_iter(&query.params), |row| row.get::<_, String>(3)).unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn every_condition_of_a_listing_has_an_index() {
        let conn = migrated([migrations()]);
        let listing = |entries: &[(&str, Input)]| plan(&conn, &instances(&map(entries)).unwrap());
        let list = |words: &[&str]| Input::List(words.iter().map(|word| text(word)).collect());
        let by = |index: &str, condition: &str| format!("SEARCH instances USING INDEX {index} ({condition})");
        assert!(listing(&[]).starts_with("SCAN instances USING INDEX idx_instances_last_activity"), "{}", listing(&[]));
        let cases: [(&str, Input, String); 5] = [
            ("statuses", list(&["started"]), by("idx_instances_status", "status=?")),
            ("statuses", list(&["started", "x"]), by("idx_instances_status", "status=?")),
            ("types", list(&["coding"]), by("idx_instances_type", "type=?")),
            ("issueNumber", Input::Number(7.0), by("idx_instances_issue_number", "issue_number=?")),
            ("parentInstance", text("p"), by("idx_instances_parent", "parent_instance_id=?")),
        ];
        for (key, value, expected) in cases {
            let plan = listing(&[(key, value)]);
            assert!(plan.starts_with(&expected), "{key}: {plan}");
        }
    }

    #[test]
    fn events_relationships_and_rows_by_their_key_are_found_by_an_index() {
        let conn = migrated([migrations()]);
        let cases = [
            (events_of("a", Some(100)), "SEARCH mcp_events USING INDEX idx_mcp_events_instance_id (instance_id=?)"),
            (
                events_since(Field::Number(5000.0)).unwrap(),
                "SEARCH mcp_events USING INDEX idx_mcp_events_timestamp (timestamp>?)",
            ),
            (instance("a"), "SEARCH instances USING INDEX sqlite_autoindex_instances_1 (id=?)"),
            (issue(1), "SEARCH github_issues USING INTEGER PRIMARY KEY (rowid=?)"),
        ];
        for (query, expected) in cases {
            let plan = plan(&conn, &query);
            assert!(plan.starts_with(expected), "{plan}");
        }
        let plan = plan(&conn, &relationships_of("a"));
        assert!(plan.contains("MULTI-INDEX OR") && plan.contains("idx_relationships_child"), "{plan}");
        assert!(!plan.contains("SCAN"), "{plan}");
    }

    #[test]
    fn what_maintenance_and_cascades_look_for_has_an_index() {
        let conn = migrated([migrations()]);
        let plan = |sql: &str| plan(&conn, &Query { sql: sql.to_owned(), params: vec![] });
        let delete = plan("DELETE FROM mcp_events WHERE timestamp < 1");
        assert!(delete.contains("idx_mcp_events_timestamp"), "{delete}");
        for (sql, index) in [
            ("SELECT 1 FROM instances WHERE parent_instance_id = 'a'", "idx_instances_parent"),
            ("SELECT 1 FROM mcp_events WHERE instance_id = 'a'", "idx_mcp_events_instance_id"),
            ("SELECT 1 FROM instance_relationships WHERE parent_instance = 'a'", "_parent"),
            ("SELECT 1 FROM instance_relationships WHERE child_instance = 'a'", "idx_relationships_child"),
            ("SELECT 1 FROM mcp_events WHERE tool_name = 'a'", "idx_mcp_events_tool_name"),
            ("SELECT 1 FROM mcp_events WHERE success = 0", "idx_mcp_events_success"),
            ("SELECT 1 FROM instance_relationships WHERE relationship_type = 'a'", "idx_relationships_type"),
            ("SELECT 1 FROM github_issues WHERE state = 'a'", "idx_github_issues_state"),
            ("SELECT 1 FROM github_issues WHERE synced_at < 1", "idx_github_issues_synced_at"),
            ("SELECT 1 FROM github_issues WHERE repo_owner = 'a' AND repo_name = 'b'", "idx_github_issues_repo"),
        ] {
            let plan = plan(sql);
            assert!(plan.contains(index), "{sql}: {plan}");
        }
    }

    #[test]
    fn what_means_all_leaves_no_condition() {
        let everything = instances(&Input::Undefined).unwrap();
        let nothing = [Input::Undefined, Input::Null, Input::Number(0.0), text("")];
        for value in nothing {
            for key in ["issueNumber", "parentInstance"] {
                assert_eq!(instances(&map(&[(key, value.clone())])).unwrap(), everything, "{key} {value:?}");
            }
        }
        for (key, value) in [
            ("types", Input::List(vec![])),
            ("statuses", Input::Null),
            ("limit", Input::Number(-3.0)),
            ("limit", Input::Number(0.0)),
            ("offset", Input::Number(-1.0)),
            ("orderDirection", text("desc")),
            ("orderBy", text("last_activity")),
        ] {
            assert_eq!(instances(&map(&[(key, value)])).unwrap(), everything, "{key}");
        }
        assert!(everything.sql.ends_with("FROM instances ORDER BY last_activity DESC, id"), "{}", everything.sql);
    }

    #[test]
    fn a_bad_filter_names_its_key() {
        let number = Input::Number;
        let bad = [
            ("types", vec![text("coding"), Input::List(vec![number(1.0)])]),
            ("statuses", vec![Input::Boolean(true), Input::List(vec![Input::Null])]),
            ("issueNumber", vec![text("7"), number(f64::NAN), number(1.5)]),
            ("parentInstance", vec![number(7.0), Input::Other]),
            ("createdAfter", vec![text("x"), number(f64::NAN), Input::Other]),
            ("createdBefore", vec![Input::Boolean(true)]),
            ("limit", vec![number(1.5), number(f64::NAN), number(f64::INFINITY), text("1")]),
            ("offset", vec![number(0.1), text("0")]),
            ("orderBy", vec![text("id; DROP TABLE instances"), text(""), text("Created_At"), number(1.0)]),
            ("orderDirection", vec![text("up"), text("ASC;"), Input::Boolean(true)]),
        ];
        for (key, values) in bad {
            for value in values {
                assert_eq!(refusal(instances(&map(&[(key, value.clone())]))).1, key, "{value:?}");
            }
        }
        assert_eq!(refusal(instances(&text("x"))).1, "filter");
    }
}
