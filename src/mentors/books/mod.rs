//! Mentors as the program's books hold them: everything that is known of them but their secrets, and how it is
//! brought in again. Other books point at a mentor by the record they come from, or by their address.

mod store;

use super::{Edit, Mentor};
use crate::accounts::books::{self, Account, Effect};
use crate::accounts::{self, Role, email_key};
use crate::audit::Actor;
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{MentorId, MentorNo, UserId};

/// A mentor to bring in, checked. A mentor without a record is known by their id.
#[derive(Clone, Debug, Default)]
pub struct NewMentor {
    /// The profile's id, where the file says it.
    pub id: Option<MentorId>,
    /// The record they come from, where an outside program has them.
    pub record: Option<String>,
    /// What the file says of them.
    pub edit: Edit,
    /// When the profile was made.
    pub created_at: Option<Moment>,
    /// When it last changed.
    pub updated_at: Option<Moment>,
    /// When the record was last edited over there, in milliseconds since 1970.
    pub record_edited_ms: Option<i64>,
    /// Their account.
    pub account: Account,
}

/// A mentor as the books hold them.
#[derive(Clone, Debug)]
pub struct MentorBook {
    /// Profile, name, address and zone.
    pub mentor: Mentor,
    /// When the profile was made.
    pub created_at: Moment,
    /// When it last changed.
    pub updated_at: Moment,
    /// When the record was last edited over there, in milliseconds since 1970.
    pub record_edited_ms: Option<i64>,
    /// Their account.
    pub account: Account,
}

/// How other books point at a mentor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// The record they come from; it says more than the address, which may change.
    pub record: Option<String>,
    /// Their address.
    pub email: Option<String>,
}

/// The mentor whom a reference means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Their number.
    pub number: MentorNo,
    /// Their profile.
    pub id: MentorId,
    /// Their account.
    pub user: UserId,
    /// IANA zone.
    pub timezone: String,
}

/// Calls `each` for every mentor, those who left included, in the order of their numbers.
///
/// # Errors
/// Those of `each`.
pub fn for_each(tx: &Tx<'_>, each: impl FnMut(MentorBook) -> Result<()>) -> Result<()> {
    store::for_each(tx, each)
}

/// How many mentors there are, those who left included.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn count(tx: &Tx<'_>) -> Result<u32> {
    store::count(tx)
}

/// The mentor whom a reference means, those who left included.
///
/// # Errors
/// `mentor_unknown` where there is none.
pub fn find(tx: &Tx<'_>, reference: &Reference) -> Result<Known> {
    let by_record = reference.record.as_deref().map(|record| store::by_record(tx, record)).transpose()?.flatten();
    let found = match (by_record, &reference.email) {
        (Some(known), _) => Some(known),
        (None, Some(email)) => store::by_email(tx, &email_key(email))?,
        (None, None) => None,
    };
    found.ok_or_else(|| Error::not_found("mentor_unknown", "No mentor here has this record id or address."))
}

/// Brings a mentor in. Dates and the id are taken for what is new; of what is there only the content changes.
///
/// # Errors
/// As `mentors::put`; `Invalid` for an edit that was made tomorrow; `mentor_elsewhere` where this id is that of a mentor from another record.
pub fn put(tx: &Tx<'_>, actor: &Actor, new: NewMentor) -> Result<Effect> {
    new.record_edited_ms.map_or(Ok(()), |edited_ms| super::check_last_edit(tx, edited_ms))?;
    match known(tx, &new)? {
        Some(mentor) if mentor.is_erased && new.account.deleted_at.is_some() => Ok(Effect::Unchanged),
        Some(mentor) if mentor.is_erased => {
            Err(Error::conflict("mentor_gone", "This mentor has deleted their account; nothing was changed."))
        }
        Some(mentor) => {
            let user = mentor.user;
            let put = super::change(tx, actor, mentor, new.record.as_deref(), new.edit)?;
            let has_other = bring(tx, actor, put.number, &new.account)?;
            let has_changed = put.has_changed || has_other;
            if has_changed && !may_change(tx, actor, user)? {
                return Err(Error::forbidden("forbidden", "Only admins change those who run the program."));
            }
            Ok(Effect::of_known(has_changed))
        }
        None => {
            let email = new.edit.email.as_deref().unwrap_or_default();
            let is_person = accounts::user_by_email(tx, email)?.is_some();
            let id = new.id.unwrap_or_else(MentorId::random);
            let put = super::create(tx, actor, id, new.record.as_deref(), new.edit)?;
            if is_person {
                bring(tx, actor, put.number, &new.account)?;
            } else if let Some(mentor) = super::by_number(tx, put.number)? {
                books::stamp(tx, mentor.user, &new.account)?;
            }
            store::stamp(tx, put.number, new.created_at, new.updated_at, new.record_edited_ms)?;
            Ok(Effect::New)
        }
    }
}

/// Whether whoever brings a file may change this account: a program manager may not change by a file whom they may
/// not change by hand. Whoever works at the command line may.
fn may_change(tx: &Tx<'_>, actor: &Actor, user: UserId) -> Result<bool> {
    let Some(by) = actor.user.filter(|by| *by != user) else { return Ok(true) };
    let is_staff = accounts::user(tx, user)?.is_some_and(|it| it.role.is_staff());
    Ok(!is_staff || accounts::user(tx, by)?.is_some_and(|it| it.role == Role::Admin))
}

/// The account of a mentor who was there becomes what its book says.
fn bring(tx: &Tx<'_>, actor: &Actor, number: MentorNo, account: &Account) -> Result<bool> {
    let Some(mentor) = super::by_number(tx, number)? else { return Ok(false) };
    let Some(user) = accounts::user(tx, mentor.user)? else { return Ok(false) };
    let has_changed = books::bring(tx, actor, &user, account)?;
    if has_changed {
        super::account_changed(tx, user.id)?;
    }
    Ok(has_changed)
}

/// The mentor whom a book means: of the same record, else of the same id, else one without a record at the same address.
fn known(tx: &Tx<'_>, new: &NewMentor) -> Result<Option<Mentor>> {
    if let Some(record) = &new.record
        && let Some(mentor) = super::store::by_record(tx, record)?
    {
        return Ok(Some(mentor));
    }
    let of_id = new.id.map(|id| super::mentor(tx, id)).transpose()?.flatten();
    match of_id {
        Some(mentor) if mentor.record.is_some() && new.record.is_some() => {
            Err(Error::conflict("mentor_elsewhere", "This mentor comes from another record; nothing was changed."))
        }
        Some(mentor) => Ok(Some(mentor)),
        None => super::adoptable(tx, &new.edit),
    }
}
