//! One try to tell another program: a signed POST to an address that the guard has checked. No redirect
//! is followed, no proxy is asked, and of the answer nothing but its status is read.

use std::error::Error as StdError;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, ClientBuilder, StatusCode, header};
use sha2::Sha256;
use url::Url;

use super::guard::{Guard, Inside, Names};
use crate::error::Result;
use crate::hex::hex;
use crate::outward;

/// How long a try may take in all.
const PATIENCE: Duration = Duration::from_secs(10);

/// Characters of a reason that are kept.
const LONGEST_REASON: usize = 300;

/// Tells other programs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Post {
    guard: Guard,
    patience: Duration,
    /// Made when first needed: a machine without authorities' certificates has no use for one, and should start all the same.
    secure: Arc<OnceLock<Client>>,
    plain: Arc<OnceLock<Client>>,
}

/// What is sent, and where.
pub(super) struct Parcel<'a> {
    pub(super) url: &'a str,
    pub(super) secret: &'a str,
    pub(super) kind: &'a str,
    pub(super) event_seq: i64,
    pub(super) occurred_at: &'a str,
    pub(super) payload: &'a str,
}

/// What came of a try.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Of HTTP, where there was an answer.
    pub(super) status: Option<u16>,
    /// Why it counts as failed; `None` where it was taken.
    pub(super) problem: Option<String>,
}

impl Post {
    /// Calls public addresses only, unless the operator allows others.
    pub fn new(allow_private: bool) -> Self {
        Self::with(Guard { allow_private, names: Names::System }, PATIENCE)
    }

    /// The same with less patience, for tests.
    #[must_use]
    pub fn patient_for(self, patience: Duration) -> Self {
        Self::with(self.guard, patience)
    }

    pub(super) fn with(guard: Guard, patience: Duration) -> Self {
        Self { guard, patience, secure: Arc::default(), plain: Arc::default() }
    }

    /// Reads an address that somebody wants to be told at.
    pub(super) fn check(&self, url: &str) -> Result<Url> {
        self.guard.check(url)
    }

    /// Tells one program. What goes wrong is part of the outcome.
    pub(super) async fn send(&self, parcel: &Parcel<'_>) -> Outcome {
        // The settings may have changed since the address was taken.
        let url = match self.guard.check(parcel.url) {
            Ok(url) => url,
            Err(refusal) => {
                let problem = refusal.fields.get("url").map_or(&*refusal.message, String::as_str);
                return Outcome::failed(None, &format!("The address {problem}."));
            }
        };
        let client = match self.client(url.scheme() == "https") {
            Ok(client) => client,
            Err(cause) => return Outcome::failed(None, &in_words(&cause)),
        };
        let request = client
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-tandem-event", parcel.kind)
            .header("x-tandem-id", parcel.event_seq)
            .header("x-tandem-timestamp", parcel.occurred_at)
            .header("x-tandem-signature", signature(parcel.secret, parcel.payload.as_bytes()))
            .body(parcel.payload.to_owned());
        match request.send().await {
            // The rest of the answer is never read: nobody needs it, and it may have no end.
            Ok(answer) => Outcome::answered(answer.status()),
            Err(cause) => Outcome::failed(None, &in_words(&cause)),
        }
    }

    fn client(&self, is_secure: bool) -> Result<Client, reqwest::Error> {
        let kept = if is_secure { &self.secure } else { &self.plain };
        if let Some(client) = kept.get() {
            return Ok(client.clone());
        }
        let builder = self.builder();
        let builder = if is_secure { builder.https_only(true) } else { builder.tls_certs_only([]) };
        let client = builder.build()?;
        Ok(kept.get_or_init(|| client).clone())
    }

    fn builder(&self) -> ClientBuilder {
        outward::client(self.patience)
            // A proxy would look names up for itself.
            .no_proxy()
            .dns_resolver(self.guard.clone())
            // Each try is a connection of its own, so that each has its address checked.
            .pool_max_idle_per_host(0)
            .connect_timeout(self.patience / 2)
            .referer(false)
    }
}

impl Outcome {
    fn answered(status: StatusCode) -> Self {
        let number = status.as_u16();
        if status.is_success() {
            return Self { status: Some(number), problem: None };
        }
        let more = if status.is_redirection() { "; no redirect is followed" } else { "" };
        Self::failed(Some(number), &format!("The answer was {number}{more}."))
    }

    fn failed(status: Option<u16>, problem: &str) -> Self {
        Self { status, problem: Some(problem.chars().take(LONGEST_REASON).collect()) }
    }
}

/// What went wrong, for admins: the deepest cause says most, and none names the address.
fn in_words(cause: &reqwest::Error) -> String {
    if cause.is_timeout() {
        return "There was no answer in time.".to_owned();
    }
    let mut deepest: &dyn StdError = cause;
    while let Some(below) = deepest.source() {
        deepest = below;
    }
    if deepest.downcast_ref::<Inside>().is_some() {
        return deepest.to_string();
    }
    if deepest.downcast_ref::<reqwest::Error>().is_some() {
        return "The request could not be made.".to_owned();
    }
    let words = deepest.to_string();
    let line: String = words.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    format!("It could not be reached: {}", line.trim())
}

/// HMAC-SHA-256 (RFC 2104) over the body's very bytes, in small hexadecimal digits.
pub(super) fn signature(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length of key will do").chain_update(body);
    hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Mutex;

    use super::*;

    fn parcel(url: &str) -> Parcel<'_> {
        let (kind, occurred_at) = ("ping", "2030-03-04T09:00:00Z");
        Parcel { url, secret: "s", kind, event_seq: 7, occurred_at, payload: "{}" }
    }

    /// Answers one connection and returns what was asked.
    fn one_answer(listener: TcpListener) -> std::thread::JoinHandle<String> {
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a caller");
            let mut asked = vec![0; 4096];
            let n = stream.read(&mut asked).expect("a request");
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("answered");
            String::from_utf8_lossy(&asked[..n]).into_owned()
        })
    }

    #[test]
    fn the_signature_is_the_one_of_rfc_4231() {
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(signature("Jefe", b"what do ya want for nothing?"), expected);
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_and_what_was_checked_is_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let answered = one_answer(listener);
        let here = vec!["127.0.0.1".parse().expect("an address")];
        let turns = Arc::new(Mutex::new(VecDeque::from([here, vec!["127.0.0.9".parse().expect("an address")]])));
        let guard = Guard { allow_private: true, names: Names::Turns(Arc::clone(&turns)) };
        let post = Post::with(guard, PATIENCE);
        let outcome = post.send(&parcel(&format!("http://rebound.example:{port}/x"))).await;
        assert_eq!(outcome, Outcome { status: Some(204), problem: None });
        assert_eq!(turns.lock().expect("nobody panicked").len(), 1, "the second answer was never asked for");
        let asked = answered.join().expect("answered").to_lowercase();
        assert!(asked.contains("x-tandem-id: 7\r\n") && asked.contains("host: rebound.example"), "{asked}");
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("set");
        let port = listener.local_addr().expect("bound").port();
        let here = vec!["127.0.0.1".parse().expect("an address")];
        let names = Names::Turns(Arc::new(Mutex::new(VecDeque::from([here]))));
        let post = Post::with(Guard { allow_private: false, names }, PATIENCE);
        // Whether this machine knows authorities is no matter here.
        post.secure.set(post.builder().tls_certs_only([]).build().expect("a client")).expect("the first");
        for url in [format!("https://rebound.example:{port}/"), format!("https://127.0.0.1:{port}/")] {
            let problem = post.send(&parcel(&url)).await.problem.expect("refused");
            assert!(problem.contains("own network"), "{problem}");
        }
        assert!(listener.accept().is_err(), "nobody came");
    }
}
