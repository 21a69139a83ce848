//! What of a profile somebody may see. A private mentor, a mentee and staff are nobody to those who
//! have nothing to do with them.

use serde::Serialize;
use utoipa::ToSchema;

use super::Asker;
use crate::accounts::mentees::{self, Mentee};
use crate::accounts::{self, Role, Status};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{MenteeId, MentorId, UserId};
use crate::mentors::{self, Mentor, Visibility};

/// A person. Fields that are left out are not for the asker to see.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileView {
    /// The account.
    #[schema(value_type = uuid::Uuid)]
    pub id: UserId,
    /// The name.
    pub name: String,
    /// The address; for oneself and staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A picture's address.
    pub image: Option<String>,
    /// What they may do.
    #[schema(value_type = String, example = "mentor")]
    pub role: Role,
    /// Whether the account is in use; for oneself and staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub status: Option<Status>,
    /// IANA zone.
    pub timezone: String,
    /// Where they are a mentor whom the asker may see.
    pub mentor: Option<MentorView>,
    /// Where they are a mentee whom the asker may see.
    pub mentee: Option<MenteeView>,
}

/// What a mentor says of themselves.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MentorView {
    /// The mentor.
    #[schema(value_type = uuid::Uuid)]
    pub id: MentorId,
    /// One line.
    pub headline: String,
    /// Some paragraphs.
    pub bio: String,
    /// Where they work.
    pub company: String,
    /// As what.
    pub title: String,
    /// The foremost of `industries`.
    pub industry: Option<String>,
    /// The foremost of `stages`.
    pub stage: Option<String>,
    /// Fields of business.
    pub industries: Vec<String>,
    /// Stages of a company.
    pub stages: Vec<String>,
    /// Languages.
    pub languages: Vec<String>,
    /// Who may see them; for oneself and staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub visibility: Option<Visibility>,
    /// Sessions a week; for oneself and staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_cap_per_week: Option<u32>,
    /// Whether the program has them in use.
    pub active: bool,
    /// Takes nobody new until then; for oneself and staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub paused_until: Option<Moment>,
    /// The picture that the profile names. What cards show is this, or the account's `image`.
    pub photo_url: Option<String>,
    /// Their page on LinkedIn.
    pub linkedin_url: Option<String>,
    /// Their own meeting room; for oneself and staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meeting_url: Option<String>,
    /// Their tags.
    pub expertise: Vec<ExpertiseView>,
}

/// One thing a mentor knows about.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ExpertiseView {
    /// The tag.
    pub area: String,
    /// A finer word for it.
    pub subarea: Option<String>,
    /// How much it counts.
    pub weight: f64,
}

/// What a mentee says of themselves.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MenteeView {
    /// The mentee.
    #[schema(value_type = uuid::Uuid)]
    pub id: MenteeId,
    /// Where they work, or what they found.
    pub company: String,
    /// The company's stage.
    pub stage: String,
    /// Its field of business.
    pub industry: String,
    /// What they want to get done; for oneself, staff and mentors who have a session with them.
    pub goals: String,
}

/// What the asker may see of this person, `None` where they may not know of them.
/// `has_session_between` says whether the asker is a mentor who has a session with them.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn view(tx: &Tx<'_>, asker: &Asker, user: UserId, has_session_between: bool) -> Result<Option<ProfileView>> {
    let Some(person) = accounts::user(tx, user)? else { return Ok(None) };
    let is_close = asker.has_all_of(user);
    let mentor = mentors::of_user(tx, user)?.filter(|mentor| is_close || mentor.is_visible());
    let mentee = mentees::of_user(tx, user)?.filter(|_| is_close || has_session_between);
    if !is_close && mentor.is_none() && mentee.is_none() {
        return Ok(None);
    }
    Ok(Some(ProfileView {
        id: person.id,
        name: person.name,
        email: is_close.then_some(person.email),
        image: person.image,
        role: person.role,
        status: is_close.then_some(person.status),
        timezone: person.timezone,
        mentor: mentor.map(|mentor| mentor_view(mentor, is_close)),
        mentee: mentee.map(mentee_view),
    }))
}

fn mentor_view(mentor: Mentor, is_close: bool) -> MentorView {
    let profile = mentor.profile;
    MentorView {
        id: mentor.id,
        headline: profile.headline,
        bio: profile.bio,
        company: profile.company,
        title: profile.title,
        industry: profile.industries.first().cloned(),
        stage: profile.stages.first().cloned(),
        industries: profile.industries,
        stages: profile.stages,
        languages: profile.languages,
        visibility: is_close.then_some(profile.visibility),
        load_cap_per_week: is_close.then_some(profile.load_cap_per_week),
        active: profile.is_active,
        paused_until: profile.paused_until.filter(|_| is_close),
        photo_url: profile.photo_url,
        linkedin_url: profile.linkedin_url,
        meeting_url: profile.meeting_url.filter(|_| is_close),
        expertise: profile
            .expertise
            .into_iter()
            .map(|it| ExpertiseView { area: it.area, subarea: it.subarea, weight: it.weight })
            .collect(),
    }
}

fn mentee_view((id, mentee): (MenteeId, Mentee)) -> MenteeView {
    MenteeView { id, company: mentee.company, stage: mentee.stage, industry: mentee.industry, goals: mentee.goals }
}
