//! Ways in without the old password, and ways to a new one. The first proof of an address that was
//! never proven ends whatever somebody may have prepared under it: password, logins, tokens, links.

use serde_json::json;

use super::letters::{self, Recipient};
use super::links::{self, Purpose};
use super::logins::{self, Device, Login, LoginRules};
use super::{Passwords, Status, User, email_key, store, tokens};
use crate::audit::{self, Actor, Entry};
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::LoginId;
use crate::mail::{self, Letterhead};

/// How the audit log says that a letter proved an address.
const BY_LETTER: &str = "letter";

/// The links that lead to a password of one's own.
const SETS_PASSWORD: &[Purpose] = &[Purpose::ResetPassword, Purpose::Invite];

/// Sends a link that signs in, if the address has an account in use. Nobody learns which.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn ask_sign_in(tx: &Tx<'_>, head: &Letterhead, email: &str) -> Result<()> {
    ask(tx, Purpose::SignIn, email, |to, secret| letters::sign_in(head, to, secret), head)
}

/// Sends a link to a new password, if the address has an account in use. Nobody learns which.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn ask_reset(tx: &Tx<'_>, head: &Letterhead, email: &str) -> Result<()> {
    ask(tx, Purpose::ResetPassword, email, |to, secret| letters::reset_password(head, to, secret), head)
}

fn ask(
    tx: &Tx<'_>,
    purpose: Purpose,
    email: &str,
    words: impl FnOnce(Recipient<'_>, &str) -> mail::Letter,
    head: &Letterhead,
) -> Result<()> {
    let key: String = email_key(email).chars().take(super::LONGEST_EMAIL).collect();
    let user = store::by_email(tx, &key)?.map(|(user, _)| user).filter(|user| user.status == Status::Active);
    let is_tired = links::is_tired(tx, purpose, &key)?;
    let Some(user) = user.filter(|_| !is_tired) else {
        return links::pretend(tx, purpose, &key, None);
    };
    let secret = links::issue(tx, purpose, Some(user.id), &key, None)?;
    // To the address the account has, never to the one that was typed.
    mail::queue(tx, head, &words(Recipient { email: &user.email, name: &user.name }, &secret))
}

/// Signs in by a link from a letter.
///
/// # Errors
/// `link_dead`.
pub fn sign_in(tx: &Tx<'_>, rules: LoginRules, secret: &str, device: &Device) -> Result<(Login, String)> {
    let user = redeem(tx, &[Purpose::SignIn], secret)?;
    prove_address(tx, &Actor::user(user.id, &device.address), &user, BY_LETTER, None)?;
    logins::open(tx, rules, user, device)
}

/// Whose password a link from a letter would set, and whether it is an invitation; it is not used up.
///
/// # Errors
/// `link_dead`.
pub fn behind_link(tx: &Tx<'_>, secret: &str) -> Result<(User, bool)> {
    let (purpose, link) = links::peek(tx, SETS_PASSWORD, secret)?.ok_or_else(links::dead)?;
    let user = link.user.map_or(Ok(None), |user| store::by_id(tx, user))?;
    let user = user.filter(|user| user.status == Status::Active).ok_or_else(links::dead)?;
    Ok((user, purpose == Purpose::Invite))
}

/// Sets the password behind a link from a letter (forgotten, or invited) and ends every login.
///
/// # Errors
/// `link_dead`; `Invalid` naming `password`.
pub async fn reset(
    db: &Db,
    passwords: &Passwords,
    head: Letterhead,
    secret: String,
    password: String,
    address: String,
) -> Result<User> {
    let looked = secret.clone();
    // Looked at first: a hash is dear, and a dead link should not buy one.
    let (user, _) = db.read(move |tx| behind_link(tx, &looked)).await?;
    let hash = passwords.hash_for(password, &[&user.email, &user.name]).await?;
    db.write(move |tx| {
        let user = redeem(tx, SETS_PASSWORD, &secret)?;
        prove_address(tx, &Actor::user(user.id, &address), &user, BY_LETTER, None)?;
        let key = email_key(&user.email);
        SETS_PASSWORD.iter().try_for_each(|purpose| links::end(tx, *purpose, &key))?;
        put_password(tx, &head, &user, &hash, None, &address)?;
        Ok(user)
    })
    .await
}

/// Sets a new password for somebody who is signed in as `keep` and knows the old one, and ends
/// every other login.
///
/// # Errors
/// `Invalid` naming `currentPassword` or `password`.
pub async fn change_password(
    db: &Db,
    passwords: &Passwords,
    head: Letterhead,
    login: &Login,
    current: String,
    password: String,
    address: String,
) -> Result<()> {
    let user = login.user.clone();
    prove(db, passwords, &user, "currentPassword", current).await?;
    let hash = passwords.hash_for(password, &[&user.email, &user.name]).await?;
    let keep = login.id;
    db.write(move |tx| put_password(tx, &head, &user, &hash, Some(keep), &address)).await
}

/// Checks that whoever is signed in knows the account's password, which came in the field `field`.
///
/// # Errors
/// `bad_credentials` naming the field; `too_many_failures`.
pub async fn prove(db: &Db, passwords: &Passwords, user: &User, field: &'static str, current: String) -> Result<()> {
    let id = user.id;
    let key = email_key(&user.email);
    // A stolen login must not become a place to guess the password at: it counts like a sign-in.
    let (place, counted) = (id.to_string(), key.clone());
    let stored = db
        .write(move |tx| {
            super::locks::try_once(tx, &counted, &place)?;
            store::password_hash(tx, id)
        })
        .await?;
    if !passwords.verify(current, stored).await?.is_right {
        return Err(Error::field(field, "is not the password of this account").with_code("bad_credentials"));
    }
    let place = id.to_string();
    db.write(move |tx| super::locks::succeeded(tx, &key, &place)).await
}

/// Whoever is signed in proves once more that it is them: by the password.
///
/// # Errors
/// As `prove`.
pub async fn confirm(db: &Db, passwords: &Passwords, login: &Login, password: String) -> Result<()> {
    prove(db, passwords, &login.user, "password", password).await?;
    let id: LoginId = login.id;
    db.write(move |tx| store::confirm_login(tx, id)).await
}

fn redeem(tx: &Tx<'_>, purposes: &[Purpose], secret: &str) -> Result<User> {
    let id = links::redeem(tx, purposes, secret)?.user.ok_or_else(links::dead)?;
    let user = store::by_id(tx, id)?.filter(|user| user.status == Status::Active);
    user.ok_or_else(links::dead)
}

/// Somebody has shown that the account's address is theirs, by a letter or by a provider. If nobody had before,
/// what was set up under it by whoever made the account goes, but for the link to the account that proves it.
pub(super) fn prove_address(tx: &Tx<'_>, actor: &Actor, user: &User, by: &str, subject: Option<&str>) -> Result<()> {
    if store::is_verified(tx, user.id)? {
        return Ok(());
    }
    store::clear_password(tx, user.id)?;
    store::delete_logins_of(tx, user.id)?;
    tokens::revoke_all(tx, user.id)?;
    store::void_what_is_open(tx, user.id)?;
    store::delete_provider_links_but(tx, user.id, subject.map(|subject| (by, subject)))?;
    store::set_verified(tx, user.id)?;
    let id = user.id.to_string();
    let entry = Entry {
        kind: "user.email_verified",
        about: ("user", &id),
        before: json!({ "isVerified": false }),
        after: json!({ "isVerified": true, "by": by, "ended": ["password", "logins", "tokens", "links"] }),
    };
    audit::note(tx, actor, &entry)
}

fn put_password(
    tx: &Tx<'_>,
    head: &Letterhead,
    user: &User,
    hash: &str,
    keep: Option<LoginId>,
    address: &str,
) -> Result<()> {
    store::set_password(tx, user.id, hash)?;
    store::delete_logins_but(tx, user.id, keep)?;
    let id = user.id.to_string();
    let entry = Entry { kind: "user.password_changed", about: ("user", &id), before: ().into(), after: ().into() };
    audit::note(tx, &Actor::user(user.id, address), &entry)?;
    mail::queue(tx, head, &letters::password_changed(head, Recipient { email: &user.email, name: &user.name }))
}
