//! Opening `tandem.db`: identity, proof that it is whole, pragmas, migrations. It never repairs anything; a file that
//! is damaged, missing or half restored is refused with the way out, and an upgrade takes a proven copy first.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite_migration::{HookError, M, Migrations};

use super::copy::{self, Depth};
use super::{BUSY_TIMEOUT_MS, files};
use crate::error::{Error, OrInternal, Result};

/// The database's name in its directory, and in the directory of the snapshot.
pub const DATABASE: &str = "tandem.db";

/// Where in the data directory the newest proven copy lies, and the copies taken before upgrades.
pub const SNAPSHOT: &str = "snapshot";

/// Where in the data directory a restored database waits until it is proven.
pub const RESTORING: &str = "restoring";

/// In there: all of it is proven, and it is being moved into place.
pub const READY: &str = "ready";

/// The setting that names the file that passed the full check: a copy of it is another file, and is looked at anew.
const HOME: &str = "home";

/// Room beside the copy and the changed pages of an upgrade.
const SPARE_ROOM: u64 = 16 * 1024 * 1024;

/// Copies from before upgrades that are kept: each is as large as the database was. The newest is the way back from this
/// upgrade, the one before it from an upgrade that was soon followed by another; who goes further back has backups.
const BEFORE_KEPT: usize = 2;

/// What the names of those copies begin and end with; the schema they were taken before stands in between.
const BEFORE: (&str, &str) = ("before-schema-", ".db");

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
    refuse_unfinished(path)?;
    let has_log = std::fs::metadata(path.with_file_name("tandem.db-wal")).is_ok_and(|log| log.len() > 0);
    keep_private(path);
    let mut connection = Connection::open(path).map_err(|cause| cannot_open(path, cause))?;
    // A refusal leaves everything as it is: without this, closing would fold a suspect log into the file, and the next
    // start would find nothing wrong.
    keep_log(&connection, true).map_err(|cause| cannot_open(path, cause))?;
    prepare(&mut connection).map_err(|cause| cannot_open(path, cause))?;
    let found = identity(&connection).map_err(|cause| cannot_open(path, cause))?;
    check_identity(&found)?;
    let home = copy::home(path)?;
    if found.n_tables > 0 {
        prove(&connection, path, home.as_deref(), has_log)?;
    }
    keep_log(&connection, false).map_err(|cause| cannot_open(path, cause))?;
    connection.pragma_update(None, "journal_mode", "wal").map_err(|cause| cannot_open(path, cause))?;
    // A confirmed booking is a promise: it must survive a power cut.
    connection.pragma_update(None, "synchronous", "full")?;
    // What is erased is written over with zeros: a person who is gone is not to be found in the file's free pages. Not
    // `fast`, which leaves the free pages as they are, where long texts lie. It costs a booking's writes some
    // hundredths of a millisecond, which the flush to the disk that follows hides.
    connection.pragma_update(None, "secure_delete", true)?;
    // A log that grew during an import gives its space back.
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    if found.application != APPLICATION_ID {
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    upgrade(&mut connection, path, &found, MIGRATIONS)?;
    if let Some(home) = home {
        note_home(&connection, &home)?;
    }
    Ok(connection)
}

fn keep_log(connection: &Connection, is_kept: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_kept).map(drop)
}

/// Makes the database its owner's alone, whoever may look into the directory; SQLite gives its log the same
/// permissions. Where that cannot be, opening it says why, or `tandem doctor` does.
fn keep_private(path: &Path) {
    if files::create_private(path).is_ok() {
        return;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let is_open = std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
        if is_open && let Err(cause) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)) {
            tracing::warn!(%cause, "others on this machine can read {}", path.display());
        }
    }
}

/// Refuses a directory whose database is not there although there was one: an empty one in its place would look like
/// a loss of everything.
fn refuse_unfinished(path: &Path) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    if directory.join(RESTORING).join(READY).exists() {
        return Err(Error::operator(
            "restore_interrupted",
            format!(
                "A restore into {} was cut off before its end. Run `tandem restore FILE --replace` again; what was there before lies in a directory named replaced-….",
                directory.display()
            ),
        ));
    }
    let is_empty = std::fs::metadata(path).map_or(true, |file| file.len() == 0);
    if is_empty && directory.join(SNAPSHOT).join(DATABASE).exists() {
        return Err(Error::operator(
            "database_missing",
            format!("{} is not there, or is empty, although it was. {}", path.display(), way_back(path)),
        ));
    }
    Ok(())
}

/// Looks at the whole file before anything is read from it. Where it is the very file that was opened before, the log
/// beside it makes it whole whatever happened, and the quick check is enough. A file that was copied here gets the full
/// one. A copy with a log beside it was made while Tandem ran, or after it died: file and log may be of two moments,
/// which no check sees (measured over a slow line: about one copy in a hundred passed them all), so only a person can say what it is worth.
fn prove(connection: &Connection, path: &Path, home: Option<&str>, has_log: bool) -> Result<()> {
    let noted: Option<String> = connection
        .query_row("select value from settings where key = :key", rusqlite::named_params! { ":key": HOME }, |row| {
            row.get(0)
        })
        .ok();
    let is_copy = home.is_some() && noted.is_some() && noted.as_deref() != home;
    let depth = if home.is_some() && noted.as_deref() == home { Depth::Quick } else { Depth::Full };
    if let Some(problem) = copy::problem(connection, depth).map_err(|cause| cannot_open(path, cause))? {
        return Err(torn(path).because(anyhow::anyhow!(problem)));
    }
    if is_copy && has_log { Err(copied(path)) } else { Ok(()) }
}

fn copied(path: &Path) -> Error {
    Error::operator(
        "database_copied",
        format!(
            "{} was copied with its log while Tandem ran, or after it died, so it may be of two moments. It was left untouched. {} If Tandem did not run while it was copied, `tandem serve --recover as-is` takes it as it is.",
            path.display(),
            way_back(path)
        ),
    )
}

fn note_home(connection: &Connection, home: &str) -> Result<()> {
    connection.execute(
        "insert into settings (key, value) values (:key, :home)
         on conflict (key) do update set value = excluded.value where value <> excluded.value",
        rusqlite::named_params! { ":key": HOME, ":home": home },
    )?;
    Ok(())
}

fn torn(path: &Path) -> Error {
    Error::operator(
        "database_torn",
        format!(
            "{} is damaged, or was copied while Tandem wrote to it. It was left untouched. {}",
            path.display(),
            way_back(path)
        ),
    )
}

/// What to do about a database that cannot be used.
fn way_back(path: &Path) -> &'static str {
    let snapshot = path.with_file_name(SNAPSHOT).join(DATABASE);
    if snapshot.exists() {
        "`tandem serve --recover` starts from the proven copy in snapshot/ and keeps the damaged file; or restore a backup with `tandem restore FILE --replace`."
    } else {
        "Restore a backup with `tandem restore FILE --replace`, or move the file away to start anew."
    }
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
    pub(super) version: i32,
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
    let newest = newest_schema();
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

/// The schema that this binary brings databases to.
pub fn newest_schema() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// Brings the database to the newest of `migrations`: all of them and the proof that it is sound after, or nothing. A
/// database that is not empty is copied first, and the copy proven.
pub(super) fn upgrade(
    connection: &mut Connection,
    path: &Path,
    found: &Identity,
    migrations: &'static [&'static str],
) -> Result<()> {
    let newest = migrations.len();
    let is_behind = usize::try_from(found.version).is_ok_and(|version| version < newest);
    if !is_behind || found.n_tables == 0 {
        return migrate(connection, migrations, false).or_internal("making the tables of tandem.db");
    }
    let before = format!("{SNAPSHOT}/{}{newest}{}", BEFORE.0, BEFORE.1);
    tracing::info!(from = found.version, to = newest, "upgrading the database; a copy goes to {before}");
    let kept = path.with_file_name(&before);
    keep_before(path, &kept)?;
    migrate(connection, migrations, true).map_err(|cause| {
        Error::operator(
            "upgrade_failed",
            format!(
                "{} could not be brought from schema {} to {newest}. All of it was undone: the database is as it was. Go on with the Tandem you had before; a proven copy from before lies in {}.",
                path.display(),
                found.version,
                kept.display()
            ),
        )
        .because(cause)
    })?;
    if let Err(cause) = prune_before(&path.with_file_name(SNAPSHOT)) {
        tracing::warn!(%cause, "copies from before earlier upgrades could not be removed");
    }
    Ok(())
}

/// Removes the oldest copies from before upgrades, once a newer one was not needed.
fn prune_before(place: &Path) -> std::io::Result<()> {
    let mut copies = Vec::new();
    for entry in std::fs::read_dir(place)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let schema = name.strip_prefix(BEFORE.0).and_then(|rest| rest.strip_suffix(BEFORE.1));
        if let Some(schema) = schema.and_then(|it| it.parse::<u32>().ok()) {
            copies.push((schema, entry.path()));
        }
    }
    copies.sort();
    let n_old = copies.len().saturating_sub(BEFORE_KEPT);
    copies.into_iter().take(n_old).try_for_each(|(_, path)| std::fs::remove_file(path))
}

fn keep_before(path: &Path, kept: &Path) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let bytes = size(path) + size(&path.with_file_name("tandem.db-wal"));
    let free = files::free_space(directory).or_internal("asking for the free space")?;
    files::demand_room("Upgrading the database", bytes * 2 + SPARE_ROOM, free)?;
    let place = directory.join(SNAPSHOT);
    std::fs::create_dir_all(&place).map_err(|cause| files::refusal("The copy before the upgrade", cause))?;
    files::sweep(&place, files::UNFINISHED).map_err(|cause| files::refusal("The copy before the upgrade", cause))?;
    let partial = place.join(format!("{}before", files::UNFINISHED));
    copy::copy(path, &partial, &false.into())?;
    files::put_in_place(&partial, kept).map_err(|cause| files::refusal("The copy before the upgrade", cause))
}

/// All in one transaction, with the proof of what came out where there were rows before.
fn migrate(
    connection: &mut Connection,
    migrations: &'static [&'static str],
    has_rows: bool,
) -> Result<(), rusqlite_migration::Error> {
    let mut steps: Vec<M<'_>> = migrations.iter().map(|sql| M::up(sql)).collect();
    if has_rows && let (Some(last), Some(sql)) = (steps.last_mut(), migrations.last()) {
        *last = M::up_with_hook(sql, |tx: &rusqlite::Transaction<'_>| match copy::problem(tx, Depth::Quick)? {
            None => Ok(()),
            Some(problem) => Err(HookError::Hook(problem)),
        });
    }
    Migrations::new(steps).to_latest(connection)
}

pub(super) fn cannot_open(path: &Path, cause: rusqlite::Error) -> Error {
    let refusal = match cause.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => {
            format!("is not a database, or is damaged. It was left untouched. {}", way_back(path))
        }
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => return torn(path).because(cause),
        Some(rusqlite::ErrorCode::DiskFull) => "cannot be opened: the disk is full.".to_owned(),
        Some(
            rusqlite::ErrorCode::ReadOnly | rusqlite::ErrorCode::PermissionDenied | rusqlite::ErrorCode::CannotOpen,
        ) => "cannot be opened for writing: check who owns the data directory.".to_owned(),
        _ => "cannot be opened.".to_owned(),
    };
    Error::operator("database_unusable", format!("{} {refusal}", path.display())).because(cause)
}
