//! The SQL of API tokens.

use rusqlite::{OptionalExtension, Row, named_params};

use super::{Bearer, Scope, Token};
use crate::accounts::store::{USER, user_row};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{TokenId, UserId};

pub(super) fn n_tokens(tx: &Tx<'_>, user: UserId) -> Result<u64> {
    let n: i64 = tx
        .prepare_cached(
            "select count(*) from api_tokens
             where user_id = :user and revoked_at is null and (expires_at is null or expires_at > :now)",
        )?
        .query_row(named_params! { ":user": user, ":now": tx.now() }, |row| row.get(0))?;
    Ok(n.cast_unsigned())
}

pub(super) fn insert_token(tx: &Tx<'_>, user: UserId, token: &Token, hash: &[u8; 32]) -> Result<()> {
    let scopes = serde_json::json!(token.scopes).to_string();
    tx.prepare_cached(
        "insert into api_tokens (id, user_id, name, token_hash, scopes, created_at, expires_at)
         values (:id, :user, :name, :hash, :scopes, :now, :expires)",
    )?
    .execute(named_params! {
        ":id": token.id, ":user": user, ":name": token.name, ":hash": hash, ":scopes": scopes, ":now": tx.now(),
        ":expires": token.expires_at,
    })?;
    Ok(())
}

pub(super) fn tokens(tx: &Tx<'_>, user: UserId) -> Result<Vec<Token>> {
    let mut statement = tx.prepare_cached(
        "select id, name, scopes, created_at, expires_at, last_used_at from api_tokens
         where user_id = :user and revoked_at is null and (expires_at is null or expires_at > :now)
         order by created_at desc, id",
    )?;
    let rows = statement.query_map(named_params! { ":user": user, ":now": tx.now() }, |row| {
        Ok(Token {
            id: row.get("id")?,
            name: row.get("name")?,
            scopes: scopes(row)?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
            last_used_at: row.get("last_used_at")?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Scopes that this Tandem does not know are left out: they allow nothing here.
fn scopes(row: &Row<'_>) -> rusqlite::Result<Vec<Scope>> {
    let names: Vec<String> = serde_json::from_str(row.get_ref("scopes")?.as_str()?).unwrap_or_default();
    Ok(Scope::ALL.iter().copied().filter(|scope| names.iter().any(|name| name == scope.name())).collect())
}

/// Returns the name of the token that was ended; `None` where there is none to end.
pub(super) fn revoke_token(tx: &Tx<'_>, user: UserId, id: TokenId) -> Result<Option<String>> {
    Ok(tx
        .prepare_cached(
            "update api_tokens set revoked_at = :now
             where id = :id and user_id = :user and revoked_at is null returning name",
        )?
        .query_row(named_params! { ":id": id, ":user": user, ":now": tx.now() }, |row| row.get(0))
        .optional()?)
}

pub(super) fn revoke_tokens_of(tx: &Tx<'_>, user: UserId) -> Result<()> {
    tx.prepare_cached("update api_tokens set revoked_at = :now where user_id = :user and revoked_at is null")?
        .execute(named_params! { ":user": user, ":now": tx.now() })?;
    Ok(())
}

/// Whose token this is and when it was last used, unless it has ended.
pub(super) fn bearer(tx: &Tx<'_>, hash: &[u8; 32]) -> Result<Option<(Bearer, Option<Moment>)>> {
    Ok(tx
        .prepare_cached(&format!(
            "select {USER}, api_tokens.id as token_id, api_tokens.scopes, api_tokens.last_used_at
             from api_tokens join users on users.id = api_tokens.user_id
             where token_hash = :hash and revoked_at is null and (expires_at is null or expires_at > :now)
               and deleted_at is null"
        ))?
        .query_row(named_params! { ":hash": hash, ":now": tx.now() }, |row| {
            let bearer = Bearer { id: row.get("token_id")?, user: user_row(row)?, scopes: scopes(row)? };
            Ok((bearer, row.get("last_used_at")?))
        })
        .optional()?)
}

pub(super) fn touch_token(tx: &Tx<'_>, id: TokenId) -> Result<()> {
    tx.prepare_cached("update api_tokens set last_used_at = :now where id = :id")?
        .execute(named_params! { ":id": id, ":now": tx.now() })?;
    Ok(())
}
