//! `[sync.fields]`: what a base calls the columns that Tandem knows. The names on the left are ours, those on the
//! right are an operator's.

use std::collections::BTreeMap;

use super::{Sync, wrong};
use crate::error::Error;

/// The fields of a mentor that come from a base, under Tandem's own names.
pub const MENTOR_FIELDS: &[&str] = &[
    "Email",
    "Name",
    "Headline",
    "Bio",
    "Company",
    "Title",
    "Industries",
    "Stage Focus",
    "Languages",
    "Timezone",
    "Is Active",
    "Expertise",
    "Visibility",
    "Load Cap Per Week",
    "Photo URL",
    "LinkedIn URL",
    "Meeting URL",
    "Last Modified",
];

/// Where the names begin.
const SECTION: &str = "sync.fields.";

/// The longest name of a column, in characters.
const LONGEST_COLUMN: usize = 255;

/// All keys of the section, where `key` speaks of one of it.
pub(super) fn keys_beside(key: &str) -> Vec<String> {
    if !key.starts_with(SECTION) {
        return Vec::new();
    }
    MENTOR_FIELDS.iter().map(|name| format!("{SECTION}{name}")).collect()
}

/// A variable's name has neither blanks nor capitals of its own: `stage_focus` is "Stage Focus".
pub(super) fn with_names(key: &str) -> String {
    let name = key.strip_prefix(SECTION).and_then(|written| {
        MENTOR_FIELDS.iter().find(|name| name.to_lowercase().replace(' ', "_") == written.to_lowercase())
    });
    name.map_or_else(|| key.to_owned(), |name| format!("{SECTION}{name}"))
}

/// Whether the key's value is text however it looks: all of these are.
pub(super) fn is_text(key: &str) -> bool {
    key.starts_with(SECTION)
}

/// What is wrong with the section. That its names are known was seen when it was read.
pub(super) fn problems(sync: &Sync) -> Vec<Error> {
    let mut problems = Vec::new();
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for name in MENTOR_FIELDS {
        let column = sync.fields.get(*name).map_or(*name, String::as_str);
        let key = format!("{SECTION}{name}");
        if column.trim() != column || column.chars().count() > LONGEST_COLUMN || column.contains(char::is_control) {
            problems.push(wrong(&key, "must be the name of a column, without blanks around it"));
        } else if !column.is_empty()
            && let Some(other) = taken.insert(column, name)
        {
            // The one that the operator has written is the one to mend.
            let (key, other) = if sync.fields.contains_key(*name) { (*name, other) } else { (other, *name) };
            let problem =
                format!("names the column {column:?}, which {other} comes from (\"\" for {other} if it does not)");
            problems.push(wrong(&format!("{SECTION}{key}"), &problem));
        }
    }
    for name in ["Email", "Name"] {
        if sync.fields.get(name).is_some_and(String::is_empty) {
            problems.push(wrong(&format!("{SECTION}{name}"), "must be the name of a column: nobody is without it"));
        }
    }
    problems
}
