#![forbid(unsafe_code)]
//! Giving a statement its parameters.

use std::ffi::c_int;

use rusqlite::ffi;

use super::{Cell, Failure, Misuse, Result, Statement};

/// Takes the values of one call, named ones first, and checks that each parameter has got one.
#[derive(Debug)]
pub struct Binder<'s> {
    statement: &'s mut Statement,
    /// Index of the parameter that the last positional value went to.
    last: usize,
    /// Which parameters have a value; only where some of them are not positional.
    named: Vec<bool>,
    /// The caller has given an object of named values.
    object: bool,
    bytes: usize,
}

impl<'s> Binder<'s> {
    pub(super) fn new(statement: &'s mut Statement) -> Self {
        Self { statement, last: 0, named: Vec::new(), object: false, bytes: 0 }
    }

    /// An object of named values was given, whatever is in it.
    pub fn object(&mut self) {
        self.object = true;
        self.named.resize(self.statement.parameters().len(), false);
    }

    /// Bind the parameter with this index, from 1, to the member of the object that has its name.
    ///
    /// # Errors
    /// [`Misuse::TOO_BIG`]; [`Misuse::TOO_MANY`] if there is no such parameter.
    pub fn named(&mut self, index: usize, value: Cell<'_>) -> Result<()> {
        self.object();
        *index.checked_sub(1).and_then(|position| self.named.get_mut(position)).ok_or(Misuse::TOO_MANY)? = true;
        self.set(index, value)
    }

    /// Bind the next parameter that takes a value by position.
    ///
    /// # Errors
    /// [`Misuse::TOO_MANY`], [`Misuse::TOO_BIG`]
    pub fn positional(&mut self, value: Cell<'_>) -> Result<()> {
        self.last = self.next_positional().ok_or(Misuse::TOO_MANY)?;
        self.set(self.last, value)
    }

    /// Check that no parameter was left out. Returns how many bytes of text and blobs are bound.
    pub(super) fn finish(mut self) -> Result<usize> {
        let parameters = self.statement.parameters();
        if self.object || !self.statement.positional() {
            let missing = parameters.iter().enumerate().find_map(|(position, name)| {
                let name = name.as_deref()?;
                let numbered = name.starts_with('?');
                let given = self.named.get(position) == Some(&true) || (numbered && position < self.last);
                (!given && (self.object || !numbered)).then(|| name[1..].to_owned())
            });
            if let Some(name) = missing {
                return Err(Misuse::missing_named(&name).into());
            }
        }
        if self.next_positional().is_none() {
            return Ok(self.bytes);
        }
        // Where no parameter has a name an object is not the named values but a value, and none that SQLite knows.
        let nameless = self.statement.parameters().iter().all(Option::is_none);
        Err(if self.object && nameless && self.last == 0 { Misuse::UNBINDABLE } else { Misuse::TOO_FEW }.into())
    }

    fn next_positional(&mut self) -> Option<usize> {
        let parameters = self.statement.parameters();
        if self.statement.positional() && !self.object {
            return (self.last < parameters.len()).then_some(self.last + 1);
        }
        (self.last..parameters.len())
            .find(|&position| match &parameters[position] {
                None => true,
                Some(name) => name.starts_with('?') && self.named.get(position) != Some(&true),
            })
            .map(|position| position + 1)
    }

    fn set(&mut self, index: usize, value: Cell<'_>) -> Result<()> {
        if let Cell::Text(bytes) | Cell::Blob(bytes) = value {
            self.bytes += bytes.len();
        }
        match self.statement.raw.bind(c_int::try_from(index).unwrap_or(c_int::MAX), value) {
            ffi::SQLITE_OK => Ok(()),
            ffi::SQLITE_TOOBIG => Err(Misuse::TOO_BIG.into()),
            ffi::SQLITE_RANGE => Err(Misuse::TOO_MANY.into()),
            code => Err(Failure::Sqlite { extended: code, message: ffi::code_to_str(code).to_owned(), offset: None }),
        }
    }
}
