//! The columns of each kind, and a row's values in their order. People's columns are those of an Airtable base and
//! of its webhook; all others are named as in the JSON interface. Pure.

use std::sync::LazyLock;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use super::Kind;
use crate::accounts::books::{Account, MenteeBook};
use crate::booking::Party;
use crate::booking::books::{FeedbackBook, HoursBook, SessionBook, SlotBook};
use crate::booking::hours::{Window, clock_time, day_name};
use crate::mentors::books::{MentorBook, Reference};
use crate::sync::ACCOUNT_FIELDS;

const OF_MENTORS: &[&str] = &[
    "Record ID",
    "Tandem ID",
    "Email",
    "Name",
    "Headline",
    "Bio",
    "Company",
    "Title",
    "Industries",
    "Stage Focus",
    "Languages",
    "Timezone",
    "Is Active",
    "Expertise",
    "Expertise Subareas",
    "Expertise Weights",
    "Visibility",
    "Load Cap Per Week",
    "Paused Until",
    "Photo URL",
    "LinkedIn URL",
    "Meeting URL",
    "Last Modified",
    "Profile Created At",
    "Profile Updated At",
];

const OF_MENTEES: &[&str] = &[
    "Tandem ID",
    "Email",
    "Name",
    "Company",
    "Industry",
    "Stage",
    "Goals",
    "Timezone",
    "Profile Created At",
    "Profile Updated At",
];

const HOURS: &[&str] = &[
    "mentorRecordId",
    "mentorEmail",
    "sessionMinutes",
    "bufferMinutes",
    "minNoticeMinutes",
    "windowDays",
    "capacity",
    "rules",
    "exceptions",
    "filledAt",
    "weekZone",
];

const AVAILABILITY: &[&str] = &[
    "id",
    "mentorRecordId",
    "mentorEmail",
    "startsAt",
    "endsAt",
    "capacity",
    "location",
    "isFromHours",
    "weekKey",
    "createdAt",
];

const SESSIONS: &[&str] = &[
    "id",
    "mentorRecordId",
    "mentorEmail",
    "menteeEmail",
    "status",
    "startsAt",
    "endsAt",
    "slotId",
    "seatNo",
    "location",
    "meetingUrl",
    "notes",
    "cancelledBy",
    "cancelReason",
    "noShowParty",
    "requestKey",
    "bookedBy",
    "weekKey",
    "expiresAt",
    "closedAt",
    "sequence",
    "version",
    "createdAt",
    "updatedAt",
    "told",
];

const FEEDBACK: &[&str] = &["id", "sessionId", "from", "rating", "comment", "isShared", "createdAt", "updatedAt"];

/// Those of people end with their account's.
static MENTORS: LazyLock<Vec<&str>> = LazyLock::new(|| [OF_MENTORS, ACCOUNT_FIELDS].concat());
static MENTEES: LazyLock<Vec<&str>> = LazyLock::new(|| [OF_MENTEES, ACCOUNT_FIELDS].concat());

pub(super) fn of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Mentors => &MENTORS,
        Kind::Mentees => &MENTEES,
        Kind::Hours => HOURS,
        Kind::Availability => AVAILABILITY,
        Kind::Sessions => SESSIONS,
        Kind::Feedback => FEEDBACK,
    }
}

pub(super) fn mentor(book: &MentorBook) -> Vec<Value> {
    let (mentor, profile) = (&book.mentor, &book.mentor.profile);
    let areas: Vec<&str> = profile.expertise.iter().map(|it| it.area.as_str()).collect();
    // Most mentors have nothing more to say of their tags: then these two are empty.
    let has_subareas = profile.expertise.iter().any(|it| it.subarea.is_some());
    let subareas: Option<Vec<&str>> =
        has_subareas.then(|| profile.expertise.iter().map(|it| it.subarea.as_deref().unwrap_or_default()).collect());
    let has_weights = profile.expertise.iter().any(|it| it.weight.to_bits() != 1.0_f64.to_bits());
    // As texts, so that each digit comes back.
    let weights: Option<Vec<String>> =
        has_weights.then(|| profile.expertise.iter().map(|it| it.weight.to_string()).collect());
    let mut values = vec![
        json!(mentor.record),
        json!(mentor.id),
        json!(mentor.email),
        json!(mentor.name),
        json!(profile.headline),
        json!(profile.bio),
        json!(profile.company),
        json!(profile.title),
        json!(profile.industries),
        json!(profile.stages),
        json!(profile.languages),
        json!(mentor.timezone),
        json!(profile.is_active),
        json!(areas),
        json!(subareas),
        json!(weights),
        json!(profile.visibility),
        json!(profile.load_cap_per_week),
        json!(profile.paused_until),
        json!(profile.photo_url),
        json!(profile.linkedin_url),
        json!(profile.meeting_url),
        json!(book.record_edited_ms.and_then(milliseconds)),
        json!(book.created_at),
        json!(book.updated_at),
    ];
    values.extend(account(&book.account));
    values
}

/// A moment as finely as a base counts.
fn milliseconds(ms: i64) -> Option<String> {
    DateTime::from_timestamp_millis(ms).map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

pub(super) fn mentee(book: &MenteeBook) -> Vec<Value> {
    let (mentee, profile) = (&book.mentee, &book.mentee.profile);
    let mut values = vec![
        json!(book.id),
        json!(mentee.email),
        json!(mentee.name),
        json!(profile.company),
        json!(profile.industry),
        json!(profile.stage),
        json!(profile.goals),
        json!(mentee.timezone),
        json!(book.created_at),
        json!(book.updated_at),
    ];
    values.extend(account(&book.account));
    values
}

fn account(account: &Account) -> [Value; 7] {
    [
        json!(account.role),
        json!(account.status),
        json!(account.email_verified_at),
        json!(account.image),
        json!(account.created_at),
        json!(account.updated_at),
        json!(account.deleted_at),
    ]
}

pub(super) fn hours(book: &HoursBook) -> Vec<Value> {
    let hours = &book.hours;
    let rules: Vec<String> =
        hours.rules.iter().map(|(on, times)| format!("{} {}", day_name(*on), window(*times))).collect();
    let exceptions = hours.exceptions.iter().map(|(date, windows)| {
        let windows: Vec<String> = windows.iter().copied().map(window).collect();
        let said = if windows.is_empty() { "closed".to_owned() } else { windows.join(" ") };
        format!("{date} {said}")
    });
    let [record, email] = reference(&book.mentor);
    vec![
        record,
        email,
        json!(hours.session_minutes),
        json!(hours.buffer_minutes),
        json!(hours.min_notice_minutes),
        json!(hours.window_days),
        json!(hours.capacity),
        json!(rules),
        json!(exceptions.collect::<Vec<_>>()),
        json!(book.filled_at),
        json!(book.week_zone),
    ]
}

fn window(times: Window) -> String {
    format!("{}-{}", clock_time(times.starts), clock_time(times.ends))
}

pub(super) fn slot(book: &SlotBook) -> Vec<Value> {
    let [record, email] = reference(&book.mentor);
    vec![
        json!(book.id),
        record,
        email,
        json!(book.starts_at),
        json!(book.ends_at),
        json!(book.capacity),
        json!(book.location),
        json!(book.is_from_hours),
        json!(book.week_key),
        json!(book.created_at),
    ]
}

pub(super) fn session(book: &SessionBook) -> Vec<Value> {
    let [record, email] = reference(&book.mentor);
    let told = book.told.iter().flatten().map(|told| format!("{} {} {}", told.kind, told.version, told.at));
    vec![
        json!(book.id),
        record,
        email,
        json!(book.mentee),
        json!(book.status),
        json!(book.starts_at),
        json!(book.ends_at),
        json!(book.slot),
        json!(book.seat_no),
        json!(book.location),
        json!(book.meeting_url),
        json!(book.notes),
        json!(book.cancelled_by),
        json!(book.cancel_reason),
        json!(book.no_show_party.map(Party::name)),
        json!(book.request_key),
        json!(book.booked_by),
        json!(book.week_key),
        json!(book.expires_at),
        json!(book.closed_at),
        json!(book.sequence),
        json!(book.version),
        json!(book.created_at),
        json!(book.updated_at),
        json!(told.collect::<Vec<_>>()),
    ]
}

pub(super) fn feedback(book: &FeedbackBook) -> Vec<Value> {
    vec![
        json!(book.id),
        json!(book.session),
        json!(book.from.name()),
        json!(book.rating),
        json!(book.comment),
        json!(book.is_shared),
        json!(book.created_at),
        json!(book.updated_at),
    ]
}

fn reference(mentor: &Reference) -> [Value; 2] {
    [json!(mentor.record), json!(mentor.email)]
}
