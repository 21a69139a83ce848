//! Tags that look like two writings of one: another case, a space or a hyphen more, a plural, a slip
//! of one letter. Pure; it only suggests, for whether two words mean one thing is for people to say.

use std::collections::HashMap;

use super::{Suggestion, Tag};

/// The shortest word, in letters, in which a letter too many, too few or swapped is taken for a slip: shorter ones
/// differ by one often.
const SHORTEST_SLIP: usize = 5;

/// The shortest word in which another letter is taken for a slip: "pilot" and "pivot" are both words.
const SHORTEST_OTHER: usize = 7;

/// Suggestions that are made at most.
const MOST: usize = 100;

/// A tag as it is compared.
struct Writing<'a> {
    tag: &'a Tag,
    words: Vec<String>,
    /// The words in one, without spaces, hyphens and plurals.
    joined: String,
}

impl<'a> Writing<'a> {
    fn of(tag: &'a Tag) -> Self {
        let lower = tag.name.to_lowercase().replace('&', " and ");
        let words: Vec<String> =
            lower.split(|letter: char| !letter.is_alphanumeric()).filter(|it| !it.is_empty()).map(singular).collect();
        Self { tag, joined: words.concat(), words }
    }

    /// Whether one slip of a letter makes this the other.
    fn is_a_slip_from(&self, other: &Self) -> bool {
        if self.words.len() == other.words.len() {
            let mut pairs = self.words.iter().zip(&other.words).filter(|(one, two)| one != two);
            return match (pairs.next(), pairs.next()) {
                (Some((one, two)), None) => is_slip(one, two),
                _ => false,
            };
        }
        // Written apart and with a slip as well; single letters, as in "Series A", say something by themselves.
        let has_letter = |it: &Self| it.words.iter().any(|word| word.chars().count() < 3);
        !has_letter(self) && !has_letter(other) && is_slip(&self.joined, &other.joined)
    }
}

fn is_slip(one: &str, two: &str) -> bool {
    let (n_one, n_two) = (one.chars().count(), two.chars().count());
    let has_number = |word: &str| word.contains(|it: char| it.is_numeric());
    if n_one.min(n_two) < SHORTEST_SLIP || has_number(one) || has_number(two) || strsim::osa_distance(one, two) != 1 {
        return false;
    }
    // Of the same length, two letters that differ are swapped, one that differs is another.
    let n_differing = one.chars().zip(two.chars()).filter(|(one, two)| one != two).count();
    n_one != n_two || n_differing != 1 || n_one >= SHORTEST_OTHER
}

/// English plurals, as far as an ending tells.
fn singular(word: &str) -> String {
    let n_letters = word.chars().count();
    match word {
        _ if n_letters > 4 && word.ends_with("ies") => format!("{}y", &word[..word.len() - 3]),
        _ if n_letters > 3 && word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us") => {
            word[..word.len() - 1].to_owned()
        }
        _ => word.to_owned(),
    }
}

/// Pairs of tags that look alike, those that most mentors have first. The more common one is the one to keep.
pub(super) fn suggestions(tags: &[Tag]) -> Vec<Suggestion> {
    let writings: Vec<Writing<'_>> = tags.iter().map(Writing::of).filter(|it| !it.joined.is_empty()).collect();
    let mut found = Vec::new();
    let mut firsts: HashMap<&str, usize> = HashMap::new();
    for (at, writing) in writings.iter().enumerate() {
        if let Some(&first) = firsts.get(writing.joined.as_str()) {
            found.push((at, first));
        } else {
            firsts.insert(&writing.joined, at);
        }
    }
    // Two words one slip apart share what is left of them without some letter: only those that share it are compared.
    let mut rests: HashMap<String, Vec<usize>> = HashMap::new();
    let mut representatives: Vec<usize> = firsts.into_values().collect();
    representatives.sort_unstable();
    for at in representatives {
        let mut others: Vec<usize> = Vec::new();
        for rest in rests_of(&writings[at].joined) {
            let places = rests.entry(rest).or_default();
            others.extend(places.iter().copied());
            places.push(at);
        }
        others.sort_unstable();
        others.dedup();
        let alike = others.into_iter().filter(|&other| writings[at].is_a_slip_from(&writings[other]));
        found.extend(alike.map(|other| (at, other)));
    }
    let mut pairs: Vec<Suggestion> = found
        .into_iter()
        .map(|(at, other)| {
            let (one, other) = (writings[at].tag, writings[other].tag);
            let (less, more) = if rank(one) > rank(other) { (other, one) } else { (one, other) };
            Suggestion { from: less.clone(), into: more.clone() }
        })
        .collect();
    pairs.sort_by_key(|pair| std::cmp::Reverse((pair.into.n_mentors, pair.from.n_mentors)));
    pairs.truncate(MOST);
    pairs
}

/// The more common writing is the one to keep; of two as common, the shorter.
fn rank(tag: &Tag) -> (u32, std::cmp::Reverse<usize>) {
    (tag.n_mentors, std::cmp::Reverse(tag.name.chars().count()))
}

/// The word itself, and the word without each of its letters.
fn rests_of(word: &str) -> impl Iterator<Item = String> {
    let letters: Vec<char> = word.chars().collect();
    let without = move |gone: usize| {
        letters.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, letter)| *letter).collect::<String>()
    };
    (0..=word.chars().count()).map(without)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(names: &[&str]) -> Vec<(String, String)> {
        // Those named first are the more common.
        let tags: Vec<Tag> =
            (1..).zip(names.iter().rev()).map(|(n, name)| Tag { name: (*name).to_owned(), n_mentors: n }).collect();
        let tags: Vec<Tag> = tags.into_iter().rev().collect();
        suggestions(&tags).into_iter().map(|it| (it.from.name, it.into.name)).collect()
    }

    #[test]
    fn two_writings_of_one_tag_are_suggested_and_the_common_one_is_kept() {
        for (into, from) in [
            ("fundraising", "fund raising"),
            ("Fundraising", "fundraising"),
            ("go-to-market", "Go to market"),
            ("pitch deck", "pitch decks"),
            ("strategy", "strategies"),
            ("fundraising", "fundrasing"),
            ("marketing", "markteing"),
            ("fundraising", "fund raisng"),
            ("R&D", "R and D"),
            ("Ärzte", "ärzte"),
        ] {
            assert_eq!(suggested(&[into, from]), [(from.to_owned(), into.to_owned())], "{into}, {from}");
        }
    }

    #[test]
    fn of_two_as_common_the_shorter_is_kept() {
        let tag = |name: &str| Tag { name: name.to_owned(), n_mentors: 1 };
        let suggested = suggestions(&[tag("fund raising"), tag("fundraising")]);
        assert_eq!(suggested, [Suggestion { from: tag("fund raising"), into: tag("fundraising") }]);
    }

    #[test]
    fn tags_that_mean_different_things_are_left_alone() {
        for pair in [
            ["Series A", "Series B"],
            ["B2B", "B2C"],
            ["Web2 growth", "Web3 growth"],
            ["SaaS", "PaaS"],
            ["pricing", "hiring"],
            ["sales", "scale"],
            ["pilots", "pivots"],
            ["---", "+++"],
            ["", " "],
        ] {
            assert_eq!(suggested(&pair), [], "{pair:?}");
        }
    }

    #[test]
    fn ten_thousand_tags_are_looked_through_in_no_time_and_the_list_stays_short() {
        let tags: Vec<Tag> = (0..10_000_u32)
            .map(|n| {
                let letters = |n: u32| char::from_u32(97 + n % 26).unwrap_or('a');
                let name = format!("subject{}{}{}ness", letters(n), letters(n / 26), letters(n / 676));
                Tag { name, n_mentors: 1 }
            })
            .collect();
        assert_eq!(suggestions(&tags).len(), MOST);
    }
}
