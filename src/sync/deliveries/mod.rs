//! What programs outside have sent, and what became of it: one row a delivery, its bytes kept for a while so that it
//! can be taken in once more. Whatever nobody signed is counted and never kept.

mod store;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::intake::describe;
use super::mapping::Mapping;
use super::{Applied, MentorRecord, airtable, apply, check};
use crate::accounts::{self, User};
use crate::audit::Actor;
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Kind, Result};
use crate::ids::{MentorId, MentorNo};
use store::Body;

/// Rows kept; older ones go as new ones come.
const MOST_ROWS: i64 = 10_000;

/// Of these the newest keep their bytes. At 1 MiB each that is what a holder of the secret can fill.
const MOST_BODIES: i64 = 500;

/// Days that bytes are kept: they are people's data.
const BODY_DAYS: i64 = 30;

/// Unsigned deliveries within so many seconds of each other make one row.
const ONE_ROW_SECONDS: i64 = 3_600;

/// At most so often unsigned deliveries are written down: they must not keep the writer busy.
const KNOCK_SECONDS: i64 = 10;

/// Where a delivery came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// An automation posted a record.
    Webhook,
    /// Airtable notified, and the base was looked through.
    Notification,
    /// A schedule or a person had the base looked through.
    Reconcile,
    /// Staff had a delivery taken in once more.
    Replay,
}

impl Source {
    const ALL: [Self; 4] = [Self::Webhook, Self::Notification, Self::Reconcile, Self::Replay];

    /// The word in the database and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Notification => "notification",
            Self::Reconcile => "reconcile",
            Self::Replay => "replay",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }
}

impl From<airtable::Source> for Source {
    fn from(source: airtable::Source) -> Self {
        match source {
            airtable::Source::Notification => Self::Notification,
            airtable::Source::Reconcile => Self::Reconcile,
        }
    }
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Something is different now.
    Changed,
    /// Nothing was new.
    Unchanged,
    /// It tells of an edit before one that is here already.
    Outdated,
    /// It was wrong, and nothing was changed.
    Refused,
    /// Tandem could not, and nothing was changed.
    Failed,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Changed, Self::Unchanged, Self::Outdated, Self::Refused, Self::Failed];

    /// The word in the database and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Outdated => "outdated",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// The outcome of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    const fn of(applied: Applied) -> Self {
        match applied {
            Applied { is_outdated: true, .. } => Self::Outdated,
            Applied { put, .. } if put.has_changed => Self::Changed,
            Applied { .. } => Self::Unchanged,
        }
    }
}

/// A delivery as the log has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Logged {
    /// Its place in the log; rises with time.
    pub id: i64,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Moment,
    /// When the newest came of those that are counted in this row.
    #[schema(value_type = String, format = DateTime)]
    pub last_at: Moment,
    /// How many are counted in it; more than one only for unsigned ones.
    pub times: u32,
    /// Where it came from.
    pub source: Source,
    /// The record's id over there, where it could be read.
    pub record: Option<String>,
    /// Whom it was about, where that is known and they are still here.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub mentor_id: Option<MentorId>,
    /// Their name.
    pub mentor_name: Option<String>,
    /// What became of it.
    pub result: Outcome,
    /// The code of the refusal.
    pub code: Option<String>,
    /// The refusal in a sentence.
    pub reason: Option<String>,
    /// Fields that nobody knows; they were left out.
    pub unknown_fields: Vec<String>,
    /// Whether its bytes are still here, so that it can be taken in once more.
    pub can_replay: bool,
}

/// What the log may be narrowed by.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only these results.
    pub result: Option<Outcome>,
    /// Only this record.
    pub record: Option<String>,
}

/// A delivery that was read: what it says, or what is wrong with it.
pub struct Delivery {
    record: Option<String>,
    said: Result<MentorRecord>,
    unknown: BTreeSet<String>,
}

impl Delivery {
    /// Reads the bytes of a delivery, whose signature somebody has checked.
    pub fn read(mapping: &Mapping, body: &[u8]) -> Self {
        let mut unknown = BTreeSet::new();
        let mut record = None;
        let said = payload(body).and_then(|mut payload| {
            record = payload.get("recordId").and_then(Value::as_str).map(|id| id.chars().take(100).collect());
            mapping.rename(&mut payload);
            check::mentor_payload(&payload, &mut unknown)
        });
        Self { record, said, unknown }
    }
}

fn payload(body: &[u8]) -> Result<Value> {
    serde_json::from_slice(body)
        .map_err(|cause| Error::malformed("not_json", format!("The body is not JSON (line {}).", cause.line())))
}

/// Takes a delivery in and writes down what became of it, in one transaction. The inner result is the delivery's own:
/// a refusal has changed nothing but the log.
///
/// # Errors
/// Internal, where SQLite cannot; then nothing was written at all, and `failed` is for the caller to call.
pub fn deliver(tx: &Tx<'_>, actor: &Actor, source: Source, delivery: Delivery, body: &[u8]) -> Result<Result<Applied>> {
    let Delivery { record, said, unknown } = delivery;
    let outcome = match said {
        Ok(said) => tx.savepoint(|tx| apply(tx, actor, said)),
        Err(refusal) => Err(refusal),
    };
    let (result, refusal, mentor) = match &outcome {
        Ok(applied) => (Outcome::of(*applied), None, Some(applied.put.number)),
        // A refusal is about this delivery; anything else is about the machine.
        Err(refusal) if refusal.kind != Kind::Internal && refusal.cause().is_none() => {
            (Outcome::Refused, Some(refusal), None)
        }
        Err(_) => return outcome.map(Ok),
    };
    let record = record.as_deref();
    note(tx, &Noted { source, record, mentor, result, refusal, unknown: &unknown, body: Some(body) })?;
    Ok(outcome)
}

/// Writes down that Tandem itself could not take a delivery in, so that staff can have it taken in later.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn failed(tx: &Tx<'_>, source: Source, mapping: &Mapping, body: &[u8], failure: &Error) -> Result<()> {
    let Delivery { record, unknown, .. } = Delivery::read(mapping, body);
    let (record, result) = (record.as_deref(), Outcome::Failed);
    note(
        tx,
        &Noted { source, record, mentor: None, result, refusal: Some(failure), unknown: &unknown, body: Some(body) },
    )
}

/// What is written down of a delivery.
pub(super) struct Noted<'a> {
    pub source: Source,
    pub record: Option<&'a str>,
    pub mentor: Option<MentorNo>,
    pub result: Outcome,
    pub refusal: Option<&'a Error>,
    pub unknown: &'a BTreeSet<String>,
    pub body: Option<&'a [u8]>,
}

/// Writes a delivery down, and drops what has grown old.
pub(super) fn note(tx: &Tx<'_>, noted: &Noted<'_>) -> Result<()> {
    let reason = noted.refusal.map(describe);
    let id = store::insert(tx, noted, reason.as_deref())?;
    store::drop_before(tx, id - MOST_ROWS)?;
    store::wipe(tx, id - MOST_BODIES)
}

/// Deliveries that nobody has signed, counted in memory: a stranger may knock as often as they like.
#[derive(Debug, Default)]
pub struct Knocks {
    waiting: AtomicU32,
    written_at: AtomicI64,
}

impl Knocks {
    /// Counts one more. Now and then says how many are to be written down.
    pub fn hear(&self, now: Moment) -> Option<u32> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let last = self.written_at.load(Ordering::SeqCst);
        let is_due = now.unix().abs_diff(last) >= KNOCK_SECONDS.unsigned_abs();
        let is_mine =
            is_due && self.written_at.compare_exchange(last, now.unix(), Ordering::SeqCst, Ordering::SeqCst).is_ok();
        is_mine.then(|| self.waiting.swap(0, Ordering::SeqCst))
    }
}

/// Writes unsigned deliveries down: one row for all of an hour.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn unsigned(tx: &Tx<'_>, source: Source, n: u32) -> Result<()> {
    let refusal = Error::unauthorized("bad_signature", "The signature is not that of the body.");
    if store::count_on(tx, source, refusal.code, n, tx.now().plus_seconds(-ONE_ROW_SECONDS))? {
        return Ok(());
    }
    let (unknown, result) = (BTreeSet::new(), Outcome::Refused);
    let refusal = Some(&refusal);
    note(tx, &Noted { source, record: None, mentor: None, result, refusal, unknown: &unknown, body: None })?;
    store::count_on(tx, source, "bad_signature", n.saturating_sub(1), tx.now()).map(drop)
}

/// The log, newest first: at most `limit` rows, those before `before_id`.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn log(tx: &Tx<'_>, filter: &Filter, before_id: Option<i64>, limit: u32) -> Result<Vec<Logged>> {
    store::log(tx, filter, before_id, limit)
}

/// Who has the address that a delivery says, where its bytes are kept: for staff, whom a refusal sends looking.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn holder(tx: &Tx<'_>, mapping: &Mapping, id: i64) -> Result<Option<User>> {
    let Some(Body::Kept(body)) = store::body(tx, id)? else { return Ok(None) };
    let Ok(said) = Delivery::read(mapping, &body).said else { return Ok(None) };
    let Some(email) = said.edit.email else { return Ok(None) };
    accounts::user_by_email(tx, &email)
}

/// Takes a delivery in once more, as if it came now: it says what it said, over what is here.
///
/// # Errors
/// `delivery_unknown` (404), `body_gone` (409); and as the delivery itself is refused.
pub fn replay(tx: &Tx<'_>, actor: &Actor, mapping: &Mapping, id: i64) -> Result<Result<Applied>> {
    let body = match store::body(tx, id)? {
        None => return Err(Error::not_found("delivery_unknown", "There is no such delivery, or no longer.")),
        Some(Body::Gone) => {
            let problem = "What it said is no longer kept, so it cannot be taken in once more.";
            return Err(Error::conflict("body_gone", problem));
        }
        Some(Body::Kept(body)) => body,
    };
    deliver(tx, actor, Source::Replay, Delivery::read(mapping, &body), &body)
}

/// Drops what deliveries said about a mentor who is to be forgotten; that they came stays written down.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn forget(tx: &Tx<'_>, mentor: MentorNo, record: Option<&str>) -> Result<()> {
    store::forget(tx, mentor, record)
}

/// Drops the bytes of deliveries that have grown old; returns of how many.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn sweep(tx: &Tx<'_>) -> Result<usize> {
    store::wipe_older(tx, tx.now().plus_days(-BODY_DAYS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_at_the_door_is_written_down_seldom_and_counted_wholly() {
        let knocks = Knocks::default();
        let at = |second: i64| Moment::from_unix(1_900_000_000 + second);
        assert_eq!(knocks.hear(at(0)), Some(1), "the first at once");
        assert!((0..500).all(|_| knocks.hear(at(5)).is_none()));
        assert_eq!(knocks.hear(at(10)), Some(501));
        assert_eq!(knocks.hear(at(-90)), Some(1), "a clock that was put back stops nothing");
    }
}
