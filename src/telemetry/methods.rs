#![forbid(unsafe_code)]
//! The public methods by name: what each one does.

use super::{
    audit, buffers, check, error_log, events, iterate, maintenance, retention, rule_table, sessions,
    shape::{BUFFER, ERROR, RULE, SESSION},
    state::Telemetry,
    statistics,
};
use crate::client::{Action, Method};

pub(super) static METHODS: &[Method<Telemetry>] = &[
    Method::with_record("createSession", 0, &SESSION, |args, _| sessions::create(args)),
    Method::with_record("upsertSession", 0, &SESSION, |args, _| sessions::upsert(args)),
    Method::with_record("updateSession", 1, &SESSION, |args, _| sessions::update(args)),
    Method::plain("deleteSession", |args, _| sessions::delete(args)),
    Method::plain("getSession", |args, _| {
        let relations = check::boolean_argument("includeRelations", args.field(1), false)?;
        sessions::get(args, relations)
    }),
    Method::plain("getSessionWithEvents", |args, _| sessions::get(args, true)),
    Method::plain("querySessions", |args, _| sessions::query(args)),
    Method::plain("iterateSessions", |args, _| iterate::sessions(args)),
    Method::plain("updateSessionStats", |args, _| sessions::update_stats(args)),
    Method::plain("refreshAllSessionStats", |_, _| sessions::refresh_all()),
    Method::plain("insertEvent", |_, _| Err(check::not_an_object(check::Argument::Event))),
    Method::plain("insertEventBatch", |_, _| Err(check::not_an_object(check::Argument::Events))),
    Method::plain("insertEventBuffer", |_, _| Err(check::not_an_object(check::Argument::Events))),
    Method::plain("queryEvents", |args, _| events::query(args)),
    Method::plain("iterateEvents", |args, _| iterate::events(args)),
    Method::plain("deleteEvents", |args, _| events::delete(args)),
    Method::plain("deleteEventsBefore", |args, _| events::delete_before(args)),
    Method::plain("flushEventBuffers", |args, _| buffers::flush_all(args)),
    Method::with_record("upsertBuffer", 0, &BUFFER, |args, _| buffers::upsert(args)),
    Method::plain("flushBuffer", |args, _| buffers::flush_one(args)),
    Method::plain("cleanupBuffers", |args, _| buffers::cleanup(args)),
    Method::plain("cleanupOldBuffers", |args, _| buffers::cleanup(args)),
    Method::plain("queryBuffers", |args, _| buffers::query(args)),
    Method::with_record("logError", 0, &ERROR, |args, _| error_log::log(args)),
    Method::plain("resolveError", |args, _| error_log::resolve(args)),
    Method::plain("getRecentErrors", |args, _| error_log::recent(args)),
    Method::plain("queryErrors", |args, _| error_log::query(args)),
    Method::plain("getStatistics", |_, _| statistics::get()),
    Method::plain("getDailyStatistics", |args, _| statistics::daily(args)),
    Method::plain("verifyStatistics", |args, _| statistics::verify(args)),
    Method::with_record("addValidationRule", 0, &RULE, |args, _| rule_table::add(args)),
    Method::plain("removeValidationRule", |args, _| rule_table::remove(args)),
    Method::plain("listValidationRules", |args, _| rule_table::list(args)),
    Method::plain("getAuditTrail", |args, _| audit::trail(args)),
    Method::plain("vacuum", |_, _| maintenance::vacuum()),
    Method::plain("analyze", |_, _| maintenance::analyze()),
    Method::plain("reindex", |_, _| maintenance::reindex()),
    Method::plain("optimize", |_, _| maintenance::optimize()),
    Method::plain("healthCheck", |_, _| Action::sign_of_life()),
    Method::plain("getHealthStatus", |_, _| Action::sign_of_life()),
    Method::plain("checkpoint", |args, _| maintenance::run_checkpoint(args)),
    Method::plain("backup", |args, _| maintenance::backup(args)),
    Method::plain("clearAllData", |_, _| maintenance::clear_all()),
    Method::plain("pruneOldData", |_, _| retention::prune()),
    Method::plain("planRetention", |_, config| retention::plan(config)),
];
