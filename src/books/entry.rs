//! What a line of a book says, field by field, or all that is wrong with it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, Weekday};
use serde_json::{Map, Value};

use super::{Kind, columns};
use crate::accounts::check_timezone;
use crate::booking::books::{FeedbackBook, HoursBook, SessionBook, SlotBook, Told};
use crate::booking::hours::{Hours, Window, day_of};
use crate::booking::{Party, Status};
use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::ids::{FeedbackId, SessionId};
use crate::mentors::books::Reference;
use crate::sync::{self, Person, cells};

/// What is wrong with a moment.
const TIME: &str = "must be a time such as 2030-03-04T09:00:00Z";

/// What is wrong with an id.
const ID: &str = "must be an id such as an export gives";

/// What is wrong with a number.
const NUMBER: &str = "must be a whole number";

/// Names of unknown fields kept of one line, and how much of each.
const MOST_UNKNOWN: usize = 50;
const LONGEST_NAME: usize = 60;

/// One line, understood.
pub(super) enum Entry {
    Person(Person),
    Hours(Box<HoursBook>),
    Slot(Box<SlotBook>),
    Session(Box<SessionBook>),
    Feedback(Box<FeedbackBook>),
}

/// A line of a file; without a kind its own fields tell what it is.
pub(super) fn entry(payload: &Value, kind: Option<Kind>, unknown: &mut BTreeSet<String>) -> Result<Entry> {
    let kind = kind.or_else(|| told_by(payload));
    let Some(kind) = kind.filter(|kind| kind.of_people().is_none()) else {
        return sync::person(payload, kind.and_then(Kind::of_people), unknown).map(Entry::Person);
    };
    let object = payload.as_object().ok_or_else(|| Error::malformed("not_an_object", "must be a JSON object"))?;
    let known = columns::of(kind);
    for name in object.keys().filter(|name| !known.contains(&name.as_str())).take(MOST_UNKNOWN) {
        unknown.insert(name.chars().take(LONGEST_NAME).collect());
    }
    let mut fields = Fields { object, problems: BTreeMap::new() };
    let entry = match kind {
        Kind::Mentors | Kind::Mentees => None,
        Kind::Hours => hours(&mut fields).map(|book| Entry::Hours(Box::new(book))),
        Kind::Availability => slot(&mut fields).map(|book| Entry::Slot(Box::new(book))),
        Kind::Sessions => session(&mut fields).map(|book| Entry::Session(Box::new(book))),
        Kind::Feedback => feedback(&mut fields).map(|book| Entry::Feedback(Box::new(book))),
    };
    match entry {
        Some(entry) if fields.problems.is_empty() => Ok(entry),
        _ => Err(Error::invalid_fields(fields.problems)),
    }
}

/// The kind that only lines with these fields have; people tell themselves apart.
fn told_by(payload: &Value) -> Option<Kind> {
    let has = |name: &str| payload.get(name).is_some();
    if has("sessionId") && has("rating") {
        Some(Kind::Feedback)
    } else if has("rules") && has("sessionMinutes") {
        Some(Kind::Hours)
    } else if has("startsAt") && has("menteeEmail") {
        Some(Kind::Sessions)
    } else {
        has("startsAt").then_some(Kind::Availability)
    }
}

fn hours(fields: &mut Fields<'_>) -> Option<HoursBook> {
    let mentor = fields.mentor();
    let minutes = ["sessionMinutes", "bufferMinutes", "minNoticeMinutes", "windowDays", "capacity"];
    let numbers = minutes.map(|field| fields.needed::<u32>(field, NUMBER));
    let rules = fields.all("rules", rule, "must hold entries such as mon 09:00-12:00");
    let exceptions =
        fields.all("exceptions", exception, "must hold entries such as 2030-03-05 closed or 2030-03-06 10:00-12:00");
    let filled_at = fields.time("filledAt");
    let zone = fields.word("weekZone");
    let zone_is_right = zone.as_deref().is_none_or(|zone| check_timezone(zone).is_ok());
    if !zone_is_right {
        fields.wrong("weekZone", "must be an IANA time zone such as Europe/Berlin");
    }
    let [session_minutes, buffer_minutes, min_notice_minutes, window_days, capacity] = numbers;
    Some(HoursBook {
        mentor: mentor?,
        hours: Hours {
            timezone: String::new(),
            session_minutes: session_minutes?,
            buffer_minutes: buffer_minutes?,
            min_notice_minutes: min_notice_minutes?,
            window_days: window_days?,
            capacity: capacity?,
            rules: rules?,
            exceptions: exceptions?,
        },
        filled_at,
        week_zone: zone,
    })
}

fn slot(fields: &mut Fields<'_>) -> Option<SlotBook> {
    let (mentor, times) = (fields.mentor(), fields.times());
    let book = SlotBook {
        id: fields.maybe("id", ID),
        mentor: Reference::default(),
        starts_at: Moment::default(),
        ends_at: Moment::default(),
        capacity: fields.maybe("capacity", NUMBER).unwrap_or(1),
        location: fields.word("location").unwrap_or_else(|| "virtual".to_owned()),
        is_from_hours: fields.yes_or_no("isFromHours"),
        week_key: fields.week(),
        created_at: fields.time("createdAt"),
    };
    let (starts_at, ends_at) = times?;
    Some(SlotBook { mentor: mentor?, starts_at, ends_at, ..book })
}

fn session(fields: &mut Fields<'_>) -> Option<SessionBook> {
    let id: Option<SessionId> = fields.needed("id", ID);
    let (mentor, times) = (fields.mentor(), fields.times());
    let mentee = fields.needed::<String>("menteeEmail", "must be the mentee's address");
    let states = "must be pending, booked, completed, cancelled or no_show";
    let status = fields.needed_as("status", Status::from_name, states);
    let told = fields.all("told", told, "must hold entries such as session_ended 1 2030-03-04T09:00:00Z");
    let book = SessionBook {
        id: id.unwrap_or_else(SessionId::random),
        mentor: Reference::default(),
        mentee: String::new(),
        slot: fields.maybe("slotId", ID),
        seat_no: fields.maybe("seatNo", NUMBER),
        starts_at: Moment::default(),
        ends_at: Moment::default(),
        status: Status::Cancelled,
        location: fields.word("location").unwrap_or_else(|| "virtual".to_owned()),
        meeting_url: fields.word("meetingUrl"),
        notes: fields.word("notes").unwrap_or_default(),
        cancelled_by: fields.word("cancelledBy"),
        cancel_reason: fields.word("cancelReason"),
        no_show_party: fields.maybe_as("noShowParty", Party::from_name, "must be mentee or mentor"),
        request_key: fields.word("requestKey"),
        booked_by: fields.maybe("bookedBy", ID),
        week_key: fields.week(),
        expires_at: fields.time("expiresAt"),
        closed_at: fields.time("closedAt"),
        sequence: fields.maybe("sequence", NUMBER).unwrap_or(0),
        version: fields.maybe("version", NUMBER).unwrap_or(1),
        created_at: fields.time("createdAt"),
        updated_at: fields.time("updatedAt"),
        told: fields.object.contains_key("told").then_some(told?),
    };
    let (starts_at, ends_at) = times?;
    id?;
    Some(SessionBook { mentor: mentor?, mentee: mentee?, starts_at, ends_at, status: status?, ..book })
}

fn feedback(fields: &mut Fields<'_>) -> Option<FeedbackBook> {
    let session = fields.needed("sessionId", ID);
    let from = fields.needed_as("from", Party::from_name, "must be mentee or mentor");
    let rating = fields.needed("rating", "must be from 1 to 5");
    let id: Option<FeedbackId> = fields.maybe("id", ID);
    let comment = fields.word("comment").unwrap_or_default();
    let (is_shared, created_at, updated_at) =
        (fields.yes_or_no("isShared"), fields.time("createdAt"), fields.time("updatedAt"));
    Some(FeedbackBook {
        id,
        session: session?,
        from: from?,
        rating: rating?,
        comment,
        is_shared,
        created_at,
        updated_at,
    })
}

/// `mon 09:00-12:00`
fn rule(text: &str) -> Option<(Weekday, Window)> {
    let (day, times) = text.trim().split_once(' ')?;
    Some((day_of(day)?, window(times.trim())?))
}

/// `2030-03-05 closed`, or the date and the day's own windows.
fn exception(text: &str) -> Option<(NaiveDate, Vec<Window>)> {
    let (date, said) = text.trim().split_once(' ')?;
    let date = date.parse().ok()?;
    if said.trim() == "closed" {
        return Some((date, Vec::new()));
    }
    let windows: Vec<Window> = said.split_whitespace().map(window).collect::<Option<_>>()?;
    (!windows.is_empty()).then_some((date, windows))
}

fn window(text: &str) -> Option<Window> {
    let (starts, ends) = text.split_once('-')?;
    Some(Window { starts: minute(starts)?, ends: minute(ends)? })
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour <= 24).then_some(hour * 60 + minute)
}

/// `session_ended 1 2030-03-04T09:00:00Z`
fn told(text: &str) -> Option<Told> {
    let mut words = text.split_whitespace();
    let told = Told {
        kind: words.next()?.to_owned(),
        version: words.next()?.parse().ok()?,
        at: Moment::parse(words.next()?)?,
    };
    words.next().is_none().then_some(told)
}

/// Reads fields one by one and keeps what is wrong with each, so that all of it is said at once.
struct Fields<'a> {
    object: &'a Map<String, Value>,
    problems: BTreeMap<String, String>,
}

impl Fields<'_> {
    fn wrong(&mut self, field: &str, problem: &str) {
        self.problems.insert(field.to_owned(), problem.to_owned());
    }

    /// A field as text, whatever JSON wrote it as; `None` where it is blank.
    fn word(&mut self, field: &str) -> Option<String> {
        match self.object.get(field) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::Bool(is_so)) => Some(is_so.to_string()),
            Some(Value::Array(_) | Value::Object(_)) => {
                self.wrong(field, "must be text");
                None
            }
        }
    }

    fn maybe_as<T>(&mut self, field: &str, parse: impl Fn(&str) -> Option<T>, problem: &str) -> Option<T> {
        let word = self.word(field)?;
        let value = parse(word.trim());
        if value.is_none() {
            self.wrong(field, problem);
        }
        value
    }

    fn needed_as<T>(&mut self, field: &str, parse: impl Fn(&str) -> Option<T>, problem: &str) -> Option<T> {
        let value = self.maybe_as(field, parse, problem);
        if value.is_none() {
            self.wrong(field, problem);
        }
        value
    }

    fn maybe<T: std::str::FromStr>(&mut self, field: &str, problem: &str) -> Option<T> {
        self.maybe_as(field, |text| text.parse().ok(), problem)
    }

    fn needed<T: std::str::FromStr>(&mut self, field: &str, problem: &str) -> Option<T> {
        self.needed_as(field, |text| text.parse().ok(), problem)
    }

    fn time(&mut self, field: &str) -> Option<Moment> {
        self.maybe_as(field, Moment::parse, TIME)
    }

    fn times(&mut self) -> Option<(Moment, Moment)> {
        let [starts, ends] = ["startsAt", "endsAt"].map(|field| self.needed_as(field, Moment::parse, TIME));
        Some((starts?, ends?))
    }

    fn mentor(&mut self) -> Option<Reference> {
        let (record, email) = (self.word("mentorRecordId"), self.word("mentorEmail"));
        if record.is_none() && email.is_none() {
            self.wrong("mentorEmail", "must name the mentor, unless mentorRecordId does");
            return None;
        }
        Some(Reference { record, email })
    }

    fn yes_or_no(&mut self, field: &str) -> bool {
        let parse = |text: &str| match text.to_lowercase().as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        };
        self.maybe_as(field, parse, "must be true or false").unwrap_or(false)
    }

    /// `2030-W10`
    fn week(&mut self) -> Option<String> {
        let parse = |text: &str| {
            let (year, week) = text.split_once("-W")?;
            let is_right = |digits: &str, n: usize| digits.len() == n && digits.bytes().all(|it| it.is_ascii_digit());
            (is_right(year, 4) && is_right(week, 2)).then(|| text.to_owned())
        };
        self.maybe_as("weekKey", parse, "must be a week such as 2030-W10")
    }

    /// A list, of JSON or of a cell, each entry read by `parse`; empty where the field is.
    fn all<T>(&mut self, field: &str, parse: impl Fn(&str) -> Option<T>, problem: &str) -> Option<Vec<T>> {
        let entries = match self.object.get(field) {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::String(text)) => cells::split(text).ok(),
            Some(Value::Array(entries)) => entries.iter().map(|entry| entry.as_str().map(str::to_owned)).collect(),
            Some(_) => None,
        };
        let read = entries.and_then(|entries| entries.iter().map(|entry| parse(entry)).collect());
        if read.is_none() {
            self.wrong(field, problem);
        }
        read
    }
}
