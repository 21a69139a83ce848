//! The handlers of the staff pages: how the program stands, people, the audit log, letters. Each
//! calls the verb that its JSON twin under `api` calls.

use std::collections::HashMap;

use axum::extract::{RawQuery, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::admin::{self, AdminView, CountState, CountView, GroupView};
use super::admin_audit::{self, AuditView, EventView};
use super::admin_users::{self, InviteView, UserView, UsersView};
use super::arriving::on_form;
use super::outbox::{self, LetterView, LineView, OutboxView, WordsView};
use super::show::{frame, when};
use crate::accounts::Role;
use crate::accounts::people::{self, Person};
use crate::app::App;
use crate::audit::Event;
use crate::backup;
use crate::error::{Kind, Result};
use crate::hooks;
use crate::ids::UserId;
use crate::jobs;
use crate::mail::{self, Filter, Post, Posted};
use crate::web::api::outbox::{page as letters_page, read as read_letter};
use crate::web::api::people::{
    EventQuery, Invitation, PeopleQuery, Standing, change_with, event_page, events_csv, invite_again_with, invite_with,
    people_page,
};
use crate::web::error::Refusal;
use crate::web::extract::{Form, Id, Query};
use crate::web::identity::{self, Admin, Caller, Pm};
use crate::web::next::local_path;

/// How times are written here.
pub(super) const FORMAT: &str = "%-d %b %Y, %H:%M";

/// Letters on a page.
const LETTERS: u32 = 50;

/// Draws one of the staff pages for whoever looks.
pub(super) fn page(
    app: &App,
    caller: &Caller,
    title: &str,
    path: &str,
    draw: impl FnOnce(&crate::web::layout::Frame<'_>) -> maud::Markup,
) -> maud::Markup {
    let viewer = identity::as_viewer(&caller.user);
    draw(&frame(app, title, path, Some(&viewer)))
}

/// `GET /admin`
pub async fn home(State(app): State<App>, Pm(caller): Pm) -> Result<Response, Refusal> {
    let backups = app.backups.clone();
    let read = app.db.read(move |tx| {
        let standing = backups.standing(tx)?;
        Ok((people::counts(tx)?, mail::depth(tx)?, jobs::depth(tx)?, hooks::hooks(tx)?, standing))
    });
    let (counts, letters, queue, hooks, standing) = read.await?;
    let plain = |label: &str, n: u64, href: Option<&str>| CountView {
        label: label.to_owned(),
        n,
        href: href.map(str::to_owned),
        state: CountState::Plain,
    };
    let trouble = |label: &str, n: u64, href: Option<&str>| CountView {
        state: if n == 0 { CountState::Good } else { CountState::Look },
        ..plain(label, n, href)
    };
    let of_role = |role: &str| Some(format!("/admin/users?role={role}"));
    let n_visible = u64::try_from(app.matcher.n_visible()).unwrap_or(u64::MAX);
    let mut groups = vec![
        GroupView {
            title: "People".to_owned(),
            counts: vec![
                plain("Mentors who can be found", n_visible, Some("/search")),
                plain("Mentors with an account", counts.mentors, of_role("mentor").as_deref()),
                plain("Mentees", counts.mentees, of_role("mentee").as_deref()),
            ],
        },
        GroupView {
            title: "Letters".to_owned(),
            counts: vec![
                plain("Waiting to go", letters.queued, Some("/admin/outbox?state=queued")),
                trouble("Given up on", letters.dead, Some("/admin/outbox?state=dead")),
            ],
        },
        GroupView {
            title: "Background work".to_owned(),
            counts: vec![plain("Waiting", queue.ready + queue.running, None), trouble("Given up on", queue.dead, None)],
        },
    ];
    if !hooks.is_empty() && caller.user.role == Role::Admin {
        let n_off = hooks.iter().filter(|it| it.off_reason.as_deref() == Some("failing")).count();
        let counts = vec![
            trouble("Events given up on", hooks.iter().map(|it| it.n_dead).sum(), Some("/admin/hooks")),
            trouble("Switched off for failing", u64::try_from(n_off).unwrap_or(u64::MAX), Some("/admin/hooks")),
        ];
        groups.push(GroupView { title: "Webhooks".to_owned(), counts });
    }
    let view = AdminView { notice: None, warning: about_backups(&standing, &caller.user.timezone), groups };
    Ok(Html(page(&app, &caller, "Program", "/admin", |frame| admin::render(frame, &view)).into_string())
        .into_response())
}

/// What there is to say about backups, where somebody should look after them.
fn about_backups(standing: &backup::Standing, zone: &str) -> Option<String> {
    let last = standing.last_at.map_or_else(
        || "There is no backup yet.".to_owned(),
        |at| format!("The last good one is from {}.", when(at, zone, FORMAT).label),
    );
    if let Some(failing) = &standing.failing {
        let since = when(failing.since, zone, FORMAT).label;
        return Some(format!("Backups have failed since {since}: {} {last}", failing.reason));
    }
    if let Some(reason) = &standing.snapshot_failing {
        return Some(format!("The snapshot in the data directory could not be refreshed: {reason}"));
    }
    if let Some(reason) = &standing.drill_failing {
        return Some(format!("The newest backup could not be restored on trial: {reason}"));
    }
    standing.is_overdue.then(|| format!("A backup is overdue. {last}"))
}

async fn users_view(app: &App, caller: &Caller, query: &str) -> Result<UsersView> {
    let asked = admin_users::Asked::read(query);
    let ask = PeopleQuery {
        q: asked.q.clone(),
        role: Some(asked.role.clone()),
        status: Some(asked.status.clone()),
        limit: None,
        cursor: Some(asked.cursor.clone()),
    };
    let list = people_page(app, ask).await?;
    let zone = &caller.user.timezone;
    let view = |person: Person| UserView {
        id: person.id.to_string(),
        is_you: person.id == caller.user.id,
        name: person.name,
        email: person.email,
        photo_url: person.image,
        role: person.role.name().to_owned(),
        status: person.status.name().to_owned(),
        last_login: person.last_login_at.map(|it| when(it, zone, FORMAT)),
    };
    Ok(UsersView {
        asked,
        people: list.items.into_iter().map(view).collect(),
        next_cursor: list.next_cursor,
        ..UsersView::default()
    })
}

fn users_page(app: &App, caller: &Caller, view: &UsersView) -> maud::Markup {
    page(app, caller, "Users", "/admin/users", |frame| admin_users::render(frame, view))
}

/// `GET /admin/users`
pub async fn users(
    State(app): State<App>,
    Admin(caller): Admin,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    let notice = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "done").and_then(|(_, what)| {
        match what.as_ref() {
            "changed" => Some("The change is made. Their sign-ins have ended, so it holds from now on."),
            "invited" => Some("The invitation is on its way."),
            _ => None,
        }
    });
    let view = UsersView { notice: notice.map(str::to_owned), ..users_view(&app, &caller, &query).await? };
    Ok(Html(users_page(&app, &caller, &view).into_string()).into_response())
}

/// A person's new role and state.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct StandingForm {
    role: String,
    status: String,
    next: String,
}

/// `POST /admin/users/{id}`
pub async fn change_user(
    State(app): State<App>,
    Admin(caller): Admin,
    Id(id): Id<UserId>,
    Form(form): Form<StandingForm>,
) -> Result<Response, Refusal> {
    let to = Standing { role: Some(form.role.parse()?), status: Some(form.status.parse()?) };
    let back = local_path(&form.next);
    let outcome = change_with(&app, &caller, id, to).await.map(drop);
    Ok(back_to_list(&app, &caller, &back, outcome, "changed").await?)
}

/// Back to the list that the form stood in, which says what was done or why not.
async fn back_to_list(app: &App, caller: &Caller, back: &str, outcome: Result<()>, done: &str) -> Result<Response> {
    let Err(refusal) = outcome else {
        let mark = if back.contains('?') { '&' } else { '?' };
        return Ok(Redirect::to(&format!("{back}{mark}done={done}")).into_response());
    };
    let query = back.split_once('?').map_or("", |(_, query)| query);
    let view = users_view(app, caller, query).await?;
    on_form(refusal, |_, problem| users_page(app, caller, &UsersView { problem, ..view }))
}

/// Where the list stood.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BackForm {
    next: String,
}

/// `POST /admin/users/{id}/invite`
pub async fn invite_again(
    State(app): State<App>,
    Admin(caller): Admin,
    Id(id): Id<UserId>,
    Form(form): Form<BackForm>,
) -> Result<Response, Refusal> {
    let outcome = invite_again_with(&app, &caller, id).await;
    Ok(back_to_list(&app, &caller, &local_path(&form.next), outcome, "invited").await?)
}

/// Whom to invite.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct InviteForm {
    email: String,
    name: String,
    role: String,
}

/// `POST /admin/users/invite`
pub async fn invite(
    State(app): State<App>,
    Admin(caller): Admin,
    Form(form): Form<InviteForm>,
) -> Result<Response, Refusal> {
    let InviteForm { email, name, role } = form.clone();
    let outcome = match role.parse() {
        Ok(role) => invite_with(&app, &caller, Invitation { email, name, role }).await,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(_) => Ok(Redirect::to("/admin/users?done=invited").into_response()),
        Err(refusal) => {
            let mut view = users_view(&app, &caller, "").await?;
            Ok(on_form(refusal, |errors, problem| {
                let InviteForm { email, name, role } = form;
                view.invite = InviteView { email, name, role, errors, problem };
                users_page(&app, &caller, &view)
            })?)
        }
    }
}

/// What the page's address asks for, as the JSON interface asks for it. An account may be named by its address.
async fn event_query(app: &App, asked: &admin_audit::Asked) -> Result<EventQuery> {
    let mut actor = asked.actor.clone();
    if actor.contains('@') {
        let email = actor.clone();
        let found = app.db.read(move |tx| crate::accounts::user_by_email(tx, &email)).await?;
        // Nobody's address: an id that nobody has finds nothing.
        actor = found.map_or_else(UserId::random, |user| user.id).to_string();
    }
    Ok(EventQuery {
        kind: asked.kind.clone(),
        actor,
        entity: asked.entity_id.clone(),
        from: asked.from.clone(),
        to: asked.to.clone(),
        limit: None,
        cursor: asked.before.clone(),
    })
}

fn event_view(event: Event, zone: &str, names: &HashMap<String, String>) -> EventView {
    let named = event.actor.map(|id| {
        let id = id.to_string();
        (id.clone(), event.actor_name.clone().unwrap_or(id))
    });
    EventView {
        when: when(event.occurred_at, zone, FORMAT),
        actor: named,
        address: event.address,
        kind: event.kind,
        entity: event.entity,
        entity_name: names.get(&event.entity_id).cloned(),
        entity_id: event.entity_id,
        changes: admin_audit::changes(&event.change),
    }
}

/// `GET /admin/audit`
pub async fn audit_log(State(app): State<App>, Pm(caller): Pm, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let asked = admin_audit::Asked::read(&query.unwrap_or_default());
    let zone = caller.user.timezone.clone();
    let ask = event_query(&app, &asked).await?;
    let mut view = AuditView { asked, zone: zone.clone(), ..AuditView::default() };
    view.kinds = app.db.read(crate::audit::kinds).await?;
    let draw =
        |view: &AuditView| page(&app, &caller, "Audit log", "/admin/audit", |frame| admin_audit::render(frame, view));
    match event_page(&app, &ask).await {
        Ok(list) => {
            let items = list.items;
            let (names, items) = app.db.read(move |tx| Ok((crate::audit::names(tx, &items)?, items))).await?;
            view.events = items.into_iter().map(|event| event_view(event, &zone, &names)).collect();
            view.next_before = list.next_cursor;
            Ok(Html(draw(&view).into_string()).into_response())
        }
        Err(refusal) if refusal.kind == Kind::Invalid => {
            Ok(on_form(refusal, |errors, _| draw(&AuditView { errors, ..view }))?)
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// `GET /admin/audit.csv`
pub async fn audit_file(State(app): State<App>, caller: Admin, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let ask = event_query(&app, &admin_audit::Asked::read(&query.unwrap_or_default())).await?;
    events_csv(State(app), caller, Query(ask)).await
}

/// Which letters to list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct LetterQuery {
    state: String,
    kind: String,
    before: String,
    done: String,
}

fn line_view(letter: Posted, zone: &str) -> LineView {
    let waits = letter.state == mail::State::Queued;
    LineView {
        id: letter.id,
        subject: letter.subject,
        recipient: letter.recipient,
        kind: letter.kind,
        state: letter.state,
        n_attempts: letter.attempts,
        last_error: letter.last_error,
        queued: when(letter.created_at, zone, FORMAT),
        due: waits.then(|| when(letter.due_at, zone, FORMAT)),
        sent: letter.sent_at.map(|it| when(it, zone, FORMAT)),
    }
}

/// `GET /admin/outbox`
pub async fn letters(
    State(app): State<App>,
    Pm(caller): Pm,
    Query(query): Query<LetterQuery>,
) -> Result<Response, Refusal> {
    let state = mail::State::from_name(&query.state);
    let kind = Some(query.kind.clone()).filter(|kind| !kind.is_empty());
    let (letters, next_before) = letters_page(&app, Filter { state, kind }, query.before.parse().ok(), LETTERS).await?;
    let view = OutboxView {
        notice: (query.done == "retried").then(|| "The letter is tried again.".to_owned()),
        state,
        kind: query.kind,
        is_folder: matches!(app.post, Post::Folder(_)),
        letters: letters.into_iter().map(|letter| line_view(letter, &caller.user.timezone)).collect(),
        next_before,
    };
    let drawn = page(&app, &caller, "Letters", "/admin/outbox", |frame| outbox::render(frame, &view));
    Ok(Html(drawn.into_string()).into_response())
}

/// `GET /admin/outbox/{id}`
pub async fn letter(State(app): State<App>, Pm(caller): Pm, Id(id): Id<i64>) -> Result<Response, Refusal> {
    let (letter, words) = read_letter(&app, &caller, id).await?;
    let shown = match words.text {
        Some(text) => WordsView::Text(text),
        None if caller.user.role == Role::Admin => WordsView::Wiped,
        None => WordsView::ForAdmins,
    };
    let line = line_view(letter, &caller.user.timezone);
    let view = LetterView { line, recipient_name: words.to_name, words: shown };
    let drawn = page(&app, &caller, "A letter", "/admin/outbox", |frame| outbox::render_letter(frame, &view));
    Ok(Html(drawn.into_string()).into_response())
}

/// `POST /admin/outbox/{id}/retry`
pub async fn retry_letter(State(app): State<App>, Pm(caller): Pm, Id(id): Id<i64>) -> Result<Response, Refusal> {
    let actor = caller.actor();
    app.db.write(move |tx| mail::retry(tx, &actor, id)).await?;
    Ok(Redirect::to("/admin/outbox?done=retried").into_response())
}
