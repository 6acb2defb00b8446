//! One store for all clients of a file in this process.

use std::sync::{
    Barrier,
    atomic::{AtomicUsize, Ordering},
};

use runledger::{error::Error, store::Registry};

use crate::probe::*;

/// A registry lives as long as the process.
fn registry() -> &'static Registry<Probe> {
    Box::leak(Box::default())
}

#[test]
fn two_clients_of_a_key_share_a_store_and_the_last_one_closes_it() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("items.db");
    let registry = registry();
    let opened = AtomicUsize::new(0);
    let acquire = |key: &str| {
        registry.acquire(key, || {
            opened.fetch_add(1, Ordering::SeqCst);
            open(settings(&path))
        })
    };
    let first = acquire("key").expect("open");
    let second = acquire("key").expect("share");
    assert_eq!(opened.load(Ordering::SeqCst), 1);
    let sequence = inserted(first.store().expect("store"), "one");
    let seen = read(second.store().expect("store"), Default::default(), sequence, count);
    assert_eq!(seen.wait().expect("read"), 1);
    drop(first);
    inserted(second.store().expect("store"), "two");
    assert!(beside(&path, "-wal").exists());
    drop(second);
    assert!(!beside(&path, "-wal").exists(), "nobody uses it any more");
    let again = acquire("key").expect("open again");
    assert_eq!(opened.load(Ordering::SeqCst), 2);
    assert_eq!(names(again.store().expect("store")), ["one", "two"]);
}

#[test]
fn an_open_that_failed_can_be_tried_again() {
    let directory = tempfile::tempdir().expect("directory");
    let registry = registry();
    let failed = registry.acquire("key", || Err(Error::Internal("not today".into())));
    assert_eq!(failed.err().expect("refused").to_string(), "not today");
    let lease = registry.acquire("key", || open(settings(&directory.path().join("items.db")))).expect("open");
    inserted(lease.store().expect("store"), "one");
}

#[test]
fn eight_threads_at_once_open_a_store_once() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("items.db");
    let registry = registry();
    let (opened, start, end) = (AtomicUsize::new(0), Barrier::new(8), Barrier::new(8));
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (opened, start, end, path) = (&opened, &start, &end, &path);
            scope.spawn(move || {
                start.wait();
                // The first to come meets a failure; somebody else tries again.
                let attempt = || {
                    registry.acquire("key", || match opened.fetch_add(1, Ordering::SeqCst) {
                        0 => Err(Error::Internal("not the first time".into())),
                        _ => open(settings(path)),
                    })
                };
                let lease = attempt().or_else(|_| attempt()).expect("open");
                inserted(lease.store().expect("store"), &number.to_string());
                end.wait();
            });
        }
    });
    assert_eq!(opened.load(Ordering::SeqCst), 2, "one failure, one store");
    assert!(!beside(&path, "-wal").exists(), "the last one has closed it");
    assert_eq!(names(&open(settings(&path)).expect("open")).len(), 8);
}

#[test]
fn opening_and_closing_at_once_never_hands_out_a_closed_store() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("items.db");
    let registry = registry();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let path = &path;
            scope.spawn(move || {
                for round in 0..15 {
                    let lease = registry.acquire("key", || open(settings(path))).expect("open");
                    inserted(lease.store().expect("store"), &format!("{thread} {round}"));
                }
            });
        }
    });
    assert_eq!(names(&open(settings(&path)).expect("open")).len(), 60);
}
