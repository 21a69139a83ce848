//! The handlers of the tags' pages: the list, what a change would do, the change, and its undoing.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::admin_mentors::counted;
use super::admin_tags::{self, ChangeView, TagView, TagsView};
use super::arriving::on_form;
use super::staff::page;
use crate::app::App;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::mentors::tags::{self, Kind, Preview, Tag};
use crate::web::api::tags::{change_with, read};
use crate::web::error::Refusal;
use crate::web::extract::{Form, Query};
use crate::web::identity::{Caller, Pm};

/// Tags on a page.
const LISTED: usize = 100;

/// Pairs that are suggested at once.
const SUGGESTED: usize = 12;

/// Which tags to list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TagsQuery {
    kind: String,
    q: String,
    page: String,
    done: String,
    n: String,
    undo: String,
}

/// The kind that an address names; expertise where it names none.
fn kind_of(text: &str) -> Kind {
    text.parse().unwrap_or_default()
}

fn tag_view(tag: Tag) -> TagView {
    TagView { name: tag.name, n_mentors: tag.n_mentors }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// `GET /admin/tags`
pub async fn list(State(app): State<App>, Pm(caller): Pm, Query(query): Query<TagsQuery>) -> Result<Response, Refusal> {
    let kind = kind_of(&query.kind);
    let (all, alike) = read(&app, kind).await?;
    let part = query.q.trim().to_lowercase();
    let fitting: Vec<Tag> = all.into_iter().filter(|tag| tag.name.to_lowercase().contains(&part)).collect();
    let n_pages = fitting.len().div_ceil(LISTED).max(1);
    let at = query.page.parse().unwrap_or(1).clamp(1, n_pages);
    let who = counted(query.n.parse().unwrap_or_default(), "mentor");
    let notice = match query.done.as_str() {
        "changed" => Some(format!("Done: {who} changed. Answers follow within seconds.")),
        "undone" => Some(format!("Undone: {who} as before.")),
        _ => None,
    };
    let view = TagsView {
        undo: Some(query.undo).filter(|undo| query.done == "changed" && !undo.is_empty()),
        notice,
        kind: kind.name().to_owned(),
        n_all: number(fitting.len()),
        n_pages: number(n_pages),
        page: number(at),
        tags: fitting.into_iter().skip((at - 1) * LISTED).take(LISTED).map(tag_view).collect(),
        alike: if query.q.is_empty() {
            alike.into_iter().take(SUGGESTED).map(|it| (tag_view(it.from), tag_view(it.into))).collect()
        } else {
            Vec::new()
        },
        q: query.q,
    };
    let drawn = page(&app, &caller, "Tags", "/admin/tags", |frame| admin_tags::render(frame, &view));
    Ok(Html(drawn.into_string()).into_response())
}

/// A change to one tag: a new name, another tag, or none.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ChangeForm {
    kind: String,
    from: String,
    into: Option<String>,
    remove: String,
}

impl ChangeForm {
    fn is_removal(&self) -> bool {
        self.remove == "true"
    }
}

/// What would happen, in words.
fn sentences(from: &str, it: &Preview) -> Vec<String> {
    let who = counted(number(it.n_changed), "mentor");
    let mut said = match &it.into {
        None => vec![format!("“{from}” is taken from {who}.")],
        Some(into) if it.n_into > 0 => {
            let n_after = it.n_into.saturating_add(number(it.n_changed - it.n_both));
            vec![
                format!("“{from}” becomes “{into}” with {who}."),
                format!("{} “{into}” now, {n_after} will.", has(it.n_into)),
            ]
        }
        Some(into) => vec![format!("“{from}” is called “{into}” from now on, with {who}.")],
    };
    if it.n_both > 0 {
        said.push(format!("{} both; one of the two stays.", has(number(it.n_both))));
    }
    let more = it.n_changed.saturating_sub(it.names.len());
    let others = if more > 0 { format!(" and {more} more") } else { String::new() };
    said.push(format!("These are: {}{others}.", it.names.join(", ")));
    said
}

fn has(n: u32) -> String {
    format!("{} {}", counted(n, "mentor"), if n == 1 { "has" } else { "have" })
}

fn change_view(form: ChangeForm) -> ChangeView {
    ChangeView {
        kind: kind_of(&form.kind).name().to_owned(),
        from: form.from,
        into: form.into,
        ..ChangeView::default()
    }
}

fn drawn(app: &App, caller: &Caller, view: &ChangeView) -> maud::Markup {
    page(app, caller, "Change a tag", "/admin/tags", |frame| admin_tags::render_change(frame, view))
}

/// `GET /admin/tags/change`: what would happen.
pub async fn preview(
    State(app): State<App>,
    Pm(caller): Pm,
    Query(form): Query<ChangeForm>,
) -> Result<Response, Refusal> {
    let (kind, is_removal) = (kind_of(&form.kind), form.is_removal());
    if form.into.is_none() && !is_removal {
        let view = change_view(form);
        return Ok(Html(drawn(&app, &caller, &view).into_string()).into_response());
    }
    let (from, into) = (form.from.clone(), form.into.clone().filter(|_| !is_removal));
    let outcome = app.db.read(move |tx| tags::preview(tx, kind, &from, into.as_deref())).await;
    match outcome {
        Ok(found) => {
            let label = match (&found.into, found.n_into) {
                (None, _) => "Remove it",
                (Some(_), 0) => "Rename it",
                _ => "Merge them",
            };
            let sentences = sentences(&form.from, &found);
            let view = ChangeView { into: found.into, sentences, label, ..change_view(form) };
            Ok(Html(drawn(&app, &caller, &view).into_string()).into_response())
        }
        Err(refusal) => Ok(refused(&app, &caller, form, refusal)?),
    }
}

/// The form once more, with what was typed and why it cannot be.
fn refused(app: &App, caller: &Caller, form: ChangeForm, refusal: Error) -> Result<Response> {
    // A tag that is gone meanwhile leaves a page with nothing to press: that is told like any other page that is not there.
    if refusal.kind == ErrorKind::NotFound {
        return Err(refusal);
    }
    on_form(refusal, |errors, problem| drawn(app, caller, &ChangeView { errors, problem, ..change_view(form) }))
}

/// `POST /admin/tags/change`
pub async fn change(State(app): State<App>, Pm(caller): Pm, Form(form): Form<ChangeForm>) -> Result<Response, Refusal> {
    let into = if form.is_removal() { None } else { Some(form.into.clone().unwrap_or_default()) };
    let outcome = match form.kind.parse::<Kind>() {
        Ok(kind) => change_with(&app, &caller, kind, form.from.clone(), into).await.map(|done| (kind, done)),
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok((kind, done)) => {
            let (n, undo) = (done.n_changed, done.undo);
            let to = format!("/admin/tags?kind={}&done=changed&n={n}&undo={undo}", kind.name());
            Ok(Redirect::to(&to).into_response())
        }
        Err(refusal) => Ok(refused(&app, &caller, form, refusal)?),
    }
}

/// What is to be undone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct UndoForm {
    undo: String,
    kind: String,
}

/// `POST /admin/tags/undo`
pub async fn undo(State(app): State<App>, Pm(caller): Pm, Form(form): Form<UndoForm>) -> Result<Redirect, Refusal> {
    let undo = form.undo.parse().map_err(|_| Error::field("undo", "is not one of ours"))?;
    let actor = caller.actor();
    let n = app.db.write(move |tx| tags::undo(tx, &actor, undo)).await?;
    Ok(Redirect::to(&format!("/admin/tags?kind={}&done=undone&n={n}", kind_of(&form.kind).name())))
}
