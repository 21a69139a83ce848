//! Backups that prove themselves, the snapshot that any copy of the data directory holds, and the ways back. Nothing
//! is called a backup before it was restored on trial; nothing that was there is removed by a restore. What stands in
//! `tandem.db` and the secret keys beside it is all there is to keep: the indexes are copies and come back.

mod archive;
mod drill;
mod keeper;
mod letters;
mod make;
mod manifest;
mod restore;
mod snapshot;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::accounts::people::{self, Filter};
use crate::accounts::{Role, Status};
use crate::audit::{self, Actor, Entry};
use crate::clock::Moment;
use crate::config::{self, Config};
use crate::db::{DATABASE, Db, SNAPSHOT, Tx};
use crate::error::{OrInternal, Result};
use crate::hex::hex;
use crate::mail::{self, Letter, Letterhead};
use crate::matching::Embedder;

pub use keeper::Keeper;
pub use make::{Made, make};
pub use manifest::{Manifest, Member};
pub use restore::{Restored, restore, verify};
pub use snapshot::{Recovered, Snapshot, is_recoverable, recover, take_as_is};

/// The setting that remembers how the last backup went.
const RECORD: &str = "backup_record";

/// What the audit log calls the one who makes backups.
const ACTOR: &str = "backup";

/// Seconds until a backup that failed is tried again.
const TRY_AGAIN: i64 = 15 * 60;

/// Admins who are told, at most.
const MOST_TOLD: u32 = 100;

/// Where a data directory keeps its own backups.
pub fn folder(data: &Path) -> PathBuf {
    data.join("backups")
}

/// Makes backups and snapshots of the house that is open, and knows how they stand.
pub struct Backups {
    db: Db,
    settings: config::Backup,
    head: Letterhead,
    embedder: Arc<Embedder>,
    memory: Mutex<Memory>,
}

/// What is not in the database: a full disk takes no note of the backup that failed for want of room.
#[derive(Default)]
struct Memory {
    failing: Option<Failing>,
    next_try: Option<Moment>,
    /// The writes of this process that the snapshot holds.
    held_writes: Option<u64>,
    snapshot_failing: Option<String>,
}

/// Since when backups fail, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// The first failure after the last good backup.
    pub since: Moment,
    /// Why the newest try failed, in a sentence without a path.
    pub reason: String,
}

/// How the last backup went, as the database remembers it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Record {
    last_at: Option<Moment>,
    failing: Option<Failing>,
    drill: Option<Drill>,
}

/// How the last drill went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Drill {
    at: Moment,
    /// Why the backup could not be restored, in a sentence without a path, if it could not.
    reason: Option<String>,
}

/// How backups and the snapshot stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// When the newest good backup was made, by the server or by the command.
    pub last_at: Option<Moment>,
    /// Since when they fail, if they do.
    pub failing: Option<Failing>,
    /// Whether the newest is older than twice the time between two.
    pub is_overdue: bool,
    /// When the snapshot was taken.
    pub snapshot_at: Option<Moment>,
    /// Why the snapshot could not be refreshed, if it could not.
    pub snapshot_failing: Option<String>,
    /// When the newest backup was last restored on trial and asked a question.
    pub drilled_at: Option<Moment>,
    /// Why that failed, if it did.
    pub drill_failing: Option<String>,
}

impl Standing {
    /// One word: `ok`, `failing`, `overdue`, or `none yet`.
    pub fn word(&self) -> &'static str {
        match self {
            Self { failing: Some(_), .. }
            | Self { snapshot_failing: Some(_), .. }
            | Self { drill_failing: Some(_), .. } => "failing",
            Self { is_overdue: true, .. } => "overdue",
            Self { last_at: None, .. } => "none yet",
            _ => "ok",
        }
    }
}

impl Backups {
    /// Of this house.
    pub fn of(config: &Config, db: &Db, embedder: &Arc<Embedder>) -> Self {
        let (settings, embedder) = (config.backup.clone(), Arc::clone(embedder));
        Self { db: db.clone(), settings, head: Letterhead::of(config), embedder, memory: Mutex::default() }
    }

    /// Starts the thread that takes snapshots and makes backups when they are due. The first snapshot of a directory
    /// that has none is taken before this returns: from then on a copy of the directory holds one.
    ///
    /// # Errors
    /// Internal, where a thread cannot be had.
    pub fn keep(self: &Arc<Self>) -> Result<Keeper> {
        if !self.data().join(SNAPSHOT).join(DATABASE).is_file() {
            self.refresh_snapshot(&AtomicBool::new(false));
        }
        Keeper::start(Arc::clone(self))
    }

    /// Does what is due now. What fails is noted and told, and tried again later.
    pub fn round(&self, halt: &AtomicBool) {
        let now = self.db.clock().now();
        let every = i64::from(self.settings.snapshot_minutes) * 60;
        // A clock that was set back must not put anything off: what was made after now says nothing.
        let is_fresh = |last: Snapshot| last.made_at <= now && now < last.made_at.plus_seconds(every);
        if !snapshot::last(self.data()).is_some_and(is_fresh) {
            self.refresh_snapshot(halt);
        }
        match self.is_backup_due(now) {
            Ok(true) => drop(self.make("serve", halt)),
            Ok(false) => {}
            Err(refusal) => tracing::error!(cause = refusal.cause(), "whether a backup is due is not known: {refusal}"),
        }
        if let Err(refusal) = self.drill_if_due(halt) {
            tracing::error!(
                cause = refusal.cause(),
                "the drill cannot be held, or its outcome written down: {refusal}"
            );
        }
    }

    /// Holds the drill where it is due: every so many days, and a day after it failed.
    fn drill_if_due(&self, halt: &AtomicBool) -> Result<()> {
        if self.settings.drill_days == 0 || halt.load(Ordering::SeqCst) {
            return Ok(());
        }
        let now = self.db.clock().now();
        let (last, id) = self.db.read_here(|tx| Ok((record(tx)?.drill, hex(&tx.database_id()?))))?;
        let days = |last: &Drill| if last.reason.is_none() { i64::from(self.settings.drill_days) } else { 1 };
        if last.as_ref().is_some_and(|last| last.at <= now && now < last.at.plus_days(days(last))) {
            return Ok(());
        }
        let Some((_, file)) = listed(self.data(), &id)?.pop() else { return Ok(()) };
        let reason = match drill::run(&file, self.data(), self.db.clock(), &self.embedder, halt) {
            Ok(()) => None,
            Err(refusal) if ["backup_running", "stopping"].contains(&refusal.code) => return Ok(()),
            Err(refusal) => {
                tracing::error!(cause = refusal.cause(), "the newest backup could not be restored on trial: {refusal}");
                Some(refusal.message.into_owned())
            }
        };
        let had_failed = last.is_some_and(|last| last.reason.is_some());
        self.db.write_here(|tx| {
            if let Some(reason) = reason.as_deref().filter(|_| !had_failed) {
                self.tell_admins(tx, |email, name| letters::drill_failed(&self.head, email, name, reason))?;
            }
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            note(
                tx,
                if reason.is_none() { "backup.drilled" } else { "backup.drill_failed" },
                &name,
                json!({ "reason": reason }),
            )?;
            set_record(tx, &Record { drill: Some(Drill { at: now, reason }), ..record(tx)? })
        })
    }

    fn is_backup_due(&self, now: Moment) -> Result<bool> {
        if self.settings.every_hours == 0 || self.memory().next_try.is_some_and(|next| now < next) {
            return Ok(false);
        }
        let every = i64::from(self.settings.every_hours) * 3_600;
        let last_at = self.db.read_here(|tx| last_made(tx, self.data()))?;
        Ok(last_at.is_none_or(|last| last.plus_seconds(every) <= now))
    }

    /// Makes a backup in the directory's own place and in the second one, and removes those that are too many. Its
    /// outcome is noted; when backups begin to fail, admins get one letter.
    ///
    /// # Errors
    /// `backup_running` and `stopping`, which are no failures; otherwise what stands in the way.
    pub fn make(&self, command: &str, halt: &AtomicBool) -> Result<Made> {
        let (made, outcome) = match make(self.data(), None, self.db.clock(), command, halt) {
            Ok(made) => {
                let spread = self.spread(&made);
                (Some(made.clone()), spread.map(|()| made))
            }
            Err(refusal) => (None, Err(refusal)),
        };
        match outcome {
            Ok(made) => {
                self.note_success(&made)?;
                Ok(made)
            }
            Err(refusal) if ["backup_running", "stopping"].contains(&refusal.code) => Err(refusal),
            Err(refusal) => {
                tracing::error!(cause = refusal.cause(), "the backup failed: {refusal}");
                self.note_failure(made.as_ref(), &refusal.message);
                Err(refusal)
            }
        }
    }

    fn spread(&self, made: &Made) -> Result<()> {
        if !self.settings.also_to.as_os_str().is_empty() {
            make::also(made, &self.settings.also_to, self.settings.keep)?;
        }
        make::prune(&folder(self.data()), &made.manifest.census.database_id, self.settings.keep)
            .or_internal("removing old backups")
    }

    fn note_success(&self, made: &Made) -> Result<()> {
        {
            let mut memory = self.memory();
            memory.failing = None;
            memory.next_try = None;
        }
        let name = made.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        tracing::info!(file = name, bytes = made.bytes, "a backup is made and proven");
        self.db.write_here(|tx| {
            set_record(tx, &Record { last_at: Some(made.manifest.made_at), failing: None, ..record(tx)? })?;
            let after = json!({ "bytes": made.bytes });
            note(tx, "backup.made", &name, after)
        })
    }

    fn note_failure(&self, made: Option<&Made>, reason: &str) {
        let now = self.db.clock().now();
        let written = self.db.write_here(|tx| {
            let mut record = record(tx)?;
            record.last_at = made.map(|it| it.manifest.made_at).or(record.last_at);
            let since = record.failing.as_ref().map_or(now, |it| it.since);
            if record.failing.is_none() {
                let last_at = newest(tx, self.data(), &record)?;
                self.tell_admins(tx, |email, name| letters::failed(&self.head, email, name, reason, last_at))?;
                note(tx, "backup.failed", "", json!({ "reason": reason }))?;
            }
            record.failing = Some(Failing { since, reason: reason.to_owned() });
            set_record(tx, &record)?;
            Ok(since)
        });
        if let Err(refusal) = &written {
            tracing::error!(cause = refusal.cause(), "that the backup failed cannot be written down: {refusal}");
        }
        let mut memory = self.memory();
        let since = written.ok().or_else(|| memory.failing.as_ref().map(|it| it.since)).unwrap_or(now);
        memory.failing = Some(Failing { since, reason: reason.to_owned() });
        memory.next_try = Some(now.plus_seconds(TRY_AGAIN));
    }

    fn tell_admins(&self, tx: &Tx<'_>, letter: impl Fn(&str, &str) -> Letter) -> Result<()> {
        let admins = Filter { role: Some(Role::Admin), status: Some(Status::Active), ..Filter::default() };
        for admin in people::list(tx, &admins, MOST_TOLD)? {
            mail::queue(tx, &self.head, &letter(&admin.email, &admin.name))?;
        }
        Ok(())
    }

    /// Takes a new snapshot, unless nothing was written since this process took the last one. Its failure is logged and
    /// shown; the former snapshot stays.
    pub fn refresh_snapshot(&self, halt: &AtomicBool) {
        let n_writes = self.db.n_writes();
        let is_there = self.data().join(SNAPSHOT).join(DATABASE).is_file();
        if is_there && self.memory().held_writes == Some(n_writes) {
            return;
        }
        match snapshot::take(self.data(), self.db.clock(), halt) {
            Ok(_) => {
                let mut memory = self.memory();
                memory.held_writes = Some(n_writes);
                memory.snapshot_failing = None;
            }
            Err(refusal) if refusal.code == "stopping" => {}
            Err(refusal) => {
                tracing::error!(cause = refusal.cause(), "the snapshot could not be refreshed: {refusal}");
                self.memory().snapshot_failing = Some(refusal.message.into_owned());
            }
        }
    }

    /// How backups and the snapshot stand.
    ///
    /// # Errors
    /// Internal, where SQLite cannot.
    pub fn standing(&self, tx: &Tx<'_>) -> Result<Standing> {
        let record = record(tx)?;
        let last_at = newest(tx, self.data(), &record)?;
        let is_overdue = last_at.is_some_and(|last| is_overdue(&self.settings, last, tx.now()));
        let memory = self.memory();
        Ok(Standing {
            last_at,
            failing: memory.failing.clone().or(record.failing),
            is_overdue,
            snapshot_at: snapshot::last(self.data()).map(|it| it.made_at),
            snapshot_failing: memory.snapshot_failing.clone(),
            drilled_at: record.drill.as_ref().map(|it| it.at),
            drill_failing: record.drill.and_then(|it| it.reason),
        })
    }

    fn data(&self) -> &Path {
        self.db.directory()
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the newest good backup of a data directory was made, by the server or by the command.
///
/// # Errors
/// Internal, where SQLite or the disk cannot.
pub fn last_made(tx: &Tx<'_>, data: &Path) -> Result<Option<Moment>> {
    newest(tx, data, &record(tx)?)
}

/// Whether a backup of that moment is older than twice the time between two.
pub fn is_overdue(settings: &config::Backup, last_at: Moment, now: Moment) -> bool {
    let patience = i64::from(settings.every_hours) * 2 * 3_600;
    patience > 0 && last_at.plus_seconds(patience) < now
}

/// The database remembers the server's, the place holds the command's too.
fn newest(tx: &Tx<'_>, data: &Path, record: &Record) -> Result<Option<Moment>> {
    let found = listed(data, &hex(&tx.database_id()?))?;
    let all = found.into_iter().map(|(made_at, _)| made_at).chain(record.last_at);
    Ok(all.filter(|made_at| *made_at <= tx.now()).max())
}

/// The backups of this database in its data directory, oldest first.
fn listed(data: &Path, id: &str) -> Result<Vec<(Moment, PathBuf)>> {
    match make::list(&folder(data), id) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.or_internal("listing the backups"),
    }
}

fn record(tx: &Tx<'_>) -> Result<Record> {
    let text = tx.setting(RECORD)?;
    text.map_or_else(
        || Ok(Record::default()),
        |text| serde_json::from_str(&text).or_internal("reading how backups went"),
    )
}

fn set_record(tx: &Tx<'_>, record: &Record) -> Result<()> {
    tx.set_setting(RECORD, &serde_json::to_string(record).or_internal("writing how the backup went")?)
}

fn note(tx: &Tx<'_>, kind: &'static str, file: &str, after: Value) -> Result<()> {
    audit::note(tx, &Actor::nobody(ACTOR), &Entry { kind, about: ("backup", file), before: Value::Null, after })
}

#[cfg(test)]
mod tests;
