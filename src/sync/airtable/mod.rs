//! Airtable's own interface: a notification or a schedule queues one job, the job reads the whole table and brings
//! what is here in line with it. Nothing is applied before everything was read, and nobody is ever deleted.

mod http;
mod line;
mod listing;
mod pace;
mod reconcile;
mod report;
mod webhook;

use std::sync::{Mutex, TryLockError};
use std::time::Instant;

use url::Url;

use super::mapping::Mapping;
use crate::config;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::jobs;
use http::Http;
use line::Line;
use listing::Listing;
use reconcile::{Before, Round};

pub use pace::Pace;
pub use report::{Changed, Hidden, Refused, Report};
pub use webhook::heard;

/// Records taken in in one transaction, as for files.
const RECORDS_A_WRITE: usize = super::intake::LINES_A_WRITE;

/// Where it is kept when the table was last looked at, or was last about to be.
const LOOKED_AT: &str = "airtable_looked_at";

/// Why Tandem looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Airtable said that something has changed.
    Notification,
    /// A schedule or a person wants it.
    Reconcile,
}

impl Source {
    /// The word in the log of deliveries, and the key of the job.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notification => "notification",
            Self::Reconcile => "reconcile",
        }
    }

    /// The source that a job's key names.
    pub fn of_job(key: &str) -> Self {
        if key == Self::Notification.name() { Self::Notification } else { Self::Reconcile }
    }
}

/// How to look.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Why.
    pub source: Source,
    /// Whether everything is tried and nothing kept.
    pub is_dry: bool,
    /// Whether any number of mentors may be hidden.
    pub is_forced: bool,
}

/// One table of one base, and the way there.
#[derive(Debug)]
pub struct Airtable {
    /// Where the interface begins.
    root: Url,
    base: String,
    table: String,
    token: String,
    mapping: Mapping,
    minutes: u32,
    pace: Pace,
    /// Held while the table is read: one at a time, so that they share the five requests a second. Holds when
    /// the last request was sent.
    last: Mutex<Option<Instant>>,
}

impl Airtable {
    /// The table that the settings name, `None` where they name none.
    ///
    /// # Errors
    /// An operator's error where the address is none.
    pub fn of(sync: &config::Sync, pace: Pace) -> Result<Option<Self>> {
        if !sync.has_airtable() {
            return Ok(None);
        }
        let wrong = || Error::operator("config", "sync.airtable_api_url must be an https:// address.");
        let root = Url::parse(&sync.airtable_api_url).ok().filter(|url| !url.cannot_be_a_base()).ok_or_else(wrong)?;
        Ok(Some(Self {
            root,
            base: sync.airtable_base.clone(),
            table: sync.airtable_table.clone(),
            token: sync.airtable_token.clone(),
            mapping: Mapping::of(sync),
            minutes: sync.reconcile_minutes,
            pace,
            last: Mutex::new(None),
        }))
    }

    fn address(&self, path: &[&str]) -> Url {
        let mut url = self.root.clone();
        // `of` has let in only addresses that have a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v0").extend(path);
        }
        url
    }

    /// Looks through the whole table and brings what is here in line with it, or says what that would do.
    /// `finish` is called in the last transaction. A stop is heard between two requests and two transactions.
    ///
    /// # Errors
    /// A sentence for whoever runs Tandem: why the table could not be read to its end (then nothing was changed),
    /// or `sync_too_many_gone`.
    pub fn reconcile(
        &self,
        db: &Db,
        order: Order,
        is_over: &dyn Fn() -> bool,
        finish: impl FnOnce(&Tx<'_>) -> Result<()>,
    ) -> Result<Report> {
        let mut last = match self.last.try_lock() {
            Ok(last) => last,
            Err(TryLockError::Poisoned(last)) => last.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Err(Error::busy("sync_under_way", "The table is being looked through just now."));
            }
        };
        let before = Before::look(db)?;
        let http = Http::open(&self.root, &self.token)?;
        let mut line = Line { http, pace: &self.pace, last: &mut last, is_over };
        let table = self.address(&[&self.base, &self.table]);
        let mut listing = Listing::read(&mut line, &table, &self.mapping, db.directory())?;
        let mut round = Round::new(order, &self.mapping, before, &listing.records)?;
        if order.is_dry {
            db.rehearse_here(|tx| {
                self.take_all(&mut listing, |payloads| round.take(tx, &payloads), is_over)?;
                round.hide_the_gone(tx)
            })?;
        } else {
            self.take_all(&mut listing, |payloads| db.write_here(|tx| round.take(tx, &payloads)), is_over)?;
            let webhook = db.write_here(|tx| {
                round.hide_the_gone(tx)?;
                tx.set_setting(LOOKED_AT, &tx.now().unix().to_string())?;
                finish(tx)?;
                if round.report.later > 0 {
                    ask(tx, order.source)?;
                }
                webhook::to_extend(tx)
            })?;
            if let Some(webhook) = webhook {
                line.extend(&self.address(&["bases", &self.base, "webhooks", &webhook, "refresh"]));
            }
        }
        Ok(round.report)
    }

    fn take_all(
        &self,
        listing: &mut Listing,
        mut take: impl FnMut(Vec<serde_json::Value>) -> Result<()>,
        is_over: &dyn Fn() -> bool,
    ) -> Result<()> {
        loop {
            let payloads = listing.next(RECORDS_A_WRITE, &self.mapping)?;
            if payloads.is_empty() {
                return Ok(());
            }
            if is_over() {
                return Err(pace::stopped());
            }
            take(payloads)?;
        }
    }

    /// Whether the schedule wants the table looked through now: a look that costs no write.
    ///
    /// # Errors
    /// Internal, where SQLite cannot.
    pub fn is_due(&self, tx: &Tx<'_>) -> Result<bool> {
        if self.minutes == 0 {
            return Ok(false);
        }
        let last: Option<i64> = tx.setting(LOOKED_AT)?.and_then(|text| text.parse().ok());
        let wait = i64::from(self.minutes) * 60;
        // A time still to come is from a clock that was put right since.
        Ok(last.is_none_or(|last| last.saturating_add(wait) <= tx.now().unix() || last > tx.now().unix()))
    }

    /// Queues the look that the schedule wants, where it is due.
    ///
    /// # Errors
    /// Internal, where SQLite cannot.
    pub fn ask_when_due(&self, tx: &Tx<'_>) -> Result<()> {
        if self.is_due(tx)? {
            // Written down before it is done: a table that cannot be read is not asked for again every few seconds.
            tx.set_setting(LOOKED_AT, &tx.now().unix().to_string())?;
            ask(tx, Source::Reconcile)?;
        }
        Ok(())
    }
}

/// Queues a look at the whole table; one that waits already is enough. Those that were given up on are tried anew.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn ask(tx: &Tx<'_>, source: Source) -> Result<()> {
    jobs::revive(tx, jobs::Kind::Fetch)?;
    jobs::enqueue(tx, jobs::Kind::Fetch, source.name())
}
