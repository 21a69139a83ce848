//! A mail server on loopback that tests send letters to. It speaks enough SMTP to be taken for one
//! (EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA), can be told to refuse, and keeps all it was told.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The certificate that the server shows: made by itself, for `localhost` and 127.0.0.1.
pub const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mail_server.pem");

/// How a server behaves.
#[derive(Clone, Default)]
pub struct Manner {
    /// User and password it wants.
    pub login: Option<(&'static str, &'static str)>,
    /// `PLAIN LOGIN` unless said otherwise.
    pub mechanisms: Option<&'static str>,
    /// Whether it offers STARTTLS.
    pub has_starttls: bool,
    /// Whether it speaks TLS from the first byte.
    pub is_wrapped: bool,
}

/// A letter as it arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub from: String,
    pub to: Vec<String>,
    pub raw: String,
    pub is_guarded: bool,
    pub user: Option<String>,
}

struct Shared {
    manner: Manner,
    tls: Arc<ServerConfig>,
    is_over: AtomicBool,
    arrived: Mutex<Vec<Arrived>>,
    bell: Condvar,
    told: Mutex<Vec<String>>,
    refusals: Mutex<VecDeque<(&'static str, &'static str)>>,
}

pub struct MailServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<std::thread::JoinHandle<()>>,
}

impl MailServer {
    pub fn start(manner: Manner) -> Self {
        Self::start_at("127.0.0.1:0", manner)
    }

    pub fn start_at(address: &str, manner: Manner) -> Self {
        let listener = TcpListener::bind(address).expect("a port on loopback");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            manner,
            tls: tls(),
            is_over: AtomicBool::new(false),
            arrived: Mutex::default(),
            bell: Condvar::new(),
            told: Mutex::default(),
            refusals: Mutex::default(),
        });
        let sharing = Arc::clone(&shared);
        let listening = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if sharing.is_over.load(Ordering::SeqCst) {
                    break;
                }
                let (stream, sharing) = (stream.expect("a connection"), Arc::clone(&sharing));
                std::thread::spawn(move || answer(stream, &sharing));
            }
        });
        Self { address, shared, listening: Some(listening) }
    }

    /// The setting that leads here.
    pub fn url(&self, login: &str, query: &str) -> String {
        let scheme = if self.shared.manner.is_wrapped { "smtps" } else { "smtp" };
        format!("{scheme}://{login}127.0.0.1:{}{query}", self.address.port())
    }

    /// The next time it is told `verb` (`.` for a letter's end), it answers so.
    pub fn refuses(&self, verb: &'static str, answer: &'static str) {
        self.shared.refusals.lock().expect("no thread panicked").push_back((verb, answer));
    }

    pub fn arrived(&self) -> Vec<Arrived> {
        self.shared.arrived.lock().expect("no thread panicked").clone()
    }

    /// The same once there is one, for letters that somebody else sends.
    pub fn await_letter(&self) -> Vec<Arrived> {
        let arrived = self.shared.arrived.lock().expect("no thread panicked");
        let patience = Duration::from_secs(30);
        let waited = self.shared.bell.wait_timeout_while(arrived, patience, |arrived| arrived.is_empty());
        waited.expect("no thread panicked").0.clone()
    }

    /// All commands so far.
    pub fn told(&self) -> Vec<String> {
        self.shared.told.lock().expect("no thread panicked").clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // One more connection wakes the listener, so that it sees that it is over.
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            drop(listening.join());
        }
    }
}

fn tls() -> Arc<ServerConfig> {
    let path = Path::new(CERTIFICATE);
    let certificate = CertificateDer::from_pem_file(path).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(path.with_extension("key.pem")).expect("its key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("ring knows all versions").with_no_client_auth();
    Arc::new(builder.with_single_cert(vec![certificate], key).expect("they belong together"))
}

/// One connection. A client that goes away, for example over the certificate, ends it.
fn answer(stream: TcpStream, shared: &Shared) {
    let guarded =
        |stream| StreamOwned::new(ServerConnection::new(Arc::clone(&shared.tls)).expect("a TLS server"), stream);
    if shared.manner.is_wrapped {
        drop(Talk::new(guarded(stream), shared, true).run(true));
        return;
    }
    let mut talk = Talk::new(stream, shared, false);
    if let Ok(true) = talk.run(true) {
        drop(Talk::new(guarded(talk.stream), shared, true).run(false));
    }
}

struct Talk<'a, S> {
    stream: S,
    shared: &'a Shared,
    is_guarded: bool,
    user: Option<String>,
}

impl<'a, S: Read + Write> Talk<'a, S> {
    fn new(stream: S, shared: &'a Shared, is_guarded: bool) -> Self {
        Self { stream, shared, is_guarded, user: None }
    }

    fn say(&mut self, line: &str) -> std::io::Result<()> {
        self.stream.write_all(format!("{line}\r\n").as_bytes())?;
        self.stream.flush()
    }

    /// Byte by byte: what follows STARTTLS is not ours to read.
    fn line(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\r\n") {
            self.stream.read_exact(&mut byte)?;
            line.push(byte[0]);
        }
        line.truncate(line.len() - 2);
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    fn refusal(&self, verb: &str) -> Option<&'static str> {
        let mut refusals = self.shared.refusals.lock().expect("no thread panicked");
        let place = refusals.iter().position(|(refused, _)| *refused == verb)?;
        refusals.remove(place).map(|(_, answer)| answer)
    }

    /// Answers until the client leaves; `true` where it wants TLS from here on.
    fn run(&mut self, is_greeted: bool) -> std::io::Result<bool> {
        if is_greeted {
            self.say(self.refusal("HELLO").unwrap_or("220 test.example ESMTP"))?;
        }
        let (mut from, mut to) = (String::new(), Vec::new());
        loop {
            let line = self.line()?;
            self.shared.told.lock().expect("no thread panicked").push(line.clone());
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
            if let Some(refusal) = self.refusal(&verb) {
                self.say(refusal)?;
                continue;
            }
            match verb.as_str() {
                "EHLO" => self.introduce()?,
                "STARTTLS" => {
                    self.say("220 go ahead")?;
                    return Ok(true);
                }
                "AUTH" => self.sign_in(&line)?,
                "MAIL" => {
                    from = between(&line);
                    self.say("250 ok")?;
                }
                "RCPT" => {
                    to.push(between(&line));
                    self.say("250 ok")?;
                }
                "DATA" => self.take(std::mem::take(&mut from), std::mem::take(&mut to))?,
                "NOOP" | "RSET" => self.say("250 ok")?,
                "QUIT" => {
                    self.say("221 bye")?;
                    return Ok(false);
                }
                _ => self.say("500 what?")?,
            }
        }
    }

    fn introduce(&mut self) -> std::io::Result<()> {
        self.say("250-test.example")?;
        if self.shared.manner.has_starttls && !self.is_guarded {
            self.say("250-STARTTLS")?;
        }
        if self.shared.manner.login.is_some() {
            self.say(&format!("250-AUTH {}", self.shared.manner.mechanisms.unwrap_or("PLAIN LOGIN")))?;
        }
        self.say("250 8BITMIME")
    }

    fn sign_in(&mut self, line: &str) -> std::io::Result<()> {
        let mut words = line.split(' ').skip(1);
        let (mechanism, first) = (words.next().unwrap_or_default(), words.next());
        let decoded = |text: &str| String::from_utf8(base64(text)).expect("UTF-8");
        let (user, password) = if mechanism == "PLAIN" {
            let all = decoded(first.expect("PLAIN comes with its answer"));
            let mut parts = all.split('\0').skip(1).map(str::to_owned);
            (parts.next().expect("a user"), parts.next().expect("a password"))
        } else {
            self.say("334 VXNlcm5hbWU6")?;
            let user = decoded(&self.line()?);
            self.say("334 UGFzc3dvcmQ6")?;
            (user, decoded(&self.line()?))
        };
        if self.shared.manner.login == Some((user.as_str(), password.as_str())) {
            self.user = Some(user);
            return self.say("235 welcome");
        }
        // Some servers repeat what they were told.
        self.say(&format!("535 5.7.8 not {user} with {password} ({line})"))
    }

    fn take(&mut self, from: String, to: Vec<String>) -> std::io::Result<()> {
        self.say("354 go on")?;
        let mut raw = String::new();
        loop {
            let line = self.line()?;
            if line == "." {
                break;
            }
            raw.push_str(line.strip_prefix('.').unwrap_or(&line));
            raw.push_str("\r\n");
        }
        if let Some(refusal) = self.refusal(".") {
            return self.say(refusal);
        }
        let arrived = Arrived { from, to, raw, is_guarded: self.is_guarded, user: self.user.clone() };
        self.shared.arrived.lock().expect("no thread panicked").push(arrived);
        self.shared.bell.notify_all();
        self.say("250 taken")
    }
}

fn between(line: &str) -> String {
    line.split(['<', '>']).nth(1).unwrap_or_default().to_owned()
}

/// A letter taken apart.
#[derive(Debug)]
pub struct Parsed {
    pub headers: Vec<(String, String)>,
    pub text: String,
    pub html: String,
}

impl Parsed {
    pub fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name));
        let value = found.next().unwrap_or_else(|| panic!("no header {name}: {:?}", self.headers));
        assert!(found.next().is_none(), "{name} stands there twice");
        &value.1
    }
}

/// Takes a letter of two parts apart.
pub fn parse(raw: &str) -> Parsed {
    let (headers, body) = part(raw);
    let kind = &headers.iter().find(|(name, _)| name == "Content-Type").expect("a type").1;
    assert!(kind.starts_with("multipart/alternative"), "{kind}");
    let boundary = kind.split("boundary=\"").nth(1).and_then(|it| it.split('"').next()).expect("a boundary");
    let parts: Vec<_> = body.split(&format!("--{boundary}")).collect();
    assert_eq!((parts.len(), parts[3].trim()), (4, "--"), "before, text, HTML, after");
    Parsed { text: decoded(parts[1], "text/plain"), html: decoded(parts[2], "text/html"), headers }
}

fn part(raw: &str) -> (Vec<(String, String)>, &str) {
    let (head, body) = raw.split_once("\r\n\r\n").expect("headers end");
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let pairs = unfolded.split("\r\n").map(|line| line.split_once(": ").expect("a name and a value"));
    (pairs.map(|(name, value)| (name.to_owned(), words(value))).collect(), body)
}

fn decoded(raw: &str, wanted: &str) -> String {
    let (headers, body) = part(raw.trim_start_matches("\r\n"));
    let value = |name: &str| headers.iter().find(|(it, _)| it == name).map_or("", |(_, value)| value.as_str());
    assert!(value("Content-Type").starts_with(wanted) && value("Content-Type").contains("utf-8"), "{headers:?}");
    let bytes = match value("Content-Transfer-Encoding") {
        "quoted-printable" => quoted_printable(body),
        "base64" => base64(body),
        "7bit" => body.as_bytes().to_vec(),
        other => panic!("an encoding that nobody expects: {other}"),
    };
    String::from_utf8(bytes).expect("UTF-8").replace("\r\n", "\n").trim_end().to_owned()
}

/// A header's value with its encoded words read (RFC 2047); white space between two such words is none.
fn words(value: &str) -> String {
    let joined = value.replace("?= =?utf-8?b?", "?==?utf-8?b?");
    let mut all = String::new();
    let mut rest = joined.as_str();
    while let Some((before, after)) = rest.split_once("=?utf-8?b?") {
        let (word, after) = after.split_once("?=").expect("an encoded word ends");
        all.push_str(before);
        all.push_str(&String::from_utf8(base64(word)).expect("UTF-8"));
        rest = after;
    }
    all + rest
}

fn base64(text: &str) -> Vec<u8> {
    let value = |letter: u8| {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".iter().position(|it| *it == letter)
    };
    let mut bytes = Vec::new();
    let (mut bits, mut n_bits) = (0_usize, 0);
    for value in text.bytes().filter_map(value) {
        (bits, n_bits) = ((bits << 6) | value, n_bits + 6);
        if n_bits >= 8 {
            n_bits -= 8;
            bytes.push(u8::try_from((bits >> n_bits) & 0xff).expect("eight bits"));
        }
    }
    bytes
}

fn quoted_printable(text: &str) -> Vec<u8> {
    let text = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let pair = [rest.next().expect("two digits"), rest.next().expect("two digits")];
            let pair = std::str::from_utf8(&pair).expect("digits");
            bytes.push(u8::from_str_radix(pair, 16).expect("hexadecimal"));
        } else {
            bytes.push(byte);
        }
    }
    bytes
}
