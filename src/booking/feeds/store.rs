//! The SQL of calendar feeds.

use rusqlite::{OptionalExtension, named_params};

use crate::db::Tx;
use crate::error::Result;
use crate::ids::UserId;

pub(super) fn has(tx: &Tx<'_>, user: UserId) -> Result<bool> {
    Ok(tx
        .prepare_cached("select 1 from calendar_feeds where user_id = :user")?
        .exists(named_params! { ":user": user })?)
}

pub(super) fn put(tx: &Tx<'_>, user: UserId, hash: &[u8; 32]) -> Result<()> {
    tx.prepare_cached(
        "insert into calendar_feeds (user_id, secret_hash, created_at) values (:user, :hash, :now)
         on conflict (user_id) do update set secret_hash = excluded.secret_hash, created_at = excluded.created_at",
    )?
    .execute(named_params! { ":user": user, ":hash": hash, ":now": tx.now() })?;
    Ok(())
}

pub(super) fn delete(tx: &Tx<'_>, user: UserId) -> Result<bool> {
    let n_deleted = tx
        .prepare_cached("delete from calendar_feeds where user_id = :user")?
        .execute(named_params! { ":user": user })?;
    Ok(n_deleted > 0)
}

pub(super) fn user(tx: &Tx<'_>, hash: &[u8; 32]) -> Result<Option<UserId>> {
    Ok(tx
        .prepare_cached("select user_id from calendar_feeds where secret_hash = :hash")?
        .query_row(named_params! { ":hash": hash }, |row| row.get(0))
        .optional()?)
}
