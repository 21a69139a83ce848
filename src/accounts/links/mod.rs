//! Links that letters carry: a random secret, kept as a hash, good once and not for long. What a
//! link opens is a page with a button; only the button redeems it, because mail scanners follow links.

mod store;

use super::logins::{random_secret, secret_hash};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::UserId;

/// What a link is for. A link for one thing opens no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Confirms the address of a sign-up.
    VerifyEmail,
    /// Signs in without a password.
    SignIn,
    /// Sets a new password.
    ResetPassword,
    /// Sets the first password of somebody whom staff invited.
    Invite,
    /// Makes the first admin.
    Setup,
}

impl Purpose {
    /// The word in the database.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::SignIn => "sign_in",
            Self::ResetPassword => "reset_password",
            Self::Invite => "invite",
            Self::Setup => "setup",
        }
    }

    /// How long a link lives, in seconds.
    pub(super) const fn seconds(self) -> i64 {
        match self {
            Self::SignIn => 15 * 60,
            Self::ResetPassword | Self::Setup => 30 * 60,
            Self::VerifyEmail => 24 * 3_600,
            Self::Invite => 7 * 86_400,
        }
    }

    /// The path of the page behind the link.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::VerifyEmail => "/verify",
            Self::SignIn => "/signin/link",
            Self::ResetPassword | Self::Invite => "/reset",
            Self::Setup => "/setup",
        }
    }
}

/// Letters with links of one kind that an address may be sent in an hour at once, whoever asks for them.
const MOST_AN_HOUR: u64 = 5;

/// Seconds between further letters. Shorter than any link lives: however often a stranger asks, the owner
/// always holds a link that is good, or can have one soon.
pub(super) const GAP_SECONDS: u32 = 12 * 60;

/// A link that was found good.
#[derive(Clone, Debug)]
pub(super) struct Redeemed {
    /// Whose account it is for, where there is one.
    pub user: Option<UserId>,
    /// The address it was sent to, as a key.
    pub email_key: String,
    /// What came with it.
    pub details: Option<String>,
}

/// Writes a new link down and returns its secret. `user` is `None` where the address has no account.
pub(super) fn issue(
    tx: &Tx<'_>,
    purpose: Purpose,
    user: Option<UserId>,
    email_key: &str,
    details: Option<&str>,
) -> Result<String> {
    let secret = random_secret()?;
    let expires_at = tx.now().plus_seconds(purpose.seconds());
    store::insert_link(tx, purpose.name(), user, email_key, &secret_hash(&secret), expires_at, details)?;
    Ok(secret)
}

/// Does the work of `issue` where no letter goes out, so that the answer takes as long. What it writes down
/// was never good, and counts for nothing.
pub(super) fn pretend(tx: &Tx<'_>, purpose: Purpose, email_key: &str, details: Option<&str>) -> Result<()> {
    let hash = secret_hash(&random_secret()?);
    store::insert_link(tx, purpose.name(), None, email_key, &hash, tx.now(), details)
}

/// Whether this address has been sent so many letters of the kind that the next one has to wait.
pub(super) fn is_tired(tx: &Tx<'_>, purpose: Purpose, email_key: &str) -> Result<bool> {
    let n_since = |seconds: i64| store::n_links_since(tx, purpose.name(), email_key, tx.now().plus_seconds(-seconds));
    Ok(n_since(3_600)? >= MOST_AN_HOUR && n_since(GAP_SECONDS.into())? > 0)
}

/// Uses a link up, in the transaction that does what it is for.
///
/// # Errors
/// `link_dead` where it was never given out, has ended, or was used.
pub(super) fn redeem(tx: &Tx<'_>, purposes: &[Purpose], secret: &str) -> Result<Redeemed> {
    let hash = secret_hash(secret);
    for purpose in purposes {
        if let Some(found) = store::use_link(tx, purpose.name(), &hash)? {
            return Ok(found);
        }
    }
    Err(dead())
}

/// What `redeem` would find, without using it up: for work that must be done before the transaction.
pub(super) fn peek(tx: &Tx<'_>, purposes: &[Purpose], secret: &str) -> Result<Option<(Purpose, Redeemed)>> {
    let hash = secret_hash(secret);
    for purpose in purposes {
        if let Some(found) = store::link(tx, purpose.name(), &hash)? {
            return Ok(Some((*purpose, found)));
        }
    }
    Ok(None)
}

pub(super) fn dead() -> Error {
    Error::field("token", "is not good any more: links work once, and not for long. Please ask for a new one")
        .with_code("link_dead")
}

/// The details of the newest sign-ups of this address that nobody has confirmed: as many as an hour's letters at most.
pub(super) fn waiting_details(tx: &Tx<'_>, purpose: Purpose, email_key: &str) -> Result<Vec<String>> {
    store::waiting_details(tx, purpose.name(), email_key, MOST_AN_HOUR)
}

/// Ends all unused links of an address for one purpose.
pub(super) fn end(tx: &Tx<'_>, purpose: Purpose, email_key: &str) -> Result<()> {
    store::end_links(tx, purpose.name(), email_key)
}
