//! The SQL of people and their sign-ins.

use rusqlite::{OptionalExtension, Row, named_params};

use super::mentees::Mentee;
use super::tokens::{Bearer, Scope, Token};
use super::{Device, Login, NewUser, Status, User};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{LoginId, MenteeId, TokenId, UserId};

const USER: &str =
    "users.id, users.email, users.name, users.image, users.role, users.status, users.timezone, users.last_login_at";

fn user_row(row: &Row<'_>) -> rusqlite::Result<User> {
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

pub(super) fn n_with_role(tx: &Tx<'_>, role: &str) -> Result<u64> {
    let n: i64 = tx
        .prepare_cached("select count(*) from users where role = :role and deleted_at is null")?
        .query_row(named_params! { ":role": role }, |row| row.get(0))?;
    Ok(n.cast_unsigned())
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
            "select {USER}, logins.id as login_id, logins.expires_at, logins.last_seen_at
             from logins join users on users.id = logins.user_id
             where secret_hash = :hash and expires_at > :now and last_seen_at > :idle"
        ))?
        .query_row(named_params! { ":hash": hash, ":now": tx.now(), ":idle": idle_since }, |row| {
            let login = Login { id: row.get("login_id")?, user: user_row(row)?, expires_at: row.get("expires_at")? };
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
             where token_hash = :hash and revoked_at is null and (expires_at is null or expires_at > :now)"
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
