#![forbid(unsafe_code)]
//! The open stores of this process: clients with the same file and settings share one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use once_cell::sync::OnceCell;

use super::{Module, Store};
use crate::error::{Error, Result};

/// Open stores by key.
pub struct Registry<M: Module> {
    slots: Mutex<HashMap<String, Arc<Slot<M>>>>,
}

struct Slot<M: Module> {
    store: OnceCell<Store<M>>,
    users: Mutex<usize>,
}

impl<M: Module> Default for Registry<M> {
    fn default() -> Self {
        Self { slots: Mutex::default() }
    }
}

impl<M: Module> Registry<M> {
    /// The store under `key`, opened with `open` if this is its first user. Blocks while another thread opens it.
    ///
    /// # Errors
    /// Those of `open`; the next call tries again.
    pub fn acquire(&'static self, key: &str, open: impl FnOnce() -> Result<Store<M>>) -> Result<Lease<M>> {
        let slot = {
            let mut slots = self.lock();
            let slot = slots
                .entry(key.to_owned())
                .or_insert_with(|| Arc::new(Slot { store: OnceCell::new(), users: Mutex::new(0) }));
            *users(slot) += 1;
            Arc::clone(slot)
        };
        let lease = Lease { registry: self, key: key.to_owned(), slot: Some(slot) };
        if let Some(slot) = &lease.slot {
            slot.store.get_or_try_init(open)?;
        }
        Ok(lease)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Slot<M>>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One user's share of a store. The last one that goes closes it, and waits until it is closed.
pub struct Lease<M: Module> {
    registry: &'static Registry<M>,
    key: String,
    slot: Option<Arc<Slot<M>>>,
}

impl<M: Module> Lease<M> {
    /// The store.
    ///
    /// # Errors
    /// Never in practice: a lease exists only for a store that was opened.
    pub fn store(&self) -> Result<&Store<M>> {
        self.slot.as_ref().and_then(|slot| slot.store.get()).ok_or(Error::Closed)
    }
}

impl<M: Module> Drop for Lease<M> {
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        let mut slots = self.registry.lock();
        let mut left = users(&slot);
        *left -= 1;
        if *left > 0 {
            return;
        }
        drop(left);
        // A store of the same key that is opened from now on is another one; the two meet at SQLite's lock.
        slots.remove(&self.key);
        drop(slots);
        if let Some(store) = slot.store.get() {
            store.close();
        }
    }
}

fn users<M: Module>(slot: &Slot<M>) -> MutexGuard<'_, usize> {
    slot.users.lock().unwrap_or_else(PoisonError::into_inner)
}
