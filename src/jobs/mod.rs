//! The queue table: a job is a row that names a kind and a key, written in the transaction that
//! causes it. Workers claim jobs for a while, finish them, or hand them back with a reason. A job
//! that keeps failing is left dead and visible; nothing here runs one.

mod store;

use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;

/// How long a worker may hold a job before another may take it, in seconds. Generous: the longest
/// job there is sends a letter, and a mail server may take its full time for each of a dozen answers.
const LEASE_SECONDS: i64 = 600;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// Seconds before the next try after the first, second, … failure, for what somebody else's machine must take: it may
/// be away for most of a day. After the last it is given up.
pub const MOST_OF_A_DAY: [i64; 8] = [5, 30, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, 12 * HOUR];

/// No try is put off for longer than till then: what is due later still was put off by a clock that has been set back.
pub fn farthest(tx: &Tx<'_>) -> Moment {
    tx.now().plus_seconds(MOST_OF_A_DAY.into_iter().max().unwrap_or(0))
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Make and store the vectors of the mentor whose number is the key.
    Embed,
    /// Send the letter whose place in the outbox is the key.
    Send,
    /// Look through the Airtable base; the key says why.
    Fetch,
}

/// Which jobs a worker takes. Letters and the base have lanes of their own: a mail server or an Airtable that takes
/// its time must not hold up anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Whatever is due.
    All,
    /// Letters alone.
    Letters,
    /// The Airtable base alone.
    Fetches,
    /// All but these.
    Others,
}

impl Lane {
    /// The kinds it takes, as a list in JSON.
    const fn kinds(self) -> &'static str {
        match self {
            Self::All => r#"["embed", "send", "fetch"]"#,
            Self::Letters => r#"["send"]"#,
            Self::Fetches => r#"["fetch"]"#,
            Self::Others => r#"["embed"]"#,
        }
    }
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 3] = [Self::Embed, Self::Send, Self::Fetch];

    /// The name in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Embed => "embed",
            Self::Send => "send",
            Self::Fetch => "fetch",
        }
    }

    /// Seconds before the next try after the first, second, ... failure; after the last the job is
    /// dead. A model that fails seldom recovers; a mail server may be away for a day. A base that is away is asked
    /// again by the next notification, too.
    const fn back_off_seconds(self) -> &'static [i64] {
        match self {
            Self::Embed => &[2, 15, 120],
            Self::Send => &MOST_OF_A_DAY,
            Self::Fetch => &[30, 2 * MINUTE, 10 * MINUTE, HOUR],
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A claimed job.
#[derive(Clone, Debug)]
pub struct Job {
    id: i64,
    /// What is to be done.
    pub kind: Kind,
    /// To what: the id of the thing in its own table.
    pub key: String,
    /// How often it was tried, this time included.
    pub attempt: u32,
}

/// How many jobs stand in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Depth {
    /// Waiting, due or not yet.
    pub ready: u64,
    /// With a worker.
    pub running: u64,
    /// Given up on; a person should look.
    pub dead: u64,
}

impl Depth {
    /// Whether anything is waiting or under way.
    pub const fn has_work(self) -> bool {
        self.ready + self.running > 0
    }
}

/// A job that was given up on.
#[derive(Clone, Debug, serde::Serialize)]
pub struct DeadJob {
    /// What was to be done.
    pub kind: String,
    /// To what.
    pub key: String,
    /// Why it failed last.
    pub last_error: String,
}

/// Queues a job in the transaction that causes it. One that already waits for the same thing is enough.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn enqueue(tx: &Tx<'_>, kind: Kind, key: &str) -> Result<()> {
    store::insert(tx, kind.name(), key, tx.now())
}

/// Whether `claim` would find a job.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn is_due(tx: &Tx<'_>, lane: Lane) -> Result<bool> {
    store::is_due(tx, lane.kinds(), farthest(tx))
}

/// Takes the oldest job that is due, or that a worker took and never finished.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn claim(tx: &Tx<'_>, lane: Lane) -> Result<Option<Job>> {
    let leased_until = tx.now().plus_seconds(LEASE_SECONDS);
    Ok(store::claim(tx, lane.kinds(), leased_until, farthest(tx))?
        .and_then(|(id, kind, key, attempt)| Kind::from_name(&kind).map(|kind| Job { id, kind, key, attempt })))
}

/// Strikes a finished job off, in the transaction that holds its result.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn finish(tx: &Tx<'_>, job: &Job) -> Result<()> {
    store::delete(tx, job.id)
}

/// Hands a job back with the reason it failed, and says when it is tried again: `None` after the
/// last try, when it is dead.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn fail(tx: &Tx<'_>, job: &Job, reason: &str) -> Result<Option<Moment>> {
    let reason: String = reason.chars().take(500).collect();
    let tries = usize::try_from(job.attempt).unwrap_or(usize::MAX);
    let wait = job.kind.back_off_seconds().get(tries.saturating_sub(1));
    let due_at = wait.map(|seconds| tx.now().plus_seconds(*seconds));
    match due_at {
        Some(due_at) => store::retry(tx, job.id, due_at, &reason)?,
        None => store::bury(tx, job.id, &reason)?,
    }
    Ok(due_at)
}

/// Lets go of all jobs that were with a worker: called once at start, when no worker lives.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn release_all(tx: &Tx<'_>) -> Result<()> {
    store::release_all(tx)
}

/// Strikes off whatever waits to be done to one thing, because it was done in another way.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn forget(tx: &Tx<'_>, kind: Kind, key: &str) -> Result<()> {
    store::delete_waiting(tx, kind.name(), key)
}

/// Gives the jobs of a kind that were given up on another round of tries.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn revive(tx: &Tx<'_>, kind: Kind) -> Result<()> {
    store::revive(tx, kind.name())
}

/// How many jobs stand where.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn depth(tx: &Tx<'_>) -> Result<Depth> {
    store::depth(tx, None)
}

/// How many jobs of one kind stand where.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn depth_of(tx: &Tx<'_>, kind: Kind) -> Result<Depth> {
    store::depth(tx, Some(kind.name()))
}

/// When the next waiting job is due, `None` where none waits.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn next_due(tx: &Tx<'_>) -> Result<Option<Moment>> {
    store::next_due(tx)
}

/// The jobs that were given up on, newest first, at most `limit`.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn dead(tx: &Tx<'_>, limit: u32) -> Result<Vec<DeadJob>> {
    store::dead(tx, limit)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::clock::Clock;
    use crate::db::Db;

    fn queue() -> (tempfile::TempDir, Db) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
        let db = Db::open(directory.path(), clock, 1).expect("a new database");
        (directory, db)
    }

    fn claimed(db: &Db) -> Option<Job> {
        db.write_here(|tx| claim(tx, Lane::All)).expect("claiming works")
    }

    #[test]
    fn a_job_waits_once_however_often_it_is_asked_for() {
        let (_keep, db) = queue();
        db.write_here(|tx| (0..3).try_for_each(|_| enqueue(tx, Kind::Embed, "7"))).expect("queued");
        let job = claimed(&db).expect("one job");
        assert_eq!((job.kind, job.key.as_str(), job.attempt), (Kind::Embed, "7", 1));
        assert!(claimed(&db).is_none());
        db.write_here(|tx| finish(tx, &job)).expect("finished");
        assert_eq!(db.read_here(depth).expect("counted"), Depth::default());
    }

    #[test]
    fn work_asked_for_while_the_job_runs_is_done_again_afterwards() {
        let (_keep, db) = queue();
        db.write_here(|tx| enqueue(tx, Kind::Embed, "7")).expect("queued");
        let first = claimed(&db).expect("one job");
        db.write_here(|tx| enqueue(tx, Kind::Embed, "7")).expect("queued again");
        // Handing the first back must not collide with the one that waits.
        db.write_here(|tx| fail(tx, &first, "model away")).expect("handed back");
        assert_eq!(db.read_here(depth).expect("counted"), Depth { ready: 1, running: 0, dead: 0 });
    }

    #[test]
    fn a_job_that_keeps_failing_ends_dead_and_visible() {
        let (_keep, db) = queue();
        db.write_here(|tx| enqueue(tx, Kind::Embed, "7")).expect("queued");
        for attempt in 1..=4 {
            let job = claimed(&db).unwrap_or_else(|| panic!("try {attempt}"));
            assert_eq!(job.attempt, attempt);
            db.write_here(|tx| fail(tx, &job, "poisoned")).expect("handed back");
            assert!(claimed(&db).is_none(), "it waits before the next try");
            db.clock().advance(TimeDelta::minutes(5));
        }
        assert!(claimed(&db).is_none());
        let dead = db.read_here(|tx| dead(tx, 10)).expect("listed");
        assert_eq!(dead.len(), 1);
        assert_eq!(dead[0].last_error, "poisoned");
    }

    #[test]
    fn a_letter_is_tried_for_most_of_a_day() {
        let (_keep, db) = queue();
        db.write_here(|tx| enqueue(tx, Kind::Send, "1")).expect("queued");
        let mut waits = Vec::new();
        while let Some(job) = claimed(&db) {
            let due_at = db.write_here(|tx| fail(tx, &job, "refused")).expect("handed back");
            let Some(due_at) = due_at else { break };
            let wait = due_at.unix() - db.clock().now().unix();
            waits.push(wait);
            db.clock().advance(TimeDelta::seconds(wait));
        }
        assert_eq!(waits, [5, 30, 120, 600, 1_800, 7_200, 21_600, 43_200]);
        assert_eq!(db.read_here(depth).expect("counted"), Depth { ready: 0, running: 0, dead: 1 });
    }

    #[test]
    fn letters_and_the_rest_keep_to_their_lanes() {
        let (_keep, db) = queue();
        let queued = [(Kind::Fetch, "reconcile"), (Kind::Send, "1"), (Kind::Embed, "7")];
        db.write_here(|tx| queued.into_iter().try_for_each(|(kind, key)| enqueue(tx, kind, key))).expect("queued");
        let take = |lane| db.write_here(|tx| claim(tx, lane)).expect("claiming works").map(|job| job.kind);
        let is_due = |lane| db.read_here(|tx| is_due(tx, lane)).expect("read");
        assert!([Lane::Others, Lane::Letters, Lane::Fetches, Lane::All].into_iter().all(is_due));
        assert_eq!((take(Lane::Others), take(Lane::Others)), (Some(Kind::Embed), None));
        assert!(!is_due(Lane::Others) && is_due(Lane::Letters));
        assert_eq!((take(Lane::Letters), take(Lane::Letters)), (Some(Kind::Send), None));
        assert_eq!((take(Lane::Fetches), take(Lane::All)), (Some(Kind::Fetch), None));
        assert!(!is_due(Lane::All));
    }

    #[test]
    fn every_kind_is_in_one_lane_and_in_that_of_all() {
        for kind in Kind::ALL {
            let is_in = |lane: Lane| lane.kinds().contains(&format!("\"{}\"", kind.name()));
            let n_lanes = [Lane::Letters, Lane::Fetches, Lane::Others].into_iter().filter(|lane| is_in(*lane)).count();
            assert!(n_lanes == 1 && is_in(Lane::All), "{kind:?}");
        }
    }

    #[test]
    fn a_job_whose_worker_died_is_taken_again() {
        let (_keep, db) = queue();
        db.write_here(|tx| enqueue(tx, Kind::Embed, "7")).expect("queued");
        claimed(&db).expect("taken, and never finished");
        assert!(claimed(&db).is_none());
        db.clock().advance(TimeDelta::seconds(LEASE_SECONDS + 1));
        assert_eq!(claimed(&db).map(|job| job.attempt), Some(2));
    }
}
