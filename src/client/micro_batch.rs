#![forbid(unsafe_code)]
//! Calls of one method that were made in one turn and crossed together.

use std::collections::BTreeMap;

use super::Inserted;
use crate::{
    error::{Error, Result},
    packed::{Batch, Parcel, Record},
    store::{Conn, Control},
};

/// A micro-batch: each of its calls succeeds or fails alone. It may be run more than once, in one transaction after another;
/// what has failed stays failed.
pub(crate) struct MicroBatch {
    parcel: Parcel,
    control: Control,
    failed: BTreeMap<usize, Error>,
}

impl MicroBatch {
    /// The records of the calls; `control` limits each of them.
    pub(crate) fn new(parcel: Parcel, control: Control) -> Self {
        Self { parcel, control, failed: BTreeMap::new() }
    }

    /// Number of calls, and the memory that they hold, in bytes.
    pub(crate) fn load(&self) -> (usize, usize) {
        (self.parcel.len(), self.parcel.bytes())
    }

    /// The records.
    ///
    /// # Errors
    /// As [`Parcel::batch`].
    pub(crate) fn batch(&mut self) -> Result<&Batch> {
        self.parcel.batch()
    }

    /// Carry out each call that has not failed: `work` inserts a row and returns its rowid, or fails and leaves no trace.
    /// `None`: SQLite has undone the whole transaction because of one; it is to be run again without that.
    ///
    /// # Errors
    /// As [`Parcel::batch`].
    pub(crate) fn run(
        &mut self,
        conn: &Conn,
        mut work: impl FnMut(&Record<'_>) -> Result<i64>,
    ) -> Result<Option<Inserted>> {
        let batch = self.parcel.batch()?;
        let mut ids = Vec::with_capacity(batch.len());
        for (index, record) in batch.records().enumerate() {
            if self.failed.contains_key(&index) {
                ids.push(f64::NAN);
                continue;
            }
            match conn.controlled(&self.control, || work(&record)) {
                #[allow(clippy::cast_precision_loss, reason = "rowids are below 2^53")]
                Ok(id) => ids.push(id as f64),
                Err(error) => {
                    self.failed.insert(index, error);
                    if conn.is_autocommit() {
                        return Ok(None);
                    }
                    ids.push(f64::NAN);
                }
            }
        }
        let failures = self.failed.iter().map(|(index, error)| (*index, error.clone())).collect();
        Ok(Some(Inserted { ids, failures, ..Inserted::default() }))
    }
}
