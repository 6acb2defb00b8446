#![forbid(unsafe_code)]
//! Adopting files of `@vibe-kit/db` (telemetry.md §5).
//!
//! Sessions and events decide whether a file is one: they must have at least our columns. The other six tables may be
//! missing, malformed or not theirs at all; what cannot be carried over is kept under another name.

use rusqlite::Connection;

use crate::error::Result;
use crate::migration::{
    Adoption, Affinity, Column, Index, Mapping, MigrationError, Schema, Table, check_names, lacks, quoted,
};

use super::schema::MODULE;
use super::statistics::recount;

/// The tables that a file must have to be adopted.
const ESSENTIAL: [&str; 2] = ["telemetry_sessions", "telemetry_events"];

/// Columns in which values below 100 000 000 000 are seconds.
const TIMES: [&str; 5] = ["created_at", "updated_at", "last_updated", "computed_at", "applied_at"];

/// Version 1 if the file can be adopted, `None` if it has none of our tables.
///
/// # Errors
/// `MIGRATION_CONFLICT`
pub(super) fn recognise(file: &Schema, declared: &[Schema]) -> Result<Option<i64>> {
    let Some(wanted) = declared.first() else { return Ok(None) };
    let is_new = wanted.tables.iter().all(|table| file.kind_of(&table.name).is_none());
    if !is_new {
        wanted.tables.iter().try_for_each(|table| check_table(file, table))?;
    }
    check_names(file, wanted, MODULE)?;
    Ok((!is_new).then_some(1))
}

fn check_table(file: &Schema, wanted: &Table) -> Result<()> {
    let is_essential = ESSENTIAL.contains(&wanted.name.as_str());
    let problem = match (file.table(&wanted.name), file.kind_of(&wanted.name)) {
        (Some(table), found) if table.is_virtual => found.map(|found| format!("{found}, a virtual table")),
        (Some(table), found) if is_essential => {
            found.and_then(|found| lacks(table, wanted, &[]).map(|reason| format!("{found} {reason}")))
        }
        (Some(_), _) => None,
        (None, Some(found)) => Some(found),
        (None, None) => is_essential.then(|| "missing".to_owned()),
    };
    problem.map_or(Ok(()), |found| {
        let expected = format!("a table with at least the columns {}", wanted.signature());
        Err(MigrationError::conflict(MODULE, &wanted.name, expected, found).into())
    })
}

/// What happens to a table that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Its rows go into the table of the definition.
    Carry,
    /// It has another shape and no rows.
    Replace,
    /// It has another shape, and rows that do not fit.
    SetAside,
}

/// Steps 1 to 5 of the contract, within one transaction.
///
/// # Errors
/// Those of SQLite.
pub(super) fn adopt(adoption: &mut Adoption<'_>, wanted: &Schema) -> Result<()> {
    let mut plan = Vec::new();
    for table in &wanted.tables {
        if let Some(found) = adoption.found(&table.name) {
            let fate = fate(adoption.conn(), &found, table)?;
            plan.push((table, found, fate));
        }
    }
    for (table, _, fate) in &plan {
        detach(adoption, table, wanted, *fate)?;
    }
    for (table, found, fate) in &plan {
        match fate {
            Fate::Carry => carry(adoption, found, wanted, table)?,
            Fate::Replace => adoption.conn().execute_batch(&format!("DROP TABLE main.{}", quoted(&found.name)))?,
            Fate::SetAside => set_aside(adoption, found)?,
        }
    }
    create_tables(adoption.conn(), wanted)?;
    create_missing_sessions(adoption.conn())?;
    adoption.repair_keys(wanted)?;
    adoption.create_missing(wanted)?;
    recount::recount_sessions(adoption.conn(), true)?;
    recount::rebuild_stats(adoption.conn())?;
    // Last, so that no trigger of the owner's fires for any of this.
    adoption.reattach()
}

fn fate(conn: &Connection, found: &Table, wanted: &Table) -> Result<Fate> {
    let is_ours = lacks(found, wanted, &[]).is_none() && found.columns.len() == wanted.columns.len();
    if is_ours || ESSENTIAL.contains(&wanted.name.as_str()) {
        return Ok(Fate::Carry);
    }
    let has_rows = conn.prepare(&format!("SELECT 1 FROM main.{} LIMIT 1", quoted(&found.name)))?.exists([])?;
    Ok(match has_rows {
        false => Fate::Replace,
        true if can_carry(found, wanted) => Fate::Carry,
        true => Fate::SetAside,
    })
}

/// Whether each column that has to have a value has one to take. Ids that are no integers would not survive.
fn can_carry(found: &Table, wanted: &Table) -> bool {
    let is_required = |it: &&Column| it.not_null && it.default.is_none();
    let id_fits = found.column("id").is_none_or(|id| id.affinity() == Affinity::Integer);
    id_fits && wanted.columns.iter().filter(is_required).all(|it| found.column(&it.name).is_some())
}

/// Takes off what hangs on the table. What is set aside keeps its own, except for names that we need.
fn detach(adoption: &mut Adoption<'_>, table: &Table, wanted: &Schema, fate: Fate) -> Result<()> {
    let name = &table.name;
    if fate != Fate::SetAside {
        adoption.detach_triggers(name, wanted, fate == Fate::Replace)?;
        return adoption.detach_indexes(name, wanted, fate == Fate::Replace, |index| is_theirs(index, table));
    }
    for index in adoption.indexes_on(name) {
        if wanted.index(&index.name).is_some() || is_theirs(&index, table) {
            adoption.conn().execute_batch(&format!("DROP INDEX main.{}", quoted(&index.name)))?;
        }
    }
    Ok(())
}

/// Whether `@vibe-kit/db` made the index: `idx_<table>_<columns>`, in the words of the table's own columns. An owner
/// who follows the same pattern loses an index that the definition does not need, not data. Unique ones stay, unless
/// the definition has the same key.
fn is_theirs(index: &Index, table: &Table) -> bool {
    if index.is_unique() {
        return is_key_of_ours(index, table);
    }
    let short = table.name.trim_start_matches("telemetry_");
    let name = index.name.to_ascii_lowercase();
    let Some(rest) = name.strip_prefix("idx_").map(|rest| rest.strip_prefix("telemetry_").unwrap_or(rest)) else {
        return false;
    };
    let prefixes = [short, short.split('_').next().unwrap_or(short), short.trim_end_matches('s')];
    let Some(words) = prefixes.iter().find_map(|prefix| rest.strip_prefix(prefix)?.strip_prefix('_')) else {
        return false;
    };
    let is_word_of_ours = |word: &str| {
        matches!(word, "compound" | "composite" | "key" | "time" | "active" | "unresolved" | "pending")
            || table.columns.iter().any(|column| column.name.split('_').any(|part| part == word))
    };
    words.split('_').all(is_word_of_ours)
}

fn is_key_of_ours(index: &Index, table: &Table) -> bool {
    let key: &[&str] = match table.name.as_str() {
        "telemetry_stats" => &["stat_type", "stat_key"],
        "telemetry_schema_versions" => &["version"],
        _ => return false,
    };
    let columns = index.sql.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or_default();
    let columns = columns.split(',').map(|name| name.trim_matches(|char: char| !char.is_alphanumeric()));
    columns.eq(key.iter().copied())
}

/// Carries all rows into the definition's table; further columns are kept behind it.
fn carry(adoption: &mut Adoption<'_>, found: &Table, wanted: &Schema, table: &Table) -> Result<()> {
    let source = |column: &Column| {
        let stands_in = column.name == "error_stack" && found.column("error_stack").is_none();
        found.column(if stands_in { "stack_trace" } else { &column.name })
    };
    let mapping: Vec<_> =
        table.columns.iter().filter_map(|column| Some(Mapping::new(column, value(column, source(column)?)))).collect();
    let is_taken = |name: &str| {
        let is_source = |column: &Column| source(column).is_some_and(|it| it.name.eq_ignore_ascii_case(name));
        table.column(name).is_some() || table.columns.iter().any(is_source)
    };
    let extras = found.columns.iter().filter(|column| !is_taken(&column.name)).collect();
    adoption.rebuild(found, wanted, table, mapping, extras)
}

/// Step 3: seconds become milliseconds.
fn value(column: &Column, source: &Column) -> String {
    let name = quoted(&source.name);
    if !TIMES.contains(&column.name.as_str()) {
        return name;
    }
    format!(
        "CASE WHEN typeof({name}) IN ('integer', 'real') AND {name} < 100000000000 THEN {name} * 1000 ELSE {name} END"
    )
}

fn set_aside(adoption: &mut Adoption<'_>, found: &Table) -> Result<()> {
    let schema = Schema::read(adoption.conn())?;
    let name = std::iter::once(format!("{}_legacy", found.name))
        .chain((2..).map(|number| format!("{}_legacy_{number}", found.name)))
        .find(|name| schema.kind_of(name).is_none())
        .unwrap_or_default();
    let rename = format!("ALTER TABLE main.{} RENAME TO {}", quoted(&found.name), quoted(&name));
    adoption.conn().execute_batch(&rename)?;
    adoption.warn(format!("{} has another shape; its rows are kept in {name}", found.name));
    Ok(())
}

fn create_tables(conn: &Connection, wanted: &Schema) -> Result<()> {
    let file = Schema::read(conn)?;
    for table in wanted.tables.iter().filter(|table| file.table(&table.name).is_none()) {
        conn.execute_batch(&table.sql)?;
    }
    Ok(())
}

/// Step 4: events and buffers of a session that is missing get a minimal one.
fn create_missing_sessions(conn: &Connection) -> Result<()> {
    conn.execute_batch(
        "INSERT INTO telemetry_sessions (id, agent_type, mode, status, start_time)
         SELECT session_id, agent_type, mode, 'active', timestamp FROM (
           SELECT session_id, agent_type, mode, timestamp,
                  row_number() OVER (PARTITION BY session_id ORDER BY timestamp, id) AS place
           FROM telemetry_events
           WHERE NOT EXISTS (SELECT 1 FROM telemetry_sessions WHERE telemetry_sessions.id = session_id))
         WHERE place = 1;
         INSERT INTO telemetry_sessions (id, agent_type, mode, status, start_time)
         SELECT session_id, 'unknown', 'unknown', 'active', min(created_at) FROM telemetry_buffers
         WHERE NOT EXISTS (SELECT 1 FROM telemetry_sessions WHERE telemetry_sessions.id = session_id)
         GROUP BY session_id;",
    )?;
    Ok(())
}
