#![forbid(unsafe_code)]
//! Transactions and savepoints: which statements go around a function.

/// A statement of transaction control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// BEGIN, without a lock until the first access.
    Deferred,
    /// BEGIN with the write lock.
    Immediate,
    /// BEGIN with the file to itself.
    Exclusive,
    /// COMMIT
    Commit,
    /// ROLLBACK
    Rollback,
    /// Begin a transaction inside a transaction.
    Savepoint,
    /// Keep what it did.
    Release,
    /// Undo what it did; it stays open until released.
    RollbackTo,
}

impl Step {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Deferred,
        Self::Immediate,
        Self::Exclusive,
        Self::Commit,
        Self::Rollback,
        Self::Savepoint,
        Self::Release,
        Self::RollbackTo,
    ];

    /// The SQL. One name serves every depth: SQLite means the innermost savepoint of that name. The tabs keep it apart
    /// from names that anybody would write.
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Deferred => "BEGIN",
            Self::Immediate => "BEGIN IMMEDIATE",
            Self::Exclusive => "BEGIN EXCLUSIVE",
            Self::Commit => "COMMIT",
            Self::Rollback => "ROLLBACK",
            Self::Savepoint => "SAVEPOINT `\t_runledger.\t`",
            Self::Release => "RELEASE `\t_runledger.\t`",
            Self::RollbackTo => "ROLLBACK TO `\t_runledger.\t`",
        }
    }
}
