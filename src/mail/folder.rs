//! Letters as files, for programs without a mail server: whoever runs Tandem passes them on. A file
//! appears whole or not at all, and nobody but its owner may read it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::clock::Moment;
use crate::db::files;

/// Writes a letter down; the same letter again takes the place of the first.
pub(super) fn lay_down(directory: &Path, id: i64, written_at: Moment, letter: &[u8]) -> io::Result<PathBuf> {
    make(directory)?;
    // tempfile makes its files readable by their owner alone.
    let mut file = tempfile::Builder::new().prefix(".letter-").tempfile_in(directory)?;
    file.write_all(letter)?;
    file.as_file().sync_all()?;
    let path = directory.join(name(id, written_at));
    file.persist(&path).map_err(|failure| failure.error)?;
    // The name itself is safe only once the directory is on the disk.
    #[cfg(unix)]
    std::fs::File::open(directory)?.sync_all()?;
    Ok(path)
}

/// A name that sorts by time and says which letter it is.
fn name(id: i64, written_at: Moment) -> String {
    format!("{}-{id:08}.eml", written_at.utc().format("%Y%m%dT%H%M%SZ"))
}

fn make(directory: &Path) -> io::Result<()> {
    files::make_private(directory)?;
    // One that was there already may have been open to others.
    #[cfg(unix)]
    std::fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}
