//! What accounts leave behind and nobody needs any more: sign-ins that have ended, links that were not followed,
//! failures long forgotten, tokens that open nothing. Running it twice finds nothing the second time.

mod store;

use serde::Serialize;

use crate::db::Tx;
use crate::error::Result;

/// A link in a letter counts against too many letters for this long after it has ended, in days.
const LINKS_COUNT_DAYS: i64 = 1;

/// Failures to sign in are forgotten by then, in days; the lock itself forgets within hours.
const FAILURES_DAYS: i64 = 1;

/// How long a token that has ended stays known, in days.
const TOKENS_DAYS: i64 = 30;

/// How many of each went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Sign-ins of browsers that have ended.
    pub logins: usize,
    /// Links in letters.
    pub links: usize,
    /// Sign-ins with other providers that nobody came back from.
    pub flows: usize,
    /// Failures to sign in.
    pub failures: usize,
    /// API tokens that were revoked or have ended.
    pub tokens: usize,
}

/// Takes away what has ended; a login ends after `idle_days` without use too.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn sweep(tx: &Tx<'_>, idle_days: u32) -> Result<Swept> {
    let now = tx.now();
    Ok(Swept {
        logins: store::delete_logins(tx, now, now.plus_days(-i64::from(idle_days)))?,
        links: store::delete_links(tx, now.plus_days(-LINKS_COUNT_DAYS))?,
        flows: store::delete_flows(tx, now)?,
        failures: store::delete_failures(tx, now.plus_days(-FAILURES_DAYS))?,
        tokens: store::delete_tokens(tx, now.plus_days(-TOKENS_DAYS))?,
    })
}
