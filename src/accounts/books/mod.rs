//! Accounts as the program's books hold them: what an export says of a person beside their profile, and how it is
//! brought in again. Passwords, sign-ins, tokens and links to other providers are in no book.

pub(crate) mod store;

use super::mentees::{self, NewMentee};
use super::{Details, NewUser, Role, Status, User, email_key, photos, set_status};
use crate::audit::Actor;
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{MenteeId, UserId};

/// What bringing something in did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It was not there before.
    New,
    /// It was there, otherwise.
    Changed,
    /// It was there just so.
    Unchanged,
}

impl Effect {
    /// That of something that was there.
    pub const fn of_known(has_changed: bool) -> Self {
        if has_changed { Self::Changed } else { Self::Unchanged }
    }
}

/// What is known of an account beside name, address and zone. What a file does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Mentee or mentor: whoever runs the program is made so in Tandem, never by a file.
    pub role: Option<Role>,
    /// Whether it is in use.
    pub status: Option<Status>,
    /// When the address was proven.
    pub email_verified_at: Option<Moment>,
    /// A picture elsewhere; uploaded ones are in no book.
    pub image: Option<String>,
    /// When it was made.
    pub created_at: Option<Moment>,
    /// When it last changed.
    pub updated_at: Option<Moment>,
    /// When its owner left: what is left is a row without a name, for the sessions of others.
    pub deleted_at: Option<Moment>,
}

/// A mentee as the books hold them.
#[derive(Clone, Debug)]
pub struct MenteeBook {
    /// The profile's id, where the file says it.
    pub id: Option<MenteeId>,
    /// Name, address, zone and profile, checked.
    pub mentee: NewMentee,
    /// When the profile was made.
    pub created_at: Option<Moment>,
    /// When it last changed.
    pub updated_at: Option<Moment>,
    /// Their account.
    pub account: Account,
}

/// A mentee's profile as other books point at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The profile.
    pub id: MenteeId,
    /// Its account.
    pub user: UserId,
}

/// Calls `each` for every mentee, those who left included, in the order in which they came.
///
/// # Errors
/// Those of `each`.
pub fn for_each_mentee(tx: &Tx<'_>, each: impl FnMut(MenteeBook) -> Result<()>) -> Result<()> {
    store::for_each_mentee(tx, each)
}

/// How many mentees there are, those who left included.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn count_mentees(tx: &Tx<'_>) -> Result<u32> {
    store::count_mentees(tx)
}

/// The mentee with this address, those who left included.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn mentee(tx: &Tx<'_>, email: &str) -> Result<Option<Known>> {
    store::mentee(tx, &email_key(email))
}

/// Brings a mentee in. Dates and the id are taken for what is new; of what is there only the content changes.
///
/// # Errors
/// `email_taken` where the address belongs to a pm or an admin; `mentee_elsewhere` where this mentee is here under
/// another address; `mentee_gone`; `Invalid` with fields.
pub fn put_mentee(tx: &Tx<'_>, actor: &Actor, new: &MenteeBook) -> Result<Effect> {
    let there = store::person(tx, &email_key(&new.mentee.email))?;
    let profile = there.map(|(user, _)| store::profile_of(tx, user)).transpose()?.flatten();
    if let Some(id) = new.id
        && profile.is_none()
        && store::is_mentee(tx, id)?
    {
        let message = "This mentee is here under another address; nothing was changed.";
        return Err(Error::conflict("mentee_elsewhere", message));
    }
    match there {
        Some((_, true)) if new.account.deleted_at.is_none() => {
            Err(Error::conflict("mentee_gone", "This mentee has deleted their account; nothing was changed."))
        }
        Some((_, true)) if profile.is_some() => Ok(Effect::Unchanged),
        Some((user, true)) => open(tx, actor, user, new),
        Some((_, false)) => {
            let effect =
                if profile.is_some() { mentees::put(tx, actor, &new.mentee)? } else { settle(tx, actor, new)? };
            let user = super::user_by_email(tx, &new.mentee.email)?;
            let has_other = user.map(|user| bring(tx, actor, &user, &new.account)).transpose()?.unwrap_or(false);
            Ok(if effect == Effect::Unchanged { Effect::of_known(has_other) } else { effect })
        }
        None => {
            let NewMentee { email, name, timezone, .. } = new.mentee.clone();
            let account = NewUser { email, name, role: Role::Mentee, timezone, password_hash: None };
            let user = super::create(tx, &account)?.id;
            stamp(tx, user, &new.account)?;
            open(tx, actor, user, new)
        }
    }
}

/// A profile for somebody who has an account already, a mentor mostly.
fn settle(tx: &Tx<'_>, actor: &Actor, new: &MenteeBook) -> Result<Effect> {
    let user = super::user_by_email(tx, &new.mentee.email)?.filter(|user| !user.role.is_staff());
    let user = user.ok_or_else(|| Error::conflict("email_taken", "That e-mail address belongs to somebody else."))?;
    let details =
        Details { name: new.mentee.name.clone(), timezone: new.mentee.timezone.clone(), ..Details::of(&user) };
    super::set_details(tx, actor, &user, &details)?;
    open(tx, actor, user.id, new)
}

fn open(tx: &Tx<'_>, actor: &Actor, user: UserId, new: &MenteeBook) -> Result<Effect> {
    let id = new.id.unwrap_or_else(MenteeId::random);
    mentees::set_as(tx, actor, user, id, &new.mentee.profile)?;
    store::stamp_mentee(tx, id, new.created_at, new.updated_at)?;
    Ok(Effect::New)
}

/// Gives an account that was just made what its book says. The caller has made it, nobody has used it.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn stamp(tx: &Tx<'_>, user: UserId, account: &Account) -> Result<()> {
    store::stamp(tx, user, account)
}

/// Changes an account that was there to what its book says; returns whether anything is different now.
///
/// # Errors
/// `email_taken` where that would change a pm's or an admin's account.
pub fn bring(tx: &Tx<'_>, actor: &Actor, user: &User, account: &Account) -> Result<bool> {
    let status = account.status.filter(|status| *status != user.status);
    let is_uploaded = user.image.as_deref().is_some_and(|image| image.starts_with(photos::ADDRESS));
    let image = account.image.as_ref().filter(|image| !is_uploaded && user.image.as_ref() != Some(*image));
    let verified_at = account.email_verified_at.filter(|_| !user.role.is_staff());
    if user.role.is_staff() && (status.is_some() || image.is_some()) {
        return Err(Error::conflict("email_taken", "That e-mail address belongs to somebody else."));
    }
    let mut has_changed = false;
    if let Some(image) = image {
        let details = Details { image: Some(image.clone()), ..Details::of(user) };
        has_changed |= super::set_details(tx, actor, user, &details)?;
    }
    if let Some(status) = status {
        has_changed |= set_status(tx, actor, user, status)?;
    }
    if let Some(at) = verified_at {
        has_changed |= store::verify(tx, user.id, at)?;
    }
    Ok(has_changed)
}
