//! The connections of this thread, by number.

use std::{cell::RefCell, rc::Rc};

use napi::{Env, Result};

use crate::sync_conn::{Connection, Failure, Misuse, Result as Outcome};

thread_local! {
    static TABLE: RefCell<Table> = RefCell::default();
}

#[derive(Default)]
struct Table {
    /// By number, less one: 0 means a connection that was closed.
    connections: Vec<Option<Rc<Connection>>>,
    free: Vec<u32>,
    failure: Option<Failure>,
    hooked: bool,
}

/// Put a connection into the table. It is closed at the latest when its thread, or its environment, ends.
pub(super) fn insert(env: &Env, connection: Connection) -> Result<u32> {
    if TABLE.with_borrow_mut(|table| !std::mem::replace(&mut table.hooked, true)) {
        env.add_env_cleanup_hook((), |()| close_all())?;
    }
    Ok(TABLE.with_borrow_mut(|table| {
        let connection = Some(Rc::new(connection));
        match table.free.pop() {
            Some(number) => {
                table.connections[number as usize - 1] = connection;
                number
            }
            None => {
                table.connections.push(connection);
                u32::try_from(table.connections.len()).unwrap_or(u32::MAX)
            }
        }
    }))
}

/// Instead of the number of a connection that was lent to a migration, after its end (js/sqlite/link.ts).
const FINISHED: u32 = u32::MAX;

/// The connection with this number.
pub(in crate::node) fn get(number: u32) -> Outcome<Rc<Connection>> {
    if number == FINISHED {
        return Err(Misuse::MIGRATION_FINISHED.into());
    }
    TABLE.with_borrow(|table| {
        let slot = table.connections.get((number as usize).wrapping_sub(1));
        slot.and_then(Option::as_ref).map(Rc::clone).ok_or(Failure::Misuse(Misuse::NOT_OPEN))
    })
}

/// Close a connection. One that is in the middle of a call is closed when that call ends.
pub(super) fn remove(number: u32) {
    let connection = TABLE.with_borrow_mut(|table| {
        let slot = table.connections.get_mut((number as usize).wrapping_sub(1));
        let connection = slot.and_then(Option::take);
        if connection.is_some() {
            table.free.push(number);
        }
        connection
    });
    drop(connection);
}

fn close_all() {
    let table = TABLE.with_borrow_mut(std::mem::take);
    drop(table);
}

/// Keep a failure until it is asked for.
pub(super) fn fail(failure: Failure) {
    TABLE.with_borrow_mut(|table| table.failure = Some(failure));
}

/// The last failure.
pub(super) fn take_failure() -> Option<Failure> {
    TABLE.with_borrow_mut(|table| table.failure.take())
}
