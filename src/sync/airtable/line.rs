//! One conversation with Airtable: page after page, in the pace it asks for, tried again when an answer is worth
//! another try. Every way it can go wrong has a sentence.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::http::{Http, Method, Reply};
use super::pace::{Pace, stopped};
use crate::error::{Error, Result};

/// How often one page is asked for before it is given up.
const TRIES: u32 = 5;

/// How long Airtable wants to be left alone when it was asked too often and does not say it.
const USUAL_REST: Duration = Duration::from_secs(30);

/// The longest rest taken at its word.
const LONGEST_REST: Duration = Duration::from_mins(2);

/// One page of the listing.
#[derive(Deserialize)]
pub(super) struct Page {
    pub records: Vec<Entry>,
    /// Where the next page begins; the last one has none.
    #[serde(default)]
    pub offset: Option<String>,
}

/// One record. What its fields hold is looked at later, so that a bad one spoils no page.
#[derive(Deserialize)]
pub(super) struct Entry {
    pub id: String,
    #[serde(default)]
    pub fields: Value,
}

/// What is said when Airtable refuses.
#[derive(Deserialize)]
struct Refusal {
    error: Value,
}

pub(super) struct Line<'a> {
    pub http: Http,
    pub pace: &'a Pace,
    /// When the last request was sent, be it in a conversation before this one.
    pub last: &'a mut Option<Instant>,
    pub is_over: &'a dyn Fn() -> bool,
}

/// What came of one try.
enum Try {
    Page(Page),
    /// Worth another try, after this long where it was said.
    Again(Error, Option<Duration>),
}

impl Line<'_> {
    /// The page at this address.
    pub(super) fn page(&mut self, url: &Url) -> Result<Page> {
        let mut tries = 1;
        loop {
            let (failure, rest) = match self.try_once(url)? {
                Try::Page(page) => return Ok(page),
                Try::Again(failure, rest) => (failure, rest),
            };
            if tries == TRIES {
                return Err(failure);
            }
            // One, two, four, eight seconds.
            let rest = rest.unwrap_or_else(|| Duration::from_secs(1 << (tries - 1)));
            tracing::warn!(tries, ?rest, "Airtable is asked again: {failure}");
            self.pace.pause(rest.min(LONGEST_REST), self.is_over)?;
            tries += 1;
        }
    }

    /// Makes the life of a webhook longer. It has days for that: a failure is only noted, and tried again tomorrow.
    pub(super) fn extend(&mut self, url: &Url) {
        let outcome = self.take_turn().map_err(anyhow::Error::new).and_then(|()| self.http.send(Method::Post, url));
        match outcome {
            Ok(reply) if reply.status == 200 => tracing::debug!("Airtable's webhook goes on for a week"),
            Ok(reply) => tracing::warn!(
                status = reply.status,
                "the life of Airtable's webhook was not made longer, so that it may end within the week: the token needs \
                 the scope webhook:manage, and one that has ended (404) must be made anew"
            ),
            Err(cause) => tracing::warn!("the life of Airtable's webhook was not made longer: {cause:#}"),
        }
    }

    /// Waits until a request may be sent.
    fn take_turn(&mut self) -> Result<()> {
        if let Some(last) = *self.last {
            self.pace.keep(last, self.is_over)?;
        }
        if (self.is_over)() {
            return Err(stopped());
        }
        *self.last = Some(Instant::now());
        Ok(())
    }

    fn try_once(&mut self, url: &Url) -> Result<Try> {
        self.take_turn()?;
        let reply = match self.http.send(Method::Get, url) {
            Ok(reply) => reply,
            Err(cause) => {
                let failure = Error::operator("airtable_unreachable", "Airtable does not answer, or only in part.");
                return Ok(Try::Again(failure.because(cause.context("asking Airtable")), None));
            }
        };
        judged(&reply)
    }
}

fn judged(reply: &Reply) -> Result<Try> {
    let rest = reply.retry_after.map(Duration::from_secs);
    let status = reply.status;
    Ok(match status {
        200 => match serde_json::from_slice(&reply.body) {
            Ok(page) => Try::Page(page),
            Err(cause) => {
                let problem = format!("Airtable's answer is no page of records (line {}).", cause.line());
                Try::Again(Error::operator("airtable_garbled", problem), None)
            }
        },
        429 => {
            let problem = "Airtable is asked too often (429), by Tandem or by another program.";
            Try::Again(Error::operator("airtable_busy", problem), Some(rest.unwrap_or(USUAL_REST)))
        }
        500..=599 => {
            let problem = format!("Airtable has a failure of its own ({status}).");
            Try::Again(Error::operator("airtable_failing", problem), rest)
        }
        401 | 403 => {
            let problem = format!(
                "Airtable does not take the token ({status}): sync.airtable_token must be one with the scope \
                 data.records:read that may see the base."
            );
            return Err(Error::operator("airtable_token", problem));
        }
        404 => {
            let problem = "Airtable has no such base or table (404): see sync.airtable_base and sync.airtable_table.";
            return Err(Error::operator("airtable_table", problem));
        }
        _ => return Err(Error::operator("airtable_refused", refused(reply))),
    })
}

/// What Airtable says of a question that it does not answer: a word of theirs, where it is one.
fn refused(reply: &Reply) -> String {
    let said = serde_json::from_slice(&reply.body).ok().and_then(|refusal: Refusal| {
        let word = refusal.error.get("type").unwrap_or(&refusal.error).as_str()?.to_owned();
        let is_word = word.len() <= 60 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_word.then_some(word)
    });
    let said = said.map_or_else(String::new, |word| format!(", {word}"));
    format!("Airtable does not answer that ({}{said}).", reply.status)
}
