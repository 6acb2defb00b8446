#![forbid(unsafe_code)]
//! Where the encryption key of a database comes from (instances.md §6).

use std::{
    fmt,
    fs::OpenOptions,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError},
};

use zeroize::Zeroizing;

use super::secret::Key;
use crate::{
    error::{Error, Result},
    store::{self, Notices},
};

/// The key of every in-memory database of this process that was given none.
static OF_PROCESS: LazyLock<Result<Key>> = LazyLock::new(Key::random);

/// The key of one database, looked for when it is first needed.
pub struct Keys {
    source: Source,
    found: Mutex<Option<Key>>,
    notices: OnceLock<Arc<Notices>>,
}

#[derive(Debug)]
enum Source {
    /// By the configuration or the environment.
    Given(Key),
    /// The file beside the database.
    File(PathBuf),
    /// Nothing outlives an in-memory database.
    Process,
}

impl fmt::Debug for Keys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Keys").field(&self.source).finish()
    }
}

impl Keys {
    /// `given` by the caller, or in the file beside `database`; `None` for one in memory.
    pub fn new(given: Option<Key>, database: Option<&Path>) -> Self {
        let source = match (given, database) {
            (Some(key), _) => Source::Given(key),
            (None, Some(path)) => {
                let mut name = path.as_os_str().to_owned();
                name.push(".key");
                Source::File(name.into())
            }
            (None, None) => Source::Process,
        };
        Self { source, found: Mutex::default(), notices: OnceLock::new() }
    }

    /// A database is opened: its key file may be another one than before. `notices` hear of a key that others can read.
    pub(super) fn open(&self, notices: &Arc<Notices>) {
        // A database that is opened again tells whoever listened first.
        let _ = self.notices.set(Arc::clone(notices));
        *self.known() = None;
    }

    /// The key, if there is one.
    ///
    /// # Errors
    /// [`Error::Io`] for a key file that cannot be read, or that holds no key. Its text is in no message.
    pub fn find(&self) -> Result<Option<Key>> {
        let known = self.known().clone();
        if known.is_some() { Ok(known) } else { self.read() }
    }

    /// The key, or a new one in a new file if that is `allowed`; `None` if it is not. The file is read again: what a key encrypts
    /// that is in no file any more is lost when the process ends.
    ///
    /// # Errors
    /// As [`Keys::find`]; [`Error::Io`] if the file cannot be made.
    pub fn find_or_create(&self, allowed: impl FnOnce() -> Result<bool>) -> Result<Option<Key>> {
        if let Some(key) = self.read()? {
            return Ok(Some(key));
        }
        let Source::File(path) = &self.source else { return Ok(None) };
        if !allowed()? {
            return Ok(None);
        }
        let key = Key::random()?;
        match create(path, &key) {
            Ok(()) => {}
            // Another process was faster: its key is the key.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io(path, &error)),
        }
        self.read()
    }

    fn known(&self) -> MutexGuard<'_, Option<Key>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Result<Option<Key>> {
        let path = match &self.source {
            Source::Given(key) => return Ok(Some(key.clone())),
            Source::Process => return OF_PROCESS.clone().map(Some),
            Source::File(path) => path,
        };
        let text = match std::fs::read(path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(path, &error)),
        };
        let digits = std::str::from_utf8(&text).ok().map(str::trim_ascii).filter(|digits| digits.len() == 64);
        let key = digits.and_then(Key::parse).ok_or_else(|| Error::Io {
            path: path.display().to_string(),
            code: None,
            message: "the key file does not hold 64 hexadecimal digits".to_owned(),
        })?;
        let is_news = self.known().replace(key.clone()).is_none();
        if let (true, Some(notices)) = (is_news && others_can_read(path), self.notices.get()) {
            notices.warn(&format!("the key file {} can be read by others", path.display()));
        }
        Ok(Some(key))
    }
}

/// A key that came meanwhile is not written over. It must be on the disk before anything that only it opens, and it gets its
/// name when it is whole: half a key, of a process that was killed, would keep everybody from making one.
fn create(path: &Path, key: &Key) -> std::io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".partial-{}", std::process::id()));
    let partial = PathBuf::from(partial);
    // Of a dead process with our number.
    let _ = std::fs::remove_file(&partial);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&partial)?;
    file.write_all(key.to_hex().as_bytes()).and_then(|()| file.sync_all()).inspect_err(|_| {
        let _ = std::fs::remove_file(&partial);
    })?;
    store::publish(&partial, path)?;
    #[cfg(unix)]
    if let Some(directory) = path.parent() {
        std::fs::File::open(directory)?.sync_all()?;
    }
    Ok(())
}

#[cfg(unix)]
fn others_can_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

/// Elsewhere the directory decides.
#[cfg(not(unix))]
fn others_can_read(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_is_made_once_and_found_by_everybody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        let keys = || Keys::new(None, Some(&path));
        assert_eq!(keys().find().unwrap(), None);
        assert_eq!(keys().find_or_create(|| Ok(false)).unwrap(), None, "cells without a key: no second one");
        let made = keys().find_or_create(|| Ok(true)).unwrap().expect("a key");
        assert_eq!(keys().find().unwrap(), Some(made.clone()));
        assert_eq!(keys().find_or_create(|| panic!("it is there")).unwrap(), Some(made.clone()));
        let file = dir.path().join("x.db.key");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), *made.to_hex());
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(file).unwrap().permissions()) & 0o777,
            0o600
        );
    }

    #[test]
    fn a_key_whose_file_is_gone_opens_what_it_opened_and_encrypts_nothing_more() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::new(None, Some(&dir.path().join("x.db")));
        let made = keys.find_or_create(|| Ok(true)).unwrap().expect("a key");
        std::fs::remove_file(dir.path().join("x.db.key")).unwrap();
        assert_eq!(keys.find().unwrap(), Some(made.clone()));
        assert_eq!(keys.find_or_create(|| Ok(false)).unwrap(), None);
        let other = keys.find_or_create(|| Ok(true)).unwrap();
        assert!(other.is_some_and(|other| other != made));
    }

    #[test]
    fn nobody_ever_sees_half_a_key() {
        let dir = tempfile::tempdir().unwrap();
        for round in 0..50 {
            let path = dir.path().join(format!("{round}.db"));
            let seen = std::thread::scope(|scope| {
                let reader = scope.spawn(|| {
                    let keys = Keys::new(None, Some(&path));
                    std::iter::repeat_with(|| keys.find()).find_map(Result::transpose)
                });
                Keys::new(None, Some(&path)).find_or_create(|| Ok(true)).unwrap();
                reader.join().unwrap()
            });
            assert!(matches!(seen, Some(Ok(_))), "{round}: {seen:?}");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 50, "nothing is left over");
    }

    #[test]
    fn a_file_that_holds_no_key_is_an_error_and_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        for text in ["", "secret", &"g".repeat(64), &"0".repeat(63)] {
            std::fs::write(dir.path().join("x.db.key"), text).unwrap();
            let keys = Keys::new(None, Some(&path));
            let error = keys.find_or_create(|| Ok(true)).unwrap_err().to_string();
            assert!(error.ends_with("does not hold 64 hexadecimal digits"), "{error}");
            assert!(!error.contains("secret"));
            assert_eq!(std::fs::read_to_string(dir.path().join("x.db.key")).unwrap(), text);
        }
    }

    #[test]
    fn a_given_key_wins_and_memory_has_that_of_the_process() {
        let given = Key::random().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        let keys = Keys::new(Some(given.clone()), Some(&path));
        assert_eq!(keys.find_or_create(|| Ok(true)).unwrap(), Some(given));
        assert!(!dir.path().join("x.db.key").exists());
        let memory = || Keys::new(None, None).find().unwrap().expect("a key");
        assert_eq!(memory(), memory());
    }
}
