//! Industries and stages that a question names in passing ("we are seed stage, selling to
//! growers"), matched with what the program's profiles call them. Pure.

use foldhash::HashSet;

use super::roster::Card;
use super::words::{Word, words};

/// Stages in their order, in folded words. A neighbour counts for something, "any" for most.
const STAGES: &[&str] = &["idea", "pre seed", "seed", "series a", "series b", "growth"];

/// What names a stage: folded words in a row. "seed" alone may be a plant's.
const STAGE_PHRASES: &[(&str, &str)] = &[
    ("pre seed", "pre seed"),
    ("preseed", "pre seed"),
    ("seed stage", "seed"),
    ("seed round", "seed"),
    ("seed funded", "seed"),
    ("seed funding", "seed"),
    ("seed company", "seed"),
    ("seed start", "seed"),
    ("seed startup", "seed"),
    ("seed phase", "seed"),
    ("seed investment", "seed"),
    ("seed investor", "seed"),
    ("at seed", "seed"),
    ("raise seed", "seed"),
    ("raised seed", "seed"),
    ("raising seed", "seed"),
    ("our seed", "seed"),
    ("are seed", "seed"),
    ("post seed", "seed"),
    ("series a", "series a"),
    ("round a", "series a"),
    ("series b", "series b"),
    ("round b", "series b"),
    ("idea stage", "idea"),
    ("idea phase", "idea"),
    ("only an idea", "idea"),
    ("just an idea", "idea"),
    ("still an idea", "idea"),
    ("growth stage", "growth"),
    ("growth round", "growth"),
    ("growth equity", "growth"),
    ("growth phase", "growth"),
    ("late stage", "growth"),
    ("series c", "growth"),
    ("series d", "growth"),
    ("series e", "growth"),
    ("series f", "growth"),
];

/// What people call an industry beside its own name: its folded name, then folded words in a row.
const INDUSTRY_PHRASES: &[(&str, &[&str])] = &[
    ("games", &["gaming", "video game", "game studio", "game developer"]),
    (
        "agtech",
        &[
            "ag tech",
            "agritech",
            "agri tech",
            "agriculture",
            "agricultural",
            "farm",
            "farms",
            "farming",
            "farmer",
            "farmers",
            "grower",
            "growers",
        ],
    ),
    ("edtech", &["ed tech", "school", "schools"]),
    ("healthtech", &["health tech", "digital health", "healthcare", "health care", "hospital", "hospitals"]),
    ("medtech", &["med tech", "medical device", "medical devices"]),
    ("fintech", &["fin tech", "bank", "banks", "banking"]),
    ("insurtech", &["insur tech", "insurance", "insurer", "insurers"]),
    ("nonprofit", &["nonprofits", "non profit", "non profits", "charity", "charities", "ngo", "ngos"]),
    ("e commerce", &["ecommerce", "online shop", "online shops", "online store", "online stores"]),
    ("cybersecurity", &["cyber security", "infosec"]),
    ("proptech", &["prop tech", "real estate"]),
    ("legaltech", &["legal tech", "law firm", "law firms"]),
    ("hr tech", &["hrtech"]),
    ("biotech", &["bio tech", "biotechnology", "bio technology"]),
    ("climate", &["climate tech", "cleantech", "clean tech"]),
    ("foodtech", &["food tech"]),
    ("govtech", &["gov tech", "public sector"]),
    ("marketplaces", &["marketplace"]),
    ("semiconductors", &["semiconductor"]),
    ("robotics", &["robot", "robots"]),
    ("travel", &["tourism"]),
    ("telecom", &["telecoms"]),
    ("developer tools", &["developer tool", "dev tool", "dev tools"]),
    ("logistics", &["freight"]),
    ("retail", &["retailer", "retailers"]),
    ("fashion", &["apparel"]),
    ("sports", &["sport"]),
];

/// Industries whose own name is an everyday word: only these phrases name them.
const EVERYDAY_NAMES: &[(&str, &[&str])] = &[
    ("space", &["space tech", "spacetech", "satellite", "satellites"]),
    ("materials", &["advanced materials", "new materials"]),
    (
        "consumer",
        &[
            "consumer electronics",
            "consumer goods",
            "consumer brand",
            "consumer brands",
            "consumer product",
            "consumer products",
            "consumer app",
            "consumer apps",
        ],
    ),
];

/// A stage that suits all.
const ANY_STAGE: &str = "any";

/// A profile's industries and stages in folded words, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    industries: Vec<String>,
    stages: Vec<String>,
}

impl Folded {
    /// Folds what a profile calls them.
    pub fn new(industries: &[String], stages: &[String]) -> Self {
        let all = |names: &[String]| names.iter().map(|name| folded(name)).collect();
        Self { industries: all(industries), stages: all(stages) }
    }
}

/// What a question names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Stages, folded.
    stages: Vec<&'static str>,
    /// The program's industries, folded.
    industries: Vec<String>,
}

impl Named {
    /// What `question` names among the program's `industries`, which are folded.
    pub fn in_question<'a>(question: &str, industries: impl IntoIterator<Item = &'a str>) -> Self {
        let spaced = spaced(&words(question));
        let asked = &Heard { words: spaced.split(' ').collect(), spaced: &spaced };
        let mut stages: Vec<&'static str> = Vec::new();
        for (phrase, stage) in STAGE_PHRASES {
            if asked.holds(phrase) && !stages.contains(stage) {
                stages.push(stage);
            }
        }
        // In "pre-seed round" the second half is no stage of its own.
        if stages.contains(&"pre seed") && !is_seed_beside(&spaced) {
            stages.retain(|stage| *stage != "seed");
        }
        let mut named: Vec<String> =
            industries.into_iter().filter(|name| asked.is_named(name)).map(str::to_owned).collect();
        named.sort();
        Self { stages, industries: named }
    }

    /// Whether the question names anything.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty() && self.industries.is_empty()
    }

    /// How well a mentor fits what is named, 0 to 1: the mean over stage and industry, where named.
    pub fn fit(&self, card: &Card) -> f64 {
        let mut parts = Vec::with_capacity(2);
        if !self.stages.is_empty() {
            parts.push(self.stage_fit(&card.folded.stages));
        }
        if !self.industries.is_empty() {
            let fits = card.folded.industries.iter().any(|name| self.industries.contains(name));
            parts.push(if fits { 1.0 } else { 0.0 });
        }
        if parts.is_empty() {
            0.0
        } else {
            parts.iter().sum::<f64>() / f64::from(u8::try_from(parts.len()).unwrap_or(2))
        }
    }

    fn stage_fit(&self, stages: &[String]) -> f64 {
        if stages.is_empty() {
            return 0.4;
        }
        let place = |stage: &str| STAGES.iter().position(|it| *it == stage);
        let likeness = |asked: &str, offered: &str| match (place(asked), place(offered)) {
            _ if asked == offered => 1.0,
            _ if offered == ANY_STAGE => 0.8,
            (Some(one), Some(other)) if one.abs_diff(other) == 1 => 0.4,
            _ => 0.0,
        };
        let all = self.stages.iter().flat_map(|asked| stages.iter().map(|offered| likeness(asked, offered)));
        all.fold(0.0, f64::max)
    }

    /// The mentor's industries and stages that the question names, as the profile writes them.
    pub fn shared(&self, card: &Card) -> Vec<String> {
        let industries = card.industries.iter().zip(&card.folded.industries);
        let industries = industries.filter(|(_, folded)| self.industries.contains(folded));
        let stages = card.stages.iter().zip(&card.folded.stages);
        let stages = stages.filter(|(_, folded)| self.stages.contains(&folded.as_str()));
        industries.chain(stages).map(|(name, _)| name.clone()).collect()
    }
}

/// A question's words.
struct Heard<'a> {
    spaced: &'a str,
    words: HashSet<&'a str>,
}

impl Heard<'_> {
    fn is_named(&self, industry: &str) -> bool {
        if let Some((_, phrases)) = EVERYDAY_NAMES.iter().find(|(name, _)| *name == industry) {
            return phrases.iter().any(|phrase| self.holds(phrase));
        }
        let others =
            INDUSTRY_PHRASES.iter().find(|(name, _)| *name == industry).map_or(&[][..], |(_, phrases)| phrases);
        self.holds(industry) || others.iter().any(|phrase| self.holds(phrase))
    }

    /// Most phrases fall with their first word, before the question is searched.
    fn holds(&self, phrase: &str) -> bool {
        let first = phrase.split(' ').next().unwrap_or_default();
        self.words.contains(first) && holds(self.spaced, phrase)
    }
}

/// Words in a row with a space on each side, so that phrases can be looked for whole.
fn spaced(words: &[Word<'_>]) -> String {
    let mut text = String::from(" ");
    for word in words {
        text.push_str(&word.folded);
        text.push(' ');
    }
    text
}

/// A name in folded words.
pub fn folded(name: &str) -> String {
    spaced(&words(name)).trim().to_owned()
}

fn holds(asked: &str, phrase: &str) -> bool {
    !phrase.is_empty()
        && asked
            .match_indices(phrase)
            .any(|(at, _)| asked[..at].ends_with(' ') && asked[at + phrase.len()..].starts_with(' '))
}

/// Whether the seed stage is named apart from pre-seed.
fn is_seed_beside(asked: &str) -> bool {
    let without = asked.replace(" pre seed ", " ");
    STAGE_PHRASES.iter().any(|(phrase, stage)| *stage == "seed" && holds(&without, phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDUSTRIES: &[&str] = &["Fintech", "Agtech", "E-commerce", "Space", "Games"];

    fn named(question: &str) -> (Vec<&'static str>, Vec<String>) {
        let industries: Vec<String> = INDUSTRIES.iter().map(|name| folded(name)).collect();
        let named = Named::in_question(question, industries.iter().map(String::as_str));
        (named.stages, named.industries)
    }

    #[test]
    fn stages_and_industries_are_heard_in_passing() {
        assert_eq!(named("Enterprise sales into banks, we are seed stage"), (vec!["seed"], vec!["fintech".to_owned()]));
        assert_eq!(named("Pre-seed round for an e-commerce shop").0, ["pre seed"]);
        assert_eq!(named("from pre-seed to our seed round").0, ["pre seed", "seed"]);
        assert_eq!(named("Series B company preparing a growth round").0, ["series b", "growth"]);
        assert_eq!(named("selling to growers and online stores").1, ["agtech", "e commerce"]);
    }

    #[test]
    fn everyday_words_name_nothing() {
        assert_eq!(named("we seed the lawn and need more space to plant"), (vec![], vec![]));
        assert_eq!(named("satellite images").1, ["space"]);
    }
}
