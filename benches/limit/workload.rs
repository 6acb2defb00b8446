//! The synthetic events of bench/workload.mjs: 60 bytes of prompt, 300 of stream data, 75 of metadata.

use std::time::{SystemTime, UNIX_EPOCH};

/// Sessions that record at the same time.
pub(crate) const ABREAST: usize = 8;
/// Events of a complete session.
pub(crate) const SESSION_EVENTS: usize = 1000;
const BLOCK: usize = ABREAST * SESSION_EVENTS;
const STEP_MS: f64 = 20.0;

const AGENTS: [&str; 4] = ["claude", "codex", "gemini", "opencode"];
const MODES: [&str; 2] = ["code", "chat"];
const TEXT: &str = "The function reads the configuration, opens the file and returns a handle; callers must close it \
    when they are done. Tests cover the empty file, a file without permissions and one that is replaced while it is read. \
    Next I will run the linter and look at what changed in the module that renders the table of results. There are \
    three call sites left that pass the path as a string, and one that passes a descriptor. ";

/// An event as a caller has it.
pub(crate) struct Event {
    pub(crate) session: String,
    pub(crate) kind: &'static str,
    pub(crate) agent: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) prompt: String,
    pub(crate) stream_data: String,
    pub(crate) metadata: String,
    pub(crate) timestamp: f64,
}

/// Events number `from` to `from + count` of a file whose first event is at `base`.
pub(crate) fn events(count: usize, base: f64, from: usize) -> Vec<Event> {
    (from..from + count).map(|number| event(number, base)).collect()
}

fn event(number: usize, base: f64) -> Event {
    let session = number / BLOCK * ABREAST + number % ABREAST;
    let turn = number % BLOCK / ABREAST;
    let kind = match turn {
        0 => "start",
        _ if turn == SESSION_EVENTS - 1 => "end",
        _ if turn % 100 == 50 => "error",
        _ => "stream",
    };
    let start = number * 37 % TEXT.len();
    let prompt = format!("Step {number}: look at what the last change did and go on");
    let metadata = format!(
        "{{\"model\":\"claude-sonnet-4\",\"tokens\":{},\"latencyMs\":{},\"turn\":",
        100_000 + number % 900_000,
        1000 + number % 9000
    );
    let timestamp = base + number as f64 * STEP_MS;
    Event {
        session: session_id(session),
        kind,
        agent: AGENTS[session % AGENTS.len()],
        mode: MODES[session % MODES.len()],
        prompt: format!("{prompt:.<60}"),
        stream_data: TEXT[start..].chars().chain(TEXT.chars()).take(300).collect(),
        metadata: format!("{metadata:1<74}}}"),
        timestamp,
    }
}

pub(crate) fn session_id(number: usize) -> String {
    format!("session-{number:06}")
}

/// Now, in milliseconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}
