//! The SQL of sign-ins under way and of accounts linked to other providers.

use rusqlite::{OptionalExtension, named_params};

use super::{Flow, Link};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{LinkId, UserId};

pub(super) fn insert_flow(tx: &Tx<'_>, state: &[u8; 32], browser: &[u8; 32], flow: &Flow, ends: Moment) -> Result<()> {
    // Those that nobody came back from are of no use; beginning another is a good moment to sweep.
    tx.prepare_cached("delete from oidc_flows where expires_at <= :now")?
        .execute(named_params! { ":now": tx.now() })?;
    tx.prepare_cached(
        "insert into oidc_flows
             (state_hash, browser_hash, provider, nonce, pkce_verifier, next, user_id, created_at, expires_at)
         values (:state, :browser, :provider, :nonce, :verifier, :next, :user, :now, :ends)",
    )?
    .execute(named_params! {
        ":state": state, ":browser": browser, ":provider": flow.provider, ":nonce": flow.nonce,
        ":verifier": flow.verifier, ":next": flow.next, ":user": flow.user, ":now": tx.now(), ":ends": ends,
    })?;
    Ok(())
}

/// Takes the flow out of the table, so that it is used once.
pub(super) fn take_flow(tx: &Tx<'_>, state: &[u8; 32], browser: &[u8; 32], provider: &str) -> Result<Option<Flow>> {
    Ok(tx
        .prepare_cached(
            "delete from oidc_flows
             where state_hash = :state and browser_hash = :browser and provider = :provider and expires_at > :now
             returning provider, nonce, pkce_verifier, next, user_id",
        )?
        .query_row(
            named_params! { ":state": state, ":browser": browser, ":provider": provider, ":now": tx.now() },
            |row| {
                Ok(Flow {
                    provider: row.get("provider")?,
                    nonce: row.get("nonce")?,
                    verifier: row.get("pkce_verifier")?,
                    next: row.get("next")?,
                    user: row.get("user_id")?,
                })
            },
        )
        .optional()?)
}

/// Whose account here is linked to that one, unless it was deleted.
pub(super) fn linked(tx: &Tx<'_>, provider: &str, subject: &str) -> Result<Option<UserId>> {
    Ok(tx
        .prepare_cached(
            "select user_id from accounts join users on users.id = accounts.user_id
             where provider = :provider and provider_account_id = :subject and deleted_at is null",
        )?
        .query_row(named_params! { ":provider": provider, ":subject": subject }, |row| row.get(0))
        .optional()?)
}

/// Whose address this is, unless the account was deleted.
pub(super) fn by_address(tx: &Tx<'_>, key: &str) -> Result<Option<UserId>> {
    Ok(tx
        .prepare_cached("select id from users where email_key = :key and deleted_at is null")?
        .query_row(named_params! { ":key": key }, |row| row.get(0))
        .optional()?)
}

/// Returns whether the other account was free. A link that a deleted account left behind is free.
pub(super) fn insert_link(
    tx: &Tx<'_>,
    id: LinkId,
    user: UserId,
    provider: &str,
    subject: &str,
    email: Option<&str>,
) -> Result<bool> {
    let n_inserted = tx
        .prepare_cached(
            "insert into accounts (id, user_id, provider, provider_account_id, email, created_at)
             values (:id, :user, :provider, :subject, :email, :now)
             on conflict (provider, provider_account_id) do update set
                 id = excluded.id, user_id = excluded.user_id, email = excluded.email, created_at = excluded.created_at
             where (select deleted_at from users where id = accounts.user_id) is not null",
        )?
        .execute(named_params! {
            ":id": id, ":user": user, ":provider": provider, ":subject": subject, ":email": email, ":now": tx.now(),
        })?;
    Ok(n_inserted == 1)
}

pub(super) fn links(tx: &Tx<'_>, user: UserId) -> Result<Vec<Link>> {
    let mut statement = tx.prepare_cached(
        "select id, provider, email, created_at from accounts where user_id = :user order by created_at, id",
    )?;
    let rows = statement.query_map(named_params! { ":user": user }, |row| {
        Ok(Link {
            id: row.get("id")?,
            provider: row.get("provider")?,
            email: row.get("email")?,
            created_at: row.get("created_at")?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn delete_link(tx: &Tx<'_>, user: UserId, id: LinkId) -> Result<()> {
    tx.prepare_cached("delete from accounts where id = :id and user_id = :user")?
        .execute(named_params! { ":id": id, ":user": user })?;
    Ok(())
}
