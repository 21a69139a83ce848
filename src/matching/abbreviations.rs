//! Abbreviations written out before a question is embedded: the model knows "customer acquisition
//! cost" far better than "CAC". The program's own tags are asked first, a glossary second. Pure.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::lexicon::Lexicon;
use super::words::fold;

/// What abbreviations stand for, by the abbreviation as it is written.
static GLOSSARY: LazyLock<HashMap<&'static str, &'static str>> =
    LazyLock::new(|| include_str!("words/abbreviations.txt").lines().filter_map(|line| line.split_once('|')).collect());

/// The shortest and longest abbreviation looked up, in letters.
const SHORTEST: usize = 2;
const LONGEST: usize = 6;

/// The question with each abbreviation that no profile uses written out behind it in brackets.
pub fn write_out(question: &str, lexicon: &Lexicon) -> String {
    let mut written = String::with_capacity(question.len());
    let mut done = 0;
    for (start, end) in candidates(question) {
        let token = &question[start..end];
        if let Some(long) = meaning(token, lexicon) {
            written.push_str(&question[done..end]);
            written.push_str(" (");
            written.push_str(&long);
            written.push(')');
            done = end;
        }
    }
    written.push_str(&question[done..]);
    written
}

/// Whether a word in lower case is an abbreviation that means something here.
pub fn is_abbreviation(word: &str, lexicon: &Lexicon) -> bool {
    let upper = word.to_ascii_uppercase();
    GLOSSARY.contains_key(upper.as_str()) || lexicon.tag_with_initials(&upper).is_some()
}

/// Runs of letters and ampersands that no digit touches.
fn candidates(question: &str) -> Vec<(usize, usize)> {
    let is_inside = |letter: char| letter.is_ascii_alphabetic() || letter == '&';
    let mut runs = Vec::new();
    let mut start = None;
    for (at, letter) in question.char_indices().chain([(question.len(), ' ')]) {
        match (start, is_inside(letter)) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                let before = question[..from].chars().next_back();
                let is_clean = !letter.is_alphanumeric() && before.is_none_or(|it| !it.is_alphanumeric());
                if is_clean && question[from..].starts_with(|it: char| it.is_ascii_alphabetic()) {
                    runs.push((from, at));
                }
                start = None;
            }
            _ => {}
        }
    }
    runs
}

fn meaning(token: &str, lexicon: &Lexicon) -> Option<String> {
    // "OKRs" is more than one OKR.
    let singular = token
        .strip_suffix('s')
        .filter(|rest| rest.len() >= SHORTEST && !rest.contains(|it: char| it.is_ascii_lowercase()));
    let token = singular.unwrap_or(token);
    let low = fold(token);
    if !(SHORTEST..=LONGEST).contains(&token.len()) || lexicon.n_using(&low) > 0 {
        return None;
    }
    let upper = token.to_ascii_uppercase();
    let n_capitals = token.bytes().filter(u8::is_ascii_uppercase).count();
    let ends_in_capitals =
        token.starts_with(|it: char| it.is_ascii_uppercase()) && token.ends_with(|it: char| it.is_ascii_uppercase());
    let is_written_as_one = (n_capitals >= 2 && ends_in_capitals) || GLOSSARY.contains_key(token);
    let may_be_typed_small = n_capitals == 0 && (3..=5).contains(&token.len()) && !super::spelling::is_word(&low);
    if !is_written_as_one && !may_be_typed_small {
        return None;
    }
    let own = (upper.len() >= 3).then(|| lexicon.tag_with_initials(&upper)).flatten().map(str::to_owned);
    own.or_else(|| GLOSSARY.get(token).or_else(|| GLOSSARY.get(upper.as_str())).map(|long| (*long).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::lexicon::Texts;

    fn written(question: &str) -> String {
        let mut lexicon = Lexicon::default();
        let tags = vec!["unit test coverage", "hiring"];
        lexicon.put(1, &Texts { tags, bio: "I know SOC reports.", ..Texts::default() });
        write_out(question, &lexicon)
    }

    #[test]
    fn abbreviations_are_written_out() {
        assert_eq!(written("What is a good CAC?"), "What is a good CAC (customer acquisition cost)?");
        assert_eq!(written("okrs and KPIs"), "okrs and KPIs (key performance indicator)");
        assert_eq!(written("cac too high"), "cac (customer acquisition cost) too high");
        assert_eq!(written("M&A"), "M&A (mergers and acquisitions)");
    }

    #[test]
    fn the_programs_own_tags_come_first_and_its_own_words_stay() {
        assert_eq!(written("UTC is low"), "UTC (unit test coverage) is low");
        assert_eq!(written("SOC audit"), "SOC audit");
    }

    #[test]
    fn words_are_no_abbreviations() {
        for text in ["We are in a pip squeak", "IT", "Safe and sound", "SOC2 ISO27001", "it is a pm thing", ""] {
            assert_eq!(written(text), text);
        }
    }
}
