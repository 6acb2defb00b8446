#![forbid(unsafe_code)]
//! Migrations in a directory: `001_name.js` and its like, and folders `001_name` with `up.sql` and `down.sql`.

use std::{
    borrow::Cow,
    ffi::OsStr,
    fmt, fs,
    path::{Path, PathBuf},
};

use crate::error::{Error, Result};
use crate::packed::Input;

use super::error::{MigrationCode, MigrationError};
use super::listed;
use super::set::{self, Migration};

/// Whose migrations a directory holds is known when they are run; errors until then name the default.
const MODULE: &str = "database";

/// Digits that a number has at least.
const DIGITS: usize = 3;

const ENDINGS: [&str; 6] = [".js", ".cjs", ".mjs", ".ts", ".cts", ".mts"];
const DECLARATIONS: [&str; 3] = [".d.ts", ".d.cts", ".d.mts"];

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file or folder.
    pub path: PathBuf,
    /// The number that its name begins with.
    pub version: i64,
    /// The migration, if it is SQL; a file has to be loaded by the caller.
    pub sql: Option<Migration>,
}

/// The migrations in `dir`, not below it, by number. Any other entry is none of ours.
///
/// # Errors
/// `MIGRATION_LOAD_FAILED`, details: file.
pub fn find(dir: &Path) -> Result<Vec<Found>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| failure(dir, error))? {
        let path = entry.map_err(|error| failure(dir, error))?.path();
        if let Some(found) = found(path)? {
            all.push(found);
        }
    }
    all.sort_by(|one, other| (one.version, &one.path).cmp(&(other.version, &other.path)));
    for pair in all.windows(2) {
        if let [one, other] = pair
            && one.version == other.version
        {
            return Err(failure(&other.path, format!("it has the same number as {}", one.path.display())));
        }
    }
    Ok(all)
}

/// Checks what a file exports: a migration of the version that the file is named after.
///
/// # Errors
/// `MIGRATION_LOAD_FAILED`, details: file.
pub fn check_loaded(path: &Path, version: i64, exported: &Input) -> Result<()> {
    if *exported == Input::Undefined {
        return Err(failure(path, "it has no default export"));
    }
    let migration = listed::one(MODULE, exported)
        .and_then(|migration| set::check_migration(MODULE, &migration).map(|()| migration))
        .map_err(|error| failure(path, error))?;
    if migration.version == version {
        return Ok(());
    }
    Err(failure(path, format!("it exports version {}, its name says {version}", migration.version)))
}

fn found(path: PathBuf) -> Result<Option<Found>> {
    let file_name = path.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
    let Some((digits, name)) = split(&file_name) else { return Ok(None) };
    let is_file = fs::metadata(&path).map_err(|error| failure(&path, error))?.is_file();
    let up = path.join("up.sql");
    if if is_file { !is_script(name) } else { !up.exists() } {
        return Ok(None);
    }
    if matches!(file_name, Cow::Owned(_)) {
        return Err(failure(&path, "its name is not UTF-8"));
    }
    let number = digits.parse().unwrap_or(f64::INFINITY);
    let version = set::version_of(MODULE, number).map_err(|error| failure(&path, error))?;
    let sql = if is_file { None } else { Some(read(&path, version, name)?) };
    Ok(Some(Found { path, version, sql }))
}

fn read(folder: &Path, version: i64, name: &str) -> Result<Migration> {
    let down = folder.join("down.sql");
    let down = if down.exists() { Some(text(folder, &down)?.into()) } else { None };
    let migration = Migration::sql(version, name, text(folder, &folder.join("up.sql"))?, down);
    set::check_migration(MODULE, &migration).map_err(|error| failure(folder, error))?;
    Ok(migration)
}

/// The text of a file without the mark that some editors put in front.
fn text(folder: &Path, file: &Path) -> Result<String> {
    let text = fs::read_to_string(file).map_err(|error| failure(folder, error))?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// `001_name` as number and name.
fn split(name: &str) -> Option<(&str, &str)> {
    let (digits, rest) = name.split_once('_')?;
    let is_number = digits.len() >= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !rest.is_empty()).then_some((digits, rest))
}

/// Whether a file can be loaded; `name` is what follows the number.
fn is_script(name: &str) -> bool {
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.len() > ending.len() && name.ends_with(ending));
    ends(&ENDINGS) && !DECLARATIONS.iter().any(|ending| name.ends_with(ending))
}

fn failure(path: &Path, reason: impl fmt::Display) -> Error {
    let file = path.display().to_string();
    let text = format!("Failed to load migration {file}: {reason}");
    MigrationError::new(MigrationCode::LoadFailed, MODULE, text).with("file", file).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::Script;

    fn write(dir: &Path, name: &str, text: &str) {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        fs::write(path, text).expect("file");
    }

    fn refused(result: Result<impl fmt::Debug>) -> String {
        match result {
            Err(Error::Migration(error)) => {
                assert_eq!(error.code, MigrationCode::LoadFailed);
                assert!(error.details.contains_key("file"), "{error:?}");
                error.message
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn entries_are_ordered_by_number_and_others_are_ignored() {
        let dir = tempfile::tempdir().expect("dir");
        for name in ["1000_last.cjs", "200_a.mts", "200_a.d.ts", "200_b.d.mts", "notes.md", "20_short.js", "300_.js"] {
            write(dir.path(), name, "");
        }
        write(dir.path(), "abc_x.js", "");
        write(dir.path(), "400_x.sql", "");
        write(dir.path(), "0300_folder/up.sql", "\u{feff}-- runledger: destructive\r\nDROP TABLE a");
        write(dir.path(), "500_empty/down.sql", "");
        write(dir.path(), "600_deep/001_below.js", "");
        let found = find(dir.path()).expect("found");
        let versions: Vec<_> = found.iter().map(|it| (it.version, it.sql.is_some())).collect();
        assert_eq!(versions, [(200, false), (300, true), (1000, false)]);
        let folder = found[1].sql.as_ref().expect("sql");
        assert!(folder.destructive && folder.down.is_none() && folder.name == "folder");
        assert_eq!(folder.up, Script::Sql("-- runledger: destructive\r\nDROP TABLE a".into()));
    }

    #[test]
    fn what_cannot_be_read_or_counted_is_an_error_with_the_file() {
        let dir = tempfile::tempdir().expect("dir");
        assert!(refused(find(&dir.path().join("no"))).starts_with("Failed to load migration "));
        assert!(find(dir.path()).expect("empty").is_empty());
        write(dir.path(), "001_a.js", "");
        write(dir.path(), "0001_b/up.sql", "SELECT 1");
        assert!(refused(find(dir.path())).contains("it has the same number as "));
        for (name, text, expected) in [
            ("000_zero.js", "", "Migration version must be an integer from 1, found 0"),
            ("99999999999999999999_big.js", "", "Migration version must be an integer from 1"),
            ("002_nul/up.sql", "SELECT '\0'", "contains U+0000"),
        ] {
            let dir = tempfile::tempdir().expect("dir");
            write(dir.path(), name, text);
            let message = refused(find(dir.path()));
            assert!(message.contains(expected), "{message}");
        }
        let dir = tempfile::tempdir().expect("dir");
        fs::create_dir(dir.path().join("001_a")).expect("folder");
        fs::write(dir.path().join("001_a/up.sql"), [0xff, 0xfe]).expect("file");
        assert!(refused(find(dir.path())).contains("UTF-8"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_migration_whose_name_is_no_text_is_not_passed_over() {
        use std::os::unix::ffi::OsStrExt;

        let dir = tempfile::tempdir().expect("dir");
        fs::write(dir.path().join(OsStr::from_bytes(b"notes\xff.md")), "").expect("file");
        assert!(find(dir.path()).expect("ignored").is_empty());
        fs::write(dir.path().join(OsStr::from_bytes(b"001_a\xff.js")), "").expect("file");
        assert!(refused(find(dir.path())).ends_with("its name is not UTF-8"));
    }

    #[test]
    fn a_file_exports_the_migration_that_its_name_tells_of() {
        let path = Path::new("004_x.js");
        let exported = |version: f64| {
            let text = |text: &str| Input::Text(text.to_owned());
            let scripts = Input::Map(vec![("up".to_owned(), Input::Boolean(true))]);
            let fields = [("version", Input::Number(version)), ("name", text("x")), ("scripts", scripts)];
            Input::Map(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        };
        assert!(check_loaded(path, 4, &exported(4.0)).is_ok());
        let text = "Failed to load migration 004_x.js: it exports version 5, its name says 4";
        assert_eq!(refused(check_loaded(path, 4, &exported(5.0))), text);
        let text = "Failed to load migration 004_x.js: it has no default export";
        assert_eq!(refused(check_loaded(path, 4, &Input::Undefined)), text);
        let text = "Failed to load migration 004_x.js: A migration must be an object, found null";
        assert_eq!(refused(check_loaded(path, 4, &Input::Null)), text);
    }
}
