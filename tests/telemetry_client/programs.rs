//! Random programs of several clients on one file: whatever they do, the derived values are those of a recount.

use std::path::Path;

use proptest::prelude::*;
use runledger::{
    client::{Arg, Value},
    packed::{Field, Input},
    telemetry::{InsertMode, kinds::OnError, shape::BUFFER},
};

use crate::{
    recount,
    user::{Event, LATER, Pending, T, User, code, object, plain, record, session, text},
};

/// What one client does.
#[derive(Debug, Clone)]
enum Step {
    Each(Vec<Event>),
    Batch(Vec<Event>, bool),
    Buffer(Vec<Event>),
    OwnBuffer(u8, f64),
    Flush(bool),
    FlushOne(u8),
    Delete { session: Option<u8>, agent: Option<&'static str>, limit: Option<u8>, offset: Option<u8>, oldest: bool },
    DeleteBefore(f64),
    Create(Session),
    Upsert(Session),
    Update(u8, Session),
    DeleteSession(u8),
    Recount(u8),
    RecountAll,
    Prune,
    Clear,
    Wait,
}

#[derive(Debug, Clone)]
struct Session {
    id: u8,
    duration: Option<Option<f64>>,
    events: Option<u8>,
}

/// A client's configuration.
#[derive(Debug, Clone)]
struct Setup {
    foreign_keys: bool,
    auto_create: bool,
    audit: &'static str,
    batch_size: u8,
    prunes: bool,
}

fn timestamp() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => prop::sample::select(vec![T, T + 0.25, T + 1.0, LATER, LATER + 0.125, LATER + 86_400_000.0]),
        2 => prop::sample::select(vec![0.0, 0.5, 86_399_999.5, 86_400_000.0, 86_400_000.5]),
        1 => prop::sample::select(vec![253_402_300_799_999.0, 253_402_300_799_999.5, 253_402_300_800_000.0, 1e300]),
    ]
}

fn event(bad: bool) -> impl Strategy<Value = Event> {
    let kinds =
        if bad { vec!["start", "stream", "end", "error", "bad"] } else { vec!["start", "stream", "end", "error"] };
    let id = prop_oneof![12 => Just(None), 1 => (0..30_u32).prop_map(Some)];
    let agent = prop::sample::select(vec!["claude", "codex"]);
    (id, 0..5_u8, prop::sample::select(kinds), agent, prop::sample::select(vec!["a", "b"]), timestamp()).prop_map(
        |(id, session, kind, agent, mode, timestamp)| Event {
            id,
            session: name(session),
            kind,
            agent,
            mode: mode.into(),
            prompt: "p".into(),
            timestamp,
        },
    )
}

fn events(bad: bool) -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(bad), 1..6)
}

fn details() -> impl Strategy<Value = Session> {
    let duration = prop::option::of(prop::option::of(prop::sample::select(vec![0.0, 0.1, 7.0, 1e6 + 0.3])));
    (0..5_u8, duration, prop::option::of(0..9_u8)).prop_map(|(id, duration, events)| Session { id, duration, events })
}

fn step(buffers: bool) -> impl Strategy<Value = Step> {
    let filter = (
        prop::option::of(0..5_u8),
        prop::option::of(prop::sample::select(vec!["claude", "codex"])),
        prop::option::of(1..4_u8),
        prop::option::of(0..3_u8),
        any::<bool>(),
    );
    let buffered = prop_oneof![
        4 => events(false).prop_map(Step::Buffer),
        1 => (0..5_u8, timestamp()).prop_map(|(id, at)| Step::OwnBuffer(id, at)),
        1 => any::<bool>().prop_map(Step::Flush),
        1 => (0..5_u8).prop_map(Step::FlushOne),
    ];
    let buffered = if buffers { buffered.boxed() } else { Just(Step::Wait).boxed() };
    prop_oneof![
        8 => events(true).prop_map(Step::Each),
        4 => (events(true), any::<bool>()).prop_map(|(events, skip)| Step::Batch(events, skip)),
        2 => events(false).prop_map(|events| Step::Batch(events, false)),
        7 => buffered,
        3 => filter.prop_map(|(session, agent, limit, offset, oldest)| {
            Step::Delete { session, agent, limit, offset, oldest }
        }),
        1 => timestamp().prop_map(Step::DeleteBefore),
        3 => details().prop_map(Step::Create),
        2 => details().prop_map(Step::Upsert),
        4 => (0..5_u8, details()).prop_map(|(id, updates)| Step::Update(id, updates)),
        2 => (0..5_u8).prop_map(Step::DeleteSession),
        1 => (0..5_u8).prop_map(Step::Recount),
        1 => Just(Step::RecountAll),
        1 => Just(Step::Prune),
        1 => Just(Step::Clear),
        3 => Just(Step::Wait),
    ]
}

fn setup() -> impl Strategy<Value = Setup> {
    (any::<bool>(), any::<bool>(), prop::sample::select(vec!["sessions", "all"]), 1..6_u8, any::<bool>()).prop_map(
        |(foreign_keys, auto_create, audit, batch_size, prunes)| Setup {
            foreign_keys,
            auto_create,
            audit,
            batch_size,
            prunes,
        },
    )
}

fn name(number: u8) -> String {
    format!("s{number}")
}

/// What the acknowledgements of a program add up to.
#[derive(Default)]
struct Acknowledged {
    inserted: i64,
    by_call: i64,
}

struct Issued {
    step: Step,
    pending: Pending,
}

impl Issued {
    fn settle(self, sum: &mut Acknowledged) {
        let answer = self.pending.wait();
        match answer.result {
            Ok(Value::Inserted(inserted)) => {
                sum.inserted += inserted.ids.iter().filter(|id| !id.is_nan()).count() as i64;
                for (_, error) in &inserted.failures {
                    expected(error, &self.step);
                }
            }
            Ok(Value::Json(json)) => sum.inserted += json["inserted"].as_i64().unwrap_or(0),
            Ok(_) => {}
            Err(error) => expected(&error, &self.step),
        }
        sum.by_call += 1;
    }
}

/// A call may be refused, never broken.
fn expected(error: &runledger::error::Error, step: &Step) {
    let code = code(error);
    assert!(matches!(code, "VALIDATION_ERROR" | "SQLITE_CONSTRAINT"), "{code}: {error} in {step:?}");
}

fn open(path: &Path, number: usize, setup: &Setup) -> User {
    let prune = if setup.prunes { Input::Number(30.0) } else { Input::Boolean(false) };
    User::open(
        path,
        &[
            ("enableForeignKeys", Input::Boolean(setup.foreign_keys)),
            ("autoCreateSessions", Input::Boolean(setup.auto_create)),
            ("audit", text(setup.audit)),
            ("streamBatchSize", Input::Number(setup.batch_size.into())),
            ("pruneDays", prune),
            // Two clients of the same configuration would share a store.
            ("slowQueryThresholdMs", Input::Number(100.0 + number as f64)),
        ],
    )
}

fn issue(user: &User, step: &Step) -> Option<Pending> {
    let id = |id: &u8| plain(text(&name(*id)));
    Some(match step {
        Step::Each(events) => user.insert(events, InsertMode::Each),
        Step::Batch(events, skip) => {
            user.insert(events, InsertMode::Batch(if *skip { OnError::Skip } else { OnError::Rollback }))
        }
        Step::Buffer(events) => user.insert(events, InsertMode::Buffer),
        Step::OwnBuffer(session, timestamp) => {
            let data = format!(r#"[{{"eventType":"end","agentType":"own","mode":"b","timestamp":{timestamp:?}}}]"#);
            let fields = [("sessionId", Field::Text(&name(*session))), ("bufferData", Field::Text(&data))];
            user.issue("upsertBuffer", vec![Arg::Record(Some(record(&BUFFER, &fields)))])
        }
        Step::Flush(failed) => user.issue("flushEventBuffers", vec![plain(Input::Boolean(*failed))]),
        Step::FlushOne(session) => user.issue("flushBuffer", vec![id(session)]),
        Step::Delete { session, agent, limit, offset, oldest } => {
            let mut filter = vec![("orderBy", text(if *oldest { "timestamp_asc" } else { "timestamp_desc" }))];
            filter.extend(session.map(|session| ("sessionId", text(&name(session)))));
            filter.extend(agent.map(|agent| ("agentType", text(agent))));
            filter.extend(limit.map(|limit| ("limit", Input::Number(limit.into()))));
            filter.extend(offset.map(|offset| ("offset", Input::Number(offset.into()))));
            user.issue("deleteEvents", vec![object(&filter)])
        }
        Step::DeleteBefore(timestamp) => user.issue("deleteEventsBefore", vec![plain(Input::Number(*timestamp))]),
        Step::Create(details) => user.issue("createSession", vec![with_fields(details, session)]),
        Step::Upsert(details) => user.issue("upsertSession", vec![with_fields(details, session)]),
        Step::Update(session, updates) => {
            let updates =
                with_fields(updates, |fields| Arg::Record(Some(record(&runledger::telemetry::shape::SESSION, fields))));
            user.issue("updateSession", vec![id(session), updates])
        }
        Step::DeleteSession(session) => user.issue("deleteSession", vec![id(session)]),
        Step::Recount(session) => user.issue("updateSessionStats", vec![id(session)]),
        Step::RecountAll => user.issue("refreshAllSessionStats", vec![]),
        Step::Prune => user.issue("pruneOldData", vec![]),
        Step::Clear => user.issue("clearAllData", vec![]),
        Step::Wait => return None,
    })
}

fn with_fields(details: &Session, make: impl FnOnce(&[(&str, Field<'_>)]) -> Arg) -> Arg {
    let id = name(details.id);
    let mut fields = vec![("id", Field::Text(&id))];
    fields.extend(details.duration.map(|duration| ("duration", duration.map_or(Field::Null, Field::Number))));
    fields.extend(details.events.map(|events| ("eventCount", Field::Number(events.into()))));
    make(&fields)
}

/// Run a program and hold the file against a recount, while it is open, after it was closed, and opened again.
fn run(setups: &[Setup], steps: &[(usize, Step)]) -> (tempfile::TempDir, Acknowledged) {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("t.db");
    let users: Vec<User> = setups.iter().enumerate().map(|(number, setup)| open(&path, number, setup)).collect();
    users[0].create_session("s0");
    users[0].create_session("s1");
    let mut sum = Acknowledged::default();
    let mut issued = Vec::new();
    for (user, step) in steps {
        match issue(&users[user % users.len()], step) {
            Some(pending) => issued.push(Issued { step: step.clone(), pending }),
            None => issued.drain(..).for_each(|issued| issued.settle(&mut sum)),
        }
    }
    issued.drain(..).for_each(|issued| issued.settle(&mut sum));
    users.iter().for_each(User::verify);
    recount::check(&path);
    users.iter().for_each(User::close);
    recount::check(&path);
    let again = open(&path, 9, &Setup { prunes: false, ..setups[0].clone() });
    again.verify();
    assert_eq!(again.warnings(), Vec::<String>::new(), "nothing was left to repair");
    again.close();
    (directory, sum)
}

fn program(buffers: bool) -> impl Strategy<Value = (Vec<Setup>, Vec<(usize, Step)>)> {
    (prop::collection::vec(setup(), 1..4), prop::collection::vec((0..3_usize, step(buffers)), 1..40))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 600, ..ProptestConfig::default() })]

    #[test]
    fn derived_values_are_those_of_a_recount_after_anything((setups, steps) in program(true)) {
        run(&setups, &steps);
    }

    #[test]
    fn every_event_and_session_that_came_or_went_is_in_the_audit_trail((setups, steps) in program(false)) {
        let (directory, sum) = run(&setups, &steps);
        let path = directory.path().join("t.db");
        let one = |sql: &str| recount::number(&path, sql);
        let events = one("SELECT count(*) FROM telemetry_events");
        let deleted = one(
            "SELECT coalesce(sum(metadata ->> 'count'), 0) FROM telemetry_audit_log WHERE table_name = 'telemetry_events' \
             AND operation = 'DELETE'",
        );
        prop_assert_eq!(sum.inserted, events + deleted, "inserted, left and deleted events");
        if setups.iter().all(|setup| setup.audit == "all") {
            let audited = one(
                "SELECT coalesce(sum(iif(record_id = '*', metadata ->> 'count', 1)), 0) FROM telemetry_audit_log WHERE \
                 table_name = 'telemetry_events' AND operation = 'INSERT'",
            );
            prop_assert_eq!(sum.inserted, audited, "inserted events");
        }
        let balance = one(
            "SELECT sum(CASE operation WHEN 'INSERT' THEN 1 WHEN 'DELETE' THEN -coalesce(metadata ->> 'count', 1) ELSE 0 END) \
             FROM telemetry_audit_log WHERE table_name = 'telemetry_sessions'",
        );
        prop_assert_eq!(balance, one("SELECT count(*) FROM telemetry_sessions"), "created and deleted sessions");
    }
}
