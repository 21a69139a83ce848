//! Reads everybody from the database into memory, and finds out whose vectors are still to be made: all of them, or
//! anew because those that are there are of an earlier model. It writes nothing but jobs.

use super::embed::model_hash;
use super::live::{Live, Loaded};
use super::passages::text_hash;
use super::store;
use super::vectors::Tier;
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::hex::hex;
use crate::ids::MentorNo;
use crate::jobs;
use crate::mentors::{self, Mentor};

/// Where the model is kept whose vectors answer since the last time that all were made anew.
pub(super) const MODEL_IN_USE: &str = "vectors_model";

/// A mentor some of whose texts have vectors of other models only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Outdated {
    /// Those who can be found come before others.
    pub is_visible: bool,
    /// And those who came last before others.
    pub number: u32,
    /// Passages that lack a vector of this model.
    pub n_lacking: u64,
}

/// What a reading of everybody has found out about their vectors.
#[derive(Default)]
pub(super) struct Survey {
    /// Whose vectors are missing or of an earlier profile: a job each.
    pub to_make: Vec<MentorNo>,
    /// Whose vectors are of another model: the first to be made anew stands last.
    pub to_renew: Vec<Outdated>,
    /// Passages in all, and those of them that have no vector of this model; counted where there are other models.
    pub n_passages: u64,
    pub n_lacking: u64,
    /// Whether there are vectors of other models.
    pub has_others: bool,
}

/// Reads everybody as at a start, and queues what is missing.
pub(super) fn open(db: &Db, tier: Tier) -> Result<(Live, Survey)> {
    let (live, survey) = read(db, tier, models)?;
    if !survey.to_make.is_empty() {
        db.write_here(|tx| {
            survey.to_make.iter().try_for_each(|it| jobs::enqueue(tx, jobs::Kind::Embed, &it.0.to_string()))
        })?;
    }
    Ok((live, survey))
}

/// Reads everybody; of whom there are vectors of this model, those are taken.
pub(super) fn read_anew(db: &Db, tier: Tier) -> Result<(Live, Survey)> {
    read(db, tier, |tx, _| Ok(ours_first(store::other_models(tx, &model_hash())?)))
}

fn read(db: &Db, tier: Tier, models: impl FnOnce(&Tx<'_>, bool) -> Result<Vec<[u8; 32]>>) -> Result<(Live, Survey)> {
    let ours = model_hash();
    let (mut live, mut survey) = db.read_here(|tx| {
        // Where there are none every vector is looked at for it: once a start.
        let has_others = store::has_others(tx, &ours)?;
        let mut live = Live::new(tier, models(tx, has_others)?);
        let mut survey = Survey { has_others, ..Survey::default() };
        live.seq = tx.last_change()?;
        mentors::for_each(tx, |mentor| {
            let loaded = loaded(tx, mentor, &live.models)?;
            survey.look_at(tx, &loaded)?;
            live.put(loaded);
            Ok(())
        })?;
        Ok((live, survey))
    })?;
    live.vectors.settle();
    survey.to_renew.sort_unstable();
    Ok((live, survey))
}

impl Survey {
    fn look_at(&mut self, tx: &Tx<'_>, loaded: &Loaded) -> Result<()> {
        let is_current = loaded.has_current_vectors();
        if !is_current {
            self.to_make.push(loaded.mentor.number);
        }
        if self.has_others {
            let n_lacking = store::lacking(tx, &model_hash(), loaded.mentor.number)?.len() as u64;
            self.n_passages += loaded.units.len() as u64;
            self.n_lacking += n_lacking;
            // A job makes all of them anew; nobody is read twice.
            if is_current && (n_lacking > 0 || !tags_lacking(tx, &loaded.mentor)?.is_empty()) {
                let (is_visible, number) = (loaded.mentor.is_visible(), loaded.mentor.number.0);
                self.to_renew.push(Outdated { is_visible, number, n_lacking });
            }
        }
        Ok(())
    }
}

/// The models whose vectors are taken. Scores of one answer are worth comparing only where its vectors are of one
/// model: so an earlier one stays in use until this one has everything, and once this one is in use, it stays.
fn models(tx: &Tx<'_>, has_others: bool) -> Result<Vec<[u8; 32]>> {
    let ours = model_hash();
    if !has_others {
        return Ok(vec![ours]);
    }
    let others = store::other_models(tx, &ours)?;
    let is_ours_in_use = tx.setting(MODEL_IN_USE)?.is_some_and(|it| it == hex(&ours));
    if is_ours_in_use || others.is_empty() || !store::is_any_lacking(tx, &ours)? {
        return Ok(ours_first(others));
    }
    let mut models = others;
    models.insert(1, ours);
    Ok(models)
}

fn ours_first(others: Vec<[u8; 32]>) -> Vec<[u8; 32]> {
    std::iter::once(model_hash()).chain(others).collect()
}

/// One mentor, with the vectors of the first of `models` that has all of them.
pub(super) fn loaded(tx: &Tx<'_>, mentor: Mentor, models: &[[u8; 32]]) -> Result<Loaded> {
    let mut units = Vec::new();
    for model in models {
        if let Some(found) = store::vectors(tx, model, mentor.number)? {
            units = found;
            break;
        }
    }
    let mut tags = Vec::with_capacity(mentor.profile.expertise.len());
    for expertise in &mentor.profile.expertise {
        match tag(tx, models, &text_hash(&expertise.area))? {
            Some(vector) => tags.push(vector),
            None => break,
        }
    }
    let standing = store::standing(tx, mentor.number)?;
    Ok(Loaded { mentor, standing, units, tags })
}

fn tag(tx: &Tx<'_>, models: &[[u8; 32]], hash: &[u8; 32]) -> Result<Option<Vec<f32>>> {
    for model in models {
        if let Some(vector) = store::embedding(tx, model, hash)? {
            return Ok(Some(vector));
        }
    }
    Ok(None)
}

/// A mentor's tags that have no vector of this model, each with its hash.
pub(super) fn tags_lacking(tx: &Tx<'_>, mentor: &Mentor) -> Result<Vec<([u8; 32], String)>> {
    let model = model_hash();
    let mut lacking = Vec::new();
    for expertise in &mentor.profile.expertise {
        let hash = text_hash(&expertise.area);
        if !store::has_embedding(tx, &model, &hash)? {
            lacking.push((hash, expertise.area.clone()));
        }
    }
    Ok(lacking)
}
