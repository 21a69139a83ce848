//! The SQL of the outbox.

use rusqlite::{OptionalExtension, Row, named_params};

use super::{Depth, Filter, Posted, State, Words};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{OrInternal, Result};

/// What is needed to send a letter.
pub(super) struct Stored {
    pub(super) posted: Posted,
    pub(super) message_id: String,
    pub(super) words: Words,
}

pub(super) fn insert(
    tx: &Tx<'_>,
    message_id: &str,
    kind: &str,
    recipient: &str,
    subject: &str,
    words: &Words,
) -> Result<i64> {
    let letter = serde_json::to_string(words).or_internal("writing a letter as JSON")?;
    tx.prepare_cached(
        "insert into outbox (message_id, kind, recipient, subject, letter, due_at, created_at)
         values (:message_id, :kind, :recipient, :subject, :letter, :now, :now)",
    )?
    .execute(named_params! {
        ":message_id": message_id, ":kind": kind, ":recipient": recipient, ":subject": subject,
        ":letter": letter, ":now": tx.now(),
    })?;
    Ok(tx.last_insert_rowid())
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
