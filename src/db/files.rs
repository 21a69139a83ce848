//! Files that are put in place whole: written beside, made durable, then renamed. It knows nothing
//! of what is in them, and never removes what it did not write.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::error::{Error, Result};

/// What the names of unfinished files begin with. Whoever holds the lock of their directory may sweep them away.
pub const UNFINISHED: &str = ".tandem-partial-";

/// Renames `from`, which is durable already, to `to` and makes the name durable too.
///
/// # Errors
/// What the machine says.
pub fn put_in_place(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)?;
    sync_directory(to.parent().unwrap_or(Path::new(".")))
}

/// Makes a new file that only its owner may read or write.
///
/// # Errors
/// What the machine says, also where there is one of that name already.
pub fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a directory, and what leads to it, that only its owner may look into; one that is there stays as it is.
///
/// # Errors
/// What the machine says.
pub fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Makes the names in a directory durable.
///
/// # Errors
/// What the machine says.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    // Elsewhere a directory cannot be opened, and its names are durable without.
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// Removes what a process that was cut off left half done in `directory`: what has names that begin with `prefix`,
/// which is `UNFINISHED` or begins with it.
///
/// # Errors
/// What the machine says.
pub fn sweep(directory: &Path, prefix: &str) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Bytes that may still be written to the file system of `directory`.
///
/// # Errors
/// What the machine says.
pub fn free_space(directory: &Path) -> io::Result<u64> {
    fs4::available_space(directory)
}

/// Bytes that the file system of `directory` holds in all.
///
/// # Errors
/// What the machine says.
pub fn total_space(directory: &Path) -> io::Result<u64> {
    fs4::total_space(directory)
}

/// Refuses work that needs more room than there is. `doing` begins the sentence: `A backup`.
///
/// # Errors
/// `no_room`, with both figures.
pub fn demand_room(doing: &str, needed: u64, free: u64) -> Result<()> {
    if needed <= free {
        return Ok(());
    }
    let mib = |bytes: u64| bytes.div_ceil(1024 * 1024);
    Err(Error::operator(
        "no_room",
        format!(
            "{doing} needs {} MiB of room on its disk, and {} MiB are free. Nothing was changed.",
            mib(needed),
            mib(free)
        ),
    ))
}

/// What stands in the way of a file, for whoever runs Tandem. `what` begins the sentence: `The backup`.
pub fn refusal(what: &str, cause: io::Error) -> Error {
    let (code, reason) = match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ("disk_full", "the disk is full"),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ("not_writable", "this user may not write there")
        }
        io::ErrorKind::NotFound => ("not_found", "it, or the directory it belongs in, is not there"),
        _ => ("file_trouble", "the disk reports an error"),
    };
    Error::operator(code, format!("{what} cannot be read or written: {reason}.")).because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_left_half_done_is_swept() {
        let home = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(home.path().join(format!("{UNFINISHED}a"))).expect("made");
        for name in [&format!("{UNFINISHED}a/x"), &format!("{UNFINISHED}b"), "whole"] {
            std::fs::write(home.path().join(name), "x").expect("written");
        }
        sweep(home.path(), UNFINISHED).expect("swept");
        let left: Vec<_> = std::fs::read_dir(home.path()).expect("readable").flatten().collect();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].file_name(), "whole");
    }

    #[test]
    fn room_is_asked_for_before_it_runs_out() {
        demand_room("A backup", 10, 10).expect("just enough");
        let refusal = demand_room("A backup", 5 * 1024 * 1024 + 1, 1024).expect_err("too little");
        assert_eq!(refusal.code, "no_room");
        assert!(refusal.message.contains("needs 6 MiB") && refusal.message.contains("1 MiB are free"), "{refusal}");
        assert!(free_space(Path::new(".")).expect("told") > 0);
    }
}
