//! Texts as the keyword side sees them: words with their places, folded to plain lower case,
//! stop words dropped, stemmed. One analysis serves the index, the question, the tags and the
//! highlighting. Pure: no I/O.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::LazyLock;

use foldhash::{HashMap, HashSet};
use frostem::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Words that say nothing about what is needed: the grammar of English, and the manners of asking for help.
static STOP_WORDS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("words/stop.txt").split_whitespace().collect());

/// British spellings whose American twin the rules below would miss.
const TWINS: &[(&str, &str)] = &[
    ("programme", "program"),
    ("programmes", "programs"),
    ("centre", "center"),
    ("centres", "centers"),
    ("licence", "license"),
    ("licences", "licenses"),
    ("defence", "defense"),
    ("catalogue", "catalog"),
    ("cheque", "check"),
    ("cheques", "checks"),
    ("tyres", "tires"),
];

/// Words whose stems a thread remembers, about a megabyte: the same words come again and again.
const MOST_KNOWN_STEMS: usize = 20_000;

/// What a word takes in a text with the space behind it, about.
const BYTES_OF_A_WORD: usize = 5;

thread_local! {
    static STEMMER: RefCell<Stemmer> = RefCell::new(Stemmer::new(Algorithm::English));
    static KNOWN_STEMS: RefCell<HashMap<String, Rc<str>>> = RefCell::new(HashMap::default());
}

/// A word as it stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Its bytes in the text.
    pub place: Range<usize>,
    /// In lower case without accents.
    pub folded: Cow<'a, str>,
}

/// A stemmed word and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Its bytes in the text.
    pub place: Range<usize>,
    /// The stem that stands for the word and its kin.
    pub stem: Rc<str>,
    /// Whether it is the whole of a hyphenated word whose halves stand for themselves too.
    pub is_joined: bool,
}

/// The words of a text: runs of letters and digits, accents belonging to their letters.
pub fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::with_capacity(text.len() / BYTES_OF_A_WORD + 1);
    let mut start = None;
    let mut step = |at: usize, is_inside: bool| match (start, is_inside) {
        (None, true) => start = Some(at),
        (Some(from), false) => {
            words.push(word(text, from..at));
            start = None;
        }
        _ => {}
    };
    if text.is_ascii() {
        text.bytes().enumerate().for_each(|(at, byte)| step(at, byte.is_ascii_alphanumeric()));
    } else {
        let mut is_inside = false;
        for (at, letter) in text.char_indices() {
            is_inside = letter.is_alphanumeric() || (is_inside && is_combining_mark(letter));
            step(at, is_inside);
        }
    }
    step(text.len(), false);
    words
}

fn word(text: &str, place: Range<usize>) -> Word<'_> {
    Word { folded: fold(&text[place.clone()]), place }
}

/// Lower case without accents: "Café" and "cafe" are one word.
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        let is_folded = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        return if is_folded { text.into() } else { text.to_ascii_lowercase().into() };
    }
    text.nfkd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase).collect()
}

/// Whether a folded word says nothing about what is needed.
pub fn is_stop_word(folded: &str) -> bool {
    STOP_WORDS.contains(folded)
}

/// The stem of a folded word, British and American spellings made one.
pub fn stem(folded: &str) -> Rc<str> {
    KNOWN_STEMS.with_borrow_mut(|known| {
        if let Some(stem) = known.get(folded) {
            return Rc::clone(stem);
        }
        if known.len() >= MOST_KNOWN_STEMS {
            known.clear();
        }
        let stem: Rc<str> = stem_anew(folded).into();
        known.insert(folded.to_owned(), Rc::clone(&stem));
        stem
    })
}

fn stem_anew(folded: &str) -> String {
    let twin = TWINS.iter().find(|(british, _)| *british == folded).map_or(folded, |(_, american)| american);
    let american = our_to_or(ise_to_ize(twin));
    STEMMER.with_borrow_mut(|stemmer| stemmer.stem(&american).into_owned())
}

/// "organisation" becomes "organization"; words under seven letters ("rise", "noise") stay.
fn ise_to_ize(word: &str) -> Cow<'_, str> {
    if word.len() >= 7 {
        for ending in ["e", "ed", "es", "er", "ers", "ing", "ation", "ations", "ational"] {
            if let Some(trunk) = word.strip_suffix(ending).and_then(|rest| rest.strip_suffix("is")) {
                return format!("{trunk}iz{ending}").into();
            }
        }
    }
    word.into()
}

/// "behaviour" becomes "behavior"; words under six letters ("four", "hour") stay.
fn our_to_or(word: Cow<'_, str>) -> Cow<'_, str> {
    if word.len() >= 6 {
        for ending in ["", "s", "ed", "ing", "al"] {
            if let Some(trunk) = word.strip_suffix(ending).and_then(|rest| rest.strip_suffix("our")) {
                return format!("{trunk}or{ending}").into();
            }
        }
    }
    word
}

/// The stems of a text in their order, stop words left out. The two halves of a hyphenated word
/// come with the whole between them ("e-commerce": e, ecommerc, commerc).
pub fn terms(text: &str) -> Vec<Term> {
    terms_where(text, |_| true)
}

/// Those terms of a text whose folded word is `wanted`: the others cost no look-up.
pub fn terms_where(text: &str, wanted: impl Fn(&str) -> bool) -> Vec<Term> {
    let pieces = pieces(text);
    let mut terms = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        if !wanted(&piece.folded) {
            continue;
        }
        if !is_stop_word(&piece.folded) {
            terms.push(Term { place: piece.place.clone(), stem: stem(&piece.folded), is_joined: false });
        }
        if let Some(second) = pieces.get(at + 1).filter(|second| are_hyphenated(text, piece, second)) {
            let joined = format!("{}{}", piece.folded, second.folded);
            let place = piece.place.start..second.place.end;
            terms.push(Term { place, stem: stem(&joined), is_joined: true });
        }
    }
    terms
}

fn are_hyphenated(text: &str, first: &Word<'_>, second: &Word<'_>) -> bool {
    let all_letters = |word: &Word<'_>| word.folded.chars().all(char::is_alphabetic);
    matches!(&text[first.place.end..second.place.start], "-" | "\u{2010}" | "\u{2011}")
        && all_letters(first)
        && all_letters(second)
}

/// Words with the habits of abbreviations undone: "O-1" and "510(k)" are one word each, "SOC2" is two.
fn pieces(text: &str) -> Vec<Word<'_>> {
    let words = words(text);
    let mut pieces: Vec<Word<'_>> = Vec::with_capacity(words.len() + 2);
    for word in words {
        if let Some(last) = pieces.last_mut()
            && belong_together(
                &text[last.place.end..word.place.start],
                text[word.place.end..].chars().next(),
                last,
                &word,
            )
        {
            last.place.end = word.place.end;
            last.folded.to_mut().push_str(&word.folded);
        } else if let Some(at) = letters_before_digits(&word.folded)
            // Digits that were folded ("a²") take other room in the text than in the word.
            && text[word.place.clone()].ends_with(&word.folded[at..])
        {
            let (letters, digits) = word.folded.split_at(at);
            let middle = word.place.end - digits.len();
            pieces.push(Word { place: word.place.start..middle, folded: letters.to_owned().into() });
            pieces.push(Word { place: middle..word.place.end, folded: digits.to_owned().into() });
        } else {
            pieces.push(word);
        }
    }
    pieces
}

fn belong_together(between: &str, after: Option<char>, last: &Word<'_>, word: &Word<'_>) -> bool {
    let starts_with_digit = |text: &str| text.starts_with(|letter: char| letter.is_ascii_digit());
    let is_visa_like = between == "-"
        && last.folded.len() <= 2
        && last.folded.chars().all(|letter| letter.is_ascii_lowercase())
        && starts_with_digit(&word.folded);
    let is_paragraph_like = between == "("
        && after == Some(')')
        && last.folded.ends_with(|letter: char| letter.is_ascii_digit())
        && word.folded.len() == 1
        && word.folded.chars().all(|letter| letter.is_ascii_lowercase());
    is_visa_like || is_paragraph_like
}

/// Where the digits begin in a word like "soc2" or "iso27001": two letters or more, then one to five digits.
fn letters_before_digits(folded: &str) -> Option<usize> {
    let at = folded.find(|letter: char| letter.is_ascii_digit())?;
    let (letters, digits) = folded.split_at(at);
    let is_so = letters.len() >= 2
        && letters.chars().all(|letter| letter.is_ascii_lowercase())
        && digits.len() <= 5
        && digits.chars().all(|digit| digit.is_ascii_digit());
    is_so.then_some(at)
}

/// The different stems of a question, in their order. The whole of a hyphenated word counts only
/// where `is_known` has heard of it.
pub fn question_stems(question: &str, is_known: impl Fn(&str) -> bool) -> Vec<String> {
    let mut stems: Vec<String> = Vec::new();
    let mut joined: Vec<String> = Vec::new();
    for term in terms(question) {
        let to = if term.is_joined { &mut joined } else { &mut stems };
        if !to.iter().any(|stem| **stem == *term.stem) {
            to.push(term.stem.to_string());
        }
    }
    joined.retain(|stem| is_known(stem) && !stems.contains(stem));
    stems.extend(joined);
    stems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(text: &str) -> Vec<String> {
        terms(text).into_iter().map(|term| term.stem.to_string()).collect()
    }

    #[test]
    fn words_are_folded_and_know_their_place() {
        let text = "Café, Cafe\u{301} & O'Neil!";
        let words = words(text);
        assert_eq!(words.iter().map(|it| &*it.folded).collect::<Vec<_>>(), ["cafe", "cafe", "o", "neil"]);
        assert_eq!(&text[words[1].place.clone()], "Cafe\u{301}");
    }

    proptest::proptest! {
        #[test]
        fn every_place_is_one_of_the_text(text in "[a-zßﬃȺ²５·٣é\\u{301}\\-()]{0,12}|\\PC{0,30}") {
            for term in terms(&text) {
                proptest::prop_assert!(text.get(term.place.clone()).is_some_and(|it| !it.is_empty()), "{term:?} in {text:?}");
            }
        }
    }

    #[test]
    fn a_stem_begins_as_its_word_does() {
        // `explain` passes over words by their first letter.
        let words =
            include_str!("words/english.txt").split_whitespace().chain(TWINS.iter().map(|(british, _)| *british));
        for word in words {
            let folded = fold(word);
            assert_eq!(stem(&folded).chars().next(), folded.chars().next(), "{word}");
        }
    }

    #[test]
    fn kin_share_a_stem_across_the_atlantic() {
        for (one, other) in [
            ("pricing", "prices"),
            ("organisation", "organizations"),
            ("behaviour", "behaviors"),
            ("licence", "licensing"),
            ("fundraising", "fundraise"),
        ] {
            assert_eq!(stem(one), stem(other), "{one} and {other}");
        }
        assert_ne!(stem("hour"), stem("hor"));
    }

    #[test]
    fn abbreviations_are_read_as_people_write_them() {
        assert_eq!(stems("O-1 visa, 510(k), SOC2 and ISO27001"), ["o1", "visa", "510k", "soc", "2", "iso", "27001"]);
        assert_eq!(stems("e-commerce"), ["e", "ecommerc", "commerc"]);
    }

    #[test]
    fn a_question_counts_each_stem_once_and_joins_only_what_is_known() {
        let known = |stem: &str| stem == "ecommerc";
        assert_eq!(
            question_stems("How do I price my e-commerce pre-seed price?", known),
            ["price", "e", "commerc", "pre", "seed", "ecommerc"]
        );
    }

    #[test]
    fn asking_politely_adds_no_words() {
        assert!(stems("Could somebody please help me with this?").is_empty());
    }
}
