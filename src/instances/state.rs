#![forbid(unsafe_code)]
//! What the instances module keeps on the writer thread.

use std::{sync::Arc, time::Instant};

use super::{config::InstancesConfig, maintenance, schedule::Schedule};
use crate::{
    error::Result,
    store::{Conn, Module, WriteSession},
};

/// The module's state on the writer thread.
pub struct Instances {
    pub(super) config: Arc<InstancesConfig>,
    pub(super) schedule: Schedule,
    /// The write-ahead log, or what a checkpoint is about to write over, may hold a value in plain text.
    pub(super) plain_in_log: bool,
}

impl Instances {
    pub(super) fn new(config: Arc<InstancesConfig>) -> Self {
        let mut schedule = Schedule::new(config.maintenance.vacuum_interval);
        if config.maintenance.auto_start {
            schedule.start();
        }
        // What was written before is not known, nor (in `begin`) what others write.
        Self { config, schedule, plain_in_log: true }
    }
}

impl Module for Instances {
    fn begin(&mut self, _conn: &Conn, foreign: bool) -> Result<()> {
        self.plain_in_log |= foreign;
        Ok(())
    }

    fn flush(&mut self, _conn: &Conn) -> Result<()> {
        Ok(())
    }

    fn mark(&mut self) {}

    fn undo(&mut self) {}

    fn ended(&mut self, _committed: bool) {}

    fn due(&self) -> Option<Instant> {
        self.schedule.due()
    }

    fn tick(session: &mut WriteSession<Self>) {
        maintenance::tick(session);
    }

    fn close(_session: &mut WriteSession<Self>) {}
}
