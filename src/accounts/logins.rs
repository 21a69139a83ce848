//! Browsers that are signed in. The cookie holds a random secret; the table holds its hash, so
//! that a stolen database signs nobody in.

use sha2::{Digest, Sha256};

use super::{Passwords, Status, User, email_key, store};
use crate::clock::Moment;
use crate::db::{Db, Tx};
use crate::error::{Error, OrInternal, Result};
use crate::ids::LoginId;

/// A use is written down only when the last one noted is this old, in seconds: reading a page should not write.
const SEEN_STEP_SECONDS: i64 = 300;

/// How long sign-ins last.
#[derive(Clone, Copy, Debug)]
pub struct LoginRules {
    /// Days without use after which one ends.
    pub idle_days: u32,
    /// Days after which one ends in any case.
    pub max_days: u32,
}

/// Where a sign-in comes from, for the person to recognise it by.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// The browser's own words for itself.
    pub agent: String,
    /// The network address.
    pub address: String,
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
}

/// Signs a person in by address and password: the login and the secret for the cookie.
///
/// # Errors
/// `bad_credentials`, alike in words and in time for a wrong password, an unknown address and an
/// account that may not sign in.
pub async fn sign_in(
    db: &Db,
    passwords: &Passwords,
    rules: LoginRules,
    email: &str,
    password: String,
    device: Device,
) -> Result<(Login, String)> {
    let key = email_key(email);
    let found = db.read(move |tx| store::by_email(tx, &key)).await?;
    let stored = found.as_ref().and_then(|(_, hash)| hash.clone());
    let is_right = passwords.verify(password, stored).await?;
    let Some((user, _)) = found.filter(|(user, _)| is_right && user.status == Status::Active) else {
        return Err(Error::bad_credentials());
    };
    db.write(move |tx| open(tx, rules, user, &device)).await
}

/// Opens a login for a person who has proved who they are: the login and the secret for the cookie.
pub(super) fn open(tx: &Tx<'_>, rules: LoginRules, user: User, device: &Device) -> Result<(Login, String)> {
    let secret = random_secret()?;
    let expires_at = tx.now().plus_days(i64::from(rules.max_days));
    let id = LoginId::random();
    store::insert_login(tx, id, user.id, &secret_hash(&secret), device, expires_at)?;
    store::note_login(tx, user.id)?;
    Ok((Login { id, user, expires_at }, secret))
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
pub(super) fn random_secret() -> Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).or_internal("drawing a random secret")?;
    Ok(format!("{:032x}{:032x}", half(&bytes[..16]), half(&bytes[16..])))
}

fn half(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// A secret of 256 random bits needs no slow hash: there is nothing to guess.
pub(super) fn secret_hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
