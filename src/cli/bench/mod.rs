//! `tandem bench`: how fast the main job is here, with synthetic mentors in a throw-away directory.

mod report;
mod synthetic;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::{Args as ClapArgs, Subcommand};

use self::report::{Report, Times};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Flags};
use crate::db::Db;
use crate::error::{OrInternal, Result};
use crate::matching::{Ask, Stages};

/// Above so many mentors the graph is built only when asked for: it takes minutes.
const GRAPH_UNASKED: usize = 20_000;

/// Questions that the tiers are compared on.
const TIER_QUESTIONS: usize = 50;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Times every stage of a question, cached and not, and compares the vector tiers
    Match(Args),
}

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Synthetic mentors
    #[arg(long, default_value_t = 1_000)]
    profiles: u32,
    /// Questions, of at most 16 word pieces
    #[arg(long, default_value_t = 200)]
    queries: usize,
    /// Questions asked at the same time
    #[arg(long, default_value_t = 1)]
    concurrency: usize,
    /// The share of mentors that the filter keeps
    #[arg(long, default_value_t = 0.01)]
    filter_share: f64,
    /// Build the graph however large the set is
    #[arg(long)]
    graph: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(flags: Flags, command: Command) -> Result<()> {
    let Command::Match(args) = command;
    let config = Config::load(&flags)?;
    super::log(&config, Some("warn"));
    let directory = tempfile::tempdir().or_internal("making a throw-away directory")?;
    let config = Config { data_dir: directory.path().to_owned(), ..config };
    {
        let db = Db::open(directory.path(), Clock::System, 2)?;
        synthetic::fill(&db, &config, args.profiles, args.filter_share)?;
        db.checkpoint()?;
    }
    // The first opening makes the keyword index; the second is what an operator waits for.
    let began = Instant::now();
    let app = App::open(config.clone(), Clock::System, "bench")?;
    app.matcher.settle(Duration::from_mins(10));
    let build = began.elapsed();
    app.rest()?;
    drop(app);
    let began = Instant::now();
    let app = App::open(config, Clock::System, "bench")?;
    let opened = began.elapsed();
    app.matcher.settle(Duration::from_mins(1));
    let ready = began.elapsed();
    let questions = synthetic::questions(args.queries);
    let plain = asks(&questions, &[])?;
    let filtered = asks(&questions, &[synthetic::KEPT.to_owned()])?;
    let uncached = times(&app, &plain, args.concurrency, true)?;
    let cached = times(&app, &plain, args.concurrency, false)?;
    let cached_filtered = times(&app, &filtered, args.concurrency, false)?;
    // Before the tiers are compared: that builds a graph that answering does not hold.
    let resident = synthetic::resident_bytes();
    let with_graph = args.graph || app.matcher.n_visible() <= GRAPH_UNASKED;
    let some: Vec<&str> = questions.iter().take(TIER_QUESTIONS).map(String::as_str).collect();
    let (tiers, graph_built) = app.matcher.measure_tiers(&some, with_graph)?;
    let report = Report::new(
        &args,
        &app,
        [build, opened, ready],
        [&uncached, &cached, &cached_filtered],
        &tiers,
        (graph_built, resident),
    );
    if args.json { super::say_json(&report) } else { report.print() }
}

fn asks(questions: &[String], industries: &[String]) -> Result<Vec<Ask>> {
    let with_filter = |question: &String| {
        let mut ask = Ask::plain(question)?;
        ask.filters.industries = industries.to_vec();
        Ok(ask)
    };
    questions.iter().map(with_filter).collect()
}

/// Asks everything once to warm up, then once to measure. Uncached questions are forgotten before.
fn times(app: &App, asks: &[Ask], concurrency: usize, is_uncached: bool) -> Result<Times> {
    for ask in asks {
        app.matcher.rank(ask)?;
    }
    if is_uncached {
        app.matcher.forget_questions();
    }
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    let all: Result<Vec<Vec<Stages>>> = std::thread::scope(|scope| {
        let ask_some = || {
            let mut stages = Vec::new();
            while let Some(ask) = asks.get(next.fetch_add(1, Ordering::SeqCst)) {
                stages.push(app.matcher.rank(ask)?.stages);
            }
            Ok(stages)
        };
        let askers: Vec<_> = (0..concurrency.max(1)).map(|_| scope.spawn(ask_some)).collect();
        askers.into_iter().map(|asker| asker.join().expect("a panic while asking is passed on")).collect()
    });
    Ok(Times { stages: all?.concat(), took: began.elapsed() })
}
