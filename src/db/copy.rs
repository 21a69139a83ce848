//! Copies of a database, made while others write to it, and the proof that a file is a whole
//! database. Nothing here changes the database that is copied or looked at.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

use super::{BUSY_TIMEOUT_MS, files, open};
use crate::error::{Error, OrInternal, Result};

/// Pages copied at a time: one MiB, which is then made durable. So there is never much to be flushed at once, which
/// would hold up a booking that waits for the same disk.
const PAGES: i32 = 256;

/// How long others have the disk to themselves between two steps.
const PAUSE: Duration = Duration::from_millis(2);

/// Problems named of a damaged file.
const NAMED_PROBLEMS: u32 = 3;

/// What a database says of itself and how many rows each of its tables has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Census {
    /// The number of its newest migration.
    pub schema: i32,
    /// Its identity, which its copies share.
    pub database_id: String,
    /// Rows by table.
    pub counts: BTreeMap<String, u64>,
}

/// How closely a file is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Every page and row, and that what refers to something refers to something that is there.
    Quick,
    /// That each index holds what its table holds, too.
    Full,
}

/// Copies the database at `from` to the new file `to`, while others go on reading and writing, and proves the copy by opening it:
/// sound to its indexes, and with the rows that the original had when the copy began. The copy is one plain file,
/// durable when this returns; it is its owner's alone. Gives up when `halt` is set.
///
/// # Errors
/// `stopping` where `halt` was set; otherwise what stands in the way.
pub fn copy(from: &Path, to: &Path, halt: &AtomicBool) -> Result<Census> {
    let seen = transfer(from, to, halt)?;
    let found = check(to, Depth::Full)?;
    if found == seen {
        Ok(found)
    } else {
        Err(Error::internal(anyhow::anyhow!("the copy has other rows than the original: {seen:?}, {found:?}")))
    }
}

/// The same without the proof, for whoever opens the copy next and so proves it; gives back what the original held.
pub(super) fn transfer(from: &Path, to: &Path, halt: &AtomicBool) -> Result<Census> {
    let source = open_beside_others(from)?;
    // One view of the source for the count and for every step: a write in between starts nothing over, and waits for
    // nothing, because readers do not hold up the writer.
    source.execute_batch("begin")?;
    let seen = census(&source)?;
    let file = files::create_private(to).map_err(|cause| files::refusal("The copy", cause))?;
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    target.pragma_update(None, "synchronous", "off")?;
    run(&source, &mut target, &file, halt)?;
    // The copy rests without a write-ahead log, so that it can be opened where nothing may be written.
    target.pragma_update(None, "journal_mode", "delete")?;
    target.close().map_err(|(_, cause)| cause)?;
    drop(source);
    file.sync_all().map_err(|cause| files::refusal("The copy", cause))?;
    Ok(seen)
}

fn run(source: &Connection, target: &mut Connection, file: &File, halt: &AtomicBool) -> Result<()> {
    let copying = Backup::new(source, target)?;
    loop {
        if halt.load(Ordering::SeqCst) {
            return Err(stopping());
        }
        if copying.step(PAGES)? == StepResult::Done {
            return Ok(());
        }
        file.sync_data().map_err(|cause| files::refusal("The copy", cause))?;
        std::thread::sleep(PAUSE);
    }
}

/// The refusal of work that was given up because Tandem stops.
pub fn stopping() -> Error {
    Error::busy("stopping", "Tandem is stopping, so this was given up.")
}

/// Proves that the file at `path` is a whole database of Tandem's, and counts its rows.
///
/// # Errors
/// `damaged_database`, `foreign_database` or `newer_database`.
pub fn check(path: &Path, depth: Depth) -> Result<Census> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|it| broken(&it))?;
    connection.pragma_update(None, "trusted_schema", false).map_err(|it| broken(&it))?;
    open::check_identity(&open::identity(&connection).map_err(|it| broken(&it))?)?;
    if let Some(problem) = problem(&connection, depth).map_err(|it| broken(&it))? {
        return Err(damaged(&problem));
    }
    census(&connection)
}

/// Counts the rows of a database that nobody has open, folding its write-ahead log in first.
///
/// # Errors
/// `damaged_database` where it cannot be read.
pub fn count_at_rest(path: &Path) -> Result<Census> {
    let connection = open_beside_others(path)?;
    connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).map_err(|it| broken(&it))?;
    census(&connection)
}

/// What is wrong with a database, `None` where it is sound.
pub(super) fn problem(connection: &Connection, depth: Depth) -> rusqlite::Result<Option<String>> {
    connection.pragma_update(None, "cell_size_check", true)?;
    let pragma = match depth {
        Depth::Quick => "quick_check",
        Depth::Full => "integrity_check",
    };
    let mut statement = connection.prepare(&format!("pragma {pragma}({NAMED_PROBLEMS})"))?;
    let lines: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    if lines != ["ok"] {
        return Ok(Some(lines.join("; ")));
    }
    let mut statement = connection.prepare("pragma foreign_key_check")?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
    Ok(Some(format!("a row of {table} refers to a row of {parent} that is not there")))
}

fn census(connection: &Connection) -> Result<Census> {
    count(connection).map_err(|cause| broken(&cause))
}

fn count(connection: &Connection) -> rusqlite::Result<Census> {
    let mut statement = connection
        .prepare("select name from sqlite_schema where type = 'table' and name not glob 'sqlite_*' order by name")?;
    let tables: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut counts = BTreeMap::new();
    for table in tables {
        let quoted = table.replace('"', "\"\"");
        let n: i64 = connection.query_row(&format!("select count(*) from \"{quoted}\""), [], |row| row.get(0))?;
        counts.insert(table, n.cast_unsigned());
    }
    let schema = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let database_id =
        connection.query_row("select value from settings where key = 'database_id'", [], |row| row.get(0))?;
    Ok(Census { schema, database_id, counts })
}

/// A connection that changes nothing, beside a server or without one. It may write to the files beside the database:
/// only so can it read one that was not closed in good order, and fold the log in when it is the last to leave.
fn open_beside_others(path: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|it| broken(&it))?;
    connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
    connection.pragma_update(None, "trusted_schema", false).map_err(|it| broken(&it))?;
    connection.pragma_update(None, "query_only", true).map_err(|it| broken(&it))?;
    open::check_identity(&open::identity(&connection).map_err(|it| broken(&it))?)?;
    Ok(connection)
}

/// SQLite could not even look: damage by its own words, or what else it was.
pub(super) fn broken(cause: &rusqlite::Error) -> Error {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match cause.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => damaged(&cause.to_string()),
        _ => Error::operator("database_unreadable", "The database cannot be read.")
            .because(anyhow::anyhow!(cause.to_string())),
    }
}

fn damaged(problem: &str) -> Error {
    Error::operator("damaged_database", "The database is damaged.").because(anyhow::anyhow!(problem.to_owned()))
}

/// Which file this is, as long as it stays where it is: a copy of it is another. `None` where the system cannot tell.
/// The device is no part of it, because its number may be another after each start of the machine.
pub(super) fn home(path: &Path) -> Result<Option<String>> {
    let metadata = std::fs::metadata(path).or_internal("looking at tandem.db")?;
    #[cfg(unix)]
    let home = {
        use std::os::unix::fs::MetadataExt;
        let born = metadata.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        Some(format!("{}:{}", metadata.ino(), born.map_or(0, |at| at.as_nanos())))
    };
    #[cfg(not(unix))]
    let home = {
        drop(metadata);
        None
    };
    Ok(home)
}
