//! What an export says of people beyond the columns that Airtable has. A file that another program wrote does not
//! have these columns; where one is empty, what is there stays. The webhook never reads them.

use serde_json::Value;

use super::check::{Check, milliseconds, set};
use crate::accounts::books::{Account, MenteeBook};
use crate::accounts::mentees::NewMentee;
use crate::accounts::{Role, Status};
use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::ids::MentorId;
use crate::mentors::books::NewMentor;
use crate::mentors::{Edit, Expertise, Patch, checked_expertise, checked_url};

/// Columns of a mentor that Airtable has not.
pub(super) const MENTOR_EXTRAS: &[&str] = &[
    "Tandem ID",
    "Expertise Subareas",
    "Expertise Weights",
    "Paused Until",
    "Profile Created At",
    "Profile Updated At",
];

/// Columns of a mentee beyond those that people fill in.
pub(super) const MENTEE_EXTRAS: &[&str] = &["Tandem ID", "Profile Created At", "Profile Updated At"];

/// Columns of anybody's account.
pub const ACCOUNT_FIELDS: &[&str] = &[
    "Account Role",
    "Account Status",
    "Email Verified At",
    "Image URL",
    "Account Created At",
    "Account Updated At",
    "Account Deleted At",
];

/// What those columns say of a mentor.
pub(super) struct MentorExtras {
    pub(super) id: Option<MentorId>,
    expertise: Option<Vec<Expertise>>,
    paused_until: Patch<Moment>,
    created_at: Option<Moment>,
    updated_at: Option<Moment>,
    record_edited_ms: Option<i64>,
    account: Account,
}

impl MentorExtras {
    pub(super) fn with(self, record: Option<String>, edit: Edit) -> NewMentor {
        let expertise = self.expertise.map_or(edit.expertise, Patch::Set);
        NewMentor {
            id: self.id,
            record,
            edit: Edit { expertise, paused_until: self.paused_until, ..edit },
            created_at: self.created_at,
            updated_at: self.updated_at,
            record_edited_ms: self.record_edited_ms,
            account: self.account,
        }
    }
}

pub(super) fn mentor(check: &mut Check<'_>) -> MentorExtras {
    MentorExtras {
        id: id(check),
        expertise: expertise(check),
        paused_until: check.text("Paused Until", |text| moment("Paused Until", text)),
        created_at: time(check, "Profile Created At"),
        updated_at: time(check, "Profile Updated At"),
        record_edited_ms: set(check.text("Last Modified", milliseconds)),
        account: account(check),
    }
}

pub(super) fn mentee(check: &mut Check<'_>, mentee: NewMentee) -> MenteeBook {
    MenteeBook {
        id: id(check),
        mentee,
        created_at: time(check, "Profile Created At"),
        updated_at: time(check, "Profile Updated At"),
        account: account(check),
    }
}

fn account(check: &mut Check<'_>) -> Account {
    Account {
        role: set(check.text("Account Role", |text| match text.trim() {
            "mentee" => Ok(Role::Mentee),
            "mentor" => Ok(Role::Mentor),
            _ => Err(Error::field("Account Role", "must be mentee or mentor: staff is made in Tandem")),
        })),
        status: set(check.text("Account Status", |text| text.trim().parse::<Status>())),
        email_verified_at: time(check, "Email Verified At"),
        image: set(check.text("Image URL", |url| checked_url("Image URL", url))),
        created_at: time(check, "Account Created At"),
        updated_at: time(check, "Account Updated At"),
        deleted_at: time(check, "Account Deleted At"),
    }
}

fn id<T: std::str::FromStr>(check: &mut Check<'_>) -> Option<T> {
    let wrong = || Error::field("Tandem ID", "must be an id such as an export gives");
    set(check.text("Tandem ID", |text| text.trim().parse().map_err(|_| wrong())))
}

fn time(check: &mut Check<'_>, field: &str) -> Option<Moment> {
    set(check.text(field, |text| moment(field, text)))
}

fn moment(field: &str, text: &str) -> Result<Moment> {
    Moment::parse(text.trim()).ok_or_else(|| Error::field(field, "must be a time such as 2030-03-04T09:00:00Z"))
}

/// Areas with what more is said about each, where the lists beside them are filled.
fn expertise(check: &mut Check<'_>) -> Option<Vec<Expertise>> {
    let (subareas, weights) = (entries(check, "Expertise Subareas")?, entries(check, "Expertise Weights")?);
    if subareas.is_empty() && weights.is_empty() {
        return None;
    }
    let areas = entries(check, "Expertise")?;
    for (field, list) in [("Expertise Subareas", &subareas), ("Expertise Weights", &weights)] {
        if !list.is_empty() && list.len() != areas.len() {
            check.wrong::<()>(field, "must have one entry for each of Expertise, or none at all");
            return None;
        }
    }
    let tags = areas.into_iter().enumerate().map(|(place, area)| {
        let subarea = subareas.get(place).filter(|subarea| !subarea.is_empty()).cloned();
        // A text that is no number becomes one that no weight may be.
        let weight = weights.get(place).map_or(1.0, |weight| weight.trim().parse().unwrap_or(f64::NAN));
        Expertise { area, subarea, weight }
    });
    let checked = checked_expertise("Expertise Weights", tags);
    set(check.settle("Expertise Weights", checked))
}

/// A list as it stands, blank entries and doubles included; `None` where it is no list.
fn entries(check: &mut Check<'_>, field: &str) -> Option<Vec<String>> {
    let entries = match check.value(field) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(entries)) => entries
            .iter()
            .map(|entry| match entry {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                Value::Null => Some(String::new()),
                _ => None,
            })
            .collect(),
        Some(_) => None,
    };
    if entries.is_none() {
        check.wrong::<()>(field, "must be a list of texts");
    }
    entries
}
