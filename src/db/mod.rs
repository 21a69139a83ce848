//! The one SQLite file: one writer, many readers, numbered migrations, the lock on the data
//! directory. It knows no table of the rooms but `changes` and `settings`, and never retries.

pub mod copy;
pub mod files;
mod inspect;
mod lock;
mod open;
pub mod ours;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, TransactionBehavior, named_params};

use crate::clock::{Clock, Moment};
use crate::error::{Error, OrInternal, Result};
use crate::ids::MentorNo;
use crate::meters::Meters;

pub use inspect::{check_sqlite, inspect};
pub use lock::DirectoryLock;
pub use open::{DATABASE, READY, RESTORING, SNAPSHOT, newest_schema};

/// How long one connection waits for another to finish writing.
const BUSY_TIMEOUT_MS: u64 = 5_000;

/// Where the newest change that was swept out of the log is kept.
const CHANGES_SWEPT: &str = "changes_swept";

/// The version of `SQLite` that is built in.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// What about a mentor has changed; the roster and the indexes follow these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Texts, tags, visibility, or anything else an answer shows or filters by.
    Profile,
    /// Vectors were computed or dropped.
    Vectors,
    /// Open slots or booked sessions.
    Slots,
    /// The mentor is no more.
    Gone,
}

impl Change {
    const fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Vectors => "vectors",
            Self::Slots => "slots",
            Self::Gone => "gone",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "profile" => Self::Profile,
            "vectors" => Self::Vectors,
            "slots" => Self::Slots,
            _ => Self::Gone,
        }
    }
}

/// One row of the change log.
#[derive(Clone, Copy, Debug)]
pub struct Changed {
    /// Rises with every change, never reused.
    pub seq: u64,
    /// Whose change it was.
    pub mentor: MentorNo,
    /// What changed.
    pub change: Change,
}

/// The database: cheap to clone, all clones share one writer and one pool of readers.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    path: PathBuf,
    clock: Clock,
    id: [u8; 16],
    /// Closed before the writer: the last connection folds the log in, and a reader could not.
    readers: r2d2::Pool<SqliteConnectionManager>,
    writer: Mutex<Connection>,
    after_change: OnceLock<Box<dyn Fn() + Send + Sync>>,
    meters: Meters,
    /// Write transactions committed since it was opened.
    n_writes: AtomicU64,
}

impl Db {
    /// Opens or creates `tandem.db` in `directory`, migrating it to this binary's schema.
    ///
    /// # Errors
    /// Refuses a file that is no Tandem database, one from a newer Tandem, and an SQLite too old
    /// to be trusted; each with a sentence for the operator.
    pub fn open(directory: &Path, clock: Clock, n_readers: u32) -> Result<Self> {
        open::check_sqlite(rusqlite::version_number())?;
        let path = directory.join(DATABASE);
        let writer = open::writer(&path)?;
        let manager = SqliteConnectionManager::file(&path)
            .with_flags(rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .with_init(open::prepare_reader);
        let readers = r2d2::Pool::builder()
            .max_size(n_readers.max(1))
            .min_idle(Some(1))
            .build(manager)
            .or_internal("opening the readers of tandem.db")?;
        let id = open::database_id(&writer)?;
        let after_change = OnceLock::new();
        Ok(Self(Arc::new(Inner {
            path,
            clock,
            id,
            writer: Mutex::new(writer),
            readers,
            after_change,
            meters: Meters::new(),
            n_writes: AtomicU64::new(0),
        })))
    }

    /// The identity of this database, made once when it was created; copies of it share it.
    pub fn id(&self) -> [u8; 16] {
        self.0.id
    }

    /// The clock that fixes `now` in each transaction.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// What is counted and timed in this process; every room that has the database can reach it.
    pub fn meters(&self) -> &Meters {
        &self.0.meters
    }

    /// The data directory that this database lives in.
    pub fn directory(&self) -> &Path {
        self.0.path.parent().unwrap_or(Path::new("."))
    }

    /// How many write transactions were committed since it was opened: while this stays, so does the database.
    pub fn n_writes(&self) -> u64 {
        self.0.n_writes.load(Ordering::SeqCst)
    }

    /// Calls `follow` after every commit that wrote to the change log, before the write returns.
    /// It may be set once, by whoever wires the house together.
    pub fn follow_changes(&self, follow: impl Fn() + Send + Sync + 'static) {
        let already = self.0.after_change.set(Box::new(follow)).is_err();
        debug_assert!(!already, "only one follower may be wired");
    }

    /// Runs `work` in the one write transaction, on a blocking thread. An error rolls all of it back.
    ///
    /// # Errors
    /// Those of `work`, and `Busy` where the disk is full.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        let db = self.clone();
        tokio::task::spawn_blocking(move || db.write_here(work)).await.or_internal("writing")?
    }

    /// The same on the calling thread, for workers and commands.
    ///
    /// # Errors
    /// Those of `work`, and `Busy` where the disk is full.
    pub fn write_here<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        let asked = Instant::now();
        let (result, has_changed, waited) = {
            // A panic inside a transaction rolls it back when it is dropped: the connection stays usable.
            let mut writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let waited = asked.elapsed();
            let tx = Tx::new(&transaction, self.0.clock.now());
            let result = work(&tx)?;
            let has_changed = tx.has_changed.get();
            transaction.commit()?;
            self.0.n_writes.fetch_add(1, Ordering::SeqCst);
            (result, has_changed, waited)
        };
        self.0.meters.wrote(waited, asked.elapsed().saturating_sub(waited));
        if has_changed && let Some(follow) = self.0.after_change.get() {
            follow();
        }
        Ok(result)
    }

    /// Runs `work` in a write transaction that is rolled back whatever comes of it: for dry runs.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn rehearse_here<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        let mut writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        work(&Tx::new(&transaction, self.0.clock.now()))
    }

    /// Runs `work` in a write transaction on a copy of the database that is thrown away: for dry runs that take long,
    /// while others go on writing. The copy lies below `place`, its owner's alone.
    ///
    /// # Errors
    /// Those of `work`; where there is no room for the copy, that.
    pub fn rehearse_on_copy<T>(&self, place: &Path, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        std::fs::create_dir_all(place).or_internal("making room for a copy")?;
        let room = tempfile::tempdir_in(place).or_internal("making room for a copy")?;
        // Opening it proves it.
        copy::transfer(&self.0.path, &room.path().join(DATABASE), &AtomicBool::new(false))?;
        Self::open(room.path(), self.0.clock.clone(), 1)?.rehearse_here(work)
    }

    /// Runs `work` on one consistent view of the database, on a blocking thread.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        let db = self.clone();
        tokio::task::spawn_blocking(move || db.read_here(work)).await.or_internal("reading")?
    }

    /// The same on the calling thread, for workers and commands.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn read_here<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        let mut reader = self
            .0
            .readers
            .get()
            .map_err(|cause| Error::busy("busy", "Tandem is busy just now, please try again.").because(cause))?;
        let transaction = reader.transaction()?;
        work(&Tx::new(&transaction, self.0.clock.now()))
    }

    /// Folds the write-ahead log back into `tandem.db`, so that a stopped data directory is one plain file.
    ///
    /// # Errors
    /// Internal, where SQLite cannot.
    pub fn checkpoint(&self) -> Result<()> {
        let writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
        Ok(())
    }
}

/// A transaction in which time stands still. Reads take one too, so that store functions have one shape.
pub struct Tx<'a> {
    connection: &'a Connection,
    now: Moment,
    has_changed: std::cell::Cell<bool>,
}

impl<'a> Tx<'a> {
    fn new(connection: &'a Connection, now: Moment) -> Self {
        Self { connection, now, has_changed: std::cell::Cell::new(false) }
    }

    /// The moment this transaction takes place at. A write reads it after it holds the lock, so that
    /// times follow the order of commits.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// Notes in the change log that something about `mentor` has changed.
    ///
    /// # Errors
    /// Internal, where SQLite cannot.
    pub fn note(&self, mentor: MentorNo, change: Change) -> Result<()> {
        self.prepare_cached("insert into changes (mentor_number, kind, changed_at) values (:mentor, :kind, :now)")?
            .execute(named_params! { ":mentor": mentor, ":kind": change.name(), ":now": self.now })?;
        self.has_changed.set(true);
        Ok(())
    }

    /// The changes after `seq`, oldest first.
    ///
    /// # Errors
    /// Internal, where SQLite cannot.
    pub fn changes_after(&self, seq: u64) -> Result<Vec<Changed>> {
        let mut statement =
            self.prepare_cached("select seq, mentor_number, kind from changes where seq > :seq order by seq")?;
        let rows = statement.query_map(named_params! { ":seq": seq.cast_signed() }, |row| {
            Ok(Changed {
                seq: row.get::<_, i64>("seq")?.cast_unsigned(),
                mentor: row.get("mentor_number")?,
                change: Change::from_name(row.get_ref("kind")?.as_str()?),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The number of the newest change, 0 where there was none.
    ///
    /// # Errors
    /// Internal, where SQLite cannot.
    pub fn last_change(&self) -> Result<u64> {
        let seq: i64 = self
            .prepare_cached("select coalesce((select seq from sqlite_sequence where name = 'changes'), 0)")?
            .query_row([], |row| row.get(0))?;
        Ok(seq.cast_unsigned())
    }

    /// The identity of this database, made once when it was created.
    ///
    /// # Errors
    /// Internal, where it cannot be read.
    pub fn database_id(&self) -> Result<[u8; 16]> {
        open::database_id(self.connection)
    }

    /// Whether the log still holds every change after `seq`: where not, a copy that stands there cannot be replayed.
    ///
    /// # Errors
    /// Internal, where SQLite cannot.
    pub fn holds_changes_after(&self, seq: u64) -> Result<bool> {
        let swept = self.setting(CHANGES_SWEPT)?.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        Ok(seq >= swept)
    }

    /// Drops changes from before `moment`; what follows them has long caught up, or is made anew. Returns how many.
    ///
    /// # Errors
    /// Internal, where SQLite cannot.
    pub fn sweep_changes(&self, moment: Moment) -> Result<usize> {
        let newest: Option<i64> = self
            .prepare_cached("select max(seq) from changes where changed_at < :moment")?
            .query_row(named_params! { ":moment": moment }, |row| row.get(0))?;
        let Some(newest) = newest else { return Ok(0) };
        self.set_setting(CHANGES_SWEPT, &newest.to_string())?;
        Ok(self
            .prepare_cached("delete from changes where seq <= :newest")?
            .execute(named_params! { ":newest": newest })?)
    }

    /// The value of a setting that Tandem itself keeps, `None` where it was never set.
    ///
    /// # Errors
    /// Internal, where SQLite cannot.
    pub fn setting(&self, key: &str) -> Result<Option<String>> {
        use rusqlite::OptionalExtension;
        Ok(self
            .prepare_cached("select value from settings where key = :key")?
            .query_row(named_params! { ":key": key }, |row| row.get(0))
            .optional()?)
    }

    /// Sets such a value.
    ///
    /// # Errors
    /// Internal, where SQLite cannot.
    pub fn set_setting(&self, key: &str, value: &str) -> Result<()> {
        self.prepare_cached(
            "insert into settings (key, value) values (:key, :value)
             on conflict (key) do update set value = excluded.value",
        )?
        .execute(named_params! { ":key": key, ":value": value })?;
        Ok(())
    }

    /// Runs `work` so that its failure undoes only its own writes, for imports that take every good line.
    ///
    /// # Errors
    /// Those of `work`, after its writes are undone.
    pub fn savepoint<T>(&self, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        self.connection.execute_batch("savepoint line")?;
        match work(self) {
            Ok(done) => {
                self.connection.execute_batch("release line")?;
                Ok(done)
            }
            Err(refusal) => {
                self.connection.execute_batch("rollback to line; release line")?;
                Err(refusal)
            }
        }
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl From<rusqlite::Error> for Error {
    /// SQL that fails is a failure of Tandem's, except where the machine has run out of room.
    fn from(cause: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DiskFull, ReadOnly};
        match cause.sqlite_error_code() {
            Some(DiskFull) => {
                Self::busy("disk_full", "The disk is full: nothing was changed. Please tell whoever runs this.")
                    .because(cause)
            }
            Some(ReadOnly) => {
                Self::busy("read_only", "The data directory cannot be written to: nothing was changed.").because(cause)
            }
            Some(DatabaseBusy) => Self::busy("busy", "Tandem is busy just now, please try again.").because(cause),
            _ => Self::internal(cause),
        }
    }
}

impl rusqlite::ToSql for Moment {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(self.unix().into())
    }
}

impl rusqlite::types::FromSql for Moment {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        i64::column_result(value).map(Self::from_unix)
    }
}

#[cfg(test)]
mod tests;
