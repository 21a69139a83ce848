//! How many requests are worked on at once. Whoever would have to wait longer than people like to is told to come back
//! instead: those who are let in are answered as quickly as ever, however many knock.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::error::Refusal;
use super::extract;
use super::limits::Rate;
use crate::error::Error;

/// Requests of a kind that are worked on at once. All of them wait for the same few cores or for the one writer, which
/// takes some milliseconds for each.
const AT_ONCE: usize = 128;

/// How long a request may wait for its turn.
const PATIENCE: Duration = Duration::from_millis(500);

/// The turns there are: those who change something do not wait behind those who look.
#[derive(Clone)]
pub struct Crowd {
    lookers: Arc<Semaphore>,
    changers: Arc<Semaphore>,
}

impl Crowd {
    /// Nobody is there yet.
    pub fn empty() -> Self {
        Self::of(AT_ONCE)
    }

    fn of(at_once: usize) -> Self {
        Self { lookers: Arc::new(Semaphore::new(at_once)), changers: Arc::new(Semaphore::new(at_once)) }
    }

    /// The turns of a class of routes; none for what watches over Tandem, which must be answered just then.
    pub(super) fn turns(&self, rate: Rate) -> Option<Turns> {
        match rate {
            Rate::Free => None,
            Rate::Read => Some(Turns(Arc::clone(&self.lookers))),
            Rate::Write | Rate::Credentials | Rate::Letter => Some(Turns(Arc::clone(&self.changers))),
        }
    }
}

/// Turns that requests wait for.
#[derive(Clone)]
pub(super) struct Turns(Arc<Semaphore>);

/// Waits for a turn, for not too long. The body is read before, so that nobody has a turn while they still send.
pub(super) async fn wait(State(Turns(turns)): State<Turns>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = match extract::body(Request::from_parts(parts.clone(), body), &()).await {
        Ok(bytes) => Body::from(bytes),
        Err(refusal) => return refusal.into_response(),
    };
    if let Ok(Ok(_turn)) = tokio::time::timeout(PATIENCE, turns.acquire()).await {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let refusal = Error::busy("busy", "Very many are asking just now. Please try again in a moment.");
    Refusal(refusal).into_response()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use tower::ServiceExt;

    use super::*;

    fn request(body: Body) -> Request {
        Request::post("/").body(body).expect("a request")
    }

    #[tokio::test]
    async fn whoever_would_wait_too_long_is_told_to_come_back() {
        let crowd = Crowd::of(1);
        let turns = crowd.turns(Rate::Write).expect("there are turns");
        let held = Arc::clone(&turns.0);
        let router =
            Router::new().route("/", post(|body: String| async { body })).layer(from_fn_with_state(turns, wait));
        let taken = held.acquire().await.expect("free");
        let refused = router.clone().oneshot(request(Body::from("x"))).await.expect("answered");
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(taken);
        let served = router.clone().oneshot(request(Body::from("x"))).await.expect("answered");
        let body = axum::body::to_bytes(served.into_body(), 10).await.expect("read");
        assert_eq!(body, "x", "its body is still there");
        assert!(crowd.turns(Rate::Free).is_none());
        assert_eq!(crowd.lookers.available_permits(), 1, "lookers wait for others");
    }
}
