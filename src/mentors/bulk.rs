//! One change to many mentors at once, in one transaction, and the way back from it. What each of
//! them was before is told, so that a slip can be taken back; who has been changed since is left alone.

use super::profiles::{self, Asker, Change, ExpertiseChange, MentorChange};
use super::{Mentor, Patch, Visibility, checked_list, store};
use crate::audit::Actor;
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::MentorId;

/// Mentors that may be changed at once.
pub const MOST_AT_ONCE: usize = 500;

/// What is done to each.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Puts them into or out of use.
    Active(bool),
    /// They take nobody new until then; `None` ends a pause.
    Pause(Option<Moment>),
    /// Who may see them.
    Visibility(Visibility),
    /// They get this tag, after those they have.
    AddTag(String),
    /// They lose this tag.
    RemoveTag(String),
}

/// What a mentor was before, as far as a deed changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Former {
    /// The deed says it itself: the opposite.
    Opposite,
    /// Their pause.
    Paused(Option<Moment>),
    /// Who saw them.
    Visible(Visibility),
}

/// What came of a change to many.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Those who are different now, each with what they were.
    pub changed: Vec<(MentorId, Former)>,
    /// Their names, in the same order.
    pub names: Vec<String>,
    /// How many were so already.
    pub n_same: usize,
    /// Who was left out, by name, and why.
    pub left_out: Vec<(String, String)>,
}

/// Does this to each of these mentors; whoever cannot be changed is left out with a reason.
///
/// # Errors
/// `Invalid` where nobody or too many are named, or the deed itself is wrong.
pub fn apply(tx: &Tx<'_>, actor: &Actor, asker: &Asker, ids: &[MentorId], deed: &Deed) -> Result<Outcome> {
    let deed = tidy(deed)?;
    if matches!(deed, Deed::Pause(Some(until)) if until <= tx.now()) {
        return Err(Error::field("until", "must be a day that is still to come"));
    }
    if ids.is_empty() {
        return Err(Error::field("id", "must name at least one mentor: tick the boxes first"));
    }
    each(tx, actor, asker, ids.iter().copied(), |mentor| {
        Ok(changed_by(mentor, &deed).map(|it| (it, former(mentor, &deed))))
    })
}

/// Puts back what `deed` has changed. Whoever is not as the deed left them is left out.
///
/// # Errors
/// As `apply`.
pub fn take_back(
    tx: &Tx<'_>,
    actor: &Actor,
    asker: &Asker,
    deed: &Deed,
    changed: &[(MentorId, Former)],
) -> Result<Outcome> {
    let deed = tidy(deed)?;
    let before: std::collections::HashMap<MentorId, Former> = changed.iter().copied().collect();
    each(tx, actor, asker, changed.iter().map(|(id, _)| *id), |mentor| {
        if changed_by(mentor, &deed).is_some() {
            return Err(Error::conflict("changed_since", "has been changed since"));
        }
        let back = match (&deed, before.get(&mentor.id)) {
            (Deed::Active(is_active), _) => Deed::Active(!is_active),
            (Deed::Pause(_), Some(Former::Paused(until))) => Deed::Pause(*until),
            (Deed::Visibility(_), Some(Former::Visible(visibility))) => Deed::Visibility(*visibility),
            (Deed::AddTag(tag), _) => Deed::RemoveTag(tag.clone()),
            _ => return Err(Error::conflict("unknown_before", "is not known as they were before")),
        };
        Ok(changed_by(mentor, &back).map(|it| (it, former(mentor, &back))))
    })
}

fn each(
    tx: &Tx<'_>,
    actor: &Actor,
    asker: &Asker,
    ids: impl ExactSizeIterator<Item = MentorId>,
    mut edit: impl FnMut(&Mentor) -> Result<Option<(MentorChange, Former)>>,
) -> Result<Outcome> {
    if ids.len() > MOST_AT_ONCE {
        return Err(Error::field("id", format!("must not name more than {MOST_AT_ONCE} mentors at once")));
    }
    let mut outcome = Outcome::default();
    let mut seen = std::collections::HashSet::new();
    for id in ids.filter(|id| seen.insert(*id)) {
        let Some(mentor) = store::by_id(tx, id)?.filter(|mentor| !mentor.is_erased) else {
            outcome.left_out.push((id.to_string(), "is not here, or no longer".to_owned()));
            continue;
        };
        let done = edit(&mentor).and_then(|edit| match edit {
            None => Ok(None),
            Some((change, former)) => {
                let change = Change { mentor: Some(change), ..Change::default() };
                tx.savepoint(|tx| profiles::change(tx, actor, asker, mentor.user, false, change)).map(|_| Some(former))
            }
        });
        match done {
            Ok(Some(former)) => {
                outcome.changed.push((id, former));
                outcome.names.push(mentor.name);
            }
            Ok(None) => outcome.n_same += 1,
            // A refusal is about this mentor; anything else is about the machine.
            Err(refusal) if refusal.cause().is_none() => {
                let problem = refusal.fields.values().next().cloned();
                outcome.left_out.push((mentor.name, problem.unwrap_or_else(|| refusal.message.to_string())));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(outcome)
}

/// The deed with its tag as profiles hold it.
fn tidy(deed: &Deed) -> Result<Deed> {
    let Deed::AddTag(tag) = deed else { return Ok(deed.clone()) };
    let tag = checked_list("tag", [tag.clone()])?.pop();
    Ok(Deed::AddTag(tag.ok_or_else(|| Error::field("tag", "must not be blank"))?))
}

fn former(mentor: &Mentor, deed: &Deed) -> Former {
    match deed {
        Deed::Pause(_) => Former::Paused(mentor.profile.paused_until),
        Deed::Visibility(_) => Former::Visible(mentor.profile.visibility),
        Deed::Active(_) | Deed::AddTag(_) | Deed::RemoveTag(_) => Former::Opposite,
    }
}

/// What the deed means for this mentor, `None` where it is so already.
fn changed_by(mentor: &Mentor, deed: &Deed) -> Option<MentorChange> {
    let profile = &mentor.profile;
    let is_tag = |area: &str, tag: &str| area.to_lowercase() == tag.to_lowercase();
    let tags = || {
        let tag = |it: &super::Expertise| ExpertiseChange {
            area: it.area.clone(),
            subarea: it.subarea.clone(),
            weight: it.weight,
        };
        profile.expertise.iter().map(tag).collect::<Vec<_>>()
    };
    let none = MentorChange::default();
    match deed {
        Deed::Active(is_active) => {
            (profile.is_active != *is_active).then_some(MentorChange { active: Patch::Set(*is_active), ..none })
        }
        Deed::Pause(until) => (profile.paused_until != *until)
            .then(|| MentorChange { paused_until: until.map_or(Patch::Clear, Patch::Set), ..none }),
        Deed::Visibility(visibility) => {
            (profile.visibility != *visibility).then_some(MentorChange { visibility: Patch::Set(*visibility), ..none })
        }
        Deed::AddTag(tag) => (!profile.expertise.iter().any(|it| is_tag(&it.area, tag))).then(|| {
            let mut tags = tags();
            tags.push(ExpertiseChange::plain(tag.clone()));
            MentorChange { expertise: Patch::Set(tags), ..none }
        }),
        Deed::RemoveTag(tag) => profile.expertise.iter().any(|it| is_tag(&it.area, tag)).then(|| {
            let mut tags = tags();
            tags.retain(|it| !is_tag(&it.area, tag));
            MentorChange { expertise: Patch::Set(tags), ..none }
        }),
    }
}
