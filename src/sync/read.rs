//! Takes files apart: JSON lines or CSV become payloads with line numbers. A line that cannot be
//! read is an error of that line alone. It never holds more than one line in memory.

use std::io::{BufRead, Read};
use std::path::Path;

use serde_json::{Map, Value};

use crate::error::{Error, OrInternal, Result};

/// The longest line taken, in bytes: a profile of the longest texts is a tenth of it.
const LONGEST_LINE: u64 = 1024 * 1024;

/// Columns that hold lists, in a CSV's one cell: "a, b" or "a; b".
const LISTS: &[&str] = &["Industries", "Stage Focus", "Languages", "Expertise"];

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    JsonLines,
    /// Comma-separated, the first line naming the columns.
    Csv,
}

/// The format a file's name promises.
///
/// # Errors
/// An operator's error for any other ending.
pub fn format_of(path: &Path) -> Result<Format> {
    match path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase).as_deref() {
        Some("jsonl" | "ndjson" | "json") => Ok(Format::JsonLines),
        Some("csv") => Ok(Format::Csv),
        _ => Err(Error::operator("unknown_format", "Only .jsonl and .csv files can be imported.")),
    }
}

/// One line's number and its payload, or what is wrong with it. The outer error ends the file.
pub(super) type Line = Result<(u64, Result<Value>)>;

/// All lines that hold something.
pub(super) fn lines<'a>(input: impl BufRead + 'a, format: Format) -> Box<dyn Iterator<Item = Line> + 'a> {
    match format {
        Format::JsonLines => Box::new(JsonLines { input, number: 0 }),
        Format::Csv => csv_lines(input),
    }
}

struct JsonLines<R> {
    input: R,
    number: u64,
}

impl<R: BufRead> Iterator for JsonLines<R> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            let mut bytes = Vec::new();
            let n_read = match (&mut self.input).take(LONGEST_LINE + 1).read_until(b'\n', &mut bytes) {
                Ok(n_read) => n_read,
                Err(cause) => return Some(Err(cause).or_internal("reading the file")),
            };
            if n_read == 0 {
                return None;
            }
            self.number += 1;
            if bytes.len() as u64 > LONGEST_LINE {
                let skipped = self.skip_line();
                let refusal = Err(Error::too_large("is longer than 1 MiB"));
                return Some(skipped.map(|()| (self.number, refusal)));
            }
            let text = bytes.strip_prefix(b"\xEF\xBB\xBF").filter(|_| self.number == 1).unwrap_or(&bytes);
            if !text.trim_ascii().is_empty() {
                return Some(Ok((self.number, parse(text))));
            }
        }
    }
}

impl<R: BufRead> JsonLines<R> {
    fn skip_line(&mut self) -> Result<()> {
        loop {
            let available = self.input.fill_buf().or_internal("reading the file")?;
            let end = available.iter().position(|byte| *byte == b'\n');
            let (n_used, is_done) = end.map_or((available.len(), available.is_empty()), |at| (at + 1, true));
            self.input.consume(n_used);
            if is_done {
                return Ok(());
            }
        }
    }
}

fn parse(line: &[u8]) -> Result<Value> {
    let text = std::str::from_utf8(line).map_err(|_| Error::malformed("not_utf8", "is not UTF-8 text"))?;
    serde_json::from_str(text.trim()).map_err(|cause| {
        // The line's number is told apart; within the line only the column says something.
        Error::malformed("not_json", format!("is not JSON (near column {})", cause.column()))
    })
}

fn csv_lines<'a>(input: impl BufRead + 'a) -> Box<dyn Iterator<Item = Line> + 'a> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
    let columns: Vec<String> = match reader.byte_headers() {
        Ok(names) => names
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim_start_matches('\u{feff}').trim().to_owned())
            .collect(),
        Err(cause) => return Box::new(std::iter::once(Err(cause).or_internal("reading the CSV's first line"))),
    };
    // The reader counts records; people count lines, and a quoted cell may hold several.
    let mut next_line = 2;
    Box::new(reader.into_byte_records().map(move |record| {
        let record = record.or_internal("reading the CSV")?;
        let number = next_line;
        next_line += 1 + record.as_slice().iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        Ok((number, row(&columns, &record)))
    }))
}

fn row(columns: &[String], record: &csv::ByteRecord) -> Result<Value> {
    if record.len() > columns.len() {
        return Err(Error::malformed("too_many_columns", "has more columns than the first line names"));
    }
    if record.as_slice().len() as u64 > LONGEST_LINE {
        return Err(Error::too_large("is longer than 1 MiB"));
    }
    let mut fields = Map::new();
    for (column, cell) in columns.iter().zip(record) {
        let text = std::str::from_utf8(cell)
            .map_err(|_| Error::malformed("not_utf8", "is not UTF-8 text (save the file as UTF-8 CSV)"))?;
        fields.insert(column.clone(), cell_value(column, text.trim())?);
    }
    Ok(Value::Object(fields))
}

fn cell_value(column: &str, text: &str) -> Result<Value> {
    if LISTS.contains(&column) {
        return Ok(list(text)?.into());
    }
    if text.is_empty() {
        return Ok(Value::Null);
    }
    Ok(match column {
        "Is Active" => match text.to_lowercase().as_str() {
            "true" | "yes" | "1" | "checked" => true.into(),
            "false" | "no" | "0" => false.into(),
            _ => text.into(),
        },
        "Load Cap Per Week" => text.parse::<u64>().map_or_else(|_| text.into(), Value::from),
        _ => text.into(),
    })
}

/// A cell's entries: apart by semicolons where there are any, else by commas as Airtable writes
/// them, with quotes around an entry that holds one.
fn list(text: &str) -> Result<Vec<String>> {
    // Airtable writes no space before a quoted entry, people do.
    let text = text.replace(", \"", ",\"").replace("; \"", ";\"");
    let delimiter = if text.contains(';') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    match reader.records().next() {
        None => Ok(Vec::new()),
        Some(Ok(record)) => Ok(record.iter().filter(|entry| !entry.is_empty()).map(str::to_owned).collect()),
        Some(Err(_)) => Err(Error::malformed("bad_list", "holds a list that cannot be read")),
    }
}
