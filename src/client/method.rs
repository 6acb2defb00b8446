#![forbid(unsafe_code)]
//! A public method by its name: what its arguments are, and what it does.

use super::{Action, Args, ClientModule};
use crate::{
    error::{Error, Result},
    packed::Shape,
};

/// The argument of a method that is a record, or a list of them.
#[derive(Debug, Clone, Copy)]
pub struct RecordArgument {
    /// Its position among the arguments.
    pub position: usize,
    /// The columns of the record.
    pub shape: &'static Shape,
    /// It is a list of them, packed.
    pub many: bool,
}

/// How a call of a method becomes an action.
pub type Plan<M> = fn(&Args, &<M as ClientModule>::Config) -> Result<Action<M>>;

/// A public method of a module.
pub struct Method<M: ClientModule> {
    /// Its name, for error messages and metrics.
    pub name: &'static str,
    /// Its argument that is a record.
    pub record: Option<RecordArgument>,
    plan: Plan<M>,
}

impl<M: ClientModule> Method<M> {
    /// A method whose arguments are plain values.
    pub const fn plain(name: &'static str, plan: Plan<M>) -> Self {
        Self { name, record: None, plan }
    }

    /// A method whose argument at `position` is a record of `shape`.
    pub const fn with_record(name: &'static str, position: usize, shape: &'static Shape, plan: Plan<M>) -> Self {
        Self { name, record: Some(RecordArgument { position, shape, many: false }), plan }
    }

    /// A method whose argument at `position` is a list of records of `shape`.
    pub const fn with_records(name: &'static str, position: usize, shape: &'static Shape, plan: Plan<M>) -> Self {
        Self { name, record: Some(RecordArgument { position, shape, many: true }), plan }
    }

    /// The method called `name`.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is none: a defect of the facade.
    pub fn named(name: &str) -> Result<&'static Self> {
        M::methods()
            .iter()
            .find(|method| method.name == name)
            .ok_or_else(|| Error::Internal(format!("there is no method {name}")))
    }

    pub(super) fn plan(&self, args: &Args, config: &M::Config) -> Result<Action<M>> {
        (self.plan)(args, config)
    }
}
