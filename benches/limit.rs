//! The limit: plain rusqlite on runledger's schema, one thread, no JavaScript. A program of `npm run bench`
//! (bench/run.mjs), which starts it with a job as JSON and has it measure once for each line that it writes to it.

#[path = "limit/clock.rs"]
mod clock;
#[path = "limit/read.rs"]
mod read;
#[path = "limit/workload.rs"]
mod workload;
#[path = "limit/write.rs"]
mod write;

use std::{
    error::Error,
    io::{BufRead, stdin},
    path::PathBuf,
};

use rusqlite::Connection;
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The migration that runledger applies.
const SCHEMA: &str = include_str!("../migrations/telemetry/0001_telemetry_schema/up.sql");

/// The settings of telemetry.md §4.7; checkpoints run on this thread, where SQLite puts them by default.
const PRAGMAS: &str = "
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA foreign_keys = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -16000;
    PRAGMA mmap_size = 268435456;
    PRAGMA journal_size_limit = 67108864;
";

/// What bench/runner.mjs asks for.
struct Job(Value);

impl Job {
    fn number(&self, key: &str) -> usize {
        self.0["size"][key].as_u64().map_or(1, |number| usize::try_from(number).unwrap_or(usize::MAX))
    }

    fn scratch(&self) -> PathBuf {
        PathBuf::from(self.0["scratch"].as_str().unwrap_or("target/bench/limit"))
    }

    fn file(&self) -> PathBuf {
        PathBuf::from(self.0["files"]["file"].as_str().unwrap_or_default())
    }

    /// The name of the work; `cargo bench` alone gives no job.
    fn work(&self) -> &str {
        self.0["task"].as_str().or_else(|| self.0["op"].as_str()).unwrap_or("none")
    }
}

fn open(path: &std::path::Path) -> Result<Connection> {
    let conn = Connection::open(path)?;
    conn.execute_batch(PRAGMAS)?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(conn)
}

fn run(job: &Job) -> Result<()> {
    match job.work() {
        "none" => println!("This program is a part of `npm run bench`."),
        "probe" => println!("{}", json!({ "sqlite": rusqlite::version() })),
        "insert" | "batch" => {
            let mut writer = write::Writer::new(job);
            measure_on_request(|| writer.measure())?;
        }
        _ => {
            let mut reader = read::Reader::new(job)?;
            measure_on_request(|| reader.measure())?;
        }
    }
    Ok(())
}

fn measure_on_request(mut measure: impl FnMut() -> Result<Value>) -> Result<()> {
    println!("{}", json!({ "ready": true }));
    for line in stdin().lock().lines() {
        line?;
        println!("{}", measure()?);
    }
    Ok(())
}

fn main() {
    let argument = std::env::args().nth(1).and_then(|text| serde_json::from_str(&text).ok());
    let job = Job(argument.unwrap_or(Value::Null));
    if let Err(error) = run(&job) {
        println!("{}", json!({ "error": error.to_string() }));
        std::process::exit(1);
    }
}
