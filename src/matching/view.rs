//! An answer as JSON: the one shape that `POST /api/match`, the search page and `tandem match
//! --json` share. Pure.

use serde::Serialize;
use utoipa::ToSchema;

use super::roster::Slot;
use super::{Match, Ranking, Reason};
use crate::clock::Moment;
use crate::ids::{MentorId, SlotId};

/// An answer to a question.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The question as it was put.
    pub query: String,
    /// The question as it was understood, where its spelling was corrected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrected_query: Option<String>,
    /// All mentors that pass the filters and are relevant, not only those returned.
    pub count: usize,
    /// Whether `count` is exact; on very large programs it may be a lower bound.
    pub count_is_exact: bool,
    /// Milliseconds spent on the answer.
    pub took_ms: f64,
    /// Parts that are being rebuilt: `keyword` is left out; of `semantic` some vectors are missing, or of an earlier
    /// model.
    pub degraded: Vec<&'static str>,
    /// Ranked mentors, best first.
    pub matches: Vec<MatchView>,
    /// Where nobody is relevant: the nearest, at most three, named as what they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub near_misses: Vec<MatchView>,
}

/// One ranked mentor.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MatchView {
    /// The mentor.
    #[schema(value_type = uuid::Uuid)]
    pub id: MentorId,
    /// Their name.
    pub name: String,
    /// One line.
    pub headline: String,
    /// Some paragraphs.
    pub bio: String,
    /// Where they work.
    pub company: String,
    /// As what.
    pub title: String,
    /// A picture.
    pub photo_url: Option<String>,
    /// Their tags.
    pub expertise: Vec<String>,
    /// 0 to 100.
    pub match_score: u8,
    /// What in the profile fits, and what speaks for the mentor now.
    pub reasons: Vec<ReasonView>,
    /// What the score is made of; the points add up to it.
    pub signals: Vec<SignalView>,
    /// At most five open slots of the next two weeks.
    pub availability: Vec<SlotView>,
    /// The mentor's page.
    pub profile_url: String,
}

/// Why a mentor is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReasonView {
    /// `passage` quotes the profile, `expertise` names a tag, `industry_stage`, `availability`, `rating`.
    pub kind: &'static str,
    /// The passage or a sentence.
    pub text: String,
    /// Words of the text that the question shares.
    pub matched: Vec<String>,
}

/// One part of a score.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SignalView {
    /// `semantic`, `keyword`, `expertise`, `industry_stage`, `availability`, `load`, `rating`.
    pub name: &'static str,
    /// 0 to 1.
    pub value: f64,
    /// The weights of all signals sum to 1.
    pub weight: f64,
    /// 100 x weight x value.
    pub points: f64,
}

/// An open slot.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlotView {
    /// The slot.
    #[schema(value_type = uuid::Uuid)]
    pub slot_id: SlotId,
    /// UTC.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Moment,
    /// UTC.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Moment,
    /// Seats that are left.
    pub remaining: u32,
}

impl From<&Slot> for SlotView {
    fn from(slot: &Slot) -> Self {
        Self { slot_id: slot.id, starts_at: slot.starts_at, ends_at: slot.ends_at, remaining: slot.remaining }
    }
}

impl From<&Reason> for ReasonView {
    fn from(reason: &Reason) -> Self {
        Self { kind: reason.kind, text: reason.text.clone(), matched: reason.matched.clone() }
    }
}

impl From<&Match> for MatchView {
    fn from(it: &Match) -> Self {
        let card = &it.card;
        Self {
            id: card.id,
            name: card.name.clone(),
            headline: card.headline.clone(),
            bio: card.bio.clone(),
            company: card.company.clone(),
            title: card.title.clone(),
            photo_url: card.photo_url.clone(),
            expertise: card.expertise.clone(),
            match_score: it.score.shown(),
            reasons: it.reasons.iter().map(Into::into).collect(),
            signals: it
                .score
                .parts()
                .map(|part| SignalView {
                    name: part.signal.name(),
                    value: part.value,
                    weight: part.weight,
                    points: part.points(),
                })
                .collect(),
            availability: it.slots.iter().map(Into::into).collect(),
            profile_url: format!("/mentors/{}", card.id),
        }
    }
}

impl From<&Ranking> for Answer {
    fn from(ranking: &Ranking) -> Self {
        Self {
            query: ranking.question.clone(),
            corrected_query: ranking.corrected.clone(),
            count: ranking.count,
            count_is_exact: ranking.is_count_exact,
            took_ms: (ranking.stages.total().as_secs_f64() * 1e6).round() / 1e3,
            degraded: ranking.degraded.clone(),
            matches: ranking.matches.iter().map(Into::into).collect(),
            near_misses: ranking.near_misses.iter().map(Into::into).collect(),
        }
    }
}
