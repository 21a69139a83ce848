//! The SQL of failed sign-ins.

use rusqlite::{OptionalExtension, named_params};

use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;

/// Failures in a row and the end of the wait, unless the last one lies before `since`.
pub(super) fn failures(tx: &Tx<'_>, key: &str, address: &str, since: Moment) -> Result<Option<(u32, Moment)>> {
    Ok(tx
        .prepare_cached(
            "select n_failures, locked_until from sign_in_failures
             where email_key = :key and address = :address and last_failed_at > :since",
        )?
        .query_row(named_params! { ":key": key, ":address": address, ":since": since }, |row| {
            Ok((row.get("n_failures")?, row.get("locked_until")?))
        })
        .optional()?)
}

pub(super) fn put_failures(tx: &Tx<'_>, key: &str, address: &str, n: u32, locked_until: Moment) -> Result<()> {
    tx.prepare_cached(
        "insert into sign_in_failures (email_key, address, n_failures, last_failed_at, locked_until)
         values (:key, :address, :n, :now, :until)
         on conflict (email_key, address) do update set n_failures = excluded.n_failures,
             last_failed_at = excluded.last_failed_at, locked_until = excluded.locked_until",
    )?
    .execute(named_params! { ":key": key, ":address": address, ":n": n, ":now": tx.now(), ":until": locked_until })?;
    Ok(())
}

pub(super) fn forget_failures(tx: &Tx<'_>, key: &str, address: &str) -> Result<()> {
    tx.prepare_cached("delete from sign_in_failures where email_key = :key and address = :address")?
        .execute(named_params! { ":key": key, ":address": address })?;
    Ok(())
}

pub(super) fn take_back_failure(tx: &Tx<'_>, key: &str, address: &str) -> Result<()> {
    tx.prepare_cached(
        "update sign_in_failures set n_failures = max(n_failures - 1, 0)
         where email_key = :key and address = :address",
    )?
    .execute(named_params! { ":key": key, ":address": address })?;
    Ok(())
}

pub(super) fn forget_failures_before(tx: &Tx<'_>, moment: Moment) -> Result<()> {
    tx.prepare_cached("delete from sign_in_failures where last_failed_at < :moment")?
        .execute(named_params! { ":moment": moment })?;
    Ok(())
}
