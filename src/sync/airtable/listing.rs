//! All records of the table, fetched before any is applied: only who has seen the whole of it can say what is gone.
//! They wait in a file without a name, so that a large base needs no more memory than a small one.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek, Write};
use std::path::Path;

use serde_json::{Map, Value, json};
use url::Url;

use super::line::{Entry, Line};
use crate::error::{Error, OrInternal, Result};
use crate::sync::mapping::Mapping;

/// Pages read at most: with a hundred records each, more than a base may hold on most plans.
const MOST_PAGES: usize = 1_000;

/// Bytes of records kept at most.
const MOST_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// The longest id or offset taken for one, in bytes.
const LONGEST_ID: usize = 1_000;

/// The whole table.
pub(super) struct Listing {
    spool: BufReader<File>,
    /// The ids of all records.
    pub records: HashSet<String>,
    /// The columns that some record has something in, as far as the mapping knows them.
    columns: HashSet<String>,
}

impl Listing {
    /// Reads the whole table through `line`, into a file in `directory`.
    pub(super) fn read(line: &mut Line<'_>, table: &Url, mapping: &Mapping, directory: &Path) -> Result<Self> {
        let mut spool = BufWriter::new(tempfile::tempfile_in(directory).or_internal("keeping what Airtable says")?);
        let (mut records, mut columns, mut offsets) = (HashSet::new(), HashSet::new(), HashSet::new());
        let mut n_bytes = 0;
        let mut next = address(table, None);
        for _ in 0..MOST_PAGES {
            let page = line.page(&next)?;
            for entry in page.records {
                if entry.id.is_empty() || entry.id.len() > LONGEST_ID {
                    return Err(Error::operator("airtable_garbled", "Airtable lists a record that has no right id."));
                }
                columns.extend(
                    mapping
                        .columns()
                        .map(|(_, column)| column)
                        .filter(|it| entry.fields.get(it).is_some())
                        .map(str::to_owned),
                );
                let written = json!({ "recordId": entry.id, "fields": entry.fields }).to_string();
                n_bytes += written.len() as u64;
                if n_bytes > MOST_BYTES {
                    return Err(endless("more than 2 GiB of records"));
                }
                writeln!(spool, "{written}").or_internal("keeping what Airtable says")?;
                records.insert(entry.id);
            }
            let Some(offset) = page.offset else {
                let mut file = spool.into_inner().or_internal("keeping what Airtable says")?;
                file.rewind().or_internal("reading what Airtable said")?;
                return Ok(Self { spool: BufReader::new(file), records, columns });
            };
            if offset.len() > LONGEST_ID || !offsets.insert(offset.clone()) {
                return Err(endless("a page that points back to one before it"));
            }
            next = address(table, Some(&offset));
        }
        Err(endless(&format!("more than {MOST_PAGES} pages")))
    }

    /// Up to `most` records as the base would post them: with nothing in a column that it has, where it says nothing.
    pub(super) fn next(&mut self, most: usize, mapping: &Mapping) -> Result<Vec<Value>> {
        let mut batch = Vec::new();
        let mut line = String::new();
        while batch.len() < most && self.spool.read_line(&mut line).or_internal("reading what Airtable said")? > 0 {
            let Entry { id, mut fields } = entry(&line)?;
            if let Value::Object(fields) = &mut fields {
                self.fill(fields, mapping);
            }
            batch.push(json!({ "recordId": id, "fields": fields }));
            line.clear();
        }
        Ok(batch)
    }

    /// Airtable leaves empty cells out, and boxes that are not ticked. A column is there when any record has
    /// something in it, or when the operator has named it.
    fn fill(&self, fields: &mut Map<String, Value>, mapping: &Mapping) {
        for (name, column) in mapping.columns() {
            let is_there = self.columns.contains(column) || mapping.is_named(name);
            if is_there && !fields.contains_key(column) {
                let nothing = if name == "Is Active" { Value::Bool(false) } else { Value::Null };
                fields.insert(column.to_owned(), nothing);
            }
        }
    }
}

/// Reads back what was written above.
fn entry(line: &str) -> Result<Entry> {
    let mut written: Value = serde_json::from_str(line).or_internal("reading what Airtable said")?;
    let id = written["recordId"].as_str().unwrap_or_default().to_owned();
    Ok(Entry { id, fields: written["fields"].take() })
}

fn address(table: &Url, offset: Option<&str>) -> Url {
    let mut url = table.clone();
    url.query_pairs_mut().append_pair("pageSize", "100");
    if let Some(offset) = offset {
        url.query_pairs_mut().append_pair("offset", offset);
    }
    url
}

fn endless(what: &str) -> Error {
    let problem = format!("Airtable's listing does not come to an end: {what}. Nothing was changed.");
    Error::operator("airtable_endless", problem)
}
