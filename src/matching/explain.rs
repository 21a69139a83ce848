//! Why a mentor is shown. Points only at what is there: the passage that matched, the tag, the
//! industry, the open slot. Pure.

use std::ops::Range;

use super::passages::Kind;
use super::roster::Card;
use super::words;

/// Topics named as reasons, at most.
const MOST_TOPICS: usize = 3;

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// `passage`, `expertise`, `industry_stage` or `availability`.
    pub kind: &'static str,
    /// A passage of the profile, a tag, or a sentence.
    pub text: String,
    /// Words of the text that the question shares.
    pub matched: Vec<String>,
}

/// What there is to say for a mentor.
#[derive(Clone, Debug, Default)]
pub struct Grounds<'a> {
    /// The passages nearest in meaning, best first, by their place in the card.
    pub passages: Vec<usize>,
    /// Tags near in meaning, best first, by their place in the card.
    pub tags: Vec<usize>,
    /// Tags that the question's words cover, by their place in the card.
    pub covered: Vec<usize>,
    /// The question's stems.
    pub stems: Vec<&'a str>,
    /// Industries and stages that the question names and the mentor has.
    pub named: Vec<String>,
    /// Open slots in the next two weeks.
    pub n_slots: usize,
    /// Whether the mentor fits the question. If not, only what it says literally is told.
    pub fits: bool,
}

/// The reasons for a mentor, weightiest first.
pub fn reasons(card: &Card, grounds: &Grounds<'_>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let quotable =
        |place: &&usize| card.passages.get(**place).is_some_and(|it| matches!(it.kind, Kind::Headline | Kind::Bio));
    if let Some(place) = grounds.passages.iter().find(quotable) {
        let (text, matched) = quote(&card.passages[*place].text, &grounds.stems);
        if grounds.fits || !matched.is_empty() {
            reasons.push(Reason { kind: "passage", text: text.to_owned(), matched: owned(matched) });
        }
    }
    let near = grounds.tags.iter().filter(|place| !grounds.covered.contains(place));
    let topics = grounds.covered.iter().chain(near).filter_map(|place| card.expertise.get(*place));
    for tag in topics.take(MOST_TOPICS) {
        let matched = owned(shared_words(tag, &grounds.stems));
        reasons.push(Reason { kind: "expertise", text: tag.clone(), matched });
    }
    if !grounds.named.is_empty() {
        let text = format!("Works with {}", grounds.named.join(", "));
        reasons.push(Reason { kind: "industry_stage", text, matched: grounds.named.clone() });
    }
    if grounds.n_slots > 0 {
        let times =
            if grounds.n_slots == 1 { "1 open time".to_owned() } else { format!("{} open times", grounds.n_slots) };
        let text = format!("{times} in the next two weeks");
        reasons.push(Reason { kind: "availability", text, matched: Vec::new() });
    }
    reasons
}

/// The sentence of a passage that shares most words with the question, the whole where none does,
/// and those words.
fn quote<'a>(passage: &'a str, stems: &[&str]) -> (&'a str, Vec<&'a str>) {
    let shared = shared_places(passage, stems);
    let mut sentences: Vec<Range<usize>> = Vec::new();
    for sentence in passage.split_inclusive(['.', '!', '?']) {
        let start = sentences.last().map_or(0, |last| last.end);
        sentences.push(start..start + sentence.len());
    }
    sentences.retain(|place| !passage[place.clone()].trim().is_empty());
    if sentences.len() <= 2 || shared.is_empty() {
        return (passage, once_each(passage, &shared));
    }
    let words_in = |sentence: &Range<usize>| {
        let inside: Vec<Range<usize>> =
            shared.iter().filter(|it| sentence.start <= it.start && it.end <= sentence.end).cloned().collect();
        once_each(passage, &inside)
    };
    let of_sentences = sentences.into_iter().rev().map(|place| (passage[place.clone()].trim(), words_in(&place)));
    of_sentences.max_by_key(|(_, words)| words.len()).unwrap_or((passage, Vec::new()))
}

/// The words of `text`, as they are written, whose stems the question has; each once.
fn shared_words<'a>(text: &'a str, stems: &[&str]) -> Vec<&'a str> {
    once_each(text, &shared_places(text, stems))
}

fn shared_places(text: &str, stems: &[&str]) -> Vec<Range<usize>> {
    // A stem begins as its word does, which tells most words apart.
    let may_share = |folded: &str| stems.iter().any(|stem| stem.chars().next() == folded.chars().next());
    let terms = words::terms_where(text, may_share).into_iter();
    terms.filter(|term| stems.contains(&&*term.stem)).map(|term| term.place).collect()
}

fn once_each<'a>(text: &'a str, places: &[Range<usize>]) -> Vec<&'a str> {
    let mut words: Vec<&str> = Vec::new();
    for place in places {
        let word = &text[place.clone()];
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

fn owned(words: Vec<&str>) -> Vec<String> {
    words.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_words_are_named_as_the_profile_writes_them() {
        let stems = ["price", "pilot"];
        assert_eq!(
            shared_words("Priced pilots twice; pricing is hard. Priced!", &stems),
            ["Priced", "pilots", "pricing"]
        );
        assert!(shared_words("Nothing here", &stems).is_empty());
    }

    #[test]
    fn a_long_passage_is_quoted_by_its_best_sentence() {
        let stems = ["pilot"];
        assert_eq!(quote("I cook. I sold two pilots. I sail.", &stems), ("I sold two pilots.", vec!["pilots"]));
        assert_eq!(quote("I cook. I row. I sail.", &stems), ("I cook. I row. I sail.", vec![]));
    }
}
