//! The tags of all mentors, for those who keep them tidy, as JSON.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::operations::Problem;
use crate::app::App;
use crate::error::Result;
use crate::mentors::tags::{self, Done, Kind, Suggestion, Tag};
use crate::web::error::Refusal;
use crate::web::extract::{Json, Query};
use crate::web::identity::{Caller, Pm};

/// Which tags to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct TagQuery {
    /// `expertise`, `industries`, `stages` or `languages`; `expertise` unless said otherwise.
    #[param(value_type = Option<String>)]
    pub kind: Option<String>,
}

/// All tags of a kind.
#[derive(Serialize, ToSchema)]
pub struct TagList {
    /// What sort of tags.
    #[schema(value_type = String)]
    kind: Kind,
    /// The tags, the most common first: `{name, nMentors}`.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Tag>,
    /// Pairs that look like two writings of one: `{from, into}`.
    #[schema(value_type = Vec<Object>)]
    suggestions: Vec<Suggestion>,
}

/// Reads all tags of a kind and which look alike: what the JSON interface and the page share.
pub async fn read(app: &App, kind: Kind) -> Result<(Vec<Tag>, Vec<Suggestion>)> {
    app.db
        .read(move |tx| {
            let all = tags::tags(tx, kind)?;
            let alike = tags::suggestions(&all);
            Ok((all, alike))
        })
        .await
}

/// Makes one tag another, or takes it away: the verb that the JSON interface and the page share.
pub async fn change_with(app: &App, caller: &Caller, kind: Kind, from: String, into: Option<String>) -> Result<Done> {
    let actor = caller.actor();
    app.db.write(move |tx| tags::change(tx, &actor, kind, &from, into.as_deref())).await
}

/// Lists all tags of a kind with how many mentors have each, and pairs that look like one.
#[utoipa::path(get, path = "/api/admin/tags", tag = "staff", params(TagQuery), responses(
    (status = 200, description = "The tags, the most common first", body = TagList),
    (status = 422, description = "A parameter is wrong", body = Problem),
))]
pub async fn list(State(app): State<App>, _: Pm, Query(query): Query<TagQuery>) -> Result<Json<TagList>, Refusal> {
    let kind = query.kind.filter(|kind| !kind.is_empty()).map(|kind| kind.parse()).transpose()?.unwrap_or_default();
    let (items, suggestions) = read(&app, kind).await?;
    Ok(Json(TagList { kind, items, suggestions }))
}

/// Which tag to merge into which.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Merger {
    /// `expertise`, `industries`, `stages` or `languages`
    pub kind: String,
    /// The tag that goes, letter by letter.
    pub from: String,
    /// The tag that takes its place; some mentor must have it.
    pub into: String,
}

/// What a merger did.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Merged {
    /// How many mentors are different now.
    changed: usize,
}

/// Merges one tag into another with every mentor who has it.
#[utoipa::path(post, path = "/api/admin/tags/merge", tag = "staff", request_body = Merger, responses(
    (status = 200, description = "Merged", body = Merged),
    (status = 404, description = "`tag_unknown`: no mentor has one of the two", body = Problem),
    (status = 422, description = "A field is wrong", body = Problem),
))]
pub async fn merge(State(app): State<App>, Pm(caller): Pm, Json(ask): Json<Merger>) -> Result<Json<Merged>, Refusal> {
    let (actor, kind) = (caller.actor(), ask.kind.parse()?);
    let done = app.db.write(move |tx| tags::merge(tx, &actor, kind, &ask.from, &ask.into)).await?;
    Ok(Json(Merged { changed: done.n_changed }))
}
