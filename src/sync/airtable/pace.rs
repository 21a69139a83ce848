//! Waiting: how long lies between two requests, and after an answer that asks for patience. Tests write the waits
//! down instead.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// Airtable takes five requests a second.
const GAP: Duration = Duration::from_millis(200);

/// How soon a stop is heard.
const NAP: Duration = Duration::from_millis(100);

/// Where waiting takes place.
#[derive(Clone, Debug)]
pub enum Pace {
    /// In time.
    Real,
    /// On paper: nothing waits, and every wait is written down.
    Noted(Arc<Mutex<Vec<Duration>>>),
}

impl Pace {
    /// A pace that only writes down.
    pub fn noted() -> Self {
        Self::Noted(Arc::default())
    }

    /// What was written down, oldest first; nothing where waiting is real.
    pub fn waits(&self) -> Vec<Duration> {
        match self {
            Self::Real => Vec::new(),
            Self::Noted(waits) => waits.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Waits until a request may follow the one that was sent at `last`.
    pub(super) fn keep(&self, last: Instant, is_over: &dyn Fn() -> bool) -> Result<()> {
        match self {
            Self::Real => self.pause(GAP.saturating_sub(last.elapsed()), is_over),
            Self::Noted(_) => self.pause(GAP, is_over),
        }
    }

    /// Waits for a while, or until everything is to end.
    pub(super) fn pause(&self, time: Duration, is_over: &dyn Fn() -> bool) -> Result<()> {
        match self {
            Self::Real => {
                let until = Instant::now() + time;
                while !is_over() && Instant::now() < until {
                    std::thread::sleep(NAP.min(until.saturating_duration_since(Instant::now())));
                }
            }
            Self::Noted(waits) => waits.lock().unwrap_or_else(PoisonError::into_inner).push(time),
        }
        if is_over() { Err(stopped()) } else { Ok(()) }
    }
}

/// Tandem stops in the middle of it.
pub(super) fn stopped() -> Error {
    Error::operator("sync_stopped", "Tandem was stopped while it looked through the base; what was taken in stays.")
}
