//! `[accounts.providers.<id>]`: the one part of the settings whose keys an operator makes up. The
//! ids are theirs, the leaves below them are ours.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::wrong;
use crate::error::Result;

/// Where the made-up keys begin.
const SECTION: &str = "accounts.providers.";

/// What may be said of a provider.
const LEAVES: &[&str] = &["name", "issuer", "client_id", "client_secret", "scopes"];

/// The longest id: it stands in addresses and in every link's row.
const LONGEST_ID: usize = 40;

/// One `OpenID` Connect provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// What people call it.
    pub name: String,
    /// Its address, exactly as it calls itself.
    pub issuer: String,
    /// What it calls Tandem.
    pub client_id: String,
    /// What Tandem proves itself with; empty for a client without a secret.
    #[serde(default)]
    pub client_secret: String,
    /// What is asked for.
    #[serde(default = "usual_scopes")]
    pub scopes: Vec<String>,
}

fn usual_scopes() -> Vec<String> {
    ["openid", "email", "profile"].map(str::to_owned).to_vec()
}

/// Whether nobody on the way can read what is sent there: https, or this very machine.
pub fn is_private(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

pub(super) fn check(id: &str, provider: &Provider) -> Result<()> {
    let key = |leaf: &str| format!("{SECTION}{id}.{leaf}");
    let is_plain = id.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
    if id.is_empty() || id.len() > LONGEST_ID || !is_plain {
        let problem = format!("has an id that must be 1 to {LONGEST_ID} small letters, digits and dashes");
        return Err(wrong(&format!("{SECTION}{id}"), &problem));
    }
    for (leaf, value) in [("name", &provider.name), ("client_id", &provider.client_id)] {
        if value.trim().is_empty() {
            return Err(wrong(&key(leaf), "must not be blank"));
        }
    }
    let issuer = Url::parse(&provider.issuer).ok().filter(is_private);
    let is_bare = |url: &Url| url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !issuer.as_ref().is_some_and(is_bare) {
        return Err(wrong(&key("issuer"), "must be an https:// address (http:// only on this machine)"));
    }
    if provider.scopes.iter().any(|scope| scope.is_empty() || scope.contains(char::is_whitespace)) {
        return Err(wrong(&key("scopes"), "must be a list of words"));
    }
    Ok(())
}

/// The id and the leaf of a provider's key.
fn split(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix(SECTION)?.split_once('.').filter(|(id, leaf)| !id.is_empty() && !leaf.contains('.'))
}

/// All keys of the provider that `key` speaks of; none where it speaks of none.
pub(super) fn keys_beside(key: &str) -> Vec<String> {
    let Some((id, _)) = split(key) else { return Vec::new() };
    LEAVES.iter().map(|leaf| format!("{SECTION}{id}.{leaf}")).collect()
}

/// A variable's name has no dashes: in an id they are written as underscores, which no id holds.
pub(super) fn with_dashes(key: &str) -> String {
    match split(key) {
        Some((id, leaf)) => format!("{SECTION}{}.{leaf}", id.replace('_', "-")),
        None => key.to_owned(),
    }
}

/// Whether the key's value is text however it looks; the scopes alone are a list.
pub(super) fn is_text(key: &str) -> bool {
    split(key).is_some_and(|(_, leaf)| leaf != "scopes")
}

pub(super) fn is_secret(key: &str) -> bool {
    split(key).is_some_and(|(_, leaf)| leaf == "client_secret")
}
