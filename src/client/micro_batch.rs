#![forbid(unsafe_code)]
//! Calls of one method that were made in one turn and crossed together.

use std::collections::BTreeMap;

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

    /// Carry out each call that has not failed: `work` leaves no trace where it fails. Its values come in the order of the
    /// calls, `None` for those that failed. `None` instead of all of them: SQLite has undone the whole transaction because of
    /// one; it is to be run again without that.
    ///
    /// # Errors
    /// As [`Parcel::batch`].
    pub(crate) fn run<T>(
        &mut self,
        conn: &Conn,
        mut work: impl FnMut(&Record<'_>) -> Result<T>,
    ) -> Result<Option<Vec<Option<T>>>> {
        let batch = self.parcel.batch()?;
        let mut values = Vec::with_capacity(batch.len());
        for (index, record) in batch.records().enumerate() {
            if self.failed.contains_key(&index) {
                values.push(None);
                continue;
            }
            match conn.controlled(&self.control, || work(&record)) {
                Ok(value) => values.push(Some(value)),
                Err(error) => {
                    self.failed.insert(index, error);
                    if conn.is_autocommit() {
                        return Ok(None);
                    }
                    values.push(None);
                }
            }
        }
        Ok(Some(values))
    }

    /// The calls that failed, by position.
    pub(crate) fn failures(&self) -> Vec<(usize, Error)> {
        self.failed.iter().map(|(index, error)| (*index, error.clone())).collect()
    }
}
