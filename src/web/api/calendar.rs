//! The personal calendar feed: made, renewed, ended, and read by whoever has its secret.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::booking::{Rules, feeds};
use crate::error::{Error, Result};
use crate::web::error::Refusal;
use crate::web::extract::Json;
use crate::web::identity::{Caller, SignedIn};

/// Where the feed is.
#[derive(Serialize, ToSchema)]
pub struct FeedJson {
    /// The secret address; it is shown this once.
    pub url: String,
}

/// Makes the feed's address, or a new one in place of the old: the verb that the JSON interface and the page share.
pub async fn renew_with(app: &App, caller: &Caller) -> Result<FeedJson> {
    let (actor, user) = (caller.actor(), caller.user.id);
    let secret = app.db.write(move |tx| feeds::renew(tx, &actor, user)).await?;
    Ok(FeedJson { url: format!("{}/cal/{secret}.ics", app.config.public_url()) })
}

/// Makes the feed's address, or a new one; the old one ends working.
#[utoipa::path(post, path = "/api/calendar/feed", tag = "sessions", responses(
    (status = 200, description = "The secret address, shown this once", body = FeedJson),
))]
pub async fn renew(State(app): State<App>, SignedIn(caller): SignedIn) -> Result<Json<FeedJson>, Refusal> {
    Ok(Json(renew_with(&app, &caller).await?))
}

/// Ends the feed.
#[utoipa::path(delete, path = "/api/calendar/feed", tag = "sessions", responses(
    (status = 204, description = "Ended"),
))]
pub async fn end(State(app): State<App>, SignedIn(caller): SignedIn) -> Result<StatusCode, Refusal> {
    let (actor, user) = (caller.actor(), caller.user.id);
    app.db.write(move |tx| feeds::end(tx, &actor, user)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /cal/{secret}.ics`: the feed behind a secret.
pub async fn show(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Refusal> {
    let unknown = || Error::not_found("feed_unknown", "There is no such calendar, or no longer.");
    let secret = name.strip_suffix(".ics").ok_or_else(unknown)?.to_owned();
    let rules = Rules::of(&app.config);
    let text = app.db.read(move |tx| feeds::feed(tx, &rules, &secret)).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (header::CACHE_CONTROL, "private, max-age=300"),
        (header::CONTENT_DISPOSITION, "inline; filename=\"tandem.ics\""),
    ];
    Ok((headers, text).into_response())
}
