//! Letters: queued in the transaction that causes them, sent by a worker over SMTP or laid down as
//! `.eml` files where no mail server is set. Never decides that a letter is due; its words come
//! from the room that knows why.

mod folder;
mod letter;
mod post;
mod store;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::audit::{self, Actor, Entry};
use crate::clock::Moment;
use crate::config::Config;
use crate::db::{Db, Tx};
use crate::error::{Error, OrInternal, Result};
use crate::ids::SessionId;
use crate::jobs::{self, Job};

pub use post::{Kept, Memory, Post};

use post::{Parcel, Undelivered};

/// Characters of a reason kept with a letter that could not be sent.
const LONGEST_REASON: usize = 400;

/// Letters handed out to the person they went to, at most.
const MOST_HELD: u32 = 10_000;

/// What stands in place of the address of somebody who has gone.
const FORGOTTEN: &str = "(deleted)";

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
    pub kind: Cow<'static, str>,
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

/// A calendar object that a letter carries, so that its reader's calendar puts the meeting in or takes it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// `REQUEST` or `CANCEL`; the same word stands in the text.
    pub method: Cow<'static, str>,
    /// The object, as RFC 5545 writes it.
    pub text: String,
}

/// What a letter is about, where it is one of several about the same thing. There is never a second letter of the
/// same kind to the same person about the same state of it.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The session.
    pub session: SessionId,
    /// Its version: a new one has letters of its own.
    pub version: u32,
    /// Which side the recipient is on, as one word: keeps the ids of two people's letters apart.
    pub party: &'static str,
    /// The calendar object to carry along.
    pub calendar: Option<Calendar>,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calendar: Option<Calendar>,
    /// The id that all letters about one thing refer to, so that programs show them together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<String>,
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
    put(tx, head, letter, &message_id, None).map(drop)
}

/// Queues a letter about a session, unless there is one of this kind to this person about this state of it already.
/// Its message id follows from these, so that even a letter sent twice is one letter to its reader's program.
/// Returns whether it was queued now.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn queue_once(tx: &Tx<'_>, head: &Letterhead, letter: &Letter, origin: &Origin) -> Result<bool> {
    let (host, Origin { session, version, party, .. }) = (head.host(), origin);
    let message_id = format!("{session}.{version}.{}.{party}@{host}", letter.kind);
    put(tx, head, letter, &message_id, Some((origin, format!("{session}.{party}@{host}"))))
}

fn put(
    tx: &Tx<'_>,
    head: &Letterhead,
    letter: &Letter,
    message_id: &str,
    about: Option<(&Origin, String)>,
) -> Result<bool> {
    let (origin, thread) = about.map_or((None, None), |(origin, thread)| (Some(origin), Some(thread)));
    let words = Words {
        to_name: letter::name(&letter.to_name),
        text: Some(letter::text(head, letter)),
        html: Some(letter::html(head, letter)),
        is_secret: letter.is_secret,
        calendar: origin.and_then(|origin| origin.calendar.clone()),
        thread,
    };
    let recipient = letter::one_line(&letter.to, usize::MAX);
    let about = origin.map(|origin| (origin.session, origin.version));
    let new = store::NewLetter {
        message_id,
        kind: &letter.kind,
        recipient: &recipient,
        subject: &letter::subject(letter),
        words: &words,
        about,
    };
    let Some(id) = store::insert(tx, &new)? else { return Ok(false) };
    jobs::enqueue(tx, jobs::Kind::Send, &id.to_string())?;
    Ok(true)
}

/// The letters to an address, for the person themselves: what and when, not the words of those that let them in.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn holdings(tx: &Tx<'_>, address: &str) -> Result<Value> {
    Ok(store::holdings(tx, address, MOST_HELD)?.into())
}

/// Forgets somebody who goes: letters to them lose words and address, and those that wait are not sent. Call it
/// before queueing anything that they should still get.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn forget(tx: &Tx<'_>, address: &str) -> Result<()> {
    store::forget(tx, address, FORGOTTEN)
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
        calendar: stored.words.calendar.as_ref().map(|it| (&*it.method, it.text.as_str())),
        thread: stored.words.thread.as_deref(),
        written_at: posted.created_at,
    };
    match post.deliver(&parcel) {
        // A crash between these two sends the letter twice, under one message id: better than never.
        Ok(()) => db
            .write_here(|tx| {
                store::mark_sent(tx, id)?;
                if posted.is_secret && post.forgets_secrets() {
                    store::wipe(tx, id)?;
                }
                jobs::finish(tx, job)
            })
            .inspect(|()| db.meters().letter("sent")),
        Err(Undelivered::Never(reason)) => {
            tracing::warn!(letter = id, kind = posted.kind, reason, "a letter was refused for good");
            db.meters().letter("refused");
            db.write_here(|tx| {
                store::bury(tx, id, &kept(&reason))?;
                jobs::finish(tx, job)
            })
        }
        Err(Undelivered::Later(reason)) => {
            db.meters().letter("later");
            Err(Error::internal(anyhow::anyhow!(kept(&reason))))
        }
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

/// Takes away letters that were sent more than `keep_days` ago. Returns how many.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn sweep(tx: &Tx<'_>, keep_days: u32) -> Result<usize> {
    store::delete_sent(tx, tx.now().plus_days(-i64::from(keep_days)))
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
