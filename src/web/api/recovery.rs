//! Ways in without the old password, and to a new one, as JSON.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::auth::{CheckEmail, SignedInView, answer_with_login};
use super::operations::Problem;
use crate::accounts::{User, recovery, signup};
use crate::app::App;
use crate::audit::Actor;
use crate::error::Result;
use crate::mail::Letterhead;
use crate::mentors;
use crate::web::error::Refusal;
use crate::web::extract::Json;
use crate::web::identity::{self, SignedIn, Visitor};

/// An address.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    #[schema(example = "ada@example.org")]
    email: String,
}

/// The secret from a letter's link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkToken {
    token: String,
}

/// The secret from a letter's link, and the password to set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    token: String,
    /// 10 to 128 characters.
    password: String,
}

/// The password there is, and the one to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PasswordChange {
    current_password: String,
    /// 10 to 128 characters.
    password: String,
}

/// The account's password, typed once more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    password: String,
}

/// Asks for a link that signs in.
#[utoipa::path(post, path = "/api/auth/magic-link", tag = "accounts", request_body = Address, responses(
    (status = 202, description = "Always: a letter comes if the address has an account", body = CheckEmail),
))]
pub async fn magic_link(State(app): State<App>, Json(ask): Json<Address>) -> Result<Response, Refusal> {
    let head = Letterhead::of(&app.config);
    app.db.write(move |tx| recovery::ask_sign_in(tx, &head, &ask.email)).await?;
    Ok(CheckEmail::answer())
}

/// Signs in with the secret of such a link.
#[utoipa::path(post, path = "/api/auth/magic-link/redeem", tag = "accounts", request_body = LinkToken, responses(
    (status = 200, description = "Signed in", body = SignedInView),
    (status = 422, description = "`link_dead`", body = Problem),
))]
pub async fn redeem(
    State(app): State<App>,
    Visitor(device): Visitor,
    headers: HeaderMap,
    Json(link): Json<LinkToken>,
) -> Result<Response, Refusal> {
    let rules = identity::rules(&app);
    let (login, secret) = app.db.write(move |tx| recovery::sign_in(tx, rules, &link.token, &device)).await?;
    identity::end_former(&app, &headers).await?;
    Ok(answer_with_login(&app, StatusCode::OK, &login, &secret))
}

/// Asks for a link to a new password.
#[utoipa::path(post, path = "/api/auth/password/forgot", tag = "accounts", request_body = Address, responses(
    (status = 202, description = "Always: a letter comes if the address has an account", body = CheckEmail),
))]
pub async fn forgot(State(app): State<App>, Json(ask): Json<Address>) -> Result<Response, Refusal> {
    let head = Letterhead::of(&app.config);
    app.db.write(move |tx| recovery::ask_reset(tx, &head, &ask.email)).await?;
    Ok(CheckEmail::answer())
}

/// Sets a new password by a link, and ends every login.
#[utoipa::path(post, path = "/api/auth/password/reset", tag = "accounts", request_body = NewPassword, responses(
    (status = 204, description = "The password is new"),
    (status = 422, description = "`link_dead`, or the password is refused", body = Problem),
))]
pub async fn reset(
    State(app): State<App>,
    Visitor(device): Visitor,
    Json(new): Json<NewPassword>,
) -> Result<StatusCode, Refusal> {
    let head = Letterhead::of(&app.config);
    recovery::reset(&app.db, &app.passwords, head, new.token, new.password, device.address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Turns a sign-up into an account: the verb that the JSON interface and the page share.
pub async fn verify_with(app: &App, token: String, address: String) -> Result<User> {
    app.db
        .write(move |tx| {
            let user = signup::confirm(tx, &token, &address)?;
            mentors::settle_in(tx, &Actor::user(user.id, address.clone()), &user)?;
            Ok(user)
        })
        .await
}

/// Confirms the address of a sign-up.
#[utoipa::path(post, path = "/api/auth/verify-email", tag = "accounts", request_body = LinkToken, responses(
    (status = 204, description = "The account is there"),
    (status = 422, description = "`link_dead`", body = Problem),
))]
pub async fn verify_email(
    State(app): State<App>,
    Visitor(device): Visitor,
    Json(link): Json<LinkToken>,
) -> Result<StatusCode, Refusal> {
    verify_with(&app, link.token, device.address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes the password of whoever is signed in, and ends every other login.
#[utoipa::path(post, path = "/api/auth/password/change", tag = "accounts", request_body = PasswordChange, responses(
    (status = 204, description = "The password is new"),
    (status = 422, description = "A field is wrong", body = Problem),
))]
pub async fn change_password(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Json(change): Json<PasswordChange>,
) -> Result<StatusCode, Refusal> {
    let head = Letterhead::of(&app.config);
    let PasswordChange { current_password, password } = change;
    let (login, address) = (caller.login()?, caller.address.to_string());
    recovery::change_password(&app.db, &app.passwords, head, login, current_password, password, address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Proves once more who is signed in, for what is dangerous: good for half an hour.
#[utoipa::path(post, path = "/api/auth/confirm", tag = "accounts", request_body = Proof, responses(
    (status = 204, description = "Proven"),
    (status = 422, description = "That is not the password", body = Problem),
))]
pub async fn confirm(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Json(proof): Json<Proof>,
) -> Result<StatusCode, Refusal> {
    recovery::confirm(&app.db, &app.passwords, caller.login()?, proof.password).await?;
    Ok(StatusCode::NO_CONTENT)
}
