#![forbid(unsafe_code)]
//! Whether a directory is on a network or shared file system, where WAL's shared memory does not work
//! (sqlite.org/wal.html: "All processes using a database must be on the same host computer").

use std::path::Path;

/// Whether this process may change the database at `path`: the file, and the directory in which SQLite keeps its journal.
pub fn may_change(path: &Path) -> bool {
    // A name without a directory is in the working directory.
    let directory = path.parent().map(|it| if it.as_os_str().is_empty() { Path::new(".") } else { it });
    may_write(path) && directory.is_none_or(may_write)
}

/// Whether this process may write to the file or directory at `path`.
#[cfg(unix)]
pub fn may_write(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

/// Whether the file at `path` is not marked as read-only; the rest is known only once it was tried.
#[cfg(not(unix))]
pub fn may_write(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.is_dir() || !file.permissions().readonly())
}

/// The name of the network or shared file system that holds `directory`; `None` for a local one or an unknown one.
#[cfg(target_os = "linux")]
pub(super) fn shared_filesystem(directory: &Path) -> Option<&'static str> {
    let magic = rustix::fs::statfs(directory).ok()?.f_type;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "magic numbers are 32 bits wide")]
    name_of(magic as u32)
}

/// File-system magic numbers of statfs(2).
#[cfg(any(target_os = "linux", test))]
fn name_of(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x0000_6969 => "NFS",
        0x0000_517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x0102_1997 => "9p",
        // virtiofs answers with FUSE's number.
        0x6573_5546 => "FUSE",
        0x786f_4256 => "vboxsf",
        0x5346_4846 => "drvfs",
        0x5346_414f => "AFS",
        0x00c3_6400 => "Ceph",
        0x0bd0_0bd0 => "Lustre",
        _ => return None,
    })
}

/// On Windows a UNC path is a share; a mapped drive cannot be told apart without calling the system.
#[cfg(windows)]
pub(super) fn shared_filesystem(directory: &Path) -> Option<&'static str> {
    use std::path::{Component, Prefix};
    match directory.components().next() {
        Some(Component::Prefix(prefix)) if matches!(prefix.kind(), Prefix::UNC(..) | Prefix::VerbatimUNC(..)) => {
            Some("SMB")
        }
        _ => None,
    }
}

/// Elsewhere SQLite itself refuses WAL where shared memory is missing.
#[cfg(not(any(target_os = "linux", windows)))]
pub(super) fn shared_filesystem(_directory: &Path) -> Option<&'static str> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_and_shared_file_systems_are_known_by_their_number() {
        for (magic, name) in [(0x6969, "NFS"), (0xfe53_4d42, "SMB"), (0x0102_1997, "9p"), (0x6573_5546, "FUSE")] {
            assert_eq!(name_of(magic), Some(name));
        }
        assert_eq!(name_of(0xef53), None, "ext4 is local");
    }
}
