//! The handlers of the availability page: typed input, one verb, back to the page.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{LocalResult, NaiveDate, NaiveTime, TimeZone, Weekday};
use serde::Deserialize;

use super::availability::{self, AvailabilityView, DAYS, Part, SlotRow, WINDOWS};
use super::moments::{day, hours as clock_hours, stretch, zone, zone_label};
use super::show::{frame, when};
use crate::app::App;
use crate::booking::hours::{self, Hours, Window, clock_time};
use crate::booking::slots::{self, NewSlot, Slot};
use crate::booking::{self, Asker, Rules, SessionFilter, Status};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Kind, Result};
use crate::ids::{MentorId, SlotId};
use crate::mentors::Mentor;
use crate::web::api::availability::{own, told as told_why};
use crate::web::api::hours::minute_of;
use crate::web::error::{Refusal, told};
use crate::web::extract::{Form, Id, Query};
use crate::web::identity::{self, Caller, SignedIn};

/// Days of slots that the page lists.
const LISTED_DAYS: i64 = 60;

/// People named beside the slots they sit in, at most.
const MOST_SEATED: u32 = 500;

/// Whose page, and what it has just done.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PageQuery {
    mentor_id: Option<MentorId>,
    done: String,
    /// That it was asked whether to call off the sessions of a slot.
    confirmed: String,
    /// A day and a time to ask about.
    date: String,
    start: String,
}

impl PageQuery {
    fn suffix(&self) -> String {
        self.mentor_id.map_or_else(String::new, |id| format!("?mentorId={id}"))
    }

    fn back(&self, done: &str, part: &str) -> Redirect {
        let whose = self.mentor_id.map_or_else(String::new, |id| format!("&mentorId={id}"));
        Redirect::to(&format!("/availability?done={done}{whose}#{part}"))
    }
}

/// Fields of a form whose names are made by the page.
type Fields = Form<BTreeMap<String, String>>;

/// The last instant of a day in a zone, for "until the end of"; `None` for an empty field.
///
/// # Errors
/// `Invalid` naming `field`.
pub(super) fn end_of_day(field: &str, text: &str, in_zone: &str) -> Result<Option<Moment>> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Error::field(field, "must be a day");
    let date: NaiveDate = text.parse().map_err(|_| wrong())?;
    let next = date.succ_opt().ok_or_else(wrong)?.and_time(NaiveTime::MIN);
    let zone = zone(in_zone);
    // Where midnight is skipped, the hour after it is near enough to the end of the day.
    let at = zone
        .from_local_datetime(&next)
        .latest()
        .or_else(|| zone.from_local_datetime(&(next + chrono::TimeDelta::hours(1))).latest());
    Ok(Some(Moment::from_unix(at.ok_or_else(wrong)?.timestamp())))
}

/// The instant of a day and a time on the wall clock; one that never shows, or shows twice, is named as such.
fn instant(field: &str, date: &str, time: &str, in_zone: &str) -> Result<Moment> {
    let date: NaiveDate = date.parse().map_err(|_| Error::field("date", "must be a day"))?;
    let minute = minute_of(time).ok_or_else(|| Error::field(field, "must be a time like 09:00"))?;
    let local = date.and_time(NaiveTime::MIN) + chrono::TimeDelta::minutes(i64::from(minute));
    match zone(in_zone).from_local_datetime(&local) {
        LocalResult::Single(at) => Ok(Moment::from_unix(at.timestamp())),
        LocalResult::None => Err(Error::field(field, "is skipped that day: the clock is put forward")),
        LocalResult::Ambiguous(..) => Err(Error::field(field, "comes twice that day: the clock is put back")),
    }
}

async fn stored(app: &App, caller: &Caller, query: &PageQuery) -> Result<Option<AvailabilityView>> {
    let (by, mentor_id) = (caller.asker(), query.mentor_id);
    let read = app.db.read(move |tx| {
        let mentor = match own(tx, &by, mentor_id) {
            Err(refusal) if mentor_id.is_none() && refusal.kind == Kind::NotFound => return Ok(None),
            found => found?,
        };
        let hours = hours::hours(tx, mentor.number)?;
        let ahead = slots::all(tx, mentor.number, tx.now(), tx.now().plus_days(LISTED_DAYS))?;
        let of_mentor = SessionFilter {
            mentor: Some(mentor.id),
            statuses: vec![Status::Pending, Status::Booked],
            from: Some(tx.now()),
            is_everybodys: true,
            ..SessionFilter::default()
        };
        let wanted = hours::wanted(tx, &hours);
        Ok(Some((mentor, hours, wanted, ahead, booking::sessions(tx, &by, &of_mentor, MOST_SEATED)?)))
    });
    let Some((mentor, hours, wanted, ahead, seated)) = read.await? else { return Ok(None) };
    let now = app.db.clock().now();
    let in_zone = mentor.timezone.as_str();
    let mut days: Vec<(crate::web::layout::When, Vec<SlotRow>)> = Vec::new();
    for slot in ahead {
        let of_day = day(slot.starts_at, in_zone);
        let row = SlotRow {
            id: slot.id.to_string(),
            when: clock_hours(slot.starts_at, slot.ends_at, in_zone),
            instead_of: if slot.is_from_hours { Vec::new() } else { kept_out(&slot, &wanted, in_zone) },
            seats: (slot.n_taken, slot.capacity),
            place: if slot.location == "virtual" { String::new() } else { slot.location },
            people: seated
                .iter()
                .filter(|session| session.slot == Some(slot.id))
                .map(|session| (session.id.to_string(), session.mentee.name.clone()))
                .collect(),
        };
        match days.last_mut().filter(|(last, _)| last.iso == of_day.iso) {
            Some((_, rows)) => rows.push(row),
            None => days.push((of_day, vec![row])),
        }
    }
    let paused = mentor.profile.paused_until.filter(|until| *until > now);
    Ok(Some(AvailabilityView {
        suffix: query.suffix(),
        name: if mentor.user == caller.user.id { String::new() } else { mentor.name.clone() },
        zone_label: zone_label(in_zone, now),
        paused_until: paused.map(|until| when(until, in_zone, "%A %-d %B %Y, %H:%M").label),
        days,
        slot: [String::new(), String::new(), String::new(), "1".to_owned(), String::new()],
        why: asked_why(app, caller, query, &mentor).await?,
        ..hours_view(&hours)
    }))
}

/// The weekly times that are not there because this single one is.
fn kept_out(slot: &Slot, wanted: &[(Moment, Moment)], in_zone: &str) -> Vec<String> {
    let overlapping = wanted.iter().filter(|(starts, ends)| *starts < slot.ends_at && slot.starts_at < *ends);
    overlapping.map(|(starts, ends)| clock_hours(*starts, *ends, in_zone).label).collect()
}

async fn asked_why(
    app: &App,
    caller: &Caller,
    query: &PageQuery,
    mentor: &Mentor,
) -> Result<Option<(String, &'static str)>> {
    if query.date.is_empty() {
        return Ok(None);
    }
    let Ok(at) = instant("start", &query.date, &query.start, &mentor.timezone) else {
        return Ok(Some((format!("{} {}", query.date, query.start), "The clock does not show that time then.")));
    };
    let (by, id) = (caller.asker(), mentor.id);
    let found = app.db.read(move |tx| slots::why_not(tx, own(tx, &by, Some(id))?.number, at)).await?;
    Ok(Some((
        stretch(at, at, &mentor.timezone).label.split(" to ").next().unwrap_or_default().to_owned(),
        told_why(found).1,
    )))
}

fn times(windows: &[Window]) -> Vec<(String, String)> {
    windows.iter().map(|it| (clock_time(it.starts), clock_time(it.ends))).collect()
}

fn hours_view(hours: &Hours) -> AvailabilityView {
    let of_day = |number: usize| -> Vec<Window> {
        let rules = hours.rules.iter().filter(|(day, _)| day.num_days_from_monday() as usize == number);
        rules.map(|(_, window)| *window).collect()
    };
    AvailabilityView {
        numbers: [
            hours.session_minutes,
            hours.buffer_minutes,
            hours.min_notice_minutes,
            hours.window_days,
            hours.capacity,
        ]
        .map(|number| number.to_string()),
        week: (0..7).map(|number| times(&of_day(number))).collect(),
        exceptions: hours.exceptions.iter().map(|(date, windows)| (date.to_string(), times(windows))).collect(),
        ..AvailabilityView::default()
    }
}

fn drawn(app: &App, caller: &Caller, view: &AvailabilityView) -> Html<String> {
    let viewer = identity::as_viewer(&caller.user);
    Html(availability::render(&frame(app, "Availability", "/availability", Some(&viewer)), view).into_string())
}

/// `GET /availability`
pub async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(query): Query<PageQuery>,
) -> Result<Response, Refusal> {
    let Some(mut view) = stored(&app, &caller, &query).await? else {
        let viewer = identity::as_viewer(&caller.user);
        let frame = frame(&app, "Availability", "/availability", Some(&viewer));
        return Ok(Html(availability::render_none(&frame).into_string()).into_response());
    };
    view.notice = match query.done.as_str() {
        "hours" => {
            let n_slots: usize = view.days.iter().map(|(_, slots)| slots.len()).sum();
            let n_kept_out: usize =
                view.days.iter().flat_map(|(_, slots)| slots).map(|slot| slot.instead_of.len()).sum();
            let kept_out = match n_kept_out {
                0 => String::new(),
                1 => " 1 weekly time is left out, as a time opened by hand overlaps it: see below.".to_owned(),
                n => format!(" {n} weekly times are left out, as times opened by hand overlap them: see below."),
            };
            Some(format!("Saved. {n_slots} times lie ahead in the next {LISTED_DAYS} days.{kept_out}"))
        }
        "opened" => Some("The time is open.".to_owned()),
        "removed" => Some("The time is no longer offered.".to_owned()),
        "paused" => Some("Nobody new can book for now.".to_owned()),
        "back" => Some("The pause is over.".to_owned()),
        _ => None,
    };
    Ok(drawn(&app, &caller, &view).into_response())
}

/// Stays on the page with the reason where a verb refused.
async fn refused(
    app: &App,
    caller: &Caller,
    query: &PageQuery,
    part: Part,
    refusal: Error,
    keep: impl FnOnce(&mut AvailabilityView),
) -> Result<Response, Refusal> {
    if !matches!(refusal.kind, Kind::Invalid | Kind::Conflict) {
        return Err(refusal.into());
    }
    let Some(mut view) = stored(app, caller, query).await? else { return Err(refusal.into()) };
    view.part = part;
    view.errors = refusal.fields.clone();
    view.problem = refusal.fields.is_empty().then(|| refusal.message.to_string());
    keep(&mut view);
    let page = drawn(app, caller, &view);
    Ok(told(refusal, |status: StatusCode| (status, page).into_response()))
}

/// What the hours form says, as it was typed.
struct Typed {
    numbers: [String; 5],
    week: Vec<Vec<(String, String)>>,
    exceptions: Vec<(String, Vec<(String, String)>)>,
}

impl Typed {
    fn of(fields: &BTreeMap<String, String>) -> Self {
        let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
        let pair = |name: &str| (field(&format!("{name}from")), field(&format!("{name}to")));
        let is_said = |(from, to): &(String, String)| !from.is_empty() || !to.is_empty();
        let week = DAYS
            .iter()
            .map(|(day, _)| (0..WINDOWS).map(|place| pair(&format!("{day}{place}"))).filter(is_said).collect());
        let mut exceptions = Vec::new();
        for place in 0..fields.len() {
            let date = field(&format!("on{place}"));
            if date.is_empty() {
                continue;
            }
            let first = Some(pair(&format!("on{place}"))).filter(is_said);
            let more = (1..).map_while(|more| fields.get(&format!("on{place}more{more}")));
            let more = more.filter_map(|text| text.split_once('-')).map(|(from, to)| (from.to_owned(), to.to_owned()));
            exceptions.push((date, first.into_iter().chain(more).collect()));
        }
        let numbers = ["sessionMinutes", "bufferMinutes", "minNoticeMinutes", "windowDays", "capacity"].map(field);
        Self { numbers, week: week.collect(), exceptions }
    }

    fn read(&self, now: &Hours) -> Result<Hours> {
        let window = |what: &str, (from, to): &(String, String)| {
            let time = |text: &str| minute_of(text);
            match (time(from), time(to)) {
                // Midnight at the end of a day is 24:00; a browser's field can only say 00:00.
                (Some(starts), Some(0)) => Ok(Window { starts, ends: 1_440 }),
                (Some(starts), Some(ends)) => Ok(Window { starts, ends }),
                _ => Err(Error::field(what, "need both a from and a to")),
            }
        };
        let number = |place: usize, name: &str| -> Result<u32> {
            self.numbers[place].parse().map_err(|_| Error::field(name, "must be a whole number"))
        };
        let mut rules = Vec::new();
        for (number, windows) in (0_u8..).zip(&self.week) {
            for it in windows {
                rules.push((Weekday::try_from(number).unwrap_or(Weekday::Mon), window("rules", it)?));
            }
        }
        let mut exceptions = Vec::new();
        for (date, windows) in &self.exceptions {
            let date = date.parse().map_err(|_| Error::field("exceptions", "must be days"))?;
            exceptions.push((date, windows.iter().map(|it| window("exceptions", it)).collect::<Result<_>>()?));
        }
        Ok(Hours {
            timezone: now.timezone.clone(),
            session_minutes: number(0, "sessionMinutes")?,
            buffer_minutes: number(1, "bufferMinutes")?,
            min_notice_minutes: number(2, "minNoticeMinutes")?,
            window_days: number(3, "windowDays")?,
            capacity: number(4, "capacity")?,
            rules,
            exceptions,
        })
    }
}

/// Says of a refused rule which day it is about, as the page has no `rules[3]`.
fn in_words(mut refusal: Error, hours: Option<&Hours>) -> Error {
    let renamed = refusal.fields.iter().map(|(field, problem)| {
        let place = |name: &str| -> Option<usize> { field.strip_prefix(name)?.split_once(']')?.0.parse().ok() };
        if let (Some(place), Some(hours)) = (place("rules["), hours) {
            let day = hours.rules.get(place).map_or("", |(day, _)| DAYS[day.num_days_from_monday() as usize].1);
            return ("rules".to_owned(), format!("of {day}: a time {problem}"));
        }
        if let (Some(place), Some(hours)) = (place("exceptions["), hours) {
            let date = hours.exceptions.get(place).map_or_else(String::new, |(date, _)| date.to_string());
            return ("exceptions".to_owned(), format!("on {date}: a time {problem}"));
        }
        (field.clone(), problem.clone())
    });
    refusal.fields = renamed.collect();
    refusal
}

/// `POST /availability/hours`
pub async fn save_hours(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(query): Query<PageQuery>,
    Form(fields): Fields,
) -> Result<Response, Refusal> {
    let typed = Typed::of(&fields);
    match set_hours(&app, &caller, query.mentor_id, &typed).await {
        Ok(()) => Ok(query.back("hours", "hours").into_response()),
        Err(refusal) => {
            refused(&app, &caller, &query, Part::Hours, refusal, |view| {
                view.numbers = typed.numbers;
                view.week = typed.week;
                view.exceptions = typed.exceptions;
            })
            .await
        }
    }
}

async fn set_hours(app: &App, caller: &Caller, mentor: Option<MentorId>, typed: &Typed) -> Result<()> {
    let by = caller.asker();
    let asker = by.clone();
    let read = move |tx: &Tx<'_>| {
        let mentor = own(tx, &asker, mentor)?;
        Ok((mentor.number, hours::hours(tx, mentor.number)?))
    };
    let (number, now) = app.db.read(read).await?;
    let wanted = typed.read(&now)?;
    let sent = wanted.clone();
    let set = app.db.write(move |tx| hours::set(tx, &by, number, &sent)).await;
    set.map(drop).map_err(|refusal| in_words(refusal, Some(&wanted)))
}

/// The form of a single slot.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SlotForm {
    date: String,
    start: String,
    end: String,
    capacity: String,
    location: String,
}

/// `POST /availability/slots`
pub async fn open(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(query): Query<PageQuery>,
    Form(form): Form<SlotForm>,
) -> Result<Response, Refusal> {
    let (by, mentor, sent) = (caller.asker(), query.mentor_id, form.clone());
    match app.db.write(move |tx| open_one(tx, &by, mentor, &sent)).await {
        Ok(()) => Ok(query.back("opened", "slots").into_response()),
        Err(refusal) => {
            refused(&app, &caller, &query, Part::Slot, refusal, |view| {
                view.slot = [form.date, form.start, form.end, form.capacity, form.location];
            })
            .await
        }
    }
}

fn open_one(tx: &Tx<'_>, by: &Asker, mentor: Option<MentorId>, form: &SlotForm) -> Result<()> {
    let mentor = own(tx, by, mentor)?;
    let at = |field: &str, time: &str| instant(field, &form.date, time, &mentor.timezone);
    let location = if form.location.trim().is_empty() { "virtual" } else { form.location.trim() };
    let new = NewSlot {
        starts_at: at("start", &form.start)?,
        ends_at: at("end", &form.end)?,
        capacity: form.capacity.parse().map_err(|_| Error::field("capacity", "must be a whole number"))?,
        location: location.to_owned(),
    };
    slots::open(tx, by, mentor.number, &[new]).map(drop).map_err(|mut refusal| {
        // The page's fields are times of the clock.
        for (theirs, ours) in [("startsAt", "start"), ("endsAt", "end")] {
            if let Some(problem) = refusal.fields.remove(theirs) {
                refusal.fields.insert(ours.to_owned(), problem);
            }
        }
        refusal
    })
}

/// `POST /availability/slots/{id}/withdraw`
pub async fn withdraw(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SlotId>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Refusal> {
    let (by, rules) = (caller.asker(), Rules::of(&app.config));
    let is_asked = !query.confirmed.is_empty();
    match app.db.write(move |tx| slots::withdraw(tx, &rules, &by, id, is_asked)).await {
        Ok(()) => Ok(query.back("removed", "slots").into_response()),
        Err(refusal) => refused(&app, &caller, &query, Part::Slots, refusal, |_| {}).await,
    }
}

/// The form of a pause; without a day it ends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PauseForm {
    until: String,
}

/// `POST /availability/pause`
pub async fn pause(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(query): Query<PageQuery>,
    Form(form): Form<PauseForm>,
) -> Result<Response, Refusal> {
    let (by, mentor, done) = (caller.asker(), query.mentor_id, if form.until.is_empty() { "back" } else { "paused" });
    let outcome = app.db.write(move |tx| {
        let mentor = own(tx, &by, mentor)?;
        let until = end_of_day("until", &form.until, &mentor.timezone)?;
        hours::pause(tx, &by, mentor.number, until)
    });
    match outcome.await {
        Ok(()) => Ok(query.back(done, "pause").into_response()),
        Err(refusal) => refused(&app, &caller, &query, Part::Pause, refusal, |_| {}).await,
    }
}
