//! Misspelt words made whole before a question is embedded and searched. Only a word that neither
//! the program's texts, nor the model's vocabulary, nor an English word list knows is touched:
//! names, plurals, abbreviations and other languages stay as they are. Pure.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::embed;
use super::lexicon::Lexicon;
use super::words::{fold, stem};

/// English words beyond the model's vocabulary, to leave alone.
static ENGLISH: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("words/english.txt").split_whitespace().collect());

/// The model's whole words with their rank in its vocabulary, which is about that of their frequency.
static VOCABULARY: LazyLock<HashMap<String, u32>> = LazyLock::new(|| {
    let words = embed::vocabulary().expect("the embedded tokenizer is read by a test");
    words.into_iter().collect()
});

/// The best rank of any word with a stem.
static STEM_RANKS: LazyLock<HashMap<String, u32>> = LazyLock::new(|| {
    let mut ranks: HashMap<String, u32> = HashMap::new();
    for (word, rank) in &*VOCABULARY {
        let best = ranks.entry(stem(word).to_string()).or_insert(u32::MAX);
        *best = (*best).min(*rank);
    }
    ranks
});

/// Common words that a misspelt one may be meant to be, by first letter: the model's that are
/// English too, and longer English ones.
static CORRECTIONS: LazyLock<HashMap<u8, Vec<&'static str>>> = LazyLock::new(|| {
    let mut corrections: HashMap<u8, Vec<&'static str>> = HashMap::new();
    let vocabulary = VOCABULARY.keys().map(String::as_str).filter(|word| word.len() >= 4 && ENGLISH.contains(word));
    let longer = ENGLISH.iter().copied().filter(|word| word.len() >= LONG_WORD - 1 && !VOCABULARY.contains_key(*word));
    for word in vocabulary.chain(longer) {
        corrections.entry(word.as_bytes()[0]).or_default().push(word);
    }
    for words in corrections.values_mut() {
        words.sort_unstable();
    }
    corrections
});

/// Words of this length may be two slips away from what was meant, shorter ones one, the shortest none.
const LONG_WORD: usize = 8;
const SHORT_WORD: usize = 4;

/// The rarest vocabulary word that a word of under six letters, a longer one with one slip, and one with two
/// may be corrected to; and the rarest that may be half of a compound.
const RAREST_SHORT: u32 = 8_000;
const RAREST_NEAR: u32 = 15_000;
const RAREST_FAR: u32 = 12_000;
const RAREST_HALF: u32 = 4_000;
const UNRANKED: u32 = 30_522;

/// Words that are frequent in the languages of our users and rare in English.
const FOREIGN: &str = "ajuda att au auf avec bir che comment como con dans das de del della dem den der des di dla du een \
     ei ein eine el em en est et fur het hoe hur ich icin ik il ja jag jak je jest la las le les lo los \
     meu mi mijn minha mit miten moje mojej na nao nasil necesito nel nicht nie nostro nous och os para \
     per por pour preciso que som sono sur uma un una und une unser unsere van ve vi voce von voor wie \
     wij wir zu";

/// The commonest words of English.
const ENGLISH_COMMON: &str = "a an and are at be can do for from help how i in is it my need not of on or our that the this to we \
     what who with you";

/// What compounds like to begin with.
const BEGINNINGS: &str = "anti auto bi bio co cyber de e eco geo hyper in inter micro mid mini multi nano non on out over pre \
     re self semi sub tele tri un under up";

/// A question with its misspelt words made whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// The whole question.
    pub text: String,
    /// Whether anything is different.
    pub is_changed: bool,
}

/// Mends a question's spelling by the words that `lexicon` and English know. `is_kept` names
/// words (in lower case) that mean something here although nobody's profile uses them.
pub fn mend(text: &str, lexicon: &Lexicon, is_kept: impl Fn(&str) -> bool) -> Mended {
    let tokens = tokens(text);
    if is_foreign(&tokens) {
        return Mended { text: text.to_owned(), is_changed: false };
    }
    let is_title_case = is_title_case(&tokens);
    let mut mended = String::with_capacity(text.len());
    let mut done = 0;
    let mut is_changed = false;
    for (at, token) in tokens.iter().enumerate() {
        let is_name = token.is_capitalised && !is_title_case && !is_sentence_start(text, at, token);
        if !token.is_plain || token.text.len() < SHORT_WORD || is_name {
            continue;
        }
        let word = token.text.to_ascii_lowercase();
        if is_known(&word, lexicon) || is_kept(&word) {
            continue;
        }
        // A capitalised word at the start may be a name still: only the program's own words stand in for it.
        let own_words_only = token.is_capitalised && !is_title_case;
        let Some(meant) = nearest(&word, lexicon, own_words_only) else { continue };
        if slip_weight(&word, &meant) > 0.75 && is_compound(&word, lexicon) {
            continue;
        }
        mended.push_str(&text[done..token.start]);
        if token.is_capitalised {
            mended.push(char::from(meant.as_bytes()[0].to_ascii_uppercase()));
            mended.push_str(&meant[1..]);
        } else {
            mended.push_str(&meant);
        }
        done = token.start + token.text.len();
        is_changed = true;
    }
    mended.push_str(&text[done..]);
    Mended { text: mended, is_changed }
}

struct Token<'a> {
    start: usize,
    text: &'a str,
    /// Letters of English only, in lower case but perhaps for the first.
    is_plain: bool,
    is_capitalised: bool,
}

/// Words with their apostrophes ("don't" is one).
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = None;
    let end = text.len();
    let letters: Vec<(usize, char)> = text.char_indices().collect();
    for (index, (at, letter)) in letters.iter().enumerate() {
        let follows = letters.get(index + 1).is_some_and(|(_, next)| next.is_alphanumeric());
        let is_inside = letter.is_alphanumeric() || (start.is_some() && follows && matches!(letter, '\'' | '\u{2019}'));
        match (start, is_inside) {
            (None, true) => start = Some(*at),
            (Some(from), false) => {
                tokens.push(token(from, &text[from..*at]));
                start = None;
            }
            _ => {}
        }
    }
    tokens.extend(start.map(|from| token(from, &text[from..end])));
    tokens
}

fn token(start: usize, text: &str) -> Token<'_> {
    let bytes = text.as_bytes();
    let is_capitalised = bytes[0].is_ascii_uppercase();
    let is_plain = bytes[0].is_ascii_alphabetic() && bytes[1..].iter().all(u8::is_ascii_lowercase);
    Token { start, text, is_plain, is_capitalised }
}

fn is_foreign(tokens: &[Token<'_>]) -> bool {
    let folded: Vec<String> = tokens.iter().map(|token| fold(token.text).into_owned()).collect();
    let holds = |list: &str, word: &str| list.split(' ').any(|it| it == word);
    let foreign: HashSet<&String> = folded.iter().filter(|word| holds(FOREIGN, word)).collect();
    let n_english = folded.iter().filter(|word| holds(ENGLISH_COMMON, word)).count();
    foreign.len() >= 2 && foreign.len() > n_english
}

/// Whether nearly every longer word is capitalised, so that capitals say nothing about names.
fn is_title_case(tokens: &[Token<'_>]) -> bool {
    let longer: Vec<&Token<'_>> = tokens.iter().filter(|token| token.text.chars().count() >= 4).collect();
    let n_capitalised = longer.iter().filter(|token| token.text.starts_with(char::is_uppercase)).count();
    n_capitalised >= 2 && n_capitalised * 4 >= longer.len() * 3
}

fn is_sentence_start(text: &str, at: usize, token: &Token<'_>) -> bool {
    let before = text[..token.start].trim_end_matches(['"', '\'', '(']).trim_end_matches([' ', '\t', '\r']);
    at == 0 || before.ends_with(['.', '!', '?', ':', '\n'])
}

/// Whether English or the model knows this very word in lower case.
pub fn is_word(word: &str) -> bool {
    VOCABULARY.contains_key(word) || ENGLISH.contains(word)
}

fn is_base(word: &str, lexicon: &Lexicon) -> bool {
    lexicon.n_using(word) > 0 || is_word(word)
}

/// Whether a word is known, or is a regular form of a known one.
fn is_known(word: &str, lexicon: &Lexicon) -> bool {
    let base = |word: &str| is_base(word, lexicon);
    base(word)
        || (word.contains("iz") && base(&word.replace("iz", "is")))
        || (word.len() > 6 && word.contains("is") && base(&word.replace("is", "iz")))
        || ["s", "es", "ed", "d", "ing", "er", "r", "ers", "rs", "ly", "ings"]
            .iter()
            .any(|ending| word.strip_suffix(ending).is_some_and(|trunk| is_form(trunk, ending, &base)))
}

/// Whether `trunk` + `ending` is how English forms a word from a known one.
fn is_form(trunk: &str, ending: &str, base: &impl Fn(&str) -> bool) -> bool {
    let is_agent = matches!(ending, "er" | "r" | "ers" | "rs");
    if trunk.len() < if is_agent { 4 } else { 3 } {
        return false;
    }
    let last = trunk.as_bytes()[trunk.len() - 1];
    let is_verbal = matches!(ending, "ed" | "er" | "ers" | "ing" | "ings");
    let is_direct = base(trunk)
        && (!matches!(ending, "d" | "r" | "rs") || last == b'e')
        && !(ending == "s" && last == b's')
        && !(is_verbal && last == b'e');
    let drops_e = matches!(ending, "ing" | "ings") && base(&format!("{trunk}e"));
    let doubles = is_verbal
        && trunk.len() > 3
        && trunk.len() <= 6
        && last == trunk.as_bytes()[trunk.len() - 2]
        && base(&trunk[..trunk.len() - 1]);
    let turns_y = matches!(ending, "es" | "ed" | "er" | "ers" | "ly")
        && last == b'i'
        && base(&format!("{}y", &trunk[..trunk.len() - 1]));
    is_direct || drops_e || doubles || turns_y
}

/// Whether a word is two known ones written as one ("waitlisting", "biochar").
fn is_compound(word: &str, lexicon: &Lexicon) -> bool {
    let is_half = |half: &str| {
        lexicon.n_using(half) > 0
            || VOCABULARY.get(half).is_some_and(|rank| *rank < RAREST_HALF)
            || (half.len() >= 4 && STEM_RANKS.get(&*stem(half)).is_some_and(|rank| *rank < RAREST_HALF))
    };
    (2..word.len().saturating_sub(3)).any(|at| {
        let (first, second) = word.split_at(at);
        let is_beginning = BEGINNINGS.split(' ').any(|it| it == first);
        (is_beginning || (first.len() >= 4 && is_half(first))) && is_half(second)
    })
}

/// The known word that was likeliest meant, if any is near enough.
fn nearest(word: &str, lexicon: &Lexicon, own_words_only: bool) -> Option<String> {
    let most_slips = if word.len() >= LONG_WORD { 2 } else { 1 };
    let first = [word.as_bytes()[0], word.as_bytes()[1]];
    let mut best: Option<((f64, u32, u32), String)> = None;
    let mut consider = |candidate: &str, n_using: u32| {
        let is_near = candidate.len().abs_diff(word.len()) <= most_slips
            && (candidate.as_bytes()[0] == first[0]
                || (candidate.as_bytes()[0] == first[1] && candidate.as_bytes()[1] == first[0]));
        if !is_near {
            return;
        }
        let n_slips = strsim::osa_distance(word, candidate);
        let rank = VOCABULARY.get(candidate).copied().unwrap_or(UNRANKED);
        if n_slips > most_slips || (n_using == 0 && !is_likely(word, rank, n_slips)) {
            return;
        }
        let own = if n_using > 0 { 0.15 } else { 0.0 };
        let cost = slip_weight(word, candidate) - own + 0.1 * f64::from(rank) / f64::from(UNRANKED);
        let key = ((cost * 1e6).round(), u32::MAX - n_using, rank);
        let is_better = best.as_ref().is_none_or(|(found, meant)| (key, candidate) < (*found, meant.as_str()));
        if is_better {
            best = Some((key, candidate.to_owned()));
        }
    };
    for (candidate, n_using) in lexicon.vocabulary() {
        consider(candidate, n_using);
    }
    if !own_words_only {
        for candidate in first.iter().filter_map(|letter| CORRECTIONS.get(letter)).flatten() {
            consider(candidate, lexicon.n_using(candidate));
        }
    }
    best.map(|(_, meant)| meant)
}

/// Whether a word that no profile uses is common enough to be what was meant.
fn is_likely(word: &str, rank: u32, n_slips: usize) -> bool {
    if rank == UNRANKED {
        return word.len() >= LONG_WORD && n_slips <= 1;
    }
    let rarest = match (word.len(), n_slips) {
        (..6, _) => RAREST_SHORT,
        (_, 1) => RAREST_NEAR,
        _ => RAREST_FAR,
    };
    rank <= rarest
}

/// How bad the slips are that lead from what was meant to what was typed: optimal string alignment
/// whose steps weigh less where fingers and ears go wrong most.
fn slip_weight(typed: &str, meant: &str) -> f64 {
    let (typed, meant) = (typed.as_bytes(), meant.as_bytes());
    let is_vowel = |letter: u8| b"aeiouy".contains(&letter);
    let width = meant.len() + 1;
    let mut costs = vec![f64::INFINITY; (typed.len() + 1) * width];
    for i in 0..=typed.len() {
        for j in 0..=meant.len() {
            if i == 0 && j == 0 {
                costs[0] = 0.0;
                continue;
            }
            let mut cost = f64::INFINITY;
            if i > 0 && j > 0 {
                let (a, b) = (typed[i - 1], meant[j - 1]);
                let swap = if a == b {
                    0.0
                } else if is_vowel(a) && is_vowel(b) {
                    0.8
                } else {
                    1.0
                };
                cost = cost.min(costs[(i - 1) * width + j - 1] + swap);
            }
            if j > 0 {
                let is_double = j > 1 && meant[j - 1] == meant[j - 2];
                cost = cost.min(costs[i * width + j - 1] + if is_double { 0.7 } else { 0.9 });
            }
            if i > 0 {
                let is_double = i > 1 && typed[i - 1] == typed[i - 2];
                cost = cost.min(costs[(i - 1) * width + j] + if is_double { 0.7 } else { 1.0 });
            }
            if i > 1 && j > 1 && typed[i - 1] == meant[j - 2] && typed[i - 2] == meant[j - 1] {
                cost = cost.min(costs[(i - 2) * width + j - 2] + 0.8);
            }
            costs[i * width + j] = cost;
        }
    }
    costs[typed.len() * width + meant.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::lexicon::Texts;

    fn mended(text: &str) -> String {
        let mut lexicon = Lexicon::default();
        let bio = "Kubernetes cost, immigration lawyer, customer interviews, problem validation, waitlist, parametric insurance, drought, email.";
        lexicon.put(1, &Texts { bio, ..Texts::default() });
        mend(text, &lexicon, |word| word == "okrs").text
    }

    #[test]
    fn misspelt_words_are_made_whole() {
        for (typed, meant) in [
            ("custmer interveiws for problm validaton", "customer interviews for problem validation"),
            ("imigration lawer", "immigration lawyer"),
            ("kuberntes bill is way to hihg", "kubernetes bill is way to high"),
            ("parametrc insurence for drougt", "parametric insurance for drought"),
            ("frist investor emial", "first investor email"),
            ("Custmer interviews", "Customer interviews"),
        ] {
            assert_eq!(mended(typed), meant);
        }
    }

    #[test]
    fn what_is_right_stays_untouched() {
        for text in [
            "We organise waitlisting for programmes and colour palettes",
            "I met Jonhson at the fair",
            "SOC2, KYC and okrs",
            "biochar, agritech and fintech founders",
            "wie finde ich einen Investor fur mein Startup und die Kunden",
            "don't can't O'Reilly's",
            "Łódź café naïve",
            "",
        ] {
            assert_eq!(mended(text), text);
        }
    }

    #[test]
    fn a_slip_of_the_finger_weighs_less_than_another_letter() {
        assert!(slip_weight("emial", "email") < slip_weight("emall", "email"));
        assert!(slip_weight("adress", "address") < slip_weight("axdress", "address"));
        assert!(slip_weight("same", "same").abs() < f64::EPSILON);
    }
}
