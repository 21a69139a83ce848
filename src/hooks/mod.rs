//! Programs outside that are told what happens here. It learns that from the audit log, which it follows:
//! whatever is written there in the transaction that changes something becomes one letter for each hook that
//! wants to hear of it, once. What a letter says of a session or a person is asked of whoever runs the rounds.
//! It never calls an address inside anybody's own network unless the operator says so.

mod guard;
mod kinds;
mod post;
mod rounds;
mod store;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use utoipa::ToSchema;

use crate::accounts::logins::random_secret;
use crate::audit::{self, Actor, Entry};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, OrInternal, Result};
use crate::ids::HookId;

pub use kinds::{KINDS, Kind, PING};
pub use post::Post;
pub use rounds::{Data, Round, due, follow, is_behind, post_next, sweep};

/// Hooks at once: each is told by a try of its own, at the same time as the others.
const MOST_HOOKS: u32 = 20;

/// A program that is told what happens.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hook {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    pub id: HookId,
    /// Where it is told.
    pub url: String,
    /// What it hears of; empty for everything.
    pub events: Vec<String>,
    /// Whether it is told anything.
    pub is_active: bool,
    /// Why not: `admin`, or `failing` where it was switched off after days without success.
    pub off_reason: Option<String>,
    /// Since when every try fails.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Moment>,
    /// When it was last tried.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_at: Option<Moment>,
    /// How it answered then; `null` where it did not.
    pub last_status: Option<u16>,
    /// Why that counts as failed.
    pub last_error: Option<String>,
    /// Letters that wait.
    pub n_queued: u64,
    /// Letters that were given up on.
    pub n_dead: u64,
    /// When it was set up.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
    /// When an admin, or a long failure, last changed it.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Moment,
}

/// How a letter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It waits, for its first try or another.
    Queued,
    /// It was taken.
    Sent,
    /// It was given up on.
    Dead,
}

impl State {
    fn from_name(name: &str) -> Self {
        match name {
            "sent" => Self::Sent,
            "dead" => Self::Dead,
            _ => Self::Queued,
        }
    }
}

/// One event for one hook.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    /// Its place here.
    pub id: i64,
    /// The event's id, which the receiver sees.
    pub event_id: i64,
    /// What it is about: `session.booked`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How it stands.
    pub state: State,
    /// How often it was tried.
    pub attempts: u32,
    /// How the last try was answered.
    pub last_status: Option<u16>,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
    /// When it is tried next, for one that waits.
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Moment,
    /// When it was taken.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub sent_at: Option<Moment>,
}

/// What is to become of a hook; what is left out stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Change {
    /// Where it is told.
    pub url: Option<String>,
    /// What it hears of; empty for everything.
    pub events: Option<Vec<String>>,
    /// Whether it is told anything. What happens while it is not, it never hears of.
    pub is_active: Option<bool>,
    /// Whether it gets a new secret, at once.
    pub renew_secret: bool,
}

fn unknown() -> Error {
    Error::not_found("hook_unknown", "This webhook is not here, or no longer.")
}

/// What the audit log says of an address: not its path, which may hold a secret.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn origin_of(url: &str) -> Option<String> {
    Url::parse(url).ok().map(|url| origin(&url))
}

/// Names of kinds, each once and in their order; all of them are none, for what comes later is wanted too.
fn checked_events(events: &[String]) -> Result<Vec<String>> {
    if let Some(odd) = events.iter().find(|it| kinds::by_name(it).is_none()) {
        let name: String = odd.chars().take(60).collect();
        return Err(Error::field("events", format!("must not hold {name:?}, which is no event")));
    }
    let is_wanted = |kind: &&Kind| events.iter().any(|it| it == kind.name);
    Ok(KINDS.iter().filter(is_wanted).map(|kind| kind.name.to_owned()).collect())
}

/// Every hook, the oldest first.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn hooks(tx: &Tx<'_>) -> Result<Vec<Hook>> {
    store::hooks(tx)
}

/// One hook.
///
/// # Errors
/// `hook_unknown`.
pub fn hook(tx: &Tx<'_>, id: HookId) -> Result<Hook> {
    store::hook(tx, id)?.ok_or_else(unknown)
}

/// Sets a hook up: the hook, and the secret that signs what it is told, which is never shown again. It hears of
/// what happens from now on.
///
/// # Errors
/// `Invalid` naming `url` or `events`; `hook_exists`, `too_many_hooks`.
pub fn add(tx: &Tx<'_>, post: &Post, actor: &Actor, url: &str, events: &[String]) -> Result<(Hook, String)> {
    let (url, events) = (post.check(url)?, checked_events(events)?);
    let n_hooks = store::n_hooks(tx)?;
    if n_hooks >= MOST_HOOKS {
        return Err(Error::conflict("too_many_hooks", format!("There are at most {MOST_HOOKS} webhooks.")));
    }
    let (id, secret) = (HookId::random(), random_secret()?);
    let after = json!({ "address": origin(&url), "events": events });
    audit::note(tx, actor, &Entry { kind: "hook.created", about: about(&id.to_string()), before: ().into(), after })?;
    let seq = audit::last_entry(tx)?;
    if n_hooks == 0 {
        // Nobody has followed the log for want of a listener: what was written meanwhile is the past.
        rounds::start_after(tx, seq)?;
    }
    if !store::insert(tx, id, url.as_str(), &secret, &events, seq)? {
        return Err(exists());
    }
    Ok((hook(tx, id)?, secret))
}

fn exists() -> Error {
    Error::conflict("hook_exists", "There is a webhook with this address already: change that one.")
}

fn about(id: &str) -> (&'static str, &str) {
    ("hook", id)
}

/// Changes a hook; the new secret, where there is one.
///
/// # Errors
/// `hook_unknown`; as `add`.
pub fn change(tx: &Tx<'_>, post: &Post, actor: &Actor, id: HookId, change: &Change) -> Result<(Hook, Option<String>)> {
    let was = hook(tx, id)?;
    let url = change.url.as_deref().map(|url| post.check(url)).transpose()?.filter(|url| url.as_str() != was.url);
    let events = change.events.as_deref().map(checked_events).transpose()?.filter(|events| *events != was.events);
    let is_active = change.is_active.filter(|it| *it != was.is_active);
    if let Some(url) = &url
        && !store::set_url(tx, id, url.as_str())?
    {
        return Err(exists());
    }
    if let Some(events) = &events {
        store::set_events(tx, id, events)?;
    }
    let secret = if change.renew_secret { Some(random_secret()?) } else { None };
    if let Some(secret) = &secret {
        store::set_secret(tx, id, secret)?;
    }
    let (mut before, mut after) = (json!({}), json!({}));
    if let Some(url) = &url {
        (before["address"], after["address"]) = (json!(origin_of(&was.url)), json!(origin(url)));
    }
    if let Some(events) = &events {
        (before["events"], after["events"]) = (json!(was.events), json!(events));
    }
    if let Some(is_active) = is_active {
        (before["active"], after["active"]) = (json!(was.is_active), json!(is_active));
    }
    if secret.is_some() {
        after["fields"] = json!(["secret"]);
    }
    if after != json!({}) {
        audit::note(tx, actor, &Entry { kind: "hook.changed", about: about(&id.to_string()), before, after })?;
    }
    if let Some(is_active) = is_active {
        let seq = audit::last_entry(tx)?;
        store::switch(tx, id, (!is_active).then_some("admin"), seq)?;
    }
    Ok((hook(tx, id)?, secret))
}

/// Takes a hook away with all its letters.
///
/// # Errors
/// `hook_unknown`.
pub fn remove(tx: &Tx<'_>, actor: &Actor, id: HookId) -> Result<()> {
    let was = hook(tx, id)?;
    store::delete(tx, id)?;
    let before = json!({ "address": origin_of(&was.url), "events": was.events });
    audit::note(tx, actor, &Entry { kind: "hook.removed", about: about(&id.to_string()), before, after: ().into() })
}

/// Queues a letter that says nothing but that it arrived, for a hook that is switched off too. It is tried once.
///
/// # Errors
/// `hook_unknown`.
pub fn test(tx: &Tx<'_>, actor: &Actor, id: HookId) -> Result<Letter> {
    let hook = hook(tx, id)?;
    let about = ("hook", &*hook.id.to_string());
    audit::note(tx, actor, &Entry { kind: "hook.tested", about, before: ().into(), after: ().into() })?;
    let seq = audit::last_entry(tx)?;
    let payload = payload(seq, PING, tx.now(), &json!({ "hookId": hook.id }));
    store::insert_letter(tx, id, seq, PING, &payload.to_string())?;
    store::letter_about(tx, id, seq)?.ok_or_else(|| Error::internal(anyhow::anyhow!("a letter just written is gone")))
}

/// What is sent and signed.
fn payload(seq: i64, kind: &str, occurred_at: Moment, data: &Value) -> Value {
    json!({ "id": seq, "type": kind, "occurredAt": occurred_at, "data": data })
}

/// The letters of a hook, the newest event first, at most `limit` and only of events before `before_event`.
///
/// # Errors
/// `hook_unknown`.
pub fn letters(tx: &Tx<'_>, id: HookId, before_event: Option<i64>, limit: u32) -> Result<Vec<Letter>> {
    hook(tx, id)?;
    store::letters(tx, id, before_event, limit)
}

/// Gives a letter that was given up on another round of tries.
///
/// # Errors
/// `letter_unknown`; `not_dead` where it waits or was taken.
pub fn retry(tx: &Tx<'_>, actor: &Actor, id: i64) -> Result<HookId> {
    let unknown = || Error::not_found("letter_unknown", "There is no such letter.");
    let hook = store::hook_of_letter(tx, id)?.ok_or_else(unknown)?;
    if !store::revive(tx, id)? {
        return Err(Error::conflict("not_dead", "Only a letter that was given up on can be tried again."));
    }
    let (before, after) = (json!({ "state": State::Dead }), json!({ "state": State::Queued, "letter": id }));
    audit::note(tx, actor, &Entry { kind: "hook.letter_retried", about: about(&hook.to_string()), before, after })?;
    Ok(hook)
}

fn read_payload(text: &str) -> Result<Value> {
    serde_json::from_str(text).or_internal("reading a letter's JSON")
}

#[cfg(test)]
mod tests;
