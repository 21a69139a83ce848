//! How letters leave the house: by SMTP, as files, or into a test's memory. The one file that knows
//! the mail library. It decides nothing about when a letter is tried again, only whether that helps.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue, MessageId, References};
use lettre::message::{Attachment, Mailbox, Message, MultiPart, MultiPartKind, SinglePart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{Certificate, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};

use super::folder;
use crate::clock::Moment;
use crate::config::{Config, Guard, SmtpServer};
use crate::error::{Error, Result};

/// How long a mail server may take for each of its answers.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long an open connection is kept for the next letter. Servers hang up after some minutes.
const KEEP_OPEN: Duration = Duration::from_secs(30);

/// The sender of letters that only a test reads.
const TEST_SENDER: &str = "Tandem <tandem@localhost>";

/// A letter ready to go.
pub(super) struct Parcel<'a> {
    pub(super) id: i64,
    pub(super) message_id: &'a str,
    pub(super) to: &'a str,
    pub(super) to_name: &'a str,
    pub(super) subject: &'a str,
    pub(super) text: &'a str,
    pub(super) html: &'a str,
    /// Method and text of the calendar object it carries.
    pub(super) calendar: Option<(&'a str, &'a str)>,
    /// The id that letters about the same thing refer to.
    pub(super) thread: Option<&'a str>,
    pub(super) written_at: Moment,
}

/// Why a letter did not go; the reasons hold no password.
#[derive(Debug)]
pub(super) enum Undelivered {
    /// It may go another time.
    Later(String),
    /// It will not go, however often it is tried.
    Never(String),
}

/// The way letters take. Cheap to clone.
#[derive(Clone)]
pub enum Post {
    /// To a mail server.
    Smtp(Arc<Smtp>),
    /// Into a folder, as `.eml` files.
    Folder(Arc<Folder>),
    /// Into a test's memory.
    Memory(Memory),
}

impl Post {
    /// The way that the settings choose.
    ///
    /// # Errors
    /// An operator's error that names the key.
    pub fn open(config: &Config) -> Result<Self> {
        let sender = "must be an address like: Tandem <tandem@example.org>";
        let from = Mailbox::from_str(&config.mail.from).map_err(|_| wrong("mail.from", sender))?;
        let from = Mailbox::new(from.name, in_ascii(from.email));
        match config.smtp_server()? {
            Some(server) => Ok(Self::Smtp(Arc::new(Smtp::new(config, server, from)?))),
            None => Ok(Self::Folder(Arc::new(Folder { directory: config.data_dir.join("mail"), from }))),
        }
    }

    /// The way in one word: `smtp`, `folder`, `memory`.
    pub const fn way(&self) -> &'static str {
        match self {
            Self::Smtp(_) => "smtp",
            Self::Folder(_) => "folder",
            Self::Memory(_) => "memory",
        }
    }

    /// Shakes hands with the mail server, signing in where the settings say so, and sends nothing.
    ///
    /// # Errors
    /// `mail_unreachable` with what stood in the way.
    pub fn greet(&self) -> Result<()> {
        let Self::Smtp(smtp) = self else { return Ok(()) };
        match smtp.connection() {
            Ok(mut connection) => {
                // The server has said that it would take letters; how it takes the goodbye is its own affair.
                drop(connection.quit());
                Ok(())
            }
            Err(Undelivered::Later(reason) | Undelivered::Never(reason)) => {
                Err(Error::operator("mail_unreachable", reason))
            }
        }
    }

    /// Whether a letter that went this way is with its reader, so that its secrets need not be kept.
    pub(super) const fn forgets_secrets(&self) -> bool {
        matches!(self, Self::Smtp(_))
    }

    pub(super) fn deliver(&self, parcel: &Parcel<'_>) -> Result<(), Undelivered> {
        match self {
            Self::Smtp(smtp) => smtp.deliver(&message(&smtp.from, parcel)?),
            Self::Folder(it) => {
                let letter = message(&it.from, parcel)?.formatted();
                folder::lay_down(&it.directory, parcel.id, parcel.written_at, &letter)
                    .map(drop)
                    .map_err(|cause| Undelivered::Later(format!("The letter cannot be written to its folder: {cause}")))
            }
            Self::Memory(memory) => memory.keep(parcel),
        }
    }
}

fn wrong(key: &str, problem: &str) -> Error {
    Error::operator("config", format!("{key} {problem}."))
}

/// A letter as it goes over the wire. The same parcel gives the same bytes.
fn message(from: &Mailbox, parcel: &Parcel<'_>) -> Result<Message, Undelivered> {
    let never = |problem: &str| Undelivered::Never(format!("The letter cannot be written: {problem}"));
    let to = Address::from_str(parcel.to).map_err(|_| never("its recipient's address is none"))?;
    let name = Some(parcel.to_name.to_owned()).filter(|name| !name.is_empty());
    let seconds = u64::try_from(parcel.written_at.unix()).unwrap_or_default();
    let automatic = |name| HeaderValue::new(HeaderName::new_from_ascii_str(name), "auto-generated".to_owned());
    let mut builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(name, in_ascii(to)))
        .subject(parcel.subject)
        .date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        .header(MessageId::from(format!("<{}>", parcel.message_id)))
        // Keeps holiday notices from answering (RFC 3834).
        .raw_header(automatic("Auto-Submitted"));
    if let Some(thread) = parcel.thread {
        builder = builder.header(References::from(format!("<{thread}>")));
    }
    builder.multipart(parts(parcel)?).map_err(|problem| never(&problem.to_string()))
}

/// Text and HTML side by side. An invitation stands beside them, last, where programs look for what they can show
/// best, without a disposition, so that it is read as one (RFC 6047 section 2.4); and once more as a file to keep.
fn parts(parcel: &Parcel<'_>) -> Result<MultiPart, Undelivered> {
    let id = parcel.message_id.split('@').next().unwrap_or_default();
    let words = MultiPart::builder()
        .kind(MultiPartKind::Alternative)
        .boundary(format!("={id}="))
        .singlepart(SinglePart::plain(parcel.text.to_owned()))
        .singlepart(SinglePart::html(parcel.html.to_owned()));
    let Some((method, calendar)) = parcel.calendar else { return Ok(words) };
    let content_type = |text: &str| {
        ContentType::parse(text).map_err(|_| Undelivered::Never("The letter cannot be written: its type".to_owned()))
    };
    let invitation = SinglePart::builder()
        .header(content_type(&format!("text/calendar; method={method}; charset=UTF-8"))?)
        .header(ContentTransferEncoding::QuotedPrintable)
        .body(calendar.to_owned());
    let file = Attachment::new("invite.ics".to_owned()).body(calendar.to_owned(), content_type("application/ics")?);
    Ok(MultiPart::builder()
        .kind(MultiPartKind::Mixed)
        .boundary(format!("=+{id}="))
        .multipart(words.singlepart(invitation))
        .singlepart(file))
}

/// The address with its domain as every mail server can read it (`xn--…`).
fn in_ascii(address: Address) -> Address {
    if address.domain().is_ascii() {
        return address;
    }
    let ascii = idna::domain_to_ascii(address.domain()).ok();
    ascii.and_then(|domain| Address::new(address.user(), domain).ok()).unwrap_or(address)
}

/// Letters as files under `data/mail/`.
pub struct Folder {
    directory: PathBuf,
    from: Mailbox,
}

/// A mail server, and the connection to it.
pub struct Smtp {
    from: Mailbox,
    server: SmtpServer,
    hello: ClientId,
    trusted: Option<Certificate>,
    /// The connection that the last letter went over, for the next.
    open: Mutex<Option<(SmtpConnection, Instant)>>,
}

/// Where a mail server said no, which tells whether asking again helps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Taking the sender: the settings are wrong, and somebody may put them right.
    Sender,
    /// Taking the recipient.
    Recipient,
    /// Taking the letter itself.
    Content,
}

impl Smtp {
    fn new(config: &Config, server: SmtpServer, from: Mailbox) -> Result<Self> {
        let path = &config.mail.smtp_ca;
        let trusted = if path.is_empty() { None } else { Some(certificates(path)?) };
        // A server's name says more than a container's; some mail servers look it up.
        let url = config.public_url();
        let host = url.split_once("://").map_or("", |(_, rest)| rest).split(['/', ':']).next().unwrap_or_default();
        let is_name =
            host.contains('.') && host.contains(|letter: char| letter.is_ascii_alphabetic()) && host.is_ascii();
        let hello = if is_name { ClientId::Domain(host.to_owned()) } else { ClientId::default() };
        Ok(Self { from, server, hello, trusted, open: Mutex::new(None) })
    }

    fn deliver(&self, message: &Message) -> Result<(), Undelivered> {
        let mut connection = self.connection()?;
        if needs_utf8(message) && !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            connection.abort();
            return Err(Undelivered::Never("The mail server knows only addresses in ASCII.".to_owned()));
        }
        let letter = message.formatted();
        match hand_in(&mut connection, message, &letter) {
            Ok(()) => {
                *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some((connection, Instant::now()));
                Ok(())
            }
            Err((step, refusal)) => {
                // Saying goodbye is for a server that still talks.
                if refusal.status().is_some() {
                    connection.abort();
                }
                Err(undelivered(step, &refusal))
            }
        }
    }

    /// The open connection, if it still lives, or a new one that is guarded and signed in.
    fn connection(&self) -> Result<SmtpConnection, Undelivered> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((mut connection, since)) = open
            && since.elapsed() < KEEP_OPEN
            && connection.test_connected()
        {
            return Ok(connection);
        }
        let later =
            |refusal: &SmtpError| Undelivered::Later(format!("The mail server cannot be used: {}", in_words(refusal)));
        let mut connection = self.connect().map_err(|refusal| later(&refusal))?;
        if let Some((user, password)) = &self.server.login {
            let credentials = Credentials::new(user.clone(), password.clone());
            connection.auth(DEFAULT_MECHANISMS, &credentials).map_err(|refusal| {
                // What the server says here may repeat what it was told: only its number is kept.
                let number = refusal.status().map_or_else(|| "no answer".to_owned(), |code| code.to_string());
                let problem = if refusal.is_client() {
                    "it offers no way to sign in that is known here"
                } else {
                    "it refuses the user or the password"
                };
                Undelivered::Later(format!("The mail server cannot be used: {problem} ({number})"))
            })?;
        }
        Ok(connection)
    }

    fn connect(&self) -> Result<SmtpConnection, SmtpError> {
        let place = (self.server.host.as_str(), self.server.port);
        let wrapper = if self.server.guard == Guard::Tls { Some(self.tls()?) } else { None };
        let mut connection = SmtpConnection::connect(place, Some(PATIENCE), &self.hello, wrapper.as_ref(), None)?;
        if self.server.guard == Guard::StartTls {
            connection.starttls(&self.tls()?, &self.hello)?;
        }
        Ok(connection)
    }

    /// What TLS trusts: the machine's certificates, read anew for each connection so that no restart
    /// is needed when they change. The library brings its own cryptography where the process has set
    /// none, so nothing has to be installed before.
    fn tls(&self) -> Result<TlsParameters, SmtpError> {
        let builder = TlsParameters::builder(self.server.host.clone());
        let builder = match &self.trusted {
            Some(trusted) => builder.add_root_certificate(trusted.clone()),
            None => builder,
        };
        builder.build_rustls()
    }
}

fn certificates(path: &str) -> Result<Certificate> {
    let problem = || wrong("mail.smtp_ca", "must name a file of certificates in PEM form");
    let pem = std::fs::read(path).map_err(|cause| problem().because(cause))?;
    if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        return Err(problem());
    }
    Certificate::from_pem(&pem).map_err(|cause| problem().because(cause))
}

/// Whether an address has letters beyond ASCII before its `@`, which few servers take (RFC 6531).
fn needs_utf8(message: &Message) -> bool {
    let envelope = message.envelope();
    envelope.to().iter().chain(envelope.from()).any(|address| !AsRef::<str>::as_ref(address).is_ascii())
}

/// Hands a letter in, step by step, so that a refusal says which step it was.
fn hand_in(connection: &mut SmtpConnection, message: &Message, letter: &[u8]) -> Result<(), (Step, SmtpError)> {
    let envelope = message.envelope();
    let mut how = Vec::new();
    if needs_utf8(message) {
        how.push(MailParameter::SmtpUtfEight);
    }
    if !letter.is_ascii() && connection.server_info().supports_feature(Extension::EightBitMime) {
        how.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    connection.command(Mail::new(envelope.from().cloned(), how)).map_err(|refusal| (Step::Sender, refusal))?;
    for recipient in envelope.to() {
        connection.command(Rcpt::new(recipient.clone(), Vec::new())).map_err(|refusal| (Step::Recipient, refusal))?;
    }
    connection.command(Data).map_err(|refusal| (Step::Content, refusal))?;
    connection.message(letter).map_err(|refusal| (Step::Content, refusal))?;
    Ok(())
}

fn undelivered(step: Step, refusal: &SmtpError) -> Undelivered {
    let what = match step {
        Step::Sender => "the sender",
        Step::Recipient => "the recipient",
        Step::Content => "the letter",
    };
    let said = in_words(refusal);
    if refusal.status().is_none() {
        return Undelivered::Later(format!("The mail server went away over {what}: {said}"));
    }
    let reason = format!("The mail server refused {what}: {said}");
    // 530 asks for a password: that is the settings' fault at every step.
    let is_ours = step == Step::Sender || refusal.status().is_some_and(|code| code.to_string() == "530");
    if refusal.is_permanent() && !is_ours { Undelivered::Never(reason) } else { Undelivered::Later(reason) }
}

/// What went wrong, for staff.
fn in_words(refusal: &SmtpError) -> String {
    let mut cause: Option<&dyn std::error::Error> = Some(refusal);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(kind, Some(io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)) {
            return format!("it did not answer within {} seconds", PATIENCE.as_secs());
        }
        cause = error.source();
    }
    refusal.to_string()
}

/// Letters that a test may read. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Vec<Kept>>>);

/// A letter in a test's memory.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The recipient's address.
    pub to: String,
    /// The recipient's name.
    pub to_name: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: String,
    /// Its id, without angle brackets.
    pub message_id: String,
    /// All of it, as it would go over the wire.
    pub raw: Vec<u8>,
}

impl Kept {
    /// The address that its first button opens, as a reader of the plain text finds it.
    ///
    /// # Panics
    /// Where it has none: a test that looks for one has failed.
    pub fn link(&self) -> &str {
        let before_signature = self.text.split("\n-- \n").next().unwrap_or_default();
        before_signature
            .lines()
            .find(|line| line.starts_with("http://") || line.starts_with("https://"))
            .expect("a test reads only letters that have a button")
    }
}

impl Memory {
    /// All letters so far, oldest first.
    pub fn letters(&self) -> Vec<Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, parcel: &Parcel<'_>) -> Result<(), Undelivered> {
        let from = Mailbox::from_str(TEST_SENDER).map_err(|problem| Undelivered::Never(problem.to_string()))?;
        let kept = Kept {
            to: parcel.to.to_owned(),
            to_name: parcel.to_name.to_owned(),
            subject: parcel.subject.to_owned(),
            text: parcel.text.to_owned(),
            html: parcel.html.to_owned(),
            message_id: parcel.message_id.to_owned(),
            raw: message(&from, parcel)?.formatted(),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
        Ok(())
    }
}
