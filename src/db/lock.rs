//! The exclusive lock on a data directory: two Tandems on one directory would each believe in
//! their own indexes. A second lock keeps backups apart, which are made beside a server. A lock
//! ends with the process, however it ends; its file stays.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::files;
use crate::error::{Error, Result};

/// What a process holds of a data directory.
#[derive(Clone, Copy, Debug)]
enum Hold {
    /// All of it.
    Directory,
    /// The right to make a backup, which may be had beside a server.
    Backup,
}

/// Held while a process works on a data directory; dropping it lets the next one in.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Creates the directory where it is missing and takes its lock, noting `command` as the holder's name.
    ///
    /// # Errors
    /// `directory_locked` naming the process that holds it; `directory_unusable` where it cannot be written.
    pub fn take(directory: &Path, command: &str) -> Result<Self> {
        // Letters, profiles and password hashes live here: a directory made anew is its owner's alone.
        files::make_private(directory).map_err(|cause| unusable(directory, cause))?;
        Self::hold(directory, command, Hold::Directory)
    }

    /// Takes the right to make a backup of a directory, which a server may be holding meanwhile. There is never more
    /// than one backup under way, and none while a directory is being replaced.
    ///
    /// # Errors
    /// `backup_running` naming the process; `directory_unusable` where the directory is not there or cannot be written.
    pub fn take_for_backup(directory: &Path, command: &str) -> Result<Self> {
        Self::hold(directory, command, Hold::Backup)
    }

    fn hold(directory: &Path, command: &str, hold: Hold) -> Result<Self> {
        let path = directory.join(match hold {
            Hold::Directory => "tandem.lock",
            Hold::Backup => "backup.lock",
        });
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|cause| unusable(directory, cause))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(directory, &mut file, hold)),
            Err(TryLockError::Error(cause)) => return Err(unusable(directory, cause)),
        }
        let holder = format!("process {} (tandem {command})\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(holder.as_bytes()))
            .map_err(|cause| unusable(directory, cause))?;
        Ok(Self { _file: file })
    }
}

fn held(directory: &Path, file: &mut File, hold: Hold) -> Error {
    let mut holder = String::new();
    // The name is a courtesy: the lock is just as held when it cannot be read.
    let named = file.read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
    let holder = if named { holder.trim() } else { "another process" };
    match hold {
        Hold::Backup => Error::conflict("backup_running", format!("A backup is being made already, by {holder}.")),
        Hold::Directory => Error::operator(
            "directory_locked",
            format!(
                "{} is in use by {holder}. Stop it first, or name another directory with --data-dir.",
                directory.display()
            ),
        ),
    }
}

fn unusable(directory: &Path, cause: std::io::Error) -> Error {
    let hint = match cause.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            ": this user may not write there. Change its owner, or name another directory with --data-dir"
        }
        std::io::ErrorKind::StorageFull => ": the disk is full",
        _ => "",
    };
    Error::operator("directory_unusable", format!("The data directory {} cannot be used{hint}.", directory.display()))
        .because(cause)
}
