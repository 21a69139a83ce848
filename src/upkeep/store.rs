//! The SQL of upkeep: counts for figures, and the database's own word on its health. It reads and never writes.

use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;

fn counts(tx: &Tx<'_>, sql: &str) -> Result<Vec<(String, i64)>> {
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Deliveries that came in, by result.
pub(super) fn deliveries(tx: &Tx<'_>) -> Result<Vec<(String, i64)>> {
    counts(tx, "select result, sum(n_times) from deliveries group by result")
}

/// What other programs are told, by state.
pub(super) fn hook_letters(tx: &Tx<'_>) -> Result<Vec<(String, i64)>> {
    counts(tx, "select state, count(*) from hook_letters group by state")
}

/// Letters, by state.
pub(super) fn letters(tx: &Tx<'_>) -> Result<Vec<(String, i64)>> {
    counts(tx, "select state, count(*) from outbox group by state")
}

/// Sessions, by status.
pub(super) fn sessions(tx: &Tx<'_>) -> Result<Vec<(String, i64)>> {
    counts(tx, "select status, count(*) from office_sessions group by status")
}

/// What `SQLite` finds damaged in the file's structure, at most ten lines; nothing where all is well.
pub(super) fn damage(tx: &Tx<'_>) -> Result<Vec<String>> {
    let mut statement = tx.prepare("pragma quick_check(10)")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    let lines: Vec<String> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

/// Rows that point at a row that is not there, by table.
pub(super) fn loose_ends(tx: &Tx<'_>) -> Result<Vec<(String, i64)>> {
    counts(tx, "select \"table\", count(*) from pragma_foreign_key_check group by \"table\"")
}

/// The number of the schema.
pub(super) fn schema(tx: &Tx<'_>) -> Result<i64> {
    Ok(tx.query_row("select user_version from pragma_user_version", [], |row| row.get(0))?)
}

/// Every time zone that somebody lives in.
pub(super) fn zones(tx: &Tx<'_>) -> Result<Vec<String>> {
    let mut statement = tx.prepare("select distinct timezone from users where deleted_at is null")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// When something was last written down in the audit log.
pub(super) fn newest_moment(tx: &Tx<'_>) -> Result<Option<Moment>> {
    Ok(tx.query_row("select max(occurred_at) from events", [], |row| row.get(0))?)
}
