#![forbid(unsafe_code)]
//! What a recorder is opened with.

use crate::store::Location;

/// The configuration of a client.
#[derive(Debug, Clone, PartialEq)]
pub struct AnalyticsConfig {
    /// The file, by absolute path, or a private database in memory.
    pub location: Location,
    /// Create the file and apply what is pending; else both have to be there.
    pub migrate: bool,
}
