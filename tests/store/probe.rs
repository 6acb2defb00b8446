//! A small module on the store, and ways to hand a store work and to wait for the answers.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use runledger::{
    error::{Error, Result},
    store::{
        Conn, Control, Isolation, JournalChoice, Location, Module, Notices, Settings, Store, Tuning, WriteSession,
    },
};
use tempfile::TempDir;

/// Far longer than anything here takes: what has not come by then never comes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps the number of items as telemetry keeps its statistics: in memory until a transaction ends, and with a memory
/// of what the file says.
#[derive(Default)]
pub(crate) struct Probe {
    pub(crate) added: i64,
    pub(crate) known: Option<i64>,
    /// When the next tick is due.
    pub(crate) due: Option<Instant>,
    pub(crate) panic_in_close: bool,
    pub(crate) ticks: Arc<AtomicUsize>,
}

impl Module for Probe {
    fn begin(&mut self, _conn: &Conn, foreign: bool) -> Result<()> {
        if foreign {
            self.undo();
        }
        Ok(())
    }

    fn flush(&mut self, conn: &Conn) -> Result<()> {
        if self.added == 0 {
            return Ok(());
        }
        let known = match self.known {
            Some(known) => known,
            None => conn.query_row("SELECT items FROM total", [], |row| row.get(0))?,
        };
        let items = known + std::mem::take(&mut self.added);
        self.known = Some(items);
        conn.cached("UPDATE total SET items = ?1")?.execute([items])?;
        Ok(())
    }

    fn mark(&mut self) {}

    fn undo(&mut self) {
        (self.added, self.known) = (0, None);
    }

    fn ended(&mut self, committed: bool) {
        if !committed {
            self.undo();
        }
    }

    fn due(&self) -> Option<Instant> {
        self.due
    }

    fn tick(session: &mut WriteSession<Self>) {
        session.module.due = None;
        session.module.ticks.fetch_add(1, Ordering::SeqCst);
        panic!("in tick");
    }

    fn close(session: &mut WriteSession<Self>) {
        assert!(!session.module.panic_in_close, "in close");
    }
}

impl Probe {
    /// Insert an item; the statement is one, the count follows with the transaction.
    pub(crate) fn insert(&mut self, conn: &Conn, name: &str) -> Result<()> {
        conn.cached("INSERT INTO item (name) VALUES (?1)")?.execute([name])?;
        self.added += 1;
        Ok(())
    }
}

/// Settings as telemetry has them by default, with locks awaited for half a second.
pub(crate) fn settings(path: &Path) -> Settings {
    Settings {
        location: Location::File(path.to_owned()),
        journal: JournalChoice::Wal,
        full_durability: false,
        foreign_keys: true,
        busy_timeout: Duration::from_millis(500),
        retry: runledger::store::Retry::default(),
        readers: 4,
        private: false,
        log_statements: false,
        incremental_vacuum: true,
        tuning: Tuning::Store,
    }
}

/// Open a store of items.
pub(crate) fn open(settings: Settings) -> Result<Store<Probe>> {
    open_as(settings, Probe::default())
}

/// Open a store of items with this state on the writer's thread.
pub(crate) fn open_as(settings: Settings, probe: Probe) -> Result<Store<Probe>> {
    Store::open(settings, Arc::new(Notices::default()), move |conn, settings, _| {
        let (mode, _) = conn.configure(settings)?;
        conn.execute_batch(
            "BEGIN IMMEDIATE;
             CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
             CREATE TABLE IF NOT EXISTS blob (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
             CREATE TABLE IF NOT EXISTS total (items INTEGER NOT NULL);
             INSERT INTO total SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM total);
             COMMIT;",
        )?;
        Ok((probe, mode))
    })
}

/// A store on a file of its own.
pub(crate) struct Fixture {
    pub(crate) store: Store<Probe>,
    pub(crate) path: PathBuf,
    pub(crate) _directory: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(|settings| settings)
    }

    pub(crate) fn with(change: impl FnOnce(Settings) -> Settings) -> Self {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("items.db");
        let store = open(change(settings(&path))).expect("open");
        Self { store, path, _directory: directory }
    }

    /// The names of all items in the order of their ids; fails if the count that is kept is another.
    pub(crate) fn names(&self) -> Vec<String> {
        names(&self.store)
    }
}

/// [`Fixture::names`] of any store.
pub(crate) fn names(store: &Store<Probe>) -> Vec<String> {
    let (reply, last) = answer();
    let sequence = store.alone(|_| Ok(()), reply);
    last.wait().expect("the end of the queue");
    let everything = read(store, Control::default(), sequence, |conn| {
        let kept: i64 = conn.query_row("SELECT items FROM total", [], |row| row.get(0))?;
        let names: rusqlite::Result<Vec<String>> =
            conn.prepare("SELECT name FROM item ORDER BY id")?.query_map([], |row| row.get(0))?.collect();
        Ok((kept, names?))
    });
    let (kept, names) = everything.wait().expect("read");
    assert_eq!(kept, names.len() as i64, "the count that is kept, and the items");
    names
}

/// An answer that is on its way.
pub(crate) struct Answer<T>(mpsc::Receiver<(Result<T>, Duration)>);

impl<T> Answer<T> {
    /// The answer; fails if there is none.
    pub(crate) fn wait(self) -> Result<T> {
        self.0.recv_timeout(PATIENCE).expect("every call is answered").0
    }

    /// Whether it has come by now.
    pub(crate) fn is_there(&self, within: Duration) -> bool {
        self.0.recv_timeout(within).is_ok()
    }
}

/// Where an answer goes, and the answer.
pub(crate) fn answer<T: Send + 'static>() -> (impl FnOnce(Result<T>, Duration) + Send + 'static, Answer<T>) {
    let (sender, receiver) = mpsc::channel();
    let reply = move |result, took| {
        let _ = sender.send((result, took));
    };
    (reply, Answer(receiver))
}

/// Issue a write. Returns its sequence number too.
pub(crate) fn issue(
    store: &Store<Probe>,
    isolation: Isolation,
    run: impl FnMut(&Conn, &mut Probe) -> Result<()> + Send + 'static,
) -> (u64, Answer<()>) {
    issue_under(store, Control::default(), isolation, run)
}

/// [`issue`] with a limit or a way to cancel it.
pub(crate) fn issue_under(
    store: &Store<Probe>,
    control: Control,
    isolation: Isolation,
    run: impl FnMut(&Conn, &mut Probe) -> Result<()> + Send + 'static,
) -> (u64, Answer<()>) {
    let (reply, answer) = answer();
    let sequence = store.write(control, isolation, (1, 100), run, reply);
    (sequence, answer)
}

/// Issue the insertion of an item.
pub(crate) fn insert(store: &Store<Probe>, isolation: Isolation, name: &str) -> (u64, Answer<()>) {
    let name = name.to_owned();
    issue(store, isolation, move |conn, probe| probe.insert(conn, &name))
}

/// Insert an item and wait for it.
pub(crate) fn inserted(store: &Store<Probe>, name: &str) -> u64 {
    let (sequence, answer) = insert(store, Isolation::Savepoint, name);
    answer.wait().expect("insert");
    sequence
}

/// Issue a read.
pub(crate) fn read<T: Send + 'static>(
    store: &Store<Probe>,
    control: Control,
    after: u64,
    run: impl FnOnce(&Conn) -> Result<T> + Send + 'static,
) -> Answer<T> {
    let (reply, answer) = answer();
    store.read(control, after, run, reply);
    answer
}

/// The number of items.
pub(crate) fn count(conn: &Conn) -> Result<i64> {
    Ok(conn.query_row("SELECT count(*) FROM item", [], |row| row.get(0))?)
}

/// Keeps the writer busy until it is opened or dropped.
pub(crate) struct Gate(mpsc::Sender<()>);

impl Gate {
    /// Close the writer's gate, and wait until the writer stands before it.
    pub(crate) fn close(store: &Store<Probe>) -> Self {
        let (open, opened) = mpsc::channel();
        let (arrive, arrived) = mpsc::channel();
        store.alone(
            move |_| {
                let _ = arrive.send(());
                let _ = opened.recv_timeout(PATIENCE);
                Ok(())
            },
            |_, _| {},
        );
        arrived.recv_timeout(PATIENCE).expect("the writer comes to the gate");
        Self(open)
    }

    pub(crate) fn open(self) {
        self.0.send(()).expect("the writer waits");
    }
}

/// SQL that never ends.
pub(crate) const FOREVER: &str =
    "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number) SELECT max(n) FROM number";

/// SQL that never ends and writes all the time.
pub(crate) const WRITES_FOREVER: &str = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number) \
    INSERT INTO item (name) SELECT 'forever ' || n FROM number";

/// A limit of so many milliseconds.
pub(crate) fn limit(ms: u64) -> Control {
    Control { limit: Some(Duration::from_millis(ms)), ..Control::default() }
}

/// The code of an error as the caller of a public method sees it.
pub(crate) fn code(error: &Error) -> &'static str {
    error.report("test").code
}

/// Wait until `condition` holds.
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < give_up, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Size of a file beside the main file.
pub(crate) fn size_beside(path: &Path, suffix: &str) -> u64 {
    std::fs::metadata(beside(path, suffix)).map_or(0, |file| file.len())
}

/// A file beside the main file.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
