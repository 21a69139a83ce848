//! The drill: now and then the newest backup is restored into a directory that is thrown away, its indexes are made
//! anew, and a question is put to it. That a backup opens is known when it is made; this says that people could go on.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::archive::Archive;
use super::{folder, restore};
use crate::clock::Clock;
use crate::db::{Db, DirectoryLock, copy, files};
use crate::error::{Error, OrInternal, Result};
use crate::matching::{Ask, Embedder, Matcher, Question, Settings, vectors};

/// What is asked: every program has somebody who is nearest to it.
const QUESTION: &str = "How do we find our first customers?";

/// How long the keyword index may take.
const PATIENCE: Duration = Duration::from_mins(30);

/// How often it is looked whether the index stands, or whether all of it is to be given up.
const STEP: Duration = Duration::from_millis(200);

/// Restores the backup `file` of the data directory `data` on trial and asks it a question. Nothing of it is kept.
///
/// # Errors
/// `stopping` where `halt` was set; `backup_running`; otherwise what stands in the way of restoring it.
pub(super) fn run(file: &Path, data: &Path, clock: &Clock, embedder: &Arc<Embedder>, halt: &AtomicBool) -> Result<()> {
    let _no_backup_meanwhile = DirectoryLock::take_for_backup(data, "drill")?;
    let archive = Archive::open(file)?;
    let place = folder(data);
    restore::demand_room(&archive, &place)?;
    let room =
        tempfile::Builder::new().prefix(files::UNFINISHED).tempdir_in(place).or_internal("making a directory")?;
    let home = room.path().join("drill");
    restore::rehearse(&archive, &home, clock)?;
    let db = Db::open(&home, clock.clone(), 2)?;
    let settings = Settings { tier: vectors::Tier::Auto, n_permits: 1, cached_questions: 0 };
    let matcher = Matcher::open(db, Arc::clone(embedder), settings)?;
    let began = Instant::now();
    while !matcher.settle(STEP) {
        if halt.load(Ordering::SeqCst) {
            return Err(copy::stopping());
        }
        if began.elapsed() > PATIENCE {
            return Err(Error::operator(
                "drill_failed",
                "The keyword index of the restored backup is not made in time.",
            ));
        }
    }
    let ranking = matcher.rank(&Ask::check(Question { query: QUESTION.to_owned(), ..Question::default() })?)?;
    // Whoever waits for their vectors cannot be among the answers yet, and whose profile says nothing never is.
    if matcher.parts().n_units > 0 && ranking.matches.is_empty() && ranking.near_misses.is_empty() {
        return Err(Error::operator("drill_failed", "The restored backup answers no question."));
    }
    Ok(())
}
