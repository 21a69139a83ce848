//! `snapshot/` in the data directory: the newest proven copy of the database, so that any copy of the directory holds
//! a whole one whatever the database itself went through. It is replaced in one step and never waits for a stop.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::restore::make_aside;
use crate::audit::{self, Actor, Entry};
use crate::clock::{Clock, Moment};
use crate::db::copy::{self, Census, Depth};
use crate::db::{DATABASE, Db, DirectoryLock, SNAPSHOT, files, ours};
use crate::error::{Error, OrInternal, Result};

/// Says when the snapshot was taken; the snapshot is good without it.
const TOLD: &str = "snapshot.json";

/// When the snapshot was taken and what it holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// When.
    pub made_at: Moment,
    /// Its rows.
    #[serde(flatten)]
    pub census: Census,
}

/// What a recovery has done.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// What is there now.
    pub census: Census,
    /// When that was so, where it is known.
    pub made_at: Option<Moment>,
    /// Where the damaged files lie.
    pub aside: PathBuf,
}

/// Takes a new snapshot of the data directory `data`; the former one stays until the new one is proven.
pub(super) fn take(data: &Path, clock: &Clock, halt: &AtomicBool) -> Result<Census> {
    let refusal = |cause| files::refusal("The snapshot", cause);
    let place = data.join(SNAPSHOT);
    files::make_private(&place).map_err(refusal)?;
    files::sweep(&place, files::UNFINISHED).map_err(refusal)?;
    let made_at = clock.now();
    let partial = place.join(format!("{}snapshot", files::UNFINISHED));
    let census = copy::copy(&data.join(DATABASE), &partial, halt)?;
    files::put_in_place(&partial, &place.join(DATABASE)).map_err(refusal)?;
    let told = Snapshot { made_at, census };
    let mut note = tempfile::Builder::new().prefix(files::UNFINISHED).tempfile_in(&place).map_err(refusal)?;
    serde_json::to_writer_pretty(&mut note, &told).or_internal("writing when the snapshot was taken")?;
    note.as_file().sync_all().map_err(refusal)?;
    note.persist(place.join(TOLD)).map_err(|it| refusal(it.error))?;
    files::sync_directory(&place).map_err(refusal)?;
    Ok(told.census)
}

/// When the snapshot of a data directory was taken; `None` where there is none, or nothing says when.
pub(super) fn last(data: &Path) -> Option<Snapshot> {
    let place = data.join(SNAPSHOT);
    if !place.join(DATABASE).is_file() {
        return None;
    }
    serde_json::from_slice(&std::fs::read(place.join(TOLD)).ok()?).ok()
}

/// Puts the snapshot in the place of a database that cannot be used, which is moved aside. A database that is whole is
/// left alone: `None`.
///
/// # Errors
/// `no_snapshot` where there is none that is whole; `foreign_schema` where it holds what Tandem never made;
/// `directory_locked`; what else stands in the way.
pub fn recover(data: &Path, clock: &Clock) -> Result<Option<Recovered>> {
    let _lock = DirectoryLock::take(data, "serve --recover")?;
    match Db::open(data, clock.clone(), 1) {
        Ok(_) => return Ok(None),
        Err(refusal) if is_recoverable(&refusal) => {}
        Err(other) => return Err(other),
    }
    let snapshot = data.join(SNAPSHOT).join(DATABASE);
    let census = copy::check(&snapshot, Depth::Full).map_err(|cause| {
        Error::operator(
            "no_snapshot",
            format!(
                "There is no snapshot in {} that could be started from. Restore a backup with `tandem restore FILE --replace`.",
                data.display()
            ),
        )
        .because(anyhow::anyhow!(cause.cause().unwrap_or_else(|| cause.to_string())))
    })?;
    ours::check(&snapshot)?;
    let aside = put_back(data, &snapshot, clock).map_err(|cause| files::refusal("The data directory", cause))?;
    let made_at = last(data).map(|it| it.made_at);
    let db = Db::open(data, clock.clone(), 1)?;
    db.write_here(|tx| {
        let entry = Entry {
            kind: "backup.recovered",
            about: ("backup", SNAPSHOT),
            before: Value::Null,
            after: json!({ "madeAt": made_at }),
        };
        audit::note(tx, &Actor::nobody("command"), &entry)
    })?;
    db.checkpoint()?;
    Ok(Some(Recovered { census, made_at, aside }))
}

/// Takes a database that was copied with its log for what it is: only whoever copied it knows that nothing wrote to it
/// meanwhile. It must be sound all the same.
///
/// # Errors
/// `damaged_database`; `foreign_schema`; `directory_locked`; what else stands in the way.
pub fn take_as_is(data: &Path, clock: &Clock) -> Result<()> {
    let _lock = DirectoryLock::take(data, "serve --recover")?;
    ours::check(&data.join(DATABASE))?;
    copy::check(&data.join(DATABASE), Depth::Full)?;
    copy::count_at_rest(&data.join(DATABASE))?;
    Db::open(data, clock.clone(), 1).map(drop)
}

/// Whether a refusal to open the database is one that starting from the snapshot mends.
pub fn is_recoverable(refusal: &Error) -> bool {
    ["database_torn", "database_copied", "database_unusable", "database_missing"].contains(&refusal.code)
}

/// The indexes go with the database that they are copies of: the snapshot is older than they are.
fn put_back(data: &Path, snapshot: &Path, clock: &Clock) -> std::io::Result<PathBuf> {
    files::sweep(data, files::UNFINISHED)?;
    let partial = data.join(format!("{}recovered", files::UNFINISHED));
    let mut copied = files::create_private(&partial)?;
    std::io::copy(&mut std::fs::File::open(snapshot)?, &mut copied)?;
    copied.sync_all()?;
    drop(copied);
    let aside = make_aside(data, "damaged", clock)?;
    for name in [DATABASE, "tandem.db-wal", "tandem.db-shm", "keywords", "vectors"] {
        if data.join(name).symlink_metadata().is_ok() {
            std::fs::rename(data.join(name), aside.join(name))?;
        }
    }
    files::put_in_place(&partial, &data.join(DATABASE))?;
    Ok(aside)
}
