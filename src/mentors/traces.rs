//! What every change to a mentor leaves behind: an entry in the audit log, a line in the change log
//! that memory and indexes follow, a job that makes the vectors. And the end of a profile.

use serde_json::{Map, Value, json};

use super::{Mentor, Profile, store};
use crate::audit::{self, Actor, Entry};
use crate::db::{Change, Tx};
use crate::error::Result;
use crate::ids::{MentorId, MentorNo, UserId};
use crate::jobs;

pub(super) fn created(
    tx: &Tx<'_>,
    actor: &Actor,
    id: MentorId,
    number: MentorNo,
    profile: &Profile,
    record: Option<&str>,
) -> Result<()> {
    let mut after = standing(profile);
    after.insert("record".to_owned(), json!(record));
    let entry =
        Entry { kind: "mentor.created", about: ("mentor", &id.to_string()), before: ().into(), after: after.into() };
    audit::note(tx, actor, &entry)?;
    leave(tx, number)
}

/// `account` names the fields of the account and whether each was changed too.
pub(super) fn changed(
    tx: &Tx<'_>,
    actor: &Actor,
    mentor: &Mentor,
    profile: &Profile,
    account: &[(&'static str, bool)],
    is_adopted: bool,
) -> Result<()> {
    let (mut before, mut after) = (standing(&mentor.profile), standing(profile));
    before.retain(|field, value| after.get(field) != Some(value));
    after.retain(|field, _| before.contains_key(field));
    let mut fields: Vec<&str> = account.iter().filter_map(|(field, is_other)| is_other.then_some(*field)).collect();
    fields.extend(texts_that_differ(&mentor.profile, profile));
    if is_adopted {
        fields.push("record");
    }
    if !fields.is_empty() {
        after.insert("fields".to_owned(), json!(fields));
    }
    let about = ("mentor", &*mentor.id.to_string());
    audit::note(tx, actor, &Entry { kind: "mentor.changed", about, before: before.into(), after: after.into() })?;
    leave(tx, mentor.number)
}

fn leave(tx: &Tx<'_>, number: MentorNo) -> Result<()> {
    tx.note(number, Change::Profile)?;
    jobs::enqueue(tx, jobs::Kind::Embed, &number.0.to_string())
}

/// What is written down with its values: how the program treats a mentor, never what they say.
fn standing(profile: &Profile) -> Map<String, Value> {
    let values = [
        ("active", json!(profile.is_active)),
        ("visibility", json!(profile.visibility)),
        ("pausedUntil", json!(profile.paused_until)),
        ("loadCapPerWeek", json!(profile.load_cap_per_week)),
    ];
    values.into_iter().map(|(field, value)| (field.to_owned(), value)).collect()
}

fn texts_that_differ(before: &Profile, after: &Profile) -> impl Iterator<Item = &'static str> {
    [
        ("headline", before.headline != after.headline),
        ("bio", before.bio != after.bio),
        ("company", before.company != after.company),
        ("title", before.title != after.title),
        ("industries", before.industries != after.industries),
        ("stages", before.stages != after.stages),
        ("languages", before.languages != after.languages),
        ("expertise", before.expertise != after.expertise),
        ("photoUrl", before.photo_url != after.photo_url),
        ("linkedinUrl", before.linkedin_url != after.linkedin_url),
        ("meetingUrl", before.meeting_url != after.meeting_url),
    ]
    .into_iter()
    .filter_map(|(field, is_other)| is_other.then_some(field))
}

/// Lets memory and indexes know that the account of a mentor has changed; the account of anybody
/// else is none of theirs.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn account_changed(tx: &Tx<'_>, user: UserId) -> Result<()> {
    match store::by_user(tx, user)? {
        Some(mentor) => tx.note(mentor.number, Change::Profile),
        None => Ok(()),
    }
}

/// Empties a mentor's profile for good and hides it. The row stays for the sessions that were held;
/// the outside record it came from is remembered, so that it cannot bring the person back.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn erase(tx: &Tx<'_>, actor: &Actor, user: UserId) -> Result<()> {
    let Some(mentor) = store::by_user(tx, user)? else { return Ok(()) };
    let emptied = Profile { visibility: super::Visibility::Private, ..Profile::default() };
    store::update(tx, mentor.number, mentor.record.as_deref(), &emptied)?;
    store::replace_expertise(tx, mentor.number, &[])?;
    store::drop_passages(tx, mentor.number)?;
    super::tags::forget(tx, mentor.number)?;
    // A worker that is reading the old texts just now would write them down again: this job comes after it.
    jobs::enqueue(tx, jobs::Kind::Embed, &mentor.number.0.to_string())?;
    tx.note(mentor.number, Change::Gone)?;
    let (about, before) = (("mentor", &*mentor.id.to_string()), standing(&mentor.profile).into());
    audit::note(tx, actor, &Entry { kind: "mentor.erased", about, before, after: ().into() })
}
