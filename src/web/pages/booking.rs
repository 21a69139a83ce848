//! The handlers of booking: the step before it, and the booking itself.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::book::{self, BookView, ChosenSlot};
use super::moments::{hours, stretch, zone_label};
use super::show::frame;
use crate::accounts;
use crate::accounts::mentees;
use crate::app::App;
use crate::booking::slots::{self, Slot};
use crate::booking::{self, Ask, Asker, Rules, SessionFilter, Status, Wanted};
use crate::db::Tx;
use crate::error::{Error, Kind, Result};
use crate::ids::{MentorId, SessionId, SlotId, UserId};
use crate::mentors::{self, Mentor, Visibility};
use crate::web::error::{Refusal, told};
use crate::web::extract::{Form, Id, Query};
use crate::web::identity::{self, Caller, SignedIn};

/// Other times offered where one is lost.
const ALTERNATIVES: usize = 3;

/// Which slot, seen from which zone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BookQuery {
    slot: String,
    tz: String,
}

/// What the form sends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct BookForm {
    slot: String,
    tz: String,
    key: String,
    notes: String,
    mentee: String,
}

/// The zone asked for, if calendars know it, else the caller's own.
pub(super) fn chosen_zone(asked: &str, caller: &Caller) -> String {
    accounts::check_timezone(asked).unwrap_or_else(|_| caller.user.timezone.clone())
}

fn unknown() -> Error {
    Error::not_found("mentor_unknown", "This mentor is not here, or no longer.")
}

fn seen_mentor(tx: &Tx<'_>, id: MentorId, is_staff: bool) -> Result<Mentor> {
    let is_seen = |mentor: &Mentor| mentor.is_visible() || (is_staff && !mentor.is_erased);
    mentors::mentor(tx, id)?.filter(is_seen).ok_or_else(unknown)
}

fn work(mentor: &Mentor) -> String {
    let parts = [mentor.profile.title.as_str(), mentor.profile.company.as_str()];
    parts.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(", ")
}

/// A mentor, the slot, and whether the caller can book at all.
type Step = (Mentor, Option<Slot>, bool);

async fn step(app: &App, caller: &Caller, mentor: MentorId, slot: &str) -> Result<Step> {
    let (user, is_staff, slot) = (caller.user.id, caller.user.role.is_staff(), slot.parse::<SlotId>().ok());
    app.db
        .read(move |tx| {
            let mentor = seen_mentor(tx, mentor, is_staff)?;
            let found = slot.map(|slot| slots::slot(tx, slot)).transpose()?.flatten();
            let found = found.filter(|slot| slot.mentor == mentor.number);
            Ok((mentor, found, is_staff || mentees::of_user(tx, user)?.is_some()))
        })
        .await
}

fn view(app: &App, caller: &Caller, (mentor, slot, _): &Step, form: BookForm) -> BookView {
    let zone = chosen_zone(&form.tz, caller);
    let at = slot.as_ref().map_or_else(|| app.db.clock().now(), |slot| slot.starts_at);
    let is_request = mentor.profile.visibility == Visibility::Limited && !caller.user.role.is_staff();
    BookView {
        mentor_id: mentor.id.to_string(),
        name: mentor.name.clone(),
        photo_url: mentor.photo().map(str::to_owned),
        work: work(mentor),
        slot: slot.as_ref().map(|slot| chosen(slot, mentor, &zone)),
        slot_id: form.slot,
        zone_label: zone_label(&zone, at),
        zone,
        notes: form.notes,
        key: form.key,
        answer_hours: is_request.then_some(app.config.booking.request_hours),
        notice_hours: app.config.booking.cancel_notice_hours,
        mentee: caller.user.role.is_staff().then_some(form.mentee),
        ..BookView::default()
    }
}

fn chosen(slot: &Slot, mentor: &Mentor, zone: &str) -> ChosenSlot {
    let there = stretch(slot.starts_at, slot.ends_at, &mentor.timezone).label;
    let when = stretch(slot.starts_at, slot.ends_at, zone);
    let left = slot.capacity.saturating_sub(slot.n_taken);
    ChosenSlot {
        there: (there != when.label).then(|| format!("{there}, {}", zone_label(&mentor.timezone, slot.starts_at))),
        when,
        place: if slot.location == "virtual" { "Online".to_owned() } else { slot.location.clone() },
        places: if slot.capacity > 1 { format!("{left} of {} left", slot.capacity) } else { String::new() },
    }
}

fn drawn(app: &App, caller: &Caller, view: &BookView) -> maud::Markup {
    let viewer = identity::as_viewer(&caller.user);
    let path = format!("/mentors/{}/book", view.mentor_id);
    book::render(&frame(app, "Check and book", &path, Some(&viewer)), view)
}

/// `GET /mentors/{id}/book`
pub async fn check(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<MentorId>,
    Query(query): Query<BookQuery>,
) -> Result<Response, Refusal> {
    let step = step(&app, &caller, id, &query.slot).await?;
    let closed = if !step.2 {
        Some("Only people with a mentee's profile book sessions. Those who run the program can give you one.")
    } else if step.0.user == caller.user.id {
        Some("This is your own profile.")
    } else if step.1.is_none() {
        Some("That time is no longer offered.")
    } else {
        None
    };
    if let Some(words) = closed {
        let viewer = identity::as_viewer(&caller.user);
        let frame = frame(&app, "Check and book", "/mentors", Some(&viewer));
        return Ok(Html(book::render_closed(&frame, &step.0.name, &step.0.id.to_string(), words).into_string())
            .into_response());
    }
    let form = BookForm {
        slot: query.slot,
        tz: query.tz,
        key: uuid::Uuid::new_v4().simple().to_string(),
        ..BookForm::default()
    };
    if !is_open(&app, &caller, &step).await? {
        let lost = Error::conflict("slot_taken", "That time is not open any more.");
        return Ok(refused(&app, &caller, id, form, lost).await?);
    }
    let view = view(&app, &caller, &step, form);
    Ok(Html(drawn(&app, &caller, &view).into_string()).into_response())
}

/// Whether the slot could be booked now: better said before somebody writes than after.
async fn is_open(app: &App, caller: &Caller, (mentor, slot, _): &Step) -> Result<bool> {
    let Some(slot) = slot.clone() else { return Ok(false) };
    let is_staff = caller.user.role.is_staff();
    let (number, viewer) = (mentor.number, (!is_staff).then_some(caller.user.id));
    let until = slot.starts_at.plus_seconds(1);
    let open = app.db.read(move |tx| slots::bookable(tx, number, viewer, slot.starts_at, until)).await?;
    // Staff may book where notice and pauses bind others; what they cannot, booking itself tells them.
    Ok(is_staff || !open.is_empty())
}

/// `POST /mentors/{id}/book`
pub async fn book(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<MentorId>,
    Form(form): Form<BookForm>,
) -> Result<Response, Refusal> {
    match try_to_book(&app, &caller, id, &form).await {
        Ok(session) => Ok(Redirect::to(&format!("/sessions/{session}?booked=1")).into_response()),
        Err(refusal) => Ok(refused(&app, &caller, id, form, refusal).await?),
    }
}

async fn try_to_book(app: &App, caller: &Caller, mentor: MentorId, form: &BookForm) -> Result<SessionId> {
    let slot: SlotId = form.slot.parse().map_err(|_| Error::field("slot", "must be chosen"))?;
    let (by, rules, mentee) = (caller.asker(), Rules::of(&app.config), form.mentee.trim().to_owned());
    let (notes, key) = (form.notes.clone(), form.key.clone());
    let booked = app.db.write(move |tx| {
        let on_behalf_of = if by.is_staff { Some(mentee_named(tx, &mentee)?) } else { None };
        let request_key = Some(key).filter(|key| !key.is_empty());
        let ask = Ask { wanted: Wanted::Slot(slot, Some(mentor)), notes, request_key, on_behalf_of };
        booking::book(tx, &rules, &by, &ask)
    });
    Ok(booked.await?.session.id)
}

fn mentee_named(tx: &Tx<'_>, address: &str) -> Result<UserId> {
    let unknown = || Error::field("mentee", "must be the address of somebody with a mentee's profile");
    let user = accounts::user_by_email(tx, address)?.ok_or_else(unknown)?;
    mentees::of_user(tx, user.id)?.map(|_| user.id).ok_or_else(unknown)
}

/// The session by which this mentee holds a seat in the slot.
fn held(tx: &Tx<'_>, by: &Asker, user: UserId, slot: &Slot) -> Result<Option<SessionId>> {
    let filter = SessionFilter {
        mentee: mentees::of_user(tx, user)?.map(|(id, _)| id),
        statuses: vec![Status::Pending, Status::Booked],
        from: Some(slot.starts_at),
        to: Some(slot.starts_at.plus_seconds(1)),
        is_everybodys: by.is_staff,
        ..SessionFilter::default()
    };
    let found = booking::sessions(tx, by, &filter, 1)?;
    Ok(found.into_iter().find(|session| session.slot == Some(slot.id)).map(|session| session.id))
}

/// Stays on the page, keeps what was typed, says what happened, and offers other times where this one is gone.
async fn refused(app: &App, caller: &Caller, mentor: MentorId, form: BookForm, refusal: Error) -> Result<Response> {
    if !matches!(refusal.kind, Kind::Invalid | Kind::Conflict | Kind::Forbidden) {
        return Err(refusal);
    }
    let step = step(app, caller, mentor, &form.slot).await?;
    let is_lost = matches!(
        refusal.code,
        "slot_taken" | "slot_unknown" | "weekly_cap" | "mentee_busy" | "too_soon" | "in_past" | "already_booked"
    ) || refusal.fields.contains_key("slot");
    let address = form.mentee.trim().to_owned();
    let mut view = view(app, caller, &step, form);
    if is_lost {
        let (by, number, slot) = (caller.asker(), step.0.number, step.1.clone());
        let is_held = refusal.code == "already_booked";
        let read = app.db.read(move |tx| {
            let named = if by.is_staff { mentee_named(tx, &address) } else { Ok(by.user) };
            let user = match named {
                Err(unknown) if unknown.kind == Kind::Invalid => by.user,
                other => other?,
            };
            let near = slot.as_ref().map_or(tx.now(), |slot| slot.starts_at);
            let held = slot.filter(|_| is_held).map(|slot| held(tx, &by, user, &slot)).transpose()?.flatten();
            Ok((slots::alternatives(tx, number, Some(user), near, ALTERNATIVES)?, held))
        });
        let (found, held) = read.await?;
        let label = |slot: &Slot| (slot.id.to_string(), stretch(slot.starts_at, slot.ends_at, &view.zone));
        view.alternatives = found.iter().map(label).collect();
        view.held = held.map(|session| format!("/sessions/{session}"));
        // A new time is a new request: the old key would only bring back what came of the old one.
        view.key = uuid::Uuid::new_v4().simple().to_string();
        view.slot_id = String::new();
        view.slot = None;
    }
    view.errors = refusal.fields.clone();
    let when = step.1.as_ref().map(|slot| hours(slot.starts_at, slot.ends_at, &view.zone).label);
    view.problem = refusal.fields.is_empty().then(|| match (is_lost, when) {
        (true, Some(when)) => format!("{} ({when}) Your words are kept.", refusal.message),
        _ => refusal.message.to_string(),
    });
    let markup = drawn(app, caller, &view);
    Ok(told(refusal, |status: StatusCode| (status, Html(markup.into_string())).into_response()))
}
