//! Who is asking: the cookie or the token becomes a person, or the handler never runs. Also the check that an
//! unsafe request comes from our own pages.

use std::net::{IpAddr, Ipv6Addr};

use axum::extract::{FromRequestParts, OptionalFromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::address::Client;
use super::error::Refusal;
use super::layout::Viewer;
use super::route::Admitted;
use crate::accounts::tokens::{self, Bearer};
use crate::accounts::{self, Device, Login, LoginRules, Role, User};
use crate::app::App;
use crate::audit::Actor;
use crate::booking::Asker;
use crate::error::{Error, Result};

/// How a caller showed who they are.
#[derive(Clone, Debug)]
pub enum Via {
    /// By the cookie of a login.
    Login(Login),
    /// By an API token.
    Token(Bearer),
}

/// Somebody with an account in use, and how they came.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub user: User,
    /// By what.
    pub via: Via,
    /// From where.
    pub address: IpAddr,
}

impl Caller {
    /// The login, where it is one.
    ///
    /// # Errors
    /// `token_refused` for a program with a token.
    pub fn login(&self) -> Result<&Login> {
        match &self.via {
            Via::Login(login) => Ok(login),
            Via::Token(_) => Err(Error::forbidden("token_refused", "This cannot be done with an API token.")),
        }
    }

    /// The caller as office hours know them.
    pub fn asker(&self) -> Asker {
        Asker { user: self.user.id, is_staff: self.user.role.is_staff(), actor: self.actor() }
    }

    /// The caller as the audit log writes them down.
    pub fn actor(&self) -> Actor {
        Actor::user(self.user.id, self.address.to_string())
    }
}

/// Anybody who is signed in.
pub struct SignedIn(pub Caller);

/// A mentee, for what only mentees do.
pub struct Mentee(pub Caller);

/// A mentor, for what only mentors do.
pub struct Mentor(pub Caller);

/// A program manager or an admin.
pub struct Pm(pub Caller);

/// An admin.
pub struct Admin(pub Caller);

/// Whom the route's gate let in. A route that is not in the table has no gate, and nobody is signed in there.
fn admitted(parts: &Parts) -> Option<Caller> {
    parts.extensions.get::<Admitted>().and_then(|admitted| admitted.0.clone())
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refusal> {
        admitted(parts).map(Self).ok_or_else(|| Error::signed_out().into())
    }
}

impl OptionalFromRequestParts<App> for SignedIn {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Option<Self>, Refusal> {
        Ok(admitted(parts).map(Self))
    }
}

macro_rules! by_role {
    ($($name:ident: $allowed:pat),+ $(,)?) => {$(
        impl FromRequestParts<App> for $name {
            type Rejection = Refusal;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
                let SignedIn(caller) = <SignedIn as FromRequestParts<App>>::from_request_parts(parts, app).await?;
                match caller.user.role {
                    $allowed => Ok(Self(caller)),
                    _ => Err(Error::forbidden("forbidden", "Your account may not do this.").into()),
                }
            }
        }
    )+};
}

by_role! {
    Mentee: Role::Mentee,
    Mentor: Role::Mentor,
    Pm: Role::Pm | Role::Admin,
    Admin: Role::Admin,
}

/// How long sign-ins last here, and whether guessing is slowed down.
pub fn rules(app: &App) -> LoginRules {
    let accounts = &app.config.accounts;
    LoginRules {
        idle_days: accounts.login_idle_days,
        max_days: accounts.login_max_days,
        is_guarded: app.config.limits.enabled,
    }
}

/// Who is asking, if anybody: by token where one is sent, else by cookie.
///
/// # Errors
/// `signed_out` for a token that is not good: a program should hear of it, not be taken for a stranger.
pub async fn caller(app: &App, request: &Parts) -> Result<Option<Caller>> {
    let headers = &request.headers;
    let address = client(&request.extensions).0;
    if let Some(authorization) = headers.get(header::AUTHORIZATION) {
        let Some(text) = bearer(authorization) else { return Ok(None) };
        let bearer = tokens::bearer(&app.db, text).await?.ok_or_else(Error::signed_out)?;
        return Ok(Some(Caller { user: bearer.user.clone(), via: Via::Token(bearer), address }));
    }
    let Some(secret) = secret(app, headers) else { return Ok(None) };
    let login = accounts::signed_in(&app.db, rules(app), &secret).await?;
    Ok(login.map(|login| Caller { user: login.user.clone(), via: Via::Login(login), address }))
}

/// The token in an `Authorization` header, if it is one of ours.
fn bearer(authorization: &HeaderValue) -> Option<&str> {
    let (scheme, text) = authorization.to_str().ok()?.split_once(' ')?;
    let text = text.trim();
    (scheme.eq_ignore_ascii_case("bearer") && text.starts_with(tokens::PREFIX)).then_some(text)
}

/// Ends the login that a browser came with: it signs out, or gets a new one in its place.
///
/// # Errors
/// Internal, where the database cannot.
pub async fn end_former(app: &App, headers: &HeaderMap) -> Result<()> {
    match secret(app, headers) {
        Some(secret) => accounts::sign_out(&app.db, &secret).await,
        None => Ok(()),
    }
}

/// Where the request comes from, as worked out at the outermost layer.
pub fn client(extensions: &Extensions) -> Client {
    extensions.get::<Client>().copied().unwrap_or(Client(IpAddr::V6(Ipv6Addr::UNSPECIFIED)))
}

/// The person for the header of a page about an error; even a failing database must not matter there.
pub async fn viewer(app: &App, headers: &HeaderMap) -> Option<Viewer> {
    let secret = secret(app, headers)?;
    let login = accounts::signed_in(&app.db, rules(app), &secret).await.ok().flatten()?;
    Some(as_viewer(&login.user))
}

/// A signed-in person as the pages' frame shows them.
pub fn as_viewer(user: &User) -> Viewer {
    Viewer { name: user.name.clone(), role: user.role.name().to_owned() }
}

/// The cookie's name: over https one that no other host and no plain-text page can set.
fn cookie_name(app: &App) -> &'static str {
    if app.config.is_https() { "__Host-tandem_login" } else { "tandem_login" }
}

/// The login's secret in the request's cookies.
pub fn secret(app: &App, headers: &HeaderMap) -> Option<String> {
    cookie(headers, cookie_name(app))
}

/// The value of a cookie of ours.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    cookies.flat_map(|line| line.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name && !value.is_empty() && value.len() <= 128).then(|| value.to_owned())
    })
}

/// The header that hands a browser its login.
pub fn set_cookie(app: &App, secret: &str) -> String {
    let seconds = u64::from(app.config.accounts.login_max_days) * 86_400;
    let secure = if app.config.is_https() { "; Secure" } else { "" };
    format!("{}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", cookie_name(app))
}

/// The header that takes it away again.
pub fn clear_cookie(app: &App) -> String {
    let secure = if app.config.is_https() { "; Secure" } else { "" };
    format!("{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}", cookie_name(app))
}

/// The browser or program that asks, and from where.
pub struct Visitor(pub Device);

impl FromRequestParts<App> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refusal> {
        Ok(Self(device(&parts.headers, client(&parts.extensions))))
    }
}

fn device(headers: &HeaderMap, client: Client) -> Device {
    let agent = headers.get(header::USER_AGENT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    Device {
        agent: agent.chars().filter(|letter| !letter.is_control()).take(300).collect(),
        address: client.0.to_string(),
        network: client.network().to_string(),
    }
}

/// Refuses unsafe requests that another site's page could have made: a cookie goes with those too.
pub async fn same_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // What a signature opens needs no cookie, and so no page of another site could borrow one.
    let is_signed = request.uri().path().starts_with("/api/webhooks/");
    if is_safe || is_signed || is_ours(&app, request.headers(), request.uri().host()) {
        return next.run(request).await;
    }
    if is_from_program(&request) {
        return Refusal(Error::unsupported("Please send JSON, with Content-Type: application/json.")).into_response();
    }
    let refusal =
        Error::forbidden("cross_site", "This request did not come from Tandem's own pages, so nothing was done.");
    Refusal(refusal).into_response()
}

/// Whether it looks like a program that names the wrong type for its JSON. It is refused all the same, for an
/// old browser could be tricked into sending it, but with words that help.
fn is_from_program(request: &Request) -> bool {
    let headers = request.headers();
    let is_text = headers.get(header::CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(b"text/"));
    let is_of_browser = headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN);
    is_text && !is_of_browser && request.uri().path().starts_with("/api/")
}

fn is_ours(app: &App, headers: &HeaderMap, host: Option<&str>) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|it| it.to_str().ok());
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        let Some(origin) = origin.to_str().ok() else { return false };
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        let asked = text(header::HOST).or(host);
        return origin == app.config.public_url() || (authority.is_some() && authority == asked);
    }
    // Neither header: a program, no browser. A form is what a browser could be tricked into sending.
    let has_token = text(header::AUTHORIZATION).is_some_and(|it| it.starts_with("Bearer "));
    let is_json = text(header::CONTENT_TYPE).is_some_and(|it| it.to_ascii_lowercase().starts_with("application/json"));
    has_token || is_json
}
