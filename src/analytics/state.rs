#![forbid(unsafe_code)]
//! What the analytics module keeps on the writer thread: the digest of all calls, once somebody has asked for it.

use std::time::Instant;

use super::{check::Status, digest::Digest};
use crate::{
    error::Result,
    store::{Conn, Module, WriteSession},
};

/// The module's state on the writer thread.
#[derive(Debug, Default)]
pub struct Analytics {
    pub(super) kept: Kept,
}

/// The digest of all calls in the file, as long as nobody else changes them.
#[derive(Debug, Default)]
pub(super) struct Kept {
    digest: Option<Digest>,
    /// The data version of the writer's connection at which it was true: only commits of others change that.
    version: i64,
    /// Calls of the transaction that is open.
    fresh: Vec<(String, Status, f64)>,
    marked: usize,
}

impl Kept {
    /// The digest, if the file is at `version`.
    pub(super) fn at(&mut self, version: i64) -> Option<&Digest> {
        if self.version != version {
            self.digest = None;
        }
        self.digest.as_ref()
    }

    /// Keep a digest of everything in the file at `version`.
    pub(super) fn keep(&mut self, digest: Digest, version: i64) {
        self.version = version;
        self.digest = digest.is_small().then_some(digest);
    }

    /// A call was inserted in the open transaction.
    #[allow(clippy::cast_precision_loss, reason = "durations are below 2^53")]
    pub(super) fn add(&mut self, tool: &str, status: Status, duration: i64) {
        if self.digest.is_some() {
            self.fresh.push((tool.to_owned(), status, duration as f64));
        }
    }
}

impl Module for Analytics {
    fn begin(&mut self, conn: &Conn, foreign: bool) -> Result<()> {
        if foreign {
            // Since the last transaction; the digest may have been read since then.
            self.kept.at(conn.pragma_integer("data_version")?);
        }
        self.kept.fresh.clear();
        Ok(())
    }

    fn flush(&mut self, _conn: &Conn) -> Result<()> {
        Ok(())
    }

    fn mark(&mut self) {
        self.kept.marked = self.kept.fresh.len();
    }

    fn undo(&mut self) {
        self.kept.fresh.truncate(self.kept.marked);
    }

    fn ended(&mut self, committed: bool) {
        let fresh = std::mem::take(&mut self.kept.fresh);
        if let Some(digest) = self.kept.digest.as_mut().filter(|_| committed) {
            for (tool, status, duration) in fresh {
                digest.add(tool.as_bytes(), status, duration);
            }
        }
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn tick(_session: &mut WriteSession<Self>) {}

    fn close(_session: &mut WriteSession<Self>) {}
}
