//! Why a mentor is shown. Points only at what is there: the passage that matched, the tag, the
//! industry, the open slot. Pure.

use std::collections::BTreeSet;

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
    /// The question's stems.
    pub stems: BTreeSet<&'a str>,
    /// Industries and stages that the question names and the mentor has.
    pub named: Vec<String>,
    /// Open slots in the next two weeks.
    pub n_slots: usize,
}

/// The reasons for a mentor, weightiest first.
pub fn reasons(card: &Card, grounds: &Grounds<'_>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let quotable =
        |place: &&usize| card.passages.get(**place).is_some_and(|it| matches!(it.kind, Kind::Headline | Kind::Bio));
    if let Some(place) = grounds.passages.iter().find(quotable) {
        let text = quote(&card.passages[*place].text, &grounds.stems);
        reasons.push(Reason { kind: "passage", matched: shared_words(&text, &grounds.stems), text });
    }
    let covered = card.expertise.iter().enumerate().filter(|(_, tag)| !shared_words(tag, &grounds.stems).is_empty());
    let mut topics: Vec<usize> = covered.map(|(place, _)| place).collect();
    topics.extend(grounds.tags.iter().filter(|place| !topics.contains(place)).copied().collect::<Vec<_>>());
    for tag in topics.iter().take(MOST_TOPICS).filter_map(|place| card.expertise.get(*place)) {
        reasons.push(Reason { kind: "expertise", text: tag.clone(), matched: shared_words(tag, &grounds.stems) });
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

/// The sentence of a passage that shares most words with the question; the whole where none does.
fn quote(passage: &str, stems: &BTreeSet<&str>) -> String {
    let sentences: Vec<&str> =
        passage.split_inclusive(['.', '!', '?']).map(str::trim).filter(|it| !it.is_empty()).collect();
    if sentences.len() <= 2 {
        return passage.to_owned();
    }
    let n_shared = |sentence: &&&str| shared_words(sentence, stems).len();
    match sentences.iter().rev().max_by_key(n_shared) {
        Some(best) if n_shared(&best) > 0 => (*best).to_owned(),
        _ => passage.to_owned(),
    }
}

/// The words of `text`, as they are written, whose stems the question has; each once.
fn shared_words(text: &str, stems: &BTreeSet<&str>) -> Vec<String> {
    let mut shared: Vec<String> = Vec::new();
    for term in words::terms(text) {
        if stems.contains(term.stem.as_str()) {
            let word = &text[term.place];
            if !shared.iter().any(|it| it == word) {
                shared.push(word.to_owned());
            }
        }
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_words_are_named_as_the_profile_writes_them() {
        let stems = BTreeSet::from(["price", "pilot"]);
        assert_eq!(
            shared_words("Priced pilots twice; pricing is hard. Priced!", &stems),
            ["Priced", "pilots", "pricing"]
        );
        assert!(shared_words("Nothing here", &stems).is_empty());
    }

    #[test]
    fn a_long_passage_is_quoted_by_its_best_sentence() {
        let stems = BTreeSet::from(["pilot"]);
        assert_eq!(quote("I cook. I sold two pilots. I sail.", &stems), "I sold two pilots.");
        assert_eq!(quote("I cook. I row. I sail.", &stems), "I cook. I row. I sail.");
    }
}
