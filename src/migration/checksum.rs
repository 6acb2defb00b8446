#![forbid(unsafe_code)]
//! Checksums: what an applied migration was, so that a changed one is noticed (migrations.md §2).

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// `sql:` and the SHA-256 of the up text. CRLF and CR count as LF, so that a checkout on Windows is not a change.
pub fn of_sql(up: &str) -> String {
    tagged("sql:", &up.replace("\r\n", "\n").replace('\r', "\n"))
}

/// `js:` and the SHA-256 of `<version>:<name>`: a function has no text that would be the same in every build.
pub fn of_external(version: i64, name: &str) -> String {
    tagged("js:", &format!("{version}:{name}"))
}

/// Whether both may stand for the same migration. Checksums of different kinds are not compared.
pub fn agree(one: &str, other: &str) -> bool {
    kind(one) != kind(other) || one == other
}

/// Whether it stands for a function.
pub fn is_external(checksum: &str) -> bool {
    kind(checksum) == "js"
}

fn kind(checksum: &str) -> &str {
    checksum.split_once(':').map_or(checksum, |(kind, _)| kind)
}

fn tagged(kind: &str, text: &str) -> String {
    let mut checksum = kind.to_owned();
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a String cannot fail.
        let _ = write!(checksum, "{byte:02x}");
    }
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_do_not_change_a_checksum() {
        let expected = "sql:7d862b9d7b6880c11d236645cb0091f2fa70c6157b8e83a2a9af420a96135098";
        assert_eq!(of_sql("CREATE TABLE a (x);\n"), expected);
        assert_eq!(of_sql("CREATE TABLE a (x);\r\n"), expected);
        assert_eq!(of_sql("CREATE TABLE a (x);\r"), expected);
        assert_ne!(of_sql("CREATE TABLE a (y);\n"), expected);
    }

    #[test]
    fn a_js_migration_is_known_by_version_and_name() {
        assert_eq!(of_external(2, "m2"), "js:2823c0bdde932b2935d5c533f9f625b0b764851dbfcbd97ce0d26e2c30a3c981");
    }

    #[test]
    fn different_kinds_are_not_compared() {
        assert!(agree(&of_sql("x"), &of_external(1, "x")));
        assert!(!agree(&of_sql("x"), &of_sql("y")));
    }
}
