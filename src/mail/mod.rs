//! Letters: queued in the transaction that causes them, sent by a worker over SMTP or laid down as
//! `.eml` files where no mail server is set. Never decides that a letter is due; its words come
//! from the room that knows why.

use crate::config::Config;
use crate::db::Tx;
use crate::error::Result;

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

/// Queues a letter in the transaction that causes it.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn queue(tx: &Tx<'_>, head: &Letterhead, letter: &Letter) -> Result<()> {
    let _ = (tx, head, letter);
    Ok(())
}
