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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::{Affinity, Schema, testing::migrated};
    use crate::packed::Kind;

    #[test]
    fn every_column_has_the_affinity_of_its_kind_and_is_null_where_it_may_be() {
        let sets = [telemetry::schema::migrations(), analytics::schema::migrations(), instances::schema::migrations()];
        let schema = Schema::read(&migrated(sets)).expect("schema");
        for (shape, wanted) in all().flat_map(|shape| shape.columns.iter().map(move |wanted| (shape, wanted))) {
            let name = format!("{}.{}", shape.table, wanted.name);
            let column = schema.table(shape.table).and_then(|table| table.column(wanted.name)).expect(&name);
            let affinity = match wanted.kind {
                Kind::Integer | Kind::Boolean | Kind::Seconds => Affinity::Integer,
                Kind::Real => Affinity::Real,
                Kind::Text | Kind::Label | Kind::Json => Affinity::Text,
            };
            assert_eq!(column.affinity(), affinity, "{name}");
            assert_eq!(!column.not_null && column.key == 0, wanted.nullable, "{name}");
        }
    }
}
