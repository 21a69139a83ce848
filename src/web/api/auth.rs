//! Signing up, in and out as JSON.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::signup::{self, SignUp};
use crate::accounts::{self, Device, Login, Role, User, logins};
use crate::app::App;
use crate::audit::Actor;
use crate::clock::Moment;
use crate::config::Signup;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::mail::Letterhead;
use crate::mentors;
use crate::web::error::Refusal;
use crate::web::extract::Json;
use crate::web::identity::{self, SignedIn, Via, Visitor};

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

/// What makes an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// The address; a letter may have to prove it.
    #[schema(example = "ada@example.org")]
    pub email: String,
    /// 10 to 128 characters.
    pub password: String,
    /// What others call them.
    pub name: String,
    /// `mentee` or `mentor`.
    #[schema(value_type = String, example = "mentee")]
    pub role: Role,
    /// IANA zone, `UTC` unless said.
    pub timezone: Option<String>,
}

/// What became of a sign-up.
pub enum SignedUp {
    /// The account is there, and its owner signed in: with this secret for the cookie.
    Open(Login, String),
    /// A letter is on its way.
    CheckEmail,
}

/// Signs somebody up: the verb that the JSON interface and the page share.
pub async fn sign_up_with(app: &App, new: NewAccount, device: Device) -> Result<SignedUp> {
    if app.config.accounts.signup == Signup::Invite {
        return Err(Error::forbidden("invite_only", "Accounts are by invitation here: please ask whoever runs this."));
    }
    let zone = new.timezone.unwrap_or_else(|| "UTC".to_owned());
    // What is wrong is said before a hash is paid for.
    SignUp::check(&new.email, &new.name, new.role, &zone, String::new())?;
    let hash = app.passwords.hash_for(new.password, &[&new.email, &new.name]).await?;
    let new = SignUp::check(&new.email, &new.name, new.role, &zone, hash)?;
    if app.config.must_verify() {
        let head = Letterhead::of(&app.config);
        app.db.write(move |tx| signup::ask(tx, &head, &new)).await?;
        return Ok(SignedUp::CheckEmail);
    }
    let rules = identity::rules(app);
    let opened = app.db.write(move |tx| {
        let user = signup::open(tx, &new, &device.address)?;
        mentors::settle_in(tx, &Actor::user(user.id, device.address.clone()), &user)?;
        logins::open(tx, rules, user, &device)
    });
    let (login, secret) = opened.await?;
    Ok(SignedUp::Open(login, secret))
}

/// Nothing more to say than that a letter may come.
#[derive(Serialize, ToSchema)]
pub struct CheckEmail {
    /// `check_email`
    pub status: &'static str,
}

impl CheckEmail {
    /// 202, whoever asks for whatever address.
    pub fn answer() -> Response {
        (StatusCode::ACCEPTED, Json(Self { status: "check_email" })).into_response()
    }
}

/// Answers with the login that was opened, and its cookie.
pub fn answer_with_login(app: &App, status: StatusCode, login: &Login, secret: &str) -> Response {
    let view = SignedInView { user: (&login.user).into() };
    (status, [(header::SET_COOKIE, identity::set_cookie(app, secret))], Json(view)).into_response()
}

/// Makes an account of one's own.
#[utoipa::path(post, path = "/api/auth/signup", tag = "accounts", request_body = NewAccount, responses(
    (status = 201, description = "The account is there and signed in (where addresses need no confirming)", body = SignedInView),
    (status = 202, description = "`check_email`, whether or not the address was known", body = CheckEmail),
    (status = 403, description = "`invite_only`", body = super::operations::Problem),
    (status = 409, description = "`email_taken` (where addresses need no confirming)", body = super::operations::Problem),
    (status = 422, description = "A field is wrong", body = super::operations::Problem),
))]
pub async fn sign_up(
    State(app): State<App>,
    Visitor(device): Visitor,
    Json(new): Json<NewAccount>,
) -> Result<Response, Refusal> {
    Ok(match sign_up_with(&app, new, device).await? {
        SignedUp::Open(login, secret) => answer_with_login(&app, StatusCode::CREATED, &login, &secret),
        SignedUp::CheckEmail => CheckEmail::answer(),
    })
}

/// Signs in with address and password; the answer sets the login cookie.
#[utoipa::path(post, path = "/api/auth/signin", tag = "accounts", request_body = Credentials, responses(
    (status = 200, description = "Signed in", body = SignedInView),
    (status = 401, description = "`bad_credentials`, alike for an unknown address", body = super::operations::Problem),
    (status = 429, description = "`too_many_failures`", body = super::operations::Problem),
))]
pub async fn sign_in(
    State(app): State<App>,
    Visitor(device): Visitor,
    headers: HeaderMap,
    Json(credentials): Json<Credentials>,
) -> Result<Response, Refusal> {
    let rules = identity::rules(&app);
    let Credentials { email, password } = credentials;
    let (login, secret) = accounts::sign_in(&app.db, &app.passwords, rules, &email, password, device).await?;
    identity::end_former(&app, &headers).await?;
    Ok(answer_with_login(&app, StatusCode::OK, &login, &secret))
}

/// Ends this sign-in. Doing so twice is no error.
#[utoipa::path(post, path = "/api/auth/signout", tag = "accounts", responses((status = 204, description = "Signed out")))]
pub async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Result<Response, Refusal> {
    identity::end_former(&app, &headers).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, identity::clear_cookie(&app))]).into_response())
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/auth/session", tag = "accounts", responses(
    (status = 200, description = "The person, or `{}` when signed out", body = SessionView),
))]
pub async fn session(caller: Option<SignedIn>) -> Json<SessionView> {
    let caller = caller.map(|SignedIn(caller)| caller);
    let expires = caller.as_ref().and_then(|caller| match &caller.via {
        Via::Login(login) => Some(login.expires_at),
        Via::Token(_) => None,
    });
    Json(SessionView { user: caller.as_ref().map(|caller| (&caller.user).into()), expires })
}
