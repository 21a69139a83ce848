//! The rounds: the audit log becomes letters, and letters are posted. Each step is safe to run again: the
//! place in the log moves in the transaction that writes the letters, and what came of a try is written down
//! only where the letter still waits for it. A receiver may hear of an event twice where Tandem dies between
//! its answer and the note of it, and knows it by its id.

use serde_json::json;

use super::post::{Outcome, Parcel, Post};
use super::{PING, kinds, payload, read_payload, store};
use crate::audit::{self, Actor, Entry, Event};
use crate::clock::Moment;
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::ids::HookId;
use crate::jobs::MOST_OF_A_DAY;

/// Where the following of the log has come to, among what Tandem itself keeps.
const CURSOR: &str = "hooks_after";

/// Entries read in one transaction.
const AT_ONCE: u32 = 200;

/// Days without one success after which a hook whose letters die is switched off.
const DAYS_OF_FAILING: i64 = 3;

/// Days that taken letters stay listed.
const DAYS_OF_TAKEN: i64 = 30;

/// Days that letters which were never taken stay.
const DAYS_OF_OTHERS: i64 = 90;

/// Says what an entry's thing is now, for the letter about it.
pub type Data<'a> = &'a dyn Fn(&Tx<'_>, &Event) -> Result<serde_json::Value>;

/// What a round has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Entries of the log read.
    pub n_read: u32,
    /// Letters written.
    pub n_letters: u32,
    /// Whether the log goes on.
    pub has_more: bool,
}

pub(super) fn start_after(tx: &Tx<'_>, seq: i64) -> Result<()> {
    tx.set_setting(CURSOR, &seq.to_string())
}

/// Where the log was read to; a place that is not known is its end.
fn cursor(tx: &Tx<'_>) -> Result<i64> {
    match tx.setting(CURSOR)?.and_then(|place| place.parse().ok()) {
        Some(place) => Ok(place),
        None => audit::last_entry(tx),
    }
}

/// Whether there are entries to follow, and anybody to hear of them.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn is_behind(tx: &Tx<'_>) -> Result<bool> {
    Ok(store::n_hooks(tx)? > 0 && audit::last_entry(tx)? > cursor(tx)?)
}

/// Reads on in the audit log, and writes a letter for each hook that wants to hear of an entry.
///
/// # Errors
/// Internal, where SQLite cannot, and those of `data`; nothing has happened then.
pub fn follow(tx: &Tx<'_>, data: Data<'_>) -> Result<Round> {
    let entries = audit::entries_after(tx, cursor(tx)?, AT_ONCE)?;
    let Some(last) = entries.last().map(|entry| entry.id) else { return Ok(Round::default()) };
    let listeners = store::listeners(tx)?;
    let mut n_letters = 0;
    for entry in &entries {
        if kinds::is_an_end(&entry.kind) && !entry.entity_id.is_empty() {
            rewrite_letters_about(tx, &entry.entity_id, data)?;
        }
        let Some(kind) = kinds::of_entry(&entry.kind) else { continue };
        let wants = |it: &&store::Listener| {
            it.after_seq < entry.id && (it.events.is_empty() || it.events.iter().any(|name| name == kind.name))
        };
        let mut wanting = listeners.iter().filter(wants).peekable();
        if wanting.peek().is_none() {
            continue;
        }
        let payload = payload(entry.id, kind.name, entry.occurred_at, &data(tx, entry)?).to_string();
        for listener in wanting {
            n_letters += store::insert_letter(tx, listener.id, entry.id, kind.name, &payload)?;
        }
    }
    start_after(tx, last)?;
    let n_read = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    Ok(Round { n_read, n_letters, has_more: n_read == AT_ONCE })
}

/// Somebody is gone for good: letters that were not taken yet say of them what there is now.
fn rewrite_letters_about(tx: &Tx<'_>, id: &str, data: Data<'_>) -> Result<()> {
    for (letter, seq, text) in store::untaken_letters_with(tx, id)? {
        let entry = audit::entries_after(tx, seq - 1, 1)?.pop().filter(|entry| entry.id == seq);
        let mut payload = read_payload(&text)?;
        payload["data"] = entry.map_or_else(|| Ok(json!({})), |entry| data(tx, &entry))?;
        store::rewrite(tx, letter, &payload.to_string())?;
    }
    Ok(())
}

/// Strikes off letters that have been listed long enough. Returns how many.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn sweep(tx: &Tx<'_>) -> Result<usize> {
    let (taken, others) = (tx.now().plus_days(-DAYS_OF_TAKEN), tx.now().plus_days(-DAYS_OF_OTHERS));
    store::prune(tx, taken, others)
}

/// The hooks for which a letter is due.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn due(tx: &Tx<'_>) -> Result<Vec<HookId>> {
    store::due(tx, PING)
}

/// Posts the letter of a hook that has been due longest, and writes down what came of it; `false` where none is due.
/// Only one may run for a hook at a time.
///
/// # Errors
/// Internal, where SQLite cannot; a try that fails is no error.
pub async fn post_next(db: &Db, post: &Post, hook: HookId) -> Result<bool> {
    let Some(next) = db.read(move |tx| store::next(tx, hook, PING)).await? else { return Ok(false) };
    let occurred_at = read_payload(&next.payload)?["occurredAt"].as_str().unwrap_or_default().to_owned();
    let parcel = Parcel {
        url: &next.url,
        secret: &next.secret,
        kind: &next.kind,
        event_seq: next.event_seq,
        occurred_at: &occurred_at,
        payload: &next.payload,
    };
    let outcome = post.send(&parcel).await;
    if let Some(problem) = &outcome.problem {
        tracing::warn!(hook = %hook, event = next.event_seq, attempt = next.attempts + 1, "a webhook failed: {problem}");
    }
    db.write(move |tx| note(tx, hook, &next, &outcome)).await?;
    Ok(true)
}

fn note(tx: &Tx<'_>, hook: HookId, tried: &store::Next, outcome: &Outcome) -> Result<()> {
    let Some(problem) = &outcome.problem else {
        store::mark_sent(tx, tried, outcome.status)?;
        return store::note_success(tx, hook, outcome.status);
    };
    let is_test = tried.kind == PING;
    let due_at = if is_test { None } else { next_try(tx.now(), tried.attempts) };
    store::put_off(tx, tried, due_at, outcome.status, problem)?;
    let failing_since = store::note_failure(tx, hook, outcome.status, problem, is_test)?;
    let is_hopeless = failing_since.is_some_and(|since| since.plus_days(DAYS_OF_FAILING) <= tx.now());
    if due_at.is_none() && !is_test && is_hopeless {
        let about = ("hook", &*hook.to_string());
        let (before, after) = (json!({ "active": true }), json!({ "active": false, "failingSince": failing_since }));
        audit::note(tx, &Actor::nobody("hooks"), &Entry { kind: "hook.switched_off", about, before, after })?;
        let seq = audit::last_entry(tx)?;
        store::switch(tx, hook, Some("failing"), seq)?;
    }
    Ok(())
}

/// When a letter is tried again that has failed this often before; `None` where that was its last try.
fn next_try(now: Moment, n_before: u32) -> Option<Moment> {
    MOST_OF_A_DAY.get(usize::try_from(n_before).ok()?).map(|seconds| now.plus_seconds(*seconds))
}
