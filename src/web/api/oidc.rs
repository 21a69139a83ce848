//! Signing in with another provider: to it, back from it, and the accounts linked that way.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::oidc::{self, Answer, Begun, Visitor};
use crate::app::App;
use crate::clock::Moment;
use crate::config::Signup;
use crate::error::{Error, Kind, OrInternal};
use crate::ids::LinkId;
use crate::web::assets::HASH;
use crate::web::error::{Refusal, told};
use crate::web::extract::{Form, Id, Json, Query};
use crate::web::identity::{self, SignedIn};
use crate::web::layout::Frame;
use crate::web::next::local_path;
use crate::web::pages::{onward, show};

/// Where the cookie of a sign-in under way is sent, and nowhere else.
const COOKIE_PATH: &str = "/auth/oidc";

/// How long that cookie lives, in seconds: as long as the sign-in may be under way.
const COOKIE_SECONDS: u32 = 600;

/// A place that people may sign in with.
#[derive(Serialize, ToSchema)]
pub struct ProviderView {
    #[schema(example = "google")]
    id: String,
    #[schema(example = "Google")]
    name: String,
}

/// The providers that people may sign in with; a sign-in begins at `/auth/oidc/{id}?next=`.
#[utoipa::path(get, path = "/api/auth/providers", tag = "accounts", responses(
    (status = 200, description = "Those configured, perhaps none", body = [ProviderView]),
))]
pub async fn providers(State(app): State<App>) -> Json<Vec<ProviderView>> {
    let view = |(id, name): (&str, &str)| ProviderView { id: id.to_owned(), name: name.to_owned() };
    Json(app.providers.names().map(view).collect())
}

/// An account at a provider, linked to one's own.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkView {
    #[schema(value_type = uuid::Uuid)]
    id: LinkId,
    provider: String,
    /// The provider's name; its id where it is no longer configured.
    name: String,
    email: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
}

/// One's own linked accounts, oldest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinksView {
    items: Vec<LinkView>,
    /// Always empty: there are never more.
    next_cursor: Option<String>,
}

/// The accounts at providers that are linked to one's own.
#[utoipa::path(get, path = "/api/auth/links", tag = "accounts", responses(
    (status = 200, description = "All of them", body = LinksView),
    (status = 401, description = "`signed_out`", body = super::operations::Problem),
))]
pub async fn links(State(app): State<App>, SignedIn(caller): SignedIn) -> Result<Json<LinksView>, Refusal> {
    let links = app.db.read(move |tx| oidc::links(tx, caller.user.id)).await?;
    let name = |id: &str| app.providers.names().find(|it| it.0 == id).map_or(id, |it| it.1).to_owned();
    let items = links.into_iter().map(|link| LinkView {
        id: link.id,
        name: name(&link.provider),
        provider: link.provider,
        email: link.email,
        created_at: link.created_at,
    });
    Ok(Json(LinksView { items: items.collect(), next_cursor: None }))
}

/// Removes a link; the last way into an account stays.
#[utoipa::path(delete, path = "/api/auth/links/{id}", tag = "accounts",
    params(("id" = uuid::Uuid, Path, description = "The link")),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "`link_unknown`", body = super::operations::Problem),
        (status = 409, description = "`last_way_in`", body = super::operations::Problem),
    ),
)]
pub async fn unlink(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<LinkId>,
) -> Result<StatusCode, Refusal> {
    let (actor, user) = (caller.actor(), caller.user.id);
    app.db.write(move |tx| oidc::unlink(tx, &actor, user, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a sign-in may begin with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Going {
    next: String,
}

/// `GET /auth/oidc/{provider}`
pub async fn begin(
    State(app): State<App>,
    Path(provider): Path<String>,
    Query(going): Query<Going>,
) -> Result<Response, Refusal> {
    let next = local_path(&going.next);
    match app.providers.begin(&app.db, &provider, next.clone(), None).await {
        Ok(Begun { address, browser }) => {
            Ok(([(header::SET_COOKIE, set_cookie(&app, &browser))], Redirect::to(&address)).into_response())
        }
        Err(error) => on_signin_page(&app, error, next),
    }
}

/// `POST /auth/oidc/{provider}/link`: only our own pages can send it, so that nobody is made to
/// link an account that is somebody else's.
pub async fn link(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(provider): Path<String>,
    Form(going): Form<Going>,
) -> Result<Response, Refusal> {
    let next = local_path(&going.next);
    let Begun { address, browser } = app.providers.begin(&app.db, &provider, next, Some(caller.user.id)).await?;
    let name = app.providers.names().find(|it| it.0 == provider).map_or("", |it| it.1).to_owned();
    let viewer = identity::as_viewer(&caller.user);
    let title = format!("On to {name}");
    let frame = Frame {
        title: &title,
        path: "/profile",
        viewer: Some(&viewer),
        program: &app.config.program.name,
        assets: HASH,
    };
    let refresh = HeaderValue::try_from(format!("0; url={address}")).or_internal("writing a provider's address")?;
    let page = Html(onward::render(&frame, &onward::OnwardView { name, address }).into_string());
    let mut response = ([(header::SET_COOKIE, set_cookie(&app, &browser))], page).into_response();
    response.headers_mut().insert(header::REFRESH, refresh);
    Ok(response)
}

/// What a provider sends a browser back with; some add more.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Back {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// `GET /auth/oidc/{provider}/callback`
pub async fn callback(
    State(app): State<App>,
    login: Option<SignedIn>,
    Path(provider): Path<String>,
    identity::Visitor(device): identity::Visitor,
    headers: HeaderMap,
    Query(back): Query<Back>,
) -> Result<Response, Refusal> {
    let Back { state, code, error, iss: issuer } = back;
    let browser = identity::cookie(&headers, cookie_name(&app));
    let visitor = Visitor {
        device,
        signed_in: login.as_ref().map(|SignedIn(caller)| caller.user.id),
        rules: identity::rules(&app),
        is_signup_open: app.config.accounts.signup == Signup::Open,
    };
    let answer = Answer { provider, state, code, error, issuer, browser };
    let done = match app.providers.finish(&app.db, answer, visitor).await {
        Ok(done) => done,
        // Who is signed in stays so, and reads why on a page of theirs.
        Err(error) if login.is_some() && error.kind != Kind::SignedOut => return Err(error.into()),
        Err(error) => return on_signin_page(&app, error, local_path("")),
    };
    let mut response = Redirect::to(&local_path(&done.next)).into_response();
    let mut set = |cookie: String| -> Result<(), Error> {
        let cookie = HeaderValue::try_from(cookie).or_internal("writing a cookie")?;
        response.headers_mut().append(header::SET_COOKIE, cookie);
        Ok(())
    };
    set(clear_cookie(&app))?;
    if let Some((_, secret)) = done.opened {
        // The new login takes the place of the one before.
        identity::end_former(&app, &headers).await?;
        set(identity::set_cookie(&app, &secret))?;
    }
    Ok(response)
}

/// A sign-in that failed ends where it began, with the reason.
fn on_signin_page(app: &App, error: Error, next: String) -> Result<Response, Refusal> {
    if matches!(error.kind, Kind::Internal | Kind::NotFound) {
        return Err(error.into());
    }
    let message = error.message.to_string();
    Ok(told(error, |status| show::signin_page(app, String::new(), next, Some(message), status)))
}

/// Over https no plain-text page can set it; `__Host-` would send it everywhere.
fn cookie_name(app: &App) -> &'static str {
    if app.config.is_https() { "__Secure-tandem_oidc" } else { "tandem_oidc" }
}

fn set_cookie(app: &App, browser: &str) -> String {
    cookie(app, browser, COOKIE_SECONDS)
}

fn clear_cookie(app: &App) -> String {
    cookie(app, "", 0)
}

fn cookie(app: &App, value: &str, seconds: u32) -> String {
    let secure = if app.config.is_https() { "; Secure" } else { "" };
    let name = cookie_name(app);
    format!("{name}={value}; Path={COOKIE_PATH}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}
