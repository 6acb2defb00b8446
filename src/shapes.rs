#![forbid(unsafe_code)]
//! The row shapes of all modules, by the number under which their rows cross to JavaScript.

use crate::{analytics, instances, packed::Shape, telemetry};

/// The shapes of each module.
const MODULES: [&[&Shape]; 3] = [&telemetry::shape::ALL, &analytics::shape::ALL, &instances::shape::ALL];

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Shape> {
    MODULES.into_iter().flatten().copied()
}

/// The number of a shape: its position in the `decoders` of js/generated/rows.ts.
pub fn position(shape: &Shape) -> Option<usize> {
    all().position(|known| std::ptr::eq(known, shape))
}
