#![forbid(unsafe_code)]
//! Maintenance: by the clock once it was started, and on demand (instances.md §9).

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, json};

use super::{Action, backups, check, config::InstancesConfig, events, open, report::GENERAL, schema, state::Instances};
use crate::{
    client::{Args, Value, nothing},
    clock::now_seconds,
    error::{Error, Result},
    migration,
    store::{self, WriteSession},
};

const DAY: f64 = 86_400.0;

/// What `runMaintenance` did.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    events_deleted: u64,
    backup: Option<PathBuf>,
    backups_deleted: Vec<PathBuf>,
    vacuumed: bool,
}

/// Do the timed work that is due.
pub(super) fn tick(session: &mut WriteSession<Instances>) {
    let due = session.module.schedule.take();
    let mut report = Report::default();
    if due.daily {
        attempt(session, "deleting old events", |session| delete_expired(session, &mut report));
        attempt(session, "the backup", |session| back_up(session, &mut report));
    }
    if due.vacuum {
        attempt(session, "VACUUM", |session| vacuum_now(session, &mut report));
    }
}

/// Timed work that fails is a warning; its next turn tries again.
fn attempt(
    session: &mut WriteSession<Instances>,
    what: &str,
    work: impl FnOnce(&mut WriteSession<Instances>) -> Result<()>,
) {
    if let Err(error) = work(session) {
        session.notices().warn(&format!("maintenance: {what} failed: {error}"));
    }
}

/// runMaintenance: every row of the table once.
pub(super) fn run() -> Result<Action> {
    Action::alone("", |session, _| {
        let mut report = Report::default();
        delete_expired(session, &mut report)?;
        back_up(session, &mut report)?;
        if session.module.config.maintenance.vacuum_interval.is_some() {
            vacuum_now(session, &mut report)?;
        }
        let report = serde_json::to_value(&report).map_err(|error| Error::Internal(error.to_string()))?;
        Ok((Value::Json(report), None))
    })
}

/// Events older than `logRetention`, in steps that others get in between.
fn delete_expired(session: &mut WriteSession<Instances>, report: &mut Report) -> Result<()> {
    let Some(days) = session.module.config.maintenance.log_retention else { return Ok(()) };
    let cutoff = before(days);
    loop {
        let deleted = session.transaction(|conn, _| events::delete_some_before(conn, cutoff))?;
        if deleted == 0 {
            return Ok(());
        }
        report.events_deleted += deleted;
    }
}

/// The second that was `days` ago.
#[allow(clippy::cast_possible_truncation, reason = "the cast saturates, as wanted: nothing is that old")]
fn before(days: f64) -> i64 {
    now_seconds().saturating_sub((days * DAY) as i64)
}

/// A backup, unless there is a young one; then those that are too old go.
fn back_up(session: &mut WriteSession<Instances>, report: &mut Report) -> Result<()> {
    let config = std::sync::Arc::clone(&session.module.config);
    let (true, Some(file)) = (config.maintenance.auto_backup, &config.path) else { return Ok(()) };
    let backups = backups::Backups::of(file, config.maintenance.backup_dir.as_deref());
    report.backup = backups.write(&session.conn, now_seconds())?;
    report.backups_deleted = backups.delete_before(&session.conn, before(config.maintenance.backup_retention))?;
    Ok(())
}

fn vacuum_now(session: &mut WriteSession<Instances>, report: &mut Report) -> Result<()> {
    let retry = session.settings().retry;
    retry.run(|| Ok(session.conn.execute_batch("VACUUM")?))?;
    report.vacuumed = true;
    Ok(())
}

/// runMigrationsWithDatabase: bring the tables up to date, whatever `local.autoMigrate` says.
pub(super) fn migrate() -> Result<Action> {
    Action::alone("", |session, _| {
        let (retry, set) = (session.settings().retry, schema::migrations()?);
        let opened = retry.run(|| migration::open(&mut session.conn, &set))?;
        for warning in &opened.prepared.warnings {
            session.notices().warn(warning);
        }
        nothing(0)
    })
}

/// startMaintenance
pub(super) fn start() -> Result<Action> {
    Action::alone("", |session, _| {
        session.module.schedule.start();
        nothing(0)
    })
}

/// stopMaintenance
pub(super) fn stop() -> Result<Action> {
    Action::alone("", |session, _| {
        session.module.schedule.stop();
        nothing(0)
    })
}

/// vacuum
pub(super) fn vacuum() -> Result<Action> {
    Action::alone("VACUUM", |session, _| {
        vacuum_now(session, &mut Report::default())?;
        nothing(0)
    })
}

/// backup: a consistent copy for its owner alone, never over a file.
pub(super) fn backup(args: &Args, config: &InstancesConfig) -> Result<Action> {
    let target = check::backup_path(args.field(0))?.to_owned();
    let retry = open::retry(config);
    Action::beside("BACKUP", move |conn, _| {
        retry.run(|| store::backup(conn, Path::new(&target), store::Readers::Owner, &mut |_, _| {}))?;
        nothing(0)
    })
}

/// sync: instances.md §8 is the whole rule; a configuration with `cloud.enabled` opens no database.
pub(super) fn sync() -> Result<Action> {
    let details = Map::from_iter([("cloudEnabled".to_owned(), json!(false))]);
    Err(Error::refused(GENERAL, "Cloud sync is not enabled", details))
}
