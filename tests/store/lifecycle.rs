//! Opening and closing.

use std::{path::Path, sync::Arc, time::Duration};

use runledger::{
    client::ClientModule,
    error::Error,
    store::{Control, Isolation, Settings},
    telemetry::Telemetry,
};

use crate::probe::*;

#[test]
fn close_finishes_what_is_queued_and_then_refuses() {
    let Fixture { store, .. } = &Fixture::new();
    let gate = Gate::close(store);
    let writes: Vec<_> = (0..20).map(|number| insert(store, Isolation::Savepoint, &number.to_string())).collect();
    let (last, _) = writes[19];
    let reads: Vec<_> = (0..10).map(|_| read(store, Control::default(), last, count)).collect();
    let (reply, beside) = answer();
    store.beside(count, reply);
    std::thread::scope(|scope| {
        scope.spawn(|| store.close());
        std::thread::sleep(Duration::from_millis(20));
        gate.open();
    });
    for (_, write) in writes {
        write.wait().expect("queued before the end");
    }
    for read in reads {
        assert_eq!(read.wait().expect("queued before the end"), 20);
    }
    assert_eq!(beside.wait().expect("queued before the end"), 20);

    let refused = |result: Result<(), Error>| assert!(matches!(result, Err(Error::Closed)), "{result:?}");
    refused(insert(store, Isolation::Savepoint, "too late").1.wait());
    refused(read(store, Control::default(), 0, |_| Ok(())).wait());
    store.close();
}

#[test]
fn what_has_the_writer_to_itself_is_dropped_unheard_after_the_end() {
    let Fixture { store, .. } = &Fixture::new();
    store.close();
    // A call answers for itself when it is dropped; the store only has to let go of it.
    let held = Arc::new(());
    let (alone, beside) = (Arc::clone(&held), Arc::clone(&held));
    store.alone(|_| Ok(()), move |_, _| drop(alone));
    store.beside(|_| Ok(()), move |_, _| drop(beside));
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn close_leaves_nothing_but_the_main_file() {
    let fixture = Fixture::new();
    inserted(&fixture.store, "one");
    read(&fixture.store, Control::default(), 0, count).wait().expect("read");
    fixture.store.close();
    for suffix in ["-wal", "-shm", "-journal"] {
        assert!(!beside(&fixture.path, suffix).exists(), "{suffix}");
    }
    let alone = rusqlite::Connection::open(&fixture.path).expect("open");
    assert_eq!(alone.query_row("SELECT count(*) FROM item", [], |row| row.get::<_, i64>(0)).expect("count"), 1);
}

#[test]
fn the_last_of_two_stores_on_a_file_takes_the_log_away() {
    let fixture = Fixture::new();
    let other = open(settings(&fixture.path)).expect("open");
    inserted(&fixture.store, "one");
    fixture.store.close();
    assert_eq!(names(&other), ["one"]);
    inserted(&other, "two");
    other.close();
    assert!(!beside(&fixture.path, "-wal").exists());
}

#[test]
fn a_dropped_store_is_closed() {
    let fixture = Fixture::new();
    let (_, write) = insert(&fixture.store, Isolation::Savepoint, "one");
    let Fixture { store, path, _directory } = fixture;
    drop(store);
    write.wait().expect("queued before the end");
    assert!(!beside(&path, "-wal").exists());
}

#[test]
fn what_cannot_be_opened_says_why_and_leaves_nothing_open() {
    let directory = tempfile::tempdir().expect("directory");
    let inside = |name: &str| directory.path().join(name);
    std::fs::write(inside("letter.txt"), "Dear Sir or Madam, this is no database. ".repeat(200)).expect("file");
    std::fs::create_dir(inside("folder")).expect("folder");
    std::fs::write(inside("file"), "").expect("file");
    let cases = [
        (inside("letter.txt"), "SQLITE_NOTADB"),
        (inside("folder"), "SQLITE_CANTOPEN"),
        (inside("file").join("below.db"), "CONNECTION_ERROR"),
    ];
    for (path, expected) in cases {
        let error = open(settings(&path)).err().expect("refused");
        let report = Telemetry::report(&error.while_opening(), "initialize");
        assert_eq!(report.code, expected, "{}", path.display());
        assert!(report.message.starts_with("Failed to initialize telemetry database: "), "{}", report.message);
        assert_eq!(open_files(directory.path()), Vec::<String>::new());
    }
    let letter = std::fs::read_to_string(inside("letter.txt")).expect("file");
    assert!(letter.starts_with("Dear"), "the file of somebody else stays as it is");
}

#[test]
fn a_file_that_may_only_be_read_is_refused() {
    let fixture = Fixture::new();
    fixture.store.close();
    let mut permissions = std::fs::metadata(&fixture.path).expect("file").permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&fixture.path, permissions).expect("permissions");
    if std::fs::OpenOptions::new().write(true).open(&fixture.path).is_ok() {
        // Nothing is forbidden to the superuser.
        return;
    }
    let error = open(settings(&fixture.path)).err().expect("refused");
    assert_eq!(code(&error), "SQLITE_READONLY");
    assert_eq!(open_files(&fixture.path), Vec::<String>::new());
}

#[test]
fn a_directory_that_is_missing_is_made() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("a/b/items.db");
    inserted(&open(settings(&path)).expect("open"), "one");
    assert!(path.exists());
}

#[test]
fn settings_hold_for_every_connection() {
    let Fixture { store, .. } = &Fixture::with(|settings| Settings { full_durability: true, ..settings });
    let pragma = |conn: &runledger::store::Conn, name: &str| conn.pragma_integer(name);
    let (reply, writer) = answer();
    store.alone(
        move |session| Ok((pragma(&session.conn, "foreign_keys")?, pragma(&session.conn, "synchronous")?)),
        reply,
    );
    assert_eq!(writer.wait().expect("writer"), (1, 2));
    assert_eq!(read(store, Control::default(), 0, move |conn| pragma(conn, "foreign_keys")).wait().expect("read"), 1);
    let (reply, beside) = answer();
    store.beside(move |conn| Ok((pragma(conn, "foreign_keys")?, pragma(conn, "synchronous")?)), reply);
    assert_eq!(beside.wait().expect("beside"), (1, 2));
}

/// The files below `path` that this process has open.
fn open_files(path: &Path) -> Vec<String> {
    let Ok(list) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let path = path.canonicalize().expect("path");
    list.flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter(|target| target.starts_with(&path))
        .map(|target| target.display().to_string())
        .collect()
}
