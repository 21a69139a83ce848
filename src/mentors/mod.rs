//! Mentors' profiles: what they say of themselves, their tags, who may see them. Every way in
//! (webhook, import, editor, their own page) ends in `put`, so that each leaves the same traces:
//! the rows, one line in the change log, one job that makes the vectors.

mod arrivals;
pub mod books;
pub mod bulk;
pub mod directory;
mod fields;
pub mod profiles;
mod store;
pub mod tags;
mod traces;

use serde::{Deserialize, Deserializer, Serialize};

use crate::accounts::photos;
use crate::accounts::{self, NewUser, Role};
use crate::audit::Actor;
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{MentorId, MentorNo, UserId};

pub use arrivals::settle_in;
pub use fields::{
    LONGEST_BIO, LONGEST_GOALS, LONGEST_LINE, MAX_TAGS, MOST_SESSIONS_A_WEEK, checked_expertise, checked_list,
    checked_text, checked_url,
};
pub use traces::{account_changed, erase};

/// Who gets to see a mentor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Anyone signed in finds and books them.
    #[default]
    Public,
    /// Anyone finds them; they accept each request.
    Limited,
    /// Nobody finds them.
    Private,
}

impl Visibility {
    /// The word in the database and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Limited => "limited",
            Self::Private => "private",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "public" => Self::Public,
            "limited" => Self::Limited,
            _ => Self::Private,
        }
    }
}

/// One thing a mentor knows about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expertise {
    /// The tag itself.
    pub area: String,
    /// A finer word for it.
    pub subarea: Option<String>,
    /// How much it counts; 1 unless said otherwise.
    pub weight: f64,
}

impl Expertise {
    /// A tag with nothing more said about it.
    pub fn plain(area: impl Into<String>) -> Self {
        Self { area: area.into(), subarea: None, weight: 1.0 }
    }
}

/// What a mentor says of themselves, and how the program treats them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// One line.
    pub headline: String,
    /// Some paragraphs.
    pub bio: String,
    /// Where they work.
    pub company: String,
    /// As what.
    pub title: String,
    /// Fields of business, the first one foremost.
    pub industries: Vec<String>,
    /// Stages of a company they help best, the first one foremost.
    pub stages: Vec<String>,
    /// Languages they speak.
    pub languages: Vec<String>,
    /// Their tags, the first ones foremost.
    pub expertise: Vec<Expertise>,
    /// Who may see them.
    pub visibility: Visibility,
    /// Whether the program has them in use.
    pub is_active: bool,
    /// Takes nobody new until then.
    pub paused_until: Option<Moment>,
    /// Sessions a week they are willing to hold.
    pub load_cap_per_week: u32,
    /// A picture (https).
    pub photo_url: Option<String>,
    /// Their page on LinkedIn (https).
    pub linkedin_url: Option<String>,
    /// Their own meeting room (https).
    pub meeting_url: Option<String>,
}

/// A mentor as stored.
#[derive(Clone, Debug)]
pub struct Mentor {
    /// For programs outside.
    pub id: MentorId,
    /// For bitmaps and slabs inside.
    pub number: MentorNo,
    /// Their account.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// IANA zone.
    pub timezone: String,
    /// The picture of their account.
    pub image: Option<String>,
    /// Whether their account is in use.
    pub has_active_account: bool,
    /// Whether they have deleted their account: nothing but the row is left.
    pub is_erased: bool,
    /// The record they come from, where an Airtable base has them.
    pub record: Option<String>,
    /// The rest.
    pub profile: Profile,
}

impl Mentor {
    /// Whether mentees may find them, pauses aside.
    pub fn is_visible(&self) -> bool {
        self.profile.is_active && self.has_active_account && self.profile.visibility != Visibility::Private
    }

    /// The picture to show: one they uploaded here says most clearly what they want; else the one
    /// their profile names, else the one their account brought along.
    pub fn photo(&self) -> Option<&str> {
        let uploaded = self.image.as_deref().filter(|image| image.starts_with(photos::ADDRESS));
        uploaded.or(self.profile.photo_url.as_deref()).or(self.image.as_deref())
    }
}

/// What is to become of one field.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Patch<T> {
    /// Stays as it is.
    #[default]
    Keep,
    /// Becomes empty, or its default.
    Clear,
    /// Becomes this.
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    /// `null` clears. A field that is missing never comes here: it keeps by `#[serde(default)]`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

impl<T> Patch<T> {
    /// The same with `of` in place of what is set.
    ///
    /// # Errors
    /// Those of `of`.
    pub fn try_map<U>(self, of: impl FnOnce(T) -> Result<U>) -> Result<Patch<U>> {
        Ok(match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(of(value)?),
        })
    }

    fn apply(self, to: &mut T, empty: T) {
        match self {
            Self::Keep => {}
            Self::Clear => *to = empty,
            Self::Set(value) => *to = value,
        }
    }
}

/// A change to a mentor, its values already checked.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// The address, already checked.
    pub email: Option<String>,
    /// The name, already checked.
    pub name: Option<String>,
    /// IANA zone, already checked.
    pub timezone: Patch<String>,
    /// `Profile::headline`
    pub headline: Patch<String>,
    /// `Profile::bio`
    pub bio: Patch<String>,
    /// `Profile::company`
    pub company: Patch<String>,
    /// `Profile::title`
    pub title: Patch<String>,
    /// `Profile::industries`
    pub industries: Patch<Vec<String>>,
    /// `Profile::stages`
    pub stages: Patch<Vec<String>>,
    /// `Profile::languages`
    pub languages: Patch<Vec<String>>,
    /// `Profile::expertise`
    pub expertise: Patch<Vec<Expertise>>,
    /// `Profile::visibility`
    pub visibility: Patch<Visibility>,
    /// `Profile::is_active`
    pub is_active: Patch<bool>,
    /// `Profile::paused_until`
    pub paused_until: Patch<Moment>,
    /// `Profile::load_cap_per_week`
    pub load_cap_per_week: Patch<u32>,
    /// `Profile::photo_url`
    pub photo_url: Patch<String>,
    /// `Profile::linkedin_url`
    pub linkedin_url: Patch<String>,
    /// `Profile::meeting_url`
    pub meeting_url: Patch<String>,
}

/// Sessions a week for a mentor who never said.
const DEFAULT_LOAD_CAP: u32 = 5;

impl Edit {
    fn apply(self, profile: &mut Profile) {
        self.headline.apply(&mut profile.headline, String::new());
        self.bio.apply(&mut profile.bio, String::new());
        self.company.apply(&mut profile.company, String::new());
        self.title.apply(&mut profile.title, String::new());
        self.industries.apply(&mut profile.industries, Vec::new());
        self.stages.apply(&mut profile.stages, Vec::new());
        self.languages.apply(&mut profile.languages, Vec::new());
        self.expertise.apply(&mut profile.expertise, Vec::new());
        self.visibility.apply(&mut profile.visibility, Visibility::Public);
        self.is_active.apply(&mut profile.is_active, true);
        self.load_cap_per_week.apply(&mut profile.load_cap_per_week, DEFAULT_LOAD_CAP);
        optional(self.paused_until, &mut profile.paused_until);
        optional(self.photo_url, &mut profile.photo_url);
        optional(self.linkedin_url, &mut profile.linkedin_url);
        optional(self.meeting_url, &mut profile.meeting_url);
    }
}

fn optional<T>(patch: Patch<T>, to: &mut Option<T>) {
    match patch {
        Patch::Keep => {}
        Patch::Clear => *to = None,
        Patch::Set(value) => *to = Some(value),
    }
}

/// What `put` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Put {
    /// Whom it was about.
    pub mentor: MentorId,
    /// Their number.
    pub number: MentorNo,
    /// Whether anything is different now.
    pub has_changed: bool,
}

/// Creates or changes the mentor that an outside record stands for. The record is known by its
/// id; a new record takes over a mentor without one by the e-mail address. Saying what is
/// already so changes nothing and leaves no trace.
///
/// # Errors
/// `email_taken` where the address belongs to a pm, an admin or another record; `mentor_gone` where
/// the record's mentor has deleted their account; `Invalid` where a new mentor has no address or no name.
pub fn put(tx: &Tx<'_>, actor: &Actor, record: &str, edit: Edit) -> Result<Put> {
    let known = match store::by_record(tx, record)? {
        Some(mentor) if mentor.is_erased => {
            return Err(Error::conflict("mentor_gone", "This mentor has deleted their account; nothing was changed."));
        }
        Some(mentor) => Some(mentor),
        None => adoptable(tx, &edit)?,
    };
    match known {
        Some(mentor) => change(tx, actor, mentor, Some(record), edit),
        None => create(tx, actor, MentorId::random(), Some(record), edit),
    }
}

/// Changes a mentor that is there.
///
/// # Errors
/// `email_taken`, as for `put`, and where the mentor is staff, whose address no other program moves.
pub fn change(tx: &Tx<'_>, actor: &Actor, mentor: Mentor, record: Option<&str>, edit: Edit) -> Result<Put> {
    let email = edit.email.clone().filter(|email| *email != mentor.email);
    let name = edit.name.clone().filter(|name| *name != mentor.name);
    let timezone = match edit.timezone.clone() {
        Patch::Keep => None,
        Patch::Clear => Some("UTC".to_owned()),
        Patch::Set(zone) => Some(zone),
    }
    .filter(|zone| *zone != mentor.timezone);
    let mut profile = mentor.profile.clone();
    edit.apply(&mut profile);
    let is_adopted = record.is_some_and(|record| mentor.record.as_deref() != Some(record));
    let has_new_account = email.is_some() || name.is_some() || timezone.is_some();
    let has_changed = has_new_account || is_adopted || profile != mentor.profile;
    if has_changed {
        // Whoever holds the address of staff can have its password made anew: no record and no file moves it.
        if email.is_some() && accounts::user(tx, mentor.user)?.is_some_and(|user| user.role.is_staff()) {
            return Err(taken());
        }
        if has_new_account {
            accounts::update(tx, mentor.user, email.as_deref(), name.as_deref(), timezone.as_deref())?;
        }
        let record = record.or(mentor.record.as_deref());
        store::update(tx, mentor.number, record, &profile)?;
        if profile.expertise != mentor.profile.expertise {
            store::replace_expertise(tx, mentor.number, &profile.expertise)?;
        }
        let account = [("email", email.is_some()), ("name", name.is_some()), ("timezone", timezone.is_some())];
        traces::changed(tx, actor, &mentor, &profile, &account, is_adopted)?;
    }
    Ok(Put { mentor: mentor.id, number: mentor.number, has_changed })
}

fn create(tx: &Tx<'_>, actor: &Actor, id: MentorId, record: Option<&str>, edit: Edit) -> Result<Put> {
    let email = edit.email.clone().ok_or_else(|| Error::field("Email", "is needed for a new mentor"))?;
    let name = edit.name.clone().ok_or_else(|| Error::field("Name", "is needed for a new mentor"))?;
    let timezone = match &edit.timezone {
        Patch::Set(zone) => zone.clone(),
        Patch::Keep | Patch::Clear => "UTC".to_owned(),
    };
    let user = match accounts::user_by_email(tx, &email)? {
        // A mentee who now also mentors; `adoptable` has refused everybody else.
        Some(user) => user.id,
        None => accounts::create(tx, &NewUser { email, name, role: Role::Mentor, timezone, password_hash: None })?.id,
    };
    open_as(tx, actor, id, user, record, edit)
}

/// Opens a mentor's profile for an account that has none. What `edit` says of the account is left aside.
///
/// # Errors
/// Internal, where SQLite cannot.
fn open(tx: &Tx<'_>, actor: &Actor, user: UserId, record: Option<&str>, edit: Edit) -> Result<Put> {
    open_as(tx, actor, MentorId::random(), user, record, edit)
}

fn open_as(tx: &Tx<'_>, actor: &Actor, id: MentorId, user: UserId, record: Option<&str>, edit: Edit) -> Result<Put> {
    let mut profile = Profile { is_active: true, load_cap_per_week: DEFAULT_LOAD_CAP, ..Profile::default() };
    edit.apply(&mut profile);
    let number = store::insert(tx, id, user, record, &profile)?;
    store::replace_expertise(tx, number, &profile.expertise)?;
    traces::created(tx, actor, id, number, &profile, record)?;
    Ok(Put { mentor: id, number, has_changed: true })
}

fn taken() -> Error {
    Error::conflict("email_taken", "That e-mail address belongs to somebody else.")
}

/// The mentor without a record whom a new record's address names, if any.
fn adoptable(tx: &Tx<'_>, edit: &Edit) -> Result<Option<Mentor>> {
    let Some(email) = &edit.email else { return Ok(None) };
    let Some(user) = accounts::user_by_email(tx, email)? else { return Ok(None) };
    if user.role.is_staff() {
        return Err(taken());
    }
    match store::by_user(tx, user.id)? {
        Some(mentor) if mentor.record.is_some() => Err(taken()),
        mentor => Ok(mentor),
    }
}

/// The mentor with this id.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn mentor(tx: &Tx<'_>, id: MentorId) -> Result<Option<Mentor>> {
    store::by_id(tx, id)
}

/// The mentor with this number.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn by_number(tx: &Tx<'_>, number: MentorNo) -> Result<Option<Mentor>> {
    store::by_number(tx, number)
}

/// The mentor whose account this is.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn of_user(tx: &Tx<'_>, user: UserId) -> Result<Option<Mentor>> {
    store::by_user(tx, user)
}

/// The mentor that an outside record stands for, with when the record was last edited over there, in milliseconds
/// since 1970; `None` where either is not known.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn last_edit(tx: &Tx<'_>, record: &str) -> Result<Option<(MentorId, MentorNo, i64)>> {
    store::last_edit(tx, record)
}

/// How far a base's clock may be ahead of this one, in days.
const FARTHEST_AHEAD_DAYS: i64 = 1;

/// Checks when a record is said to have been edited: written down, an edit of tomorrow would keep out all that come
/// after it.
///
/// # Errors
/// `Invalid` naming `Last Modified`.
pub fn check_last_edit(tx: &Tx<'_>, edited_ms: i64) -> Result<()> {
    if edited_ms > tx.now().plus_days(FARTHEST_AHEAD_DAYS).unix().saturating_mul(1_000) {
        return Err(Error::field("Last Modified", "must not lie in the future"));
    }
    Ok(())
}

/// Writes down when the record of a mentor was last edited over there, in milliseconds since 1970. It is no change
/// of theirs and leaves no trace.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn set_last_edit(tx: &Tx<'_>, mentor: MentorNo, edited_ms: i64) -> Result<()> {
    store::set_last_edit(tx, mentor, edited_ms)
}

/// Calls `each` for every mentor in the order of their numbers, one at a time.
///
/// # Errors
/// Those of `each`.
pub fn for_each(tx: &Tx<'_>, each: impl FnMut(Mentor) -> Result<()>) -> Result<()> {
    store::for_each(tx, each)
}

#[cfg(test)]
mod tests;
