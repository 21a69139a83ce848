//! The exclusive lock on a data directory: two Tandems on one directory would each believe in
//! their own indexes. The lock ends with the process, however it ends; the file itself stays.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::error::{Error, Result};

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
        create(directory).map_err(|cause| unusable(directory, cause))?;
        let path = directory.join("tandem.lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|cause| unusable(directory, cause))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(directory, &mut file)),
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

fn held(directory: &Path, file: &mut File) -> Error {
    let mut holder = String::new();
    // The name is a courtesy: the lock is just as held when it cannot be read.
    let named = file.read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
    let holder = if named { holder.trim() } else { "another process" };
    Error::operator(
        "directory_locked",
        format!(
            "{} is in use by {holder}. Stop it first, or name another directory with --data-dir.",
            directory.display()
        ),
    )
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

/// Letters, profiles and password hashes live here: a directory made anew is its owner's alone.
/// One that was there keeps the mode it was given.
fn create(directory: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}
