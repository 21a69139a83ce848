//! The handlers of the pages about programs that are told what happens. Each calls the verb that its JSON twin
//! under `api` calls.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::Markup;
use serde::Deserialize;

use super::arriving::on_form;
use super::hooks::{self as drawing, HookForm, HookPage, HookView, HooksView, LetterLine};
use super::show::{frame, when};
use crate::app::App;
use crate::error::Result;
use crate::hooks::{self, Change, Hook, Letter};
use crate::ids::HookId;
use crate::web::api::hooks::{NewHook, change_with, create_with, letter_page};
use crate::web::error::Refusal;
use crate::web::extract::{Form, Id, Query};
use crate::web::identity::{self, Admin, Caller};

/// Where the list is.
const PAGE: &str = "/admin/hooks";

/// How times are written here.
const FORMAT: &str = "%-d %b %Y, %H:%M";

/// Letters on a page.
const LETTERS: u32 = 50;

/// What the page says it has just done, and where its list goes on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    done: String,
    before: String,
}

impl Asked {
    fn notice(&self) -> Option<String> {
        let words = match self.done.as_str() {
            "removed" => "The webhook is gone: that program is told nothing more.",
            "changed" => "The change is made.",
            "on" => "It is told of what happens from now on.",
            "off" => "It is told nothing until you switch it on again.",
            "tested" => "A test is on its way. Load this page again in a moment to see what came of it.",
            "retried" => "It is tried again.",
            _ => return None,
        };
        Some(words.to_owned())
    }
}

/// What a form says of a hook.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Said {
    url: String,
    events: Vec<String>,
}

/// Whether a hook is to be told anything.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Switch {
    active: String,
}

fn hook_view(hook: Hook, zone: &str) -> HookView {
    HookView {
        id: hook.id.to_string(),
        url: hook.url,
        events: hook.events,
        is_active: hook.is_active,
        is_given_up: hook.off_reason.as_deref() == Some("failing"),
        failing_since: hook.failing_since.map(|it| when(it, zone, FORMAT)),
        last: hook.last_at.map(|it| when(it, zone, FORMAT)),
        last_error: hook.last_error,
        n_queued: hook.n_queued,
        n_dead: hook.n_dead,
    }
}

fn letter_line(letter: Letter, zone: &str) -> LetterLine {
    let waits = letter.state == hooks::State::Queued;
    LetterLine {
        id: letter.id,
        event: letter.event_id,
        kind: letter.kind,
        state: letter.state,
        n_attempts: letter.attempts,
        last_error: letter.last_error,
        written: when(letter.created_at, zone, FORMAT),
        due: waits.then(|| when(letter.due_at, zone, FORMAT)),
    }
}

async fn list_view(app: &App, caller: &Caller) -> Result<HooksView> {
    let found = app.db.read(hooks::hooks).await?;
    let zone = &caller.user.timezone;
    Ok(HooksView {
        allow_private: app.config.hooks.allow_private,
        hooks: found.into_iter().map(|hook| hook_view(hook, zone)).collect(),
        ..HooksView::default()
    })
}

fn list_drawn(app: &App, caller: &Caller, view: &HooksView) -> Markup {
    let viewer = identity::as_viewer(&caller.user);
    drawing::render(&frame(app, "Webhooks", PAGE, Some(&viewer)), view)
}

async fn hook_page(app: &App, caller: &Caller, id: HookId, before: Option<i64>) -> Result<HookPage> {
    let hook = app.db.read(move |tx| hooks::hook(tx, id)).await?;
    let (letters, next_before) = letter_page(app, id, before, LETTERS).await?;
    let zone = &caller.user.timezone;
    Ok(HookPage {
        form: HookForm { url: hook.url.clone(), events: hook.events.clone(), ..HookForm::default() },
        hook: hook_view(hook, zone),
        letters: letters.into_iter().map(|letter| letter_line(letter, zone)).collect(),
        next_before,
        ..HookPage::default()
    })
}

fn hook_drawn(app: &App, caller: &Caller, view: &HookPage) -> Markup {
    let viewer = identity::as_viewer(&caller.user);
    let title = drawing::title(&view.hook.url);
    drawing::render_hook(&frame(app, &title, PAGE, Some(&viewer)), view, app.config.hooks.allow_private)
}

fn back_to(id: HookId, done: &str) -> Response {
    Redirect::to(&format!("{PAGE}/{id}?done={done}")).into_response()
}

/// `GET /admin/hooks`
pub async fn list(
    State(app): State<App>,
    Admin(caller): Admin,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let view = HooksView { notice: asked.notice(), ..list_view(&app, &caller).await? };
    Ok(Html(list_drawn(&app, &caller, &view).into_string()).into_response())
}

/// `POST /admin/hooks`: one of the two answers that show a secret.
pub async fn add(State(app): State<App>, Admin(caller): Admin, Form(said): Form<Said>) -> Result<Response, Refusal> {
    let Said { url, events } = said.clone();
    match create_with(&app, &caller, NewHook::new(url, events)).await {
        Ok((hook, secret)) => {
            let notice = Some("The webhook is set up. It hears of what happens from now on.".to_owned());
            let view = HookPage { notice, secret: Some(secret), ..hook_page(&app, &caller, hook.id, None).await? };
            Ok(Html(hook_drawn(&app, &caller, &view).into_string()).into_response())
        }
        Err(refusal) => {
            let mut view = list_view(&app, &caller).await?;
            Ok(on_form(refusal, |errors, problem| {
                view.form = HookForm { url: said.url, events: said.events, errors, problem };
                list_drawn(&app, &caller, &view)
            })?)
        }
    }
}

/// `GET /admin/hooks/{id}`
pub async fn show(
    State(app): State<App>,
    Admin(caller): Admin,
    Id(id): Id<HookId>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let view = HookPage { notice: asked.notice(), ..hook_page(&app, &caller, id, asked.before.parse().ok()).await? };
    Ok(Html(hook_drawn(&app, &caller, &view).into_string()).into_response())
}

/// `POST /admin/hooks/{id}`
pub async fn change(
    State(app): State<App>,
    Admin(caller): Admin,
    Id(id): Id<HookId>,
    Form(said): Form<Said>,
) -> Result<Response, Refusal> {
    let Said { url, events } = said.clone();
    let to = Change { url: Some(url), events: Some(events), ..Change::default() };
    match change_with(&app, &caller, id, to).await {
        Ok(_) => Ok(back_to(id, "changed")),
        Err(refusal) => {
            let mut view = hook_page(&app, &caller, id, None).await?;
            Ok(on_form(refusal, |errors, problem| {
                view.form = HookForm { url: said.url, events: said.events, errors, problem };
                hook_drawn(&app, &caller, &view)
            })?)
        }
    }
}

/// `POST /admin/hooks/{id}/switch`
pub async fn switch(
    State(app): State<App>,
    Admin(caller): Admin,
    Id(id): Id<HookId>,
    Form(to): Form<Switch>,
) -> Result<Response, Refusal> {
    let is_active = to.active == "true";
    change_with(&app, &caller, id, Change { is_active: Some(is_active), ..Change::default() }).await?;
    Ok(back_to(id, if is_active { "on" } else { "off" }))
}

/// `POST /admin/hooks/{id}/secret`: the other answer that shows a secret.
pub async fn renew_secret(
    State(app): State<App>,
    Admin(caller): Admin,
    Id(id): Id<HookId>,
) -> Result<Response, Refusal> {
    let (_, secret) = change_with(&app, &caller, id, Change { renew_secret: true, ..Change::default() }).await?;
    let view = HookPage { secret, ..hook_page(&app, &caller, id, None).await? };
    Ok(Html(hook_drawn(&app, &caller, &view).into_string()).into_response())
}

/// `POST /admin/hooks/{id}/remove`
pub async fn remove(State(app): State<App>, Admin(caller): Admin, Id(id): Id<HookId>) -> Result<Response, Refusal> {
    let actor = caller.actor();
    app.db.write(move |tx| hooks::remove(tx, &actor, id)).await?;
    Ok(Redirect::to("/admin/hooks?done=removed").into_response())
}

/// `POST /admin/hooks/{id}/test`
pub async fn test(State(app): State<App>, Admin(caller): Admin, Id(id): Id<HookId>) -> Result<Response, Refusal> {
    let actor = caller.actor();
    app.db.write(move |tx| hooks::test(tx, &actor, id)).await?;
    Ok(back_to(id, "tested"))
}

/// `POST /admin/hooks/letters/{id}/retry`
pub async fn retry(State(app): State<App>, Admin(caller): Admin, Id(id): Id<i64>) -> Result<Response, Refusal> {
    let actor = caller.actor();
    let hook = app.db.write(move |tx| hooks::retry(tx, &actor, id)).await?;
    Ok(back_to(hook, "retried"))
}
