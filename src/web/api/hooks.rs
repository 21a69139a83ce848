//! Programs that are told what happens, for admins: set up, changed, tested, and what became of each letter.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::operations::Problem;
use crate::app::App;
use crate::error::Result;
use crate::hooks::{self, Change, Hook, Letter};
use crate::ids::HookId;
use crate::web::error::Refusal;
use crate::web::extract::{Id, Json, Query, checked_cursor, checked_limit, page_of};
use crate::web::identity::{Admin, Caller};

/// Every hook.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HookList {
    items: Vec<Hook>,
    /// Always `null`: the list is whole.
    next_cursor: Option<String>,
}

/// What a new hook is to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHook {
    /// Where it is told: https, and public.
    url: String,
    /// What it hears of; empty for everything.
    #[serde(default)]
    #[schema(example = json!(["session.booked", "session.cancelled"]))]
    events: Vec<String>,
}

impl NewHook {
    /// A hook at this address for these events.
    pub const fn new(url: String, events: Vec<String>) -> Self {
        Self { url, events }
    }
}

/// A hook with a new secret, which is shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HookWithSecret {
    #[serde(flatten)]
    hook: Hook,
    /// Signs what it is told: the HMAC-SHA-256 of the body's bytes, as `x-tandem-signature` in small hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// Lists the hooks, the oldest first.
#[utoipa::path(get, path = "/api/admin/hooks", tag = "staff", responses(
    (status = 200, description = "All hooks, without their secrets", body = HookList),
    (status = 403, description = "Not an admin", body = Problem),
))]
pub async fn list(State(app): State<App>, _: Admin) -> Result<Json<HookList>, Refusal> {
    let items = app.db.read(hooks::hooks).await?;
    Ok(Json(HookList { items, next_cursor: None }))
}

/// Sets a hook up. Its secret is shown this once.
#[utoipa::path(post, path = "/api/admin/hooks", tag = "staff", request_body = NewHook, responses(
    (status = 201, description = "The hook with its secret", body = HookWithSecret),
    (status = 403, description = "Not an admin; `confirm_first`", body = Problem),
    (status = 409, description = "`hook_exists`, `too_many_hooks`", body = Problem),
    (status = 422, description = "A field is wrong", body = Problem),
))]
pub async fn create(
    State(app): State<App>,
    Admin(caller): Admin,
    Json(new): Json<NewHook>,
) -> Result<Response, Refusal> {
    let (hook, secret) = create_with(&app, &caller, new).await?;
    Ok((StatusCode::CREATED, Json(HookWithSecret { hook, secret: Some(secret) })).into_response())
}

/// The verb behind `create`.
pub async fn create_with(app: &App, caller: &Caller, new: NewHook) -> Result<(Hook, String)> {
    let (post, actor) = (app.hook_post.clone(), caller.actor());
    app.db.write(move |tx| hooks::add(tx, &post, &actor, &new.url, &new.events)).await
}

/// Changes a hook in part; with `renewSecret` the answer holds the new secret, this once.
#[utoipa::path(patch, path = "/api/admin/hooks/{id}", tag = "staff", request_body = Change,
    params(("id" = uuid::Uuid, Path, description = "The hook")), responses(
    (status = 200, description = "The hook as it is now", body = HookWithSecret),
    (status = 403, description = "Not an admin; `confirm_first`", body = Problem),
    (status = 404, description = "`hook_unknown`", body = Problem),
    (status = 409, description = "`hook_exists`", body = Problem),
    (status = 422, description = "A field is wrong", body = Problem),
))]
pub async fn change(
    State(app): State<App>,
    Admin(caller): Admin,
    Id(id): Id<HookId>,
    Json(change): Json<Change>,
) -> Result<Json<HookWithSecret>, Refusal> {
    let (hook, secret) = change_with(&app, &caller, id, change).await?;
    Ok(Json(HookWithSecret { hook, secret }))
}

/// The verb behind `change`.
pub async fn change_with(app: &App, caller: &Caller, id: HookId, change: Change) -> Result<(Hook, Option<String>)> {
    let (post, actor) = (app.hook_post.clone(), caller.actor());
    app.db.write(move |tx| hooks::change(tx, &post, &actor, id, &change)).await
}

/// Takes a hook away with all its letters.
#[utoipa::path(delete, path = "/api/admin/hooks/{id}", tag = "staff",
    params(("id" = uuid::Uuid, Path, description = "The hook")), responses(
    (status = 204, description = "Gone"),
    (status = 403, description = "Not an admin; `confirm_first`", body = Problem),
    (status = 404, description = "`hook_unknown`", body = Problem),
))]
pub async fn remove(State(app): State<App>, Admin(caller): Admin, Id(id): Id<HookId>) -> Result<StatusCode, Refusal> {
    let actor = caller.actor();
    app.db.write(move |tx| hooks::remove(tx, &actor, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Queues a letter of the type `ping`, for a hook that is switched off too. What comes of it stands in its letters.
#[utoipa::path(post, path = "/api/admin/hooks/{id}/test", tag = "staff",
    params(("id" = uuid::Uuid, Path, description = "The hook")), responses(
    (status = 202, description = "The letter, which is tried once", body = Letter),
    (status = 404, description = "`hook_unknown`", body = Problem),
))]
pub async fn test(State(app): State<App>, Admin(caller): Admin, Id(id): Id<HookId>) -> Result<Response, Refusal> {
    let actor = caller.actor();
    let letter = app.db.write(move |tx| hooks::test(tx, &actor, id)).await?;
    Ok((StatusCode::ACCEPTED, Json(letter)).into_response())
}

/// Which letters to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct HookLetterQuery {
    /// 1 to 200, 50 unless said otherwise.
    limit: Option<u32>,
    /// `nextCursor` of the list before.
    cursor: Option<String>,
}

/// A hook's letters, the newest event first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HookLetterList {
    items: Vec<Letter>,
    /// Asks for the letters before these; `null` at the end.
    next_cursor: Option<String>,
}

/// Lists what a hook was told, the newest event first.
#[utoipa::path(get, path = "/api/admin/hooks/{id}/letters", tag = "staff",
    params(("id" = uuid::Uuid, Path, description = "The hook"), HookLetterQuery), responses(
    (status = 200, description = "Its letters", body = HookLetterList),
    (status = 404, description = "`hook_unknown`", body = Problem),
    (status = 422, description = "A parameter is wrong", body = Problem),
))]
pub async fn letters(
    State(app): State<App>,
    _: Admin,
    Id(id): Id<HookId>,
    Query(query): Query<HookLetterQuery>,
) -> Result<Json<HookLetterList>, Refusal> {
    let limit = checked_limit(query.limit)?;
    let before = checked_cursor(query.cursor.as_deref())?;
    let (items, next_cursor) = letter_page(&app, id, before, limit).await?;
    Ok(Json(HookLetterList { items, next_cursor }))
}

/// One page of a hook's letters and the cursor of the next.
pub async fn letter_page(
    app: &App,
    id: HookId,
    before: Option<i64>,
    limit: u32,
) -> Result<(Vec<Letter>, Option<String>)> {
    let read = app.db.read(move |tx| hooks::letters(tx, id, before, limit + 1));
    let (items, has_more) = page_of(read.await?, limit);
    let next_cursor = items.last().filter(|_| has_more).map(|letter| letter.event_id.to_string());
    Ok((items, next_cursor))
}

/// Gives a letter that was given up on another round of tries.
#[utoipa::path(post, path = "/api/admin/hooks/letters/{id}/retry", tag = "staff",
    params(("id" = i64, Path, description = "The letter")), responses(
    (status = 204, description = "It is tried again"),
    (status = 404, description = "`letter_unknown`", body = Problem),
    (status = 409, description = "`not_dead`: it waits or was taken", body = Problem),
))]
pub async fn retry(State(app): State<App>, Admin(caller): Admin, Id(id): Id<i64>) -> Result<StatusCode, Refusal> {
    let actor = caller.actor();
    app.db.write(move |tx| hooks::retry(tx, &actor, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
