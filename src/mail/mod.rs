//! Letters: queued in the transaction that causes them, sent by a worker over SMTP or laid down as
//! `.eml` files where no mail server is set. Never decides that a letter is due; its words come
//! from the room that knows why.

mod folder;
mod letter;
mod post;
mod store;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::audit::{self, Actor, Entry};
use crate::clock::Moment;
use crate::config::Config;
use crate::db::{Db, Tx};
use crate::error::{Error, OrInternal, Result};
use crate::jobs::{self, Job};

pub use post::{Kept, Memory, Post};

use post::{Parcel, Undelivered};

/// Characters of a reason kept with a letter that could not be sent.
const LONGEST_REASON: usize = 400;

/// What stands on every letter: the program's name and its address on the web.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letterhead {
    /// `program.name`
    pub program: String,
    /// `server.public_url`, without a trailing slash.
    pub url: String,
}

impl Letterhead {
    /// The letterhead of this program.
    pub fn of(config: &Config) -> Self {
        Self { program: config.program.name.clone(), url: config.public_url() }
    }

    /// The host that letters' ids end in; `localhost` where the address has no name.
    fn host(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let host = rest.split(['/', ':', '?', '#']).next().unwrap_or_default();
        let is_name =
            !host.is_empty() && host.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-".contains(letter));
        if is_name { host } else { "localhost" }
    }
}

/// One letter to one person, in words; its looks are this room's affair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// What it is for, in one word for staff and for programs: `verify_email`, `password_reset`.
    pub kind: &'static str,
    /// The recipient's address.
    pub to: String,
    /// The recipient's name.
    pub to_name: String,
    /// One line.
    pub subject: String,
    /// What it says, top to bottom.
    pub pieces: Vec<Piece>,
    /// Whether it holds a link that lets its reader in. Such a letter's words are wiped once it is sent.
    pub is_secret: bool,
}

/// A part of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A paragraph.
    Text(String),
    /// The one thing to do, as a button; plain text shows the address.
    Button {
        /// What the button says.
        label: String,
        /// An absolute address of this program.
        url: String,
    },
    /// Lines of name and value.
    Facts(Vec<(String, String)>),
    /// A paragraph in small print.
    Small(String),
}

/// How a letter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits for its first or its next try.
    Queued,
    /// Handed over: to the mail server, or to the folder.
    Sent,
    /// Given up on; a person may try it again.
    Dead,
}

impl State {
    /// Every state there is.
    pub const ALL: [Self; 3] = [Self::Queued, Self::Sent, Self::Dead];

    /// The name in the table and in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Dead => "dead",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A letter in the outbox, without its words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Posted {
    /// Its place in the outbox; rises with time.
    pub id: i64,
    /// What it is for.
    pub kind: String,
    /// The recipient's address.
    pub recipient: String,
    /// One line.
    pub subject: String,
    /// How it stands.
    pub state: State,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When it was queued.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
    /// When it is tried next, or was last due.
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Moment,
    /// When it was handed over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub sent_at: Option<Moment>,
    /// Whether it holds a link that lets its reader in.
    pub is_secret: bool,
}

/// A letter's words as they are stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Words {
    /// The recipient's name.
    pub to_name: String,
    /// Plain text; `None` once wiped.
    pub text: Option<String>,
    /// HTML; `None` once wiped.
    pub html: Option<String>,
    is_secret: bool,
}

/// Which letters to list. Everything that is given must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// How they stand.
    pub state: Option<State>,
    /// What they are for.
    pub kind: Option<String>,
}

/// How many letters wait, and how many were given up on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Waiting for their first or next try.
    pub queued: u64,
    /// Given up on; a person should look.
    pub dead: u64,
}

/// Queues a letter in the transaction that causes it.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn queue(tx: &Tx<'_>, head: &Letterhead, letter: &Letter) -> Result<()> {
    let message_id = format!("{}@{}", uuid::Uuid::new_v4().simple(), head.host());
    let words = Words {
        to_name: letter::name(&letter.to_name),
        text: Some(letter::text(head, letter)),
        html: Some(letter::html(head, letter)),
        is_secret: letter.is_secret,
    };
    let recipient = letter::one_line(&letter.to, usize::MAX);
    let id = store::insert(tx, &message_id, letter.kind, &recipient, &letter::subject(letter), &words)?;
    jobs::enqueue(tx, jobs::Kind::Send, &id.to_string())
}

/// Sends the letter that a job names, and strikes the job off with what came of it. A letter that was
/// sent already is not sent again, and one that is refused for good is dead at once.
///
/// # Errors
/// Internal with the reason, where it may be tried again: the caller then calls `put_off`.
pub fn send(db: &Db, post: &Post, job: &Job) -> Result<()> {
    let id = place(job)?;
    let Some(stored) = db.read_here(|tx| store::letter(tx, id))?.filter(|it| it.posted.state == State::Queued) else {
        return db.write_here(|tx| jobs::finish(tx, job));
    };
    let posted = &stored.posted;
    let parcel = Parcel {
        id,
        message_id: &stored.message_id,
        to: &posted.recipient,
        to_name: &stored.words.to_name,
        subject: &posted.subject,
        text: stored.words.text.as_deref().unwrap_or_default(),
        html: stored.words.html.as_deref().unwrap_or_default(),
        written_at: posted.created_at,
    };
    match post.deliver(&parcel) {
        // A crash between these two sends the letter twice, under one message id: better than never.
        Ok(()) => db.write_here(|tx| {
            store::mark_sent(tx, id)?;
            if posted.is_secret && post.forgets_secrets() {
                store::wipe(tx, id)?;
            }
            jobs::finish(tx, job)
        }),
        Err(Undelivered::Never(reason)) => {
            tracing::warn!(letter = id, kind = posted.kind, reason, "a letter was refused for good");
            db.write_here(|tx| {
                store::bury(tx, id, &kept(&reason))?;
                jobs::finish(tx, job)
            })
        }
        Err(Undelivered::Later(reason)) => Err(Error::internal(anyhow::anyhow!(kept(&reason)))),
    }
}

/// Hands the job of a letter that could not be sent back: to be tried again later, or never. A letter
/// that is given up on is listed as such; its job has nothing more to say and is struck off.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn put_off(tx: &Tx<'_>, job: &Job, reason: &str) -> Result<()> {
    let id = place(job)?;
    if let Some(due_at) = jobs::fail(tx, job, reason)? {
        return store::put_off(tx, id, due_at, &kept(reason));
    }
    store::bury(tx, id, &kept(reason))?;
    jobs::finish(tx, job)
}

fn place(job: &Job) -> Result<i64> {
    job.key.parse().or_internal("reading a job's key")
}

/// A reason as one line for staff: servers put what they like into their answers.
fn kept(reason: &str) -> String {
    letter::one_line(reason, LONGEST_REASON)
}

/// The letters that fit, newest first, at most `limit` and only those before `before_id`.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn outbox(tx: &Tx<'_>, filter: &Filter, before_id: Option<i64>, limit: u32) -> Result<Vec<Posted>> {
    store::outbox(tx, filter, before_id, limit)
}

/// One letter with its words. Those of a secret letter let their reader in: the caller minds who asks.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn letter(tx: &Tx<'_>, id: i64) -> Result<Option<(Posted, Words)>> {
    Ok(store::letter(tx, id)?.map(|stored| (stored.posted, stored.words)))
}

/// Gives a dead letter another round of tries.
///
/// # Errors
/// `letter_unknown`; `not_dead` where it waits or was sent.
pub fn retry(tx: &Tx<'_>, actor: &Actor, id: i64) -> Result<()> {
    let unknown = || Error::not_found("letter_unknown", "There is no such letter.");
    let posted = store::letter(tx, id)?.ok_or_else(unknown)?.posted;
    if !store::revive(tx, id)? {
        return Err(Error::conflict("not_dead", "Only a letter that was given up on can be tried again."));
    }
    jobs::enqueue(tx, jobs::Kind::Send, &id.to_string())?;
    let state = |state: State| json!({ "state": state });
    let (before, after) = (state(posted.state), state(State::Queued));
    audit::note(tx, actor, &Entry { kind: "letter.retried", about: ("letter", &id.to_string()), before, after })
}

/// How many letters wait, and how many were given up on.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn depth(tx: &Tx<'_>) -> Result<Depth> {
    store::depth(tx)
}

#[cfg(test)]
mod tests;
