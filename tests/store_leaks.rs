//! What a long-lived process would lose: threads and files of stores that were closed. A process of its own, so that no
//! other test's threads are counted.
#![cfg(target_os = "linux")]

use std::{
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use runledger::{
    error::{Error, Result},
    store::{
        Conn, Control, Isolation, JournalChoice, JournalMode, Location, Module, Notices, Settings, Store, Tuning,
        WriteSession,
    },
};

/// A module without state.
struct Plain;

impl Module for Plain {
    fn begin(&mut self, _: &Conn, _: bool) -> Result<()> {
        Ok(())
    }

    fn flush(&mut self, _: &Conn) -> Result<()> {
        Ok(())
    }

    fn mark(&mut self) {}

    fn undo(&mut self) {}

    fn ended(&mut self, _: bool) {}

    fn due(&self) -> Option<Instant> {
        None
    }

    fn tick(_: &mut WriteSession<Self>) {}

    fn close(_: &mut WriteSession<Self>) {}
}

/// The tests count the same things: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn settings(location: Location) -> Settings {
    Settings {
        location,
        journal: JournalChoice::Wal,
        full_durability: false,
        foreign_keys: true,
        busy_timeout: Duration::from_secs(1),
        retry: runledger::store::Retry::default(),
        readers: 3,
        private: false,
        log_statements: false,
        incremental_vacuum: true,
        tuning: Tuning::Store,
    }
}

fn open(location: Location) -> Result<Store<Plain>> {
    Store::open(settings(location), Arc::new(Notices::default()), |conn, settings, _| {
        let (mode, _) = conn.configure(settings)?;
        conn.execute_batch("CREATE TABLE IF NOT EXISTS t (x)")?;
        Ok((Plain, mode))
    })
}

/// Use every kind of thread of the store.
fn work(store: &Store<Plain>) {
    let (done, ended) = mpsc::channel();
    for _ in 0..3 {
        let (write, read, beside) = (done.clone(), done.clone(), done.clone());
        let insert = |conn: &Conn, _: &mut Plain| Ok(conn.execute_batch("INSERT INTO t VALUES (1)")?);
        let after = store.write(Control::default(), Isolation::Savepoint, (1, 1), insert, move |result, _| {
            write.send(result).expect("send");
        });
        let select = |conn: &Conn| Ok(conn.query_row("SELECT count(*) FROM t", [], |_| Ok(()))?);
        store.read(Control::default(), after, select, move |result, _| read.send(result).expect("send"));
        store.beside(select, move |result, _| beside.send(result).expect("send"));
    }
    for _ in 0..9 {
        ended.recv_timeout(Duration::from_secs(20)).expect("an answer").expect("success");
    }
}

/// The engine's threads that are alive, by name. The kernel takes a moment to strike one that was joined off its list.
fn threads() -> Vec<String> {
    let give_up = Instant::now() + Duration::from_secs(1);
    loop {
        let names = listed();
        if names.is_empty() || Instant::now() > give_up {
            return names;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn listed() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("tasks");
    let names = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("runledger")).map(|name| name.trim().to_owned()).collect()
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("fd").count()
}

#[test]
fn two_hundred_stores_that_were_closed_leave_no_thread_and_no_file_open() {
    let _alone = ALONE.lock();
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("t.db");
    let round = |number: usize| {
        let location = if number % 4 == 3 { Location::memory() } else { Location::File(path.clone()) };
        let store = open(location).expect("open");
        work(&store);
        if number.is_multiple_of(2) {
            store.close();
            assert_eq!(threads(), Vec::<String>::new(), "close waits for them");
        }
    };
    round(0);
    let before = open_files();
    (0..200).for_each(round);
    assert_eq!(threads(), Vec::<String>::new());
    assert_eq!(open_files(), before);
}

#[test]
fn a_store_that_could_not_be_opened_leaves_no_thread_and_no_file_open() {
    let _alone = ALONE.lock();
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("letter.txt");
    std::fs::write(&path, "no database ".repeat(1_000)).expect("file");
    let before = open_files();
    let half = directory.path().join("half.db");
    for _ in 0..20 {
        open(Location::File(path.clone())).err().expect("no database");
        open(Location::File(directory.path().to_owned())).err().expect("a directory");
        let failed = Store::<Plain>::open(
            settings(Location::File(half.clone())),
            Arc::new(Notices::default()),
            |conn, settings, _| -> Result<(Plain, JournalMode)> {
                conn.configure(settings)?;
                conn.execute_batch("CREATE TABLE IF NOT EXISTS t (x)")?;
                Err(Error::Internal("half-way".into()))
            },
        );
        failed.err().expect("half-way");
        assert_eq!(threads(), Vec::<String>::new());
        assert_eq!(open_files(), before);
    }
}
