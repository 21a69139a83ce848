//! Weekly hours as JSON: `09:00` to `12:00` on `mon`, and days that are otherwise.

use axum::extract::State;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::availability::own;
use super::operations::Problem;
use crate::app::App;
use crate::booking::hours::{self, Hours, Window, clock_time, day_name, day_of};
use crate::error::{Error, Result};
use crate::ids::MentorId;
use crate::web::error::Refusal;
use crate::web::extract::{Json, Query};
use crate::web::identity::SignedIn;

/// Whose hours.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct MentorQuery {
    /// The mentor; oneself where it is left out.
    #[param(value_type = Option<uuid::Uuid>)]
    pub mentor_id: Option<MentorId>,
}

/// A stretch of a day by the wall clock.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowJson {
    /// `09:00`
    start: String,
    /// `12:00`, `24:00` at the latest.
    end: String,
}

/// A stretch of every week.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleJson {
    /// `mon` to `sun`
    weekday: String,
    /// `09:00`
    start: String,
    /// `12:00`
    end: String,
}

/// A day that is otherwise: closed, or with windows of its own.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExceptionJson {
    /// `2030-03-05`
    date: String,
    /// Nothing is offered that day.
    #[serde(default)]
    closed: bool,
    /// What is offered instead.
    #[serde(default)]
    windows: Vec<WindowJson>,
}

/// Weekly hours and how they become slots.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoursJson {
    timezone: String,
    session_minutes: u32,
    buffer_minutes: u32,
    min_notice_minutes: u32,
    window_days: u32,
    capacity: u32,
    rules: Vec<RuleJson>,
    exceptions: Vec<ExceptionJson>,
}

/// The same as somebody sets it: numbers that are left out stay as they are, lists that are left out become empty.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct HoursAsk {
    /// The mentor's own, or nothing: it is changed in the profile.
    timezone: Option<String>,
    session_minutes: Option<u32>,
    buffer_minutes: Option<u32>,
    min_notice_minutes: Option<u32>,
    window_days: Option<u32>,
    capacity: Option<u32>,
    rules: Vec<RuleJson>,
    exceptions: Vec<ExceptionJson>,
}

/// The minute of the day that `09:30` names, `24:00` included.
pub fn minute_of(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let is_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(hours) || !is_digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= 1440).then_some(minute)
}

impl From<&Hours> for HoursJson {
    fn from(hours: &Hours) -> Self {
        let window = |it: &Window| WindowJson { start: clock_time(it.starts), end: clock_time(it.ends) };
        Self {
            timezone: hours.timezone.clone(),
            session_minutes: hours.session_minutes,
            buffer_minutes: hours.buffer_minutes,
            min_notice_minutes: hours.min_notice_minutes,
            window_days: hours.window_days,
            capacity: hours.capacity,
            rules: hours
                .rules
                .iter()
                .map(|(day, it)| RuleJson {
                    weekday: day_name(*day).to_owned(),
                    start: clock_time(it.starts),
                    end: clock_time(it.ends),
                })
                .collect(),
            exceptions: hours
                .exceptions
                .iter()
                .map(|(date, windows)| ExceptionJson {
                    date: date.to_string(),
                    closed: windows.is_empty(),
                    windows: windows.iter().map(window).collect(),
                })
                .collect(),
        }
    }
}

impl HoursAsk {
    /// The hours that are wanted, in place of `now`.
    fn read(&self, now: &Hours) -> Result<Hours> {
        if self.timezone.as_ref().is_some_and(|zone| *zone != now.timezone) {
            return Err(Error::field("timezone", "is the mentor's own; it is changed in the profile"));
        }
        let mut rules = Vec::with_capacity(self.rules.len());
        for (place, rule) in self.rules.iter().enumerate() {
            let field = format!("rules[{place}]");
            let day = day_of(&rule.weekday).ok_or_else(|| {
                Error::field(&format!("{field}.weekday"), "must be mon, tue, wed, thu, fri, sat or sun")
            })?;
            rules.push((day, window(&field, &rule.start, &rule.end)?));
        }
        let mut exceptions = Vec::with_capacity(self.exceptions.len());
        for (place, exception) in self.exceptions.iter().enumerate() {
            let field = format!("exceptions[{place}]");
            let date: NaiveDate = exception
                .date
                .parse()
                .map_err(|_| Error::field(&format!("{field}.date"), "must be a date like 2030-03-05"))?;
            if exception.closed != exception.windows.is_empty() {
                let problem = "must be true, or windows must say what is offered instead";
                return Err(Error::field(&format!("{field}.closed"), problem));
            }
            let mut windows = Vec::with_capacity(exception.windows.len());
            for (at, it) in exception.windows.iter().enumerate() {
                windows.push(window(&format!("{field}.windows[{at}]"), &it.start, &it.end)?);
            }
            exceptions.push((date, windows));
        }
        Ok(Hours {
            timezone: now.timezone.clone(),
            session_minutes: self.session_minutes.unwrap_or(now.session_minutes),
            buffer_minutes: self.buffer_minutes.unwrap_or(now.buffer_minutes),
            min_notice_minutes: self.min_notice_minutes.unwrap_or(now.min_notice_minutes),
            window_days: self.window_days.unwrap_or(now.window_days),
            capacity: self.capacity.unwrap_or(now.capacity),
            rules,
            exceptions,
        })
    }
}

fn window(field: &str, start: &str, end: &str) -> Result<Window> {
    let time = |name: &str, text: &str| {
        minute_of(text).ok_or_else(|| Error::field(&format!("{field}.{name}"), "must be a time like 09:00"))
    };
    Ok(Window { starts: time("start", start)?, ends: time("end", end)? })
}

/// A mentor's weekly hours.
#[utoipa::path(get, path = "/api/availability/hours", tag = "availability", params(MentorQuery), responses(
    (status = 200, description = "The hours", body = HoursJson),
    (status = 403, description = "`forbidden`: somebody else's", body = Problem),
    (status = 404, description = "`mentor_unknown`", body = Problem),
))]
pub async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(query): Query<MentorQuery>,
) -> Result<Json<HoursJson>, Refusal> {
    let by = caller.asker();
    let hours = app.db.read(move |tx| hours::hours(tx, own(tx, &by, query.mentor_id)?.number)).await?;
    Ok(Json((&hours).into()))
}

/// Replaces a mentor's weekly hours. Free slots that the old ones made go; taken ones stay.
#[utoipa::path(put, path = "/api/availability/hours", tag = "availability", params(MentorQuery),
    request_body = HoursAsk, responses(
    (status = 200, description = "As they are now", body = HoursJson),
    (status = 403, description = "`forbidden`: somebody else's", body = Problem),
    (status = 404, description = "`mentor_unknown`", body = Problem),
    (status = 422, description = "A field is wrong", body = Problem),
))]
pub async fn set(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(query): Query<MentorQuery>,
    Json(ask): Json<HoursAsk>,
) -> Result<Json<HoursJson>, Refusal> {
    let by = caller.asker();
    let hours = app.db.write(move |tx| {
        let mentor = own(tx, &by, query.mentor_id)?;
        let wanted = ask.read(&hours::hours(tx, mentor.number)?)?;
        hours::set(tx, &by, mentor.number, &wanted)
    });
    Ok(Json((&hours.await?).into()))
}
