//! The SQL of changes to an account and of its end.

use rusqlite::named_params;

use super::Details;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::UserId;

pub(super) fn set_details(tx: &Tx<'_>, user: UserId, details: &Details) -> Result<()> {
    tx.prepare_cached(
        "update users set name = :name, timezone = :timezone, image = :image, updated_at = :now where id = :user",
    )?
    .execute(named_params! {
        ":user": user, ":name": details.name, ":timezone": details.timezone, ":image": details.image,
        ":now": tx.now(),
    })?;
    Ok(())
}

pub(super) fn set_role(tx: &Tx<'_>, user: UserId, role: &str) -> Result<()> {
    tx.prepare_cached("update users set role = :role, updated_at = :now where id = :user")?
        .execute(named_params! { ":user": user, ":role": role, ":now": tx.now() })?;
    Ok(())
}

pub(super) fn set_status(tx: &Tx<'_>, user: UserId, status: &str) -> Result<()> {
    tx.prepare_cached("update users set status = :status, updated_at = :now where id = :user")?
        .execute(named_params! { ":user": user, ":status": status, ":now": tx.now() })?;
    Ok(())
}

/// Whether somebody but `user` is an admin who can sign in.
pub(super) fn has_other_admin(tx: &Tx<'_>, user: UserId) -> Result<bool> {
    Ok(tx
        .prepare_cached(
            "select 1 from users
             where role = 'admin' and status = 'active' and deleted_at is null and id <> :user",
        )?
        .exists(named_params! { ":user": user })?)
}

/// Takes everything from an account that says whose it was or lets anybody in.
pub(super) fn erase(tx: &Tx<'_>, user: UserId, name: &str, address: &str) -> Result<()> {
    for statement in [
        "delete from verification_tokens
         where user_id = :user or email_key = (select email_key from users where id = :user)",
        "delete from sign_in_failures where email_key = (select email_key from users where id = :user)",
        "delete from oidc_flows where user_id = :user",
        "delete from logins where user_id = :user",
        "delete from api_tokens where user_id = :user",
        "delete from accounts where user_id = :user",
    ] {
        tx.prepare_cached(statement)?.execute(named_params! { ":user": user })?;
    }
    tx.prepare_cached(include_str!("../sql/erase.sql"))?
        .execute(named_params! { ":user": user, ":name": name, ":address": address, ":now": tx.now() })?;
    tx.prepare_cached(
        "update mentees set company = '', stage = '', industry = '', goals = '', updated_at = :now
         where user_id = :user",
    )?
    .execute(named_params! { ":user": user, ":now": tx.now() })?;
    Ok(())
}
