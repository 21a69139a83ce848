//! The outbox for staff: what was sent, what waits, what was given up on and why.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::accounts::Role;
use crate::app::App;
use crate::error::{Error, Result};
use crate::mail::{self, Filter, Posted, Words};
use crate::web::error::Refusal;
use crate::web::extract::{Id, Json, Query, checked_cursor, checked_limit, page_of};
use crate::web::identity::{Caller, Pm};

/// What the list may be narrowed by.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct OutboxQuery {
    /// `queued`, `sent` or `dead`.
    state: Option<String>,
    /// What the letters are for: `verify_email`.
    kind: Option<String>,
    /// 1 to 200, 50 unless said otherwise.
    limit: Option<u32>,
    /// `nextCursor` of the list before.
    cursor: Option<String>,
}

/// Letters, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LetterList {
    items: Vec<Posted>,
    /// Asks for the letters before these; `null` at the end.
    next_cursor: Option<String>,
}

/// One letter with its words.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LetterText {
    #[serde(flatten)]
    letter: Posted,
    /// The recipient's name.
    recipient_name: String,
    /// Plain text; `null` where it was wiped, or holds a secret that only admins may see.
    text: Option<String>,
    /// HTML; `null` likewise.
    html: Option<String>,
}

/// Lists letters, newest first.
#[utoipa::path(get, path = "/api/admin/outbox", tag = "staff", params(OutboxQuery), responses(
    (status = 200, description = "Letters", body = LetterList),
    (status = 403, description = "Neither pm nor admin", body = super::operations::Problem),
    (status = 422, description = "A parameter is wrong", body = super::operations::Problem),
))]
pub async fn list(
    State(app): State<App>,
    _: Pm,
    Query(query): Query<OutboxQuery>,
) -> Result<Json<LetterList>, Refusal> {
    let limit = checked_limit(query.limit)?;
    let before_id = checked_cursor(query.cursor.as_deref())?;
    let filter = Filter { state: query.state.as_deref().map(read_state).transpose()?, kind: query.kind };
    let (items, next_cursor) = page(&app, filter, before_id, limit).await?;
    Ok(Json(LetterList { items, next_cursor }))
}

/// One page of letters and the cursor of the next.
pub async fn page(
    app: &App,
    filter: Filter,
    before_id: Option<i64>,
    limit: u32,
) -> Result<(Vec<Posted>, Option<String>)> {
    let (items, has_more) =
        page_of(app.db.read(move |tx| mail::outbox(tx, &filter, before_id, limit + 1)).await?, limit);
    let next_cursor = items.last().filter(|_| has_more).map(|letter| letter.id.to_string());
    Ok((items, next_cursor))
}

fn read_state(state: &str) -> Result<mail::State> {
    mail::State::from_name(state).ok_or_else(|| Error::field("state", "must be queued, sent or dead"))
}

/// One letter with its words; those with a secret link only for admins.
#[utoipa::path(get, path = "/api/admin/outbox/{id}", tag = "staff",
    params(("id" = i64, Path, description = "The letter")), responses(
    (status = 200, description = "The letter", body = LetterText),
    (status = 404, description = "Unknown", body = super::operations::Problem),
))]
pub async fn show(State(app): State<App>, Pm(caller): Pm, Id(id): Id<i64>) -> Result<Json<LetterText>, Refusal> {
    let (letter, Words { to_name, text, html, .. }) = read(&app, &caller, id).await?;
    Ok(Json(LetterText { letter, recipient_name: to_name, text, html }))
}

/// A letter as this caller may see it: a link that lets its reader in is no program manager's business, and no token's.
pub async fn read(app: &App, caller: &Caller, id: i64) -> Result<(Posted, Words)> {
    let found = app.db.read(move |tx| mail::letter(tx, id)).await?;
    let (letter, mut words) = found.ok_or_else(|| Error::not_found("letter_unknown", "There is no such letter."))?;
    if letter.is_secret && (caller.user.role != Role::Admin || caller.login().is_err()) {
        (words.text, words.html) = (None, None);
    }
    Ok((letter, words))
}

/// Gives a letter that was given up on another round of tries.
#[utoipa::path(post, path = "/api/admin/outbox/{id}/retry", tag = "staff",
    params(("id" = i64, Path, description = "The letter")), responses(
    (status = 204, description = "It is tried again"),
    (status = 404, description = "Unknown", body = super::operations::Problem),
    (status = 409, description = "`not_dead`: it waits or was sent", body = super::operations::Problem),
))]
pub async fn retry(State(app): State<App>, Pm(caller): Pm, Id(id): Id<i64>) -> Result<StatusCode, Refusal> {
    let actor = caller.actor();
    app.db.write(move |tx| mail::retry(tx, &actor, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
