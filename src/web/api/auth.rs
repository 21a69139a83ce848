//! Signing in and out as JSON.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::{self, Role, User};
use crate::app::App;
use crate::clock::Moment;
use crate::ids::UserId;
use crate::web::error::Refusal;
use crate::web::extract::Json;
use crate::web::identity::{self, SignedIn};

/// Address and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    #[schema(example = "ada@example.org")]
    email: String,
    password: String,
}

/// A person as their own programs see them.
#[derive(Serialize, ToSchema)]
pub struct UserView {
    #[schema(value_type = uuid::Uuid)]
    id: UserId,
    name: String,
    email: String,
    image: Option<String>,
    #[schema(value_type = String, example = "mentee")]
    role: Role,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            name: user.name.clone(),
            email: user.email.clone(),
            image: user.image.clone(),
            role: user.role,
        }
    }
}

/// Who has signed in.
#[derive(Serialize, ToSchema)]
pub struct SignedInView {
    user: UserView,
}

/// Who is signed in and until when; empty when nobody is.
#[derive(Serialize, ToSchema)]
pub struct SessionView {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires: Option<Moment>,
}

/// Signs in with address and password; the answer sets the login cookie.
#[utoipa::path(post, path = "/api/auth/signin", tag = "accounts", request_body = Credentials, responses(
    (status = 200, description = "Signed in", body = SignedInView),
    (status = 401, description = "`bad_credentials`, alike for an unknown address", body = super::operations::Problem),
))]
pub async fn sign_in(
    State(app): State<App>,
    address: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Json(credentials): Json<Credentials>,
) -> Result<Response, Refusal> {
    let device = identity::device(&headers, address.map(|address| address.0.0.ip()));
    let rules = identity::rules(&app);
    let Credentials { email, password } = credentials;
    let (login, secret) = accounts::sign_in(&app.db, &app.passwords, rules, &email, password, device).await?;
    let view = SignedInView { user: (&login.user).into() };
    Ok(([(header::SET_COOKIE, identity::set_cookie(&app, &secret))], Json(view)).into_response())
}

/// Ends this sign-in. Doing so twice is no error.
#[utoipa::path(post, path = "/api/auth/signout", tag = "accounts", responses((status = 204, description = "Signed out")))]
pub async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Result<Response, Refusal> {
    if let Some(secret) = identity::secret(&app, &headers) {
        accounts::sign_out(&app.db, &secret).await?;
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, identity::clear_cookie(&app))]).into_response())
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/auth/session", tag = "accounts", responses(
    (status = 200, description = "The person, or `{}` when signed out", body = SessionView),
))]
pub async fn session(login: Option<SignedIn>) -> Json<SessionView> {
    let login = login.map(|SignedIn(login)| login);
    let expires = login.as_ref().map(|login| login.expires_at);
    Json(SessionView { user: login.as_ref().map(|login| (&login.user).into()), expires })
}
