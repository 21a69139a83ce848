//! The handlers of the page of deliveries. Each calls the verb that its JSON twin under `api` calls.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::admin_sync::{self, DeliveryView, SyncView};
use super::show::when;
use super::staff::{FORMAT, page};
use crate::accounts::Role;
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::sync::Mapping;
use crate::sync::airtable;
use crate::sync::deliveries::{self, Filter, Logged, Outcome};
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
    let mut holders = holders(app, caller, &logged).await?;
    let view = SyncView {
        notice,
        problem,
        has_secret: !app.config.sync.airtable_secret.is_empty(),
        address: format!("{}/api/webhooks/airtable", app.config.public_url()),
        has_base: app.airtable.is_some(),
        result,
        record: query.record,
        deliveries: logged
            .into_iter()
            .map(|it| DeliveryView { holder: holders.remove(&it.id), ..delivery(it, &caller.user.timezone) })
            .collect(),
        next_before,
    };
    Ok(page(app, caller, "Sync", "/admin/sync", |frame| admin_sync::render(frame, &view)).into_string())
}

/// Deliveries on a page for which the holder of a taken address is looked up, at most: each is read anew for it.
const LOOKED_UP: usize = 10;

/// Who has the addresses that the newest deliveries could not get, with the page where they stand.
async fn holders(app: &App, caller: &Caller, logged: &[Logged]) -> Result<HashMap<i64, (String, Option<String>)>> {
    let is_taken = |it: &&Logged| it.can_replay && it.code.as_deref() == Some("email_taken");
    let ids: Vec<i64> = logged.iter().filter(is_taken).map(|it| it.id).take(LOOKED_UP).collect();
    let (mapping, is_admin) = (Mapping::of(&app.config.sync), caller.user.role == Role::Admin);
    let read = app.db.read(move |tx| {
        let mut found = HashMap::new();
        for id in ids {
            let Some(user) = deliveries::holder(tx, &mapping, id)? else { continue };
            let q = form_urlencoded::byte_serialize(user.email.as_bytes()).collect::<String>();
            let page = match user.role {
                Role::Mentor => Some(format!("/admin/mentors?q={q}")),
                _ => is_admin.then(|| format!("/admin/users?q={q}")),
            };
            found.insert(id, (user.name, page));
        }
        Ok(found)
    });
    read.await
}

/// Whether a delivery taken in once more can come out otherwise: what is no JSON stays none, what is out of date
/// does not become newer, and who has deleted their account does not come back.
fn can_differ(result: Outcome, code: Option<&str>) -> bool {
    result != Outcome::Outdated && !matches!(code, Some("not_json" | "mentor_gone"))
}

/// What has to change before a refused delivery can be taken in.
fn what_first(code: Option<&str>) -> Option<&'static str> {
    match code? {
        "email_taken" => Some("It is refused again while the address belongs to somebody else."),
        "invalid" => Some("It is refused again unless the names of fields in the settings were what was wrong."),
        _ => None,
    }
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
        holder: None,
        unknown_fields: it.unknown_fields,
        can_replay: it.can_replay && can_differ(it.result, it.code.as_deref()),
        first: what_first(it.code.as_deref()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_in_once_more_is_offered_only_where_it_can_come_out_otherwise() {
        assert!(can_differ(Outcome::Refused, Some("email_taken")) && can_differ(Outcome::Failed, Some("internal")));
        assert!(can_differ(Outcome::Changed, None));
        assert!(!can_differ(Outcome::Refused, Some("not_json")) && !can_differ(Outcome::Refused, Some("mentor_gone")));
        assert!(!can_differ(Outcome::Outdated, None));
        assert!(what_first(Some("email_taken")).is_some_and(|it| it.contains("somebody else")));
        assert!(what_first(None).is_none() && what_first(Some("internal")).is_none());
    }
}
