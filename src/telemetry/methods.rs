#![forbid(unsafe_code)]
//! The public methods by name: what each one does.

use super::{
    action::{Action, Args},
    audit, buffers, check,
    config::TelemetryConfig,
    error_log, events, iterate, maintenance, retention, rule_table, sessions,
    shape::{BUFFER, ERROR, RULE, SESSION},
    statistics,
};
use crate::{
    error::{Error, Result},
    packed::Shape,
};

/// A public method.
#[derive(Debug)]
pub struct Method {
    /// Its name, for error messages and metrics.
    pub name: &'static str,
    /// The position and shape of its argument that is a record.
    pub record: Option<(usize, &'static Shape)>,
    plan: fn(&Args, &TelemetryConfig) -> Result<Action>,
}

impl Method {
    /// The method called `name`.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is none: a defect of the facade.
    pub fn named(name: &str) -> Result<&'static Self> {
        METHODS
            .iter()
            .find(|method| method.name == name)
            .ok_or_else(|| Error::Internal(format!("there is no method {name}")))
    }

    pub(super) fn plan(&self, args: &Args, config: &TelemetryConfig) -> Result<Action> {
        (self.plan)(args, config)
    }
}

type Plan = fn(&Args, &TelemetryConfig) -> Result<Action>;

const fn method(name: &'static str, plan: Plan) -> Method {
    Method { name, record: None, plan }
}

const fn with_record(name: &'static str, position: usize, shape: &'static Shape, plan: Plan) -> Method {
    Method { name, record: Some((position, shape)), plan }
}

static METHODS: &[Method] = &[
    with_record("createSession", 0, &SESSION, |args, _| sessions::create(args)),
    with_record("upsertSession", 0, &SESSION, |args, _| sessions::upsert(args)),
    with_record("updateSession", 1, &SESSION, |args, _| sessions::update(args)),
    method("deleteSession", |args, _| sessions::delete(args)),
    method("getSession", |args, _| {
        let relations = check::boolean_argument("includeRelations", args.field(1), false)?;
        sessions::get(args, relations)
    }),
    method("getSessionWithEvents", |args, _| sessions::get(args, true)),
    method("querySessions", |args, _| sessions::query(args)),
    method("iterateSessions", |args, _| iterate::sessions(args)),
    method("updateSessionStats", |args, _| sessions::update_stats(args)),
    method("refreshAllSessionStats", |_, _| sessions::refresh_all()),
    method("insertEvent", |_, _| Err(check::not_an_object(check::Argument::Event))),
    method("insertEventBatch", |_, _| Err(check::not_an_object(check::Argument::Events))),
    method("insertEventBuffer", |_, _| Err(check::not_an_object(check::Argument::Events))),
    method("queryEvents", |args, _| events::query(args)),
    method("iterateEvents", |args, _| iterate::events(args)),
    method("deleteEvents", |args, _| events::delete(args)),
    method("deleteEventsBefore", |args, _| events::delete_before(args)),
    method("flushEventBuffers", |args, _| buffers::flush_all(args)),
    with_record("upsertBuffer", 0, &BUFFER, |args, _| buffers::upsert(args)),
    method("flushBuffer", |args, _| buffers::flush_one(args)),
    method("cleanupBuffers", |args, _| buffers::cleanup(args)),
    method("cleanupOldBuffers", |args, _| buffers::cleanup(args)),
    method("queryBuffers", |args, _| buffers::query(args)),
    with_record("logError", 0, &ERROR, |args, _| error_log::log(args)),
    method("resolveError", |args, _| error_log::resolve(args)),
    method("getRecentErrors", |args, _| error_log::recent(args)),
    method("queryErrors", |args, _| error_log::query(args)),
    method("getStatistics", |_, _| statistics::get()),
    method("getDailyStatistics", |args, _| statistics::daily(args)),
    method("verifyStatistics", |args, _| statistics::verify(args)),
    with_record("addValidationRule", 0, &RULE, |args, _| rule_table::add(args)),
    method("removeValidationRule", |args, _| rule_table::remove(args)),
    method("listValidationRules", |args, _| rule_table::list(args)),
    method("getAuditTrail", |args, _| audit::trail(args)),
    method("vacuum", |_, _| maintenance::vacuum()),
    method("analyze", |_, _| maintenance::analyze()),
    method("reindex", |_, _| maintenance::reindex()),
    method("checkpoint", |args, _| maintenance::run_checkpoint(args)),
    method("backup", |args, _| maintenance::backup(args)),
    method("clearAllData", |_, _| maintenance::clear_all()),
    method("pruneOldData", |_, _| retention::prune()),
    method("planRetention", |_, config| retention::plan(config)),
];
