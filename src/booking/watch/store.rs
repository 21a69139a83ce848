//! The SQL of what is due. What was told before stands in `told`, a row for each session, version and kind.

use rusqlite::{ToSql, named_params};

use crate::db::Tx;
use crate::error::Result;
use crate::ids::SessionId;

fn ids(tx: &Tx<'_>, sql: &str, values: &[(&str, &dyn ToSql)]) -> Result<Vec<SessionId>> {
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map(values, |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Booked sessions that start within `hours` but not within `nearer`, and were booked or moved before that.
pub(super) fn to_remind(tx: &Tx<'_>, hours: u32, nearer: u32, limit: u32) -> Result<Vec<SessionId>> {
    let (now, hours_ahead, nearer) = (tx.now(), i64::from(hours) * 3_600, i64::from(nearer) * 3_600);
    ids(
        tx,
        include_str!("../sql/to_remind.sql"),
        named_params! {
            ":after": now.plus_seconds(nearer), ":until": now.plus_seconds(hours_ahead), ":ahead": hours_ahead,
            ":kind": format!("session_reminder_{hours}h"), ":limit": limit,
        },
    )
}

pub(super) fn has_overdue(tx: &Tx<'_>) -> Result<bool> {
    Ok(tx
        .prepare_cached("select 1 from office_sessions where status = 'pending' and expires_at <= :now")?
        .exists(named_params! { ":now": tx.now() })?)
}

/// Requests that run out within `hours` and had twice that time.
pub(super) fn to_warn(tx: &Tx<'_>, hours: i64, limit: u32) -> Result<Vec<SessionId>> {
    ids(
        tx,
        "select id from office_sessions
         where status = 'pending' and expires_at > :now and expires_at <= :now + :ahead
             and updated_at <= expires_at - 2 * :ahead
             and not exists (
                 select 1 from told where session_id = id and told.version = office_sessions.version
                     and kind = 'request_expiring')
         limit :limit",
        named_params! { ":now": tx.now(), ":ahead": hours * 3_600, ":limit": limit },
    )
}

/// Booked sessions that ended within the last `days`.
pub(super) fn ended(tx: &Tx<'_>, days: i64, limit: u32) -> Result<Vec<SessionId>> {
    over(tx, "booked", "session_ended", days, limit)
}

/// Sessions that took place and ended within the last `days`.
pub(super) fn held(tx: &Tx<'_>, days: i64, limit: u32) -> Result<Vec<SessionId>> {
    over(tx, "completed", "feedback_wanted", days, limit)
}

fn over(tx: &Tx<'_>, status: &str, kind: &str, days: i64, limit: u32) -> Result<Vec<SessionId>> {
    let now = tx.now();
    // No session is longer than eight hours, so the index over starts finds those that have ended.
    ids(
        tx,
        "select id from office_sessions
         where status = :status and starts_at > :since and starts_at < :now and ends_at <= :now
             and not exists (select 1 from told where session_id = id and kind = :kind)
         order by starts_at limit :limit",
        named_params! {
            ":status": status, ":since": now.plus_days(-days), ":now": now, ":kind": kind, ":limit": limit,
        },
    )
}

pub(super) fn mark(tx: &Tx<'_>, session: SessionId, version: u32, kind: &str) -> Result<()> {
    tx.prepare_cached(
        "insert into told (session_id, version, kind, told_at) values (:session, :version, :kind, :now)
         on conflict do nothing",
    )?
    .execute(named_params! { ":session": session, ":version": version, ":kind": kind, ":now": tx.now() })?;
    Ok(())
}
