#![forbid(unsafe_code)]
//! Compiled statements that are shared by all who prepare the same text.
//!
//! An object of the caller's has a statement to itself only where it must: while it is iterated, and once its parameters
//! are fixed. Everything else binds, runs and rests within one call. So a program that prepares a text for each query, as
//! query builders do, compiles it once; and what it leaves behind is one statement, and not one for each query until the
//! garbage collector has got round to it.

use std::{collections::HashMap, rc::Rc};

use super::{StatementId, script};

/// Statements that nobody has, kept for the next one to prepare their text.
const MOST_IDLE: usize = 64;
/// Longer texts, bytes, are not kept: they will not come again.
const LONGEST_TEXT: usize = 16 * 1024;

/// What a text does, told from its first word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Reads or changes rows: it can be shared, and leaves the schema as it is.
    Rows,
    /// Begins or ends a transaction without undoing anything, or explains.
    Harmless,
    /// May change what another text means: the schema, its undoing, attached files, settings.
    Disturbing,
}

impl Kind {
    /// The kind of the first statement of `sql`.
    pub(super) fn of(sql: &[u8]) -> Self {
        let start = script::skip_blank(sql);
        let length = start.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let is = |words: &[&str]| words.iter().any(|word| word.as_bytes().eq_ignore_ascii_case(&start[..length]));
        if is(&["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "VALUES"]) {
            Self::Rows
        } else if is(&["BEGIN", "COMMIT", "END", "SAVEPOINT", "RELEASE", "EXPLAIN"]) {
            Self::Harmless
        } else {
            Self::Disturbing
        }
    }
}

/// The shared statements of a connection, by text.
#[derive(Debug, Default)]
pub(super) struct Cache {
    by_text: HashMap<Rc<str>, StatementId>,
    /// Those that nobody has; the one that was used longest ago first.
    idle: Vec<StatementId>,
}

impl Cache {
    /// Whether a statement of this text may be shared.
    pub(super) fn takes(sql: &str) -> bool {
        sql.len() <= LONGEST_TEXT && Kind::of(sql.as_bytes()) == Kind::Rows
    }

    /// The statement of this text.
    pub(super) fn find(&mut self, sql: &str) -> Option<StatementId> {
        let id = *self.by_text.get(sql)?;
        self.idle.retain(|idle| *idle != id);
        Some(id)
    }

    /// Share a statement that was compiled just now, instead of one that is of no use.
    pub(super) fn replace(&mut self, text: &Rc<str>, id: StatementId) {
        self.by_text.insert(Rc::clone(text), id);
    }

    /// Share a statement, unless there is one of its text. Returns whether it is shared.
    pub(super) fn insert(&mut self, text: &Rc<str>, id: StatementId) -> bool {
        *self.by_text.entry(Rc::clone(text)).or_insert(id) == id
    }

    /// Share it no longer.
    pub(super) fn remove(&mut self, text: &str) {
        self.by_text.remove(text);
    }

    /// Nobody has this statement now. Returns one that is to go instead.
    pub(super) fn rest(&mut self, id: StatementId) -> Option<StatementId> {
        self.idle.push(id);
        (self.idle.len() > MOST_IDLE).then(|| self.idle.remove(0))
    }

    /// Share none of them any longer. Returns those that nobody has, and those that somebody has.
    pub(super) fn clear(&mut self) -> (Vec<StatementId>, Vec<StatementId>) {
        let idle = std::mem::take(&mut self.idle);
        let used = self.by_text.drain().map(|(_, id)| id).filter(|id| !idle.contains(id)).collect();
        (idle, used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_tells_what_a_text_does() {
        for sql in ["select 1", " -- c\n/* d */ InSeRt into t", "with x as (select 1) delete from t", "values(1)"] {
            assert_eq!(Kind::of(sql.as_bytes()), Kind::Rows, "{sql}");
        }
        for sql in ["begin", "COMMIT;", "release s", "explain select 1"] {
            assert_eq!(Kind::of(sql.as_bytes()), Kind::Harmless, "{sql}");
        }
        for sql in ["", "rollback to s", "create table t(a)", "pragma user_version", "selection", "attach 'x' as y"] {
            assert_eq!(Kind::of(sql.as_bytes()), Kind::Disturbing, "{sql}");
        }
    }
}
