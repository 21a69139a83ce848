//! The handlers of the sessions pages: lists, one session, and every verb that its page offers.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::book::ConfirmedView;
use super::moments::{day, hours, stretch, zone, zone_label};
use super::session::{self, MoveView, PersonView, SessionView};
use super::sessions::{self, RowView, SessionsView, Tab};
use super::show::{frame, when};
use crate::app::App;
use crate::booking::feedback::{self, Feedback};
use crate::booking::{self, Asker, Party, Person, Rules, Session, SessionFilter, Status, Wanted, feeds, slots};
use crate::clock::Moment;
use crate::error::{Error, Kind, Result};
use crate::ids::{SessionId, SlotId};
use crate::web::api::calendar::renew_with;
use crate::web::error::{Refusal, told};
use crate::web::extract::{Form, Id, Query, page_of};
use crate::web::identity::{self, Caller, SignedIn};

/// Sessions on a page.
const SHOWN: u32 = 100;

/// Which sessions.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    tab: String,
    /// Staff: everybody's.
    everybody: String,
    /// What was just done.
    done: String,
}

/// `GET /sessions`
pub async fn list(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(query): Query<ListQuery>,
) -> Result<Response, Refusal> {
    Ok(listed(&app, &caller, &query, None).await?.into_response())
}

async fn listed(app: &App, caller: &Caller, query: &ListQuery, feed: Option<String>) -> Result<Html<String>> {
    let (tab, by) = (Tab::from_word(&query.tab), caller.asker());
    let is_everybodys = !query.everybody.is_empty() && by.is_staff;
    let now = app.db.clock().now();
    let filter = SessionFilter { is_everybodys, ..filter_of(tab, now) };
    let asker = by.clone();
    let read = app.db.read(move |tx| {
        let pending = SessionFilter { statuses: vec![Status::Pending], ..SessionFilter::default() };
        let found = booking::sessions(tx, &asker, &filter, SHOWN + 1)?;
        Ok((found, booking::sessions(tx, &asker, &pending, SHOWN)?, feeds::has_feed(tx, asker.user)?))
    });
    let (found, pending, has_feed) = read.await?;
    let (found, has_more) = page_of(found, SHOWN);
    let shown: Vec<Session> = found.into_iter().filter(|it| belongs(it, tab, now)).collect();
    let zone = caller.user.timezone.clone();
    let view = SessionsView {
        notice: (query.done == "ended").then_some("The calendar's address no longer works."),
        tab,
        n_to_answer: pending.iter().filter(|it| it.party(by.user) == Some(Party::Mentor)).count(),
        groups: groups(&shown, &by, tab, now, &zone),
        zone_label: zone_label(&zone, now),
        is_mentor: caller.user.role == crate::accounts::Role::Mentor,
        is_everybodys,
        is_staff: by.is_staff,
        has_feed: has_feed || feed.is_some(),
        feed,
        has_more,
    };
    let viewer = identity::as_viewer(&caller.user);
    Ok(Html(sessions::render(&frame(app, "Sessions", "/sessions", Some(&viewer)), &view).into_string()))
}

/// `POST /sessions/calendar`
pub async fn make_feed(State(app): State<App>, SignedIn(caller): SignedIn) -> Result<Response, Refusal> {
    let feed = renew_with(&app, &caller).await?;
    Ok(listed(&app, &caller, &ListQuery::default(), Some(feed.url)).await?.into_response())
}

/// `POST /sessions/calendar/end`
pub async fn end_feed(State(app): State<App>, SignedIn(caller): SignedIn) -> Result<Response, Refusal> {
    let (actor, user) = (caller.actor(), caller.user.id);
    app.db.write(move |tx| feeds::end(tx, &actor, user)).await?;
    Ok(Redirect::to("/sessions?done=ended#calendar").into_response())
}

fn filter_of(tab: Tab, now: Moment) -> SessionFilter {
    // No session is longer than eight hours: one under way began at most so long ago.
    let begun = now.plus_seconds(-8 * 3_600);
    let (statuses, from, to) = match tab {
        Tab::Upcoming => (vec![Status::Booked], Some(begun), None),
        Tab::Unconfirmed => (vec![Status::Pending], None, None),
        Tab::Past => (vec![Status::Booked, Status::Completed, Status::NoShow], None, Some(now)),
        Tab::Cancelled => (vec![Status::Cancelled], None, None),
    };
    let is_soonest_first = matches!(tab, Tab::Upcoming | Tab::Unconfirmed);
    SessionFilter { statuses, from, to, is_soonest_first, ..SessionFilter::default() }
}

/// A session under way is still ahead; a booked one that is over is past.
fn belongs(session: &Session, tab: Tab, now: Moment) -> bool {
    match tab {
        Tab::Upcoming => session.ends_at > now,
        Tab::Past => session.status != Status::Booked || session.ends_at <= now,
        Tab::Unconfirmed | Tab::Cancelled => true,
    }
}

fn groups(shown: &[Session], by: &Asker, tab: Tab, now: Moment, in_zone: &str) -> Vec<(String, Vec<RowView>)> {
    let mut groups: Vec<(String, Vec<RowView>)> = Vec::new();
    for session in shown {
        let name = if matches!(tab, Tab::Upcoming | Tab::Unconfirmed) {
            near(session.starts_at, now, in_zone)
        } else {
            month(session, in_zone)
        };
        let row = row(session, by, now, in_zone);
        match groups.last_mut().filter(|(last, _)| *last == name) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((name, vec![row])),
        }
    }
    groups
}

fn near(at: Moment, now: Moment, in_zone: &str) -> String {
    let date = |at: Moment| at.utc().with_timezone(&zone(in_zone)).date_naive();
    match (date(at) - date(now)).num_days() {
        ..=0 => "Today",
        1 => "Tomorrow",
        2..=6 => "Within a week",
        _ => "Later",
    }
    .to_owned()
}

fn month(session: &Session, in_zone: &str) -> String {
    session.starts_at.utc().with_timezone(&zone(in_zone)).format("%B %Y").to_string()
}

fn row(session: &Session, by: &Asker, now: Moment, in_zone: &str) -> RowView {
    let own = session.party(by.user);
    let other = other_side(session, own);
    let there = stretch(session.starts_at, session.ends_at, &other.timezone).label;
    let when = stretch(session.starts_at, session.ends_at, in_zone);
    RowView {
        id: session.id.to_string(),
        who: match own {
            Some(_) => other.name.clone(),
            None => format!("{} and {}", session.mentor.name, session.mentee.name),
        },
        photo_url: other.image.clone(),
        side: match own {
            Some(Party::Mentor) => "You help.",
            Some(Party::Mentee) => "You are helped.",
            None => "",
        },
        there: (there != when.label).then(|| format!("{there}, {}", zone_label(&other.timezone, session.starts_at))),
        when,
        state: state(session, own, now),
        needs_look: (session.status == Status::Pending && own == Some(Party::Mentor))
            || (session.status == Status::Booked && session.ends_at <= now && own == Some(Party::Mentor)),
    }
}

fn other_side(session: &Session, own: Option<Party>) -> &Person {
    session.person(if own == Some(Party::Mentee) { Party::Mentor } else { Party::Mentee })
}

fn state(session: &Session, own: Option<Party>, now: Moment) -> &'static str {
    match session.status {
        Status::Pending => "Waiting for an answer",
        Status::Booked if session.ends_at <= now && own == Some(Party::Mentee) => "Over",
        Status::Booked if session.ends_at <= now => "Was it held?",
        Status::Booked if session.starts_at <= now => "Under way",
        Status::Booked => "Booked",
        Status::Completed => "Took place",
        Status::NoShow if session.no_show_party == Some(Party::Mentor) => "The mentor did not come",
        Status::NoShow => "The mentee did not come",
        Status::Cancelled => match session.cancelled_by.as_deref() {
            Some("expired") => "Ran out unanswered",
            // Calendars never heard of it: it was only asked for.
            Some("mentor") if session.sequence == 0 => "Declined",
            Some("mentee") if session.sequence == 0 => "Taken back",
            Some("mentor") => "Called off by the mentor",
            Some("mentee") => "Called off by the mentee",
            _ => "Called off by the program",
        },
    }
}

/// What the page of one session may say it has just done.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Done {
    booked: String,
    done: String,
}

/// `GET /sessions/{id}`
pub async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
    Query(query): Query<Done>,
) -> Result<Response, Refusal> {
    let (session, said) = read(&app, &caller, id).await?;
    let mut view = view_of(&app, &caller, &session, &said);
    if !query.booked.is_empty() && session.status.is_active() {
        view.confirmed = Some(ConfirmedView {
            is_request: session.status == Status::Pending,
            other: view.other.name.clone(),
            when: view.when.clone(),
            zone_label: view.zone_label.clone(),
            there: view.there.clone(),
            invite: format!("/api/sessions/{id}/invite.ics"),
            meeting_url: view.meeting_url.clone(),
            change: (view.can_move || view.can_cancel).then_some("#change-title"),
        });
    }
    view.notice = match query.done.as_str() {
        "moved" => Some("The session is at its new time, and both of you get a letter."),
        "cancelled" => Some("The session is called off, and the time is free again."),
        "accepted" => Some("Accepted. Both of you get a letter with an invitation."),
        "declined" => Some("Declined. The mentee gets a letter."),
        "said" => Some("Thank you, that is noted."),
        "undone" => Some("Taken back: the session counts as booked again."),
        _ => None,
    };
    Ok(drawn(&app, &caller, &view).into_response())
}

fn drawn(app: &App, caller: &Caller, view: &SessionView) -> Html<String> {
    let viewer = identity::as_viewer(&caller.user);
    let path = format!("/sessions/{}", view.id);
    Html(session::render(&frame(app, "Session", &path, Some(&viewer)), view).into_string())
}

async fn read(app: &App, caller: &Caller, id: SessionId) -> Result<(Session, Vec<Feedback>)> {
    let by = caller.asker();
    app.db.read(move |tx| Ok((booking::session(tx, &by, id)?, feedback::of_session(tx, &by, id)?))).await
}

/// What the page shows of what is stored.
async fn stored(app: &App, caller: &Caller, id: SessionId) -> Result<SessionView> {
    let (session, said) = read(app, caller, id).await?;
    Ok(view_of(app, caller, &session, &said))
}

fn view_of(app: &App, caller: &Caller, session: &Session, said: &[Feedback]) -> SessionView {
    let (now, by) = (app.db.clock().now(), caller.asker());
    let own = session.party(by.user);
    let other = other_side(session, own);
    let in_zone = caller.user.timezone.as_str();
    let there = stretch(session.starts_at, session.ends_at, &other.timezone).label;
    let when_here = stretch(session.starts_at, session.ends_at, in_zone);
    let is_staff = by.is_staff;
    let has_begun = session.starts_at <= now;
    let is_agreed = matches!(session.status, Status::Booked | Status::Completed | Status::NoShow);
    let notice_hours = app.config.booking.cancel_notice_hours;
    let is_late = session.starts_at < now.plus_seconds(i64::from(notice_hours) * 3_600);
    let is_bound = own == Some(Party::Mentee) && !is_staff && session.status == Status::Booked;
    let is_closed = has_begun || (is_bound && is_late);
    let can_change = session.status.is_active() && (is_staff || !is_closed);
    let mine = said.iter().find(|it| own == Some(it.from));
    SessionView {
        id: session.id.to_string(),
        other: person_view(other),
        mentor: own.is_none().then(|| person_view(&session.mentor)),
        state: state(session, own, now).to_owned(),
        there: (there != when_here.label)
            .then(|| format!("{there}, {}", zone_label(&other.timezone, session.starts_at))),
        when: when_here,
        zone_label: zone_label(in_zone, session.starts_at),
        place: if session.location == "virtual" { "Online".to_owned() } else { session.location.clone() },
        meeting_url: session.meeting_url.clone().filter(|_| is_agreed && own.is_some()),
        notes: session.notes.clone(),
        reason: session.cancel_reason.clone(),
        answer_by: session.expires_at.map(|at| when(at, in_zone, "%A %-d %B, %H:%M").label),
        notice_rule: (is_bound && notice_hours > 0 && !has_begun).then(|| {
            if is_late {
                format!("It starts within {notice_hours} hours: only your mentor and those who run the program can change it now.")
            } else {
                format!("You can do so until {notice_hours} hours before the start. After that, please ask your mentor.")
            }
        }),
        feedback: said
            .iter()
            .map(|it| {
                let whose = if own == Some(it.from) { "You" } else { &session.person(it.from).name };
                (whose.to_owned(), it.rating, it.comment.clone())
            })
            .collect(),
        own_rating: mine.map_or_else(String::new, |it| it.rating.to_string()),
        own_comment: mine.map_or_else(String::new, |it| it.comment.clone()),
        is_shared: mine.is_some_and(|it| it.is_shared),
        can_accept: session.status == Status::Pending && (own == Some(Party::Mentor) || is_staff),
        can_cancel: can_change && !(session.status == Status::Pending && own == Some(Party::Mentor)),
        can_move: can_change && !has_begun,
        can_complete: session.status == Status::Booked && has_begun && (own == Some(Party::Mentor) || is_staff),
        can_report_mentor: session.status == Status::Booked && has_begun && own == Some(Party::Mentee),
        can_undo: is_staff && matches!(session.status, Status::Completed | Status::NoShow),
        can_rate: session.status == Status::Completed && own.is_some(),
        has_invite: session.status == Status::Booked && own.is_some(),
        ..SessionView::default()
    }
}

fn person_view(person: &Person) -> PersonView {
    let parts = [person.title.as_str(), person.company.as_str()];
    PersonView {
        name: person.name.clone(),
        photo_url: person.image.clone(),
        work: parts.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(", "),
    }
}

/// What any of the page's forms sends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VerbForm {
    reason: String,
    pause_until: String,
    party: String,
    rating: String,
    comment: String,
    share: String,
    slot: String,
}

/// Runs a verb of the page: goes back to it when it went well, and stays there with the reason when not.
async fn run<F>(
    app: App,
    caller: Caller,
    id: SessionId,
    form: VerbForm,
    done: &str,
    verb: F,
) -> Result<Response, Refusal>
where
    F: FnOnce(&crate::db::Tx<'_>, &Rules, &Asker, &VerbForm) -> Result<()> + Send + 'static,
{
    let (by, rules, sent) = (caller.asker(), Rules::of(&app.config), form.clone());
    match app.db.write(move |tx| verb(tx, &rules, &by, &sent)).await {
        Ok(()) => Ok(Redirect::to(&format!("/sessions/{id}?done={done}")).into_response()),
        Err(refusal) if matches!(refusal.kind, Kind::Invalid | Kind::Conflict | Kind::Forbidden) => {
            let mut view = stored(&app, &caller, id).await?;
            view.errors = refusal.fields.clone();
            view.problem = refusal.fields.is_empty().then(|| refusal.message.to_string());
            view.typed_reason = form.reason;
            view.typed_pause = form.pause_until;
            if !form.rating.is_empty() || !form.comment.is_empty() {
                view.own_rating = form.rating;
                view.own_comment = form.comment;
                view.is_shared = !form.share.is_empty();
            }
            let page = drawn(&app, &caller, &view);
            Ok(told(refusal, |status: StatusCode| (status, page).into_response()))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// `POST /sessions/{id}/cancel`
pub async fn cancel(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
    Form(form): Form<VerbForm>,
) -> Result<Response, Refusal> {
    run(app, caller, id, form, "cancelled", move |tx, rules, by, form| {
        booking::cancel(tx, rules, by, id, &form.reason).map(drop)
    })
    .await
}

/// `POST /sessions/{id}/accept`
pub async fn accept(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
) -> Result<Response, Refusal> {
    run(app, caller, id, VerbForm::default(), "accepted", move |tx, rules, by, _| {
        booking::accept(tx, rules, by, id).map(drop)
    })
    .await
}

/// `POST /sessions/{id}/decline`
pub async fn decline(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
    Form(form): Form<VerbForm>,
) -> Result<Response, Refusal> {
    let in_zone = caller.user.timezone.clone();
    run(app, caller, id, form, "declined", move |tx, rules, by, form| {
        let until = super::offering::end_of_day("pauseUntil", &form.pause_until, &in_zone)?;
        booking::decline(tx, rules, by, id, &form.reason, until).map(drop)
    })
    .await
}

/// `POST /sessions/{id}/complete`
pub async fn complete(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
) -> Result<Response, Refusal> {
    run(app, caller, id, VerbForm::default(), "said", move |tx, rules, by, _| {
        booking::complete(tx, rules, by, id).map(drop)
    })
    .await
}

/// `POST /sessions/{id}/no-show`
pub async fn no_show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
    Form(form): Form<VerbForm>,
) -> Result<Response, Refusal> {
    run(app, caller, id, form, "said", move |tx, rules, by, form| {
        let party = Party::from_name(&form.party).ok_or_else(|| Error::field("party", "must be mentee or mentor"))?;
        booking::no_show(tx, rules, by, id, party).map(drop)
    })
    .await
}

/// `POST /sessions/{id}/undo`
pub async fn undo(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
) -> Result<Response, Refusal> {
    run(app, caller, id, VerbForm::default(), "undone", move |tx, rules, by, _| {
        booking::undo(tx, rules, by, id).map(drop)
    })
    .await
}

/// `POST /sessions/{id}/feedback`
pub async fn give_feedback(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
    Form(form): Form<VerbForm>,
) -> Result<Response, Refusal> {
    run(app, caller, id, form, "said", move |tx, _, by, form| {
        let rating = form.rating.parse().map_err(|_| Error::field("rating", "must be chosen"))?;
        feedback::give(tx, by, id, rating, &form.comment, !form.share.is_empty()).map(drop)
    })
    .await
}

/// `GET /sessions/{id}/move`
pub async fn choose(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
) -> Result<Response, Refusal> {
    let (session, _) = read(&app, &caller, id).await?;
    if !session.status.is_active() {
        return Ok(Redirect::to(&format!("/sessions/{id}")).into_response());
    }
    Ok(Html(choice(&app, &caller, id, None).await?.into_string()).into_response())
}

/// `POST /sessions/{id}/move`
pub async fn move_to(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
    Form(form): Form<VerbForm>,
) -> Result<Response, Refusal> {
    let (by, rules) = (caller.asker(), Rules::of(&app.config));
    let moved = match form.slot.parse::<SlotId>() {
        Ok(slot) => app.db.write(move |tx| booking::reschedule(tx, &rules, &by, id, &Wanted::Slot(slot, None))).await,
        Err(_) => Err(Error::invalid("slot_unknown", "Please choose one of the times.")),
    };
    match moved {
        Ok(_) => Ok(Redirect::to(&format!("/sessions/{id}?done=moved")).into_response()),
        Err(refusal) if matches!(refusal.kind, Kind::Invalid | Kind::Conflict | Kind::Forbidden) => {
            let markup = choice(&app, &caller, id, Some(refusal.message.to_string())).await?;
            Ok(told(refusal, |status: StatusCode| (status, Html(markup.into_string())).into_response()))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

async fn choice(app: &App, caller: &Caller, id: SessionId, problem: Option<String>) -> Result<maud::Markup> {
    let by = caller.asker();
    let (session, open) = app
        .db
        .read(move |tx| {
            let session = booking::session(tx, &by, id)?;
            let until = tx.now().plus_days(180);
            // Only what the mentee could take is of use, whoever moves the session.
            let found = slots::bookable(tx, session.mentor_number, Some(session.mentee.user), tx.now(), until)?;
            Ok((session, found))
        })
        .await?;
    let in_zone = caller.user.timezone.as_str();
    let mut days: BTreeMap<String, (crate::web::layout::When, Vec<(String, crate::web::layout::When)>)> =
        BTreeMap::new();
    for slot in &open {
        let of_day = day(slot.starts_at, in_zone);
        let entry = days.entry(of_day.iso.clone()).or_insert_with(|| (of_day, Vec::new()));
        entry.1.push((slot.id.to_string(), hours(slot.starts_at, slot.ends_at, in_zone)));
    }
    let view = MoveView {
        id: id.to_string(),
        other: other_side(&session, session.party(caller.user.id)).name.clone(),
        now: stretch(session.starts_at, session.ends_at, in_zone),
        zone_label: zone_label(in_zone, session.starts_at),
        days: days.into_values().collect(),
        problem,
    };
    let viewer = identity::as_viewer(&caller.user);
    let path = format!("/sessions/{id}/move");
    Ok(session::render_move(&frame(app, "Choose another time", &path, Some(&viewer)), &view))
}
