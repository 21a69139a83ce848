//! Programs that push: the Airtable webhook, whose signature is checked before anything is read; and the endpoint for
//! schedulers.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::operations::Problem;
use crate::accounts::Role;
use crate::app::App;
use crate::audit::Actor;
use crate::booking::{Rules, watch};
use crate::error::{Error, OrInternal, Result};
use crate::ids::MentorId;
use crate::sync::deliveries::{self, Delivery, Filter, Logged, Outcome, Source};
use crate::sync::{self, Applied, Mapping, airtable};
use crate::upkeep::sweep::{self, Keep, Swept};
use crate::web::error::Refusal;
use crate::web::extract::{Id, Json, Query, Raw, checked_cursor, checked_limit, page_of};
use crate::web::identity::{Pm, SignedIn, Via};

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

/// What a cleanup did.
#[derive(Serialize)]
struct Cleaned {
    ran: bool,
    #[serde(flatten)]
    swept: Swept,
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
pub async fn airtable(State(app): State<App>, headers: HeaderMap, Raw(body): Raw) -> Result<Json<Delivered>, Refusal> {
    let settings = &app.config.sync;
    if settings.airtable_secret.is_empty() {
        return Err(Error::not_found("not_found", "There is nothing here.").into());
    }
    let secrets = [settings.airtable_secret.as_str(), settings.airtable_secret_previous.as_str()];
    let mut signatures = headers.get_all(SIGNATURE).iter();
    let signature = signatures.next().and_then(|it| it.to_str().ok()).unwrap_or_default();
    if signatures.next().is_some() || !sync::is_signed(&secrets, &body, signature) {
        return Err(knock(&app, Source::Webhook).await?.into());
    }
    let mapping = Mapping::of(settings);
    let delivery = Delivery::read(&mapping, &body);
    let bytes = body.clone();
    let actor = Actor::nobody("airtable");
    let done = app.db.write(move |tx| deliveries::deliver(tx, &actor, Source::Webhook, delivery, &bytes)).await;
    let applied = match done {
        Ok(applied) => applied?,
        Err(failure) => {
            // What cannot be written now may be in a moment; where even this cannot, the sender hears of it all the same.
            let told = Error::busy("busy", "It could not be written just now.");
            let note = app.db.write(move |tx| deliveries::failed(tx, Source::Webhook, &mapping, &body, &told)).await;
            if let Err(also) = note {
                tracing::error!(cause = also.cause(), "a delivery that failed cannot be written down: {also}");
            }
            return Err(failure.into());
        }
    };
    Ok(Json(delivered(applied)))
}

const fn delivered(Applied { put, .. }: Applied) -> Delivered {
    Delivered { success: true, mentor_id: put.mentor, changed: put.has_changed }
}

/// Counts somebody who has no right signature, and gives back what they are told.
pub(super) async fn knock(app: &App, source: Source) -> Result<Error> {
    if let Some(n) = app.knocks.hear(app.db.clock().now()) {
        app.db.write(move |tx| deliveries::unsigned(tx, source, n)).await?;
    }
    Ok(Error::unauthorized("bad_signature", "The signature is not that of this body."))
}

/// What the log of deliveries may be narrowed by.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// `changed`, `unchanged`, `outdated`, `refused` or `failed`.
    result: Option<String>,
    /// The record's id over there.
    record: Option<String>,
    /// 1 to 200, 50 unless said otherwise.
    limit: Option<u32>,
    /// `nextCursor` of the list before.
    cursor: Option<String>,
}

/// Deliveries, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Log {
    items: Vec<Logged>,
    /// Asks for the deliveries before these; `null` at the end.
    next_cursor: Option<String>,
}

/// Lists what programs outside have sent and what became of it, newest first.
#[utoipa::path(get, path = "/api/admin/sync", tag = "staff", params(LogQuery), responses(
    (status = 200, description = "Deliveries", body = Log),
    (status = 403, description = "Neither pm nor admin", body = Problem),
    (status = 422, description = "A parameter is wrong", body = Problem),
))]
pub async fn log(State(app): State<App>, _: Pm, Query(query): Query<LogQuery>) -> Result<Json<Log>, Refusal> {
    let limit = checked_limit(query.limit)?;
    let before = checked_cursor(query.cursor.as_deref())?;
    let result = query.result.as_deref().map(read_result).transpose()?;
    let (items, next_cursor) = log_page(&app, Filter { result, record: query.record }, before, limit).await?;
    Ok(Json(Log { items, next_cursor }))
}

/// One page of deliveries and the cursor of the next.
pub async fn log_page(
    app: &App,
    filter: Filter,
    before: Option<i64>,
    limit: u32,
) -> Result<(Vec<Logged>, Option<String>)> {
    let (items, has_more) =
        page_of(app.db.read(move |tx| deliveries::log(tx, &filter, before, limit + 1)).await?, limit);
    let next_cursor = items.last().filter(|_| has_more).map(|delivery| delivery.id.to_string());
    Ok((items, next_cursor))
}

fn read_result(result: &str) -> Result<Outcome> {
    Outcome::from_name(result)
        .ok_or_else(|| Error::field("result", "must be changed, unchanged, outdated, refused or failed"))
}

/// Takes a delivery in once more, as if it came now.
#[utoipa::path(post, path = "/api/admin/sync/{id}/replay", tag = "staff",
    params(("id" = i64, Path, description = "The delivery")), responses(
    (status = 200, description = "Taken in", body = Delivered),
    (status = 404, description = "`delivery_unknown`", body = Problem),
    (status = 409, description = "`body_gone`: what it said is no longer kept; or as the delivery itself", body = Problem),
    (status = 422, description = "As the delivery itself", body = Problem),
))]
pub async fn replay(State(app): State<App>, Pm(caller): Pm, Id(id): Id<i64>) -> Result<Json<Delivered>, Refusal> {
    Ok(Json(delivered(replay_with(&app, caller.actor(), id).await?)))
}

/// The verb that the JSON interface and the page share.
pub async fn replay_with(app: &App, actor: Actor, id: i64) -> Result<Applied> {
    let mapping = Mapping::of(&app.config.sync);
    app.db.write(move |tx| deliveries::replay(tx, &actor, &mapping, id)).await?
}

/// Runs a scheduled task now: `reminders`, `feedback-requests`, `expire-requests`, `cleanup`, `backup`, or
/// `sync`, which only starts to look through the Airtable base. Tandem runs them by itself too; running one twice does
/// nothing twice, but for a backup, which is made each time.
#[utoipa::path(post, path = "/api/cron/{task}", tag = "operations",
    params(("task" = String, Path, description = "`reminders`, `feedback-requests`, `expire-requests`, `cleanup`, `backup`, `sync`")), responses(
    (status = 200, description = "`{ran: true, …counts}`", body = Object),
    (status = 401, description = "`signed_out`: neither the secret nor a token with the scope `cron:run`", body = Problem),
    (status = 404, description = "`task_unknown`, `sync_not_set_up`, or no secret is set", body = Problem),
    (status = 409, description = "`backup_running`", body = Problem),
))]
pub async fn cron(
    State(app): State<App>,
    caller: Option<SignedIn>,
    headers: HeaderMap,
    Path(task): Path<String>,
) -> Result<Json<Value>, Refusal> {
    // The gate has looked at the scope of whoever came with a token; a scope gives nobody more than their role does.
    match caller {
        Some(SignedIn(caller)) if matches!(caller.via, Via::Token(_)) => {
            if caller.user.role != Role::Admin {
                return Err(Error::forbidden("forbidden", "Only admins' tokens run scheduled tasks.").into());
            }
        }
        _ => check_secret(&app.config.cron.secret, &headers)?,
    }
    if task == "backup" {
        return Ok(Json(back_up(&app).await?));
    }
    let (rules, keep) = (Rules::of(&app.config), Keep::of(&app.config));
    let has_airtable = app.config.sync.has_airtable();
    let done = app.db.write(move |tx| {
        Ok(match task.as_str() {
            "reminders" => json!({ "ran": true, "reminders": watch::remind(tx, &rules)? }),
            "feedback-requests" => json!({ "ran": true, "feedbackAsked": watch::ask_feedback(tx, &rules)? }),
            "expire-requests" => {
                let (expired, warned) = watch::expire_requests(tx, &rules)?;
                json!({ "ran": true, "expired": expired, "warned": warned })
            }
            "sync" if !has_airtable => {
                return Err(Error::not_found("sync_not_set_up", "No Airtable base is set up here."));
            }
            "sync" => {
                airtable::ask(tx, airtable::Source::Reconcile)?;
                json!({ "ran": true, "queued": 1 })
            }
            "cleanup" => json!(Cleaned { ran: true, swept: sweep::sweep(tx, keep)? }),
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
