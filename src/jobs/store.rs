//! The SQL of the queue.

use rusqlite::{OptionalExtension, named_params};

use super::{DeadJob, Depth};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;

pub(super) fn insert(tx: &Tx<'_>, kind: &str, key: &str, due_at: Moment) -> Result<()> {
    tx.prepare_cached(
        "insert into jobs (kind, key, due_at, created_at) values (:kind, :key, :due, :now)
         on conflict (kind, key) where state = 'ready' do update set due_at = min(due_at, excluded.due_at)",
    )?
    .execute(named_params! { ":kind": kind, ":key": key, ":due": due_at, ":now": tx.now() })?;
    Ok(())
}

/// A clock that was set back must put nothing off: what was asked for after now, or is due later than anything is put
/// off, is due.
pub(super) fn is_due(tx: &Tx<'_>, kinds: &str, farthest: Moment) -> Result<bool> {
    let is_due = tx
        .prepare_cached(
            "select exists (
                 select 1 from jobs
                 where ((state = 'ready' and (due_at <= :now or due_at > :farthest or created_at > :now))
                        or (state = 'running' and leased_until < :now))
                   and kind in (select value from json_each(:kinds)))",
        )?
        .query_row(named_params! { ":now": tx.now(), ":farthest": farthest, ":kinds": kinds }, |row| row.get(0))?;
    Ok(is_due)
}

/// Returns (id, kind, key, attempt) of the job taken.
pub(super) fn claim(
    tx: &Tx<'_>,
    kinds: &str,
    leased_until: Moment,
    farthest: Moment,
) -> Result<Option<(i64, String, String, u32)>> {
    let wanted = named_params! { ":until": leased_until, ":now": tx.now(), ":farthest": farthest, ":kinds": kinds };
    let claimed = tx
        .prepare_cached(
            "update jobs set state = 'running', attempts = attempts + 1, leased_until = :until
             where id = (
                 select id from jobs
                 where ((state = 'ready' and (due_at <= :now or due_at > :farthest or created_at > :now))
                        or (state = 'running' and leased_until < :now))
                   and kind in (select value from json_each(:kinds))
                 order by due_at, id limit 1)
             returning id, kind, key, attempts",
        )?
        .query_row(wanted, |row| Ok((row.get("id")?, row.get("kind")?, row.get("key")?, row.get("attempts")?)))
        .optional()?;
    Ok(claimed)
}

pub(super) fn delete(tx: &Tx<'_>, id: i64) -> Result<()> {
    tx.prepare_cached("delete from jobs where id = :id")?.execute(named_params! { ":id": id })?;
    Ok(())
}

/// Back to waiting; where the same work was asked for meanwhile, that request serves for both.
pub(super) fn retry(tx: &Tx<'_>, id: i64, due_at: Moment, reason: &str) -> Result<()> {
    let n_waiting = tx
        .prepare_cached(
            "update or ignore jobs set state = 'ready', due_at = :due, leased_until = null, last_error = :reason
             where id = :id",
        )?
        .execute(named_params! { ":id": id, ":due": due_at, ":reason": reason })?;
    if n_waiting == 0 { delete(tx, id) } else { Ok(()) }
}

pub(super) fn bury(tx: &Tx<'_>, id: i64, reason: &str) -> Result<()> {
    tx.prepare_cached("update jobs set state = 'dead', leased_until = null, last_error = :reason where id = :id")?
        .execute(named_params! { ":id": id, ":reason": reason })?;
    Ok(())
}

pub(super) fn release_all(tx: &Tx<'_>) -> Result<()> {
    tx.execute_batch(
        "update or ignore jobs set state = 'ready', leased_until = null where state = 'running';
         delete from jobs where state = 'running';",
    )?;
    Ok(())
}

pub(super) fn delete_waiting(tx: &Tx<'_>, kind: &str, key: &str) -> Result<()> {
    tx.prepare_cached("delete from jobs where kind = :kind and key = :key and state = 'ready'")?
        .execute(named_params! { ":kind": kind, ":key": key })?;
    Ok(())
}

/// Where the same work waits already, that request serves for both.
pub(super) fn revive(tx: &Tx<'_>, kind: &str) -> Result<()> {
    tx.prepare_cached(
        "update or ignore jobs set state = 'ready', attempts = 0, due_at = :now where state = 'dead' and kind = :kind",
    )?
    .execute(named_params! { ":kind": kind, ":now": tx.now() })?;
    tx.prepare_cached("delete from jobs where state = 'dead' and kind = :kind")?
        .execute(named_params! { ":kind": kind })?;
    Ok(())
}

pub(super) fn depth(tx: &Tx<'_>, kind: Option<&str>) -> Result<Depth> {
    let depth = tx
        .prepare_cached(
            "select coalesce(sum(state = 'ready'), 0) as ready, coalesce(sum(state = 'running'), 0) as running,
                    coalesce(sum(state = 'dead'), 0) as dead
             from jobs where :kind is null or kind = :kind",
        )?
        .query_row(named_params! { ":kind": kind }, |row| {
            let count = |name: &str| row.get::<_, i64>(name).map(i64::cast_unsigned);
            Ok(Depth { ready: count("ready")?, running: count("running")?, dead: count("dead")? })
        })?;
    Ok(depth)
}

pub(super) fn next_due(tx: &Tx<'_>) -> Result<Option<Moment>> {
    Ok(tx.prepare_cached("select min(due_at) from jobs where state = 'ready'")?.query_row([], |row| row.get(0))?)
}

pub(super) fn dead(tx: &Tx<'_>, limit: u32) -> Result<Vec<DeadJob>> {
    let mut statement =
        tx.prepare_cached("select kind, key, last_error from jobs where state = 'dead' order by id desc limit :limit")?;
    let rows = statement.query_map(named_params! { ":limit": limit }, |row| {
        let last_error: Option<String> = row.get("last_error")?;
        Ok(DeadJob { kind: row.get("kind")?, key: row.get("key")?, last_error: last_error.unwrap_or_default() })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
