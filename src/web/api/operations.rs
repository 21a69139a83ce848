//! For whoever runs Tandem: is it alive, is it ready, what does its interface look like.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::{Error, OrInternal, Result};
use crate::meters;
use crate::upkeep::standing::{self, Component};
use crate::upkeep::{self, figures};
use crate::web::address::Neighbour;
use crate::web::error::Refusal;
use crate::web::extract::Json;
use crate::web::identity::{SignedIn, Via};

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
    /// `ready`, or `failing` while questions cannot be answered.
    status: &'static str,
    /// By name: its `status` (`ok`, `warn`, `fail`); for programs on this very machine also what is the matter in `says`,
    /// and figures.
    #[schema(value_type = Object)]
    components: BTreeMap<&'static str, serde_json::Value>,
}

/// Ready: 200 when questions can be answered, 503 while they cannot.
#[utoipa::path(get, path = "/readyz", tag = "operations", responses(
    (status = 200, description = "Ready; components may warn", body = Readiness),
    (status = 503, description = "Not ready", body = Readiness),
))]
pub async fn readyz(State(app): State<App>, Neighbour(is_neighbour): Neighbour) -> Result<Response, Refusal> {
    let components = components(&app).await?;
    let is_failing = components.iter().any(|it| it.state == upkeep::State::Fail);
    let (status, code) =
        if is_failing { ("failing", StatusCode::SERVICE_UNAVAILABLE) } else { ("ready", StatusCode::OK) };
    let components = components.iter().map(|it| (it.name, if is_neighbour { it.shown() } else { it.word() })).collect();
    Ok((code, Json(Readiness { status, components })).into_response())
}

async fn components(app: &App) -> Result<Vec<Component>> {
    let app = app.clone();
    tokio::task::spawn_blocking(move || standing::components(&app.db, &app.matcher, &app.post, &app.backups))
        .await
        .or_internal("looking after the parts")
}

/// Counts, times and figures as Prometheus reads them. For programs on this very machine, unless a proxy has passed
/// the request on, and for tokens with the scope `metrics:read`.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses(
    (status = 200, description = "Prometheus' text format", body = String, content_type = "text/plain"),
    (status = 401, description = "`signed_out`: from elsewhere, and without a token", body = Problem),
    (status = 403, description = "`scope_missing`", body = Problem),
))]
pub async fn metrics(
    State(app): State<App>,
    caller: Option<SignedIn>,
    Neighbour(is_neighbour): Neighbour,
) -> Result<Response, Refusal> {
    // The gate has looked at the scope of whoever came with a token; a scope gives nobody more than their role does.
    let has_token =
        caller.is_some_and(|SignedIn(caller)| matches!(caller.via, Via::Token(_)) && caller.user.role.is_staff());
    if !has_token && !is_neighbour {
        return Err(Error::unauthorized(
            "signed_out",
            "Metrics are for programs on this machine, and for API tokens of staff with the scope metrics:read.",
        )
        .into());
    }
    let components = components(&app).await?;
    let render = move || {
        let readings = figures::readings(&app.db, &app.matcher, &components)?;
        app.db.meters().render(&readings)
    };
    let text = tokio::task::spawn_blocking(render).await.or_internal("reading the figures")??;
    Ok(([(header::CONTENT_TYPE, meters::MEDIA_TYPE)], text).into_response())
}
