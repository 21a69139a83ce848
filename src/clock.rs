//! The only place that asks what time it is. Everything else is handed a `Moment`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time: whole seconds since 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(i64);

impl Moment {
    /// The moment `seconds` after 1970-01-01T00:00:00Z.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// Reads an RFC 3339 time of any offset; fractions of a second are dropped. `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().map(|time| Self(time.timestamp()))
    }

    /// This moment as a calendar time in UTC. Moments outside chrono's years are pulled to its ends.
    pub fn utc(self) -> DateTime<Utc> {
        let end = if self.0 < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
        DateTime::from_timestamp(self.0, 0).unwrap_or(end)
    }

    /// This many seconds later (or earlier, when negative).
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// This many days of 24 hours later.
    #[must_use]
    pub const fn plus_days(self, days: i64) -> Self {
        self.plus_seconds(days.saturating_mul(86_400))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.utc().to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("must be a time like 2030-03-04T09:00:00Z"))
    }
}

/// Where moments come from: the system, or a hand that a test moves.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's own clock.
    System,
    /// Stands still until a test moves it; clones share the hand.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `now` until `advance` moves it.
    pub fn fixed(now: Moment) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(now.unix())))
    }

    /// The present moment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system for the time")]
    pub fn now(&self) -> Moment {
        match self {
            Self::System => Moment(Utc::now().timestamp()),
            Self::Fixed(hand) => Moment(hand.load(Ordering::SeqCst)),
        }
    }

    /// Moves a fixed clock; the system's own is left alone.
    pub fn advance(&self, by: TimeDelta) {
        if let Self::Fixed(hand) = self {
            hand.fetch_add(by.num_seconds(), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_and_written_in_utc() {
        let moment = Moment::parse("2030-03-04T10:00:00.750+01:00").expect("a valid time");
        assert_eq!(moment.to_string(), "2030-03-04T09:00:00Z");
        assert_eq!(Moment::parse("2030-03-04"), None);
    }

    #[test]
    fn a_fixed_clock_moves_only_when_moved() {
        let clock = Clock::fixed(Moment::from_unix(100));
        let twin = clock.clone();
        twin.advance(TimeDelta::seconds(5));
        assert_eq!(clock.now(), Moment::from_unix(105));
    }
}
