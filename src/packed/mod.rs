//! Rows ⇄ columns: what crosses to JavaScript and back, and the one list of columns that both sides derive from.

mod batch;
mod field;
mod input;
mod parcel;
mod rows;
mod shape;
pub mod typescript;

pub use batch::{Batch, Record};
pub use field::Field;
pub use input::{Input, json_number};
pub use parcel::{Parcel, Tag, TextGroup};
pub use rows::{HEAD, Labels, OutText, Rows, Texts};
pub use shape::{Column, Kind, Shape};
