#![forbid(unsafe_code)]
//! Text that holds any number of statements.

use rusqlite::Connection;

use super::{Result, cache::Kind, raw::RawStatement};

/// Hears of a statement that is about to run: its text, and what it does.
type Before<'b> = dyn FnMut(&dyn Fn() -> String, Kind) -> Result<()> + 'b;

/// `sql` as SQLite reads it: up to a NUL.
pub(super) fn terminated(sql: &str) -> Vec<u8> {
    let mut text = Vec::with_capacity(sql.len() + 1);
    text.extend_from_slice(sql.as_bytes());
    text.push(0);
    text
}

/// Run the statements of `sql` in order, and stop at the first error. `before` hears of each one.
pub(super) fn run(db: &Connection, sql: &str, before: &mut Before<'_>) -> Result<()> {
    let text = terminated(sql);
    let mut rest = &text[..];
    loop {
        // Blanks in front of a statement are not part of its text.
        rest = &rest[rest.iter().take_while(|byte| is_skipped(**byte)).count()..];
        let (statement, behind) = RawStatement::compile(db, rest, false)?;
        let Some(mut statement) = statement else {
            // Comments, or the end. Only behind a comment there can be more.
            if behind == 0 || rest[behind] == 0 {
                return Ok(());
            }
            rest = &rest[behind..];
            continue;
        };
        before(&|| statement.expanded(), Kind::of(rest))?;
        while statement.step()? {}
        rest = &rest[behind..];
    }
}

/// Whether only blanks, semicolons and comments are left before the NUL.
pub(super) fn is_blank(text: &[u8]) -> bool {
    matches!(skip_blank(text), [] | [0, ..])
}

/// What is behind blanks, semicolons and comments.
pub(super) fn skip_blank(text: &[u8]) -> &[u8] {
    let mut rest = text;
    loop {
        rest = match rest {
            [byte, rest @ ..] if is_skipped(*byte) => rest,
            [b'-', b'-', rest @ ..] => behind(rest, b"\n"),
            [b'/', b'*', rest @ ..] => behind(rest, b"*/"),
            _ => return rest,
        };
    }
}

/// What follows the first `end`; nothing where there is none.
fn behind<'t>(text: &'t [u8], end: &[u8]) -> &'t [u8] {
    match text.windows(end.len()).position(|window| window == end) {
        Some(position) => &text[position + end.len()..],
        None => &[],
    }
}

fn is_skipped(byte: u8) -> bool {
    matches!(byte, b' ' | b';' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_comments_are_nothing_and_anything_else_is_a_statement() {
        for text in ["", " ;\n\t", "-- a", "-- a\n;/* b */ ", "/* open", "\0select 1"] {
            assert!(is_blank(text.as_bytes()), "{text:?}");
        }
        for text in ["select 1", "; x", "-- a\nselect 1", "/* a */ b", "- 1", "/"] {
            assert!(!is_blank(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn a_script_runs_to_its_first_error_and_tells_each_text() {
        let db = Connection::open_in_memory().unwrap();
        let mut told = Vec::new();
        let script = " ;-- begin\n create table a(x); /* b */ insert into a values (1);; selekt; drop table a";
        let failed = run(&db, script, &mut |text, kind| {
            told.push((text(), kind));
            Ok(())
        });
        assert!(failed.is_err());
        assert_eq!(told.iter().map(|(_, kind)| *kind).collect::<Vec<_>>(), [Kind::Disturbing, Kind::Rows]);
        assert_eq!(told[1].0, "/* b */ insert into a values (1);");
        assert_eq!(db.query_row("select count(*) from a", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
        run(&db, "-- only\n/* comments */ ;", &mut |_, _| panic!("nothing runs")).unwrap();
        run(&db, "", &mut |_, _| panic!("nothing runs")).unwrap();
    }
}
