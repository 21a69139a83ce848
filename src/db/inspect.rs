//! A look into a data directory's database that changes nothing and that a server beside it does not notice: no
//! migration, no follower, no row written.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{BUSY_TIMEOUT_MS, Tx, open};
use crate::clock::Clock;
use crate::error::Result;

/// Refuses an `SQLite` that may lose data.
///
/// # Errors
/// `sqlite_too_old`.
pub fn check_sqlite() -> Result<()> {
    open::check_sqlite(rusqlite::version_number())
}

/// Runs `look` on one consistent view of the database in `directory`.
///
/// # Errors
/// Those of `look`; `foreign_database`, `newer_database` or `database_unusable` where it is no database of ours.
pub fn inspect<T>(directory: &Path, clock: &Clock, look: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
    let path = directory.join("tandem.db");
    // Not read-only, for a log that was left behind can be read only by who may write beside it; but nothing is made
    // that is not there, and nothing is written.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&path, flags).map_err(|cause| open::cannot_open(&path, cause))?;
    let prepare = |connection: &mut Connection| {
        connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
        open::prepare_reader(connection)
    };
    prepare(&mut connection).map_err(|cause| open::cannot_open(&path, cause))?;
    open::check_identity(&open::identity(&connection).map_err(|cause| open::cannot_open(&path, cause))?)?;
    let transaction = connection.transaction()?;
    look(&Tx::new(&transaction, clock.now()))
}
