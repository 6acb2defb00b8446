//! Rows ⇄ columns: what crosses to JavaScript and back, and the one list of columns that both sides derive from.

mod batch;
mod field;
mod input;
mod parcel;
mod rows;
mod shape;
mod texts;
pub mod typescript;

pub use batch::{Batch, Record};
pub use field::Field;
pub use input::{Input, json_number};
pub use parcel::{Parcel, Tag, TextGroup};
pub use rows::{HEAD, Labels, Rows};
pub use shape::{Column, Kind, Shape};
pub use texts::{OutText, Texts};
