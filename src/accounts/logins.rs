//! Browsers that are signed in. The cookie holds a random secret; the table holds its hash, so
//! that a stolen database signs nobody in.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{LONGEST_EMAIL, Passwords, Status, User, email_key, locks, signup, store};
use crate::clock::Moment;
use crate::db::{Db, Tx};
use crate::error::{Error, OrInternal, Result};
use crate::hex::hex;
use crate::ids::{LoginId, UserId};

/// A use is written down only when the last one noted is this old, in seconds: reading a page should not write.
const SEEN_STEP_SECONDS: i64 = 300;

/// How long sign-ins last.
#[derive(Clone, Copy, Debug)]
pub struct LoginRules {
    /// Days without use after which one ends.
    pub idle_days: u32,
    /// Days after which one ends in any case.
    pub max_days: u32,
    /// Whether guessing passwords is slowed down.
    pub is_guarded: bool,
}

/// Where a sign-in comes from, for the person to recognise it by.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// The browser's own words for itself.
    pub agent: String,
    /// The network address.
    pub address: String,
    /// The part of the network that counts as one guesser: the address, or of IPv6 its first half.
    pub network: String,
}

/// A person who is signed in, and until when.
#[derive(Clone, Debug)]
pub struct Login {
    /// The sign-in itself.
    pub id: LoginId,
    /// Who it is.
    pub user: User,
    /// When it ends at the latest.
    pub expires_at: Moment,
    /// When the person last proved that it is them.
    pub confirmed_at: Moment,
}

/// One sign-in as its owner sees it in a list.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnLogin {
    /// Its id.
    pub id: LoginId,
    /// The browser's own words for itself.
    pub device: String,
    /// The network address it was made from.
    pub address: String,
    /// When it was made.
    pub created_at: Moment,
    /// When it was last used, to five minutes.
    pub last_seen_at: Moment,
    /// When it ends at the latest.
    pub expires_at: Moment,
}

/// Signs a person in by address and password: the login and the secret for the cookie.
///
/// # Errors
/// `bad_credentials`, alike in words and in time for a wrong password, an unknown address and an
/// account that may not sign in; `unverified` for the right password of a sign-up whose address
/// still waits to be confirmed; `too_many_failures`.
pub async fn sign_in(
    db: &Db,
    passwords: &Passwords,
    rules: LoginRules,
    email: &str,
    password: String,
    device: Device,
) -> Result<(Login, String)> {
    let key: String = email_key(email).chars().take(LONGEST_EMAIL).collect();
    let (counted, place) = (key.clone(), device.network.clone());
    let (found, waiting) = db
        .write(move |tx| {
            if rules.is_guarded {
                locks::try_once(tx, &counted, &place)?;
            }
            Ok((store::by_email(tx, &counted)?, signup::waiting_hashes(tx, &counted)?))
        })
        .await?;
    let checked = found.as_ref().and_then(|(_, hash)| hash.clone());
    // One hash is checked in any case, and then those that wait, whether there is an account or not: alike in time.
    let verdict = passwords.verify(password.clone(), checked.clone()).await?;
    if !verdict.is_right && is_one_of(passwords, &password, waiting).await? {
        return Err(Error::forbidden(
            "unverified",
            "Please confirm your address first: the link is in the letter that was sent when you signed up.",
        ));
    }
    let Some((user, _)) = found.filter(|(user, _)| verdict.is_right && user.status == Status::Active) else {
        return Err(Error::bad_credentials());
    };
    db.write(move |tx| {
        // While the password was looked at, a reset may have made it an old one: what was read before proves nothing now.
        if store::password_hash(tx, user.id)? != checked {
            return Err(Error::busy("busy", "This account is being changed just now, please try again."));
        }
        let user = store::by_id(tx, user.id)?.ok_or_else(Error::bad_credentials)?;
        locks::succeeded(tx, &key, &device.network)?;
        if let Some(hash) = &verdict.better_hash {
            store::set_password(tx, user.id, hash)?;
        }
        open(tx, rules, user, &device)
    })
    .await
}

/// Whether the password is behind one of these hashes.
async fn is_one_of(passwords: &Passwords, password: &str, hashes: Vec<String>) -> Result<bool> {
    for hash in hashes {
        if passwords.verify(password.to_owned(), Some(hash)).await?.is_right {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Opens a login for somebody who has proven who they are: it and the secret for the cookie.
///
/// # Errors
/// `bad_credentials` where the account is not in use.
pub fn open(tx: &Tx<'_>, rules: LoginRules, user: User, device: &Device) -> Result<(Login, String)> {
    if user.status != Status::Active {
        return Err(Error::bad_credentials());
    }
    let secret = random_secret()?;
    let expires_at = tx.now().plus_days(i64::from(rules.max_days));
    let id = LoginId::random();
    store::insert_login(tx, id, user.id, &secret_hash(&secret), device, expires_at)?;
    store::note_login(tx, user.id)?;
    Ok((Login { id, user, expires_at, confirmed_at: tx.now() }, secret))
}

/// The logins of an account that still work, the last used first.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn own(tx: &Tx<'_>, rules: LoginRules, user: UserId) -> Result<Vec<OwnLogin>> {
    store::logins_of(tx, user, tx.now().plus_days(-i64::from(rules.idle_days)))
}

/// Ends one login of an account.
///
/// # Errors
/// `login_unknown` where that account has no such login.
pub fn end(tx: &Tx<'_>, user: UserId, id: LoginId) -> Result<()> {
    if store::delete_login_of(tx, user, id)? {
        return Ok(());
    }
    Err(Error::not_found("login_unknown", "There is no such sign-in, or no longer."))
}

/// Ends every login of an account but one.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn end_others(tx: &Tx<'_>, user: UserId, keep: LoginId) -> Result<()> {
    store::delete_logins_but(tx, user, Some(keep))
}

/// Who holds this secret, if the login has not ended and the account is in use.
///
/// # Errors
/// Internal, where SQLite cannot.
pub async fn signed_in(db: &Db, rules: LoginRules, secret: &str) -> Result<Option<Login>> {
    let hash = secret_hash(secret);
    let found = db
        .read(move |tx| {
            let idle_since = tx.now().plus_days(-i64::from(rules.idle_days));
            let found = store::login_by_hash(tx, &hash, idle_since)?;
            Ok(found.map(|(login, seen_at)| (login, seen_at.plus_seconds(SEEN_STEP_SECONDS) < tx.now())))
        })
        .await?;
    let Some((login, is_stale)) = found.filter(|(login, _)| login.user.status == Status::Active) else {
        return Ok(None);
    };
    if is_stale {
        let id = login.id;
        db.write(move |tx| store::touch_login(tx, id)).await?;
    }
    Ok(Some(login))
}

/// Ends the login behind this secret; one that has ended already is no error.
///
/// # Errors
/// Internal, where SQLite cannot.
pub async fn sign_out(db: &Db, secret: &str) -> Result<()> {
    let hash = secret_hash(secret);
    db.write(move |tx| store::delete_login(tx, &hash)).await
}

/// 256 random bits in hexadecimal.
///
/// # Errors
/// Internal, where the machine has no randomness.
pub fn random_secret() -> Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).or_internal("drawing a random secret")?;
    Ok(hex(&bytes))
}

/// A secret of 256 random bits needs no slow hash: there is nothing to guess.
pub fn secret_hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
