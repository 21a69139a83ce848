//! Making one backup: copied beside whoever writes, proven, packed, restored on trial, and only then given its name.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::archive::{self, Archive};
use super::manifest::{LONGEST_KEY, Manifest, is_key};
use super::{folder, restore};
use crate::clock::{Clock, Moment};
use crate::db::{DATABASE, DirectoryLock, copy, files};
use crate::error::{Error, OrInternal, Result};
use crate::hex::hex;
use crate::matching::embed;

/// Room beside the copy and the archive.
const SPARE_ROOM: u64 = 16 * 1024 * 1024;

/// What the names of backups end with.
const ENDING: &str = ".tar.zst";

/// How moments are written in names, so that the order of names is that of time.
const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// A backup that was made and proven.
#[derive(Clone, Debug)]
pub struct Made {
    /// Where it is.
    pub path: PathBuf,
    /// How long the file is.
    pub bytes: u64,
    /// What it holds.
    pub manifest: Manifest,
}

/// Makes a backup of the data directory `data`, beside a server or without one: as the new file `to`, or under a name
/// of its own in the directory's `backups/`. What bears a backup's name has been restored on trial.
///
/// # Errors
/// `no_database`, `backup_running`, `file_exists`, `no_room`, or what else stands in the way; `stopping` where `halt`
/// was set. A former backup is never touched.
pub fn make(data: &Path, to: Option<&Path>, clock: &Clock, command: &str, halt: &AtomicBool) -> Result<Made> {
    let database = data.join(DATABASE);
    if !database.is_file() {
        let problem = format!("There is no database of Tandem's in {}.", data.display());
        return Err(Error::operator("no_database", problem));
    }
    let _only_one = DirectoryLock::take_for_backup(data, command)?;
    let place = match to {
        None => own_folder(data)?,
        Some(file) => file.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned(),
    };
    if let Some(file) = to.filter(|file| file.exists()) {
        let problem = format!("{} is there already, and no file is written over.", file.display());
        return Err(Error::operator("file_exists", problem));
    }
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let bytes = size(&database) + size(&data.join("tandem.db-wal"));
    let free = files::free_space(&place).map_err(|cause| files::refusal("The place for the backup", cause))?;
    files::demand_room("A backup", bytes * 2 + SPARE_ROOM, free)?;
    let work = tempfile::Builder::new()
        .prefix(files::UNFINISHED)
        .tempdir_in(&place)
        .map_err(|cause| files::refusal("The place for the backup", cause))?;
    let (manifest, packed) = pack(data, work.path(), clock, halt)?;
    restore::rehearse(&Archive::open(&packed)?, &work.path().join("trial"), clock)?;
    let path = to.map_or_else(|| free_name(&place, &manifest), Path::to_owned);
    files::put_in_place(&packed, &path).map_err(|cause| files::refusal("The backup", cause))?;
    Ok(Made { bytes: size(&path), path, manifest })
}

fn pack(data: &Path, work: &Path, clock: &Clock, halt: &AtomicBool) -> Result<(Manifest, PathBuf)> {
    let made_at = clock.now();
    let census = copy::copy(&data.join(DATABASE), &work.join(DATABASE), halt)?;
    let mut names = vec![DATABASE.to_owned()];
    for key in keys(data)? {
        // The copy lies in a directory that nobody else may look into.
        std::fs::copy(data.join(&key), work.join(&key)).map_err(|cause| files::refusal("A secret key", cause))?;
        names.push(key);
    }
    let members = names.iter().map(|name| archive::member(work, name)).collect::<Result<_>>()?;
    let manifest = Manifest::new(made_at, hex(&embed::model_hash()), census, members);
    let packed = work.join("packed");
    archive::pack(&manifest, work, &packed, halt)?;
    // Its room is needed by the trial.
    std::fs::remove_file(work.join(DATABASE)).or_internal("removing the copy that was packed")?;
    Ok((manifest, packed))
}

/// The secret keys of a data directory, by name: without them what they opened stays shut.
pub(super) fn keys(data: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(data).map_err(|cause| files::refusal("The data directory", cause))? {
        let entry = entry.map_err(|cause| files::refusal("The data directory", cause))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !is_key(&name) || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        if entry.metadata().is_ok_and(|file| file.len() <= LONGEST_KEY) {
            names.push(name);
        } else {
            tracing::warn!("{name} in the data directory is too large for a key, and is in no backup");
        }
    }
    names.sort();
    Ok(names)
}

/// The directory's own place for backups, without what a backup that was cut off left there.
fn own_folder(data: &Path) -> Result<PathBuf> {
    let place = folder(data);
    files::make_private(&place).map_err(|cause| files::refusal("The place for the backups", cause))?;
    files::sweep(&place, files::UNFINISHED).map_err(|cause| files::refusal("The place for the backups", cause))?;
    Ok(place)
}

/// `tandem-1a2b3c4d-20300304T090000Z.tar.zst`; where that is taken, with a number. The first part tells programs that
/// share a place apart.
fn free_name(place: &Path, manifest: &Manifest) -> PathBuf {
    let stem = format!("{}{}", prefix(&manifest.census.database_id), manifest.made_at.utc().format(STAMP));
    let mut path = place.join(format!("{stem}{ENDING}"));
    let mut number = 2_u32;
    while path.exists() {
        path = place.join(format!("{stem}-{number}{ENDING}"));
        number += 1;
    }
    path
}

fn prefix(database_id: &str) -> String {
    format!("tandem-{}-", database_id.chars().take(8).collect::<String>())
}

/// The backups of a database in a place, oldest first, each with when it was made.
pub(super) fn list(place: &Path, database_id: &str) -> std::io::Result<Vec<(Moment, PathBuf)>> {
    let prefix = prefix(database_id);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(place)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let middle = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(ENDING));
        let Some((made_at, number)) = middle.and_then(read_stamp) else { continue };
        found.push((made_at, number, entry.path()));
    }
    found.sort();
    Ok(found.into_iter().map(|(made_at, _, path)| (made_at, path)).collect())
}

fn read_stamp(text: &str) -> Option<(Moment, u32)> {
    let (stamp, number) = match text.split_once('-') {
        Some((stamp, number)) => (stamp, number.parse().ok()?),
        None => (text, 1),
    };
    let time = chrono::NaiveDateTime::parse_from_str(stamp, STAMP).ok()?;
    Some((Moment::from_unix(time.and_utc().timestamp()), number))
}

/// Removes the oldest backups of a database in a place, so that `keep` are left.
pub(super) fn prune(place: &Path, database_id: &str, keep: u32) -> std::io::Result<()> {
    let all = list(place, database_id)?;
    let n_old = all.len().saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX));
    for (_, path) in all.into_iter().take(n_old) {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// Copies a backup to a second place, reads it back from there, and keeps `keep` there.
pub(super) fn also(made: &Made, place: &Path, keep: u32) -> Result<()> {
    let what = "The second place for backups (backup.also_to)";
    // It is not made where it is missing: a disk that is not mounted must be noticed.
    if !place.is_dir() {
        return Err(Error::operator("also_to_missing", format!("{what} is not there.")));
    }
    let refusal = |cause| files::refusal(what, cause);
    let name = made.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Others may share the place: only what this database left half done is swept away.
    let unfinished = format!("{}{}", files::UNFINISHED, prefix(&made.manifest.census.database_id));
    files::sweep(place, &unfinished).map_err(refusal)?;
    let partial = tempfile::Builder::new().prefix(&unfinished).tempfile_in(place).map_err(refusal)?;
    let mut from = std::fs::File::open(&made.path).map_err(refusal)?;
    let n = std::io::copy(&mut from, &mut partial.as_file()).map_err(refusal)?;
    partial.as_file().sync_all().map_err(refusal)?;
    let copied = Archive::open(partial.path())?;
    if n != made.bytes || copied.manifest != made.manifest {
        return Err(Error::operator("also_to_differs", format!("{what} does not give back what was written to it.")));
    }
    partial.persist(place.join(name)).map_err(|it| refusal(it.error))?;
    files::sync_directory(place).map_err(refusal)?;
    prune(place, &made.manifest.census.database_id, keep).map_err(refusal)
}
