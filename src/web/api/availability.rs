//! What mentors offer: slots one by one, weekly hours, pauses, and why a time cannot be booked.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::operations::Problem;
use crate::app::App;
use crate::booking::hours;
use crate::booking::slots::{self, NewSlot, Obstacle, Slot, SlotChange};
use crate::booking::{Asker, Rules};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{MentorId, SlotId};
use crate::mentors::{self, Mentor};
use crate::web::error::Refusal;
use crate::web::extract::{Id, Json, Query};
use crate::web::identity::SignedIn;

/// Days listed unless told, and at most.
const DAYS_UNLESS_TOLD: i64 = 28;
const MOST_DAYS: i64 = 366;

/// Whose open times, and from when to when.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct AvailabilityQuery {
    /// The mentor; oneself where it is left out.
    #[param(value_type = Option<uuid::Uuid>)]
    pub mentor_id: Option<MentorId>,
    /// From this moment on; now unless said otherwise.
    #[param(value_type = Option<String>)]
    pub from: Option<Moment>,
    /// Before this moment; four weeks later unless said otherwise.
    #[param(value_type = Option<String>)]
    pub to: Option<Moment>,
}

/// A slot.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlotJson {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    pub id: SlotId,
    /// When it starts.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Moment,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Moment,
    /// Seats in all.
    pub capacity: u32,
    /// Seats that are left.
    pub remaining: u32,
    /// `virtual`, or a place.
    pub location: String,
}

impl From<&Slot> for SlotJson {
    fn from(slot: &Slot) -> Self {
        Self {
            id: slot.id,
            starts_at: slot.starts_at,
            ends_at: slot.ends_at,
            capacity: slot.capacity,
            remaining: slot.capacity.saturating_sub(slot.n_taken),
            location: slot.location.clone(),
        }
    }
}

/// A mentor's slots.
#[derive(Serialize, ToSchema)]
pub struct AvailabilityJson {
    /// The mentor's IANA zone.
    timezone: String,
    /// Slots by start.
    slots: Vec<SlotJson>,
}

/// The mentor named, or the asker's own profile.
pub fn mentor_of(tx: &Tx<'_>, by: &Asker, named: Option<MentorId>) -> Result<Mentor> {
    let unknown = || Error::not_found("mentor_unknown", "This mentor is not here, or no longer.");
    let found = match named {
        Some(id) => mentors::mentor(tx, id)?,
        None => mentors::of_user(tx, by.user)?,
    };
    let mentor = found.filter(|mentor| !mentor.is_erased).ok_or_else(unknown)?;
    if mentor.is_visible() || mentor.user == by.user || by.is_staff { Ok(mentor) } else { Err(unknown()) }
}

/// Lists a mentor's slots: to the mentor and to staff all of them, to others those that they can book.
#[utoipa::path(get, path = "/api/availability", tag = "availability", params(AvailabilityQuery), responses(
    (status = 200, description = "Slots by start", body = AvailabilityJson),
    (status = 404, description = "`mentor_unknown`", body = Problem),
    (status = 422, description = "A parameter is wrong", body = Problem),
))]
pub async fn list(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(query): Query<AvailabilityQuery>,
) -> Result<Json<AvailabilityJson>, Refusal> {
    let by = caller.asker();
    let listed = app.db.read(move |tx| {
        let mentor = mentor_of(tx, &by, query.mentor_id)?;
        let from = query.from.unwrap_or(tx.now());
        let to = query.to.unwrap_or_else(|| from.plus_days(DAYS_UNLESS_TOLD));
        if to < from || to > from.plus_days(MOST_DAYS) {
            return Err(Error::field("to", format!("must be after `from`, by {MOST_DAYS} days at most")));
        }
        let slots = if mentor.user == by.user || by.is_staff {
            slots::all(tx, mentor.number, from, to)?
        } else {
            slots::bookable(tx, mentor.number, Some(by.user), from, to)?
        };
        Ok(AvailabilityJson { timezone: mentor.timezone, slots: slots.iter().map(Into::into).collect() })
    });
    Ok(Json(listed.await?))
}

fn one_seat() -> u32 {
    1
}

fn online() -> String {
    "virtual".to_owned()
}

/// A slot to open.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SlotAsk {
    /// When it starts.
    #[schema(value_type = String, format = DateTime)]
    starts_at: Moment,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Moment,
    /// Seats, 1 to 500.
    #[serde(default = "one_seat")]
    capacity: u32,
    /// `virtual`, or a place.
    #[serde(default = "online")]
    location: String,
}

/// One slot to open by its fields, or several as `slots`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OpenAsk {
    /// Staff: whose.
    #[schema(value_type = Option<uuid::Uuid>)]
    mentor_id: Option<MentorId>,
    /// Several at once, at most 500.
    slots: Option<Vec<SlotAsk>>,
    /// When the one starts.
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Option<Moment>,
    /// When it ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<Moment>,
    /// Seats, 1 to 500; 1 unless said otherwise.
    capacity: Option<u32>,
    /// `virtual`, or a place.
    location: Option<String>,
}

impl OpenAsk {
    fn wanted(&self) -> Result<Vec<NewSlot>> {
        if let Some(slots) = &self.slots {
            if self.starts_at.is_some() || self.ends_at.is_some() {
                return Err(Error::field("slots", "goes without startsAt and endsAt beside it"));
            }
            let new = |it: &SlotAsk| NewSlot {
                starts_at: it.starts_at,
                ends_at: it.ends_at,
                capacity: it.capacity,
                location: it.location.clone(),
            };
            return Ok(slots.iter().map(new).collect());
        }
        Ok(vec![NewSlot {
            starts_at: self.starts_at.ok_or_else(|| Error::field("startsAt", "is needed"))?,
            ends_at: self.ends_at.ok_or_else(|| Error::field("endsAt", "is needed"))?,
            capacity: self.capacity.unwrap_or_else(one_seat),
            location: self.location.clone().unwrap_or_else(online),
        }])
    }
}

/// What was opened: all of it as `slots`, and one alone also by its own fields.
#[derive(Serialize, ToSchema)]
pub struct Opened {
    #[serde(flatten)]
    one: Option<SlotJson>,
    slots: Vec<SlotJson>,
}

/// Offers one slot, or several at once: all or none.
#[utoipa::path(post, path = "/api/availability", tag = "availability", request_body = OpenAsk, responses(
    (status = 201, description = "Opened", body = Opened),
    (status = 403, description = "`forbidden`: somebody else's", body = Problem),
    (status = 404, description = "`mentor_unknown`", body = Problem),
    (status = 409, description = "`slot_overlaps`", body = Problem),
    (status = 422, description = "A field is wrong", body = Problem),
))]
pub async fn open(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Json(ask): Json<OpenAsk>,
) -> Result<Response, Refusal> {
    let by = caller.asker();
    let wanted = ask.wanted()?;
    let opened = app.db.write(move |tx| {
        let mentor = mentor_of(tx, &by, ask.mentor_id)?;
        slots::open(tx, &by, mentor.number, &wanted)
    });
    let slots: Vec<SlotJson> = opened.await?.iter().map(Into::into).collect();
    let one = slots.first().filter(|_| slots.len() == 1).cloned();
    Ok((StatusCode::CREATED, Json(Opened { one, slots })).into_response())
}

/// What is to change about a slot.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct SlotPatch {
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Option<Moment>,
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<Moment>,
    capacity: Option<u32>,
    location: Option<String>,
}

/// Changes a slot that nobody has a seat in; its seats may be fewer or more as long as all keep theirs.
#[utoipa::path(patch, path = "/api/availability/{id}", tag = "availability", request_body = SlotPatch,
    params(("id" = uuid::Uuid, Path, description = "The slot")), responses(
    (status = 200, description = "As it is now", body = SlotJson),
    (status = 404, description = "`slot_unknown`", body = Problem),
    (status = 409, description = "`slot_in_use`, `slot_overlaps`", body = Problem),
    (status = 422, description = "A field is wrong", body = Problem),
))]
pub async fn change(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SlotId>,
    Json(patch): Json<SlotPatch>,
) -> Result<Json<SlotJson>, Refusal> {
    let by = caller.asker();
    let SlotPatch { starts_at, ends_at, capacity, location } = patch;
    let to = SlotChange { starts_at, ends_at, capacity, location };
    let changed = app.db.write(move |tx| slots::change(tx, &by, id, &to)).await?;
    Ok(Json((&changed).into()))
}

/// What becomes of those who have a seat.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct WithdrawQuery {
    /// Call their sessions off, with a letter to each.
    cancel_sessions: bool,
}

/// Takes a slot back.
#[utoipa::path(delete, path = "/api/availability/{id}", tag = "availability",
    params(("id" = uuid::Uuid, Path, description = "The slot"), WithdrawQuery), responses(
    (status = 204, description = "Gone"),
    (status = 404, description = "`slot_unknown`", body = Problem),
    (status = 409, description = "`slot_in_use`", body = Problem),
))]
pub async fn withdraw(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SlotId>,
    Query(query): Query<WithdrawQuery>,
) -> Result<StatusCode, Refusal> {
    let (by, rules) = (caller.asker(), Rules::of(&app.config));
    app.db.write(move |tx| slots::withdraw(tx, &rules, &by, id, query.cancel_sessions)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The mentor, where the asker may change what they offer.
pub fn own(tx: &Tx<'_>, by: &Asker, named: Option<MentorId>) -> Result<Mentor> {
    let mentor = mentor_of(tx, by, named)?;
    let is_theirs = mentor.user == by.user || by.is_staff;
    if is_theirs { Ok(mentor) } else { Err(Error::forbidden("forbidden", "Your account may not do this.")) }
}

/// Until when.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct PauseAsk {
    /// Staff: whose.
    #[schema(value_type = Option<uuid::Uuid>)]
    mentor_id: Option<MentorId>,
    /// `null` ends the pause.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Moment>,
}

/// Takes nobody new until then.
#[utoipa::path(post, path = "/api/availability/pause", tag = "availability", request_body = PauseAsk, responses(
    (status = 204, description = "Done"),
    (status = 404, description = "`mentor_unknown`", body = Problem),
    (status = 422, description = "`until` is wrong", body = Problem),
))]
pub async fn pause(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Json(ask): Json<PauseAsk>,
) -> Result<StatusCode, Refusal> {
    let by = caller.asker();
    app.db.write(move |tx| hours::pause(tx, &by, own(tx, &by, ask.mentor_id)?.number, ask.until)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which moment, of whom.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct WhyQuery {
    /// The mentor; oneself where it is left out.
    #[serde(default)]
    #[param(value_type = Option<uuid::Uuid>)]
    mentor_id: Option<MentorId>,
    /// The moment.
    #[param(value_type = String)]
    at: Moment,
}

/// Why a moment cannot be booked.
#[derive(Serialize, ToSchema)]
pub struct Why {
    /// A word for programs; `null` where it can be booked.
    obstacle: Option<&'static str>,
    /// A sentence for people.
    message: &'static str,
}

/// The word and the sentence for what is in the way.
pub const fn told(obstacle: Option<Obstacle>) -> (Option<&'static str>, &'static str) {
    match obstacle {
        None => (None, "This time can be booked."),
        Some(Obstacle::NotOffered) => (Some("not_offered"), "No slot is offered at this time."),
        Some(Obstacle::Past) => (Some("past"), "This time is over."),
        Some(Obstacle::Notice) => (Some("notice"), "It is closer than the minimum notice."),
        Some(Obstacle::Full) => (Some("full"), "Every seat is taken."),
        Some(Obstacle::Crowded) => (Some("crowded"), "There is another session at this time, or within the buffer."),
        Some(Obstacle::WeeklyCap) => (Some("weekly_cap"), "The sessions of that week are all given away."),
        Some(Obstacle::Paused) => (Some("paused"), "The mentor takes nobody new for now."),
        Some(Obstacle::Hidden) => (Some("hidden"), "The mentor is hidden, or not in use."),
        Some(Obstacle::BeyondWindow) => (Some("beyond_window"), "The booking window does not reach that far yet."),
        Some(Obstacle::Exception) => (Some("exception"), "An exception closes this time."),
    }
}

/// Says why a moment cannot be booked: to the mentor and to staff.
#[utoipa::path(get, path = "/api/availability/why", tag = "availability", params(WhyQuery), responses(
    (status = 200, description = "What is in the way", body = Why),
    (status = 403, description = "`forbidden`: somebody else's", body = Problem),
    (status = 404, description = "`mentor_unknown`", body = Problem),
))]
pub async fn why(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(query): Query<WhyQuery>,
) -> Result<Json<Why>, Refusal> {
    let by = caller.asker();
    let found = app.db.read(move |tx| slots::why_not(tx, own(tx, &by, query.mentor_id)?.number, query.at)).await?;
    let (obstacle, message) = told(found);
    Ok(Json(Why { obstacle, message }))
}
