//! The handlers of the page of deliveries. Each calls the verb that its JSON twin under `api` calls.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::admin_sync::{self, DeliveryView, SyncView};
use super::show::when;
use super::staff::{FORMAT, page};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::sync::airtable;
use crate::sync::deliveries::{Filter, Logged, Outcome};
use crate::web::api::webhooks::{log_page, replay_with};
use crate::web::error::Refusal;
use crate::web::extract::{Id, Query};
use crate::web::identity::{Caller, Pm};

/// Deliveries on a page.
const DELIVERIES: u32 = 50;

/// Which deliveries to list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct LogQuery {
    result: String,
    record: String,
    before: String,
    done: String,
}

/// `GET /admin/sync`
pub async fn log(State(app): State<App>, Pm(caller): Pm, Query(query): Query<LogQuery>) -> Result<Response, Refusal> {
    let notice = match query.done.as_str() {
        "replayed" => Some("The delivery was taken in once more."),
        "asked" => Some("The base is being looked through. What changes is listed here."),
        _ => None,
    };
    Ok(Html(drawn(&app, &caller, query, notice, None).await?).into_response())
}

async fn drawn(
    app: &App,
    caller: &Caller,
    query: LogQuery,
    notice: Option<&'static str>,
    problem: Option<String>,
) -> Result<String> {
    let result = Outcome::from_name(&query.result);
    let record = Some(query.record.clone()).filter(|record| !record.is_empty());
    let (logged, next_before) = log_page(app, Filter { result, record }, query.before.parse().ok(), DELIVERIES).await?;
    let view = SyncView {
        notice,
        problem,
        has_secret: !app.config.sync.airtable_secret.is_empty(),
        address: format!("{}/api/webhooks/airtable", app.config.public_url()),
        has_base: app.airtable.is_some(),
        result,
        record: query.record,
        deliveries: logged.into_iter().map(|it| delivery(it, &caller.user.timezone)).collect(),
        next_before,
    };
    Ok(page(app, caller, "Sync", "/admin/sync", |frame| admin_sync::render(frame, &view)).into_string())
}

fn delivery(it: Logged, zone: &str) -> DeliveryView {
    DeliveryView {
        id: it.id,
        at: when(it.last_at, zone, FORMAT),
        times: it.times,
        source: it.source,
        record: it.record,
        mentor: it.mentor_id.map(|id| format!("/mentors/{id}")).zip(it.mentor_name),
        result: it.result,
        reason: it.reason,
        unknown_fields: it.unknown_fields,
        can_replay: it.can_replay,
    }
}

/// `POST /admin/sync/{id}/replay`
pub async fn replay(State(app): State<App>, Pm(caller): Pm, Id(id): Id<i64>) -> Result<Response, Refusal> {
    match replay_with(&app, caller.actor(), id).await {
        Ok(_) => Ok(Redirect::to("/admin/sync?done=replayed").into_response()),
        // The list says why at its top, and has the new try as its first row.
        Err(refusal) if refusal.kind != Kind::Internal => {
            let problem = format!("It was refused again: {refusal}");
            let page = drawn(&app, &caller, LogQuery::default(), None, Some(problem)).await?;
            Ok((StatusCode::CONFLICT, Html(page)).into_response())
        }
        Err(failure) => Err(failure.into()),
    }
}

/// `POST /admin/sync/look`
pub async fn look(State(app): State<App>, _: Pm) -> Result<Response, Refusal> {
    if app.airtable.is_none() {
        return Err(Error::not_found("no_base", "No Airtable base is set, so there is none to look through.").into());
    }
    app.db.write(|tx| airtable::ask(tx, airtable::Source::Reconcile)).await?;
    Ok(Redirect::to("/admin/sync?done=asked").into_response())
}
