//! People: who they are, how they sign in, what they may do. Passwords are kept as argon2id
//! hashes and sign-ins as hashes of their secrets; neither can be read back.

pub mod books;
mod changes;
mod holdings;
mod letters;
mod links;
mod locks;
pub mod logins;
pub mod mentees;
pub mod oidc;
mod password;
pub mod people;
pub mod photos;
pub mod recovery;
pub mod signup;
mod store;
pub mod tokens;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::audit::{self, Actor, Entry};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::unseen;

pub use changes::{Details, NAME_OF_THE_GONE, erase, set_details, set_email, set_role, set_status};
pub use holdings::holdings;
pub use logins::{Device, Login, LoginRules, sign_in, sign_out, signed_in};
pub use password::{Passwords, Verdict};

/// The longest e-mail address there can be (RFC 5321 section 4.5.3.1.3, less its angle brackets).
const LONGEST_EMAIL: usize = 254;

/// The longest name taken.
const LONGEST_NAME: usize = 200;

/// What a person may do, rising from mentee to admin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks for help.
    Mentee,
    /// Gives it.
    Mentor,
    /// Runs the program.
    Pm,
    /// Runs Tandem.
    Admin,
}

impl Role {
    /// The word in the database and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mentee => "mentee",
            Self::Mentor => "mentor",
            Self::Pm => "pm",
            Self::Admin => "admin",
        }
    }

    /// Whether this role sees what only those who run the program may see.
    pub const fn is_staff(self) -> bool {
        matches!(self, Self::Pm | Self::Admin)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::Mentee, Self::Mentor, Self::Pm, Self::Admin]
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| Error::field("role", "must be mentee, mentor, pm or admin"))
    }
}

/// Whether an account is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// In use.
    Active,
    /// Resting: cannot sign in.
    Inactive,
    /// Shut out by staff: cannot sign in, and open sign-ins are over.
    Suspended,
}

impl Status {
    /// The word in the database and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Suspended => "suspended",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "active" => Self::Active,
            "inactive" => Self::Inactive,
            _ => Self::Suspended,
        }
    }
}

impl FromStr for Status {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::Active, Self::Inactive, Self::Suspended]
            .into_iter()
            .find(|status| status.name() == text)
            .ok_or_else(|| Error::field("status", "must be active, inactive or suspended"))
    }
}

/// A person with an account.
#[derive(Clone, Debug)]
pub struct User {
    /// The account's id.
    pub id: UserId,
    /// The address as it was written.
    pub email: String,
    /// What others call them.
    pub name: String,
    /// A picture's address.
    pub image: Option<String>,
    /// What they may do.
    pub role: Role,
    /// Whether the account is in use.
    pub status: Status,
    /// IANA name of the zone they read times in.
    pub timezone: String,
    /// When they last signed in.
    pub last_login_at: Option<Moment>,
}

/// What makes a new account.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The address; checked by `put_user`.
    pub email: String,
    /// The name; checked by `put_user`.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// IANA zone, already checked.
    pub timezone: String,
    /// The hash of a password, or none for those who come in by other ways.
    pub password_hash: Option<String>,
}

/// Makes an account.
///
/// # Errors
/// `Invalid` with fields for a bad address or name; `email_taken` where the address has an account.
pub fn create(tx: &Tx<'_>, new: &NewUser) -> Result<User> {
    let email = check_email(&new.email)?;
    let name = check_name(&new.name)?;
    let id = UserId::random();
    if !store::insert(tx, id, &email, &email_key(&email), &name, new)? {
        return Err(Error::conflict("email_taken", "That e-mail address belongs to somebody else."));
    }
    user(tx, id)?.ok_or_else(|| Error::internal(anyhow::anyhow!("a new account is not there")))
}

/// Makes an account for somebody whose address an operator vouches for.
///
/// # Errors
/// As `create`.
pub fn create_vouched(tx: &Tx<'_>, actor: &Actor, new: &NewUser) -> Result<User> {
    let user = create(tx, new)?;
    vouch(tx, user.id)?;
    let (id, after) = (user.id.to_string(), serde_json::json!({ "role": user.role, "status": user.status }));
    audit::note(tx, actor, &Entry { kind: "user.created", about: ("user", &id), before: ().into(), after })?;
    Ok(user)
}

/// The person with this id; those who have deleted their account are nobody.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn user(tx: &Tx<'_>, id: UserId) -> Result<Option<User>> {
    store::by_id(tx, id)
}

/// The person with this address, however its letters are cased.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn user_by_email(tx: &Tx<'_>, email: &str) -> Result<Option<User>> {
    Ok(store::by_email(tx, &email_key(email))?.map(|(user, _)| user))
}

/// Changes name and zone, and the address unless it is somebody else's. `None` keeps what is there.
///
/// # Errors
/// `Invalid` with fields; `email_taken`.
pub fn update(tx: &Tx<'_>, id: UserId, email: Option<&str>, name: Option<&str>, timezone: Option<&str>) -> Result<()> {
    let email = email.map(check_email).transpose()?;
    let name = name.map(check_name).transpose()?;
    let key = email.as_deref().map(email_key);
    if !store::update(tx, id, email.as_deref(), key.as_deref(), name.as_deref(), timezone)? {
        return Err(Error::conflict("email_taken", "That e-mail address belongs to somebody else."));
    }
    Ok(())
}

/// Gives an account a new password.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn set_password(tx: &Tx<'_>, id: UserId, hash: &str) -> Result<()> {
    store::set_password(tx, id, hash)
}

/// Gives an account a new password on behalf of its owner, and ends every login.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn replace_password(tx: &Tx<'_>, actor: &Actor, id: UserId, hash: &str) -> Result<()> {
    store::set_password(tx, id, hash)?;
    store::delete_logins_of(tx, id)?;
    let about = id.to_string();
    let entry = Entry { kind: "user.password_changed", about: ("user", &about), before: ().into(), after: ().into() };
    audit::note(tx, actor, &entry)
}

/// Somebody who may vouches that the account's address is its owner's.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn vouch(tx: &Tx<'_>, id: UserId) -> Result<()> {
    store::set_verified(tx, id)
}

/// Ends every login of an account.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn end_logins(tx: &Tx<'_>, id: UserId) -> Result<()> {
    store::delete_logins_of(tx, id)
}

/// Whether an account has a password at all.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn has_password(tx: &Tx<'_>, id: UserId) -> Result<bool> {
    store::has_password(tx, id)
}

/// The hash to store for a new password, made on the calling thread: for commands, never for requests.
///
/// # Errors
/// `Invalid` naming the field `password`.
pub fn hash_here(password: &str) -> Result<String> {
    password::checked_hash(password)
}

/// The form of an address that makes two writings of it one person.
pub fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Checks an address and gives it back trimmed. Deliberately mild: only the mail itself proves an address.
///
/// # Errors
/// `Invalid` naming the field `email`.
pub fn check_email(email: &str) -> Result<String> {
    let email = email.trim();
    let refuse = |problem: &str| Err(Error::field("email", problem));
    let Some((local, domain)) = email.rsplit_once('@') else { return refuse("must be an e-mail address") };
    if email.len() > LONGEST_EMAIL {
        return refuse("is too long");
    }
    let is_odd = |letter: char| {
        letter.is_whitespace() || letter.is_control() || unseen::is_unseen(letter) || "<>()[],;:\\\"".contains(letter)
    };
    // Letters that only look like others (full width, ligatures, the Kelvin sign) would make two writings of one address.
    if email.nfkc().ne(email.chars()) {
        return refuse("must be written with plain letters");
    }
    let domain_is_right =
        domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    if local.is_empty() || local.contains('@') || email.contains(is_odd) || !domain_is_right {
        return refuse("must be an e-mail address");
    }
    Ok(email.to_owned())
}

/// Checks a person's name and gives it back trimmed, without marks that turn text around, and with
/// runs of white space made one space.
///
/// # Errors
/// `Invalid` naming the field `name`.
pub fn check_name(name: &str) -> Result<String> {
    let name = name.replace(unseen::turns, "");
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.chars().all(|letter| letter == ' ' || unseen::is_unseen(letter)) {
        return Err(Error::field("name", "must not be blank"));
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(Error::field("name", format!("must not be longer than {LONGEST_NAME} characters")));
    }
    if name.contains(char::is_control) {
        return Err(Error::field("name", "must not hold control characters"));
    }
    Ok(name)
}

/// Checks that a time zone is one that calendars know.
///
/// # Errors
/// `Invalid` naming the field `timezone`.
pub fn check_timezone(timezone: &str) -> Result<String> {
    timezone
        .trim()
        .parse::<chrono_tz::Tz>()
        .map(|zone| zone.name().to_owned())
        .map_err(|_| Error::field("timezone", "must be an IANA time zone such as Europe/Berlin"))
}

#[cfg(test)]
mod tests;
