//! Sessions: booked, moved, answered, called off, and how they went.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::availability::SlotJson;
use super::operations::Problem;
use crate::app::App;
use crate::booking::feedback::{self, Feedback};
use crate::booking::{self, Ask, Asker, Method, Party, Person, Rules, Session, SessionFilter, Status, Wanted};
use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::ids::{MenteeId, MentorId, SessionId, SlotId, UserId};
use crate::web::error::{Refusal, refused_beside};
use crate::web::extract::{Id, Json, Query, checked_limit};
use crate::web::identity::SignedIn;

/// Slots offered in place of one that was lost.
const ALTERNATIVES: usize = 3;

/// One of the two, as the other may see them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonJson {
    #[schema(value_type = uuid::Uuid)]
    id: String,
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    name: String,
    image: Option<String>,
    title: String,
    company: String,
}

impl PersonJson {
    fn new(id: String, person: &Person) -> Self {
        Self {
            id,
            user_id: person.user,
            name: person.name.clone(),
            image: person.image.clone(),
            title: person.title.clone(),
            company: person.company.clone(),
        }
    }
}

/// A session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionJson {
    #[schema(value_type = uuid::Uuid)]
    id: SessionId,
    /// `pending`, `booked`, `completed`, `cancelled`, `no_show`
    #[schema(value_type = String)]
    status: Status,
    #[schema(value_type = String, format = DateTime)]
    starts_at: Moment,
    #[schema(value_type = String, format = DateTime)]
    ends_at: Moment,
    #[schema(value_type = uuid::Uuid)]
    mentor_id: MentorId,
    #[schema(value_type = uuid::Uuid)]
    mentee_id: MenteeId,
    mentor: PersonJson,
    mentee: PersonJson,
    #[schema(value_type = Option<uuid::Uuid>)]
    slot_id: Option<SlotId>,
    location: String,
    /// Where to meet online, once it is booked.
    meeting_url: Option<String>,
    notes: String,
    cancel_reason: Option<String>,
    /// `mentee`, `mentor`, `staff`, `expired`
    cancelled_by: Option<String>,
    /// Who did not come.
    #[schema(value_type = Option<String>)]
    no_show: Option<Party>,
    /// Pending: until when the mentor may answer.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Moment>,
    /// Rises with each change.
    version: u32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Moment,
}

impl From<Session> for SessionJson {
    fn from(it: Session) -> Self {
        let is_agreed = matches!(it.status, Status::Booked | Status::Completed | Status::NoShow);
        Self {
            id: it.id,
            status: it.status,
            starts_at: it.starts_at,
            ends_at: it.ends_at,
            mentor_id: it.mentor_id,
            mentee_id: it.mentee_id,
            mentor: PersonJson::new(it.mentor_id.to_string(), &it.mentor),
            mentee: PersonJson::new(it.mentee_id.to_string(), &it.mentee),
            slot_id: it.slot,
            location: it.location,
            meeting_url: it.meeting_url.filter(|_| is_agreed),
            notes: it.notes,
            cancel_reason: it.cancel_reason,
            cancelled_by: it.cancelled_by,
            no_show: it.no_show_party,
            expires_at: it.expires_at,
            version: it.version,
            created_at: it.created_at,
            updated_at: it.updated_at,
        }
    }
}

/// Which time, by the slot or by its times.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct SessionAsk {
    /// The slot; else `mentorId`, `startsAt` and `endsAt`.
    #[schema(value_type = Option<uuid::Uuid>)]
    slot_id: Option<SlotId>,
    #[schema(value_type = Option<uuid::Uuid>)]
    mentor_id: Option<MentorId>,
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Option<Moment>,
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<Moment>,
    /// What the mentee wants to discuss, at most 5,000 characters.
    notes: Option<String>,
    /// Staff: the account of the mentee to book for.
    #[schema(value_type = Option<uuid::Uuid>)]
    on_behalf_of: Option<UserId>,
}

fn wanted(
    slot: Option<SlotId>,
    mentor: Option<MentorId>,
    starts_at: Option<Moment>,
    ends_at: Option<Moment>,
) -> Result<Wanted> {
    if let Some(slot) = slot {
        return Ok(Wanted::Slot(slot, mentor));
    }
    let needed = |field: &str| Error::field(field, "is needed, unless slotId is there");
    Ok(Wanted::Times(
        mentor.ok_or_else(|| needed("mentorId"))?,
        starts_at.ok_or_else(|| needed("startsAt"))?,
        ends_at.ok_or_else(|| needed("endsAt"))?,
    ))
}

/// A lost slot is answered with what else there is; every other refusal stays as it is.
async fn with_alternatives(app: &App, by: Asker, wanted: Wanted, refusal: Error) -> Response {
    if refusal.code != "slot_taken" {
        return Refusal(refusal).into_response();
    }
    let found = app.db.read(move |tx| booking::alternatives_to(tx, &by, &wanted, ALTERNATIVES)).await;
    match found {
        Ok(slots) => {
            let slots: Vec<SlotJson> = slots.iter().map(Into::into).collect();
            refused_beside(refusal, "alternatives", json!(slots))
        }
        Err(failure) => Refusal(failure).into_response(),
    }
}

/// Books a seat, or asks a mentor who accepts each request for one.
#[utoipa::path(post, path = "/api/sessions", tag = "sessions", request_body = SessionAsk,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same again gives the first session back")),
    responses(
    (status = 201, description = "Booked, or asked for", body = SessionJson),
    (status = 200, description = "The first session of this key", body = SessionJson),
    (status = 404, description = "`mentor_unknown`, `mentee_unknown`", body = Problem),
    (status = 409, description = "`slot_taken` with `alternatives`, `mentee_busy`, `weekly_cap`, `already_booked`, `mentor_paused`, `too_many_requests`", body = Problem),
    (status = 422, description = "`slot_unknown`, `too_soon`, `in_past`, `own_slot`, or a field is wrong", body = Problem),
))]
pub async fn create(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    headers: HeaderMap,
    Json(ask): Json<SessionAsk>,
) -> Result<Response, Refusal> {
    let SessionAsk { slot_id, mentor_id, starts_at, ends_at, notes, on_behalf_of } = ask;
    let request_key = headers.get("idempotency-key").map(|key| key.to_str().unwrap_or(" ").to_owned());
    let wanted = wanted(slot_id, mentor_id, starts_at, ends_at)?;
    let ask = Ask { wanted: wanted.clone(), notes: notes.unwrap_or_default(), request_key, on_behalf_of };
    let (by, rules) = (caller.asker(), Rules::of(&app.config));
    let asker = by.clone();
    match app.db.write(move |tx| booking::book(tx, &rules, &asker, &ask)).await {
        Ok(booked) => {
            let status = if booked.is_new { StatusCode::CREATED } else { StatusCode::OK };
            Ok((status, Json(SessionJson::from(booked.session))).into_response())
        }
        Err(refusal) => Ok(with_alternatives(&app, by, wanted, refusal).await),
    }
}

/// Which sessions to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct SessionQuery {
    /// Staff: of this mentor.
    #[param(value_type = Option<uuid::Uuid>)]
    mentor_id: Option<MentorId>,
    /// Staff: of this mentee.
    #[param(value_type = Option<uuid::Uuid>)]
    mentee_id: Option<MenteeId>,
    /// In any of these states; may be repeated, or joined by commas.
    status: Vec<String>,
    /// Starting at or after.
    #[param(value_type = Option<String>)]
    from: Option<Moment>,
    /// Starting before.
    #[param(value_type = Option<String>)]
    to: Option<Moment>,
    /// 1 to 200, 50 unless said otherwise.
    limit: Option<u32>,
}

/// Lists sessions, newest start first: one's own on either side, for staff also those of others by mentor or mentee.
#[utoipa::path(get, path = "/api/sessions", tag = "sessions", params(SessionQuery), responses(
    (status = 200, description = "Sessions, newest start first", body = Vec<SessionJson>),
    (status = 403, description = "`forbidden`: mentorId and menteeId are for staff", body = Problem),
    (status = 422, description = "A parameter is wrong", body = Problem),
))]
pub async fn list(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(query): Query<SessionQuery>,
) -> Result<Json<Vec<SessionJson>>, Refusal> {
    let by = caller.asker();
    let limit = checked_limit(query.limit)?;
    let is_of_others = query.mentor_id.is_some() || query.mentee_id.is_some();
    if is_of_others && !by.is_staff {
        return Err(Error::forbidden("forbidden", "Only those who run the program list sessions of others.").into());
    }
    let names = query.status.iter().flat_map(|names| names.split(',')).map(str::trim).filter(|name| !name.is_empty());
    let unknown = || Error::field("status", "must be pending, booked, completed, cancelled or no_show");
    let statuses = names.map(|name| Status::from_name(name).ok_or_else(unknown)).collect::<Result<_>>()?;
    let filter = SessionFilter {
        mentor: query.mentor_id,
        mentee: query.mentee_id,
        statuses,
        from: query.from,
        to: query.to,
        is_everybodys: is_of_others,
        is_soonest_first: false,
    };
    let found = app.db.read(move |tx| booking::sessions(tx, &by, &filter, limit)).await?;
    Ok(Json(found.into_iter().map(Into::into).collect()))
}

/// One session, for its parties and for staff.
#[utoipa::path(get, path = "/api/sessions/{id}", tag = "sessions",
    params(("id" = uuid::Uuid, Path, description = "The session")), responses(
    (status = 200, description = "The session", body = SessionJson),
    (status = 404, description = "`session_unknown`, also for somebody else's", body = Problem),
))]
pub async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
) -> Result<Json<SessionJson>, Refusal> {
    let by = caller.asker();
    Ok(Json(app.db.read(move |tx| booking::session(tx, &by, id)).await?.into()))
}

/// The session as a file for calendars.
#[utoipa::path(get, path = "/api/sessions/{id}/invite.ics", tag = "sessions",
    params(("id" = uuid::Uuid, Path, description = "The session")), responses(
    (status = 200, description = "iCalendar", content_type = "text/calendar"),
    (status = 404, description = "`session_unknown`", body = Problem),
    (status = 409, description = "`not_booked`: it is only asked for", body = Problem),
))]
pub async fn invite(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
) -> Result<Response, Refusal> {
    let (by, rules) = (caller.asker(), Rules::of(&app.config));
    let text = app.db.read(move |tx| {
        let session = booking::session(tx, &by, id)?;
        let method = match session.status {
            Status::Pending => return Err(Error::conflict("not_booked", "The session is only asked for so far.")),
            Status::Cancelled => Method::Cancel,
            Status::Booked | Status::Completed | Status::NoShow => Method::Request,
        };
        let to = session.party(by.user).unwrap_or(Party::Mentee);
        Ok(booking::invitation(&rules, &session, to, method, tx.now()))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"invite.ics\""),
    ];
    Ok((headers, text.await?).into_response())
}

/// Why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CancelAsk {
    /// The other side reads it; at most 1,000 characters.
    reason: String,
}

/// Calls a session off.
#[utoipa::path(post, path = "/api/sessions/{id}/cancel", tag = "sessions", request_body = CancelAsk,
    params(("id" = uuid::Uuid, Path, description = "The session")), responses(
    (status = 200, description = "As it is now", body = SessionJson),
    (status = 404, description = "`session_unknown`", body = Problem),
    (status = 409, description = "`not_active`, `notice_passed`, `already_started`", body = Problem),
    (status = 422, description = "`reason` is missing or too long", body = Problem),
))]
pub async fn cancel(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
    Json(ask): Json<CancelAsk>,
) -> Result<Json<SessionJson>, Refusal> {
    let (by, rules) = (caller.asker(), Rules::of(&app.config));
    Ok(Json(app.db.write(move |tx| booking::cancel(tx, &rules, &by, id, &ask.reason)).await?.into()))
}

/// To which time.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct MoveAsk {
    /// The slot; else `startsAt` and `endsAt`.
    #[schema(value_type = Option<uuid::Uuid>)]
    slot_id: Option<SlotId>,
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Option<Moment>,
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<Moment>,
}

/// Moves a session to another slot of the same mentor: the same session, the same entry in calendars.
#[utoipa::path(post, path = "/api/sessions/{id}/reschedule", tag = "sessions", request_body = MoveAsk,
    params(("id" = uuid::Uuid, Path, description = "The session")), responses(
    (status = 200, description = "As it is now", body = SessionJson),
    (status = 404, description = "`session_unknown`", body = Problem),
    (status = 409, description = "`slot_taken` with `alternatives`, `mentee_busy`, `weekly_cap`, `not_active`, `notice_passed`", body = Problem),
    (status = 422, description = "`slot_unknown`, `same_slot`, `too_soon`, `in_past`, or a field is wrong", body = Problem),
))]
pub async fn reschedule(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
    Json(ask): Json<MoveAsk>,
) -> Result<Response, Refusal> {
    let (by, rules) = (caller.asker(), Rules::of(&app.config));
    let asker = by.clone();
    let mentor = app.db.read(move |tx| Ok(booking::session(tx, &asker, id)?.mentor_id)).await?;
    let wanted = wanted(ask.slot_id, Some(mentor), ask.starts_at, ask.ends_at)?;
    let (asker, to) = (by.clone(), wanted.clone());
    match app.db.write(move |tx| booking::reschedule(tx, &rules, &asker, id, &to)).await {
        Ok(moved) => Ok(Json(SessionJson::from(moved)).into_response()),
        Err(refusal) => Ok(with_alternatives(&app, by, wanted, refusal).await),
    }
}

/// The mentor agrees to a request.
#[utoipa::path(post, path = "/api/sessions/{id}/accept", tag = "sessions",
    params(("id" = uuid::Uuid, Path, description = "The session")), responses(
    (status = 200, description = "Booked", body = SessionJson),
    (status = 403, description = "`forbidden`: only the mentor answers", body = Problem),
    (status = 404, description = "`session_unknown`", body = Problem),
    (status = 409, description = "`not_pending`", body = Problem),
))]
pub async fn accept(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
) -> Result<Json<SessionJson>, Refusal> {
    let (by, rules) = (caller.asker(), Rules::of(&app.config));
    Ok(Json(app.db.write(move |tx| booking::accept(tx, &rules, &by, id)).await?.into()))
}

/// Why not, and whether to take nobody new for a while.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct DeclineAsk {
    /// The mentee reads it.
    reason: String,
    /// Takes nobody new until then.
    #[schema(value_type = Option<String>, format = DateTime)]
    pause_until: Option<Moment>,
}

/// The mentor declines a request.
#[utoipa::path(post, path = "/api/sessions/{id}/decline", tag = "sessions", request_body = Option<DeclineAsk>,
    params(("id" = uuid::Uuid, Path, description = "The session")), responses(
    (status = 200, description = "Declined", body = SessionJson),
    (status = 403, description = "`forbidden`: only the mentor answers", body = Problem),
    (status = 404, description = "`session_unknown`", body = Problem),
    (status = 409, description = "`not_pending`", body = Problem),
))]
pub async fn decline(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
    body: Option<Json<DeclineAsk>>,
) -> Result<Json<SessionJson>, Refusal> {
    let DeclineAsk { reason, pause_until } = body.map_or_else(DeclineAsk::default, |Json(ask)| ask);
    let (by, rules) = (caller.asker(), Rules::of(&app.config));
    Ok(Json(app.db.write(move |tx| booking::decline(tx, &rules, &by, id, &reason, pause_until)).await?.into()))
}

/// The session took place.
#[utoipa::path(post, path = "/api/sessions/{id}/complete", tag = "sessions",
    params(("id" = uuid::Uuid, Path, description = "The session")), responses(
    (status = 200, description = "As it is now", body = SessionJson),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 404, description = "`session_unknown`", body = Problem),
    (status = 409, description = "`not_started`, `not_booked`", body = Problem),
))]
pub async fn complete(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
) -> Result<Json<SessionJson>, Refusal> {
    let (by, rules) = (caller.asker(), Rules::of(&app.config));
    Ok(Json(app.db.write(move |tx| booking::complete(tx, &rules, &by, id)).await?.into()))
}

/// Who did not come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoShowAsk {
    /// `mentee` or `mentor`
    #[schema(value_type = String)]
    party: Party,
}

/// One side did not come.
#[utoipa::path(post, path = "/api/sessions/{id}/no-show", tag = "sessions", request_body = NoShowAsk,
    params(("id" = uuid::Uuid, Path, description = "The session")), responses(
    (status = 200, description = "As it is now", body = SessionJson),
    (status = 403, description = "`forbidden`", body = Problem),
    (status = 404, description = "`session_unknown`", body = Problem),
    (status = 409, description = "`not_started`, `not_booked`", body = Problem),
))]
pub async fn no_show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
    Json(ask): Json<NoShowAsk>,
) -> Result<Json<SessionJson>, Refusal> {
    let (by, rules) = (caller.asker(), Rules::of(&app.config));
    Ok(Json(app.db.write(move |tx| booking::no_show(tx, &rules, &by, id, ask.party)).await?.into()))
}

/// Takes back that a session was completed or missed.
#[utoipa::path(post, path = "/api/sessions/{id}/undo", tag = "sessions",
    params(("id" = uuid::Uuid, Path, description = "The session")), responses(
    (status = 200, description = "Booked again", body = SessionJson),
    (status = 403, description = "`forbidden`: staff only", body = Problem),
    (status = 404, description = "`session_unknown`", body = Problem),
    (status = 409, description = "`not_closed`", body = Problem),
))]
pub async fn undo(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
) -> Result<Json<SessionJson>, Refusal> {
    let (by, rules) = (caller.asker(), Rules::of(&app.config));
    Ok(Json(app.db.write(move |tx| booking::undo(tx, &rules, &by, id)).await?.into()))
}

/// How it was.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FeedbackAsk {
    /// 1 to 5.
    rating: u32,
    /// More words.
    #[serde(default)]
    comment: String,
    /// Whether the other side may read it.
    #[serde(default)]
    share_with_other: bool,
}

/// What one side said.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedbackJson {
    /// `mentee` or `mentor`
    #[schema(value_type = String)]
    from: Party,
    rating: u32,
    comment: String,
    share_with_other: bool,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Moment,
}

impl From<Feedback> for FeedbackJson {
    fn from(it: Feedback) -> Self {
        Self {
            from: it.from,
            rating: it.rating,
            comment: it.comment,
            share_with_other: it.is_shared,
            updated_at: it.updated_at,
        }
    }
}

/// Says how it was; saying it again replaces what was said.
#[utoipa::path(post, path = "/api/sessions/{id}/feedback", tag = "sessions", request_body = FeedbackAsk,
    params(("id" = uuid::Uuid, Path, description = "The session")), responses(
    (status = 200, description = "As it is now", body = FeedbackJson),
    (status = 403, description = "`forbidden`: only for those who were there", body = Problem),
    (status = 404, description = "`session_unknown`", body = Problem),
    (status = 409, description = "`not_completed`", body = Problem),
    (status = 422, description = "A field is wrong", body = Problem),
))]
pub async fn give_feedback(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
    Json(ask): Json<FeedbackAsk>,
) -> Result<Json<FeedbackJson>, Refusal> {
    let by = caller.asker();
    let said =
        app.db.write(move |tx| feedback::give(tx, &by, id, ask.rating, &ask.comment, ask.share_with_other)).await?;
    Ok(Json(said.into()))
}

/// What the asker may read of what was said.
#[utoipa::path(get, path = "/api/sessions/{id}/feedback", tag = "sessions",
    params(("id" = uuid::Uuid, Path, description = "The session")), responses(
    (status = 200, description = "The mentee's first", body = Vec<FeedbackJson>),
    (status = 404, description = "`session_unknown`", body = Problem),
))]
pub async fn read_feedback(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<SessionId>,
) -> Result<Json<Vec<FeedbackJson>>, Refusal> {
    let by = caller.asker();
    let said = app.db.read(move |tx| feedback::of_session(tx, &by, id)).await?;
    Ok(Json(said.into_iter().map(Into::into).collect()))
}
