//! What the bench found, for people and as JSON. Milliseconds throughout.

use std::time::Duration;

use serde::Serialize;

use super::Args;
use crate::app::App;
use crate::cli::say;
use crate::error::Result;
use crate::matching::{Stages, TierFigures};

/// The times of one run over all questions.
pub(super) struct Times {
    pub(super) stages: Vec<Stages>,
    pub(super) took: Duration,
}

/// The middle, the slow twentieth and the slow hundredth.
#[derive(Clone, Copy, Debug, Serialize)]
struct Spread {
    p50: f64,
    p95: f64,
    p99: f64,
}

fn spread(times: impl Iterator<Item = Duration>) -> Spread {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
    let ms = |share| at(share).map_or(0.0, |time| (time.as_secs_f64() * 1e6).round() / 1e3);
    Spread { p50: ms(50), p95: ms(95), p99: ms(99) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    name: &'static str,
    per_second: f64,
    total: Spread,
    without_embedding: Spread,
    prepare: Spread,
    embed: Spread,
    filter: Spread,
    vectors: Spread,
    keywords: Spread,
    score: Spread,
    explain: Spread,
}

fn run(name: &'static str, times: &Times) -> Run {
    let of = |stage: fn(&Stages) -> Duration| spread(times.stages.iter().map(stage));
    let n = f64::from(u32::try_from(times.stages.len()).unwrap_or(u32::MAX));
    Run {
        name,
        per_second: (n / times.took.as_secs_f64()).round(),
        total: of(Stages::total),
        without_embedding: of(|it| it.total().saturating_sub(it.embed)),
        prepare: of(|it| it.prepare),
        embed: of(|it| it.embed),
        filter: of(|it| it.filter),
        vectors: of(|it| it.vectors),
        keywords: of(|it| it.keywords),
        score: of(|it| it.score),
        explain: of(|it| it.explain),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tier {
    name: &'static str,
    recall_at_10: f64,
    ten_hits: Spread,
    many_hits: Spread,
}

/// Everything that was found.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    machine: String,
    engine: &'static str,
    profiles: usize,
    queries: usize,
    concurrency: usize,
    filter_share: f64,
    first_start_ms: f64,
    start_ms: f64,
    start_with_keywords_ms: f64,
    vector_bytes: usize,
    resident_bytes: Option<u64>,
    graph_build_seconds: Option<f64>,
    runs: Vec<Run>,
    tiers: Vec<Tier>,
}

impl Report {
    pub(super) fn new(
        args: &Args,
        app: &App,
        [build, opened, ready]: [Duration; 3],
        [uncached, cached, cached_filtered]: [&Times; 3],
        tiers: &[TierFigures],
        (graph_built, resident_bytes): (Option<Duration>, Option<u64>),
    ) -> Self {
        let ms = |time: Duration| (time.as_secs_f64() * 1e4).round() / 10.0;
        Self {
            machine: machine(),
            engine: app.matcher.embedder().engine(),
            profiles: app.matcher.n_visible(),
            queries: args.queries,
            concurrency: args.concurrency,
            filter_share: args.filter_share,
            first_start_ms: ms(build),
            start_ms: ms(opened),
            start_with_keywords_ms: ms(ready),
            vector_bytes: app.matcher.vector_bytes(),
            resident_bytes,
            graph_build_seconds: graph_built.map(|time| time.as_secs_f64()),
            runs: vec![run("uncached", uncached), run("cached", cached), run("cached, filtered", cached_filtered)],
            tiers: tiers
                .iter()
                .map(|it| Tier {
                    name: it.tier,
                    recall_at_10: it.recall_at_10,
                    ten_hits: spread(it.ten.iter().copied()),
                    many_hits: spread(it.many.iter().copied()),
                })
                .collect(),
        }
    }

    pub(super) fn print(&self) -> Result<()> {
        say(&format!(
            "{}, {}; {} mentors, {} questions, {} at once",
            self.machine, self.engine, self.profiles, self.queries, self.concurrency
        ))?;
        let mib = |bytes: u64| bytes / (1024 * 1024);
        say(&format!(
            "start {:.0} ms, with keyword index {:.0} ms (first start {:.0} ms); vectors {} MiB, resident {} MiB",
            self.start_ms,
            self.start_with_keywords_ms,
            self.first_start_ms,
            mib(self.vector_bytes as u64),
            self.resident_bytes.map_or(0, mib)
        ))?;
        say(&format!(
            "\n{:18} {:>8} {:>24} {:>24}",
            "milliseconds", "a second", "p50 / p95 / p99", "without embedding"
        ))?;
        for run in &self.runs {
            let (all, rest) = (run.total, run.without_embedding);
            say(&format!(
                "{:18} {:>8} {:>24} {:>24}",
                run.name,
                run.per_second,
                format!("{:.2} / {:.2} / {:.2}", all.p50, all.p95, all.p99),
                format!("{:.2} / {:.2} / {:.2}", rest.p50, rest.p95, rest.p99)
            ))?;
        }
        say(&format!(
            "\n{:18} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
            "p50 of each stage", "prepare", "embed", "filter", "vectors", "keywords", "score", "explain"
        ))?;
        for run in &self.runs {
            say(&format!(
                "{:18} {:>8.3} {:>8.3} {:>8.3} {:>8.3} {:>8.3} {:>8.3} {:>8.3}",
                run.name,
                run.prepare.p50,
                run.embed.p50,
                run.filter.p50,
                run.vectors.p50,
                run.keywords.p50,
                run.score.p50,
                run.explain.p50
            ))?;
        }
        say(&format!("\n{:18} {:>10} {:>20} {:>20}", "tier", "recall@10", "10 hits p50 / p95", "1024 hits p50 / p95"))?;
        for tier in &self.tiers {
            say(&format!(
                "{:18} {:>10.4} {:>20} {:>20}",
                tier.name,
                tier.recall_at_10,
                format!("{:.3} / {:.3}", tier.ten_hits.p50, tier.ten_hits.p95),
                format!("{:.3} / {:.3}", tier.many_hits.p50, tier.many_hits.p95)
            ))?;
        }
        match self.graph_build_seconds {
            Some(seconds) => say(&format!("the graph took {seconds:.1} s to build")),
            None => say("the graph was not built (--graph builds it)"),
        }
    }
}

/// Processor and cores: figures mean little without them.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).and_then(|rest| rest.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cores} cores", model.map_or(std::env::consts::ARCH, |(_, name)| name))
}
