//! `tandem eval`: how well ranking does on graded questions, in a throw-away data directory. With
//! `--cross-validate` the weights are fitted to four fifths of the questions and measured on the
//! fifth, in turn: what questions nobody tuned on may expect.

mod fit;
mod measures;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde::Deserialize;

use self::measures::{Figures, Graded, Outcome, figures};
use super::{progress, say, say_json};
use crate::app::App;
use crate::audit::Actor;
use crate::clock::Clock;
use crate::config::{Config, Flags};
use crate::error::{Error, OrInternal, Result};
use crate::ids::MentorId;
use crate::matching::{Ask, Calibration, Question, Variant};
use crate::mentors;
use crate::sync::{self, Format, Kind};

/// Every pair is looked at, not only those an answer would show.
const ALL: usize = 1_000_000;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Holds mentors.jsonl, queries.jsonl and qrels.tsv
    dir: PathBuf,
    /// Fit weights and calibration anew, and report what held-out questions get
    #[arg(long)]
    cross_validate: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Deserialize)]
struct QueryLine {
    id: String,
    text: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    filters: FilterLine,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FilterLine {
    industries: Vec<String>,
    stages: Vec<String>,
    expertise: Vec<String>,
}

/// A question with what is known of its answers.
pub(super) struct Judged {
    id: String,
    kind: String,
    ask: Ask,
    graded: Graded,
}

/// The three variants that are compared.
const VARIANTS: [(&str, Variant); 3] =
    [("keyword", Variant::Keyword), ("semantic", Variant::Semantic), ("all", Variant::All)];

pub(super) fn run(flags: Flags, args: &Args) -> Result<()> {
    let config = Config::load(&flags)?;
    super::log(&config, Some("warn"));
    let directory = tempfile::tempdir().or_internal("making a throw-away directory")?;
    let app = App::open(Config { data_dir: directory.path().to_owned(), ..config }, Clock::System, "eval")?;
    let records = fill(&app, &args.dir)?;
    let questions = read(&args.dir, &records)?;
    let shipped = Calibration::SHIPPED;
    let mut variants = BTreeMap::new();
    for (name, variant) in VARIANTS {
        variants.insert(name, figures(&ask_all(&app, &questions, &shipped, variant)?));
    }
    let outcomes = ask_all(&app, &questions, &shipped, Variant::All)?;
    let folds = if args.cross_validate { Some(fit::cross_validate(&app, &questions)?) } else { None };
    let report = Report {
        overall: figures(&outcomes),
        per_type: per_type(&questions, &outcomes),
        variants,
        cross_validated: folds.as_ref().map(|folds| figures(&folds.outcomes)),
        cross_validated_per_type: folds.as_ref().map(|folds| per_type(&questions, &folds.outcomes)),
        fitted: folds.as_ref().map(|folds| folds.to_all),
        per_query: questions
            .iter()
            .zip(&outcomes)
            .map(|(question, outcome)| per_query(question, outcome, &records))
            .collect(),
    };
    if args.json { say_json(&report) } else { print(&report) }
}

/// Takes the mentors in and makes their vectors. Returns which mentor each record became.
fn fill(app: &App, dir: &Path) -> Result<HashMap<String, MentorId>> {
    let report = sync::import(
        &app.db,
        &Actor::nobody("eval"),
        open(dir, "mentors.jsonl")?,
        Format::JsonLines,
        Some(Kind::Mentors),
        |_| (),
    )?;
    if let Some(error) = report.errors.first() {
        return Err(Error::operator("bad_set", format!("mentors.jsonl, line {}: {}", error.line, error.problem)));
    }
    progress::finish_jobs(app, "Reading mentors' profiles")?;
    let mut records = HashMap::new();
    app.db.read_here(|tx| {
        mentors::for_each(tx, |mentor| {
            records.extend(mentor.record.map(|record| (record, mentor.id)));
            Ok(())
        })
    })?;
    Ok(records)
}

fn open(dir: &Path, name: &str) -> Result<BufReader<File>> {
    let unreadable =
        |cause| Error::operator("bad_set", format!("{} has no {name} that can be read.", dir.display())).because(cause);
    File::open(dir.join(name)).map(BufReader::new).map_err(unreadable)
}

fn read(dir: &Path, records: &HashMap<String, MentorId>) -> Result<Vec<Judged>> {
    let wrong = |name: &str, line: usize, what: String| {
        Error::operator("bad_set", format!("{name}, line {}: {what}", line + 1))
    };
    let mut grades: HashMap<String, HashMap<MentorId, u8>> = HashMap::new();
    for (number, line) in text(dir, "qrels.tsv")?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let parts: Vec<&str> = line.split('\t').map(str::trim).collect();
        let [query, record, grade] = parts[..] else {
            return Err(wrong("qrels.tsv", number, "needs three columns apart by tabs".to_owned()));
        };
        let grade = grade.parse().ok().filter(|grade| *grade <= 3);
        let grade = grade.ok_or_else(|| wrong("qrels.tsv", number, "needs a grade from 0 to 3".to_owned()))?;
        let mentor = records
            .get(record)
            .ok_or_else(|| wrong("qrels.tsv", number, format!("names the unknown record {record}")))?;
        grades.entry(query.to_owned()).or_default().insert(*mentor, grade);
    }
    let mut questions = Vec::new();
    for (number, line) in text(dir, "queries.jsonl")?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let query: QueryLine =
            serde_json::from_str(line).map_err(|cause| wrong("queries.jsonl", number, cause.to_string()))?;
        let FilterLine { industries, stages, expertise } = query.filters;
        let ask = Ask::check(Question { query: query.text, industries, stages, expertise, ..Question::default() })
            .map_err(|refusal| wrong("queries.jsonl", number, refusal.to_string()))?;
        let graded = Graded::new(grades.remove(&query.id).unwrap_or_default());
        questions.push(Judged { id: query.id, kind: query.kind, ask: Ask { limit: ALL, ..ask }, graded });
    }
    Ok(questions)
}

fn text(dir: &Path, name: &str) -> Result<String> {
    std::io::read_to_string(open(dir, name)?).or_internal("reading the graded questions")
}

fn ask_all(app: &App, questions: &[Judged], calibration: &Calibration, variant: Variant) -> Result<Vec<Outcome>> {
    questions.iter().map(|question| ask_one(app, question, calibration, variant)).collect()
}

/// Asks one question; all who are visible and pass its filters could have been shown.
fn ask_one(app: &App, question: &Judged, calibration: &Calibration, variant: Variant) -> Result<Outcome> {
    let ranking = app.matcher.rank_as(&question.ask, calibration, variant)?;
    let n_possible = app.matcher.page(&question.ask.filters, "", None, ALL).len();
    let ranked = ranking.matches.iter().map(|it| (it.card.id, it.score.total())).collect();
    Ok(Outcome { ranked, n_possible, graded: question.graded.clone() })
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    #[serde(flatten)]
    overall: Figures,
    variants: BTreeMap<&'static str, Figures>,
    per_type: BTreeMap<String, Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cross_validated: Option<Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cross_validated_per_type: Option<BTreeMap<String, Figures>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fitted: Option<Calibration>,
    per_query: Vec<PerQuery>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct PerQuery {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    text: String,
    ndcg10: Option<f64>,
    recall10: Option<f64>,
    n_shown: usize,
    top: Vec<(String, f64)>,
}

fn per_query(question: &Judged, outcome: &Outcome, records: &HashMap<String, MentorId>) -> PerQuery {
    let one = figures(std::slice::from_ref(outcome));
    let record =
        |id: &MentorId| records.iter().find(|(_, it)| *it == id).map_or_else(String::new, |(record, _)| record.clone());
    PerQuery {
        id: question.id.clone(),
        kind: question.kind.clone(),
        text: question.ask.text.clone(),
        ndcg10: one.ndcg10,
        recall10: one.recall10,
        n_shown: outcome.ranked.len(),
        top: outcome.ranked.iter().take(10).map(|(id, score)| (record(id), (score * 10.0).round() / 10.0)).collect(),
    }
}

fn per_type(questions: &[Judged], outcomes: &[Outcome]) -> BTreeMap<String, Figures> {
    let mut groups: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
    for (question, outcome) in questions.iter().zip(outcomes) {
        groups.entry(question.kind.clone()).or_default().push(outcome.clone());
    }
    groups.into_iter().map(|(kind, outcomes)| (kind, figures(&outcomes))).collect()
}

fn print(report: &Report) -> Result<()> {
    say(&Figures::heading())?;
    for (name, figures) in &report.variants {
        say(&figures.row(name))?;
    }
    say("")?;
    for (kind, figures) in &report.per_type {
        say(&figures.row(kind))?;
    }
    if let (Some(figures), Some(per_type)) = (&report.cross_validated, &report.cross_validated_per_type) {
        say("\nHeld-out questions, weights and calibration fitted to the others:")?;
        say(&figures.row("all"))?;
        for (kind, figures) in per_type {
            say(&figures.row(kind))?;
        }
        say(&format!("Fitted to all: {:?}", report.fitted))?;
    }
    Ok(())
}
