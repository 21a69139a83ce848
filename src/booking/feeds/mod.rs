//! A person's sessions as a calendar that programs can subscribe to, behind a secret address.

use super::Rules;
use crate::audit::Actor;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::UserId;

/// Whether this person has a feed.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn has_feed(_tx: &Tx<'_>, _user: UserId) -> Result<bool> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// Makes the feed's secret, or a new one in place of the old, which ends working. It is shown this once.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn renew(_tx: &Tx<'_>, _actor: &Actor, _user: UserId) -> Result<String> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// Ends the feed.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn end(_tx: &Tx<'_>, _actor: &Actor, _user: UserId) -> Result<()> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// The feed behind a secret, as iCalendar.
///
/// # Errors
/// `feed_unknown`.
pub fn feed(_tx: &Tx<'_>, _rules: &Rules, _secret: &str) -> Result<String> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}
