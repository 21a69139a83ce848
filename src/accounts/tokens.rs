//! API tokens: what programs sign in with. A token is shown once and kept as a hash; it may do
//! what its scopes say and its owner's role allows, and without a scope nothing.

use serde::{Deserialize, Serialize};

use super::logins::{random_secret, secret_hash};
use super::{Status, User, store};
use crate::audit::{self, Actor, Entry};
use crate::clock::Moment;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{TokenId, UserId};

/// What every token begins with, so that people and secret scanners know one when they see it.
const PREFIX: &str = "tdm_";

/// The longest name of a token, in characters.
const LONGEST_NAME: usize = 100;

/// Tokens that one account may have at once.
const MOST_TOKENS: u64 = 50;

/// A use is written down only when the last one noted is this old, in seconds.
const USED_STEP_SECONDS: i64 = 60;

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// One thing that a token may do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Scope {
            $($(#[$doc])* #[serde(rename = $text)] $name,)+
        }

        impl Scope {
            /// Every scope there is.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name in requests and in the database.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

scopes! {
    /// Ask for mentors and read their cards.
    MatchRead = "match:read",
    /// Read profiles.
    ProfilesRead = "profiles:read",
    /// Change profiles.
    ProfilesWrite = "profiles:write",
    /// Add and change mentors.
    MentorsWrite = "mentors:write",
    /// Read open times.
    AvailabilityRead = "availability:read",
    /// Offer and withdraw times.
    AvailabilityWrite = "availability:write",
    /// Read sessions.
    SessionsRead = "sessions:read",
    /// Book, move and cancel sessions.
    SessionsWrite = "sessions:write",
    /// Read what staff read: people, letters, jobs, the audit log.
    StaffRead = "staff:read",
    /// Change what staff change.
    StaffWrite = "staff:write",
    /// Read the metrics.
    MetricsRead = "metrics:read",
    /// Run scheduled tasks.
    CronRun = "cron:run",
}

/// A token as its owner sees it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// What its owner calls it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Moment,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Moment>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Moment>,
}

/// A token's owner and what it may do.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// Which token.
    pub id: TokenId,
    /// Whose.
    pub user: User,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

/// Makes a token for `user`: the token as it is listed, and its text, which is never shown again.
///
/// # Errors
/// `Invalid` naming `name`, `scopes` or `expiresAt`; `too_many_tokens`.
pub fn create(
    tx: &Tx<'_>,
    actor: &Actor,
    user: UserId,
    name: &str,
    scopes: &[Scope],
    expires_at: Option<Moment>,
) -> Result<(Token, String)> {
    let name = check_name(name)?;
    if scopes.is_empty() {
        return Err(Error::field("scopes", "must name at least one thing that the token may do"));
    }
    if expires_at.is_some_and(|it| it <= tx.now()) {
        return Err(Error::field("expiresAt", "must be in the future"));
    }
    if store::n_tokens(tx, user)? >= MOST_TOKENS {
        return Err(Error::conflict("too_many_tokens", format!("An account has at most {MOST_TOKENS} tokens.")));
    }
    let mut scopes = scopes.to_vec();
    scopes.sort_by_key(|scope| scope.name());
    scopes.dedup();
    let text = format!("{PREFIX}{}", random_secret()?);
    let token = Token { id: TokenId::random(), name, scopes, created_at: tx.now(), expires_at, last_used_at: None };
    store::insert_token(tx, user, &token, &secret_hash(&text))?;
    let after = serde_json::json!({ "name": token.name, "scopes": token.scopes, "expiresAt": token.expires_at });
    let id = token.id.to_string();
    audit::note(tx, actor, &Entry { kind: "token.created", about: ("token", &id), before: ().into(), after })?;
    Ok((token, text))
}

/// The tokens of an account that still work, newest first.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn tokens(tx: &Tx<'_>, user: UserId) -> Result<Vec<Token>> {
    store::tokens(tx, user)
}

/// Ends a token of `user`.
///
/// # Errors
/// `token_unknown` where that account has no such token.
pub fn revoke(tx: &Tx<'_>, actor: &Actor, user: UserId, id: TokenId) -> Result<()> {
    let Some(name) = store::revoke_token(tx, user, id)? else {
        return Err(Error::not_found("token_unknown", "There is no such token, or no longer."));
    };
    let before = serde_json::json!({ "name": name });
    let id = id.to_string();
    audit::note(tx, actor, &Entry { kind: "token.revoked", about: ("token", &id), before, after: ().into() })
}

/// Who holds this token, if it still works and the account is in use.
///
/// # Errors
/// Internal, where SQLite cannot.
pub async fn bearer(db: &Db, text: &str) -> Result<Option<Bearer>> {
    if !text.starts_with(PREFIX) || text.len() > 128 {
        return Ok(None);
    }
    let hash = secret_hash(text);
    let found = db
        .read(move |tx| {
            let found = store::bearer(tx, &hash)?;
            Ok(found.map(|(bearer, used_at)| {
                (bearer, used_at.is_none_or(|used_at| used_at.plus_seconds(USED_STEP_SECONDS) < tx.now()))
            }))
        })
        .await?;
    let Some((bearer, is_stale)) = found.filter(|(bearer, _)| bearer.user.status == Status::Active) else {
        return Ok(None);
    };
    if is_stale {
        let id = bearer.id;
        db.write(move |tx| store::touch_token(tx, id)).await?;
    }
    Ok(Some(bearer))
}

fn check_name(name: &str) -> Result<String> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.contains(char::is_control) {
        return Err(Error::field("name", format!("must have 1 to {LONGEST_NAME} characters")));
    }
    Ok(name)
}
