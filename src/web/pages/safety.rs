//! The handlers of the security page: password, sign-ins, linked accounts, API tokens.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::arriving::on_form;
use super::security::{self, LinkedView, LoginView, SecurityView};
use super::show::{frame, providers, when};
use super::tokens::{FreshToken, TokenView, TokensView};
use crate::accounts::tokens::{self, Scope};
use crate::accounts::{self, Role, logins, oidc, recovery};
use crate::app::App;
use crate::error::{Error, Result};
use crate::ids::{LinkId, LoginId, TokenId};
use crate::mail::Letterhead;
use crate::web::error::Refusal;
use crate::web::extract::{Form, Id, Query};
use crate::web::identity::{self, Caller, SignedIn};

/// Where every form of the page leads back to.
const PAGE: &str = "/profile/security";

/// How times are written here.
const FORMAT: &str = "%-d %b %Y, %H:%M";

fn drawn(app: &App, caller: &Caller, view: &SecurityView) -> maud::Markup {
    let viewer = identity::as_viewer(&caller.user);
    security::render(&frame(app, "Security", PAGE, Some(&viewer)), view)
}

/// What the page shows of what is stored.
async fn stored(app: &App, caller: &Caller) -> Result<SecurityView> {
    let (rules, user, this) = (identity::rules(app), caller.user.id, caller.login()?.id);
    let read = app.db.read(move |tx| {
        let has_password = accounts::has_password(tx, user)?;
        Ok((has_password, logins::own(tx, rules, user)?, oidc::links(tx, user)?, tokens::tokens(tx, user)?))
    });
    let (has_password, all_logins, links, all_tokens) = read.await?;
    let zone = caller.user.timezone.as_str();
    let offered = providers(app);
    let can_unlink = has_password || links.len() > 1;
    let linked =
        links.iter().map(|link| LinkedView {
            id: link.id.to_string(),
            provider: offered.iter().find(|it| it.id == link.provider).cloned().unwrap_or_else(|| {
                super::pieces::ProviderView { id: link.provider.clone(), name: link.provider.clone() }
            }),
            email: link.email.clone(),
            can_unlink,
        });
    let mut own: Vec<LoginView> = all_logins
        .into_iter()
        .map(|login| LoginView {
            id: login.id.to_string(),
            agent: login.device,
            address: login.address,
            last_seen: when(login.last_seen_at, zone, FORMAT),
            is_this: login.id == this,
        })
        .collect();
    own.sort_by_key(|login| !login.is_this);
    Ok(SecurityView {
        email: caller.user.email.clone(),
        has_password,
        logins: own,
        linked: linked.collect(),
        linkable: offered.iter().filter(|it| links.iter().all(|link| link.provider != it.id)).cloned().collect(),
        tokens: TokensView {
            tokens: all_tokens.into_iter().map(|token| token_view(token, zone)).collect(),
            offered: offered_scopes(caller.user.role),
            ..TokensView::default()
        },
        ..SecurityView::default()
    })
}

fn token_view(token: tokens::Token, zone: &str) -> TokenView {
    TokenView {
        id: token.id.to_string(),
        name: token.name,
        scopes: token.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
        created: when(token.created_at, zone, FORMAT),
        expires: token.expires_at.map(|it| when(it, zone, FORMAT)),
        last_used: token.last_used_at.map(|it| when(it, zone, FORMAT)),
    }
}

/// What a token of this role could do at all.
fn offered_scopes(role: Role) -> Vec<Scope> {
    let is_for_staff = |scope: &Scope| {
        matches!(
            scope,
            Scope::StaffRead | Scope::StaffWrite | Scope::MentorsWrite | Scope::MetricsRead | Scope::CronRun
        )
    };
    Scope::ALL.iter().copied().filter(|scope| role.is_staff() || !is_for_staff(scope)).collect()
}

/// What the page says it has just done.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Done {
    done: String,
}

/// `GET /profile/security`
pub async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(query): Query<Done>,
) -> Result<Response, Refusal> {
    let notice = match query.done.as_str() {
        "password" => Some("Your password is changed, and every other sign-in has ended."),
        "ended" => Some("That sign-in has ended."),
        "others" => Some("Every other sign-in has ended."),
        "unlinked" => Some("That account is no longer linked."),
        "revoked" => Some("That token no longer works."),
        _ => None,
    };
    let view = SecurityView { notice: notice.map(str::to_owned), ..stored(&app, &caller).await? };
    Ok(Html(drawn(&app, &caller, &view).into_string()).into_response())
}

fn done(what: &str) -> Response {
    Redirect::to(&format!("{PAGE}?done={what}")).into_response()
}

/// The password form.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PasswordForm {
    current_password: String,
    password: String,
}

/// `POST /profile/security/password`
pub async fn password(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Form(form): Form<PasswordForm>,
) -> Result<Response, Refusal> {
    let (head, login, address) = (Letterhead::of(&app.config), caller.login()?, caller.address.to_string());
    let PasswordForm { current_password, password } = form;
    match recovery::change_password(&app.db, &app.passwords, head, login, current_password, password, address).await {
        Ok(()) => Ok(done("password")),
        Err(refusal) => {
            let view = stored(&app, &caller).await?;
            Ok(on_form(refusal, |errors, problem| drawn(&app, &caller, &SecurityView { errors, problem, ..view }))?)
        }
    }
}

/// `POST /profile/security/logins/{id}/end`
pub async fn end_login(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<LoginId>,
) -> Result<Response, Refusal> {
    let user = caller.user.id;
    app.db.write(move |tx| logins::end(tx, user, id)).await?;
    Ok(done("ended"))
}

/// `POST /profile/security/logins/end-others`
pub async fn end_others(State(app): State<App>, SignedIn(caller): SignedIn) -> Result<Response, Refusal> {
    let (user, keep) = (caller.user.id, caller.login()?.id);
    app.db.write(move |tx| logins::end_others(tx, user, keep)).await?;
    Ok(done("others"))
}

/// `POST /profile/security/links/{id}/unlink`
pub async fn unlink(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<LinkId>,
) -> Result<Response, Refusal> {
    let (actor, user) = (caller.actor(), caller.user.id);
    app.db.write(move |tx| oidc::unlink(tx, &actor, user, id)).await?;
    Ok(done("unlinked"))
}

/// The form for a new token.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TokenForm {
    name: String,
    scopes: Vec<String>,
    expires_in_days: String,
}

/// `POST /profile/security/tokens`: the one answer that shows the token's text.
pub async fn create_token(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Form(form): Form<TokenForm>,
) -> Result<Response, Refusal> {
    match make_token(&app, &caller, form.clone()).await {
        Ok(fresh) => {
            let mut view = stored(&app, &caller).await?;
            view.tokens.fresh = Some(fresh);
            Ok(Html(drawn(&app, &caller, &view).into_string()).into_response())
        }
        Err(refusal) => {
            let mut view = stored(&app, &caller).await?;
            Ok(on_form(refusal, |errors, problem| {
                let TokenForm { name, scopes, expires_in_days } = form;
                view.tokens = TokensView { name, scopes, expires_in_days, errors, problem, ..view.tokens };
                drawn(&app, &caller, &view)
            })?)
        }
    }
}

async fn make_token(app: &App, caller: &Caller, form: TokenForm) -> Result<FreshToken> {
    let scopes: Result<Vec<Scope>> = form.scopes.iter().map(|scope| scope.parse()).collect();
    let scopes = scopes.map_err(|_| Error::field("scopes", "must be among those offered"))?;
    let wrong_days = |_| Error::field("expiresInDays", "must be a number of days");
    let days: i64 = form.expires_in_days.parse::<u16>().map_err(wrong_days)?.into();
    let (actor, user) = (caller.actor(), caller.user.id);
    app.db
        .write(move |tx| {
            let expires_at = (days > 0).then(|| tx.now().plus_days(days));
            let (token, text) = tokens::create(tx, &actor, user, &form.name, &scopes, expires_at)?;
            Ok(FreshToken { name: token.name, text })
        })
        .await
}

/// `POST /profile/security/tokens/{id}/revoke`
pub async fn revoke_token(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<TokenId>,
) -> Result<Response, Refusal> {
    let (actor, user) = (caller.actor(), caller.user.id);
    app.db.write(move |tx| tokens::revoke(tx, &actor, user, id)).await?;
    Ok(done("revoked"))
}
