#![forbid(unsafe_code)]
//! The rows of `telemetry_validation_rules`.

use rusqlite::params;

use super::{
    Action, audit,
    check::{self, Argument},
    filter::RuleFilter,
    rules::{CompiledRule, Definition, RuleSet},
    shape::RULE,
};
use crate::{
    client::{Args, Value, reads, rows},
    clock::now,
    error::Result,
    store::Cached,
};

const INSERT: &str = "INSERT INTO telemetry_validation_rules (id, table_name, field_name, rule_type, rule_config, error_message, \
    is_active, priority, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)";

/// The active rules of the file. One that a foreign program has spoilt is left out.
pub(super) fn active(conn: &impl Cached) -> Result<RuleSet> {
    let query = RuleFilter::active().to_sql();
    let mut statement = conn.cached(&query.sql)?;
    let mut found = statement.query(rusqlite::params_from_iter(&query.params))?;
    let mut compiled = Vec::new();
    while let Some(row) = found.next()? {
        let text = |position: usize| row.get::<_, String>(position);
        let (table, field, kind, config, message) = (text(1)?, text(2)?, text(3)?, text(4)?, text(5)?);
        let definition = Definition {
            id: row.get(0)?,
            table_name: &table,
            field_name: &field,
            rule_type: &kind,
            rule_config: &config,
            error_message: &message,
            priority: row.get(RULE.position("priority"))?,
        };
        compiled.extend(CompiledRule::new(&definition));
    }
    Ok(RuleSet::new(compiled))
}

/// addValidationRule: the id of the new rule.
pub(super) fn add(args: &Args) -> Result<Action> {
    let batch = args.record(0, || check::not_an_object(Argument::Rule))?;
    check::rule(&batch.record(0))?;
    Action::write(INSERT, batch.bytes(), move |conn, state| {
        let rule = check::rule(&batch.record(0))?;
        let id = state.growing(conn, batch.bytes(), |_| {
            conn.cached(INSERT)?.execute(params![
                rule.id,
                rule.table.as_str(),
                rule.field_name,
                rule.rule_type.as_str(),
                rule.rule_config,
                rule.error_message,
                rule.is_active,
                rule.priority,
                now(),
            ])?;
            Ok(conn.last_insert_rowid())
        })?;
        state.forget_rules();
        let new = rows::read(conn, &RULE, id)?;
        audit::detail(conn, state, RULE.table, id, None, new.as_ref())?;
        #[allow(clippy::cast_precision_loss, reason = "ids are below 2^53")]
        Ok((Value::Number(id as f64), Some(1)))
    })
}

/// removeValidationRule: whether there was such a rule.
pub(super) fn remove(args: &Args) -> Result<Action> {
    let id = check::row_id_argument("id", args.field(0))?;
    const DELETE: &str = "DELETE FROM telemetry_validation_rules WHERE id = ?1";
    Action::write(DELETE, 0, move |conn, state| {
        let old = rows::read(conn, &RULE, id)?;
        let found = conn.cached(DELETE)?.execute([id])? > 0;
        if found {
            state.forget_rules();
            audit::detail(conn, state, RULE.table, id, old.as_ref(), None)?;
        }
        Ok((Value::Boolean(found), Some(found.into())))
    })
}

/// listValidationRules
pub(super) fn list(args: &Args) -> Result<Action> {
    reads::list(&RULE, RuleFilter::query(args.plain(0))?.to_sql())
}
