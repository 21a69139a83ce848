//! What of a profile is made into vectors: one text over the whole, and the passages that answers
//! quote. A long bio averaged into one vector matches nothing well and cannot say why. Pure.

use sha2::{Digest, Sha256};

use crate::mentors::Profile;

/// Passages a mentor may have beside the whole.
const MAX_PASSAGES: usize = 8;

/// Words in a piece of a bio, about: pieces end where sentences do.
const WORDS_A_PIECE: usize = 48;

/// What a passage is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The whole profile in one text; never quoted.
    Whole,
    /// The headline.
    Headline,
    /// The expertise tags.
    Tags,
    /// A piece of the bio.
    Bio,
}

impl Kind {
    /// The word in the database and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Headline => "headline",
            Self::Tags => "tags",
            Self::Bio => "bio",
        }
    }
}

/// A text that gets a vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// What it is made from.
    pub kind: Kind,
    /// The text itself.
    pub text: String,
}

impl Passage {
    /// The SHA-256 of the text: half of the key its vector is stored under.
    pub fn hash(&self) -> [u8; 32] {
        text_hash(&self.text)
    }
}

/// The SHA-256 of a text: half of the key its vector is stored under.
pub fn text_hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// The texts of a profile: the whole first, then at most eight passages. Empty for an empty profile.
pub fn passages(profile: &Profile) -> Vec<Passage> {
    let tags: Vec<&str> = profile.expertise.iter().map(|it| it.area.as_str()).collect();
    let mut passages = Vec::new();
    if !profile.headline.is_empty() {
        passages.push(Passage { kind: Kind::Headline, text: profile.headline.clone() });
    }
    if !tags.is_empty() {
        passages.push(Passage { kind: Kind::Tags, text: tags.join(", ") });
    }
    let room = MAX_PASSAGES - passages.len();
    passages.extend(pieces(&profile.bio, room).into_iter().map(|text| Passage { kind: Kind::Bio, text }));
    if passages.is_empty() {
        return passages;
    }
    passages.insert(0, Passage { kind: Kind::Whole, text: whole(profile, &tags) });
    passages
}

/// Tags and headline first: a text longer than the model reads loses its end.
fn whole(profile: &Profile, tags: &[&str]) -> String {
    let place = joined(&[&profile.title, &profile.company], ", ");
    let (tags, industries, stages) = (tags.join(", "), profile.industries.join(", "), profile.stages.join(", "));
    let bio = joined(&[&profile.bio, &place], if profile.bio.ends_with(['.', '!', '?']) { " " } else { ". " });
    joined(&[&tags, &profile.headline, &bio, &industries, &stages], ". ")
}

fn joined(parts: &[&str], by: &str) -> String {
    parts.iter().copied().map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(by)
}

/// Cuts a bio at sentence ends into at most `room` pieces. A bio with more is read only so far:
/// what a mentor knows best stands early, and the whole-profile vector still sees its beginning.
fn pieces(bio: &str, room: usize) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut n_words = 0;
    for sentence in sentences(bio) {
        let n_more = sentence.split_whitespace().count();
        if let Some(piece) = pieces.last_mut().filter(|_| n_words + n_more <= WORDS_A_PIECE) {
            piece.push(' ');
            piece.push_str(&sentence);
            n_words += n_more;
        } else {
            pieces.push(sentence);
            n_words = n_more;
        }
    }
    pieces.truncate(room);
    pieces
}

/// The sentences of a text, each on one line; one that runs on for ever is cut between words.
fn sentences(text: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    for line in text.lines() {
        for word in line.split_whitespace() {
            words.push(word);
            let bare = word.trim_end_matches(['"', '\'', ')', '\u{201d}', '\u{2019}']);
            if bare.ends_with(['.', '!', '?', '\u{3002}']) || words.len() == WORDS_A_PIECE {
                sentences.push(std::mem::take(&mut words).join(" "));
            }
        }
        if !words.is_empty() {
            sentences.push(std::mem::take(&mut words).join(" "));
        }
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mentors::Expertise;

    #[test]
    fn a_profile_becomes_the_whole_and_its_passages() {
        let profile = Profile {
            headline: "Prices that stick".to_owned(),
            title: "Pricing lead".to_owned(),
            company: "Acme".to_owned(),
            bio: "Raised prices twice. Lost nobody!".to_owned(),
            industries: vec!["SaaS".to_owned()],
            expertise: vec![Expertise::plain("pricing"), Expertise::plain("packaging")],
            ..Profile::default()
        };
        let made: Vec<(Kind, String)> = passages(&profile).into_iter().map(|it| (it.kind, it.text)).collect();
        assert_eq!(made[0].0, Kind::Whole);
        assert!(made[0].1.contains("Pricing lead, Acme") && made[0].1.contains("SaaS"), "{}", made[0].1);
        assert_eq!(made[1], (Kind::Headline, "Prices that stick".to_owned()));
        assert_eq!(made[2], (Kind::Tags, "pricing, packaging".to_owned()));
        assert_eq!(made[3], (Kind::Bio, "Raised prices twice. Lost nobody!".to_owned()));
    }

    #[test]
    fn a_long_bio_is_cut_at_sentence_ends_into_at_most_eight_pieces() {
        let sentence = "One two three four five six seven eight nine ten.";
        let profile = Profile { bio: vec![sentence; 100].join(" "), ..Profile::default() };
        let made = passages(&profile);
        assert_eq!(made.len(), 1 + MAX_PASSAGES);
        for passage in &made[1..] {
            assert!(passage.text.ends_with('.') && passage.text.split_whitespace().count() <= WORDS_A_PIECE);
        }
    }

    #[test]
    fn a_bio_without_an_end_is_cut_between_words() {
        let profile = Profile { bio: "word ".repeat(200), ..Profile::default() };
        assert!(passages(&profile)[1..].iter().all(|it| it.text.split_whitespace().count() <= WORDS_A_PIECE));
    }

    #[test]
    fn an_empty_profile_has_nothing_to_match() {
        assert!(passages(&Profile::default()).is_empty());
    }
}
