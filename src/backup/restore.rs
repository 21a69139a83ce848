//! Bringing a backup back. All of it is proven in a directory of its own before anything is touched; what was there
//! before is moved aside, never removed.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::archive::Archive;
use super::make::keys;
use super::manifest::{Manifest, unfit};
use super::snapshot;
use crate::audit::{self, Actor, Entry};
use crate::clock::Clock;
use crate::db::copy::{self, Census, Depth};
use crate::db::{DATABASE, Db, DirectoryLock, READY, RESTORING, SNAPSHOT, files, ours};
use crate::error::{Error, OrInternal, Result};

/// Room beside the unpacked files and the proven copy of the database.
const SPARE_ROOM: u64 = 32 * 1024 * 1024;

/// What belongs to one database in a data directory, beside its secret keys. The rest stays: letters that were laid
/// down, and the backups.
const OURS: [&str; 6] = [DATABASE, "tandem.db-wal", "tandem.db-shm", "keywords", "vectors", SNAPSHOT];

/// What a restore has done.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// What was there before, where it could be counted.
    pub before: Option<Census>,
    /// What is there now.
    pub after: Census,
    /// Where what was there before lies now.
    pub aside: Option<PathBuf>,
}

/// Proves a backup to the last row without keeping anything.
///
/// # Errors
/// `damaged_backup`, `foreign_schema`, `newer_backup`, or what stands in the way.
pub fn verify(file: &Path, clock: &Clock) -> Result<Manifest> {
    let archive = Archive::open(file)?;
    let trial = tempfile::Builder::new().prefix(files::UNFINISHED).tempdir().or_internal("making a directory")?;
    demand_room(&archive, trial.path())?;
    rehearse(&archive, &trial.path().join("trial"), clock)?;
    Ok(archive.manifest)
}

/// Restores a backup into the data directory `data`, which is empty, or whose content is to be replaced.
///
/// # Errors
/// `damaged_backup`, `foreign_schema`, `newer_backup`, `directory_in_use`, `directory_locked`, `no_room`, or what else
/// stands in the way. Nothing is changed then.
pub fn restore(file: &Path, data: &Path, is_replacing: bool, clock: &Clock) -> Result<Restored> {
    let archive = Archive::open(file)?;
    let _lock = DirectoryLock::take(data, "restore")?;
    let _no_backup_meanwhile = DirectoryLock::take_for_backup(data, "restore")?;
    let former = former(data)?;
    if !former.is_empty() && !is_replacing {
        return Err(Error::operator(
            "directory_in_use",
            format!(
                "{} holds data already. Name an empty directory with --data-dir, or say --replace: what is there is moved aside, not removed.",
                data.display()
            ),
        ));
    }
    demand_room(&archive, data)?;
    let staged = data.join(RESTORING);
    clear(&staged)?;
    let proven = rehearse(&archive, &staged, clock).and_then(|_| settle_in(&archive.manifest, file, &staged, clock));
    let after = proven.inspect_err(|_| {
        // The refusal says what went wrong; a leftover is cleared by the next restore.
        drop(clear(&staged));
    })?;
    let before = former.iter().any(|name| name == DATABASE).then(|| copy::count_at_rest(&data.join(DATABASE)).ok());
    let aside = swap(data, &staged, &former, clock).map_err(|cause| files::refusal("The data directory", cause))?;
    Ok(Restored { manifest: archive.manifest, before: before.flatten(), after, aside })
}

/// Unpacks a backup into a new directory and proves it: every file by its hash, the database by the full check, by the
/// rows that the manifest counts, and by opening it as a server would. Indexes are left out: they are made from these
/// rows at the next start, and making them here would cost a running server its memory twice.
pub(super) fn rehearse(archive: &Archive, into: &Path, clock: &Clock) -> Result<Census> {
    files::make_private(into).map_err(|cause| files::refusal("The restored data", cause))?;
    archive.unpack(into)?;
    // Before anything is asked of it that could run what somebody else has put in.
    ours::check(&into.join(DATABASE)).map_err(|refusal| match refusal.code {
        "foreign_schema" => Error::operator(
            "foreign_schema",
            format!(
                "The backup cannot be restored. {refusal} If you made that yourself, undo it in the database that the backup is of, and back that up anew. Nothing was changed."
            ),
        ),
        _ => unfit("its database is damaged", anyhow::anyhow!(refusal.cause().unwrap_or_else(|| refusal.to_string()))),
    })?;
    let found = copy::check(&into.join(DATABASE), Depth::Full).map_err(|cause| {
        unfit("its database is damaged", anyhow::anyhow!(cause.cause().unwrap_or_else(|| cause.to_string())))
    })?;
    let told = &archive.manifest.census;
    if found != *told {
        return Err(unfit(
            "its database is not the one that its manifest tells of",
            anyhow::anyhow!("{told:?}, {found:?}"),
        ));
    }
    let db = Db::open(into, clock.clone(), 1)?;
    db.checkpoint()?;
    Ok(found)
}

/// Writes down in the restored database where it comes from, and gives it its first snapshot.
fn settle_in(manifest: &Manifest, file: &Path, staged: &Path, clock: &Clock) -> Result<Census> {
    let db = Db::open(staged, clock.clone(), 1)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    db.write_here(|tx| {
        let after = json!({ "madeAt": manifest.made_at, "tandem": manifest.tandem, "schema": manifest.census.schema });
        let entry = Entry { kind: "backup.restored", about: ("backup", &name), before: Value::Null, after };
        audit::note(tx, &Actor::nobody("command"), &entry)
    })?;
    db.checkpoint()?;
    drop(db);
    snapshot::take(staged, clock, &false.into())
}

/// What of a database is in a directory.
fn former(data: &Path) -> Result<Vec<String>> {
    let there = OURS.iter().filter(|name| data.join(name).symlink_metadata().is_ok());
    Ok(there.map(|name| (*name).to_owned()).chain(keys(data)?).collect())
}

/// Moves what was there aside and the new in. Cut off in between, the directory says so at the next start, and the
/// restore is run again.
fn swap(data: &Path, staged: &Path, former: &[String], clock: &Clock) -> std::io::Result<Option<PathBuf>> {
    files::sync_directory(staged)?;
    let aside = if former.is_empty() { None } else { Some(make_aside(data, "replaced", clock)?) };
    let ready = staged.join(READY);
    std::fs::File::create(&ready)?.sync_all()?;
    files::sync_directory(staged)?;
    for (name, aside) in former.iter().zip(std::iter::repeat(&aside)) {
        if let Some(aside) = aside {
            std::fs::rename(data.join(name), aside.join(name))?;
        }
    }
    if let Some(aside) = &aside {
        files::sync_directory(aside)?;
    }
    for entry in std::fs::read_dir(staged)? {
        let entry = entry?;
        if entry.file_name() != READY {
            std::fs::rename(entry.path(), data.join(entry.file_name()))?;
        }
    }
    files::sync_directory(data)?;
    std::fs::remove_dir_all(staged)?;
    files::sync_directory(data)?;
    Ok(aside)
}

/// A new directory `<what>-<when>` for what is moved aside.
pub(super) fn make_aside(data: &Path, what: &str, clock: &Clock) -> std::io::Result<PathBuf> {
    let stem = format!("{what}-{}", clock.now().utc().format("%Y%m%dT%H%M%SZ"));
    let mut path = data.join(&stem);
    let mut number = 2_u32;
    while path.exists() {
        path = data.join(format!("{stem}-{number}"));
        number += 1;
    }
    files::make_private(&path)?;
    Ok(path)
}

/// Removes what a restore that was cut off had unpacked.
fn clear(staged: &Path) -> Result<()> {
    match std::fs::remove_dir_all(staged) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(files::refusal("What a restore that was cut off left", cause))
        }
        _ => Ok(()),
    }
}

pub(super) fn demand_room(archive: &Archive, place: &Path) -> Result<()> {
    let free = files::free_space(place).map_err(|cause| files::refusal("The data directory", cause))?;
    files::demand_room("Restoring this backup", archive.bytes().saturating_mul(2).saturating_add(SPARE_ROOM), free)
}
