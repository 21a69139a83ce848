//! Programs that push: the Airtable webhook, whose signature is checked before anything is read; and the endpoint for
//! schedulers.

use std::collections::BTreeSet;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::operations::Problem;
use crate::app::App;
use crate::audit::Actor;
use crate::booking::{Rules, watch};
use crate::error::{Error, Kind, OrInternal, Result};
use crate::ids::MentorId;
use crate::sync;
use crate::web::error::Refusal;
use crate::web::extract::Json;
use crate::web::identity::{SignedIn, Via};

/// Bytes of a delivery, at most.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// The header of a delivery's signature.
const SIGNATURE: &str = "x-airtable-signature";

/// What became of a delivery.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivered {
    success: bool,
    #[schema(value_type = uuid::Uuid)]
    mentor_id: MentorId,
    /// Whether anything is different now.
    changed: bool,
}

/// Takes in a mentor's record: `{recordId, fields: {Email, Name, …}}`. Fields that are missing keep their value,
/// `null` clears them. The same delivery twice changes nothing the second time.
#[utoipa::path(post, path = "/api/webhooks/airtable", tag = "sync", request_body = Object,
    params(("x-airtable-signature" = String, Header, description = "Hexadecimal HMAC-SHA-256 of the raw body")),
    responses(
    (status = 200, description = "Taken in", body = Delivered),
    (status = 400, description = "Not JSON", body = Problem),
    (status = 401, description = "`bad_signature`", body = Problem),
    (status = 404, description = "No secret is set, so there is no webhook", body = Problem),
    (status = 409, description = "`email_taken`, `mentor_gone`", body = Problem),
    (status = 413, description = "Over 1 MiB", body = Problem),
    (status = 422, description = "A field is wrong", body = Problem),
))]
pub async fn airtable(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Result<Json<Delivered>, Refusal> {
    let settings = &app.config.sync;
    if settings.airtable_secret.is_empty() {
        return Err(Error::not_found("not_found", "There is nothing here.").into());
    }
    let secrets = [settings.airtable_secret.as_str(), settings.airtable_secret_previous.as_str()];
    let mut signatures = headers.get_all(SIGNATURE).iter();
    let signature = signatures.next().and_then(|it| it.to_str().ok()).unwrap_or_default();
    if signatures.next().is_some() || !sync::is_signed(&secrets, &body, signature) {
        return Err(Error::unauthorized("bad_signature", "The signature is not that of this body.").into());
    }
    let payload: Value = serde_json::from_slice(&body)
        .map_err(|cause| Error::malformed("not_json", format!("The body is not JSON (line {}).", cause.line())))?;
    let mut unknown = BTreeSet::new();
    let record = sync::mentor_payload(&payload, &mut unknown)?;
    let name = record.record.clone();
    let put =
        app.db.write(move |tx| sync::apply(tx, &Actor::nobody("airtable"), record)).await.inspect_err(|refusal| {
            if refusal.kind != Kind::Internal {
                tracing::warn!(record = name, code = refusal.code, "a delivery was refused: {refusal}");
            }
        })?;
    if !unknown.is_empty() {
        tracing::warn!(mentor = %put.mentor, fields = ?unknown, "a delivery has fields that nobody knows; they were left out");
    }
    Ok(Json(Delivered { success: true, mentor_id: put.mentor, changed: put.has_changed }))
}

/// Runs a scheduled task now: `reminders`, `feedback-requests`, `expire-requests` or `backup`. Tandem runs them by
/// itself too; running one of the first three twice does nothing twice, a backup is made each time.
#[utoipa::path(post, path = "/api/cron/{task}", tag = "operations",
    params(("task" = String, Path, description = "`reminders`, `feedback-requests`, `expire-requests`, `backup`")), responses(
    (status = 200, description = "`{ran: true, …counts}`", body = Object),
    (status = 401, description = "`signed_out`: neither the secret nor a token with the scope `cron:run`", body = Problem),
    (status = 404, description = "`task_unknown`, or no secret is set", body = Problem),
    (status = 409, description = "`backup_running`", body = Problem),
))]
pub async fn cron(
    State(app): State<App>,
    caller: Option<SignedIn>,
    headers: HeaderMap,
    Path(task): Path<String>,
) -> Result<Json<Value>, Refusal> {
    // The gate has looked at the scope of whoever came with a token.
    let has_token = caller.is_some_and(|SignedIn(caller)| matches!(caller.via, Via::Token(_)));
    if !has_token {
        check_secret(&app.config.cron.secret, &headers)?;
    }
    if task == "backup" {
        return Ok(Json(back_up(&app).await?));
    }
    let rules = Rules::of(&app.config);
    let done = app.db.write(move |tx| {
        Ok(match task.as_str() {
            "reminders" => json!({ "ran": true, "reminders": watch::remind(tx, &rules)? }),
            "feedback-requests" => json!({ "ran": true, "feedbackAsked": watch::ask_feedback(tx, &rules)? }),
            "expire-requests" => {
                let (expired, warned) = watch::expire_requests(tx, &rules)?;
                json!({ "ran": true, "expired": expired, "warned": warned })
            }
            _ => return Err(Error::not_found("task_unknown", "There is no such task.")),
        })
    });
    Ok(Json(done.await?))
}

/// A backup that is under way goes on when the one who asked for it has gone.
async fn back_up(app: &App) -> Result<Value> {
    let backups = app.backups.clone();
    let made = tokio::task::spawn_blocking(move || backups.make("serve", &false.into()));
    let made = made.await.or_internal("making a backup")??;
    let file = made.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(json!({ "ran": true, "file": file, "bytes": made.bytes }))
}

/// Whether a scheduler has shown the secret. Their hashes are compared, which takes as long for every wrong one.
fn check_secret(secret: &str, headers: &HeaderMap) -> Result<()> {
    if secret.is_empty() {
        return Err(Error::not_found("not_found", "There is nothing here."));
    }
    let shown = headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let shown = shown.strip_prefix("Bearer ").unwrap_or_default();
    let [ours, theirs] = [secret, shown].map(|it| Sha256::digest(it.as_bytes()));
    if ours == theirs { Ok(()) } else { Err(Error::signed_out()) }
}
