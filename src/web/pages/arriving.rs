//! The handlers of the pages that lead in: sign-up, the links in letters, the first admin. Opening
//! a page changes nothing; what changes something is a form, and every form works without a script.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::Markup;
use serde::Deserialize;

use super::links::{self, AskView, PressView, Purpose, ResetView, SentView};
use super::setup::{self, SetupForm, SetupView};
use super::show::{frame, providers};
use super::signup::{self, SignupView};
use crate::accounts::{self, NewUser, Role, people, recovery};
use crate::app::App;
use crate::config::Signup;
use crate::error::{Error, Result};
use crate::mail::{Letterhead, Post};
use crate::web::api::auth::{NewAccount, SignedUp, sign_up_with};
use crate::web::api::recovery::verify_with;
use crate::web::error::{Refusal, told};
use crate::web::extract::{Form, Query};
use crate::web::identity::{self, SignedIn, Visitor};
use crate::web::next::local_path;

fn page(status: StatusCode, markup: Markup) -> Response {
    (status, Html(markup.into_string())).into_response()
}

/// A refusal that is about what was typed: by field, or as a whole. Anything else is no business of the form's.
pub(super) fn on_form(
    refusal: Error,
    draw: impl FnOnce(super::fields::Errors, Option<String>) -> Markup,
) -> Result<Response> {
    use crate::error::Kind::{Conflict, Forbidden, Invalid, TooMany};
    if !matches!(refusal.kind, Invalid | Conflict | Forbidden | TooMany) {
        return Err(refusal);
    }
    let problem = refusal.fields.is_empty().then(|| refusal.message.to_string());
    let markup = draw(refusal.fields.clone(), problem);
    Ok(told(refusal, |status| page(status, markup)))
}

/// Goes on to `to` as somebody who has just been let in.
pub(super) fn let_in(app: &App, secret: &str, to: &str) -> Response {
    ([(header::SET_COOKIE, identity::set_cookie(app, secret))], Redirect::to(to)).into_response()
}

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Onward {
    next: String,
}

/// The sign-up form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SignupForm {
    role: String,
    name: String,
    email: String,
    password: String,
    timezone: String,
    next: String,
}

fn signup_view(app: &App, form: SignupForm) -> SignupView {
    SignupView {
        is_open: app.config.accounts.signup == Signup::Open,
        providers: providers(app),
        next: local_path(&form.next),
        name: form.name,
        email: form.email,
        role: form.role,
        timezone: form.timezone,
        ..SignupView::default()
    }
}

/// `GET /signup`
pub async fn signup(State(app): State<App>, caller: Option<SignedIn>, Query(query): Query<Onward>) -> Response {
    if caller.is_some() {
        return Redirect::to(&local_path(&query.next)).into_response();
    }
    let view = signup_view(&app, SignupForm { next: query.next, ..SignupForm::default() });
    page(StatusCode::OK, signup::render(&frame(&app, "Create an account", "/signup", None), &view))
}

/// `POST /signup`
pub async fn sign_up(
    State(app): State<App>,
    Visitor(device): Visitor,
    Form(form): Form<SignupForm>,
) -> Result<Response, Refusal> {
    let role =
        if form.role.is_empty() { Err(Error::field("role", "must be chosen")) } else { form.role.parse::<Role>() };
    let zone = Some(form.timezone.clone()).filter(|zone| !zone.is_empty());
    let (email, name, password) = (form.email.clone(), form.name.clone(), form.password.clone());
    let outcome = match role {
        Ok(role) => sign_up_with(&app, NewAccount { email, password, name, role, timezone: zone }, device).await,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(SignedUp::Open(_, secret)) => Ok(let_in(&app, &secret, &first_page(&form.role, &form.next))),
        Ok(SignedUp::CheckEmail) => Ok(sent(&app, Purpose::Verify, form.email)),
        Err(refusal) => {
            let view = signup_view(&app, form);
            Ok(on_form(refusal, |errors, problem| {
                let view = SignupView { errors, problem, ..view };
                signup::render(&frame(&app, "Create an account", "/signup", None), &view)
            })?)
        }
    }
}

/// A new mentor has a profile to fill in before anybody can find them; a new mentee can ask at once.
fn first_page(role: &str, next: &str) -> String {
    if role == "mentor" { "/profile".to_owned() } else { local_path(next) }
}

fn sent(app: &App, purpose: Purpose, email: String) -> Response {
    let folder = matches!(app.post, Post::Folder(_)).then(|| "mail/".to_owned());
    let view = SentView { purpose, email, folder };
    page(StatusCode::OK, links::render_sent(&frame(app, "Check your mail", "/signin", None), &view))
}

/// The secret in a letter's link.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Arrival {
    token: String,
    next: String,
    email: String,
    password: String,
}

fn press(app: &App, purpose: Purpose, query: Arrival) -> Response {
    let title = if purpose == Purpose::Verify { "Confirm your address" } else { "Sign in" };
    let view = PressView { purpose, token: query.token, next: local_path(&query.next) };
    page(StatusCode::OK, links::render_press(&frame(app, title, "/signin", None), &view))
}

fn expired(app: &App, purpose: Purpose, refusal: Error) -> Result<Response, Refusal> {
    if refusal.code != "link_dead" {
        return Err(refusal.into());
    }
    let markup = links::render_expired(&frame(app, "This link does not work any more", "/signin", None), purpose);
    Ok(told(refusal, |status| page(status, markup)))
}

/// `GET /verify`
pub async fn verify(State(app): State<App>, Query(query): Query<Arrival>) -> Response {
    press(&app, Purpose::Verify, query)
}

/// `POST /verify`
pub async fn verify_now(
    State(app): State<App>,
    Visitor(device): Visitor,
    Form(form): Form<Arrival>,
) -> Result<Response, Refusal> {
    match verify_with(&app, form.token, device.address).await {
        Ok(_) => Ok(Redirect::to("/signin?done=verified").into_response()),
        Err(refusal) => expired(&app, Purpose::Verify, refusal),
    }
}

fn ask(app: &App, purpose: Purpose, email: String, next: &str) -> Markup {
    let (title, path) = match purpose {
        Purpose::SignIn => ("Sign in without a password", "/signin"),
        _ => ("Forgot your password?", "/signin"),
    };
    let view = AskView { purpose, email, next: local_path(next), errors: super::fields::Errors::new(), problem: None };
    links::render_ask(&frame(app, title, path, None), &view)
}

/// `GET /signin/link`: asks for a link, or opens one.
pub async fn link(State(app): State<App>, Query(query): Query<Arrival>) -> Response {
    if query.token.is_empty() {
        return page(StatusCode::OK, ask(&app, Purpose::SignIn, String::new(), &query.next));
    }
    press(&app, Purpose::SignIn, query)
}

/// `POST /signin/link`: sends a link, or signs in by one.
pub async fn link_now(
    State(app): State<App>,
    Visitor(device): Visitor,
    headers: HeaderMap,
    Form(form): Form<Arrival>,
) -> Result<Response, Refusal> {
    if form.token.is_empty() {
        let (head, email) = (Letterhead::of(&app.config), form.email.clone());
        app.db.write(move |tx| recovery::ask_sign_in(tx, &head, &email)).await?;
        return Ok(sent(&app, Purpose::SignIn, form.email));
    }
    let rules = identity::rules(&app);
    let token = form.token;
    match app.db.write(move |tx| recovery::sign_in(tx, rules, &token, &device)).await {
        Ok((_, secret)) => {
            identity::end_former(&app, &headers).await?;
            Ok(let_in(&app, &secret, &local_path(&form.next)))
        }
        Err(refusal) => expired(&app, Purpose::SignIn, refusal),
    }
}

/// `GET /forgot`
pub async fn forgot(State(app): State<App>) -> Response {
    page(StatusCode::OK, ask(&app, Purpose::Reset, String::new(), ""))
}

/// `POST /forgot`
pub async fn forgot_now(State(app): State<App>, Form(form): Form<Arrival>) -> Result<Response, Refusal> {
    let (head, email) = (Letterhead::of(&app.config), form.email.clone());
    app.db.write(move |tx| recovery::ask_reset(tx, &head, &email)).await?;
    Ok(sent(&app, Purpose::Reset, form.email))
}

/// The form for a new password, if the link behind it still works.
async fn reset_view(app: &App, token: String) -> Result<ResetView> {
    let looked = token.clone();
    let (user, is_invitation) = app.db.read(move |tx| recovery::behind_link(tx, &looked)).await?;
    let purpose = if is_invitation { Purpose::Invitation } else { Purpose::Reset };
    Ok(ResetView { purpose, token, email: user.email, errors: super::fields::Errors::new(), problem: None })
}

/// `GET /reset`: chooses a new password, or the first one after an invitation.
pub async fn reset(State(app): State<App>, Query(query): Query<Arrival>) -> Result<Response, Refusal> {
    match reset_view(&app, query.token).await {
        Ok(view) => {
            Ok(page(StatusCode::OK, links::render_reset(&frame(&app, "Choose a password", "/signin", None), &view)))
        }
        Err(refusal) => expired(&app, Purpose::Reset, refusal),
    }
}

/// `POST /reset`
pub async fn reset_now(
    State(app): State<App>,
    Visitor(device): Visitor,
    Form(form): Form<Arrival>,
) -> Result<Response, Refusal> {
    let head = Letterhead::of(&app.config);
    let token = form.token.clone();
    match recovery::reset(&app.db, &app.passwords, head, form.token, form.password, device.address).await {
        Ok(_) => Ok(Redirect::to("/signin?done=password").into_response()),
        Err(refusal) if refusal.code == "link_dead" => expired(&app, Purpose::Reset, refusal),
        Err(refusal) => {
            let view = reset_view(&app, token).await?;
            Ok(on_form(refusal, |errors, problem| {
                let view = ResetView { errors, problem, ..view };
                links::render_reset(&frame(&app, "Choose a password", "/signin", None), &view)
            })?)
        }
    }
}

/// The first admin's form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FirstAdmin {
    token: String,
    name: String,
    email: String,
    password: String,
    timezone: String,
}

fn setup_page(app: &App, view: &SetupView) -> Markup {
    setup::render(&frame(app, "Set up Tandem", "/setup", None), view)
}

/// What `/setup` shows for this link.
async fn setup_state(app: &App, token: String) -> Result<SetupView> {
    app.db
        .read(move |tx| {
            if !people::is_without_admin(tx)? {
                return Ok(SetupView::Done);
            }
            let is_good = people::is_setup_link(tx, &token)?;
            Ok(if is_good { SetupView::Open(SetupForm { token, ..SetupForm::default() }) } else { SetupView::Expired })
        })
        .await
}

/// `GET /setup`
pub async fn set_up(State(app): State<App>, Query(query): Query<Arrival>) -> Result<Response, Refusal> {
    let view = setup_state(&app, query.token).await?;
    let status = if matches!(view, SetupView::Open(_)) { StatusCode::OK } else { StatusCode::GONE };
    Ok(page(status, setup_page(&app, &view)))
}

/// `POST /setup`
pub async fn set_up_now(
    State(app): State<App>,
    Visitor(device): Visitor,
    Form(form): Form<FirstAdmin>,
) -> Result<Response, Refusal> {
    let state = setup_state(&app, form.token.clone()).await?;
    let SetupView::Open(known) = state else { return Ok(page(StatusCode::GONE, setup_page(&app, &state))) };
    let known =
        SetupForm { name: form.name.clone(), email: form.email.clone(), timezone: form.timezone.clone(), ..known };
    match make_admin(&app, form, device).await {
        Ok(secret) => Ok(let_in(&app, &secret, "/admin")),
        Err(refusal) => Ok(on_form(refusal, |errors, problem| {
            setup_page(&app, &SetupView::Open(SetupForm { errors, problem, ..known }))
        })?),
    }
}

async fn make_admin(app: &App, form: FirstAdmin, device: accounts::Device) -> Result<String> {
    let zone = if form.timezone.is_empty() { "UTC".to_owned() } else { accounts::check_timezone(&form.timezone)? };
    let (email, name) = (accounts::check_email(&form.email)?, accounts::check_name(&form.name)?);
    let hash = app.passwords.hash_for(form.password, &[&email, &name]).await?;
    let new = NewUser { email, name, role: Role::Admin, timezone: zone, password_hash: Some(hash) };
    let rules = identity::rules(app);
    app.db
        .write(move |tx| {
            let user = people::set_up(tx, &form.token, &new, &device.address)?;
            accounts::logins::open(tx, rules, user, &device).map(|(_, secret)| secret)
        })
        .await
}
