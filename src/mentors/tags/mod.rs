//! The tags of all mentors together, for those who keep them tidy: what there is, which look alike, one
//! made another or taken away everywhere at once. Each mentor touched leaves the traces of any other
//! change, so that answers follow. The last change can be undone.

mod near;
mod store;

use std::collections::HashMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{Edit, Expertise, MAX_TAGS, Mentor, Patch, checked_list};
use crate::audit::{self, Actor, Entry};
use crate::db::Tx;
use crate::error::{Error, OrInternal, Result};
use crate::ids::MentorNo;

/// What sort of tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// What mentors know about.
    #[default]
    Expertise,
    /// Fields of business.
    Industries,
    /// Stages of a company.
    Stages,
    /// Languages.
    Languages,
}

impl Kind {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Expertise, Self::Industries, Self::Stages, Self::Languages];

    /// The word in addresses and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expertise => "expertise",
            Self::Industries => "industries",
            Self::Stages => "stages",
            Self::Languages => "languages",
        }
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| Error::field("kind", "must be expertise, industries, stages or languages"))
    }
}

/// A tag as it is written, and how many mentors have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tag {
    /// The tag.
    pub name: String,
    /// How many mentors have it, the private and the resting too.
    pub n_mentors: u32,
}

/// Two tags that look like one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    /// The less common one.
    pub from: Tag,
    /// The one to keep.
    pub into: Tag,
}

/// All tags of a kind, the most common first.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn tags(tx: &Tx<'_>, kind: Kind) -> Result<Vec<Tag>> {
    store::tags(tx, kind)
}

/// Pairs of them that look like two writings of one.
pub fn suggestions(tags: &[Tag]) -> Vec<Suggestion> {
    near::suggestions(tags)
}

/// What a change to a tag would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// What the tag would be called, made tidy; `None` where it goes.
    pub into: Option<String>,
    /// How many mentors have it.
    pub n_changed: usize,
    /// How many of them have the other one too.
    pub n_both: usize,
    /// How many have the other one now; 0 where there is no such tag yet.
    pub n_into: u32,
    /// The first of those who would change, by name.
    pub names: Vec<String>,
}

/// Mentors that a preview names.
const NAMED: usize = 5;

/// Says what `change` would do, and does nothing.
///
/// # Errors
/// As `change`.
pub fn preview(tx: &Tx<'_>, kind: Kind, from: &str, into: Option<&str>) -> Result<Preview> {
    let into = checked_into(from, into)?;
    let mentors = with_tag(tx, kind, from)?;
    let is_into = |it: &Expertise| into.as_ref().is_some_and(|into| it.area != from && same(&it.area, into));
    let n_both = mentors.iter().filter(|mentor| list_of(mentor, kind).iter().any(is_into)).count();
    let n_into = match &into {
        Some(into) => store::tags(tx, kind)?.iter().find(|tag| tag.name == *into).map_or(0, |tag| tag.n_mentors),
        None => 0,
    };
    let names = mentors.iter().take(NAMED).map(|mentor| mentor.name.clone()).collect();
    Ok(Preview { into, n_changed: mentors.len(), n_both, n_into, names })
}

/// What a change to a tag did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// What undoes it, as long as no other change to a tag has come after.
    pub undo: Uuid,
    /// How many mentors are different now.
    pub n_changed: usize,
}

/// Makes `from` the tag `into` with every mentor who has it, or takes it from them where there is no
/// `into`. Who has both keeps one.
///
/// # Errors
/// `tag_unknown` where nobody has `from`; `Invalid` where `into` is blank, too long, or the same.
pub fn change(tx: &Tx<'_>, actor: &Actor, kind: Kind, from: &str, into: Option<&str>) -> Result<Done> {
    let into = checked_into(from, into)?;
    let mentors = with_tag(tx, kind, from)?;
    let mut log = Log { undo: Uuid::new_v4(), kind, from: from.to_owned(), into: into.clone(), changed: Vec::new() };
    for mentor in mentors {
        let (list, taken) = without(list_of(&mentor, kind), from, into.as_deref());
        log.changed.push((mentor.number.0, taken));
        super::change(tx, actor, mentor, None, edit_of(kind, list))?;
    }
    let n_changed = log.changed.len();
    let what = match &into {
        None => "tag.removed",
        Some(_) => "tag.merged",
    };
    let before = json!({ "kind": kind, "tag": from });
    let after = json!({ "tag": into, "mentors": n_changed });
    audit::note(tx, actor, &Entry { kind: what, about: ("tag", kind.name()), before, after })?;
    keep(tx, &log)?;
    Ok(Done { undo: log.undo, n_changed })
}

/// Merges one tag into another that is there already.
///
/// # Errors
/// As `change`; `tag_unknown` where nobody has `into`.
pub fn merge(tx: &Tx<'_>, actor: &Actor, kind: Kind, from: &str, into: &str) -> Result<Done> {
    if !store::tags(tx, kind)?.iter().any(|tag| tag.name == into) {
        return Err(unknown());
    }
    change(tx, actor, kind, from, Some(into))
}

/// Undoes the last change to a tag, with every mentor in whom it still stands. Returns how many those are.
///
/// # Errors
/// `cannot_undo` where another change came after, or it was undone already.
pub fn undo(tx: &Tx<'_>, actor: &Actor, undo: Uuid) -> Result<usize> {
    let log = last(tx)?.filter(|log| log.undo == undo).ok_or_else(|| {
        Error::conflict("cannot_undo", "This can no longer be undone: another change to tags came after it.")
    })?;
    let taken: HashMap<u32, Vec<Taken>> = log.changed.into_iter().collect();
    let numbers: Vec<MentorNo> = taken.keys().map(|number| MentorNo(*number)).collect();
    let mut n_changed = 0;
    for mentor in store::numbered(tx, &numbers)? {
        let Some(taken) = taken.get(&mentor.number.0) else { continue };
        let list = put_back(list_of(&mentor, log.kind), taken, &log.from, log.into.as_deref());
        n_changed += usize::from(super::change(tx, actor, mentor, None, edit_of(log.kind, list))?.has_changed);
    }
    let before = json!({ "kind": log.kind, "tag": log.into });
    let after = json!({ "tag": log.from, "mentors": n_changed });
    audit::note(tx, actor, &Entry { kind: "tag.undone", about: ("tag", log.kind.name()), before, after })?;
    tx.set_setting(LAST, "")?;
    Ok(n_changed)
}

/// Forgets what a mentor had before the last change to a tag: for those who have themselves erased.
///
/// # Errors
/// Internal, where SQLite cannot.
pub(super) fn forget(tx: &Tx<'_>, mentor: MentorNo) -> Result<()> {
    let Some(mut log) = last(tx)? else { return Ok(()) };
    log.changed.retain(|(number, _)| *number != mentor.0);
    keep(tx, &log)
}

fn last(tx: &Tx<'_>) -> Result<Option<Log>> {
    Ok(tx.setting(LAST)?.and_then(|text| serde_json::from_str(&text).ok()))
}

fn keep(tx: &Tx<'_>, log: &Log) -> Result<()> {
    tx.set_setting(LAST, &serde_json::to_string(log).or_internal("writing down a change to a tag")?)
}

/// Where the last change to a tag is kept.
const LAST: &str = "tags.last_change";

/// A change to a tag, as far as undoing it needs to know.
#[derive(Debug, Serialize, Deserialize)]
struct Log {
    undo: Uuid,
    kind: Kind,
    from: String,
    into: Option<String>,
    /// By the mentor's number: what was taken, in the order of the list.
    changed: Vec<(u32, Vec<Taken>)>,
}

/// One tag that was taken from a mentor's list, or made another there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Taken {
    place: usize,
    subarea: Option<String>,
    weight: f64,
    is_replaced: bool,
}

fn same(one: &str, two: &str) -> bool {
    one.to_lowercase() == two.to_lowercase()
}

fn same_subarea(one: Option<&String>, two: Option<&String>) -> bool {
    one.map(|it| it.to_lowercase()) == two.map(|it| it.to_lowercase())
}

fn unknown() -> Error {
    Error::not_found("tag_unknown", "No mentor has that tag, or no longer.")
}

fn with_tag(tx: &Tx<'_>, kind: Kind, tag: &str) -> Result<Vec<Mentor>> {
    let mentors = store::with_tag(tx, kind, tag)?;
    if mentors.is_empty() { Err(unknown()) } else { Ok(mentors) }
}

fn checked_into(from: &str, into: Option<&str>) -> Result<Option<String>> {
    let Some(into) = into else { return Ok(None) };
    let into = checked_list("into", [into.to_owned()])?.pop();
    let into = into.ok_or_else(|| Error::field("into", "must not be blank"))?;
    if into == from {
        return Err(Error::field("into", "must be another tag"));
    }
    Ok(Some(into))
}

/// A mentor's list of a kind, as if all were expertise.
fn list_of(mentor: &Mentor, kind: Kind) -> Vec<Expertise> {
    let plain = |tags: &[String]| tags.iter().cloned().map(Expertise::plain).collect();
    match kind {
        Kind::Expertise => mentor.profile.expertise.clone(),
        Kind::Industries => plain(&mentor.profile.industries),
        Kind::Stages => plain(&mentor.profile.stages),
        Kind::Languages => plain(&mentor.profile.languages),
    }
}

fn edit_of(kind: Kind, list: Vec<Expertise>) -> Edit {
    let plain = |list: Vec<Expertise>| Patch::Set(list.into_iter().map(|it| it.area).collect());
    match kind {
        Kind::Expertise => Edit { expertise: Patch::Set(list), ..Edit::default() },
        Kind::Industries => Edit { industries: plain(list), ..Edit::default() },
        Kind::Stages => Edit { stages: plain(list), ..Edit::default() },
        Kind::Languages => Edit { languages: plain(list), ..Edit::default() },
    }
}

/// The list with `from` made `into`, or gone; and what was taken.
fn without(list: Vec<Expertise>, from: &str, into: Option<&str>) -> (Vec<Expertise>, Vec<Taken>) {
    let (mut kept, mut taken): (Vec<Expertise>, Vec<Taken>) = (Vec::with_capacity(list.len()), Vec::new());
    let others: Vec<Expertise> = list.iter().filter(|it| it.area != from).cloned().collect();
    for (place, mut it) in list.into_iter().enumerate() {
        if it.area != from {
            kept.push(it);
            continue;
        }
        let is_same = |other: &Expertise, into: &str| {
            same(&other.area, into) && same_subarea(other.subarea.as_ref(), it.subarea.as_ref())
        };
        let replacing = into.filter(|into| !others.iter().any(|other| is_same(other, into)));
        taken.push(Taken { place, subarea: it.subarea.clone(), weight: it.weight, is_replaced: replacing.is_some() });
        if let Some(into) = replacing {
            into.clone_into(&mut it.area);
            kept.push(it);
        }
    }
    (kept, taken)
}

/// The list with what was taken put back, as far as it still fits.
fn put_back(mut list: Vec<Expertise>, taken: &[Taken], from: &str, into: Option<&str>) -> Vec<Expertise> {
    for it in taken {
        if it.is_replaced {
            let is_it = |other: &&mut Expertise| {
                Some(other.area.as_str()) == into && same_subarea(other.subarea.as_ref(), it.subarea.as_ref())
            };
            if let Some(replaced) = list.iter_mut().find(is_it) {
                from.clone_into(&mut replaced.area);
            }
            continue;
        }
        let is_there = list
            .iter()
            .any(|other| same(&other.area, from) && same_subarea(other.subarea.as_ref(), it.subarea.as_ref()));
        if !is_there && list.len() < MAX_TAGS {
            let place = it.place.min(list.len());
            let back = Expertise { area: from.to_owned(), subarea: it.subarea.clone(), weight: it.weight };
            list.insert(place, back);
        }
    }
    list
}

#[cfg(test)]
mod tests;
