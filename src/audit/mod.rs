//! The audit log: who changed what, when, from where, and what it was before. Rows are written in
//! the transaction that changes something and can never be changed or removed (the schema refuses
//! it). Never holds a secret: callers name the fields that they write down.

mod holdings;
mod store;

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, OrInternal, Result};
use crate::ids::UserId;

pub use holdings::holdings;

/// Who does something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// The account, or none for Tandem itself, for commands and for people without one.
    pub user: Option<UserId>,
    /// The network address, or what stands in for one: `command`, `airtable`, `worker`.
    pub address: String,
}

impl Actor {
    /// A person at a network address.
    pub fn user(user: UserId, address: impl Into<String>) -> Self {
        Self { user: Some(user), address: address.into() }
    }

    /// Somebody without an account at a network address, or a part of Tandem by its name.
    pub fn nobody(address: impl Into<String>) -> Self {
        Self { user: None, address: address.into() }
    }
}

/// One entry to be written.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// What happened, as thing and past tense: `user.role_changed`.
    pub kind: &'static str,
    /// The thing's table in the singular (`user`, `mentor`, `session`) and its id.
    pub about: (&'static str, &'a str),
    /// What it was before and is now, `null` where there is nothing to say. Only fields that changed, no secrets.
    pub before: Value,
    /// See `before`.
    pub after: Value,
}

/// One entry as it is read back.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its place in the log; rises with time.
    pub id: i64,
    /// When it happened.
    pub occurred_at: Moment,
    /// Who did it, if an account.
    pub actor: Option<UserId>,
    /// That account's name today.
    pub actor_name: Option<String>,
    /// From where.
    pub address: String,
    /// What happened.
    pub kind: String,
    /// The kind of thing it happened to.
    pub entity: String,
    /// Which.
    pub entity_id: String,
    /// `{"before": …, "after": …}`.
    pub change: Value,
}

/// Which entries to read. Everything that is given must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// A kind, or the part of it before the dot.
    pub kind: Option<String>,
    /// Who did it.
    pub actor: Option<UserId>,
    /// The id of what it happened to.
    pub entity_id: Option<String>,
    /// From this moment on.
    pub from: Option<Moment>,
    /// Before this moment.
    pub to: Option<Moment>,
    /// Only entries before this one: the last id of the page before.
    pub before_id: Option<i64>,
}

/// Writes an entry down, in the transaction that makes it true.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn note(tx: &Tx<'_>, actor: &Actor, entry: &Entry<'_>) -> Result<()> {
    let props = serde_json::json!({ "before": entry.before, "after": entry.after });
    store::insert(tx, actor, entry, &props.to_string())
}

/// The entries that fit, newest first, at most `limit`.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn entries(tx: &Tx<'_>, filter: &Filter, limit: u32) -> Result<Vec<Event>> {
    store::entries(tx, filter, limit)
}

/// The entries after the one with the number `seq`, oldest first, at most `limit`: for those who follow the log.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn entries_after(tx: &Tx<'_>, seq: i64, limit: u32) -> Result<Vec<Event>> {
    store::entries_after(tx, seq, limit)
}

/// The number of the newest entry, 0 where there is none.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn last_entry(tx: &Tx<'_>) -> Result<i64> {
    store::last_entry(tx)
}

/// The kinds of entries that there are, in the order of their names.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn kinds(tx: &Tx<'_>) -> Result<Vec<String>> {
    store::kinds(tx)
}

/// What those people are called today whom these entries are about, by the id in the entry. Who is not there any
/// more, and what is no person, has no name.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn names(tx: &Tx<'_>, events: &[Event]) -> Result<HashMap<String, String>> {
    let of_people = events.iter().filter(|event| matches!(event.entity.as_str(), "user" | "mentor" | "mentee"));
    let ids: Vec<&str> = of_people.map(|event| event.entity_id.as_str()).collect();
    store::names(tx, &Value::from(ids).to_string())
}

/// The entries as a CSV file that a spreadsheet opens without running anything in it.
///
/// # Errors
/// Internal, where writing fails.
pub fn as_csv(events: &[Event]) -> Result<Vec<u8>> {
    let mut file = csv::Writer::from_writer(Vec::new());
    let put = |file: &mut csv::Writer<Vec<u8>>, cells: [String; 8]| {
        file.write_record(cells.iter().map(|cell| harmless(cell))).or_internal("writing a CSV file")
    };
    let titles = ["time", "actor", "actor id", "address", "kind", "entity", "entity id", "change"];
    put(&mut file, titles.map(str::to_owned))?;
    for event in events {
        let cells = [
            event.occurred_at.to_string(),
            event.actor_name.clone().unwrap_or_default(),
            event.actor.map_or_else(String::new, |actor| actor.to_string()),
            event.address.clone(),
            event.kind.clone(),
            event.entity.clone(),
            event.entity_id.clone(),
            event.change.to_string(),
        ];
        put(&mut file, cells)?;
    }
    file.into_inner().map_err(|cause| Error::internal(anyhow::anyhow!("writing a CSV file: {cause}")))
}

/// A cell that no spreadsheet takes for a formula (OWASP, "CSV injection"): what could start one gets a quote before it.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

/// Writes down that somebody took a copy of the log.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn note_export(tx: &Tx<'_>, actor: &Actor) -> Result<()> {
    note(tx, actor, &Entry { kind: "audit.exported", about: ("audit", ""), before: Value::Null, after: Value::Null })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::db::Db;

    #[test]
    fn what_happened_is_read_back_newest_first_and_cannot_be_taken_back() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
        let db = Db::open(directory.path(), clock, 1).expect("a new database");
        let somebody = UserId::random();
        db.write_here(|tx| {
            for (kind, id) in [("user.created", "u1"), ("user.role_changed", "u1"), ("session.booked", "s1")] {
                let entry = Entry { kind, about: ("user", id), before: json!(null), after: json!({ "role": "pm" }) };
                note(tx, &Actor::user(somebody, "192.0.2.7"), &entry)?;
            }
            Ok(())
        })
        .expect("written");
        let read = |filter: Filter, limit| db.read_here(|tx| entries(tx, &filter, limit)).expect("read");
        let all = read(Filter::default(), 10);
        assert_eq!(
            all.iter().map(|it| it.kind.as_str()).collect::<Vec<_>>(),
            ["session.booked", "user.role_changed", "user.created"]
        );
        assert_eq!(all[0].change["after"]["role"], "pm");
        assert_eq!(read(Filter { kind: Some("user".to_owned()), ..Filter::default() }, 10).len(), 2);
        assert_eq!(read(Filter { kind: Some("user.created".to_owned()), ..Filter::default() }, 10).len(), 1);
        assert_eq!(read(Filter { entity_id: Some("s1".to_owned()), ..Filter::default() }, 10).len(), 1);
        assert_eq!(read(Filter { actor: Some(UserId::random()), ..Filter::default() }, 10).len(), 0);
        assert_eq!(read(Filter { before_id: Some(all[0].id), ..Filter::default() }, 1)[0].kind, "user.role_changed");
        let late = Moment::parse("2030-03-04T09:00:01Z").expect("a time");
        assert_eq!(read(Filter { from: Some(late), ..Filter::default() }, 10).len(), 0);
        assert_eq!(read(Filter { to: Some(late), ..Filter::default() }, 10).len(), 3);
        let (after, last) = db.read_here(|tx| Ok((entries_after(tx, all[2].id, 10)?, last_entry(tx)?))).expect("read");
        assert_eq!(after.iter().map(|it| it.id).collect::<Vec<_>>(), [all[1].id, all[0].id], "oldest first");
        assert_eq!(last, all[0].id);
    }
}
