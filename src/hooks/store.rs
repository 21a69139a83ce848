//! The SQL of hooks and their letters.

use rusqlite::{OptionalExtension, Row, named_params};

use super::{Hook, Letter, State};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::HookId;
use crate::jobs::farthest;

/// A hook that is told things, as the rounds need it.
pub(super) struct Listener {
    pub(super) id: HookId,
    pub(super) events: Vec<String>,
    pub(super) after_seq: i64,
}

/// A letter that is due, with all that a try needs.
pub(super) struct Next {
    pub(super) id: i64,
    pub(super) event_seq: i64,
    pub(super) kind: String,
    pub(super) payload: String,
    pub(super) attempts: u32,
    pub(super) url: String,
    pub(super) secret: String,
}

/// All of a hook but its secret, with how many of its letters wait and how many are dead; a test that failed is no loss.
const HOOK: &str = "select hooks.*,
    (select count(*) from hook_letters where hook_id = hooks.id and state = 'queued') as n_queued,
    (select count(*) from hook_letters where hook_id = hooks.id and state = 'dead' and kind <> 'ping') as n_dead
    from hooks";

fn hook_row(row: &Row<'_>) -> rusqlite::Result<Hook> {
    Ok(Hook {
        id: row.get("id")?,
        url: row.get("url")?,
        events: events(row)?,
        is_active: row.get("is_active")?,
        off_reason: row.get("off_reason")?,
        failing_since: row.get("failing_since")?,
        last_at: row.get("last_at")?,
        last_status: row.get("last_status")?,
        last_error: row.get("last_error")?,
        n_queued: row.get::<_, i64>("n_queued")?.cast_unsigned(),
        n_dead: row.get::<_, i64>("n_dead")?.cast_unsigned(),
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

/// The schema lets only lists in.
fn events(row: &Row<'_>) -> rusqlite::Result<Vec<String>> {
    Ok(serde_json::from_str(row.get_ref("events")?.as_str()?).unwrap_or_default())
}

fn letter_row(row: &Row<'_>) -> rusqlite::Result<Letter> {
    Ok(Letter {
        id: row.get("id")?,
        event_id: row.get("event_seq")?,
        kind: row.get("kind")?,
        state: State::from_name(row.get_ref("state")?.as_str()?),
        attempts: row.get("attempts")?,
        last_status: row.get("last_status")?,
        last_error: row.get("last_error")?,
        created_at: row.get("created_at")?,
        due_at: row.get("due_at")?,
        sent_at: row.get("sent_at")?,
    })
}

pub(super) fn n_hooks(tx: &Tx<'_>) -> Result<u32> {
    Ok(tx.prepare_cached("select count(*) from hooks")?.query_row([], |row| row.get(0))?)
}

pub(super) fn hooks(tx: &Tx<'_>) -> Result<Vec<Hook>> {
    let mut statement = tx.prepare_cached(&format!("{HOOK} order by created_at, id"))?;
    let rows = statement.query_map([], hook_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn hook(tx: &Tx<'_>, id: HookId) -> Result<Option<Hook>> {
    let mut statement = tx.prepare_cached(&format!("{HOOK} where id = :id"))?;
    Ok(statement.query_row(named_params! { ":id": id }, hook_row).optional()?)
}

/// Returns false where another hook has that address.
pub(super) fn insert(
    tx: &Tx<'_>,
    id: HookId,
    url: &str,
    secret: &str,
    events: &[String],
    after_seq: i64,
) -> Result<bool> {
    let n_inserted = tx
        .prepare_cached(
            "insert into hooks (id, url, secret, events, after_seq, created_at, updated_at)
             values (:id, :url, :secret, :events, :after, :now, :now) on conflict (url) do nothing",
        )?
        .execute(named_params! {
            ":id": id, ":url": url, ":secret": secret, ":events": serde_json::json!(events).to_string(),
            ":after": after_seq, ":now": tx.now(),
        })?;
    Ok(n_inserted > 0)
}

/// Returns false where another hook has that address.
pub(super) fn set_url(tx: &Tx<'_>, id: HookId, url: &str) -> Result<bool> {
    let n_changed = tx
        .prepare_cached("update or ignore hooks set url = :url, updated_at = :now where id = :id")?
        .execute(named_params! { ":id": id, ":url": url, ":now": tx.now() })?;
    Ok(n_changed > 0)
}

pub(super) fn set_events(tx: &Tx<'_>, id: HookId, events: &[String]) -> Result<()> {
    tx.prepare_cached("update hooks set events = :events, updated_at = :now where id = :id")?
        .execute(named_params! { ":id": id, ":events": serde_json::json!(events).to_string(), ":now": tx.now() })?;
    Ok(())
}

pub(super) fn set_secret(tx: &Tx<'_>, id: HookId, secret: &str) -> Result<()> {
    tx.prepare_cached("update hooks set secret = :secret, updated_at = :now where id = :id")?
        .execute(named_params! { ":id": id, ":secret": secret, ":now": tx.now() })?;
    Ok(())
}

/// Switches a hook off for a reason, or on again: then it hears of what comes after `seq`, and counts as new.
pub(super) fn switch(tx: &Tx<'_>, id: HookId, off_reason: Option<&str>, seq: i64) -> Result<()> {
    tx.prepare_cached(
        "update hooks
         set is_active = :reason is null, off_reason = :reason, updated_at = :now,
             after_seq = case when :reason is null then :seq else after_seq end,
             failing_since = case when :reason is null then null else failing_since end
         where id = :id",
    )?
    .execute(named_params! { ":id": id, ":reason": off_reason, ":seq": seq, ":now": tx.now() })?;
    Ok(())
}

pub(super) fn delete(tx: &Tx<'_>, id: HookId) -> Result<()> {
    tx.prepare_cached("delete from hooks where id = :id")?.execute(named_params! { ":id": id })?;
    Ok(())
}

pub(super) fn listeners(tx: &Tx<'_>) -> Result<Vec<Listener>> {
    let mut statement = tx.prepare_cached("select id, events, after_seq from hooks where is_active = 1 order by id")?;
    let rows = statement.query_map([], |row| {
        Ok(Listener { id: row.get("id")?, events: events(row)?, after_seq: row.get("after_seq")? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Writes a letter unless that hook has one about the event; returns how many it wrote.
pub(super) fn insert_letter(tx: &Tx<'_>, hook: HookId, seq: i64, kind: &str, payload: &str) -> Result<u32> {
    let n_inserted = tx
        .prepare_cached(
            "insert into hook_letters (hook_id, event_seq, kind, payload, due_at, created_at)
             values (:hook, :seq, :kind, :payload, :now, :now) on conflict (hook_id, event_seq) do nothing",
        )?
        .execute(named_params! {
            ":hook": hook, ":seq": seq, ":kind": kind, ":payload": payload, ":now": tx.now(),
        })?;
    Ok(u32::try_from(n_inserted).unwrap_or(u32::MAX))
}

pub(super) fn letter_about(tx: &Tx<'_>, hook: HookId, seq: i64) -> Result<Option<Letter>> {
    let mut statement = tx.prepare_cached("select * from hook_letters where hook_id = :hook and event_seq = :seq")?;
    Ok(statement.query_row(named_params! { ":hook": hook, ":seq": seq }, letter_row).optional()?)
}

pub(super) fn letters(tx: &Tx<'_>, hook: HookId, before_event: Option<i64>, limit: u32) -> Result<Vec<Letter>> {
    let mut statement = tx.prepare_cached(
        "select * from hook_letters where hook_id = :hook and (:before is null or event_seq < :before)
         order by event_seq desc limit :limit",
    )?;
    let rows =
        statement.query_map(named_params! { ":hook": hook, ":before": before_event, ":limit": limit }, letter_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn hook_of_letter(tx: &Tx<'_>, id: i64) -> Result<Option<HookId>> {
    let mut statement = tx.prepare_cached("select hook_id from hook_letters where id = :id")?;
    Ok(statement.query_row(named_params! { ":id": id }, |row| row.get(0)).optional()?)
}

/// Returns false where the letter is not dead.
pub(super) fn revive(tx: &Tx<'_>, id: i64) -> Result<bool> {
    let n_revived = tx
        .prepare_cached(
            "update hook_letters set state = 'queued', attempts = 0, due_at = :now where id = :id and state = 'dead'",
        )?
        .execute(named_params! { ":id": id, ":now": tx.now() })?;
    Ok(n_revived > 0)
}

/// Hooks with a letter that is due; those that are switched off only where it is a test. A clock that was set back must
/// put nothing off: what was written after now, or is due later than anything is put off, is due.
pub(super) fn due(tx: &Tx<'_>, test: &str) -> Result<Vec<HookId>> {
    let mut statement = tx.prepare_cached(
        "select id from hooks where exists (
             select 1 from hook_letters
             where hook_id = hooks.id and state = 'queued' and (hooks.is_active = 1 or kind = :test)
                 and (due_at <= :now or due_at > :farthest or created_at > :now))",
    )?;
    let params = named_params! { ":now": tx.now(), ":farthest": farthest(tx), ":test": test };
    let rows = statement.query_map(params, |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn next(tx: &Tx<'_>, hook: HookId, test: &str) -> Result<Option<Next>> {
    let mut statement = tx.prepare_cached(
        "select hook_letters.id, event_seq, kind, payload, attempts, url, secret
         from hook_letters join hooks on hooks.id = hook_id
         where hook_id = :hook and state = 'queued' and (is_active = 1 or kind = :test)
           and (due_at <= :now or due_at > :farthest or hook_letters.created_at > :now)
         order by due_at, hook_letters.id limit 1",
    )?;
    let params = named_params! { ":hook": hook, ":now": tx.now(), ":farthest": farthest(tx), ":test": test };
    let found = statement.query_row(params, |row| {
        Ok(Next {
            id: row.get("id")?,
            event_seq: row.get("event_seq")?,
            kind: row.get("kind")?,
            payload: row.get("payload")?,
            attempts: row.get("attempts")?,
            url: row.get("url")?,
            secret: row.get("secret")?,
        })
    });
    Ok(found.optional()?)
}

/// What was taken is not kept: only that it was.
pub(super) fn mark_sent(tx: &Tx<'_>, tried: &Next, status: Option<u16>) -> Result<()> {
    tx.prepare_cached(
        "update hook_letters
         set state = 'sent', sent_at = :now, attempts = attempts + 1, last_status = :status, last_error = null,
             payload = ''
         where id = :id and state = 'queued' and attempts = :attempts",
    )?
    .execute(named_params! { ":id": tried.id, ":attempts": tried.attempts, ":status": status, ":now": tx.now() })?;
    Ok(())
}

/// Without a next try the letter is dead.
pub(super) fn put_off(
    tx: &Tx<'_>,
    tried: &Next,
    due_at: Option<Moment>,
    status: Option<u16>,
    problem: &str,
) -> Result<()> {
    tx.prepare_cached(
        "update hook_letters
         set state = case when :due is null then 'dead' else 'queued' end, due_at = coalesce(:due, due_at),
             attempts = attempts + 1, last_status = :status, last_error = :problem
         where id = :id and state = 'queued' and attempts = :attempts",
    )?
    .execute(named_params! {
        ":id": tried.id, ":attempts": tried.attempts, ":due": due_at, ":status": status, ":problem": problem,
    })?;
    Ok(())
}

pub(super) fn note_success(tx: &Tx<'_>, hook: HookId, status: Option<u16>) -> Result<()> {
    tx.prepare_cached(
        "update hooks set last_at = :now, last_status = :status, last_error = null, failing_since = null
         where id = :hook",
    )?
    .execute(named_params! { ":hook": hook, ":status": status, ":now": tx.now() })?;
    Ok(())
}

/// Returns since when every try has failed. A test that fails is no more than shown.
pub(super) fn note_failure(
    tx: &Tx<'_>,
    hook: HookId,
    status: Option<u16>,
    problem: &str,
    is_test: bool,
) -> Result<Option<Moment>> {
    let mut statement = tx.prepare_cached(
        "update hooks
         set last_at = :now, last_status = :status, last_error = :problem,
             failing_since = case when :test then failing_since else coalesce(failing_since, :now) end
         where id = :hook returning failing_since",
    )?;
    let since = statement
        .query_row(
            named_params! {
                ":hook": hook, ":status": status, ":problem": problem, ":test": is_test, ":now": tx.now(),
            },
            |row| row.get(0),
        )
        .optional()?;
    Ok(since.flatten())
}

/// Letters that were not taken yet and name this id: place, event, payload.
pub(super) fn untaken_letters_with(tx: &Tx<'_>, id: &str) -> Result<Vec<(i64, i64, String)>> {
    let mut statement = tx.prepare_cached(
        "select id, event_seq, payload from hook_letters where state <> 'sent' and instr(payload, :id) > 0 order by id",
    )?;
    let rows = statement.query_map(named_params! { ":id": id }, |row| {
        Ok((row.get("id")?, row.get("event_seq")?, row.get("payload")?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn rewrite(tx: &Tx<'_>, letter: i64, payload: &str) -> Result<()> {
    tx.prepare_cached("update hook_letters set payload = :payload where id = :id and state <> 'sent'")?
        .execute(named_params! { ":id": letter, ":payload": payload })?;
    Ok(())
}

/// Strikes off what has been listed long enough.
pub(super) fn prune(tx: &Tx<'_>, taken_before: Moment, others_before: Moment) -> Result<usize> {
    Ok(tx
        .prepare_cached(
            "delete from hook_letters
             where hook_id in (select id from hooks)
               and ((state = 'sent' and due_at < :taken) or (state in ('queued', 'dead') and due_at < :others))",
        )?
        .execute(named_params! { ":taken": taken_before, ":others": others_before })?)
}
