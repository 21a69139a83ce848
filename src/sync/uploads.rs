//! Files that somebody has sent and not yet taken in: each is looked through first, and taken in when its owner
//! says so. A file lives an hour at most, in the data directory, and goes when it is used; what became of it is
//! kept in memory as long. Nothing here outlives the process.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tempfile::NamedTempFile;
use uuid::Uuid;

use super::{Format, Kind, Report};
use crate::audit::{self, Actor, Entry};
use crate::clock::Moment;
use crate::db::Db;
use crate::error::{Error, OrInternal, Result};
use crate::ids::UserId;

/// How long a file waits for its owner, in seconds.
pub const LIFE_SECONDS: i64 = 3_600;

/// Files that one person may have waiting.
const MOST_EACH: usize = 5;

/// Files that may wait in all.
const MOST: usize = 20;

/// Lines left out that are remembered of each; their number is told in any case.
const MOST_ERRORS: usize = 1_000;

/// The folder of the data directory.
pub const FOLDER: &str = "uploads";

/// How an upload stands.
#[derive(Clone, Debug)]
pub enum Stage {
    /// It is being looked through.
    Checking,
    /// This is what taking it in would do.
    Ready(Arc<Report>),
    /// It is being taken in; so many lines are done.
    Running(u64),
    /// This is what taking it in did.
    Done(Arc<Report>),
    /// It could not be read to the end; the sentence says why.
    Failed(String),
}

/// An upload as its owner sees it.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Names it.
    pub id: Uuid,
    /// What its owner calls it.
    pub name: String,
    /// What sort of people it holds.
    pub kind: Kind,
    /// How it stands.
    pub stage: Stage,
}

struct Kept {
    owner: UserId,
    name: String,
    kind: Kind,
    format: Format,
    sent_at: Moment,
    /// Gone, and with it the file, once it is used.
    file: Option<NamedTempFile>,
    stage: Stage,
    n_done: Arc<AtomicU64>,
}

/// All uploads of this process.
#[derive(Clone)]
pub struct Uploads {
    folder: PathBuf,
    kept: Arc<Mutex<HashMap<Uuid, Kept>>>,
}

fn unknown() -> Error {
    Error::not_found("upload_unknown", "This file is not here any more. Please send it once more.")
}

impl Uploads {
    /// Opens the folder for uploads below `data_dir`, which this process has to itself, and empties it: whoever sent
    /// what is left there was cut off.
    ///
    /// # Errors
    /// Internal, where the disk refuses.
    pub fn open(data_dir: &std::path::Path) -> Result<Self> {
        let folder = data_dir.join(FOLDER);
        if folder.is_dir() {
            std::fs::remove_dir_all(&folder).or_internal("emptying the folder for uploads")?;
        }
        Ok(Self { folder, kept: Arc::default() })
    }

    /// A file to write an upload into. It goes by itself unless it is kept.
    ///
    /// # Errors
    /// Internal, where the disk refuses.
    pub fn blank(&self) -> Result<NamedTempFile> {
        std::fs::create_dir_all(&self.folder).or_internal("making the folder for uploads")?;
        NamedTempFile::new_in(&self.folder).or_internal("making a file for an upload")
    }

    /// Keeps a file that is written to the end.
    ///
    /// # Errors
    /// `too_many_uploads` where its owner, or everybody together, has too many waiting.
    pub fn keep(
        &self,
        mut file: NamedTempFile,
        owner: UserId,
        name: &str,
        format: Format,
        kind: Kind,
        now: Moment,
    ) -> Result<Uuid> {
        file.flush().or_internal("writing an upload")?;
        let mut kept = self.kept(now);
        // Those that are done hold no file; the oldest of them make room.
        let waiting = |it: &&Kept| it.file.is_some();
        let n_own = kept.values().filter(waiting).filter(|it| it.owner == owner).count();
        if n_own >= MOST_EACH || kept.values().filter(waiting).count() >= MOST {
            let message = "Several files are waiting already: take them in or discard them first.";
            return Err(Error::conflict("too_many_uploads", message));
        }
        let id = Uuid::new_v4();
        let name = name.chars().filter(|letter| !letter.is_control()).take(120).collect();
        let (stage, n_done) = (Stage::Checking, Arc::default());
        kept.insert(id, Kept { owner, name, kind, format, sent_at: now, file: Some(file), stage, n_done });
        Ok(id)
    }

    /// An upload of this person's.
    ///
    /// # Errors
    /// `upload_unknown` where it is somebody else's, used up, too old or never was.
    pub fn upload(&self, id: Uuid, owner: UserId, now: Moment) -> Result<Upload> {
        let kept = self.kept(now);
        let it = kept.get(&id).filter(|it| it.owner == owner).ok_or_else(unknown)?;
        let stage = match &it.stage {
            Stage::Running(_) => Stage::Running(it.n_done.load(Ordering::Relaxed)),
            stage => stage.clone(),
        };
        Ok(Upload { id, name: it.name.clone(), kind: it.kind, stage })
    }

    /// Forgets an upload of this person's, unless it is being taken in.
    ///
    /// # Errors
    /// `upload_unknown`, as for `upload`.
    pub fn discard(&self, id: Uuid, owner: UserId, now: Moment) -> Result<()> {
        let mut kept = self.kept(now);
        let it = kept.get(&id).filter(|it| it.owner == owner).ok_or_else(unknown)?;
        if !matches!(it.stage, Stage::Running(_)) {
            kept.remove(&id);
        }
        Ok(())
    }

    /// Looks an upload through and keeps what taking it in would do. Takes as long as the file is: for a thread
    /// that may block.
    pub fn check(&self, db: &Db, id: Uuid) {
        let now = db.clock().now();
        let Some((file, format, kind, owner)) = self.opened(id, now) else { return };
        let actor = Actor::user(owner, "preview");
        let report = file.and_then(|file| super::preview(db, &actor, BufReader::new(file), format, Some(kind)));
        let stage = report.map_or_else(failed, |report| Stage::Ready(brief(report)));
        if let Some(it) = self.kept(now).get_mut(&id) {
            it.stage = stage;
        }
    }

    /// Claims an upload to be taken in; `false` where that has begun already.
    ///
    /// # Errors
    /// `upload_unknown`, as for `upload`; `not_checked` before it was looked through.
    pub fn claim(&self, id: Uuid, owner: UserId, now: Moment) -> Result<bool> {
        let mut kept = self.kept(now);
        let it = kept.get_mut(&id).filter(|it| it.owner == owner).ok_or_else(unknown)?;
        match it.stage {
            Stage::Running(_) | Stage::Done(_) => Ok(false),
            Stage::Ready(_) => {
                it.stage = Stage::Running(0);
                Ok(true)
            }
            Stage::Checking | Stage::Failed(_) => Err(Error::conflict(
                "not_checked",
                "This file was not looked through to its end, so nothing is taken in.",
            )),
        }
    }

    /// Takes a claimed upload in and keeps what that did; the file goes. For a thread that may block.
    pub fn take_in(&self, db: &Db, actor: &Actor, id: Uuid) {
        let now = db.clock().now();
        let Some((file, format, kind, _)) = self.opened(id, now) else { return };
        let n_done = self.kept(now).get(&id).map(|it| Arc::clone(&it.n_done)).unwrap_or_default();
        let progress = |n| n_done.store(n, Ordering::Relaxed);
        let report = file
            .and_then(|file| super::import(db, actor, BufReader::new(file), format, Some(kind), progress))
            .and_then(|report| {
                let after = json!({
                    "read": report.read, "created": report.created, "changed": report.changed,
                    "unchanged": report.unchanged, "refused": report.refused,
                });
                let about = ("import", &*id.to_string());
                let entry = Entry { kind: "import.done", about, before: ().into(), after };
                db.write_here(|tx| audit::note(tx, actor, &entry))?;
                Ok(report)
            });
        let stage = report.map_or_else(failed, |report| Stage::Done(brief(report)));
        if let Some(it) = self.kept(now).get_mut(&id) {
            it.stage = stage;
            it.file = None;
        }
    }

    /// Drops what is too old. Everything else here does so too; this is for a house where nobody comes by.
    pub fn sweep(&self, now: Moment) {
        drop(self.kept(now));
    }

    fn opened(&self, id: Uuid, now: Moment) -> Option<(Result<File>, Format, Kind, UserId)> {
        let kept = self.kept(now);
        let it = kept.get(&id)?;
        let file = it.file.as_ref()?.reopen().or_internal("opening an upload");
        Some((file, it.format, it.kind, it.owner))
    }

    /// Those that are not too old; whatever is being worked on stays until it is done.
    fn kept(&self, now: Moment) -> std::sync::MutexGuard<'_, HashMap<Uuid, Kept>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, it| matches!(it.stage, Stage::Running(_)) || it.sent_at.plus_seconds(LIFE_SECONDS) > now);
        kept
    }
}

/// A report that may stay in memory for an hour.
fn brief(mut report: Report) -> Arc<Report> {
    report.errors.truncate(MOST_ERRORS);
    Arc::new(report)
}

/// What its owner is told of a file that could not be read to the end. The cause is for the log.
fn failed(failure: Error) -> Stage {
    if let Some(cause) = failure.cause() {
        tracing::warn!(cause, code = failure.code, "an uploaded file could not be taken in");
    }
    Stage::Failed(failure.message.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const LINE: &[u8] =
        b"{\"recordId\":\"ada\",\"fields\":{\"Email\":\"ada@example.org\",\"Name\":\"Ada\"}}\n{\"x\":1}\n";

    fn house() -> (Db, Uploads, tempfile::TempDir) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
        let db = Db::open(directory.path(), clock, 1).expect("a new database");
        let uploads = Uploads::open(directory.path()).expect("opened");
        (db, uploads, directory)
    }

    fn upload(db: &Db, uploads: &Uploads, owner: UserId) -> Result<Uuid> {
        let mut file = uploads.blank()?;
        file.write_all(LINE).expect("written");
        uploads.keep(file, owner, "people.jsonl", Format::JsonLines, Kind::Mentors, db.clock().now())
    }

    fn n_files(directory: &tempfile::TempDir) -> usize {
        std::fs::read_dir(directory.path().join(FOLDER)).map_or(0, Iterator::count)
    }

    #[test]
    fn a_file_is_looked_through_then_taken_in_once_and_goes() {
        let (db, uploads, directory) = house();
        let (owner, now) = (UserId::random(), db.clock().now());
        let id = upload(&db, &uploads, owner).expect("kept");
        assert_eq!(uploads.claim(id, owner, now).expect_err("not yet").code, "not_checked");
        uploads.check(&db, id);
        let Stage::Ready(report) = uploads.upload(id, owner, now).expect("there").stage else { panic!("not ready") };
        assert_eq!((report.created, report.refused), (1, 1));
        let count =
            || db.read_here(|tx| Ok(tx.query_row("select count(*) from mentors", [], |row| row.get::<_, i64>(0))?));
        assert_eq!(count().expect("counted"), 0, "looking changes nothing");
        assert!(uploads.claim(id, owner, now).expect("claimed"));
        assert!(!uploads.claim(id, owner, now).expect("once"), "a second press does nothing");
        uploads.take_in(&db, &Actor::nobody("test"), id);
        let Stage::Done(report) = uploads.upload(id, owner, now).expect("there").stage else { panic!("not done") };
        assert_eq!((report.created, count().expect("counted"), n_files(&directory)), (1, 1, 0));
    }

    #[test]
    fn nobody_elses_file_is_there_and_an_old_one_is_gone() {
        let (db, uploads, directory) = house();
        let (owner, other, now) = (UserId::random(), UserId::random(), db.clock().now());
        let id = upload(&db, &uploads, owner).expect("kept");
        uploads.check(&db, id);
        assert_eq!(uploads.upload(id, other, now).expect_err("not theirs").code, "upload_unknown");
        assert_eq!(uploads.claim(id, other, now).expect_err("not theirs").code, "upload_unknown");
        assert_eq!(uploads.discard(id, other, now).expect_err("not theirs").code, "upload_unknown");
        assert!(uploads.upload(id, owner, now.plus_seconds(LIFE_SECONDS - 1)).is_ok());
        uploads.sweep(now.plus_seconds(LIFE_SECONDS));
        assert_eq!(n_files(&directory), 0);
        assert_eq!(uploads.upload(id, owner, now).expect_err("gone").code, "upload_unknown");
    }

    #[test]
    fn files_that_wait_are_few_and_those_left_by_a_crash_go() {
        let (db, uploads, directory) = house();
        let owner = UserId::random();
        let ids: Vec<Uuid> = (0..MOST_EACH).map(|_| upload(&db, &uploads, owner).expect("kept")).collect();
        assert_eq!(upload(&db, &uploads, owner).expect_err("too many").code, "too_many_uploads");
        assert_eq!(n_files(&directory), MOST_EACH, "the one refused is gone");
        uploads.discard(ids[0], owner, db.clock().now()).expect("discarded");
        upload(&db, &uploads, owner).expect("room again");
        std::mem::forget(uploads);
        Uploads::open(directory.path()).expect("opened");
        assert_eq!(n_files(&directory), 0);
    }
}
