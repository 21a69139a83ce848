//! One's own sign-ins and API tokens as JSON.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::operations::Problem;
use crate::accounts::logins::{self, OwnLogin};
use crate::accounts::tokens::{self, Scope, Token};
use crate::app::App;
use crate::clock::Moment;
use crate::ids::{LoginId, TokenId};
use crate::web::error::Refusal;
use crate::web::extract::{Id, Json};
use crate::web::identity::{self, SignedIn, Via};

/// One of one's own sign-ins.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginView {
    #[serde(flatten)]
    #[schema(value_type = Object)]
    login: OwnLogin,
    /// Whether it is the one that asks.
    is_current: bool,
}

/// One's own sign-ins.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginList {
    items: Vec<LoginView>,
    /// Always `null`: the list is whole.
    next_cursor: Option<String>,
}

/// Lists one's own sign-ins, the last used first.
#[utoipa::path(get, path = "/api/auth/logins", tag = "accounts", responses(
    (status = 200, description = "Those that still work", body = LoginList),
))]
pub async fn list(State(app): State<App>, SignedIn(caller): SignedIn) -> Result<Json<LoginList>, Refusal> {
    let (rules, user) = (identity::rules(&app), caller.user.id);
    let found = app.db.read(move |tx| logins::own(tx, rules, user)).await?;
    let current = match &caller.via {
        Via::Login(login) => Some(login.id),
        Via::Token(_) => None,
    };
    let items = found.into_iter().map(|login| LoginView { is_current: current == Some(login.id), login }).collect();
    Ok(Json(LoginList { items, next_cursor: None }))
}

/// Ends one of one's own sign-ins.
#[utoipa::path(delete, path = "/api/auth/logins/{id}", tag = "accounts",
    params(("id" = uuid::Uuid, Path, description = "The sign-in")), responses(
    (status = 204, description = "Ended"),
    (status = 404, description = "`login_unknown`", body = Problem),
))]
pub async fn end(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<LoginId>,
) -> Result<StatusCode, Refusal> {
    let user = caller.user.id;
    app.db.write(move |tx| logins::end(tx, user, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a new token is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewToken {
    /// What its owner calls it.
    name: String,
    /// What it may do.
    #[schema(value_type = Vec<String>, example = json!(["match:read"]))]
    scopes: Vec<Scope>,
    /// When it ends by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Moment>,
}

/// A new token with its text, which is shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenWithText {
    #[serde(flatten)]
    #[schema(value_type = Object)]
    listed: Token,
    /// What to send as `Authorization: Bearer …`.
    token: String,
}

/// One's own API tokens.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenList {
    #[schema(value_type = Vec<Object>)]
    items: Vec<Token>,
    /// Always `null`: the list is whole.
    next_cursor: Option<String>,
}

/// Lists one's own API tokens, newest first.
#[utoipa::path(get, path = "/api/tokens", tag = "accounts", responses(
    (status = 200, description = "Those that still work, without their texts", body = TokenList),
))]
pub async fn list_tokens(State(app): State<App>, SignedIn(caller): SignedIn) -> Result<Json<TokenList>, Refusal> {
    let user = caller.user.id;
    let items = app.db.read(move |tx| tokens::tokens(tx, user)).await?;
    Ok(Json(TokenList { items, next_cursor: None }))
}

/// Makes an API token. Its text is shown this once.
#[utoipa::path(post, path = "/api/tokens", tag = "accounts", request_body = NewToken, responses(
    (status = 201, description = "The token with its text", body = TokenWithText),
    (status = 403, description = "`confirm_first`: type your password once more (`POST /api/auth/confirm`)", body = Problem),
    (status = 422, description = "A field is wrong", body = Problem),
))]
pub async fn create_token(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Json(new): Json<NewToken>,
) -> Result<Response, Refusal> {
    let (actor, user) = (caller.actor(), caller.user.id);
    let made = app.db.write(move |tx| tokens::create(tx, &actor, user, &new.name, &new.scopes, new.expires_at));
    let (listed, token) = made.await?;
    Ok((StatusCode::CREATED, Json(TokenWithText { listed, token })).into_response())
}

/// Ends an API token.
#[utoipa::path(delete, path = "/api/tokens/{id}", tag = "accounts",
    params(("id" = uuid::Uuid, Path, description = "The token")), responses(
    (status = 204, description = "Ended"),
    (status = 404, description = "`token_unknown`", body = Problem),
))]
pub async fn revoke_token(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<TokenId>,
) -> Result<StatusCode, Refusal> {
    let (actor, user) = (caller.actor(), caller.user.id);
    app.db.write(move |tx| tokens::revoke(tx, &actor, user, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
