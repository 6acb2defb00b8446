//! The promises of the engine (docs/design.md, "How a write travels"): what a user of any module would lose if one of
//! them were broken.

mod figures;
mod lifecycle;
mod locks;
mod probe;
mod reads;
mod registry;
mod wal;
mod writes;
