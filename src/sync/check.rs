//! What a payload says, field by field, or what is wrong with it. Pure: no I/O.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use serde_json::{Map, Value};

use super::extras::{self, ACCOUNT_FIELDS, MENTEE_EXTRAS, MENTOR_EXTRAS};
use super::{Kind, MentorRecord, Person};
use crate::accounts::books::MenteeBook;
use crate::accounts::mentees::{Mentee, NewMentee};
use crate::accounts::{check_email, check_name, check_timezone};
use crate::config::MENTOR_FIELDS;
use crate::error::{Error, Result};
use crate::mentors::{
    Edit, Expertise, LONGEST_BIO, LONGEST_GOALS, LONGEST_LINE, MOST_SESSIONS_A_WEEK, Patch, Visibility, checked_list,
    checked_text, checked_url,
};

/// The longest id of a record, in characters.
const LONGEST_RECORD: usize = 100;

/// The columns of a mentee.
const MENTEE_FIELDS: &[&str] = &["Email", "Name", "Company", "Industry", "Stage", "Goals", "Timezone"];

/// A line of an import: `{recordId, fields: {…}}` is a mentor, a flat object is what its columns say,
/// unless the caller knows better. Names of fields that nobody knows are added to `unknown`.
///
/// # Errors
/// `Invalid` with every wrong field.
pub fn person(payload: &Value, kind: Option<Kind>, unknown: &mut BTreeSet<String>) -> Result<Person> {
    let object = payload.as_object().ok_or_else(|| Error::malformed("not_an_object", "must be a JSON object"))?;
    let is_mentee = match kind {
        Some(kind) => kind == Kind::Mentees,
        None => !object.contains_key("fields") && !object.contains_key("recordId") && object.contains_key("Goals"),
    };
    let fields = object.get("fields").and_then(Value::as_object).unwrap_or(object);
    if is_mentee {
        return mentee(fields, unknown).map(|book| Person::Mentee(Box::new(book)));
    }
    let id = object.get("recordId").or_else(|| object.get("Record ID")).and_then(Value::as_str).unwrap_or_default();
    let mut check = Check::of(fields);
    note_unknown(fields, &[MENTOR_FIELDS, MENTOR_EXTRAS, ACCOUNT_FIELDS], unknown);
    let extras = extras::mentor(&mut check);
    let edit = edit(&mut check);
    let record = check.record(id, extras.id.is_none());
    check.done(Person::Mentor(Box::new(extras.with(record, edit))))
}

/// A mentor as the Airtable webhook sends one: `{recordId, fields: {Email, Name, …}}`. A missing
/// field keeps its value, `null` clears it. Names of fields that nobody knows are added to `unknown`.
///
/// # Errors
/// `Invalid` with every wrong field.
pub(super) fn mentor_payload(payload: &Value, unknown: &mut BTreeSet<String>) -> Result<MentorRecord> {
    let id = payload.get("recordId").and_then(Value::as_str).unwrap_or_default();
    let fields =
        payload.get("fields").and_then(Value::as_object).ok_or_else(|| Error::field("fields", "must be an object"))?;
    mentor_record(id, fields, unknown)
}

fn mentor_record(id: &str, fields: &Map<String, Value>, unknown: &mut BTreeSet<String>) -> Result<MentorRecord> {
    note_unknown(fields, &[MENTOR_FIELDS], unknown);
    let mut check = Check::of(fields);
    let record = check.record(id, true).unwrap_or_default();
    let edit = edit(&mut check);
    let edited_ms = set(check.text("Last Modified", milliseconds));
    check.done(MentorRecord { record, edit, edited_ms })
}

fn edit(check: &mut Check<'_>) -> Edit {
    Edit {
        email: check.needed("Email", check_email),
        name: check.needed("Name", check_name),
        timezone: check.text("Timezone", check_timezone),
        headline: check.text("Headline", |text| checked_text("Headline", text, LONGEST_LINE)),
        bio: check.text("Bio", |text| checked_text("Bio", text, LONGEST_BIO)),
        company: check.text("Company", |text| checked_text("Company", text, LONGEST_LINE)),
        title: check.text("Title", |text| checked_text("Title", text, LONGEST_LINE)),
        industries: check.list("Industries"),
        stages: check.list("Stage Focus"),
        languages: check.list("Languages"),
        expertise: match check.list("Expertise") {
            Patch::Set(areas) => Patch::Set(areas.into_iter().map(Expertise::plain).collect()),
            Patch::Clear => Patch::Clear,
            Patch::Keep => Patch::Keep,
        },
        visibility: check.text("Visibility", visibility),
        is_active: check.yes_or_no("Is Active"),
        load_cap_per_week: check.load_cap("Load Cap Per Week"),
        photo_url: check.text("Photo URL", |url| checked_url("Photo URL", url)),
        linkedin_url: check.text("LinkedIn URL", |url| checked_url("LinkedIn URL", url)),
        meeting_url: check.text("Meeting URL", |url| checked_url("Meeting URL", url)),
        paused_until: Patch::Keep,
    }
}

fn mentee(fields: &Map<String, Value>, unknown: &mut BTreeSet<String>) -> Result<MenteeBook> {
    note_unknown(fields, &[MENTEE_FIELDS, MENTEE_EXTRAS, ACCOUNT_FIELDS], unknown);
    let mut check = Check::of(fields);
    let email = check.needed("Email", check_email);
    let name = check.needed("Name", check_name);
    for (field, value) in [("Email", &email), ("Name", &name)] {
        if value.is_none() {
            check.problems.entry(field.to_owned()).or_insert_with(|| "is needed".to_owned());
        }
    }
    let mentee = NewMentee {
        email: email.unwrap_or_default(),
        name: name.unwrap_or_default(),
        timezone: set(check.text("Timezone", check_timezone)).unwrap_or_else(|| "UTC".to_owned()),
        profile: Mentee {
            company: set(check.text("Company", |text| checked_text("Company", text, LONGEST_LINE))).unwrap_or_default(),
            stage: set(check.text("Stage", |text| checked_text("Stage", text, LONGEST_LINE))).unwrap_or_default(),
            industry: set(check.text("Industry", |text| checked_text("Industry", text, LONGEST_LINE)))
                .unwrap_or_default(),
            goals: set(check.text("Goals", |text| checked_text("Goals", text, LONGEST_GOALS))).unwrap_or_default(),
        },
    };
    let book = extras::mentee(&mut check, mentee);
    check.done(book)
}

pub(super) fn set<T>(patch: Patch<T>) -> Option<T> {
    match patch {
        Patch::Set(value) => Some(value),
        Patch::Keep | Patch::Clear => None,
    }
}

fn note_unknown(fields: &Map<String, Value>, known: &[&[&str]], unknown: &mut BTreeSet<String>) {
    let known = [known.concat(), vec!["recordId", "Record ID", "fields"]].concat();
    // Somebody's ten thousand odd columns are named only so far.
    for name in fields.keys().filter(|name| !known.contains(&name.as_str())).take(50) {
        unknown.insert(name.chars().take(60).collect());
    }
}

/// When a record was edited, in milliseconds since 1970.
pub(super) fn milliseconds(text: &str) -> Result<i64> {
    DateTime::parse_from_rfc3339(text.trim())
        .map(|time| time.timestamp_millis())
        .map_err(|_| Error::field("Last Modified", "must be a time like 2030-03-04T09:00:00.000Z"))
}

fn visibility(text: &str) -> Result<Visibility> {
    match text.trim().to_lowercase().as_str() {
        "public" => Ok(Visibility::Public),
        "limited" => Ok(Visibility::Limited),
        "private" => Ok(Visibility::Private),
        _ => Err(Error::field("Visibility", "must be public, limited or private")),
    }
}

/// Reads fields one by one and keeps what is wrong with each, so that all of it is said at once.
pub(super) struct Check<'a> {
    fields: &'a Map<String, Value>,
    problems: BTreeMap<String, String>,
}

impl<'a> Check<'a> {
    fn of(fields: &'a Map<String, Value>) -> Self {
        Self { fields, problems: BTreeMap::new() }
    }

    /// The id of the record; where it is `needed`, one must be there.
    fn record(&mut self, id: &str, needed: bool) -> Option<String> {
        let record = checked_text("recordId", id, LONGEST_RECORD).ok().filter(|record| !record.is_empty());
        if record.is_none() && (needed || !id.is_empty()) {
            self.problems.insert("recordId".to_owned(), "must be a text that names the record".to_owned());
        }
        record
    }

    /// A field as it stands.
    pub(super) fn value(&self, field: &str) -> Option<&'a Value> {
        self.fields.get(field)
    }

    fn done<T>(self, value: T) -> Result<T> {
        if self.problems.is_empty() { Ok(value) } else { Err(Error::invalid_fields(self.problems)) }
    }

    pub(super) fn wrong<T>(&mut self, field: &str, problem: &str) -> Patch<T> {
        self.problems.insert(field.to_owned(), problem.to_owned());
        Patch::Keep
    }

    pub(super) fn settle<T>(&mut self, field: &str, outcome: Result<T>) -> Patch<T> {
        match outcome {
            Ok(value) => Patch::Set(value),
            Err(refusal) => {
                let problem = refusal.fields.into_values().next().unwrap_or_else(|| refusal.message.to_string());
                self.wrong(field, &problem)
            }
        }
    }

    pub(super) fn text<T>(&mut self, field: &str, check: impl FnOnce(&str) -> Result<T>) -> Patch<T> {
        match self.fields.get(field) {
            None => Patch::Keep,
            Some(Value::Null) => Patch::Clear,
            Some(Value::String(text)) if text.trim().is_empty() => Patch::Clear,
            Some(Value::String(text)) => self.settle(field, check(text)),
            Some(_) => self.wrong(field, "must be text"),
        }
    }

    /// A field that can be changed but never emptied.
    fn needed(&mut self, field: &str, check: impl FnOnce(&str) -> Result<String>) -> Option<String> {
        match self.text(field, check) {
            Patch::Set(value) => Some(value),
            Patch::Keep => None,
            Patch::Clear => {
                self.problems.insert(field.to_owned(), "must not be empty".to_owned());
                None
            }
        }
    }

    pub(super) fn list(&mut self, field: &str) -> Patch<Vec<String>> {
        match self.fields.get(field) {
            None => Patch::Keep,
            Some(Value::Null) => Patch::Clear,
            Some(Value::Array(items)) => {
                let tags: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
                match tags {
                    Some(tags) => self.settle(field, checked_list(field, tags)),
                    None => self.wrong(field, "must be a list of texts"),
                }
            }
            Some(_) => self.wrong(field, "must be a list of texts"),
        }
    }

    fn yes_or_no(&mut self, field: &str) -> Patch<bool> {
        match self.fields.get(field) {
            None => Patch::Keep,
            Some(Value::Null) => Patch::Clear,
            Some(Value::Bool(is_so)) => Patch::Set(*is_so),
            Some(_) => self.wrong(field, "must be true or false"),
        }
    }

    fn load_cap(&mut self, field: &str) -> Patch<u32> {
        match self.fields.get(field) {
            None => Patch::Keep,
            Some(Value::Null) => Patch::Clear,
            Some(value) => {
                match value.as_u64().and_then(|cap| u32::try_from(cap).ok()).filter(|cap| *cap <= MOST_SESSIONS_A_WEEK)
                {
                    Some(cap) => Patch::Set(cap),
                    None => self.wrong(field, "must be a whole number from 0 to 200"),
                }
            }
        }
    }
}
