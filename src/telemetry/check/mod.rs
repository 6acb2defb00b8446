#![forbid(unsafe_code)]
//! The checks of everything that a caller passes, before the database sees it (telemetry.md §13). The order of the rows
//! of that table is the order of the checks: the first that matches is the one reported.

mod argument;
mod buffer;
mod error;
mod event;
mod rule;
mod session;
mod session_columns;

pub use crate::client::check::Given;
pub use argument::{
    Argument, boolean_argument, checkpoint_mode_argument, limit_argument, max_age_argument, not_an_object,
    on_error_argument, optional_text_argument, page_size_argument, row_id_argument, session_id_argument, text_argument,
    timestamp_argument,
};
pub use buffer::{NewBuffer, buffer};
pub use error::{NewError, error};
pub use event::{NewEvent, event};
pub use rule::{NewRule, rule};
pub use session::{create_session, update_session, upsert_session};
pub use session_columns::{NewSession, SessionDetails, SessionUpdate};

use crate::client::check;
use crate::error::Result;
use crate::packed::Record;

/// `version` of a row for which the caller gives none.
pub const DEFAULT_VERSION: i64 = 1;
/// `schema_version` of a row for which the caller gives none.
pub const DEFAULT_SCHEMA_VERSION: &str = "1.0.0";

/// The time of an event or error.
fn timestamp(record: &Record<'_>, position: usize) -> Result<f64> {
    check::non_negative(record.at(position))
        .ok_or_else(|| check::refuse_cell(record, position, "Timestamp must be a positive number"))
}
