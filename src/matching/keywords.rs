//! Finds mentors by words: a tantivy index in `data/keywords/`, made from the same stems that the
//! lexicon counts. It only proposes candidates; their exact score is the lexicon's. It is a copy:
//! what is missing, foreign or behind is made anew from the database, and nothing is lost.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tantivy::collector::{FilterCollector, TopDocs};
use tantivy::columnar::Column;
use tantivy::directory::MmapDirectory;
use tantivy::query::{BooleanQuery, Occur, Query, TermQuery};
use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, Term};

use super::bits::Bits;
use super::lexicon::Asked;
use crate::error::{Error, OrInternal, Result};

/// Memory of the one indexing thread: tantivy's least.
const WRITER_BYTES: usize = 15_000_000;

/// Rises when the schema or the analysis changes, so that an index made by another version is made anew.
const FORMAT: u32 = 1;

/// What an index is a copy of; kept in tantivy's commit, so that it is true or absent with the data it describes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    format: u32,
    database: String,
    /// The last change that is in the index.
    pub seq: u64,
}

impl Stamp {
    /// The stamp of everything up to `seq` in the database `id`.
    pub fn new(database: [u8; 16], seq: u64) -> Self {
        Self { format: FORMAT, database: format!("{:032x}", u128::from_be_bytes(database)), seq }
    }

    /// Whether it is of the same database, by the same version.
    pub fn is_like(&self, other: &Self) -> bool {
        self.format == other.format && self.database == other.database
    }

    /// Whether an index with this stamp can be brought to `now` by replaying changes.
    pub fn can_become(&self, now: &Self) -> bool {
        self.is_like(now) && self.seq <= now.seq
    }
}

/// The keyword index: any number of readers, one writer.
pub struct Keywords {
    fields: Fields,
    reader: IndexReader,
    writer: IndexWriter,
    stamp: Option<Stamp>,
}

/// What questions need of the index; cheap to clone, always the last commit.
#[derive(Clone)]
pub struct KeywordReader {
    fields: Fields,
    reader: IndexReader,
}

#[derive(Clone, Copy)]
struct Fields {
    number: Field,
    text: Field,
}

impl Keywords {
    /// Opens the index in `directory`. One that cannot be read, or that was made by another
    /// version, is set aside and begun anew: empty, without a stamp.
    ///
    /// # Errors
    /// Internal, where the directory cannot be written.
    pub fn open(directory: &Path) -> Result<Self> {
        match Self::open_as_is(directory) {
            Ok(index) => Ok(index),
            Err(refusal) => {
                tracing::info!(cause = refusal.cause(), "the keyword index is made anew");
                remove(directory)?;
                Self::open_as_is(directory)
            }
        }
    }

    fn open_as_is(directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory).or_internal("making the keyword index's directory")?;
        let (schema, fields) = schema();
        let files = MmapDirectory::open(directory).or_internal("opening the keyword index's directory")?;
        let index = Index::open_or_create(files, schema).or_internal("opening the keyword index")?;
        let is_damaged = !index.validate_checksum().or_internal("checking the keyword index")?.is_empty();
        if is_damaged {
            return Err(Error::internal(anyhow::anyhow!("files of the keyword index are damaged")));
        }
        let payload = index.load_metas().or_internal("reading the keyword index's stamp")?.payload;
        let stamp = payload.and_then(|payload| serde_json::from_str(&payload).ok());
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()
            .or_internal("opening the keyword index's reader")?;
        let writer =
            index.writer_with_num_threads(1, WRITER_BYTES).or_internal("opening the keyword index's writer")?;
        Ok(Self { fields, reader, writer, stamp })
    }

    /// What the index is a copy of, `None` where it is new or unknown.
    pub const fn stamp(&self) -> Option<&Stamp> {
        self.stamp.as_ref()
    }

    /// A reader for questions.
    pub fn reader(&self) -> KeywordReader {
        KeywordReader { fields: self.fields, reader: self.reader.clone() }
    }

    /// Forgets everything; seen after the next commit.
    ///
    /// # Errors
    /// Internal, where tantivy cannot.
    pub fn clear(&mut self) -> Result<()> {
        self.writer.delete_all_documents().or_internal("emptying the keyword index")?;
        Ok(())
    }

    /// Replaces a mentor's stems, or forgets the mentor where there are none; seen after the next commit.
    ///
    /// # Errors
    /// Internal, where tantivy cannot.
    pub fn put(&self, mentor: u32, stems: Option<&str>) -> Result<()> {
        self.writer.delete_term(Term::from_field_u64(self.fields.number, u64::from(mentor)));
        if let Some(stems) = stems {
            let mut document = TantivyDocument::default();
            document.add_u64(self.fields.number, u64::from(mentor));
            document.add_text(self.fields.text, stems);
            self.writer.add_document(document).or_internal("adding to the keyword index")?;
        }
        Ok(())
    }

    /// Makes all that was put visible and durable, with the stamp that says what it is a copy of.
    ///
    /// # Errors
    /// Internal, where tantivy cannot.
    pub fn commit(&mut self, stamp: Stamp) -> Result<()> {
        let payload = serde_json::to_string(&stamp).or_internal("writing the keyword index's stamp")?;
        let mut commit = self.writer.prepare_commit().or_internal("committing the keyword index")?;
        commit.set_payload(&payload);
        commit.commit().or_internal("committing the keyword index")?;
        self.reader.reload().or_internal("reloading the keyword index")?;
        self.stamp = Some(stamp);
        Ok(())
    }
}

impl KeywordReader {
    /// Proposes at most `limit` eligible mentors who use the question's stems, likeliest first.
    ///
    /// # Errors
    /// Internal, where tantivy cannot.
    pub fn search(&self, asked: &[Asked], limit: usize, eligible: &Bits, is_selective: bool) -> Result<Vec<u32>> {
        let clauses: Vec<(Occur, Box<dyn Query>)> = asked
            .iter()
            .filter(|asked| asked.is_known())
            .map(|asked| {
                let term = Term::from_field_text(self.fields.text, &asked.stem);
                let query: Box<dyn Query> = Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs));
                (Occur::Should, query)
            })
            .collect();
        if clauses.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let query = BooleanQuery::new(clauses);
        let searcher = self.reader.searcher();
        let found = if is_selective {
            let eligible = eligible.clone();
            let keep = move |number: Option<u64>| {
                number.and_then(|it| u32::try_from(it).ok()).is_some_and(|it| eligible.get(it))
            };
            let collector = FilterCollector::new(
                "number".to_owned(),
                move |number: u64| keep(Some(number)),
                TopDocs::with_limit(limit).order_by_score(),
            );
            searcher.search(&query, &collector)
        } else {
            // Few are left out: asking for some more and dropping those is faster than asking each.
            searcher.search(&query, &TopDocs::with_limit(limit * 2).order_by_score())
        }
        .or_internal("searching the keyword index")?;
        let columns: tantivy::Result<Vec<Column>> =
            searcher.segment_readers().iter().map(|segment| segment.fast_fields().u64("number")).collect();
        let columns = columns.or_internal("reading the keyword index")?;
        let mut mentors = Vec::with_capacity(found.len());
        for (_, address) in found {
            let number = columns[address.segment_ord as usize]
                .first(address.doc_id)
                .and_then(|number| u32::try_from(number).ok());
            mentors.extend(number.filter(|number| eligible.get(*number)));
        }
        mentors.truncate(limit);
        Ok(mentors)
    }

    /// Mentors in the index.
    pub fn n_mentors(&self) -> u64 {
        self.reader.searcher().num_docs()
    }
}

fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let number = builder.add_u64_field("number", INDEXED | FAST);
    // The stems come ready-made, apart by spaces: one analysis for all.
    let indexing =
        TextFieldIndexing::default().set_tokenizer("whitespace").set_index_option(IndexRecordOption::WithFreqs);
    let text = builder.add_text_field("text", TextOptions::default().set_indexing_options(indexing));
    (builder.build(), Fields { number, text })
}

/// Removes a directory that holds nothing but a copy. One that is not there is gone already.
///
/// # Errors
/// Internal, where it cannot be removed.
pub fn remove(directory: &Path) -> Result<()> {
    let is_file = directory.is_file();
    match if is_file { std::fs::remove_file(directory) } else { std::fs::remove_dir_all(directory) } {
        Ok(()) => Ok(()),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(cause).or_internal("removing an index to make it anew"),
    }
}

/// What the index in `directory` is a copy of, without opening it for use: `None` where there is none.
///
/// # Errors
/// Internal, where it cannot be read.
pub fn stamp(directory: &Path) -> Result<Option<Stamp>> {
    if !directory.join("meta.json").exists() {
        return Ok(None);
    }
    let index = Index::open_in_dir(directory).or_internal("opening the keyword index")?;
    let payload = index.load_metas().or_internal("reading the keyword index's stamp")?.payload;
    Ok(payload.and_then(|payload| serde_json::from_str(&payload).ok()))
}

/// Where the index lives.
pub fn directory(data: &Path) -> PathBuf {
    data.join("keywords")
}
