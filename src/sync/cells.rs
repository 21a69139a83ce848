//! What stands in a CSV's cell: texts that no spreadsheet takes for a formula, and lists. Both ways, without
//! loss. Pure.

use std::borrow::Cow;

use crate::error::{Error, Result};

/// What makes a spreadsheet run a cell (OWASP, "CSV injection"), the full-width twins included.
const STARTERS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// What stands between the entries of a list, or in need of quotes within one.
const MARKS: [char; 5] = [';', ',', '"', '\n', '\r'];

/// Whether a text would be run, or looks like one that an apostrophe keeps from it.
fn is_risky(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(STARTERS)
}

/// A text as a cell: one that a spreadsheet would run gets an apostrophe before it, and so does one that starts
/// with apostrophes before such a text, so that taking one away gives back exactly what was written.
pub fn shield(text: &str) -> Cow<'_, str> {
    if is_risky(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text of a cell that `shield` made. An apostrophe before anything else is the writer's own and stays.
pub fn unshield(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_risky(text) => text,
        _ => cell,
    }
}

/// A list as one text: entries apart by semicolons, with quotes around one that is empty or holds a mark.
pub fn join<'a>(entries: impl IntoIterator<Item = &'a str>) -> String {
    let mut list = String::new();
    for (place, entry) in entries.into_iter().enumerate() {
        if place > 0 {
            list.push_str("; ");
        }
        if entry.is_empty() || entry.trim() != entry || entry.contains(MARKS) {
            list.push('"');
            list.push_str(&entry.replace('"', "\"\""));
            list.push('"');
        } else {
            list.push_str(entry);
        }
    }
    list
}

/// The entries of a list: apart by semicolons where there are any outside quotes, else by commas as Airtable writes
/// them. White space around entries, and entries that are blank without quotes, are nobody's.
///
/// # Errors
/// `bad_list` where a quote does not end.
pub fn split(list: &str) -> Result<Vec<String>> {
    let mut is_by_semicolon = false;
    scan(list, [',', ';'], |piece| is_by_semicolon |= piece.ends_with(';'))?;
    let mark = if is_by_semicolon { ';' } else { ',' };
    let mut entries = Vec::new();
    scan(list, [mark, mark], |piece| {
        let piece = piece.strip_suffix(mark).unwrap_or(piece).trim();
        match piece.strip_prefix('"') {
            Some(quoted) => entries.push(unquote(quoted)),
            None if piece.is_empty() => {}
            None => entries.push(piece.to_owned()),
        }
    })?;
    Ok(entries)
}

/// Hands each piece of a list on, together with the mark that ends it; a mark between quotes ends nothing.
fn scan<'a>(list: &'a str, marks: [char; 2], mut each: impl FnMut(&'a str)) -> Result<()> {
    let (mut start, mut is_fresh, mut is_quoted) = (0, true, false);
    for (at, letter) in list.char_indices() {
        if is_quoted {
            // A doubled quote closes and opens again: nothing stands between the two.
            is_quoted = letter != '"';
            is_fresh = !is_quoted;
        } else if letter == '"' && is_fresh {
            is_quoted = true;
        } else if marks.contains(&letter) {
            let end = at + letter.len_utf8();
            each(&list[start..end]);
            (start, is_fresh) = (end, true);
        } else {
            is_fresh &= letter.is_whitespace();
        }
    }
    if is_quoted {
        return Err(Error::malformed("bad_list", "holds a list with a quote that does not end"));
    }
    each(&list[start..]);
    Ok(())
}

/// What stood between quotes, and whatever follows them, as spreadsheets do.
fn unquote(quoted: &str) -> String {
    let mut text = String::with_capacity(quoted.len());
    let mut letters = quoted.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '"' {
            text.push(letter);
        } else if letters.next_if_eq(&'"').is_some() {
            text.push('"');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_gets_an_apostrophe_and_what_it_would_not_is_left_alone() {
        for (text, cell) in [
            ("=HYPERLINK(\"x\")", "'=HYPERLINK(\"x\")"),
            ("+49 30", "'+49 30"),
            ("-1", "'-1"),
            ("@ada", "'@ada"),
            ("\tx", "'\tx"),
            ("＝1", "'＝1"),
            ("'=1", "''=1"),
            ("'tis the season", "'tis the season"),
            ("''", "''"),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(shield(text), cell);
            assert_eq!(unshield(cell), text);
        }
    }

    #[test]
    fn a_list_is_read_as_people_and_airtable_write_it() {
        for (list, entries) in [
            ("a, b", vec!["a", "b"]),
            ("a; b, c", vec!["a", "b, c"]),
            ("Games, \"Art, fine\"", vec!["Games", "Art, fine"]),
            ("Games,\"Art; fine\"", vec!["Games", "Art; fine"]),
            (" a ;; b ;", vec!["a", "b"]),
            ("\"\"; x", vec!["", "x"]),
            ("5\" pipes; b", vec!["5\" pipes", "b"]),
            ("\"say \"\"x, y\"\"\"", vec!["say \"x, y\""]),
            ("", vec![]),
        ] {
            assert_eq!(split(list).expect("a list"), entries, "{list}");
        }
        assert_eq!(split("a; \"b").expect_err("no end").code, "bad_list");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_text_comes_back_from_its_cell(text in "['=+@\\t\\r\\n a-]{0,6}\\PC{0,4}") {
            let cell = shield(&text);
            prop_assert!(!cell.starts_with(STARTERS));
            prop_assert_eq!(unshield(&cell), text.as_str());
        }

        #[test]
        fn a_list_comes_back_from_its_text(entries in prop::collection::vec("[ab;, \"'\\n=]{0,5}", 0..5)) {
            let list = join(entries.iter().map(String::as_str));
            prop_assert_eq!(split(&list).expect("a list that was joined"), entries);
        }
    }
}
