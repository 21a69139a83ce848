//! The SQL of what is held on one person. Rows become JSON at once: nobody works with them.

use rusqlite::{OptionalExtension, Row, named_params};
use serde_json::{Value, json};

use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::UserId;

pub(super) fn account(tx: &Tx<'_>, user: UserId) -> Result<Option<Value>> {
    Ok(tx
        .prepare_cached(
            "select id, email, email_verified_at, name, image, role, status, timezone,
                 password_hash is not null as has_password, created_at, updated_at, last_login_at
             from users where id = :user and deleted_at is null",
        )?
        .query_row(named_params! { ":user": user }, |row| {
            Ok(json!({
                "id": text(row, "id")?, "email": text(row, "email")?, "name": text(row, "name")?,
                "image": text(row, "image")?, "role": text(row, "role")?, "status": text(row, "status")?,
                "timezone": text(row, "timezone")?, "hasPassword": row.get::<_, bool>("has_password")?,
                "emailVerifiedAt": moment(row, "email_verified_at")?, "createdAt": moment(row, "created_at")?,
                "updatedAt": moment(row, "updated_at")?, "lastLoginAt": moment(row, "last_login_at")?,
            }))
        })
        .optional()?)
}

pub(super) fn photo(tx: &Tx<'_>, user: UserId) -> Result<Option<Value>> {
    Ok(tx
        .prepare_cached("select media_type, length(bytes) as n_bytes, updated_at from photos where user_id = :user")?
        .query_row(named_params! { ":user": user }, |row| {
            Ok(json!({
                "mediaType": text(row, "media_type")?, "bytes": row.get::<_, i64>("n_bytes")?,
                "updatedAt": moment(row, "updated_at")?,
            }))
        })
        .optional()?)
}

pub(super) fn logins(tx: &Tx<'_>, user: UserId, limit: u32) -> Result<Vec<Value>> {
    rows(
        tx,
        "select id, device, address, created_at, last_seen_at, expires_at from logins
         where user_id = :user order by created_at desc, id limit :limit",
        (user, limit),
        |row| {
            Ok(json!({
                "id": text(row, "id")?, "device": text(row, "device")?, "address": text(row, "address")?,
                "createdAt": moment(row, "created_at")?, "lastSeenAt": moment(row, "last_seen_at")?,
                "expiresAt": moment(row, "expires_at")?,
            }))
        },
    )
}

pub(super) fn tokens(tx: &Tx<'_>, user: UserId, limit: u32) -> Result<Vec<Value>> {
    rows(
        tx,
        "select id, name, scopes, created_at, expires_at, last_used_at, revoked_at from api_tokens
         where user_id = :user order by created_at desc, id limit :limit",
        (user, limit),
        |row| {
            let scopes: Value = serde_json::from_str(row.get_ref("scopes")?.as_str()?).unwrap_or_default();
            Ok(json!({
                "id": text(row, "id")?, "name": text(row, "name")?, "scopes": scopes,
                "createdAt": moment(row, "created_at")?, "expiresAt": moment(row, "expires_at")?,
                "lastUsedAt": moment(row, "last_used_at")?, "revokedAt": moment(row, "revoked_at")?,
            }))
        },
    )
}

pub(super) fn links(tx: &Tx<'_>, user: UserId, limit: u32) -> Result<Vec<Value>> {
    rows(
        tx,
        "select provider, provider_account_id, email, created_at from accounts
         where user_id = :user order by created_at desc, id limit :limit",
        (user, limit),
        |row| {
            Ok(json!({
                "provider": text(row, "provider")?, "account": text(row, "provider_account_id")?,
                "email": text(row, "email")?, "createdAt": moment(row, "created_at")?,
            }))
        },
    )
}

fn rows(
    tx: &Tx<'_>,
    sql: &str,
    (user, limit): (UserId, u32),
    each: impl FnMut(&Row<'_>) -> rusqlite::Result<Value>,
) -> Result<Vec<Value>> {
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map(named_params! { ":user": user, ":limit": limit }, each)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn text(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<String>> {
    row.get(column)
}

fn moment(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Moment>> {
    row.get(column)
}
