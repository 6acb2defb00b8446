#![forbid(unsafe_code)]
//! What has to be there before SQLite can create a file.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use super::{Settings, look::beside};
use crate::error::{Error, Result, system_code_name};

/// Make the directory of the database, with those above it; and the file itself, empty, if it has to be private.
///
/// # Errors
/// [`Error::Directory`], and [`Error::Io`] for the file.
pub fn make_room(settings: &Settings) -> Result<()> {
    let Some(path) = settings.location.path() else { return Ok(()) };
    if let Some(directory) = path.parent() {
        make_directory(directory, settings.private).map_err(|error| Error::Directory {
            path: directory.display().to_string(),
            code: system_code_name(error.kind()),
            message: error.to_string(),
        })?;
    }
    if settings.private {
        let mut path = path.to_owned();
        // SQLite makes the file that a link leads to.
        while let Some(target) = target_of_dangling(&path) {
            path = target;
        }
        make_private(&path).map_err(|error| Error::io(&path, &error))?;
    }
    Ok(())
}

/// Where a link leads that leads to nothing; not for one that leads to itself.
fn target_of_dangling(path: &Path) -> Option<PathBuf> {
    let is_missing = path.metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let target = path.read_link().ok().filter(|_| is_missing)?;
    Some(path.parent()?.join(target))
}

/// Make a directory with those above it; a private one is its owner's alone.
///
/// # Errors
/// The system's.
#[cfg(unix)]
pub fn make_directory(directory: &Path, private: bool) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mode = if private { 0o700 } else { 0o777 };
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(directory)
}

/// Make a directory with those above it.
///
/// # Errors
/// The system's.
#[cfg(not(unix))]
pub fn make_directory(directory: &Path, _private: bool) -> io::Result<()> {
    std::fs::create_dir_all(directory)
}

/// What the file `target` is called until it is whole ([`publish`]): whoever dies while writing it leaves one that nobody takes for
/// it, and that nobody meets again.
pub fn partial(target: &Path) -> PathBuf {
    beside(target, &format!(".partial-{}", getrandom::u32().unwrap_or_default()))
}

/// Give the whole file `partial` its name `target`, if nobody has that, and take its own away.
///
/// # Errors
/// `AlreadyExists`, and other errors of the system.
pub fn publish(partial: &Path, target: &Path) -> io::Result<()> {
    let published = match std::fs::hard_link(partial, target) {
        // A file system without links.
        Err(error) if error.kind() != ErrorKind::AlreadyExists && !target.exists() => std::fs::rename(partial, target),
        published => published,
    };
    // After a renaming it is gone already.
    let _ = std::fs::remove_file(partial);
    published
}

/// By a system call that opens nothing: closing a file gives up the locks that other threads have on it
/// (sqlite.org/howtocorrupt.html §2.2).
#[cfg(target_os = "linux")]
fn make_private(path: &Path) -> io::Result<()> {
    use rustix::{
        fs::{CWD, FileType, Mode, mknodat},
        io::Errno,
    };
    match mknodat(CWD, path, FileType::RegularFile, Mode::RUSR | Mode::WUSR, 0) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Other systems have no such call for everybody. The file is new, so hardly anybody has a lock on it yet.
#[cfg(all(unix, not(target_os = "linux")))]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Elsewhere a file inherits the access list of its directory.
#[cfg(not(unix))]
fn make_private(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Location;

    fn settings(path: &Path, private: bool) -> Settings {
        Settings { private, ..Settings::synchronous(Location::File(path.to_owned())) }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_private_is_its_owners_alone_and_what_is_there_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| std::fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
        let dir = tempfile::tempdir().expect("dir");
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("mode");
        let path = dir.path().join("a/b/t.db");
        make_room(&settings(&path, true)).expect("room");
        let modes = [dir.path(), &dir.path().join("a"), &dir.path().join("a/b"), &path].map(mode);
        assert_eq!(modes, [0o755, 0o700, 0o700, 0o600]);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("mode");
        std::fs::write(&path, "mine").expect("write");
        make_room(&settings(&path, true)).expect("again");
        assert_eq!((mode(&path), std::fs::read(&path).expect("file").as_slice()), (0o640, b"mine".as_slice()));
        let link = |name: &str, target: &str| {
            std::os::unix::fs::symlink(target, dir.path().join(name)).expect("link");
            make_room(&settings(&dir.path().join(name), true)).expect("room");
        };
        link("relative.db", "a/target.db");
        link("second.db", "first.db");
        link("loop.db", "loop.db");
        assert_eq!(["a/target.db", "first.db"].map(|name| mode(&dir.path().join(name))), [0o600, 0o600]);
        let open = dir.path().join("c/t.db");
        make_room(&settings(&open, false)).expect("room");
        assert!(!open.exists());
        assert_eq!(mode(&dir.path().join("c")) & 0o700, 0o700);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named_with_the_reason() {
        let dir = tempfile::tempdir().expect("dir");
        let taken = dir.path().join("taken");
        std::fs::write(&taken, "").expect("write");
        for (below, reason) in [("", "EEXIST"), ("x/y", "ENOTDIR")] {
            let error = make_room(&settings(&taken.join(below).join("t.db"), false)).expect_err("refused");
            let Error::Directory { path, code, .. } = &error else { panic!("{error:?}") };
            assert_eq!((Path::new(path), *code), (taken.join(below).as_path(), reason));
        }
    }
}
