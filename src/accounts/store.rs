//! The SQL of people and their sign-ins.

use rusqlite::{OptionalExtension, Row, named_params};

use super::logins::OwnLogin;
use super::mentees::Mentee;
use super::{Device, Login, NewUser, Status, User};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{LoginId, MenteeId, UserId};

/// The columns that `user_row` reads.
pub(super) const USER: &str =
    "users.id, users.email, users.name, users.image, users.role, users.status, users.timezone, users.last_login_at";

pub(super) fn user_row(row: &Row<'_>) -> rusqlite::Result<User> {
    let role = row.get_ref("role")?.as_str()?.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            0,
            rusqlite::types::Type::Text,
            Box::<crate::error::Error>::new(error),
        )
    })?;
    Ok(User {
        id: row.get("id")?,
        email: row.get("email")?,
        name: row.get("name")?,
        image: row.get("image")?,
        role,
        status: Status::from_name(row.get_ref("status")?.as_str()?),
        timezone: row.get("timezone")?,
        last_login_at: row.get("last_login_at")?,
    })
}

/// Returns whether the address was free.
pub(super) fn insert(tx: &Tx<'_>, id: UserId, email: &str, key: &str, name: &str, new: &NewUser) -> Result<bool> {
    let n_inserted = tx
        .prepare_cached(
            "insert into users (id, email, email_key, name, role, timezone, password_hash, created_at, updated_at)
             values (:id, :email, :key, :name, :role, :timezone, :hash, :now, :now)
             on conflict (email_key) do nothing",
        )?
        .execute(named_params! {
            ":id": id, ":email": email, ":key": key, ":name": name, ":role": new.role.name(),
            ":timezone": new.timezone, ":hash": new.password_hash, ":now": tx.now(),
        })?;
    Ok(n_inserted == 1)
}

pub(super) fn by_id(tx: &Tx<'_>, id: UserId) -> Result<Option<User>> {
    Ok(tx
        .prepare_cached(&format!("select {USER} from users where id = :id and deleted_at is null"))?
        .query_row(named_params! { ":id": id }, user_row)
        .optional()?)
}

/// The person and their password's hash.
pub(super) fn by_email(tx: &Tx<'_>, key: &str) -> Result<Option<(User, Option<String>)>> {
    Ok(tx
        .prepare_cached(&format!(
            "select {USER}, password_hash from users where email_key = :key and deleted_at is null"
        ))?
        .query_row(named_params! { ":key": key }, |row| Ok((user_row(row)?, row.get("password_hash")?)))
        .optional()?)
}

/// Returns whether the new address, if any, was free. A value that is `None` stays.
pub(super) fn update(
    tx: &Tx<'_>,
    id: UserId,
    email: Option<&str>,
    key: Option<&str>,
    name: Option<&str>,
    timezone: Option<&str>,
) -> Result<bool> {
    let n_updated = tx
        .prepare_cached(
            "update or ignore users set email = coalesce(:email, email), email_key = coalesce(:key, email_key),
                 name = coalesce(:name, name), timezone = coalesce(:timezone, timezone), updated_at = :now
             where id = :id",
        )?
        .execute(named_params! {
            ":id": id, ":email": email, ":key": key, ":name": name, ":timezone": timezone, ":now": tx.now(),
        })?;
    Ok(n_updated == 1)
}

pub(super) fn set_password(tx: &Tx<'_>, id: UserId, hash: &str) -> Result<()> {
    tx.prepare_cached("update users set password_hash = :hash, updated_at = :now where id = :id")?
        .execute(named_params! { ":id": id, ":hash": hash, ":now": tx.now() })?;
    Ok(())
}

pub(super) fn has_password(tx: &Tx<'_>, id: UserId) -> Result<bool> {
    Ok(tx
        .prepare_cached("select 1 from users where id = :id and password_hash is not null")?
        .exists(named_params! { ":id": id })?)
}

pub(super) fn password_hash(tx: &Tx<'_>, id: UserId) -> Result<Option<String>> {
    Ok(tx
        .prepare_cached("select password_hash from users where id = :id")?
        .query_row(named_params! { ":id": id }, |row| row.get(0))
        .optional()?
        .flatten())
}

pub(super) fn clear_password(tx: &Tx<'_>, id: UserId) -> Result<()> {
    tx.prepare_cached("update users set password_hash = null, updated_at = :now where id = :id")?
        .execute(named_params! { ":id": id, ":now": tx.now() })?;
    Ok(())
}

pub(super) fn is_verified(tx: &Tx<'_>, id: UserId) -> Result<bool> {
    Ok(tx
        .prepare_cached("select 1 from users where id = :id and email_verified_at is not null")?
        .exists(named_params! { ":id": id })?)
}

pub(super) fn set_verified(tx: &Tx<'_>, id: UserId) -> Result<()> {
    tx.prepare_cached("update users set email_verified_at = coalesce(email_verified_at, :now) where id = :id")?
        .execute(named_params! { ":id": id, ":now": tx.now() })?;
    Ok(())
}

/// Voids what was mailed or begun for an account: links in letters, and linking under way.
pub(super) fn void_what_is_open(tx: &Tx<'_>, user: UserId) -> Result<()> {
    tx.prepare_cached("delete from verification_tokens where user_id = :user")?
        .execute(named_params! { ":user": user })?;
    tx.prepare_cached("delete from oidc_flows where user_id = :user")?.execute(named_params! { ":user": user })?;
    Ok(())
}

/// Removes every link of an account but the one to this account (provider, its name for the person), if any.
pub(super) fn delete_provider_links_but(tx: &Tx<'_>, user: UserId, keep: Option<(&str, &str)>) -> Result<()> {
    let (provider, subject) = keep.unzip();
    tx.prepare_cached(
        "delete from accounts
         where user_id = :user and not (provider is :provider and provider_account_id is :subject)",
    )?
    .execute(named_params! { ":user": user, ":provider": provider, ":subject": subject })?;
    Ok(())
}

pub(super) fn insert_login(
    tx: &Tx<'_>,
    id: LoginId,
    user: UserId,
    hash: &[u8; 32],
    device: &Device,
    expires_at: Moment,
) -> Result<()> {
    tx.prepare_cached(
        "insert into logins
             (id, user_id, secret_hash, device, address, created_at, last_seen_at, expires_at, confirmed_at)
         values (:id, :user, :hash, :device, :address, :now, :now, :expires, :now)",
    )?
    .execute(named_params! {
        ":id": id, ":user": user, ":hash": hash, ":device": device.agent, ":address": device.address,
        ":now": tx.now(), ":expires": expires_at,
    })?;
    // Those that have ended are of no use to anybody; a sign-in is a good moment to sweep.
    tx.prepare_cached("delete from logins where expires_at < :now")?.execute(named_params! { ":now": tx.now() })?;
    Ok(())
}

pub(super) fn note_login(tx: &Tx<'_>, user: UserId) -> Result<()> {
    tx.prepare_cached("update users set last_login_at = :now where id = :user")?
        .execute(named_params! { ":user": user, ":now": tx.now() })?;
    Ok(())
}

/// The login and when it was last used, unless it has ended or was last used before `idle_since`.
pub(super) fn login_by_hash(tx: &Tx<'_>, hash: &[u8; 32], idle_since: Moment) -> Result<Option<(Login, Moment)>> {
    Ok(tx
        .prepare_cached(&format!(
            "select {USER}, logins.id as login_id, logins.expires_at, logins.last_seen_at, logins.confirmed_at
             from logins join users on users.id = logins.user_id
             where secret_hash = :hash and expires_at > :now and last_seen_at > :idle and users.deleted_at is null"
        ))?
        .query_row(named_params! { ":hash": hash, ":now": tx.now(), ":idle": idle_since }, |row| {
            let login = Login {
                id: row.get("login_id")?,
                user: user_row(row)?,
                expires_at: row.get("expires_at")?,
                confirmed_at: row.get("confirmed_at")?,
            };
            Ok((login, row.get("last_seen_at")?))
        })
        .optional()?)
}

pub(super) fn touch_login(tx: &Tx<'_>, id: LoginId) -> Result<()> {
    tx.prepare_cached("update logins set last_seen_at = :now where id = :id")?
        .execute(named_params! { ":id": id, ":now": tx.now() })?;
    Ok(())
}

pub(super) fn delete_login(tx: &Tx<'_>, hash: &[u8; 32]) -> Result<()> {
    tx.prepare_cached("delete from logins where secret_hash = :hash")?.execute(named_params! { ":hash": hash })?;
    Ok(())
}

pub(super) fn delete_logins_of(tx: &Tx<'_>, user: UserId) -> Result<()> {
    tx.prepare_cached("delete from logins where user_id = :user")?.execute(named_params! { ":user": user })?;
    Ok(())
}

/// The logins of an account that have not ended, unless they were last used before `idle_since`.
pub(super) fn logins_of(tx: &Tx<'_>, user: UserId, idle_since: Moment) -> Result<Vec<OwnLogin>> {
    let mut statement = tx.prepare_cached(
        "select id, device, address, created_at, last_seen_at, expires_at from logins
         where user_id = :user and expires_at > :now and last_seen_at > :idle
         order by last_seen_at desc, id limit 200",
    )?;
    let rows = statement.query_map(named_params! { ":user": user, ":now": tx.now(), ":idle": idle_since }, |row| {
        Ok(OwnLogin {
            id: row.get("id")?,
            device: row.get("device")?,
            address: row.get("address")?,
            created_at: row.get("created_at")?,
            last_seen_at: row.get("last_seen_at")?,
            expires_at: row.get("expires_at")?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Returns whether that account had this login.
pub(super) fn delete_login_of(tx: &Tx<'_>, user: UserId, id: LoginId) -> Result<bool> {
    let n_deleted = tx
        .prepare_cached("delete from logins where id = :id and user_id = :user")?
        .execute(named_params! { ":id": id, ":user": user })?;
    Ok(n_deleted == 1)
}

pub(super) fn delete_logins_but(tx: &Tx<'_>, user: UserId, keep: Option<LoginId>) -> Result<()> {
    tx.prepare_cached("delete from logins where user_id = :user and (:keep is null or id <> :keep)")?
        .execute(named_params! { ":user": user, ":keep": keep })?;
    Ok(())
}

pub(super) fn confirm_login(tx: &Tx<'_>, id: LoginId) -> Result<()> {
    tx.prepare_cached("update logins set confirmed_at = :now where id = :id")?
        .execute(named_params! { ":id": id, ":now": tx.now() })?;
    Ok(())
}

pub(super) fn mentee_of(tx: &Tx<'_>, user: UserId) -> Result<Option<(MenteeId, Mentee)>> {
    Ok(tx
        .prepare_cached("select id, company, stage, industry, goals from mentees where user_id = :user")?
        .query_row(named_params! { ":user": user }, |row| {
            let mentee = Mentee {
                company: row.get("company")?,
                stage: row.get("stage")?,
                industry: row.get("industry")?,
                goals: row.get("goals")?,
            };
            Ok((row.get("id")?, mentee))
        })
        .optional()?)
}

/// Writes the profile; `id` is taken only where there was none.
pub(super) fn put_mentee(tx: &Tx<'_>, id: MenteeId, user: UserId, mentee: &Mentee) -> Result<()> {
    tx.prepare_cached(
        "insert into mentees (id, user_id, company, stage, industry, goals, created_at, updated_at)
         values (:id, :user, :company, :stage, :industry, :goals, :now, :now)
         on conflict (user_id) do update set company = excluded.company, stage = excluded.stage,
             industry = excluded.industry, goals = excluded.goals, updated_at = excluded.updated_at",
    )?
    .execute(named_params! {
        ":id": id, ":user": user, ":company": mentee.company, ":stage": mentee.stage,
        ":industry": mentee.industry, ":goals": mentee.goals, ":now": tx.now(),
    })?;
    Ok(())
}
