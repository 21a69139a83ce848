//! `config.toml`, the environment and the flags become one `Config`, checked once at start and
//! never read again. A key nobody knows is an error, not a shrug.

mod acme;
mod airtable;
mod fields;
mod layers;
mod listen;
mod providers;
mod show;
mod smtp;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

pub use acme::{Acme, Tls};
pub use fields::MENTOR_FIELDS;
pub use layers::Flags;
pub use listen::Listen;
pub use providers::{Provider, is_private};
pub use show::{Setting, settings};
pub use smtp::{Guard, SmtpServer};

/// The annotated defaults, the very file that stands at the top of the repository.
pub const DEFAULTS: &str = include_str!("../../config.toml");

/// Everything an operator may set. See `config.toml` for what each key means.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where all data lives.
    pub data_dir: PathBuf,
    /// How the program presents itself.
    pub program: Program,
    /// Where and how to listen.
    pub server: Server,
    /// Certificates.
    pub tls: Tls,
    /// Accounts and sign-ins.
    pub accounts: Accounts,
    /// Outgoing letters.
    pub mail: Mail,
    /// Office hours.
    pub booking: Booking,
    /// Programs that push mentors.
    pub sync: Sync,
    /// Programs that are told what happens.
    pub hooks: Hooks,
    /// The endpoint for schedulers.
    pub cron: Cron,
    /// The meaning model's engine.
    pub embedding: Embedding,
    /// The vector index.
    pub index: Index,
    /// Limits against overload and guessing.
    pub limits: Limits,
    /// Background work.
    pub worker: Worker,
    /// Backups and the snapshot.
    pub backup: Backup,
    /// Logs.
    pub log: Log,
}

/// `[program]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The name people see.
    pub name: String,
}

/// `[server]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address and port, or a socket.
    pub listen: Listen,
    /// A file of certificates, or empty where a proxy brings TLS.
    pub tls_certificate: String,
    /// The file of its private key.
    pub tls_key: String,
    /// The public address without a trailing slash; empty where it is made from `listen`.
    pub public_url: String,
    /// Proxies whose forwarded headers are believed.
    pub trusted_proxies: Vec<String>,
    /// Seconds that a stop waits for requests under way.
    pub drain_seconds: u64,
}

impl Server {
    /// The files of the certificate and its key, where Tandem brings TLS itself.
    pub fn tls_files(&self) -> Option<(&Path, &Path)> {
        (!self.tls_certificate.is_empty()).then(|| (Path::new(&self.tls_certificate), Path::new(&self.tls_key)))
    }
}

/// `[accounts]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// Whether a new address must be confirmed.
    pub verify_email: VerifyEmail,
    /// Who may make an account.
    pub signup: Signup,
    /// Days without use after which a sign-in ends.
    pub login_idle_days: u32,
    /// Days after which a sign-in ends in any case.
    pub login_max_days: u32,
    /// Other places that people may sign in with, by their ids.
    #[serde(default)]
    pub providers: BTreeMap<String, Provider>,
}

/// `accounts.verify_email`: `"auto"`, `true` or `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum VerifyEmail {
    /// Decided outright.
    Always(bool),
    /// Where letters go out by SMTP.
    Auto(Auto),
}

/// The word `"auto"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auto {
    /// Decided by what else is set.
    Auto,
}

/// `accounts.signup`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signup {
    /// Anyone.
    Open,
    /// Only those invited.
    Invite,
}

/// `[mail]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The mail server, or empty for files under `data/mail/`.
    pub smtp_url: String,
    /// A file of certificates trusted beside the machine's, or empty.
    pub smtp_ca: String,
    /// The sender.
    pub from: String,
    /// Days after which a letter that was sent is taken away.
    pub keep_days: u32,
}

/// `[booking]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Booking {
    /// Hours before the start in which only the mentor and staff call off or move.
    pub cancel_notice_hours: u32,
    /// Hours that a mentor has to answer a request.
    pub request_hours: u32,
    /// Unanswered requests that a mentee may have.
    pub open_requests: u32,
    /// Hours before the start at which both are reminded.
    pub reminder_hours: Vec<u32>,
    /// Where to meet online, with `{code}`; empty for no link.
    pub meeting_url: String,
}

/// `[sync]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sync {
    /// Signs Airtable deliveries; empty switches the webhook off.
    pub airtable_secret: String,
    /// The secret before, accepted during rotation.
    pub airtable_secret_previous: String,
    /// The key of Airtable's own notifications in Base64; empty switches them off.
    pub airtable_mac_secret: String,
    /// Where Airtable answers.
    pub airtable_api_url: String,
    /// What Tandem shows there; empty where it never asks.
    pub airtable_token: String,
    /// The base that mentors are kept in.
    pub airtable_base: String,
    /// The table of that base.
    pub airtable_table: String,
    /// Minutes from one look at the whole table to the next; 0 is never.
    pub reconcile_minutes: u32,
    /// The base's column for each of Tandem's fields that has another name there.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

/// `[hooks]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// Whether addresses may lie in one's own network, and be http.
    pub allow_private: bool,
}

/// `[cron]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cron {
    /// The scheduler's secret; empty switches the endpoint off.
    pub secret: String,
}

/// `[embedding]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedding {
    /// Which engine runs the model.
    pub engine: Engine,
    /// Path of the ONNX Runtime library, or empty.
    pub onnxruntime_library: String,
    /// Vectors of recent questions to keep.
    pub cached_questions: u64,
}

/// `embedding.engine`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// ONNX Runtime where its library loads, else the built-in engine.
    Auto,
    /// The built-in engine.
    Rten,
    /// ONNX Runtime or an error.
    Onnxruntime,
}

/// `[index]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// How vectors are searched.
    pub tier: Tier,
}

/// `index.tier`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// The cheapest for the size at hand.
    Auto,
    /// Every eligible vector, int8 then f32.
    Exact,
    /// Sign bits, then int8, then f32.
    Cascade,
    /// The graph.
    Hnsw,
}

/// `[limits]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Rate limits and soft locks.
    pub enabled: bool,
    /// Questions answered at once; 0 is one per core.
    pub concurrent_matches: usize,
    /// Connections open at once.
    pub connections: usize,
}

/// `[worker]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// Jobs run at once; 0 is one per core.
    pub threads: usize,
}

/// `[backup]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// Hours between two backups that Tandem makes by itself; 0 is never.
    pub every_hours: u32,
    /// Backups kept in each place.
    pub keep: u32,
    /// A second place for them, or empty.
    pub also_to: PathBuf,
    /// Days between two trials of the newest backup; 0 is never.
    pub drill_days: u32,
    /// Minutes between two snapshots in the data directory.
    pub snapshot_minutes: u32,
}

/// `[log]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// A level or a filter.
    pub level: String,
}

/// `log.format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// Reads all layers: flags over environment over file over the defaults.
    ///
    /// # Errors
    /// Names the key, where it was set, and what was expected; unknown keys get a "did you mean".
    pub fn load(flags: &Flags) -> Result<Self> {
        let figment = layers::figment(flags, std::env::vars())?;
        let config: Self = figment.extract().map_err(layers::explain)?;
        config.check()?;
        Ok(config)
    }

    /// The defaults alone, with their data under `data_dir`: what tests and throw-away programs start from.
    ///
    /// # Panics
    /// Never: a test parses the embedded file.
    pub fn defaults_in(data_dir: &Path) -> Self {
        let figment = layers::defaults();
        let mut config: Self = figment.extract().expect("the embedded config.toml is parsed by a test");
        data_dir.clone_into(&mut config.data_dir);
        config
    }

    /// The address that letters and redirects point at, without a trailing slash.
    pub fn public_url(&self) -> String {
        if !self.server.public_url.is_empty() {
            return self.server.public_url.trim_end_matches('/').to_owned();
        }
        // A socket has no address: `check` asks for a public one there.
        let mut listen = self.server.listen.address().unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 80)));
        // "Every address" is none that a link could name.
        if listen.ip().is_unspecified() {
            listen.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        if let Some(name) = self.tls.acme.domains.first() {
            return format!("https://{name}");
        }
        format!("{}://{listen}", if self.has_tls() { "https" } else { "http" })
    }

    /// Whether Tandem brings TLS itself.
    pub fn has_tls(&self) -> bool {
        self.server.tls_files().is_some() || self.tls.acme.is_on()
    }

    /// Whether people reach Tandem over https, which lets cookies insist on it.
    pub fn is_https(&self) -> bool {
        self.public_url().starts_with("https://")
    }

    /// Whether a new address must be confirmed before there is an account.
    pub fn must_verify(&self) -> bool {
        match self.accounts.verify_email {
            VerifyEmail::Always(must) => must,
            VerifyEmail::Auto(Auto::Auto) => !self.mail.smtp_url.is_empty(),
        }
    }

    /// Proxies whose forwarded headers are believed.
    pub fn proxies(&self) -> Vec<IpNet> {
        // `check` has read each of them before.
        self.server.trusted_proxies.iter().filter_map(|it| network(it)).collect()
    }

    /// The mail server that letters go to, `None` where they are laid down as files.
    ///
    /// # Errors
    /// An operator's error that names the key.
    pub fn smtp_server(&self) -> Result<Option<SmtpServer>> {
        if self.mail.smtp_url.is_empty() {
            return Ok(None);
        }
        SmtpServer::read(&self.mail.smtp_url).map(Some).map_err(|problem| wrong("mail.smtp_url", problem))
    }

    /// Worker threads, with 0 turned into one per core.
    pub fn worker_threads(&self) -> usize {
        at_least_cores(self.worker.threads)
    }

    /// Questions answered at once, with 0 turned into one per core.
    pub fn concurrent_matches(&self) -> usize {
        at_least_cores(self.limits.concurrent_matches)
    }

    /// Says everything that is wrong at once, one line each.
    fn check(&self) -> Result<()> {
        let mut problems: Vec<Error> = self.plain_problems().into_iter().map(|(key, it)| wrong(key, &it)).collect();
        problems.extend(self.smtp_server().err());
        problems.extend(self.tls.acme.problems().into_iter().map(|(key, it)| wrong(key, &it)));
        problems
            .extend(self.accounts.providers.iter().filter_map(|(id, provider)| providers::check(id, provider).err()));
        problems.extend(airtable::problems(&self.sync));
        problems.extend(fields::problems(&self.sync));
        if problems.is_empty() {
            return Ok(());
        }
        let lines: Vec<_> = problems.iter().map(|problem| problem.message.as_ref()).collect();
        Err(Error::operator("config", lines.join("\n")))
    }

    /// Each key that is wrong in itself, with what it must be.
    fn plain_problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let mut demand = |key, is_right: bool, problem: &str| {
            if !is_right {
                problems.push((key, problem.to_owned()));
            }
        };
        let url = &self.server.public_url;
        let is_url = url.is_empty() || url.starts_with("http://") || url.starts_with("https://");
        demand("server.public_url", is_url, "must start with http:// or https://, or be empty");
        let server = &self.server;
        let is_reached = server.listen.address().is_some() || !url.is_empty() || self.tls.acme.is_on();
        demand("server.public_url", is_reached, "must be set where server.listen is a socket");
        let is_pair = server.tls_certificate.is_empty() == server.tls_key.is_empty();
        demand("server.tls_key", is_pair, "and server.tls_certificate must both be set, or neither");
        let is_for_tls = server.tls_certificate.is_empty() || server.listen.address().is_some();
        demand("server.tls_certificate", is_for_tls, "is for an address: a socket has no TLS");
        let acme = &self.tls.acme;
        let is_alone = !acme.is_on() || server.tls_certificate.is_empty();
        demand("tls.acme.domains", is_alone, "and server.tls_certificate are two ways: set one of them");
        let is_for_acme = !acme.is_on() || server.listen.address().is_some();
        demand("tls.acme.domains", is_for_acme, "is for an address: a socket has no TLS");
        for odd in self.server.trusted_proxies.iter().filter(|it| network(it).is_none()) {
            let problem = format!("holds {odd:?}, which is no address and no network");
            demand("server.trusted_proxies", false, &problem);
        }
        demand("program.name", !self.program.name.trim().is_empty(), "must not be blank");
        demand("accounts.login_idle_days", self.accounts.login_idle_days > 0, "must be at least 1");
        demand("accounts.login_max_days", self.accounts.login_max_days > 0, "must be at least 1");
        demand("data_dir", !self.data_dir.as_os_str().is_empty(), "must not be empty");
        let booking = &self.booking;
        demand("booking.request_hours", booking.request_hours > 0, "must be at least 1");
        demand("booking.open_requests", booking.open_requests > 0, "must be at least 1");
        let are_hours =
            booking.reminder_hours.len() <= 5 && booking.reminder_hours.iter().all(|it| (1..=336).contains(it));
        demand("booking.reminder_hours", are_hours, "must hold at most five numbers from 1 to 336");
        let room = &booking.meeting_url;
        let is_room = room.is_empty() || (room.starts_with("https://") && room.contains("{code}"));
        demand("booking.meeting_url", is_room, "must start with https:// and hold {code}, or be empty");
        let backup = &self.backup;
        demand("backup.every_hours", backup.every_hours <= 24 * 31, "must be at most 744");
        demand("backup.keep", (1..=1_000).contains(&backup.keep), "must be a number from 1 to 1000");
        demand("backup.drill_days", backup.drill_days <= 366, "must be at most 366");
        let is_in_data = backup.also_to.starts_with(&self.data_dir);
        demand("backup.also_to", !is_in_data, "must be outside the data directory, or empty");
        let minutes = backup.snapshot_minutes;
        demand("backup.snapshot_minutes", (1..=10_080).contains(&minutes), "must be a number from 1 to 10080");
        let are_some = (16..=100_000).contains(&self.limits.connections);
        demand("limits.connections", are_some, "must be a number from 16 to 100000");
        let from = &self.mail.from;
        let is_sender = from.contains('@') && !from.contains(char::is_control);
        demand("mail.keep_days", self.mail.keep_days > 0, "must be at least 1");
        demand("mail.from", is_sender, "must be an address like: Tandem <tandem@example.org>");
        problems
    }
}

/// A network (`10.0.0.0/8`), or one address as a network of its own.
fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn at_least_cores(n: usize) -> usize {
    if n == 0 { std::thread::available_parallelism().map_or(2, usize::from) } else { n }
}

fn wrong(key: &str, problem: &str) -> Error {
    Error::operator("config", format!("{key} {problem}."))
}

#[cfg(test)]
mod tests;
