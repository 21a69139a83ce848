//! How the parts of a running house stand, for `/readyz` and `/metrics`. A part that fails keeps questions from being
//! answered; one that warns wants somebody to look.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{State, machine};
use crate::backup::Backups;
use crate::db::Db;
use crate::jobs;
use crate::mail::{self, Post};
use crate::matching::Matcher;

/// Less room than this on the disk is worth a warning, in bytes.
pub const LITTLE_ROOM: u64 = 500_000_000;

/// With less than this a write may find no room at all, in bytes.
const NO_ROOM: u64 = 1_000_000;

/// A thread that gives no sign for this long is stuck: the slowest mail server is done with in less.
const STUCK: Duration = Duration::from_mins(15);

/// One part.
#[derive(Clone, Debug)]
pub struct Component {
    /// Its name, one of few.
    pub name: &'static str,
    /// How it stands.
    pub state: State,
    /// A sentence where it does not stand well.
    pub says: Option<String>,
    /// Figures that go with it.
    pub figures: Value,
}

impl Component {
    /// As `/readyz` shows it to whoever asks from elsewhere: how it stands, and no figure.
    pub fn word(&self) -> Value {
        json!({ "status": self.state })
    }

    /// As `/readyz` shows it to its own machine: the figures with `status` and, where there is something to say, `says`.
    pub fn shown(&self) -> Value {
        let mut shown = Map::from_iter([("status".to_owned(), json!(self.state))]);
        if let Some(says) = &self.says {
            shown.insert("says".to_owned(), json!(says));
        }
        if let Value::Object(figures) = &self.figures {
            shown.extend(figures.clone());
        }
        Value::Object(shown)
    }
}

fn part(name: &'static str, trouble: Option<(State, String)>, figures: Value) -> Component {
    let (state, says) = trouble.map_or((State::Ok, None), |(state, says)| (state, Some(says)));
    Component { name, state, says, figures }
}

/// All of them. Blocks for some reads: call it off the async threads.
pub fn components(db: &Db, matcher: &Matcher, post: &Post, backups: &Backups) -> Vec<Component> {
    let mut all = of_database(db, post);
    all.extend(of_backups(db, backups));
    all.extend(of_matching(matcher));
    all.push(workers(db));
    all.extend(disk(db));
    all
}

fn of_database(db: &Db, post: &Post) -> Vec<Component> {
    let read = db.read_here(|tx| Ok((jobs::depth(tx)?, mail::depth(tx)?)));
    let (jobs, letters) = match read {
        Ok(both) => both,
        Err(refusal) => {
            tracing::error!(cause = refusal.cause(), "the database cannot be read: {refusal}");
            let trouble = (State::Fail, "The database cannot be read; the log says why.".to_owned());
            return vec![part("database", Some(trouble), json!({}))];
        }
    };
    let given_up = |n: u64, what: &str| (n > 0).then(|| (State::Warn, format!("{what} given up on: {n}.")));
    vec![
        part("database", None, json!({})),
        part("jobs", given_up(jobs.dead, "Jobs"), json!({ "depth": jobs })),
        part(
            "mail",
            given_up(letters.dead, "Letters"),
            json!({ "way": post.way(), "queued": letters.queued, "dead": letters.dead }),
        ),
    ]
}

/// A warning at most, never a reason to answer nobody: people are served as well as ever.
fn of_backups(db: &Db, backups: &Backups) -> Option<Component> {
    let standing = match db.read_here(|tx| backups.standing(tx)) {
        Ok(standing) => standing,
        Err(refusal) => {
            tracing::error!(cause = refusal.cause(), "how backups stand cannot be read: {refusal}");
            return None;
        }
    };
    let says = match standing.word() {
        "ok" | "none yet" => None,
        "overdue" => Some("The newest backup is older than it should be."),
        _ => Some("Backups, the snapshot or the restore on trial fail; the log says why."),
    };
    let figures = json!({
        "lastAt": standing.last_at, "snapshotAt": standing.snapshot_at, "drilledAt": standing.drilled_at,
    });
    Some(part("backup", says.map(|says| (State::Warn, says.to_owned())), figures))
}

fn of_matching(matcher: &Matcher) -> Vec<Component> {
    let parts = matcher.parts();
    let n_waiting = parts.n_waiting;
    let mut figures = json!({ "mentorsWaiting": n_waiting, "units": parts.n_units });
    let mut says = Vec::new();
    if n_waiting > 0 {
        says.push(format!("Mentors whose vectors are still to be made: {n_waiting}."));
    }
    if let Some(progress) = parts.renewal {
        says.push(format!("{progress}; until all have, those of an earlier model answer."));
        figures["passages"] = json!(progress.n_all);
        figures["renewed"] = json!(progress.n_done);
    }
    let waits = (!says.is_empty()).then(|| (State::Warn, says.join(" ")));
    let rebuilds = parts.n_in_keywords.is_none().then(|| {
        (State::Warn, "The keyword index is being made anew; questions are answered by meaning alone.".to_owned())
    });
    vec![
        part("roster", None, json!({ "mentors": parts.n_visible })),
        part("vectors", waits, figures),
        part("keywords", rebuilds, parts.n_in_keywords.map_or_else(|| json!({}), |n| json!({ "mentors": n }))),
        part("embedder", None, json!({ "engine": parts.engine })),
    ]
}

fn workers(db: &Db) -> Component {
    let crew = db.meters().crew();
    let names = |is: &dyn Fn(&crate::meters::Sentry) -> bool| {
        crew.iter().filter(|it| is(it)).map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let n_manned = crew.iter().filter(|it| it.is_manned).count();
    let dead = names(&|it| it.is_deserted);
    let stuck = names(&|it| it.is_manned && it.quiet_for > STUCK);
    let trouble = if !dead.is_empty() {
        Some((State::Fail, format!("Background threads have died ({dead}): restart Tandem.")))
    } else if !stuck.is_empty() {
        Some((State::Warn, format!("Background threads give no sign ({stuck}).")))
    } else if n_manned == 0 {
        Some((State::Warn, "No background work is done in this process.".to_owned()))
    } else {
        None
    };
    part("workers", trouble, json!({ "running": n_manned }))
}

fn disk(db: &Db) -> Option<Component> {
    let disk = machine::disk(db.directory())?;
    let left = machine::in_words(disk.free);
    let trouble = match disk.free {
        ..NO_ROOM => Some("The disk is full: nothing can be written until there is room.".to_owned()),
        NO_ROOM..LITTLE_ROOM => Some(format!("Only {left} are left on the disk.")),
        _ => None,
    };
    let trouble = trouble.map(|says| (State::Warn, says));
    Some(part("disk", trouble, json!({ "freeBytes": disk.free })))
}
