//! The SQL of links in letters.

use rusqlite::{OptionalExtension, Row, named_params};

use super::Redeemed;
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::UserId;

/// Also sweeps out what ended a day ago: until then it counts against too many letters.
pub(super) fn insert_link(
    tx: &Tx<'_>,
    purpose: &str,
    user: Option<UserId>,
    email_key: &str,
    hash: &[u8; 32],
    expires_at: Moment,
    details: Option<&str>,
) -> Result<()> {
    tx.prepare_cached("delete from verification_tokens where expires_at < :past")?
        .execute(named_params! { ":past": tx.now().plus_days(-1) })?;
    tx.prepare_cached(
        "insert into verification_tokens (id, user_id, email_key, purpose, token_hash, created_at, expires_at, details)
         values (lower(hex(randomblob(16))), :user, :key, :purpose, :hash, :now, :expires, :details)",
    )?
    .execute(named_params! {
        ":user": user, ":key": email_key, ":purpose": purpose, ":hash": hash, ":now": tx.now(),
        ":expires": expires_at, ":details": details,
    })?;
    Ok(())
}

/// Links that went out in letters since then; those that only passed the time are not counted.
pub(super) fn n_links_since(tx: &Tx<'_>, purpose: &str, email_key: &str, since: Moment) -> Result<u64> {
    let n: i64 = tx
        .prepare_cached(
            "select count(*) from verification_tokens
             where email_key = :key and purpose = :purpose and created_at > :since and expires_at > created_at",
        )?
        .query_row(named_params! { ":key": email_key, ":purpose": purpose, ":since": since }, |row| row.get(0))?;
    Ok(n.cast_unsigned())
}

fn redeemed(row: &Row<'_>) -> rusqlite::Result<Redeemed> {
    Ok(Redeemed { user: row.get("user_id")?, email_key: row.get("email_key")?, details: row.get("details")? })
}

/// Marks the link as used and returns it, unless it has ended or was used before.
pub(super) fn use_link(tx: &Tx<'_>, purpose: &str, hash: &[u8; 32]) -> Result<Option<Redeemed>> {
    Ok(tx
        .prepare_cached(
            "update verification_tokens set used_at = :now
             where token_hash = :hash and purpose = :purpose and used_at is null and expires_at > :now
             returning user_id, email_key, details",
        )?
        .query_row(named_params! { ":hash": hash, ":purpose": purpose, ":now": tx.now() }, redeemed)
        .optional()?)
}

pub(super) fn link(tx: &Tx<'_>, purpose: &str, hash: &[u8; 32]) -> Result<Option<Redeemed>> {
    Ok(tx
        .prepare_cached(
            "select user_id, email_key, details from verification_tokens
             where token_hash = :hash and purpose = :purpose and used_at is null and expires_at > :now",
        )?
        .query_row(named_params! { ":hash": hash, ":purpose": purpose, ":now": tx.now() }, redeemed)
        .optional()?)
}

/// The details of sign-ups of this address that nobody has confirmed yet, newest first.
pub(super) fn waiting_details(tx: &Tx<'_>, purpose: &str, email_key: &str, limit: u64) -> Result<Vec<String>> {
    let mut statement = tx.prepare_cached(
        "select details from verification_tokens
         where email_key = :key and purpose = :purpose and used_at is null and expires_at > :now and details is not null
         order by created_at desc, rowid desc limit :limit",
    )?;
    let rows = statement.query_map(
        named_params! { ":key": email_key, ":purpose": purpose, ":now": tx.now(), ":limit": limit.cast_signed() },
        |row| row.get(0),
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Ends all unused links of an address for one purpose.
pub(super) fn end_links(tx: &Tx<'_>, purpose: &str, email_key: &str) -> Result<()> {
    tx.prepare_cached(
        "update verification_tokens set used_at = :now
         where email_key = :key and purpose = :purpose and used_at is null",
    )?
    .execute(named_params! { ":key": email_key, ":purpose": purpose, ":now": tx.now() })?;
    Ok(())
}
