//! The SQL of the audit log.

use std::collections::HashMap;

use rusqlite::{Row, named_params};

use super::{Actor, Entry, Event, Filter};
use crate::db::Tx;
use crate::error::Result;

pub(super) fn insert(tx: &Tx<'_>, actor: &Actor, entry: &Entry<'_>, props: &str) -> Result<()> {
    tx.prepare_cached(
        "insert into events (occurred_at, actor_user_id, address, type, entity, entity_id, props)
         values (:now, :actor, :address, :kind, :entity, :id, :props)",
    )?
    .execute(named_params! {
        ":now": tx.now(), ":actor": actor.user, ":address": actor.address, ":kind": entry.kind,
        ":entity": entry.about.0, ":id": entry.about.1, ":props": props,
    })?;
    Ok(())
}

pub(super) fn entries(tx: &Tx<'_>, filter: &Filter, limit: u32) -> Result<Vec<Event>> {
    let mut statement = tx.prepare_cached(include_str!("sql/entries.sql"))?;
    let within = filter.kind.as_ref().map(|kind| format!("{kind}."));
    let rows = statement.query_map(
        named_params! {
            ":kind": filter.kind, ":within": within, ":actor": filter.actor, ":entity": filter.entity_id,
            ":from": filter.from, ":to": filter.to, ":before": filter.before_id, ":limit": limit,
        },
        event_row,
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn event_row(row: &Row<'_>) -> rusqlite::Result<Event> {
    let props: String = row.get("props")?;
    Ok(Event {
        id: row.get("id")?,
        occurred_at: row.get("occurred_at")?,
        actor: row.get("actor_user_id")?,
        actor_name: row.get("actor_name")?,
        address: row.get::<_, Option<String>>("address")?.unwrap_or_default(),
        kind: row.get("type")?,
        entity: row.get::<_, Option<String>>("entity")?.unwrap_or_default(),
        entity_id: row.get::<_, Option<String>>("entity_id")?.unwrap_or_default(),
        // The schema lets only JSON in.
        change: serde_json::from_str(&props).unwrap_or_default(),
    })
}

/// What people are called today, by the id of their account or of either profile.
pub(super) fn names(tx: &Tx<'_>, ids: &str) -> Result<HashMap<String, String>> {
    let mut statement = tx.prepare_cached(include_str!("sql/names.sql"))?;
    let rows = statement.query_map(named_params! { ":ids": ids }, |row| Ok((row.get("id")?, row.get("name")?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn entries_after(tx: &Tx<'_>, seq: i64, limit: u32) -> Result<Vec<Event>> {
    let mut statement = tx.prepare_cached(
        "select events.id, occurred_at, actor_user_id, users.name as actor_name, address, type, entity, entity_id, props
         from events left join users on users.id = events.actor_user_id
         where events.id > :seq order by events.id limit :limit",
    )?;
    let rows = statement.query_map(named_params! { ":seq": seq, ":limit": limit }, event_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn last_entry(tx: &Tx<'_>) -> Result<i64> {
    let mut statement = tx.prepare_cached("select coalesce(max(id), 0) from events")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

pub(super) fn kinds(tx: &Tx<'_>) -> Result<Vec<String>> {
    let mut statement = tx.prepare_cached("select distinct type from events order by type limit 200")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
