//! The SQL of the outbox.

use rusqlite::{OptionalExtension, Row, named_params};
use serde_json::{Value, json};

use super::{Depth, Filter, Posted, State, Words};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{OrInternal, Result};
use crate::ids::SessionId;

/// What is needed to send a letter.
pub(super) struct Stored {
    pub(super) posted: Posted,
    pub(super) message_id: String,
    pub(super) words: Words,
}

/// A letter to be written down.
pub(super) struct NewLetter<'a> {
    pub(super) message_id: &'a str,
    pub(super) kind: &'a str,
    pub(super) recipient: &'a str,
    pub(super) subject: &'a str,
    pub(super) words: &'a Words,
    pub(super) about: Option<(SessionId, u32)>,
}

/// Returns the letter's place, `None` where there is one just like it.
pub(super) fn insert(tx: &Tx<'_>, new: &NewLetter<'_>) -> Result<Option<i64>> {
    let letter = serde_json::to_string(new.words).or_internal("writing a letter as JSON")?;
    let n_inserted = tx
        .prepare_cached(
            "insert into outbox (message_id, kind, recipient, subject, letter, session_id, version, due_at, created_at)
             values (:message_id, :kind, :recipient, :subject, :letter, :session, :version, :now, :now)
             on conflict do nothing",
        )?
        .execute(named_params! {
            ":message_id": new.message_id, ":kind": new.kind, ":recipient": new.recipient, ":subject": new.subject,
            ":letter": letter, ":session": new.about.map(|(session, _)| session),
            ":version": new.about.map_or(0, |(_, version)| version), ":now": tx.now(),
        })?;
    Ok((n_inserted == 1).then(|| tx.last_insert_rowid()))
}

pub(super) fn holdings(tx: &Tx<'_>, address: &str, limit: u32) -> Result<Vec<Value>> {
    let mut statement = tx.prepare_cached(
        "select kind, subject, state, created_at, sent_at, letter ->> 'isSecret' as is_secret, letter ->> 'text' as text
         from outbox where recipient = :address collate nocase order by id desc limit :limit",
    )?;
    let rows = statement.query_map(named_params! { ":address": address, ":limit": limit }, |row| {
        let text: Option<String> = if row.get("is_secret")? { None } else { row.get("text")? };
        Ok(json!({
            "kind": row.get::<_, String>("kind")?, "subject": row.get::<_, String>("subject")?,
            "state": row.get::<_, String>("state")?, "createdAt": row.get::<_, Moment>("created_at")?,
            "sentAt": row.get::<_, Option<Moment>>("sent_at")?, "text": text,
        }))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Letters that wait are dead, all lose words and address.
pub(super) fn forget(tx: &Tx<'_>, address: &str, instead: &str) -> Result<()> {
    tx.prepare_cached(
        "update outbox
         set state = case state when 'queued' then 'dead' else state end,
             last_error = case state when 'sent' then null else 'The recipient has deleted their account.' end,
             letter = json_set(json_remove(letter, '$.text', '$.html', '$.calendar'), '$.toName', ''),
             subject = '', recipient = :instead || ' ' || id
         where recipient = :address collate nocase",
    )?
    .execute(named_params! { ":address": address, ":instead": instead })?;
    Ok(())
}

pub(super) fn letter(tx: &Tx<'_>, id: i64) -> Result<Option<Stored>> {
    let found = tx
        .prepare_cached("select *, letter ->> 'isSecret' as is_secret from outbox where id = :id")?
        .query_row(named_params! { ":id": id }, |row| {
            Ok((posted_row(row)?, row.get("message_id")?, row.get::<_, String>("letter")?))
        })
        .optional()?;
    let Some((posted, message_id, letter)) = found else { return Ok(None) };
    let words = serde_json::from_str(&letter).or_internal("reading a letter's JSON")?;
    Ok(Some(Stored { posted, message_id, words }))
}

pub(super) fn outbox(tx: &Tx<'_>, filter: &Filter, before_id: Option<i64>, limit: u32) -> Result<Vec<Posted>> {
    let mut statement = tx.prepare_cached(
        "select *, letter ->> 'isSecret' as is_secret from outbox
         where (:state is null or state = :state) and (:kind is null or kind = :kind)
           and (:before is null or id < :before)
         order by id desc limit :limit",
    )?;
    let rows = statement.query_map(
        named_params! {
            ":state": filter.state.map(State::name), ":kind": filter.kind, ":before": before_id, ":limit": limit,
        },
        posted_row,
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn mark_sent(tx: &Tx<'_>, id: i64) -> Result<()> {
    tx.prepare_cached(
        "update outbox set state = 'sent', sent_at = :now, attempts = attempts + 1, last_error = null where id = :id",
    )?
    .execute(named_params! { ":id": id, ":now": tx.now() })?;
    Ok(())
}

/// Takes the words away; kind, recipient and subject stay.
pub(super) fn wipe(tx: &Tx<'_>, id: i64) -> Result<()> {
    tx.prepare_cached("update outbox set letter = json_remove(letter, '$.text', '$.html') where id = :id")?
        .execute(named_params! { ":id": id })?;
    Ok(())
}

pub(super) fn put_off(tx: &Tx<'_>, id: i64, due_at: Moment, reason: &str) -> Result<()> {
    tx.prepare_cached(
        "update outbox set due_at = :due, attempts = attempts + 1, last_error = :reason
         where id = :id and state = 'queued'",
    )?
    .execute(named_params! { ":id": id, ":due": due_at, ":reason": reason })?;
    Ok(())
}

pub(super) fn bury(tx: &Tx<'_>, id: i64, reason: &str) -> Result<()> {
    tx.prepare_cached(
        "update outbox set state = 'dead', attempts = attempts + 1, last_error = :reason
         where id = :id and state = 'queued'",
    )?
    .execute(named_params! { ":id": id, ":reason": reason })?;
    Ok(())
}

/// Returns false where the letter is not dead.
pub(super) fn revive(tx: &Tx<'_>, id: i64) -> Result<bool> {
    let n_revived = tx
        .prepare_cached("update outbox set state = 'queued', due_at = :now where id = :id and state = 'dead'")?
        .execute(named_params! { ":id": id, ":now": tx.now() })?;
    Ok(n_revived > 0)
}

pub(super) fn delete_sent(tx: &Tx<'_>, before: Moment) -> Result<usize> {
    Ok(tx
        .prepare_cached("delete from outbox where state = 'sent' and sent_at < :before")?
        .execute(named_params! { ":before": before })?)
}

pub(super) fn depth(tx: &Tx<'_>) -> Result<Depth> {
    let depth = tx
        .prepare_cached(
            "select (select count(*) from outbox where state = 'queued') as queued,
                    (select count(*) from outbox where state = 'dead') as dead",
        )?
        .query_row([], |row| {
            let count = |name: &str| row.get::<_, i64>(name).map(i64::cast_unsigned);
            Ok(Depth { queued: count("queued")?, dead: count("dead")? })
        })?;
    Ok(depth)
}

fn posted_row(row: &Row<'_>) -> rusqlite::Result<Posted> {
    Ok(Posted {
        id: row.get("id")?,
        kind: row.get("kind")?,
        recipient: row.get("recipient")?,
        subject: row.get("subject")?,
        // The schema lets only these names in.
        state: State::from_name(row.get_ref("state")?.as_str()?).unwrap_or(State::Queued),
        attempts: row.get("attempts")?,
        last_error: row.get("last_error")?,
        created_at: row.get("created_at")?,
        due_at: row.get("due_at")?,
        sent_at: row.get("sent_at")?,
        is_secret: row.get("is_secret")?,
    })
}
