//! The program's own words, in memory: which mentor uses which stem how often, and how rare each
//! is. It gives every candidate its exact BM25 score, as a pure function of the mentors that
//! live: unlike a search index it has no segments and no deleted documents that still count.

use std::collections::{BTreeMap, HashMap};

use super::words;

/// BM25's saturation and length normalisation (Robertson and Zaragoza 2009), as tuned on the
/// development questions by cross-validation.
const K1: f32 = 1.2;
const B: f32 = 0.75;

/// How often each text counts: what a mentor chose to stand on top says most.
const HEADLINE_COUNTS: usize = 2;
const TAGS_COUNT: usize = 2;

/// What of a profile is searched by words.
#[derive(Clone, Debug, Default)]
pub struct Texts<'a> {
    /// The headline.
    pub headline: &'a str,
    /// The tags, each for itself.
    pub tags: Vec<&'a str>,
    /// The bio.
    pub bio: &'a str,
    /// Title, company and industries.
    pub about: Vec<&'a str>,
}

/// One mentor's stems.
#[derive(Clone, Debug, Default)]
struct Bag {
    /// (stem, how often), sorted by stem.
    counts: Box<[(u32, u16)]>,
    /// Stems in all.
    length: u32,
    /// The different stems of each tag.
    tags: Box<[Box<[u32]>]>,
    /// The different plain words.
    words: Box<[u32]>,
    /// The tags that initials may stand for: (initials, tag).
    initials: Box<[(Box<str>, Box<str>)]>,
}

/// All mentors' stems. Numbers of mentors are dense.
#[derive(Debug, Default)]
pub struct Lexicon {
    stems: HashMap<Box<str>, u32>,
    /// In how many mentors each stem occurs.
    n_mentors_with: Vec<u32>,
    words: HashMap<Box<str>, u32>,
    n_mentors_with_word: Vec<u32>,
    bags: Vec<Option<Bag>>,
    /// By initials: the tags they may stand for, with the number of mentors who have each.
    initials: HashMap<Box<str>, BTreeMap<Box<str>, u32>>,
    n_mentors: u32,
    total_length: u64,
}

/// A question's stem, with what it is worth here.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The stem itself.
    pub stem: String,
    /// How rare it is: `ln(1 + (N - n + 0.5) / (n + 0.5))`.
    pub rarity: f32,
    id: Option<u32>,
}

/// How a question's words cover a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Coverage {
    /// The covered share of the tag that is covered best.
    pub share: f32,
    /// The most of: the covered share of a tag, times the share of the question that this is.
    pub exactness: f32,
}

impl Asked {
    /// Whether any mentor uses it.
    pub const fn is_known(&self) -> bool {
        self.id.is_some()
    }
}

impl Lexicon {
    /// Takes a mentor's texts in, replacing those it had.
    pub fn put(&mut self, mentor: u32, texts: &Texts<'_>) {
        self.remove(mentor);
        let bag = self.bag(texts);
        for (stem, _) in &bag.counts {
            self.n_mentors_with[*stem as usize] += 1;
        }
        for word in &bag.words {
            self.n_mentors_with_word[*word as usize] += 1;
        }
        for (initials, tag) in &bag.initials {
            *self.initials.entry(initials.clone()).or_default().entry(tag.clone()).or_default() += 1;
        }
        self.n_mentors += 1;
        self.total_length += u64::from(bag.length);
        let at = mentor as usize;
        if at >= self.bags.len() {
            self.bags.resize_with(at + 1, || None);
        }
        self.bags[at] = Some(bag);
    }

    /// Forgets a mentor.
    pub fn remove(&mut self, mentor: u32) {
        let Some(bag) = self.bags.get_mut(mentor as usize).and_then(Option::take) else { return };
        for (stem, _) in &bag.counts {
            self.n_mentors_with[*stem as usize] -= 1;
        }
        for word in &bag.words {
            self.n_mentors_with_word[*word as usize] -= 1;
        }
        for (initials, tag) in &bag.initials {
            if let Some(tags) = self.initials.get_mut(initials)
                && let Some(n_mentors) = tags.get_mut(tag)
            {
                *n_mentors -= 1;
                if *n_mentors == 0 {
                    tags.remove(tag);
                }
            }
        }
        self.n_mentors -= 1;
        self.total_length -= u64::from(bag.length);
    }

    fn bag(&mut self, texts: &Texts<'_>) -> Bag {
        let mut counts: HashMap<u32, u16> = HashMap::new();
        let mut length = 0;
        let mut plain = Vec::new();
        let mut take = |lexicon: &mut Self, text: &str, times: usize| {
            let terms = words::terms(text);
            for term in &terms {
                let count = counts.entry(lexicon.stem_id(&term.stem)).or_default();
                *count = count.saturating_add(u16::try_from(times).unwrap_or(u16::MAX));
            }
            length += u32::try_from(terms.len() * times).unwrap_or(u32::MAX);
            let of_text = words::words(text).into_iter().filter(|word| is_plain(&word.folded));
            plain.extend(of_text.map(|word| lexicon.word_id(&word.folded)));
            let mut stems: Vec<u32> =
                terms.iter().filter(|term| !term.is_joined).map(|term| lexicon.stem_id(&term.stem)).collect();
            stems.sort_unstable();
            stems.dedup();
            stems.into_boxed_slice()
        };
        take(self, texts.headline, HEADLINE_COUNTS);
        let tags = texts.tags.iter().map(|tag| take(self, tag, TAGS_COUNT)).collect();
        take(self, texts.bio, 1);
        for text in &texts.about {
            take(self, text, 1);
        }
        plain.sort_unstable();
        plain.dedup();
        let mut counts: Vec<(u32, u16)> = counts.into_iter().collect();
        counts.sort_unstable();
        let initials = texts.tags.iter().filter_map(|tag| Some((initials(tag)?, (*tag).into()))).collect();
        Bag { counts: counts.into(), length, tags, words: plain.into(), initials }
    }

    fn stem_id(&mut self, stem: &str) -> u32 {
        id(&mut self.stems, &mut self.n_mentors_with, stem)
    }

    fn word_id(&mut self, word: &str) -> u32 {
        id(&mut self.words, &mut self.n_mentors_with_word, word)
    }

    /// A question's different stems in their order, stop words left out.
    pub fn asked(&self, question: &str) -> Vec<Asked> {
        let stems = words::question_stems(question, |stem| self.known_stem(stem).is_some());
        stems.into_iter().map(|stem| self.asked_stem(stem)).collect()
    }

    /// One stem with its rarity.
    pub fn asked_stem(&self, stem: String) -> Asked {
        let id = self.known_stem(&stem);
        let n_with = id.map_or(0, |id| self.n_mentors_with[id as usize]);
        Asked { rarity: rarity(self.n_mentors, n_with), stem, id }
    }

    fn known_stem(&self, stem: &str) -> Option<u32> {
        self.stems.get(stem).copied().filter(|id| self.n_mentors_with[*id as usize] > 0)
    }

    /// The BM25 score of a mentor for a question; 0 where they share no stem.
    pub fn bm25(&self, mentor: u32, asked: &[Asked]) -> f32 {
        let Some(bag) = self.bag_of(mentor) else { return 0.0 };
        let length = as_f32(u64::from(bag.length)) / self.mean_length();
        let norm = K1 * (1.0 - B + B * length);
        asked
            .iter()
            .map(|asked| {
                let count = asked.id.map_or(0.0, |stem| count_in(bag, stem));
                asked.rarity * count * (K1 + 1.0) / (count + norm)
            })
            .sum()
    }

    /// How well the question's stems cover one of a mentor's tags, by rarity.
    pub fn tag_coverage(&self, mentor: u32, asked: &[Asked]) -> Coverage {
        let mut best = Coverage::default();
        let Some(bag) = self.bag_of(mentor) else { return best };
        let mass: f32 = asked.iter().map(|it| it.rarity).sum();
        for tag in &bag.tags {
            let covers = |stem: &u32| asked.iter().find(|asked| asked.id == Some(*stem));
            let covered: f32 = tag.iter().filter_map(covers).map(|asked| asked.rarity).sum();
            // Most tags share nothing with a question: those cost no logarithm.
            if covered > 0.0 {
                let all: f32 = tag.iter().map(|stem| rarity(self.n_mentors, self.n_mentors_with[*stem as usize])).sum();
                best.share = best.share.max(covered / all);
                best.exactness = best.exactness.max(covered / all * covered / mass);
            }
        }
        best
    }

    /// Whether a mentor's profile says anything.
    pub fn has_any(&self, mentor: u32) -> bool {
        self.bag_of(mentor).is_some_and(|bag| bag.length > 0)
    }

    /// The stems of a text apart by spaces, headline and tags repeated as they count: what a word index is made of.
    pub fn stems(texts: &Texts<'_>) -> String {
        let headline = std::iter::repeat_n(texts.headline, HEADLINE_COUNTS);
        let tags = std::iter::repeat_n(&texts.tags, TAGS_COUNT).flatten().copied();
        let all = headline.chain(tags).chain([texts.bio]).chain(texts.about.iter().copied());
        let stems: Vec<String> = all.flat_map(words::terms).map(|term| term.stem).collect();
        stems.join(" ")
    }

    /// In how many mentors a plain word in lower case occurs.
    pub fn n_using(&self, word: &str) -> u32 {
        self.words.get(word).map_or(0, |id| self.n_mentors_with_word[*id as usize])
    }

    /// All plain words in use, each with the number of mentors that use it.
    pub fn vocabulary(&self) -> impl Iterator<Item = (&str, u32)> {
        self.words
            .iter()
            .map(|(word, id)| (&**word, self.n_mentors_with_word[*id as usize]))
            .filter(|(_, n_mentors)| *n_mentors > 0)
    }

    /// The tag, common before rare, whose words begin with these capital letters.
    pub fn tag_with_initials(&self, initials: &str) -> Option<&str> {
        let tags = self.initials.get(initials)?;
        tags.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0))).map(|(tag, _)| &**tag)
    }

    fn bag_of(&self, mentor: u32) -> Option<&Bag> {
        self.bags.get(mentor as usize)?.as_ref()
    }

    fn mean_length(&self) -> f32 {
        (as_f32(self.total_length) / as_f32(u64::from(self.n_mentors.max(1)))).max(1.0)
    }
}

fn id(ids: &mut HashMap<Box<str>, u32>, counts: &mut Vec<u32>, text: &str) -> u32 {
    if let Some(id) = ids.get(text) {
        return *id;
    }
    let id = u32::try_from(counts.len()).expect("a program has fewer than four thousand million words");
    ids.insert(text.into(), id);
    counts.push(0);
    id
}

/// The capital letters that a tag of two to five words may be abbreviated to.
fn initials(tag: &str) -> Option<Box<str>> {
    let words: Vec<&str> = tag.split([' ', '-', '/']).filter(|word| !word.is_empty()).collect();
    let letters: Option<String> =
        words.iter().map(|word| word.chars().next().filter(char::is_ascii_alphabetic)).collect();
    letters.filter(|_| (2..=5).contains(&words.len())).map(|letters| letters.to_ascii_uppercase().into())
}

/// Words that spelling may be corrected to: plain letters, three at least.
fn is_plain(folded: &str) -> bool {
    folded.len() >= 3 && folded.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn count_in(bag: &Bag, stem: u32) -> f32 {
    bag.counts.binary_search_by_key(&stem, |(stem, _)| *stem).map_or(0.0, |at| f32::from(bag.counts[at].1))
}

/// So many mentors who use no word at all are thought to stand beside the program's own: without
/// them the one mentor of a new program would make all of their words common.
const SILENT_MENTORS: f64 = 50.0;

/// BM25's inverse document frequency, never negative (as in Lucene).
fn rarity(n_mentors: u32, n_with: u32) -> f32 {
    let (all, with) = (f64::from(n_mentors) + SILENT_MENTORS, f64::from(n_with));
    #[expect(clippy::cast_possible_truncation, reason = "a rarity is a small number")]
    let rarity = (1.0 + (all - with + 0.5) / (with + 0.5)).ln() as f32;
    rarity
}

#[expect(clippy::cast_precision_loss, reason = "lengths matter to three digits")]
fn as_f32(count: u64) -> f32 {
    count as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(headline: &'a str, tags: &[&'a str], bio: &'a str) -> Texts<'a> {
        Texts { headline, tags: tags.to_vec(), bio, about: Vec::new() }
    }

    fn scores(lexicon: &Lexicon, question: &str) -> Vec<f32> {
        let asked = lexicon.asked(question);
        (0..4).map(|mentor| lexicon.bm25(mentor, &asked)).collect()
    }

    fn filled(order: &[u32]) -> Lexicon {
        let all = [
            texts("Pricing that sticks", &["pricing", "packaging design"], "Raised prices twice."),
            texts("Drones and law", &["drone regulations"], "Flew drones for the post, priced nothing."),
            texts("Hiring", &["hiring engineers"], "Hired two hundred people."),
            texts("Firmware", &["embedded systems"], "Shipped drones and door locks."),
        ];
        let mut lexicon = Lexicon::default();
        for mentor in order {
            lexicon.put(*mentor, &all[*mentor as usize]);
        }
        lexicon
    }

    #[test]
    fn a_rare_word_in_the_right_place_scores_most() {
        let scores = scores(&filled(&[0, 1, 2, 3]), "How do I price drones?");
        assert!(scores[1] > scores[0] && scores[0] > scores[3] && scores[3] > 0.0, "{scores:?}");
        assert!(scores[2].abs() < f32::EPSILON);
    }

    #[test]
    fn scores_depend_on_who_is_there_not_on_how_they_came() {
        let straight = scores(&filled(&[0, 1, 2, 3]), "pricing firmware for drones");
        let mut winding = filled(&[3, 1, 0, 2, 1, 3]);
        winding.put(9, &texts("drones drones", &["firmware"], "drones"));
        winding.remove(9);
        assert_eq!(straight, scores(&winding, "pricing firmware for drones"));
    }

    #[test]
    fn a_tag_is_covered_by_its_share_of_rare_words() {
        let lexicon = filled(&[0, 1, 2, 3]);
        let asked = lexicon.asked("drone rules");
        let coverage = lexicon.tag_coverage(1, &asked);
        assert!(coverage.share > 0.2 && coverage.share < 1.0 && coverage.exactness < coverage.share);
        let whole = lexicon.tag_coverage(0, &lexicon.asked("pricing"));
        assert!((whole.share - 1.0).abs() < 1e-6 && (whole.exactness - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_word_nobody_uses_is_unknown_even_when_somebody_once_did() {
        let mut lexicon = filled(&[0, 1, 2, 3]);
        assert_eq!(lexicon.n_using("locks"), 1);
        lexicon.remove(3);
        assert_eq!(lexicon.n_using("locks"), 0);
        assert!(lexicon.asked("locks").iter().all(|asked| !asked.is_known()));
    }
}
