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
}

impl Instances {
    pub(super) fn new(config: Arc<InstancesConfig>) -> Self {
        let mut schedule = Schedule::new(config.maintenance.vacuum_interval);
        if config.maintenance.auto_start {
            schedule.start();
        }
        Self { config, schedule }
    }
}

impl Module for Instances {
    fn begin(&mut self, _conn: &Conn, _foreign: bool) -> Result<()> {
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
