//! The SQL of the log of deliveries.

use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, named_params};

use super::{Filter, Logged, Noted, Outcome, Source};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{OrInternal, Result};
use crate::ids::MentorNo;

pub(super) fn insert(tx: &Tx<'_>, noted: &Noted<'_>, reason: Option<&str>) -> Result<i64> {
    let unknown = serde_json::to_string(noted.unknown).or_internal("writing names of fields")?;
    tx.prepare_cached(
        "insert into deliveries
             (received_at, last_at, source, record, mentor_number, result, code, reason, unknown_fields, body)
         values (:now, :now, :source, :record, :mentor, :result, :code, :reason, :unknown, :body)",
    )?
    .execute(named_params! {
        ":now": tx.now(), ":source": noted.source.name(), ":record": noted.record, ":mentor": noted.mentor,
        ":result": noted.result.name(), ":code": noted.refusal.map(|refusal| refusal.code), ":reason": reason,
        ":unknown": unknown, ":body": noted.body,
    })?;
    Ok(tx.last_insert_rowid())
}

/// Adds `n` to the newest row of this source and code that began at `since` or later; `false` where there is none.
pub(super) fn count_on(tx: &Tx<'_>, source: Source, code: &str, n: u32, since: Moment) -> Result<bool> {
    let n_changed = tx
        .prepare_cached(
            "update deliveries set n_times = min(n_times + :n, 4294967295), last_at = :now
             where id = (select max(id) from deliveries
                         where source = :source and code = :code and received_at >= :since)",
        )?
        .execute(named_params! {
            ":n": n, ":now": tx.now(), ":source": source.name(), ":code": code, ":since": since,
        })?;
    Ok(n_changed > 0)
}

pub(super) fn drop_before(tx: &Tx<'_>, id: i64) -> Result<()> {
    tx.prepare_cached("delete from deliveries where id <= :id")?.execute(named_params! { ":id": id })?;
    Ok(())
}

pub(super) fn wipe(tx: &Tx<'_>, id: i64) -> Result<()> {
    tx.prepare_cached("update deliveries set body = null where id = :id")?.execute(named_params! { ":id": id })?;
    Ok(())
}

pub(super) fn wipe_older(tx: &Tx<'_>, than: Moment) -> Result<usize> {
    let mut statement =
        tx.prepare_cached("update deliveries set body = null where received_at < :than and body is not null")?;
    Ok(statement.execute(named_params! { ":than": than })?)
}

pub(super) fn forget(tx: &Tx<'_>, mentor: MentorNo, record: Option<&str>) -> Result<()> {
    tx.prepare_cached(
        "update deliveries set body = null where mentor_number = :mentor or (record = :record and record is not null)",
    )?
    .execute(named_params! { ":mentor": mentor, ":record": record })?;
    Ok(())
}

/// What is left of a delivery's bytes.
pub(super) enum Body {
    Kept(Vec<u8>),
    Gone,
}

pub(super) fn body(tx: &Tx<'_>, id: i64) -> Result<Option<Body>> {
    let mut statement = tx.prepare_cached("select body from deliveries where id = :id")?;
    let found = statement.query_row(named_params! { ":id": id }, |row| {
        Ok(row.get::<_, Option<Vec<u8>>>("body")?.map_or(Body::Gone, Body::Kept))
    });
    Ok(found.optional()?)
}

pub(super) fn log(tx: &Tx<'_>, filter: &Filter, before_id: Option<i64>, limit: u32) -> Result<Vec<Logged>> {
    let mut statement = tx.prepare_cached(include_str!("../sql/deliveries.sql"))?;
    let rows = statement.query_map(
        named_params! {
            ":result": filter.result.map(Outcome::name), ":record": filter.record, ":before": before_id, ":limit": limit,
        },
        logged,
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn logged(row: &Row<'_>) -> rusqlite::Result<Logged> {
    let unknown: String = row.get("unknown_fields")?;
    Ok(Logged {
        id: row.get("id")?,
        received_at: row.get("received_at")?,
        last_at: row.get("last_at")?,
        times: row.get("n_times")?,
        source: word(row, "source", Source::from_name)?,
        record: row.get("record")?,
        mentor_id: row.get("mentor_id")?,
        mentor_name: row.get("mentor_name")?,
        result: word(row, "result", Outcome::from_name)?,
        code: row.get("code")?,
        reason: row.get("reason")?,
        unknown_fields: serde_json::from_str(&unknown).map_err(|cause| odd(Box::new(cause)))?,
        can_replay: row.get("can_replay")?,
    })
}

fn word<T>(row: &Row<'_>, column: &str, of: fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let name: String = row.get(column)?;
    of(&name).ok_or_else(|| odd(format!("{column} is {name}").into()))
}

fn odd(cause: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, cause)
}
