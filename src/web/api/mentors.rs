//! Mentors as lists and as cards.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::error::{Error, Result};
use crate::ids::MentorId;
use crate::matching::{Card, Filters, SLOT_DAYS, Slot, SlotView};
use crate::web::error::Refusal;
use crate::web::extract::{Id, Json, Query, checked_limit, page_of};
use crate::web::identity::SignedIn;

/// Slots shown of each mentor.
const SLOTS: usize = 5;

/// What a list may be narrowed by.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Any of these industries; may be repeated.
    industry: Vec<String>,
    /// Any of these stages; may be repeated.
    stage: Vec<String>,
    /// Any of these topics; may be repeated.
    expertise: Vec<String>,
    /// Words that must all stand in name, headline, company, title or topics.
    q: String,
    /// 1 to 200, 50 unless said otherwise.
    limit: Option<u32>,
    /// `nextCursor` of the list before.
    cursor: Option<String>,
}

/// Mentors in the order of their names.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MentorList {
    items: Vec<MentorCard>,
    /// Asks for the next mentors; `null` at the end.
    next_cursor: Option<String>,
}

/// What anybody signed in sees of a mentor.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MentorCard {
    #[schema(value_type = uuid::Uuid)]
    id: MentorId,
    name: String,
    headline: String,
    bio: String,
    company: String,
    title: String,
    photo_url: Option<String>,
    linkedin_url: Option<String>,
    expertise: Vec<String>,
    industries: Vec<String>,
    stages: Vec<String>,
    languages: Vec<String>,
    timezone: String,
    /// The next open slots, at most five.
    availability: Vec<SlotView>,
    profile_url: String,
}

impl MentorCard {
    fn new(card: &Card, slots: &[Slot]) -> Self {
        Self {
            id: card.id,
            name: card.name.clone(),
            headline: card.headline.clone(),
            bio: card.bio.clone(),
            company: card.company.clone(),
            title: card.title.clone(),
            photo_url: card.photo_url.clone(),
            linkedin_url: card.linkedin_url.clone(),
            expertise: card.expertise.clone(),
            industries: card.industries.clone(),
            stages: card.stages.clone(),
            languages: card.languages.clone(),
            timezone: card.timezone.clone(),
            availability: slots.iter().take(SLOTS).map(Into::into).collect(),
            profile_url: format!("/mentors/{}", card.id),
        }
    }
}

/// Lists mentors by name.
#[utoipa::path(get, path = "/api/mentors", tag = "mentors", params(ListQuery), responses(
    (status = 200, description = "Mentors by name", body = MentorList),
    (status = 422, description = "A parameter is wrong", body = super::operations::Problem),
))]
pub async fn list(
    State(app): State<App>,
    _: SignedIn,
    Query(query): Query<ListQuery>,
) -> Result<Json<MentorList>, Refusal> {
    let limit = checked_limit(query.limit)?;
    let cursor = query.cursor.as_deref().map(read_cursor).transpose()?;
    let filters = Filters {
        industries: query.industry,
        stages: query.stage,
        expertise: query.expertise,
        available_within_days: None,
    };
    let (found, has_more) = page_of(app.matcher.page(&filters, &query.q, cursor.as_ref(), limit as usize + 1), limit);
    let next_cursor = found.last().filter(|_| has_more).map(|(card, _)| write_cursor(card));
    let items = found.iter().map(|(card, slots)| MentorCard::new(card, slots)).collect();
    Ok(Json(MentorList { items, next_cursor }))
}

fn write_cursor(card: &Card) -> String {
    format!("{}.{}", card.id, card.name.to_lowercase())
}

fn read_cursor(cursor: &str) -> Result<(String, MentorId)> {
    let wrong = || Error::field("cursor", "must be the nextCursor of the list before");
    let (id, name) = cursor.split_once('.').ok_or_else(wrong)?;
    Ok((name.to_owned(), id.parse().map_err(|_| wrong())?))
}

/// One mentor's public card with the next free slots.
#[utoipa::path(get, path = "/api/mentors/{mentorId}", tag = "mentors",
    params(("mentorId" = uuid::Uuid, Path, description = "The mentor")), responses(
    (status = 200, description = "The card", body = MentorCard),
    (status = 404, description = "Unknown, or not visible", body = super::operations::Problem),
))]
pub async fn show(State(app): State<App>, _: SignedIn, Id(id): Id<MentorId>) -> Result<Json<MentorCard>, Refusal> {
    let until = app.db.clock().now().plus_days(SLOT_DAYS);
    let (card, slots) = app
        .matcher
        .visible_card(id, until)
        .ok_or_else(|| Error::not_found("mentor_unknown", "This mentor is not here, or no longer."))?;
    Ok(Json(MentorCard::new(&card, &slots)))
}
