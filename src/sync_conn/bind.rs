#![forbid(unsafe_code)]
//! Giving a statement its parameters.

use std::ffi::c_int;

use rusqlite::ffi;

use super::{Cell, Failure, Misuse, Result, Statement};

/// Takes the values of one call in the order in which they were given, and checks that each parameter has got one.
#[derive(Debug)]
pub struct Binder<'s> {
    statement: &'s mut Statement,
    /// Index of the parameter that the last positional value went to.
    last: usize,
    /// Which parameters have a value by name; only where an object was given.
    named: Vec<bool>,
    /// The caller has given an object of named values.
    object: bool,
    bytes: usize,
}

impl<'s> Binder<'s> {
    pub(super) fn new(statement: &'s mut Statement) -> Self {
        Self { statement, last: 0, named: Vec::new(), object: false, bytes: 0 }
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.statement.parameters().len()
    }

    /// An object of named values is among the arguments. It has members for the parameters with these indexes, from 1:
    /// positional values pass over them, also those that come before the object.
    ///
    /// # Errors
    /// [`Misuse::TOO_MANY`] if there is no such parameter.
    pub fn object(&mut self, members: impl IntoIterator<Item = usize>) -> Result<()> {
        self.object = true;
        self.named.resize(self.statement.parameters().len(), false);
        for index in members {
            *index.checked_sub(1).and_then(|position| self.named.get_mut(position)).ok_or(Misuse::TOO_MANY)? = true;
        }
        Ok(())
    }

    /// Bind the parameter with this index to the member of the object that has its name.
    ///
    /// # Errors
    /// [`Misuse::TOO_BIG`]
    pub fn named(&mut self, index: usize, value: Cell<'_>) -> Result<()> {
        self.set(index, value)
    }

    /// The object has no member for the parameter with this index. A `?1` may still take a value by position.
    ///
    /// # Errors
    /// [`Misuse::missing_named`]
    pub fn absent(&mut self, index: usize) -> Result<()> {
        match index.checked_sub(1).and_then(|position| self.statement.parameters().get(position)) {
            Some(Some(name)) if !name.starts_with('?') => Err(Misuse::missing_named(&name[1..]).into()),
            _ => Ok(()),
        }
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
