//! Opening `tandem.db`: pragmas, identity, refusals, migrations. It never repairs anything.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite_migration::{M, Migrations};

use super::BUSY_TIMEOUT_MS;
use crate::error::{Error, OrInternal, Result};

/// "TNDM": written into the file's header so that `file` and other programs can tell what it is.
const APPLICATION_ID: i32 = 0x544E_444D;

/// SQLite below 3.51.3 can lose committed data when the write-ahead log is reset.
const OLDEST_SQLITE: i32 = 3_051_003;

pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_start.sql"),
    include_str!("migrations/0002_accounts.sql"),
    include_str!("migrations/0003_office_hours.sql"),
    include_str!("migrations/0004_programs.sql"),
];

/// Refuses an SQLite that may corrupt the file.
pub(super) fn check_sqlite(version: i32) -> Result<()> {
    if version >= OLDEST_SQLITE {
        return Ok(());
    }
    let (major, minor, patch) = (version / 1_000_000, version / 1000 % 1000, version % 1000);
    Err(Error::operator(
        "sqlite_too_old",
        format!(
            "This build carries SQLite {major}.{minor}.{patch}; versions below 3.51.3 can lose data. Build Tandem with its bundled SQLite."
        ),
    ))
}

/// Opens the one writer, creating and migrating the file as needed.
pub(super) fn writer(path: &Path) -> Result<Connection> {
    let mut connection = Connection::open(path).map_err(|cause| cannot_open(path, cause))?;
    prepare(&mut connection).map_err(|cause| cannot_open(path, cause))?;
    let found = identity(&connection).map_err(|cause| cannot_open(path, cause))?;
    check_identity(&found)?;
    connection.pragma_update(None, "journal_mode", "wal").map_err(|cause| cannot_open(path, cause))?;
    // A confirmed booking is a promise: it must survive a power cut.
    connection.pragma_update(None, "synchronous", "full")?;
    // A log that grew during an import gives its space back.
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    if found.application != APPLICATION_ID {
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    migrate(&mut connection)?;
    Ok(connection)
}

/// Sets up a reader of the pool.
pub(super) fn prepare_reader(connection: &mut Connection) -> rusqlite::Result<()> {
    prepare(connection)?;
    connection.pragma_update(None, "query_only", true)
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS))?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // SQLite's own `lower` and `like` know the case of ASCII letters alone, and names have others.
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection
        .create_scalar_function("unicode_lower", 1, flags, |call| Ok(call.get_raw(0).as_str()?.to_lowercase()))?;
    connection.pragma_update(None, "temp_store", "memory")
}

/// The random identity written by the first migration.
pub(super) fn database_id(connection: &Connection) -> Result<[u8; 16]> {
    let text: String =
        connection.query_row("select value from settings where key = 'database_id'", [], |row| row.get(0))?;
    let id = u128::from_str_radix(&text, 16).or_internal("reading the database's id")?;
    Ok(id.to_be_bytes())
}

/// What a file says of itself.
pub(super) struct Identity {
    application: i32,
    version: i32,
    n_tables: i32,
}

pub(super) fn identity(connection: &Connection) -> rusqlite::Result<Identity> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let n_tables = connection.query_row("select count(*) from sqlite_schema", [], |row| row.get(0))?;
    Ok(Identity { application: pragma("application_id")?, version: pragma("user_version")?, n_tables })
}

pub(super) fn check_identity(found: &Identity) -> Result<()> {
    if found.n_tables > 0 && found.application != APPLICATION_ID {
        return Err(Error::operator(
            "foreign_database",
            "The tandem.db in this data directory was not made by Tandem. It was left untouched.",
        ));
    }
    let version = found.version;
    let newest = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    if version > newest {
        return Err(Error::operator(
            "newer_database",
            format!(
                "This data directory was last used by a newer Tandem (its schema is {version}, this binary knows {newest}). It was left untouched: run the newer binary, or restore a backup made with this one."
            ),
        ));
    }
    Ok(())
}

fn migrate(connection: &mut Connection) -> Result<()> {
    Migrations::new(MIGRATIONS.iter().map(|sql| M::up(sql)).collect())
        .to_latest(connection)
        .or_internal("bringing tandem.db to this version's schema")
}

pub(super) fn cannot_open(path: &Path, cause: rusqlite::Error) -> Error {
    let refusal = match cause.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => {
            "is not a database, or is damaged. It was left untouched: restore a backup, or move it away to start anew"
        }
        Some(rusqlite::ErrorCode::DiskFull) => "cannot be opened: the disk is full",
        Some(
            rusqlite::ErrorCode::ReadOnly | rusqlite::ErrorCode::PermissionDenied | rusqlite::ErrorCode::CannotOpen,
        ) => "cannot be opened for writing: check who owns the data directory",
        _ => "cannot be opened",
    };
    Error::operator("database_unusable", format!("{} {refusal}.", path.display())).because(cause)
}
