//! Writes `js/generated/rows.ts` to stdout: the row types, decoders and input cells that the facade shares with the core.

use runledger::packed::typescript;

fn main() {
    print!("{}", typescript::rows());
}
