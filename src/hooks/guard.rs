//! Which addresses may be called: https, and nothing inside anybody's own network. A name is looked up
//! once for each try, all it leads to is checked, and what was checked is what is connected to, so that a
//! name cannot lead elsewhere in between.

use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::error::{Error, Result};

#[cfg(test)]
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

/// Characters of an address, at most.
pub(super) const LONGEST_URL: usize = 2_000;

/// What people are told of an address that is not called.
const INSIDE: &str = "leads into this machine's own network; only public addresses are called, unless \
                      hooks.allow_private is set in the settings";

/// Who says what a name leads to.
#[derive(Clone, Debug)]
pub(super) enum Names {
    /// The machine's own resolver.
    System,
    /// For tests: each lookup has the next of these answers.
    #[cfg(test)]
    Turns(Arc<Mutex<VecDeque<Vec<IpAddr>>>>),
}

/// What may be called.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    pub(super) allow_private: bool,
    pub(super) names: Names,
}

/// Why an address is not called.
#[derive(Debug)]
pub(super) struct Inside;

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The address {INSIDE}.")
    }
}

impl StdError for Inside {}

impl Guard {
    /// Reads an address and refuses what is never called; what a name leads to is only known when it is.
    pub(super) fn check(&self, text: &str) -> Result<Url> {
        let wrong = |problem: &str| Error::field("url", problem);
        let text = text.trim();
        let url = Url::parse(text).map_err(|_| wrong("must be an address like https://example.org/hooks"))?;
        if text.len() > LONGEST_URL {
            return Err(wrong("is too long"));
        }
        let is_web = url.scheme() == "https" || (url.scheme() == "http" && self.allow_private);
        if !is_web {
            return Err(wrong("must begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(wrong("must hold neither a user's name nor a password nor a part after #"));
        }
        if !self.allows(&url) {
            return Err(wrong(INSIDE));
        }
        Ok(url)
    }

    /// Whether this may be called, as far as the address itself tells.
    pub(super) fn allows(&self, url: &Url) -> bool {
        self.allow_private
            || match url.host() {
                Some(Host::Ipv4(address)) => is_public(address.into()),
                Some(Host::Ipv6(address)) => is_public(address.into()),
                Some(Host::Domain(name)) => !is_local_name(name),
                None => false,
            }
    }

    async fn look_up(self, name: String) -> Result<Addrs, Box<dyn StdError + Send + Sync>> {
        let found: Vec<SocketAddr> = match &self.names {
            // The port of the address is put in the place of 0 by whoever connects.
            Names::System => tokio::net::lookup_host((name.as_str(), 0)).await?.collect(),
            #[cfg(test)]
            Names::Turns(turns) => {
                let next = turns.lock().expect("nobody panicked").pop_front().unwrap_or_default();
                next.into_iter().map(|address| SocketAddr::new(address, 0)).collect()
            }
        };
        // One that is inside spoils all: whoever mixes them means no good.
        if !self.allow_private && found.iter().any(|it| !is_public(it.ip())) {
            return Err(Box::new(Inside));
        }
        Ok(Box::new(found.into_iter()))
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(self.clone().look_up(name.as_str().to_owned()))
    }
}

/// Names that lead inside on every machine.
fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || [".localhost", ".local", ".internal", ".home.arpa"].iter().any(|ending| name.ends_with(ending))
}

/// Whether an address is one of the public internet (IANA's registries of special addresses, 2025).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_special = match address.octets() {
        // "This" network, private, loopback; multicast, reserved, broadcast.
        [0 | 10 | 127 | 224..=255, ..]
        // Between a provider and its customers; some clouds keep their metadata there.
        | [100, 64..=127, ..]
        // Link-local, and most clouds' metadata.
        | [169, 254, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        // Protocol assignments, documentation, 6to4 relays, benchmarks.
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => true,
        _ => false,
    };
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Whatever is public lies in 2000::/3: this leaves out loopback, IPv4-mapped and -compatible addresses, those
    // that a gateway turns into IPv4 (64:ff9b::/96), private, link-local, site-local and multicast ones.
    let segments = address.segments();
    let is_special = match segments[0] {
        // Protocol assignments, Teredo among them; documentation.
        0x2001 => matches!(segments[1], 0..=0x01ff | 0x0db8),
        0x3fff => segments[1] <= 0x0fff,
        // 6to4: an IPv4 address in disguise.
        0x2002 => true,
        _ => false,
    };
    segments[0] & 0xe000 == 0x2000 && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allow_private: bool) -> Guard {
        Guard { allow_private, names: Names::System }
    }

    #[test]
    fn only_public_addresses_pass() {
        for inside in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.2.3",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:93.184.216.34",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(inside.parse().expect("an address")), "{inside}");
        }
        for public in ["1.1.1.1", "93.184.216.34", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2a00:1450:4001::8"]
        {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
    }

    #[test]
    fn an_address_inside_is_refused_however_it_is_written() {
        for url in [
            "https://127.0.0.1/x",
            "https://127.1/x",
            "https://2130706433/x",
            "https://0x7f000001/x",
            "https://0177.0.0.1/x",
            "https://127.0.0.1./x",
            "https://[::1]/x",
            "https://[::ffff:127.0.0.1]/x",
            "https://[::ffff:7f00:1]/x",
            "https://169.254.169.254/latest/meta-data",
            "https://localhost/x",
            "https://LOCALHOST./x",
            "https://a.localhost/x",
            "https://printer.local/x",
            "https://metadata.google.internal/x",
            "https://１２７.0.0.1/x",
        ] {
            let refusal = guard(false).check(url).expect_err(url);
            assert!(refusal.fields["url"].contains("own network"), "{url}: {refusal}");
            guard(true).check(url).expect("allowed by the operator");
        }
    }

    #[test]
    fn only_plain_https_addresses_are_taken() {
        for url in [
            "",
            "example.org",
            "http://example.org/",
            "ftp://example.org/",
            "file:///etc/passwd",
            "https://bo:secret@example.org/",
            "https://example.org/#part",
            "https://",
            "javascript:alert(1)",
        ] {
            assert!(guard(false).check(url).expect_err(url).fields.contains_key("url"), "{url}");
        }
        assert!(guard(false).check(&format!("https://example.org/{}", "x".repeat(LONGEST_URL))).is_err());
        assert_eq!(
            guard(false).check(" https://example.org/a?b=c ").expect("right").as_str(),
            "https://example.org/a?b=c"
        );
        assert!(guard(true).check("http://example.org/").is_ok());
    }

    #[tokio::test]
    async fn one_address_inside_spoils_all_that_a_name_leads_to() {
        let turns = [vec!["93.184.216.34", "127.0.0.1"], vec!["::ffff:10.0.0.1"], vec!["93.184.216.34"]];
        let turns = turns.map(|turn| turn.iter().map(|it| it.parse().expect("an address")).collect());
        let names = Names::Turns(Arc::new(Mutex::new(VecDeque::from(turns))));
        let guard = Guard { allow_private: false, names };
        for _ in 0..2 {
            let refusal = guard.clone().look_up("example.org".to_owned()).await.err().expect("refused");
            assert!(refusal.downcast_ref::<Inside>().is_some(), "{refusal}");
        }
        let found = guard.look_up("example.org".to_owned()).await.expect("public");
        assert_eq!(found.count(), 1);
    }

    #[tokio::test]
    async fn a_real_name_that_leads_to_this_machine_is_not_called() {
        let refusal = guard(false).look_up("localhost".to_owned()).await.err().expect("refused");
        assert!(refusal.downcast_ref::<Inside>().is_some(), "{refusal}");
        let found = guard(true).look_up("localhost".to_owned()).await.expect("allowed");
        assert!(found.count() > 0);
    }
}
