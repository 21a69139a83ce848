//! `[tls.acme]`: certificates that Tandem gets by itself.

use serde::{Deserialize, Serialize};

/// `[tls]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificates by themselves.
    pub acme: Acme,
}

/// `[tls.acme]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acme {
    /// The names that the certificate is for; empty switches it off.
    pub domains: Vec<String>,
    /// Whom the authority may write to, or empty.
    pub contact: String,
    /// Whether the authority's terms are agreed to.
    pub agree_to_terms: bool,
    /// Where the authority is asked.
    pub directory: String,
    /// A file of certificates that the authority itself is trusted by, or empty for the system's.
    pub directory_ca: String,
}

impl Acme {
    /// Whether certificates come by themselves.
    pub fn is_on(&self) -> bool {
        !self.domains.is_empty()
    }

    /// Each key that is wrong in itself, with what it must be.
    pub(super) fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        for odd in self.domains.iter().filter(|it| !is_name(it)) {
            problems.push((
                "tls.acme.domains",
                format!("holds {odd:?}, which is no name like mentors.example.org (no address, no *)"),
            ));
        }
        if self.domains.len() > 100 {
            problems.push(("tls.acme.domains", "must hold at most 100 names".to_owned()));
        }
        if self.is_on() && !self.agree_to_terms {
            let problem = "must be true: certificates are given only to those who agree to the authority's terms";
            problems.push(("tls.acme.agree_to_terms", problem.to_owned()));
        }
        let is_address = self.contact.contains('@') && !self.contact.contains([':', ' ', ',']);
        if !self.contact.is_empty() && (!is_address || self.contact.contains(char::is_control)) {
            problems.push(("tls.acme.contact", "must be an address like ops@example.org, or empty".to_owned()));
        }
        if !self.directory.starts_with("https://") {
            problems.push(("tls.acme.directory", "must start with https://".to_owned()));
        }
        problems
    }
}

/// A name of the public net, each of its parts a label.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let has_letter = text.rsplit('.').next().is_some_and(|last| last.bytes().any(|it| it.is_ascii_alphabetic()));
    text.len() <= 253 && text.contains('.') && has_letter && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_an_authority_can_look_up_are_taken() {
        for good in ["mentors.example.org", "a.b", "xn--bcher-kva.example", "1.example.org"] {
            assert!(is_name(good), "{good}");
        }
        let long = format!("{}.org", "a".repeat(64));
        for bad in
            ["", "localhost", "*.example.org", "192.0.2.1", "https://a.b", "a..b", "-a.b", "a.b:443", "ä.b", &long]
        {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
