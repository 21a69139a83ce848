//! What answering needs, all in memory and under one lock: the roster, the words, the vectors.
//! `refresh` writes it, `rank` reads it; it asks nobody for anything.

use super::bits::Bits;
use super::lexicon::{Lexicon, Texts};
use super::named::Folded;
use super::passages::{self, Passage};
use super::roster::{Card, Roster, Standing};
use super::vectors::cosine::{DIMS, Rounded, dot};
use super::vectors::{Tier, Vectors};
use super::words;
use crate::mentors::Mentor;

/// Everything known of one mentor, read from the database.
pub struct Loaded {
    /// The mentor as stored.
    pub mentor: Mentor,
    /// What is booked with them.
    pub standing: Standing,
    /// Passages with their vectors, the whole first; empty where they are still to be made.
    pub units: Vec<(Passage, Vec<f32>)>,
    /// The vectors of their tags, in order; empty where they are still to be made.
    pub tags: Vec<Vec<f32>>,
}

impl Loaded {
    /// Whether the vectors are those of the profile as it stands.
    pub fn has_current_vectors(&self) -> bool {
        let wanted = passages::passages(&self.mentor.profile);
        let is_same = wanted.len() == self.units.len() && wanted.iter().zip(&self.units).all(|(a, (b, _))| a == b);
        is_same && self.tags.len() == self.mentor.profile.expertise.len()
    }
}

/// Vectors of tags, by the lexicon's numbers: mentors share tags, so each is kept once.
#[derive(Default)]
pub struct Tags {
    wide: Vec<Option<Box<[f32; DIMS]>>>,
    /// The same in int8; side by side, because a question reads most of them.
    rounded: Vec<Rounded>,
}

impl Tags {
    fn put(&mut self, tags: &[u32], vectors: Vec<Vec<f32>>) {
        for (tag, vector) in tags.iter().zip(vectors) {
            let at = *tag as usize;
            if at >= self.wide.len() {
                self.wide.resize_with(at + 1, || None);
                self.rounded.resize(at + 1, Rounded::EMPTY);
            }
            if self.wide[at].is_none()
                && let Ok(vector) = <Box<[f32; DIMS]>>::try_from(vector)
            {
                self.rounded[at] = Rounded::new(&vector);
                self.wide[at] = Some(vector);
            }
        }
    }
}

/// How near each tag is to one question.
pub struct TagCosines<'a> {
    live: &'a Live,
    question: &'a [f32],
    rounded: Rounded,
    /// By tag, computed when it is first asked for.
    by_int8: Vec<Cosine>,
    exact: Vec<Cosine>,
}

#[derive(Clone, Copy)]
enum Cosine {
    Unknown,
    Missing,
    Is(f32),
}

impl<'a> TagCosines<'a> {
    /// For one question.
    pub fn new(live: &'a Live, question: &'a [f32]) -> Self {
        let n_tags = live.lexicon.n_tags();
        let rounded = question.try_into().map_or(Rounded::EMPTY, Rounded::new);
        Self { live, question, rounded, by_int8: vec![Cosine::Unknown; n_tags], exact: vec![Cosine::Unknown; n_tags] }
    }

    /// The cosines of a mentor's tags with the tags' places, in order; tags whose vectors are still to be made are left out.
    pub fn of(&mut self, mentor: u32) -> impl Iterator<Item = (usize, f32)> {
        let Self { live, question, exact, .. } = self;
        known(exact, live.lexicon.tags(mentor), |tag| {
            let vector = live.tags.wide.get(tag)?.as_ref()?;
            Some(dot(&vector[..], question))
        })
    }

    /// Computes those that `about` will be asked for in the order they lie in memory, which the model's work has
    /// pushed out of the caches.
    pub fn learn(&mut self, mentors: impl Iterator<Item = u32>) {
        let wanted: Bits = mentors.flat_map(|mentor| self.live.lexicon.tags(mentor)).copied().collect();
        for tag in wanted.iter() {
            self.by_int8[tag as usize] =
                by_int8(self.live, &self.rounded, tag as usize).map_or(Cosine::Missing, Cosine::Is);
        }
    }

    /// As `of`, by int8: a quarter of the memory to read.
    pub fn about(&mut self, mentor: u32) -> impl Iterator<Item = (usize, f32)> {
        let Self { live, rounded, by_int8: already, .. } = self;
        known(already, live.lexicon.tags(mentor), |tag| by_int8(live, rounded, tag))
    }
}

fn by_int8(live: &Live, question: &Rounded, tag: usize) -> Option<f32> {
    live.tags.rounded.get(tag).filter(|rounded| !rounded.is_empty()).map(|rounded| question.about(rounded))
}

/// The cosines of `tags` that can be told, each computed once.
fn known(
    known: &mut [Cosine],
    tags: &[u32],
    cosine: impl Fn(usize) -> Option<f32>,
) -> impl Iterator<Item = (usize, f32)> {
    tags.iter().enumerate().filter_map(move |(place, tag)| {
        let known = &mut known[*tag as usize];
        if matches!(known, Cosine::Unknown) {
            *known = cosine(*tag as usize).map_or(Cosine::Missing, Cosine::Is);
        }
        if let Cosine::Is(cosine) = known { Some((place, *cosine)) } else { None }
    })
}

/// Everything in memory.
pub struct Live {
    /// Who may be shown, and what is shown of them.
    pub roster: Roster,
    /// The words of visible mentors.
    pub lexicon: Lexicon,
    /// The vectors of visible mentors.
    pub vectors: Vectors,
    /// The vectors of their tags.
    pub tags: Tags,
    /// Visible mentors that have a vector.
    with_vectors: Bits,
    /// The last change that is in here.
    pub seq: u64,
    /// The models whose vectors are taken, by their hashes: of each mentor those of the first that has them all.
    pub models: Vec<[u8; 32]>,
}

impl Live {
    /// Nobody yet.
    pub fn new(tier: Tier, models: Vec<[u8; 32]>) -> Self {
        Self {
            roster: Roster::default(),
            lexicon: Lexicon::default(),
            vectors: Vectors::new(tier),
            tags: Tags::default(),
            with_vectors: Bits::default(),
            seq: 0,
            models,
        }
    }

    /// Takes a mentor in, replacing what it knew of them. Vectors of an earlier profile stay until
    /// new ones are there: better a slightly old meaning than none.
    pub fn put(&mut self, loaded: Loaded) {
        let number = loaded.mentor.number.0;
        let is_visible = loaded.mentor.is_visible();
        if is_visible {
            self.lexicon.put(number, &texts(&loaded.mentor));
            let vectors: Vec<&[f32]> = loaded.units.iter().map(|(_, vector)| vector.as_slice()).collect();
            match self.vectors.put(number, &vectors) {
                Ok(()) => self.with_vectors.set(number),
                Err(_) if vectors.is_empty() => self.forget_vectors(number),
                Err(refusal) => {
                    tracing::error!(mentor = number, ?refusal, "stored vectors are unusable");
                    self.forget_vectors(number);
                }
            }
            self.tags.put(self.lexicon.tags(number), loaded.tags);
        } else {
            self.lexicon.remove(number);
            self.forget_vectors(number);
        }
        self.roster.put(number, card(&loaded.mentor, loaded.units));
        self.roster.put_standing(number, loaded.standing);
    }

    fn forget_vectors(&mut self, mentor: u32) {
        self.vectors.remove(mentor);
        self.with_vectors.unset(mentor);
    }

    /// Forgets a mentor.
    pub fn remove(&mut self, mentor: u32) {
        self.lexicon.remove(mentor);
        self.forget_vectors(mentor);
        self.roster.remove(mentor);
    }

    /// Visible mentors whose profile says something but has no vector yet.
    pub fn n_without_vectors(&self) -> usize {
        let mut without = self.roster.visible().clone();
        without.and_not(&self.with_vectors);
        without.iter().filter(|mentor| self.lexicon.has_any(*mentor)).count()
    }

    /// Keeps those of `among` whose name, headline, company, title or tags hold every word.
    pub fn keep_with_words(&self, among: &mut Bits, text: &str) {
        let wanted: Vec<String> = words::words(text).into_iter().map(|word| word.folded.into_owned()).collect();
        if wanted.is_empty() {
            return;
        }
        let lacking = |mentor: &u32| {
            let Some(card) = self.roster.card(*mentor) else { return true };
            let parts = [&card.name, &card.headline, &card.company, &card.title];
            let all = parts.into_iter().chain(&card.expertise).map(String::as_str).collect::<Vec<_>>().join(" ");
            let all = words::fold(&all);
            !wanted.iter().all(|word| all.contains(word.as_str()))
        };
        let lacking: Vec<u32> = among.iter().filter(lacking).collect();
        for mentor in lacking {
            among.unset(mentor);
        }
    }
}

/// What of a mentor is searched by words.
pub fn texts(mentor: &Mentor) -> Texts<'_> {
    let profile = &mentor.profile;
    let mut about = vec![profile.title.as_str(), profile.company.as_str()];
    about.extend(profile.industries.iter().map(String::as_str));
    Texts {
        headline: &profile.headline,
        tags: profile.expertise.iter().map(|it| it.area.as_str()).collect(),
        bio: &profile.bio,
        about,
    }
}

fn card(mentor: &Mentor, units: Vec<(Passage, Vec<f32>)>) -> Card {
    let profile = &mentor.profile;
    Card {
        id: mentor.id,
        name: mentor.name.clone(),
        headline: profile.headline.clone(),
        bio: profile.bio.clone(),
        company: profile.company.clone(),
        title: profile.title.clone(),
        photo_url: mentor.photo().map(str::to_owned),
        linkedin_url: profile.linkedin_url.clone(),
        expertise: profile.expertise.iter().map(|it| it.area.clone()).collect(),
        industries: profile.industries.clone(),
        stages: profile.stages.clone(),
        folded: Folded::new(&profile.industries, &profile.stages),
        languages: profile.languages.clone(),
        timezone: mentor.timezone.clone(),
        load_cap_per_week: profile.load_cap_per_week,
        paused_until: profile.paused_until,
        is_visible: mentor.is_visible(),
        passages: units.into_iter().map(|(passage, _)| passage).collect(),
    }
}
