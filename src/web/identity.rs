//! Who is asking: the cookie becomes a person, or the handler never runs. Also the check that an
//! unsafe request comes from our own pages.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, OptionalFromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::Refusal;
use super::layout::Viewer;
use crate::accounts::{self, Device, Login, LoginRules, Role};
use crate::app::App;
use crate::error::{Error, Result};

/// Anybody who is signed in.
pub struct SignedIn(pub Login);

/// A mentee, for what only mentees do.
pub struct Mentee(pub Login);

/// A mentor, for what only mentors do.
pub struct Mentor(pub Login);

/// A program manager or an admin.
pub struct Pm(pub Login);

/// An admin.
pub struct Admin(pub Login);

impl FromRequestParts<App> for SignedIn {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let login = login(app, &parts.headers).await?;
        login.map(Self).ok_or_else(|| Error::signed_out().into())
    }
}

impl OptionalFromRequestParts<App> for SignedIn {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Refusal> {
        Ok(login(app, &parts.headers).await?.map(Self))
    }
}

macro_rules! by_role {
    ($($name:ident: $allowed:pat),+ $(,)?) => {$(
        impl FromRequestParts<App> for $name {
            type Rejection = Refusal;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
                let SignedIn(login) = <SignedIn as FromRequestParts<App>>::from_request_parts(parts, app).await?;
                match login.user.role {
                    $allowed => Ok(Self(login)),
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

/// How long sign-ins last here.
pub fn rules(app: &App) -> LoginRules {
    LoginRules { idle_days: app.config.accounts.login_idle_days, max_days: app.config.accounts.login_max_days }
}

/// Who the cookie says is asking.
async fn login(app: &App, headers: &HeaderMap) -> Result<Option<Login>> {
    match secret(app, headers) {
        Some(secret) => accounts::signed_in(&app.db, rules(app), &secret).await,
        None => Ok(None),
    }
}

/// The person for a page's header; on a page about an error even a failing database must not matter.
pub async fn viewer(app: &App, headers: &HeaderMap) -> Option<Viewer> {
    login(app, headers).await.ok().flatten().map(|login| as_viewer(&login))
}

/// A signed-in person as the pages' frame shows them.
pub fn as_viewer(login: &Login) -> Viewer {
    Viewer { name: login.user.name.clone(), role: login.user.role.name().to_owned() }
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

/// Where a sign-in comes from.
pub fn device(headers: &HeaderMap, address: Option<IpAddr>) -> Device {
    let agent = headers.get(header::USER_AGENT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    Device {
        agent: agent.chars().filter(|letter| !letter.is_control()).take(300).collect(),
        address: address.map_or_else(String::new, |address| address.to_string()),
    }
}

/// Refuses unsafe requests that another site's page could have made: a cookie goes with those too.
pub async fn same_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if is_safe || is_ours(&app, request.headers(), request.uri().host()) {
        return next.run(request).await;
    }
    let refusal =
        Error::forbidden("cross_site", "This request did not come from Tandem's own pages, so nothing was done.");
    Refusal(refusal).into_response()
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
