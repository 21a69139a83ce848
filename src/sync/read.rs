//! Takes files apart: JSON lines or CSV become payloads with line numbers. A line that cannot be
//! read is an error of that line alone. It never holds more than
//! one line in memory.

use std::io::{BufRead, Read};
use std::path::Path;

use serde_json::{Map, Value};

use super::cells;
use crate::error::{Error, OrInternal, Result};

/// The longest line taken, in bytes: a profile of the longest texts is a tenth of it.
const LONGEST_LINE: u64 = 1024 * 1024;

/// Columns that a CSV may have.
const MOST_COLUMNS: usize = 1_000;

/// As much of a column's name as a sentence repeats, in characters.
const LONGEST_NAME: usize = 60;

/// Columns that hold lists, in a CSV's one cell: "a, b" or "a; b".
const LISTS: &[&str] =
    &["Industries", "Stage Focus", "Languages", "Expertise", "Expertise Subareas", "Expertise Weights"];

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
        Format::Csv => Box::new(CsvLines::new(input)),
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

/// A CSV's lines, read with bounded memory whatever it holds: what is too long or too wide is passed over.
struct CsvLines<R> {
    input: R,
    reader: csv_core::Reader,
    /// Named by the first line; empty before it is read.
    columns: Vec<String>,
    fields: Vec<u8>,
    ends: Vec<usize>,
    /// The line that the next byte stands in.
    number: u64,
    /// Whether the last byte was a carriage return, to which a line feed belongs.
    is_after_return: bool,
    /// Nothing more is read where the first line says nothing that can be used.
    is_over: bool,
}

/// One record as it lies in the buffers.
struct Record {
    number: u64,
    n_fields: usize,
    is_too_long: bool,
    is_too_wide: bool,
}

impl<R: BufRead> CsvLines<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            reader: csv_core::Reader::new(),
            columns: Vec::new(),
            fields: vec![0; usize::try_from(LONGEST_LINE).unwrap_or(usize::MAX)],
            ends: vec![0; MOST_COLUMNS + 1],
            number: 1,
            is_after_return: false,
            is_over: false,
        }
    }

    fn pass(&mut self, n_bytes: usize) -> Result<()> {
        let bytes = self.input.fill_buf().or_internal("reading the file")?;
        for byte in &bytes[..n_bytes] {
            self.number += u64::from(*byte == b'\r' || (*byte == b'\n' && !self.is_after_return));
            self.is_after_return = *byte == b'\r';
        }
        self.input.consume(n_bytes);
        Ok(())
    }

    /// Passes over blank lines, so that a record is known by the line it starts in.
    fn pass_blank_lines(&mut self) -> Result<()> {
        loop {
            let bytes = self.input.fill_buf().or_internal("reading the file")?;
            let n_blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            if n_blank == 0 {
                return Ok(());
            }
            self.pass(n_blank)?;
        }
    }

    fn record(&mut self) -> Result<Option<Record>> {
        use csv_core::ReadRecordResult::{End, InputEmpty, OutputEndsFull, OutputFull, Record as Whole};
        self.pass_blank_lines()?;
        let mut record = Record { number: self.number, n_fields: 0, is_too_long: false, is_too_wide: false };
        let mut n_bytes = 0;
        loop {
            let bytes = self.input.fill_buf().or_internal("reading the file")?;
            let (fields, ends) = (&mut self.fields[n_bytes..], &mut self.ends[record.n_fields..]);
            let (outcome, n_in, n_out, n_ends) = self.reader.read_record(bytes, fields, ends);
            self.pass(n_in)?;
            n_bytes += n_out;
            record.n_fields += n_ends;
            match outcome {
                InputEmpty => {}
                OutputFull => (record.is_too_long, n_bytes) = (true, 0),
                OutputEndsFull => (record.is_too_wide, record.n_fields) = (true, 0),
                Whole => return Ok(Some(record)),
                End => return Ok(None),
            }
        }
    }

    fn cells(&self, n_fields: usize) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends[..n_fields]).map(|(start, end)| &self.fields[start..*end])
    }

    /// Reads the names of the columns; a refusal ends the file.
    fn name_columns(&mut self) -> Result<Option<Result<()>>> {
        let Some(record) = self.record()? else { return Ok(None) };
        if record.is_too_wide {
            let problem = format!("names more than {MOST_COLUMNS} columns, so nothing of the file was read");
            return Ok(Some(Err(Error::too_large(problem))));
        }
        if record.is_too_long {
            return Ok(Some(Err(Error::too_large("is longer than 1 MiB, so nothing of the file was read"))));
        }
        let mut columns = Vec::with_capacity(record.n_fields);
        for name in self.cells(record.n_fields) {
            let Ok(name) = std::str::from_utf8(name) else {
                let problem = "is not UTF-8 text, so nothing of the file was read (save the file as UTF-8 CSV)";
                return Ok(Some(Err(Error::malformed("not_utf8", problem))));
            };
            let name = cells::unshield(name.trim_start_matches('\u{feff}').trim()).to_owned();
            if !name.is_empty() && columns.contains(&name) {
                let name: String = name.chars().take(LONGEST_NAME).collect();
                let problem = format!("names the column {name} twice, so nothing of the file was read");
                return Ok(Some(Err(Error::malformed("column_twice", problem))));
            }
            columns.push(name);
        }
        self.columns = columns;
        Ok(Some(Ok(())))
    }

    fn row(&self, record: &Record) -> Result<Value> {
        if record.is_too_wide || record.n_fields > self.columns.len() {
            return Err(Error::malformed("too_many_columns", "has more columns than the first line names"));
        }
        if record.is_too_long {
            return Err(Error::too_large("is longer than 1 MiB"));
        }
        let mut fields = Map::new();
        for (column, cell) in self.columns.iter().zip(self.cells(record.n_fields)) {
            let text = std::str::from_utf8(cell)
                .map_err(|_| Error::malformed("not_utf8", "is not UTF-8 text (save the file as UTF-8 CSV)"))?;
            if !column.is_empty() {
                fields.insert(column.clone(), cell_value(column, cells::unshield(text))?);
            }
        }
        Ok(Value::Object(fields))
    }

    fn step(&mut self) -> Result<Option<(u64, Result<Value>)>> {
        if self.is_over {
            return Ok(None);
        }
        if self.columns.is_empty() {
            match self.name_columns()? {
                None => return Ok(None),
                Some(Err(refusal)) => {
                    self.is_over = true;
                    return Ok(Some((1, Err(refusal))));
                }
                Some(Ok(())) => {}
            }
        }
        Ok(self.record()?.map(|record| (record.number, self.row(&record))))
    }
}

impl<R: BufRead> Iterator for CsvLines<R> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        self.step().transpose()
    }
}

/// What a cell stands for: people's lists, yes or no, numbers; a text in all other columns.
fn cell_value(column: &str, text: &str) -> Result<Value> {
    if LISTS.contains(&column) {
        return Ok(cells::split(text)?.into());
    }
    let word = text.trim();
    if word.is_empty() {
        return Ok(Value::Null);
    }
    Ok(match column {
        "Is Active" => match word.to_lowercase().as_str() {
            "true" | "yes" | "1" | "checked" => true.into(),
            "false" | "no" | "0" => false.into(),
            _ => text.into(),
        },
        "Load Cap Per Week" => word.parse::<u64>().map_or_else(|_| text.into(), Value::from),
        _ => text.into(),
    })
}
