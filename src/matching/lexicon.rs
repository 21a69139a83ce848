//! The program's own words, in memory: which mentor uses which stem how often, and how rare each
//! is. It gives every candidate its exact BM25 score, as a pure function of the mentors that
//! live: unlike a search index it has no segments and no deleted documents that still count.

use std::collections::BTreeMap;
use std::rc::Rc;

use foldhash::HashMap;
use smallvec::SmallVec;

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
    /// The different stems.
    stems: Box<[u32]>,
    /// The different plain words.
    words: Box<[u32]>,
    /// The tags that initials may stand for: (initials, tag).
    initials: Box<[(Box<str>, Box<str>)]>,
}

/// A mentor's tags by number, side by side in memory where there are few: every mentor's are read for every question.
type TagNumbers = SmallVec<[u32; 6]>;

/// How often a mentor uses a stem.
#[derive(Clone, Copy, Debug)]
struct Posting {
    mentor: u32,
    count: u16,
}

/// All mentors' stems. Numbers of mentors are dense.
#[derive(Debug, Default)]
pub struct Lexicon {
    stems: HashMap<Box<str>, u32>,
    /// For each stem who uses it, by mentor.
    postings: Vec<Vec<Posting>>,
    tags: HashMap<Box<str>, u32>,
    /// For each tag its different stems.
    tag_stems: Vec<Box<[u32]>>,
    words: HashMap<Box<str>, u32>,
    n_mentors_with_word: Vec<u32>,
    bags: Vec<Option<Bag>>,
    /// Stems in all, by mentor.
    lengths: Vec<u32>,
    /// Tags in their order, by mentor.
    mentor_tags: Vec<TagNumbers>,
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

/// How a question's words meet a mentor's; zeros where they share none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Worded {
    /// The BM25 score.
    pub bm25: f32,
    /// The covered share of the tag that is covered best, by rarity.
    pub coverage: f32,
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
        let mut counts: HashMap<u32, u16> = HashMap::default();
        let mut length = 0;
        let mut take = |text: &str, times: usize| {
            let terms = words::terms(text);
            for term in &terms {
                let count = counts.entry(self.stem_id(&term.stem)).or_default();
                *count = count.saturating_add(u16::try_from(times).unwrap_or(u16::MAX));
            }
            length += u32::try_from(terms.len() * times).unwrap_or(u32::MAX);
        };
        take(texts.headline, HEADLINE_COUNTS);
        texts.tags.iter().for_each(|tag| take(tag, TAGS_COUNT));
        take(texts.bio, 1);
        texts.about.iter().for_each(|text| take(text, 1));
        for (stem, count) in &counts {
            let postings = &mut self.postings[*stem as usize];
            let at = postings.partition_point(|it| it.mentor < mentor);
            postings.insert(at, Posting { mentor, count: *count });
        }
        let bag = self.bag(texts, counts.into_keys().collect());
        for word in &bag.words {
            self.n_mentors_with_word[*word as usize] += 1;
        }
        for (initials, tag) in &bag.initials {
            *self.initials.entry(initials.clone()).or_default().entry(tag.clone()).or_default() += 1;
        }
        self.n_mentors += 1;
        self.total_length += u64::from(length);
        let at = mentor as usize;
        if at >= self.bags.len() {
            self.bags.resize_with(at + 1, || None);
            self.lengths.resize(at + 1, 0);
            self.mentor_tags.resize_with(at + 1, TagNumbers::default);
        }
        self.lengths[at] = length;
        self.mentor_tags[at] = texts.tags.iter().map(|tag| self.tag_id(tag)).collect();
        self.bags[at] = Some(bag);
    }

    /// Forgets a mentor.
    pub fn remove(&mut self, mentor: u32) {
        let Some(bag) = self.bags.get_mut(mentor as usize).and_then(Option::take) else { return };
        for stem in &bag.stems {
            let postings = &mut self.postings[*stem as usize];
            if let Ok(at) = postings.binary_search_by_key(&mentor, |it| it.mentor) {
                postings.remove(at);
            }
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
        self.mentor_tags[mentor as usize].clear();
        self.n_mentors -= 1;
        self.total_length -= u64::from(std::mem::take(&mut self.lengths[mentor as usize]));
    }

    fn bag(&mut self, texts: &Texts<'_>, stems: Box<[u32]>) -> Bag {
        let all = [texts.headline, texts.bio].into_iter().chain(texts.tags.iter().copied());
        let mut plain: Vec<u32> = Vec::new();
        for text in all.chain(texts.about.iter().copied()) {
            let of_text = words::words(text).into_iter().filter(|word| is_plain(&word.folded));
            plain.extend(of_text.map(|word| self.word_id(&word.folded)));
        }
        plain.sort_unstable();
        plain.dedup();
        let initials = texts.tags.iter().filter_map(|tag| Some((initials(tag)?, (*tag).into()))).collect();
        Bag { stems, words: plain.into(), initials }
    }

    fn tag_id(&mut self, tag: &str) -> u32 {
        if let Some(id) = self.tags.get(tag) {
            return *id;
        }
        let terms = words::terms(tag).into_iter().filter(|term| !term.is_joined);
        let mut stems: Vec<u32> = terms.map(|term| self.stem_id(&term.stem)).collect();
        stems.sort_unstable();
        stems.dedup();
        id(&mut self.tags, &mut self.tag_stems, tag, stems.into())
    }

    fn stem_id(&mut self, stem: &str) -> u32 {
        id(&mut self.stems, &mut self.postings, stem, Vec::new())
    }

    fn word_id(&mut self, word: &str) -> u32 {
        id(&mut self.words, &mut self.n_mentors_with_word, word, 0)
    }

    /// The numbers of a mentor's tags, in the order of the profile; equal tags have one number.
    pub fn tags(&self, mentor: u32) -> &[u32] {
        self.mentor_tags.get(mentor as usize).map_or(&[], SmallVec::as_slice)
    }

    /// Tags that have a number, used or not.
    pub fn n_tags(&self) -> usize {
        self.tag_stems.len()
    }

    /// A question's different stems in their order, stop words left out.
    pub fn asked(&self, question: &str) -> Vec<Asked> {
        let stems = words::question_stems(question, |stem| self.known_stem(stem).is_some());
        stems.into_iter().map(|stem| self.asked_stem(stem)).collect()
    }

    /// One stem with its rarity.
    pub fn asked_stem(&self, stem: String) -> Asked {
        let id = self.known_stem(&stem);
        Asked { rarity: id.map_or_else(|| rarity(self.n_mentors, 0), |id| self.rarity(id)), stem, id }
    }

    fn known_stem(&self, stem: &str) -> Option<u32> {
        self.stems.get(stem).copied().filter(|id| !self.postings[*id as usize].is_empty())
    }

    fn rarity(&self, stem: u32) -> f32 {
        rarity(self.n_mentors, self.postings[stem as usize].len())
    }

    /// How the words of a question meet those of mentors. Where `is_everybody`, all scores are computed at once, else each when it is asked for.
    pub fn meet<'a>(&'a self, asked: &'a [Asked], is_everybody: bool) -> Meeting<'a> {
        let mut bm25 = if is_everybody { vec![0.0; self.lengths.len()] } else { Vec::new() };
        if is_everybody {
            for asked in asked {
                for posting in self.postings_of(asked) {
                    bm25[posting.mentor as usize] += self.bm25_of(asked, *posting);
                }
            }
        }
        Meeting {
            lexicon: self,
            asked,
            mass: asked.iter().map(|it| it.rarity).sum(),
            is_everybody,
            bm25,
            tags: vec![None; self.tag_stems.len()],
        }
    }

    fn postings_of(&self, asked: &Asked) -> &[Posting] {
        asked.id.map_or(&[], |stem| &self.postings[stem as usize])
    }

    /// What one stem adds to a mentor's BM25 score.
    fn bm25_of(&self, asked: &Asked, posting: Posting) -> f32 {
        let mean_length = (as_f32(self.total_length) / as_f32(u64::from(self.n_mentors.max(1)))).max(1.0);
        let length = as_f32(u64::from(self.lengths[posting.mentor as usize])) / mean_length;
        let count = f32::from(posting.count);
        let norm = K1 * (1.0 - B + B * length);
        asked.rarity * count * (K1 + 1.0) / (count + norm)
    }

    /// How well the question's stems cover a tag.
    fn covered(&self, tag: u32, asked: &[Asked], mass: f32) -> Covered {
        let tag = &self.tag_stems[tag as usize];
        let covers = |stem: &u32| asked.iter().find(|asked| asked.id == Some(*stem));
        let covered: f32 = tag.iter().filter_map(covers).map(|asked| asked.rarity).sum();
        // Most tags share nothing with a question: those cost no logarithm.
        if covered > 0.0 {
            let all: f32 = tag.iter().map(|stem| self.rarity(*stem)).sum();
            Covered { share: covered / all, exactness: covered / all * covered / mass }
        } else {
            Covered::default()
        }
    }

    /// Whether a mentor's profile says anything.
    pub fn has_any(&self, mentor: u32) -> bool {
        self.lengths.get(mentor as usize).is_some_and(|length| *length > 0)
    }

    /// The stems of a text apart by spaces, headline and tags repeated as they count: what a word index is made of.
    pub fn stems(texts: &Texts<'_>) -> String {
        let headline = std::iter::repeat_n(texts.headline, HEADLINE_COUNTS);
        let tags = std::iter::repeat_n(&texts.tags, TAGS_COUNT).flatten().copied();
        let all = headline.chain(tags).chain([texts.bio]).chain(texts.about.iter().copied());
        let stems: Vec<Rc<str>> = all.flat_map(words::terms).map(|term| term.stem).collect();
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
}

/// The share of a tag that a question covers, and that times the share of the question.
#[derive(Clone, Copy, Debug, Default)]
struct Covered {
    share: f32,
    exactness: f32,
}

/// A question's words against those of mentors.
pub struct Meeting<'a> {
    lexicon: &'a Lexicon,
    asked: &'a [Asked],
    mass: f32,
    is_everybody: bool,
    /// By mentor, where everybody's are computed.
    bm25: Vec<f32>,
    /// By tag, computed when it is first looked at.
    tags: Vec<Option<Covered>>,
}

impl Meeting<'_> {
    /// How they meet one mentor's.
    pub fn with(&mut self, mentor: u32) -> Worded {
        let bm25 = self.bm25(mentor);
        let mut worded = Worded { bm25, ..Worded::default() };
        if bm25 > 0.0 {
            for tag in self.lexicon.tags(mentor) {
                let covered = self.covered(*tag);
                worded.coverage = worded.coverage.max(covered.share);
                worded.exactness = worded.exactness.max(covered.exactness);
            }
        }
        worded
    }

    fn covered(&mut self, tag: u32) -> Covered {
        *self.tags[tag as usize].get_or_insert_with(|| self.lexicon.covered(tag, self.asked, self.mass))
    }

    /// The tags of a mentor that the question covers in part at least, by their places.
    pub fn covered_tags(&mut self, mentor: u32) -> Vec<usize> {
        let tags = self.lexicon.tags(mentor).iter().enumerate();
        tags.filter(|(_, tag)| self.covered(**tag).share > 0.0).map(|(place, _)| place).collect()
    }

    /// The BM25 score of a mentor; 0 where they share no stem.
    pub fn bm25(&self, mentor: u32) -> f32 {
        if self.is_everybody {
            return self.bm25.get(mentor as usize).copied().unwrap_or(0.0);
        }
        let mut bm25 = 0.0;
        for asked in self.asked {
            let postings = self.lexicon.postings_of(asked);
            if let Ok(at) = postings.binary_search_by_key(&mentor, |it| it.mentor) {
                bm25 += self.lexicon.bm25_of(asked, postings[at]);
            }
        }
        bm25
    }
}

/// The number of a text, a new one with `new` behind it where it has none.
fn id<T>(ids: &mut HashMap<Box<str>, u32>, behind: &mut Vec<T>, text: &str, new: T) -> u32 {
    if let Some(id) = ids.get(text) {
        return *id;
    }
    let id = u32::try_from(behind.len()).expect("a program has fewer than four thousand million words");
    ids.insert(text.into(), id);
    behind.push(new);
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

/// So many mentors who use no word at all are thought to stand beside the program's own: without
/// them the one mentor of a new program would make all of their words common.
const SILENT_MENTORS: f64 = 50.0;

/// BM25's inverse document frequency, never negative (as in Lucene).
fn rarity(n_mentors: u32, n_with: usize) -> f32 {
    let with = f64::from(u32::try_from(n_with).unwrap_or(u32::MAX));
    let all = f64::from(n_mentors) + SILENT_MENTORS;
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
        (0..4)
            .map(|mentor| {
                let [at_once, one] = [true, false].map(|all| lexicon.meet(&asked, all).bm25(mentor));
                assert_eq!(at_once.to_bits(), one.to_bits());
                one
            })
            .collect()
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
        let coverage = lexicon.meet(&asked, true).with(1);
        assert!(coverage.coverage > 0.2 && coverage.coverage < 1.0 && coverage.exactness < coverage.coverage);
        let whole = lexicon.meet(&lexicon.asked("pricing"), true).with(0);
        assert!((whole.coverage - 1.0).abs() < 1e-6 && (whole.exactness - 1.0).abs() < 1e-6);
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
