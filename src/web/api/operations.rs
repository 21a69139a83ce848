//! For whoever runs Tandem: is it alive, is it ready, what does its interface look like.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::jobs;
use crate::mail;
use crate::web::extract::Json;

/// An error as JSON.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A sentence for people.
    #[schema(example = "query must not be blank")]
    error: String,
    /// Stable, for programs.
    #[schema(example = "invalid")]
    code: String,
    /// What the log knows the request by.
    request_id: String,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<String, String>,
}

/// Alive: the process answers.
#[utoipa::path(get, path = "/healthz", tag = "operations", responses((status = 200, description = "`ok`", body = String)))]
pub async fn healthz() -> &'static str {
    "ok"
}

/// How each component stands.
#[derive(Serialize, ToSchema)]
pub struct Readiness {
    /// `ready`, or `starting` while something essential is missing.
    status: &'static str,
    /// By name: `ok` or what is the matter, with figures.
    #[schema(value_type = Object)]
    components: BTreeMap<&'static str, serde_json::Value>,
}

/// Ready: 200 when questions can be answered, 503 while they cannot.
#[utoipa::path(get, path = "/readyz", tag = "operations", responses(
    (status = 200, description = "Ready", body = Readiness),
    (status = 503, description = "Not ready", body = Readiness),
))]
pub async fn readyz(State(app): State<App>) -> Response {
    let mut components = BTreeMap::new();
    let depth = app.db.read(jobs::depth).await;
    let is_database_well = depth.is_ok();
    components.insert("database", serde_json::json!({ "status": if is_database_well { "ok" } else { "failing" } }));
    if let Ok(depth) = depth {
        let status = if depth.dead > 0 { "dead jobs" } else { "ok" };
        components.insert("jobs", serde_json::json!({ "status": status, "depth": depth }));
    }
    if let Ok(mail::Depth { queued, dead }) = app.db.read(mail::depth).await {
        let status = if dead > 0 { "dead letters" } else { "ok" };
        let way = app.post.way();
        components.insert("mail", serde_json::json!({ "status": status, "way": way, "queued": queued, "dead": dead }));
    }
    let backups = app.backups.clone();
    if let Ok(standing) = app.db.read(move |tx| backups.standing(tx)).await {
        // A warning, never a reason to answer nobody: people are served as well as ever.
        components.insert(
            "backup",
            serde_json::json!({
                "status": standing.word(), "lastAt": standing.last_at, "snapshotAt": standing.snapshot_at,
            }),
        );
    }
    components.extend(app.matcher.components());
    let (status, code) =
        if is_database_well { ("ready", StatusCode::OK) } else { ("failing", StatusCode::SERVICE_UNAVAILABLE) };
    (code, Json(Readiness { status, components })).into_response()
}
