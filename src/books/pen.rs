//! Writes lines: as JSON, or as CSV that a spreadsheet opens without running anything in it.

use std::io::Write;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Kind;
use super::columns;
use crate::error::{Error, OrInternal, Result};
use crate::sync::{Format, cells};

/// What a full disk and a reader that went away look like from here.
const WRITING: &str = "writing an export";

/// Writes the lines of one kind.
pub(super) struct Pen<W: Write> {
    columns: &'static [&'static str],
    kind: Kind,
    way: Way<W>,
}

enum Way<W: Write> {
    Json(W),
    Csv(Box<csv::Writer<W>>),
}

impl<W: Write> Pen<W> {
    /// A CSV begins with the mark that makes spreadsheets read UTF-8, and the names of its columns.
    pub(super) fn new(kind: Kind, format: Format, mut out: W) -> Result<Self> {
        let columns = columns::of(kind);
        let way = match format {
            Format::JsonLines => Way::Json(out),
            Format::Csv => {
                out.write_all("\u{feff}".as_bytes()).or_internal(WRITING)?;
                let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
                writer.write_record(columns).or_internal(WRITING)?;
                Way::Csv(Box::new(writer))
            }
        };
        Ok(Self { columns, kind, way })
    }

    pub(super) fn line(&mut self, values: Vec<Value>) -> Result<()> {
        if values.len() != self.columns.len() {
            return Err(Error::internal(anyhow::anyhow!("a line of {} lacks a column", self.kind.name())));
        }
        match &mut self.way {
            Way::Json(out) => {
                let all = Fields(self.columns, &values);
                let line = match (self.kind, values.split_first()) {
                    // As the Airtable webhook sends them.
                    (Kind::Mentors, Some((record, rest))) => {
                        serde_json::to_string(&Mentor { record, fields: Fields(&self.columns[1..], rest) })
                    }
                    _ => serde_json::to_string(&all),
                };
                writeln!(out, "{}", line.or_internal(WRITING)?).or_internal(WRITING)
            }
            Way::Csv(writer) => {
                let cells: Vec<String> = values.iter().map(cell).collect();
                writer.write_record(cells.iter().map(|cell| cells::shield(cell).into_owned())).or_internal(WRITING)
            }
        }
    }

    pub(super) fn finish(self) -> Result<()> {
        match self.way {
            Way::Json(mut out) => out.flush().or_internal(WRITING),
            Way::Csv(mut writer) => writer.flush().or_internal(WRITING),
        }
    }
}

/// Values under their columns' names, in the columns' order.
struct Fields<'a>(&'a [&'static str], &'a [Value]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().zip(self.1))
    }
}

#[derive(Serialize)]
struct Mentor<'a> {
    #[serde(rename = "recordId")]
    record: &'a Value,
    fields: Fields<'a>,
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(entries) => cells::join(entries.iter().map(|entry| entry.as_str().unwrap_or_default())),
        other => other.to_string(),
    }
}
