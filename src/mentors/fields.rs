//! What a profile's fields may hold. Pure; every way in checks with these.

use super::Expertise;
use crate::error::{Error, Result};

/// The longest headline, company or title, in characters.
pub const LONGEST_LINE: usize = 300;

/// The longest bio, in characters.
pub const LONGEST_BIO: usize = 20_000;

/// The longest text on what a mentee wants to get done, in characters.
pub const LONGEST_GOALS: usize = 5_000;

/// Sessions a week that a mentor may offer to hold at most.
pub const MOST_SESSIONS_A_WEEK: u32 = 200;

/// How much more than another one tag may count at most.
const HEAVIEST: f64 = 100.0;

/// Tags, industries, stages or languages a mentor may have of each.
pub const MAX_TAGS: usize = 50;

/// The longest single tag, in characters.
const LONGEST_TAG: usize = 100;

/// A text of at most `longest` characters, trimmed, its line ends made `\n`.
///
/// # Errors
/// `Invalid` naming `field`.
pub fn checked_text(field: &str, text: &str, longest: usize) -> Result<String> {
    let text = text.trim().replace("\r\n", "\n").replace('\r', "\n");
    if text.chars().count() > longest {
        return Err(Error::field(field, format!("must not be longer than {longest} characters")));
    }
    if text.contains(|letter: char| letter.is_control() && letter != '\n' && letter != '\t') {
        return Err(Error::field(field, "must not hold control characters"));
    }
    Ok(text)
}

/// Tags, each trimmed, blank ones dropped, doubles (whatever their case) kept once.
///
/// # Errors
/// `Invalid` naming `field`.
pub fn checked_list(field: &str, tags: impl IntoIterator<Item = String>) -> Result<Vec<String>> {
    let mut kept: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for tag in tags {
        let tag = tag.split_whitespace().collect::<Vec<_>>().join(" ");
        let tag = checked_text(field, &tag, LONGEST_TAG)?;
        if !tag.is_empty() && seen.insert(tag.to_lowercase()) {
            kept.push(tag);
        }
        if kept.len() > MAX_TAGS {
            return Err(Error::field(field, format!("must not have more than {MAX_TAGS} entries")));
        }
    }
    Ok(kept)
}

/// What a mentor knows about, each tag checked as in `checked_list`.
///
/// # Errors
/// `Invalid` naming `field`.
pub fn checked_expertise(field: &str, tags: impl IntoIterator<Item = Expertise>) -> Result<Vec<Expertise>> {
    let mut kept: Vec<Expertise> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for tag in tags {
        if !tag.weight.is_finite() || !(0.0..=HEAVIEST).contains(&tag.weight) {
            return Err(Error::field(field, format!("must have weights from 0 to {HEAVIEST}")));
        }
        let subarea = checked_list(field, tag.subarea)?.pop();
        let Some(area) = checked_list(field, [tag.area])?.pop() else { continue };
        let key = (area.to_lowercase(), subarea.as_ref().map(|it| it.to_lowercase()));
        if seen.insert(key) {
            kept.push(Expertise { area, subarea, weight: tag.weight });
        }
        if kept.len() > MAX_TAGS {
            return Err(Error::field(field, format!("must not have more than {MAX_TAGS} entries")));
        }
    }
    Ok(kept)
}

/// An https address of at most 2,000 characters.
///
/// # Errors
/// `Invalid` naming `field`.
pub fn checked_url(field: &str, url: &str) -> Result<String> {
    let url = url.trim();
    let is_odd = |letter: char| letter.is_whitespace() || letter.is_control() || "\"<>\\".contains(letter);
    let host = url.strip_prefix("https://").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or(""));
    if url.len() > 2_000 || url.contains(is_odd) || host.is_none_or(|host| host.is_empty() || host.contains('@')) {
        return Err(Error::field(field, "must be an https:// address"));
    }
    Ok(url.to_owned())
}
