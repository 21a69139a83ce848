//! The daily sweep: each room gives up what it no longer needs, all in one transaction. Jobs that are done need none,
//! they are struck off at once; those that were given up on stay, for somebody to look at.

use serde::Serialize;

use crate::accounts::sweep as accounts;
use crate::clock::Moment;
use crate::config::Config;
use crate::db::Tx;
use crate::error::Result;
use crate::{hooks, mail, sync};

/// Where the moment of the last sweep is kept.
const SWEPT_AT: &str = "swept_at";

/// How often it is swept, in hours.
const EVERY_HOURS: i64 = 24;

/// How long the change log reaches back, in days. An index that lies further back is made anew.
const CHANGES_DAYS: i64 = 30;

/// How long what is kept is kept.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// Letters after they were sent, in days.
    pub letters_days: u32,
    /// Sign-ins without use, in days.
    pub login_idle_days: u32,
}

impl Keep {
    /// As the settings say.
    pub fn of(config: &Config) -> Self {
        Self { letters_days: config.mail.keep_days, login_idle_days: config.accounts.login_idle_days }
    }
}

/// How many of each went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Swept {
    /// Of accounts.
    #[serde(flatten)]
    pub accounts: accounts::Swept,
    /// Letters that were sent.
    pub letters: usize,
    /// Letters to other programs.
    pub hook_letters: usize,
    /// Bodies of deliveries.
    pub delivery_bodies: usize,
    /// Rows of the change log.
    pub changes: usize,
}

/// Whether the last sweep is a day ago.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn is_due(tx: &Tx<'_>) -> Result<bool> {
    let last = tx.setting(SWEPT_AT)?.and_then(|text| Moment::parse(&text));
    // What was done after now was done by a clock that has been set back: it says nothing.
    let is_fresh = |last: Moment| last <= tx.now() && tx.now() < last.plus_seconds(EVERY_HOURS * 3_600);
    Ok(!last.is_some_and(is_fresh))
}

/// Sweeps now. Doing it twice finds nothing the second time.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn sweep(tx: &Tx<'_>, keep: Keep) -> Result<Swept> {
    let swept = Swept {
        accounts: accounts::sweep(tx, keep.login_idle_days)?,
        letters: mail::sweep(tx, keep.letters_days)?,
        hook_letters: hooks::sweep(tx)?,
        delivery_bodies: sync::deliveries::sweep(tx)?,
        changes: tx.sweep_changes(tx.now().plus_days(-CHANGES_DAYS))?,
    };
    tx.set_setting(SWEPT_AT, &tx.now().to_string())?;
    Ok(swept)
}
