//! The SQL of matching: stored vectors, and what of other rooms' tables the roster mirrors.

use rusqlite::{OptionalExtension, named_params};

use super::passages::{Kind, Passage};
use super::roster::{Slot, Standing};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::MentorNo;

/// The stored vector of a text under a model, as it was written: 384 little-endian f32.
pub(super) fn embedding(tx: &Tx<'_>, model: &[u8; 32], text: &[u8; 32]) -> Result<Option<Vec<f32>>> {
    let bytes: Option<Vec<u8>> = tx
        .prepare_cached("select vector from embeddings where text_hash = :text and model_hash = :model")?
        .query_row(named_params! { ":text": text, ":model": model }, |row| row.get(0))
        .optional()?;
    Ok(bytes.map(|bytes| floats(&bytes)))
}

pub(super) fn has_embedding(tx: &Tx<'_>, model: &[u8; 32], text: &[u8; 32]) -> Result<bool> {
    Ok(tx
        .prepare_cached("select 1 from embeddings where text_hash = :text and model_hash = :model")?
        .exists(named_params! { ":text": text, ":model": model })?)
}

pub(super) fn insert_embedding(tx: &Tx<'_>, model: &[u8; 32], text: &[u8; 32], vector: &[f32]) -> Result<()> {
    let bytes: Vec<u8> = vector.iter().flat_map(|it| it.to_le_bytes()).collect();
    tx.prepare_cached(
        "insert into embeddings (model_hash, text_hash, vector) values (:model, :text, :vector)
         on conflict (text_hash, model_hash) do nothing",
    )?
    .execute(named_params! { ":model": model, ":text": text, ":vector": bytes })?;
    Ok(())
}

/// Whether there are vectors of any other model.
pub(super) fn has_others(tx: &Tx<'_>, model: &[u8; 32]) -> Result<bool> {
    Ok(tx
        .prepare_cached("select 1 from embeddings where model_hash <> :model limit 1")?
        .exists(named_params! { ":model": model })?)
}

/// Other models that have vectors of passages as they are now, the one with the most of them first.
pub(super) fn other_models(tx: &Tx<'_>, model: &[u8; 32]) -> Result<Vec<[u8; 32]>> {
    let mut statement = tx.prepare_cached(
        "select model_hash from passages
         join embeddings on embeddings.text_hash = passages.text_hash and model_hash <> :model
         group by model_hash order by count(*) desc, model_hash",
    )?;
    let rows = statement.query_map(named_params! { ":model": model }, |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether any passage has no vector of this model.
pub(super) fn is_any_lacking(tx: &Tx<'_>, model: &[u8; 32]) -> Result<bool> {
    Ok(tx
        .prepare_cached(
            "select 1 from passages where not exists (
                 select 1 from embeddings
                 where embeddings.text_hash = passages.text_hash and model_hash = :model)
             limit 1",
        )?
        .exists(named_params! { ":model": model })?)
}

/// A mentor's passages that have no vector of this model, each text with its hash.
pub(super) fn lacking(tx: &Tx<'_>, model: &[u8; 32], mentor: MentorNo) -> Result<Vec<([u8; 32], String)>> {
    let mut statement = tx.prepare_cached(
        "select text_hash, text from passages
         where mentor_number = :mentor and not exists (
             select 1 from embeddings
             where embeddings.text_hash = passages.text_hash and model_hash = :model)
         order by position",
    )?;
    let rows = statement.query_map(named_params! { ":mentor": mentor, ":model": model }, |row| {
        Ok((row.get("text_hash")?, row.get("text")?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many passages have a vector of this model, and how many there are.
pub(super) fn renewed(tx: &Tx<'_>, model: &[u8; 32]) -> Result<(u64, u64)> {
    Ok(tx
        .prepare_cached(
            "select count(embeddings.id) as n_renewed, count(*) as n_all from passages
             left join embeddings on embeddings.text_hash = passages.text_hash and model_hash = :model",
        )?
        .query_row(named_params! { ":model": model }, |row| {
            let count = |name: &str| row.get::<_, i64>(name).map(i64::cast_unsigned);
            Ok((count("n_renewed")?, count("n_all")?))
        })?)
}

/// The rows of other models' vectors.
pub(super) fn others(tx: &Tx<'_>, model: &[u8; 32]) -> Result<Vec<i64>> {
    let mut statement = tx.prepare_cached("select id from embeddings where model_hash <> :model")?;
    let rows = statement.query_map(named_params! { ":model": model }, |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn delete_embedding(tx: &Tx<'_>, id: i64) -> Result<()> {
    tx.prepare_cached("delete from embeddings where id = :id")?.execute(named_params! { ":id": id })?;
    Ok(())
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
}

pub(super) fn replace_passages(tx: &Tx<'_>, mentor: MentorNo, passages: &[Passage]) -> Result<()> {
    tx.prepare_cached("delete from passages where mentor_number = :mentor")?
        .execute(named_params! { ":mentor": mentor })?;
    let mut insert = tx.prepare_cached(
        "insert into passages (mentor_number, position, kind, text, text_hash)
         values (:mentor, :position, :kind, :text, :hash)",
    )?;
    for (position, passage) in (0_u32..).zip(passages) {
        insert.execute(named_params! {
            ":mentor": mentor, ":position": position, ":kind": passage.kind.name(), ":text": passage.text,
            ":hash": passage.hash(),
        })?;
    }
    Ok(())
}

/// A passage with its vector.
pub(super) type Unit = (Passage, Vec<f32>);

/// A mentor's stored passages with their vectors, in order; `None` where one of them has none yet.
pub(super) fn vectors(tx: &Tx<'_>, model: &[u8; 32], mentor: MentorNo) -> Result<Option<Vec<Unit>>> {
    let mut statement = tx.prepare_cached(include_str!("sql/vectors.sql"))?;
    let rows = statement.query_map(named_params! { ":mentor": mentor, ":model": model }, |row| {
        let kind = match row.get_ref("kind")?.as_str()? {
            "whole" => Kind::Whole,
            "headline" => Kind::Headline,
            "tags" => Kind::Tags,
            _ => Kind::Bio,
        };
        let vector = row.get_ref("vector")?.as_blob_or_null()?.map(floats);
        Ok((Passage { kind, text: row.get("text")? }, vector))
    })?;
    let units: Vec<(Passage, Option<Vec<f32>>)> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(units.into_iter().map(|(passage, vector)| vector.map(|vector| (passage, vector))).collect())
}

/// What is booked with a mentor from a week ago on, which slots are open, what they were rated.
pub(super) fn standing(tx: &Tx<'_>, mentor: MentorNo) -> Result<Standing> {
    Ok(Standing { slots: slots(tx, mentor)?, sessions: sessions(tx, mentor)?, ratings: ratings(tx, mentor)? })
}

fn slots(tx: &Tx<'_>, mentor: MentorNo) -> Result<Vec<Slot>> {
    let mut statement = tx.prepare_cached(include_str!("sql/slots.sql"))?;
    let rows = statement.query_map(named_params! { ":mentor": mentor, ":now": tx.now() }, |row| {
        Ok(Slot {
            id: row.get("id")?,
            starts_at: row.get("starts_at")?,
            ends_at: row.get("ends_at")?,
            closes_at: row.get("closes_at")?,
            capacity: row.get("capacity")?,
            remaining: row.get("remaining")?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn sessions(tx: &Tx<'_>, mentor: MentorNo) -> Result<Vec<Moment>> {
    let mut statement = tx.prepare_cached(
        "select starts_at from office_sessions
         where mentor_number = :mentor and starts_at > :since and status in ('pending', 'booked') order by starts_at",
    )?;
    let since = tx.now().plus_days(-7);
    let rows = statement.query_map(named_params! { ":mentor": mentor, ":since": since }, |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn ratings(tx: &Tx<'_>, mentor: MentorNo) -> Result<(u32, u32)> {
    Ok(tx
        .prepare_cached(
            "select coalesce(sum(rating), 0), count(*) from feedback
             join office_sessions on office_sessions.id = feedback.session_id
             where mentor_number = :mentor and from_party = 'mentee'",
        )?
        .query_row(named_params! { ":mentor": mentor }, |row| Ok((row.get(0)?, row.get(1)?)))?)
}
