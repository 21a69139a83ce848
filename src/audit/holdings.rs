//! What the log says of one person, for the person themselves. Who else did something, and from
//! where, is that other person's own.

use serde_json::{Value, json};

use super::{Event, Filter, entries};
use crate::db::Tx;
use crate::error::Result;
use crate::ids::UserId;

/// The most entries of a sort that are handed out; nobody comes near it.
const MOST: u32 = 10_000;

/// Entries by this person and about the things with these ids, newest first, as JSON.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn holdings(tx: &Tx<'_>, user: UserId, about: &[String]) -> Result<Vec<Value>> {
    let mut events = entries(tx, &Filter { actor: Some(user), ..Filter::default() }, MOST)?;
    for id in about {
        events.extend(entries(tx, &Filter { entity_id: Some(id.clone()), ..Filter::default() }, MOST)?);
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.id));
    events.dedup_by_key(|event| event.id);
    Ok(events.iter().map(|event| shown(event, user)).collect())
}

fn shown(event: &Event, user: UserId) -> Value {
    let is_own = event.actor == Some(user);
    json!({
        "id": event.id, "occurredAt": event.occurred_at, "kind": event.kind, "entity": event.entity,
        "entityId": event.entity_id, "change": event.change, "byYou": is_own,
        "address": is_own.then_some(&event.address),
    })
}
