//! How often one network address may ask, by class of route. Generous to people and to programs
//! that mean well; meant for those who hammer.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::response::{IntoResponse, Response};
use tower_governor::GovernorError;
use tower_governor::GovernorLayer;
use tower_governor::governor::{GovernorConfig, GovernorConfigBuilder};
use tower_governor::key_extractor::KeyExtractor;

use super::address::Client;
use super::error::Refusal;
use crate::error::Error;

/// A class of routes that share an allowance per network address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rate {
    /// No limit: what costs nothing, and what watches over Tandem.
    Free,
    /// Reading and searching.
    Read,
    /// Changing things.
    Write,
    /// Anything that tries a password or a link.
    Credentials,
    /// Anything that sends a letter to whoever is named.
    Letter,
}

impl Rate {
    /// Every class with a limit.
    const LIMITED: [Self; 4] = [Self::Read, Self::Write, Self::Credentials, Self::Letter];

    /// How many requests may come at once, and how long one of them takes to be given back. Chosen so that a class
    /// of a hundred students behind one address signs in together and never notices.
    const fn allowance(self) -> (u32, Duration) {
        match self {
            Self::Free => (u32::MAX, Duration::from_nanos(1)),
            Self::Read => (1_000, Duration::from_millis(10)),
            Self::Write => (500, Duration::from_millis(50)),
            Self::Credentials => (300, Duration::from_millis(500)),
            Self::Letter => (60, Duration::from_secs(5)),
        }
    }
}

/// Requests between two sweeps of addresses that have their whole allowance back.
const SWEEP_EVERY: u32 = 10_000;

/// The network that a request comes from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Network;

impl KeyExtractor for Network {
    type Key = IpAddr;

    fn extract<T>(&self, request: &Request<T>) -> Result<IpAddr, GovernorError> {
        request.extensions().get::<Client>().map(|client| client.network()).ok_or(GovernorError::UnableToExtractKey)
    }
}

type Governor = GovernorConfig<Network, governor::middleware::NoOpMiddleware>;

/// One limiter per class.
#[derive(Clone)]
pub struct Limits(Arc<Vec<(Rate, Arc<Governor>)>>);

impl Limits {
    /// Limiters that have seen nobody yet.
    pub fn seeing_nobody() -> Self {
        Self(Arc::new(
            Rate::LIMITED
                .into_iter()
                .filter_map(|rate| {
                    let (burst, period) = rate.allowance();
                    let governor = GovernorConfigBuilder::default()
                        .period(period)
                        .burst_size(burst)
                        .key_extractor(Network)
                        .finish()?;
                    Some((rate, Arc::new(governor)))
                })
                .collect(),
        ))
    }

    /// The layer that holds a route of this class to its allowance.
    pub fn layer(&self, rate: Rate) -> Option<GovernorLayer<Network, governor::middleware::NoOpMiddleware, Body>> {
        let (_, governor) = self.0.iter().find(|(it, _)| *it == rate)?;
        Some(GovernorLayer::new(Arc::clone(governor)).error_handler(refuse))
    }

    /// Forgets networks that have their whole allowance back, now and then, so that a crowd passing by is not
    /// remembered for ever.
    pub fn sweep(&self) {
        for (_, governor) in self.0.iter() {
            governor.limiter().retain_recent();
            governor.limiter().shrink_to_fit();
        }
    }
}

/// Counts requests towards the next sweep; `true` when it is due.
pub fn is_sweep_due(n_requests: &AtomicU32) -> bool {
    n_requests.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1
}

fn refuse(error: GovernorError) -> Response {
    let seconds = match error {
        GovernorError::TooManyRequests { wait_time, .. } => u32::try_from(wait_time).unwrap_or(u32::MAX).max(1),
        GovernorError::UnableToExtractKey | GovernorError::Other { .. } => 1,
    };
    let refusal = Error::too_many("too_many_requests", "That was a little too fast. Please wait a moment.", seconds);
    Refusal(refusal).into_response()
}
