//! Profiles as JSON, and what people may do with all that is held on them: take it along, or have it erased.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::accounts::{self, recovery};
use crate::app::App;
use crate::audit::{self, Actor};
use crate::booking::{self, Rules};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::mail;
use crate::mentors;
use crate::mentors::profiles::{self, Asker, Change, ProfileView};
use crate::sync::deliveries;
use crate::web::error::Refusal;
use crate::web::extract::{Id, Json};
use crate::web::identity::{self, SignedIn};

/// Who is asking, as the verbs on profiles want to know it.
#[derive(Clone)]
pub struct Asking {
    /// For the rules.
    pub asker: Asker,
    /// For the audit log.
    pub actor: Actor,
}

impl FromRequestParts<App> for Asking {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let SignedIn(caller) = <SignedIn as FromRequestParts<App>>::from_request_parts(parts, app).await?;
        Ok(Self { asker: Asker::of(&caller.user), actor: caller.actor() })
    }
}

impl Asking {
    /// Whether the asker is a mentor who has a session with this person.
    pub fn has_session_with(&self, tx: &Tx<'_>, user: UserId) -> Result<bool> {
        booking::have_session(tx, self.asker.user, user)
    }
}

fn unknown() -> Error {
    Error::not_found("profile_unknown", "This profile is not here, or no longer.")
}

/// It is done.
#[derive(Serialize, ToSchema)]
pub struct Success {
    success: bool,
}

/// A person's profile, as far as the asker may see it.
#[utoipa::path(get, path = "/api/profiles/{userId}", tag = "profiles",
    params(("userId" = uuid::Uuid, Path, description = "The person's account")), responses(
    (status = 200, description = "The profile", body = ProfileView),
    (status = 404, description = "Unknown, or not for the asker to know", body = super::operations::Problem),
))]
pub async fn show(State(app): State<App>, asking: Asking, Id(user): Id<UserId>) -> Result<Json<ProfileView>, Refusal> {
    let found =
        app.db.read(move |tx| profiles::view(tx, &asking.asker, user, asking.has_session_with(tx, user)?)).await?;
    Ok(Json(found.ok_or_else(unknown)?))
}

/// Changes a profile in part: what is missing stays, `null` clears.
#[utoipa::path(put, path = "/api/profiles/{userId}", tag = "profiles", request_body = Change,
    params(("userId" = uuid::Uuid, Path, description = "The person's account")), responses(
    (status = 200, description = "It is so now", body = Success),
    (status = 403, description = "`forbidden`: somebody else's, or for staff", body = super::operations::Problem),
    (status = 404, description = "Unknown, or not for the asker to know", body = super::operations::Problem),
    (status = 409, description = "`last_admin`", body = super::operations::Problem),
    (status = 422, description = "A field is wrong", body = super::operations::Problem),
))]
pub async fn change(
    State(app): State<App>,
    asking: Asking,
    Id(user): Id<UserId>,
    Json(change): Json<Change>,
) -> Result<Json<Success>, Refusal> {
    app.db
        .write(move |tx| {
            let has_session = asking.has_session_with(tx, user)?;
            profiles::change(tx, &asking.actor, &asking.asker, user, has_session, change)
        })
        .await?;
    Ok(Json(Success { success: true }))
}

/// The letters that went to somebody's address.
fn letters_to(tx: &Tx<'_>, user: UserId) -> Result<serde_json::Value> {
    accounts::user(tx, user)?.map_or_else(|| Ok(json!([])), |person| mail::holdings(tx, &person.email))
}

/// Everything that is held on oneself, to take along.
#[utoipa::path(get, path = "/api/profiles/{userId}/export", tag = "profiles",
    params(("userId" = uuid::Uuid, Path, description = "The person's own account")), responses(
    (status = 200, description = "A JSON file"),
    (status = 403, description = "`confirm_first`: type your password once more", body = super::operations::Problem),
    (status = 404, description = "Somebody else's", body = super::operations::Problem),
))]
pub async fn export(State(app): State<App>, asking: Asking, Id(user): Id<UserId>) -> Result<Response, Refusal> {
    let all = app
        .db
        .read(move |tx| {
            if asking.asker.user != user {
                return Err(unknown());
            }
            let profile = profiles::holdings(tx, user)?;
            let ids = ["mentor", "mentee"].map(|part| profile["profile"][part]["id"].as_str().map(str::to_owned));
            let about: Vec<String> = ids.into_iter().flatten().chain([user.to_string()]).collect();
            Ok(json!({
                "exportedAt": tx.now(),
                "account": accounts::holdings(tx, user)?,
                "profile": profile,
                "booking": booking::holdings(tx, user)?,
                "letters": letters_to(tx, user)?,
                "events": audit::holdings(tx, user, &about)?,
            }))
        })
        .await?;
    let name = (header::CONTENT_DISPOSITION, "attachment; filename=\"tandem-export.json\"");
    Ok(([name], Json(all)).into_response())
}

/// The proof that it is really the person who has their account erased.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// Needed for one's own account, where it has a password.
    #[serde(default)]
    password: Option<String>,
}

/// Proves by their password that it is really them, before what cannot be undone. Where an account has no
/// password there is nothing to prove.
async fn prove(app: &App, user: UserId, password: Option<String>) -> Result<()> {
    let found = app.db.read(move |tx| Ok((accounts::user(tx, user)?, accounts::has_password(tx, user)?))).await?;
    let (Some(user), true) = found else { return Ok(()) };
    let password = password.ok_or_else(|| Error::field("password", "is needed: it cannot be undone"))?;
    recovery::prove(&app.db, &app.passwords, &user, "password", password).await
}

/// Erases a person for good: oneself, or anybody for an admin. Sessions with others stay, without the name.
#[utoipa::path(delete, path = "/api/profiles/{userId}", tag = "profiles", request_body = Option<Erasure>,
    params(("userId" = uuid::Uuid, Path, description = "The person's account")), responses(
    (status = 204, description = "Erased"),
    (status = 403, description = "`forbidden`: somebody else's", body = super::operations::Problem),
    (status = 404, description = "Unknown, or not for the asker to know", body = super::operations::Problem),
    (status = 409, description = "`last_admin`", body = super::operations::Problem),
    (status = 422, description = "The password is missing or, as `bad_credentials`, wrong", body = super::operations::Problem),
))]
pub async fn erase(
    State(app): State<App>,
    asking: Asking,
    Id(user): Id<UserId>,
    body: Option<Json<Erasure>>,
) -> Result<Response, Refusal> {
    let Json(Erasure { password }) = body.unwrap_or(Json(Erasure::default()));
    let is_own = asking.asker.user == user;
    erase_with(&app, asking, user, password).await?;
    let gone = StatusCode::NO_CONTENT.into_response();
    Ok(if is_own { ([(header::SET_COOKIE, identity::clear_cookie(&app))], gone).into_response() } else { gone })
}

/// Erases a person: the verb that the JSON interface and the page share.
pub async fn erase_with(app: &App, asking: Asking, user: UserId, password: Option<String>) -> Result<()> {
    if asking.asker.user == user {
        prove(app, user, password).await?;
    }
    let rules = Rules::of(&app.config);
    app.db
        .write(move |tx| {
            let has_session = asking.has_session_with(tx, user)?;
            profiles::erasable(tx, &asking.asker, user, has_session)?;
            let by = booking::Asker { user: asking.asker.user, is_staff: true, actor: asking.actor.clone() };
            booking::cancel_all_of(tx, &rules, &by, user, "The account was closed.")?;
            booking::withdraw_offers(tx, user)?;
            booking::feeds::end(tx, &asking.actor, user)?;
            if let Some(person) = accounts::user(tx, user)? {
                mail::forget(tx, &person.email)?;
            }
            if let Some(mentor) = mentors::of_user(tx, user)? {
                deliveries::forget(tx, mentor.number, mentor.record.as_deref())?;
            }
            profiles::erase(tx, &asking.actor, &asking.asker, user, has_session)
        })
        .await
}

/// `GET /profile/export`: one's own, from one's own page.
pub async fn export_own(state: State<App>, asking: Asking) -> Result<Response, Refusal> {
    let user = asking.asker.user;
    export(state, asking, Id(user)).await
}
