//! The one error of the crate: a kind for machines, a stable code for programs, a sentence for
//! people, a cause for the log. It knows nothing of HTTP: `web/error.rs` gives it its faces.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// What every fallible verb of the crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of refusal or failure this is; callers branch on it, people never see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The input could not be read at all (not JSON, not UTF-8, nested too deep).
    Malformed,
    /// The input could be read but says something impossible; `fields` names where.
    Invalid,
    /// Nobody is signed in.
    SignedOut,
    /// Somebody is signed in who may not do this.
    Forbidden,
    /// It is not there, or the asker may not know that it is.
    NotFound,
    /// It clashes with what is there already.
    Conflict,
    /// The input is larger than is accepted.
    TooLarge,
    /// The input is of a type that is not accepted here.
    Unsupported,
    /// It is there, but cannot be done that way.
    WrongMethod,
    /// Asked too often: `retry_seconds` says when to try again.
    TooMany,
    /// Out of a resource for the moment (permits, disk space): try again later.
    Busy,
    /// Tandem is at fault or its surroundings are; the cause stands in the log.
    Internal,
}

/// A refusal or failure.
#[derive(Debug)]
pub struct Error {
    /// What sort of failure this is.
    pub kind: Kind,
    /// Stable, for programs: `slot_taken`.
    pub code: &'static str,
    /// A sentence for people. Never holds SQL, a path of the server, or another person's data.
    pub message: Cow<'static, str>,
    /// What is wrong with which input field, for `Invalid`; empty otherwise.
    pub fields: BTreeMap<String, String>,
    /// Seconds after which it may be tried again, where that helps.
    pub retry_seconds: Option<u32>,
    /// For the log only.
    cause: Option<anyhow::Error>,
}

impl Error {
    fn new(kind: Kind, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, code, message: message.into(), fields: BTreeMap::new(), retry_seconds: None, cause: None }
    }

    /// Input that cannot be read.
    pub fn malformed(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Malformed, code, message)
    }

    /// Input that can be read but not accepted.
    pub fn invalid(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Invalid, code, message)
    }

    /// Input refused field by field. The message names the first of them.
    pub fn invalid_fields(fields: BTreeMap<String, String>) -> Self {
        let message = fields
            .iter()
            .next()
            .map_or_else(|| "Some fields are not right.".into(), |(field, problem)| format!("{field} {problem}"));
        Self { fields, ..Self::new(Kind::Invalid, "invalid", message) }
    }

    /// One field refused: `Error::field("query", "must not be blank")`.
    pub fn field(field: &str, problem: impl Into<String>) -> Self {
        Self::invalid_fields(BTreeMap::from([(field.to_owned(), problem.into())]))
    }

    /// The same refusal under a code of its own.
    #[must_use]
    pub fn with_code(self, code: &'static str) -> Self {
        Self { code, ..self }
    }

    /// Nobody is signed in.
    pub fn signed_out() -> Self {
        Self::new(Kind::SignedOut, "signed_out", "Please sign in first.")
    }

    /// Something that shows who asks is missing or wrong.
    pub fn unauthorized(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::SignedOut, code, message)
    }

    /// The e-mail address and the password do not belong together. Says the same for an unknown address.
    pub fn bad_credentials() -> Self {
        Self::new(Kind::SignedOut, "bad_credentials", "That e-mail address and password do not belong together.")
    }

    /// Signed in, but this is not for them.
    pub fn forbidden(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Forbidden, code, message)
    }

    /// Not there, or not for the asker to know.
    pub fn not_found(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::NotFound, code, message)
    }

    /// Clashes with what is there.
    pub fn conflict(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Conflict, code, message)
    }

    /// Larger than accepted.
    pub fn too_large(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::TooLarge, "too_large", message)
    }

    /// Of a content type that is not accepted here.
    pub fn unsupported(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Unsupported, "unsupported_type", message)
    }

    /// There is something here, but it is not used that way.
    pub fn unsupported_method() -> Self {
        Self::new(Kind::WrongMethod, "method_not_allowed", "That is not how this address is used.")
    }

    /// Asked too often, or after too many failures; says in how many seconds to try again.
    pub fn too_many(code: &'static str, message: impl Into<Cow<'static, str>>, retry_seconds: u32) -> Self {
        Self { retry_seconds: Some(retry_seconds), ..Self::new(Kind::TooMany, code, message) }
    }

    /// Out of something for the moment.
    pub fn busy(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { retry_seconds: Some(1), ..Self::new(Kind::Busy, code, message) }
    }

    /// A failure of Tandem or of what it stands on. `cause` goes to the log, never to people.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self { cause: Some(cause.into()), ..Self::new(Kind::Internal, "internal", "Something went wrong on our side.") }
    }

    /// A failure that an operator can mend, with a sentence that says how.
    pub fn operator(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Internal, code, message)
    }

    /// The same error with a cause for the log.
    #[must_use]
    pub fn because(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The cause for the log with all that led to it, or `None` for a plain refusal.
    pub fn cause(&self) -> Option<String> {
        self.cause.as_ref().map(|cause| format!("{cause:#}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Turns a foreign error into an internal one on the spot, saying what was being done.
///
/// There is no blanket `From`: it would let bad input become an internal error unseen.
pub trait OrInternal<T> {
    /// Wraps the error with `doing` ("reading the tokenizer") as an internal failure.
    ///
    /// # Errors
    /// The wrapped error, where there was one.
    fn or_internal(self, doing: &'static str) -> Result<T>;
}

impl<T, E: Into<anyhow::Error>> OrInternal<T> for Result<T, E> {
    fn or_internal(self, doing: &'static str) -> Result<T> {
        self.map_err(|cause| Error::internal(cause.into().context(doing)))
    }
}
