//! A user of a client: issues calls and collects the answers.

use std::{
    path::Path,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use runledger::{
    client::{Arg, Args, Inserted, Method, Reply, Value},
    error::{Error, Result},
    packed::{Batch, Field, Input, Parcel, Rows, Shape, Tag, TextGroup},
    store::{Cancel, Level, Listener},
    telemetry::{
        Client, InsertMode,
        config::{Environment, TelemetryConfig},
        kinds::OnError,
        shape::{EVENT, SESSION},
    },
};
use serde_json::{Map, Value as Json};

/// A moment in June 2025.
pub(crate) const T: f64 = 1_750_000_000_000.0;
/// A moment that no retention of these tests reaches.
pub(crate) const LATER: f64 = 4_000_000_000_000.0;

/// A client and what it has heard.
pub(crate) struct User {
    client: Client,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Listener for Heard {
    fn notice(&self, level: Level, message: &str, _: Map<String, Json>) {
        if level == Level::Warn {
            self.0.lock().expect("notices").push(message.to_owned());
        }
    }
}

impl User {
    /// Open the file with these options; without them nothing is pruned, capped or flushed by the clock.
    pub(crate) fn open(path: &Path, options: &[(&str, Input)]) -> Self {
        let user = Self::closed(path, options);
        user.client.open().expect("open");
        user
    }

    fn closed(path: &Path, options: &[(&str, Input)]) -> Self {
        let mut entries = vec![
            ("dbPath".to_owned(), text(path.to_str().expect("path"))),
            ("pruneDays".to_owned(), Input::Boolean(false)),
            ("maxSizeMB".to_owned(), Input::Boolean(false)),
            ("streamFlushIntervalMs".to_owned(), Input::Number(0.0)),
        ];
        for (key, value) in options {
            entries.retain(|(name, _)| name != key);
            entries.push(((*key).to_owned(), value.clone()));
        }
        let config = TelemetryConfig::parse(&Input::Map(entries), &Environment::default()).expect("config");
        let heard = Arc::new(Heard::default());
        Self { client: Client::new(config, Arc::clone(&heard) as Arc<dyn Listener>), heard }
    }

    pub(crate) fn close(&self) {
        self.client.close();
    }

    /// The warnings so far.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.heard.0.lock().expect("notices").clone()
    }

    /// Issue a call.
    pub(crate) fn issue(&self, method: &str, args: Vec<Arg>) -> Pending {
        let (reply, pending) = pending();
        self.client.call(Method::named(method).expect("method"), &Args(args), Cancel::default(), reply);
        pending
    }

    /// Issue a call and wait for its answer.
    pub(crate) fn call(&self, method: &str, args: Vec<Arg>) -> Answer {
        self.issue(method, args).wait()
    }

    /// Issue events.
    pub(crate) fn insert(&self, events: &[Event], mode: InsertMode) -> Pending {
        let (reply, pending) = pending();
        self.client.insert_events(parcel(events), mode, reply);
        pending
    }

    /// insertEvent, once for each event; the errors come back in their places.
    pub(crate) fn insert_each(&self, events: &[Event]) -> Inserted {
        self.insert(events, InsertMode::Each).wait().inserted()
    }

    /// insertEventBatch
    pub(crate) fn insert_batch(&self, events: &[Event]) -> Result<Json> {
        self.insert(events, InsertMode::Batch(OnError::Rollback)).wait().json()
    }

    /// insertEventBuffer
    pub(crate) fn buffer(&self, events: &[Event]) -> Result<()> {
        self.insert(events, InsertMode::Buffer).wait().result.map(drop)
    }

    /// createSession with nothing but what it needs.
    pub(crate) fn create_session(&self, id: &str) {
        let answer = self.call("createSession", vec![session(&[("id", Field::Text(id))])]);
        answer.result.expect("createSession");
    }

    /// updateSession
    pub(crate) fn update_session(&self, id: &str, updates: &[(&str, Field<'_>)]) -> Result<()> {
        let updates = Arg::Record(Some(record(&SESSION, updates)));
        self.call("updateSession", vec![plain(text(id)), updates]).result.map(drop)
    }

    /// The row of a session.
    pub(crate) fn session(&self, id: &str) -> Json {
        self.call("getSession", vec![plain(text(id))]).rows.pop().expect("a row")
    }

    /// The ids of all events, in their order.
    pub(crate) fn event_ids(&self) -> Vec<f64> {
        let mut ids: Vec<f64> = self.query("queryEvents").iter().map(|row| row["id"].as_f64().expect("id")).collect();
        ids.sort_by(f64::total_cmp);
        ids
    }

    /// All rows of a listing.
    pub(crate) fn query(&self, method: &str) -> Vec<Json> {
        let answer = self.call(method, vec![]);
        answer.result.expect(method);
        answer.rows
    }

    /// verifyStatistics has nothing to find.
    pub(crate) fn verify(&self) {
        let report = self.call("verifyStatistics", vec![]).json().expect("verifyStatistics");
        assert_eq!(report["mismatches"], Json::Array(vec![]));
        assert_eq!(report["ok"], true);
    }
}

/// An answer that is on its way.
pub(crate) struct Pending(mpsc::Receiver<Answer>);

impl Pending {
    pub(crate) fn wait(self) -> Answer {
        self.0.recv_timeout(Duration::from_secs(60)).expect("every call is answered")
    }
}

/// The answer to a call.
pub(crate) struct Answer {
    pub(crate) rows: Vec<Json>,
    pub(crate) result: Result<Value>,
}

impl Answer {
    pub(crate) fn inserted(self) -> Inserted {
        match self.result {
            Ok(Value::Inserted(inserted)) => inserted,
            other => panic!("expected outcomes, found {other:?}"),
        }
    }

    pub(crate) fn number(self) -> Result<f64> {
        match self.result? {
            Value::Number(number) => Ok(number),
            other => panic!("expected a number, found {other:?}"),
        }
    }

    pub(crate) fn json(self) -> Result<Json> {
        match self.result? {
            Value::Json(json) => Ok(json),
            other => panic!("expected JSON, found {other:?}"),
        }
    }
}

struct Collector {
    rows: Mutex<Vec<Json>>,
    answer: Mutex<mpsc::Sender<Answer>>,
}

impl Reply for Collector {
    fn rows(&self, rows: Rows) -> Result<Rows> {
        self.rows.lock().expect("rows").extend((0..rows.len()).map(|row| rows.to_json(row)));
        Ok(Rows::new(rows.shape()))
    }

    fn progress(&self, _: &str, _: u64, _: Option<u64>) {}

    fn done(&self, _: &'static str, result: Result<Value>) {
        let rows = std::mem::take(&mut *self.rows.lock().expect("rows"));
        let _ = self.answer.lock().expect("answer").send(Answer { rows, result });
    }
}

fn pending() -> (Arc<dyn Reply>, Pending) {
    let (sender, receiver) = mpsc::channel();
    (Arc::new(Collector { rows: Mutex::default(), answer: Mutex::new(sender) }), Pending(receiver))
}

/// An event to insert.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: Option<u32>,
    pub(crate) session: String,
    pub(crate) kind: &'static str,
    pub(crate) agent: &'static str,
    pub(crate) mode: String,
    pub(crate) prompt: String,
    pub(crate) timestamp: f64,
}

/// A stream event of session `s1`.
pub(crate) fn event(timestamp: f64) -> Event {
    Event {
        id: None,
        session: "s1".into(),
        kind: "stream",
        agent: "claude",
        mode: "code".into(),
        prompt: "p".into(),
        timestamp,
    }
}

/// Events in the packed form of the facade.
fn parcel(events: &[Event]) -> Parcel {
    let (mut tags, mut lengths, mut numbers, mut groups) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for event in events {
        let mut units = Vec::new();
        let fields = [
            ("id", event.id.map_or(Field::Absent, |id| Field::Number(id.into()))),
            ("sessionId", Field::Text(&event.session)),
            ("eventType", Field::Text(event.kind)),
            ("agentType", Field::Text(event.agent)),
            ("mode", Field::Text(&event.mode)),
            ("prompt", Field::Text(&event.prompt)),
            ("timestamp", Field::Number(event.timestamp)),
        ];
        for column in EVENT.columns {
            let field = fields.iter().find(|(key, _)| *key == column.key).map_or(Field::Absent, |(_, field)| *field);
            tags.push(match field {
                Field::Text(text) => {
                    let before = units.len();
                    units.extend(text.encode_utf16());
                    lengths.push(i32::try_from(units.len() - before).expect("a length"));
                    Tag::Text as u8
                }
                Field::Number(number) => {
                    numbers.push(number);
                    Tag::Number as u8
                }
                _ => Tag::Absent as u8,
            });
        }
        groups.push(TextGroup::new(&units));
    }
    Parcel::new(&EVENT, tags, lengths, numbers, groups)
}

/// One record of a shape.
pub(crate) fn record(shape: &'static Shape, fields: &[(&str, Field<'_>)]) -> Batch {
    let mut cells = vec![Field::Absent; shape.width()];
    for (key, field) in fields {
        cells[shape.position(key)] = *field;
    }
    let mut batch = Batch::new(shape);
    batch.push(&cells);
    batch
}

/// A session as createSession and upsertSession take it, with these fields set.
pub(crate) fn session(fields: &[(&str, Field<'_>)]) -> Arg {
    let needed = [
        ("agentType", Field::Text("claude")),
        ("mode", Field::Text("code")),
        ("status", Field::Text("active")),
        ("startTime", Field::Number(0.0)),
    ];
    Arg::Record(Some(record(&SESSION, &[&needed, fields].concat())))
}

pub(crate) fn plain(input: Input) -> Arg {
    Arg::Plain(input)
}

pub(crate) fn text(text: &str) -> Input {
    Input::Text(text.to_owned())
}

/// An object.
pub(crate) fn object(entries: &[(&str, Input)]) -> Arg {
    plain(Input::Map(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()))
}

/// The code of an error as the caller sees it.
pub(crate) fn code(error: &Error) -> &'static str {
    error.report("test").code
}
