//! What is counted and timed while the process runs, for `/metrics`: floor that every room may stand on. A count is
//! some nanoseconds and takes no lock on the way of an answer; labels come from fixed sets, never from what people
//! send. It reads nothing: what stands in the database is read by `upkeep` when somebody asks.

mod crew;

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

use crate::error::{OrInternal, Result};

pub use crew::{Duty, Sentry};

/// The media type of what `render` writes.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The stages of an answer, in the order in which they are passed.
pub const STAGES: [&str; 7] = ["prepare", "embed", "filter", "vectors", "keywords", "score", "explain"];

/// Seconds: a stage takes from under a microsecond to some milliseconds.
const STAGE_BUCKETS: &[f64] =
    &[1e-6, 5e-6, 2.5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2, 0.064, 0.128, 0.256];

/// Seconds: a request takes from a millisecond to some seconds.
const REQUEST_BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// How answering a question ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// With an answer.
    Answered,
    /// With the plea to come back.
    Busy,
    /// With a failure of ours.
    Failed,
}

impl Asked {
    const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Busy => "busy",
            Self::Failed => "failed",
        }
    }
}

/// One value that is read when somebody asks: a name, what it means, its labels, the value.
#[derive(Clone, Debug)]
pub struct Reading {
    /// `tandem_jobs`
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// Names and values of labels, from fixed sets.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

/// The meters of one house.
pub struct Meters {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    in_flight: IntGauge,
    asked: IntCounterVec,
    stages: [Histogram; STAGES.len()],
    whole: Histogram,
    letters: IntCounterVec,
    jobs: IntCounterVec,
    panics: IntCounterVec,
    writes: Histogram,
    write_waits: Histogram,
    crew: crew::Crew,
}

impl Default for Meters {
    fn default() -> Self {
        Self::new()
    }
}

impl Meters {
    /// Meters that stand at nothing.
    ///
    /// # Panics
    /// Never: the names are fixed, and each test that opens a house registers them.
    pub fn new() -> Self {
        let registry = Registry::new();
        let timer = |name, help, buckets| timers(&registry, (name, help), buckets, &[]).with_label_values::<&str>(&[]);
        let by_stage = ("tandem_match_stage_seconds", "How long each stage of an answer took.");
        let by_stage = timers(&registry, by_stage, STAGE_BUCKETS, &["stage"]);
        let requests = ("tandem_http_requests_total", "Requests that were answered.");
        let request_seconds = ("tandem_http_request_seconds", "How long answering a request took.");
        let in_flight = IntGauge::new("tandem_http_requests_in_flight", "Requests that are being answered.");
        let asked = ("tandem_questions_total", "Questions put, by how they ended: answered, busy, failed.");
        let letters = ("tandem_letters_total", "Tries to send a letter, by result: sent, later, refused.");
        let jobs = ("tandem_jobs_total", "Jobs that ended, by result: done, failed.");
        let held = "How long a write transaction held the writer.";
        let waited = "How long a write transaction waited for the writer.";
        let meters = Self {
            requests: counters(&registry, requests, &["method", "route", "status"]),
            request_seconds: timers(&registry, request_seconds, REQUEST_BUCKETS, &["method", "route"]),
            in_flight: registered(&registry, in_flight.expect("a fixed name")),
            asked: counters(&registry, asked, &["outcome"]),
            stages: STAGES.map(|stage| by_stage.with_label_values(&[stage])),
            whole: timer("tandem_match_seconds", "How long an answer took, all stages together.", STAGE_BUCKETS),
            letters: counters(&registry, letters, &["result"]),
            jobs: counters(&registry, jobs, &["kind", "result"]),
            panics: counters(&registry, ("tandem_panics_total", "Panics that were caught."), &["place"]),
            writes: timer("tandem_write_seconds", held, REQUEST_BUCKETS),
            write_waits: timer("tandem_write_wait_seconds", waited, REQUEST_BUCKETS),
            crew: crew::Crew::default(),
            registry,
        };
        meters.begin_at_nothing();
        meters
    }

    /// What never happened yet is 0, not missing: an alert on it must be able to tell.
    fn begin_at_nothing(&self) {
        for outcome in [Asked::Answered, Asked::Busy, Asked::Failed] {
            self.asked.with_label_values(&[outcome.name()]);
        }
        for result in ["sent", "later", "refused"] {
            self.letters.with_label_values(&[result]);
        }
        for place in ["request", "job", "watch"] {
            self.panics.with_label_values(&[place]);
        }
    }

    /// A request begins. Its end is told by dropping what this returns.
    pub fn begun(&self) -> impl Drop + Send + use<> {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// A request was answered: `route` is a template of the table, `method` one of the known ones.
    pub fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        let class = match status {
            100..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            _ => "5xx",
        };
        self.requests.with_label_values(&[method, route, class]).inc();
        self.request_seconds.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }

    /// A question was answered, its stages in the order of `STAGES`.
    pub fn answered(&self, stages: [Duration; STAGES.len()]) {
        let mut all = 0.0;
        for (meter, took) in self.stages.iter().zip(stages) {
            let seconds = took.as_secs_f64();
            meter.observe(seconds);
            all += seconds;
        }
        self.whole.observe(all);
    }

    /// A question came to an end.
    pub fn asked(&self, how: Asked) {
        self.asked.with_label_values(&[how.name()]).inc();
    }

    /// A letter was tried: `sent`, `later`, `refused`.
    pub fn letter(&self, result: &'static str) {
        self.letters.with_label_values(&[result]).inc();
    }

    /// A job of this kind was `done` or has `failed`.
    pub fn job(&self, kind: &'static str, result: &'static str) {
        self.jobs.with_label_values(&[kind, result]).inc();
    }

    /// A panic was caught while doing this: `request`, `job`, `watch`.
    pub fn panicked(&self, place: &'static str) {
        self.panics.with_label_values(&[place]).inc();
    }

    /// A write transaction waited for its turn, and then took its time.
    pub fn wrote(&self, waited: Duration, took: Duration) {
        self.write_waits.observe(waited.as_secs_f64());
        self.writes.observe(took.as_secs_f64());
    }

    /// A thread takes its post; it is off duty again once what this returns is dropped, however that comes about.
    pub fn on_duty(&self, name: &str) -> Duty {
        self.crew.on_duty(name)
    }

    /// Every post that was ever taken, by name.
    pub fn crew(&self) -> Vec<Sentry> {
        self.crew.posts()
    }

    /// Everything as Prometheus reads it, `readings` included.
    ///
    /// # Errors
    /// Internal, where a reading's name or label is none.
    pub fn render(&self, readings: &[Reading]) -> Result<String> {
        let now = Registry::new();
        for of_name in readings.chunk_by(|a, b| a.name == b.name) {
            let Some(first) = of_name.first() else { continue };
            let opts = Opts::new(first.name, first.help);
            if first.labels.is_empty() {
                let gauge = Gauge::with_opts(opts).or_internal("naming a metric")?;
                gauge.set(first.value);
                now.register(Box::new(gauge)).or_internal("registering a metric")?;
                continue;
            }
            let names: Vec<&str> = first.labels.iter().map(|(name, _)| *name).collect();
            let gauges = GaugeVec::new(opts, &names).or_internal("naming a metric")?;
            for reading in of_name {
                let values: Vec<&str> = reading.labels.iter().map(|(_, value)| value.as_str()).collect();
                gauges.get_metric_with_label_values(&values).or_internal("labelling a metric")?.set(reading.value);
            }
            now.register(Box::new(gauges)).or_internal("registering a metric")?;
        }
        let mut text = Vec::new();
        let encoder = TextEncoder::new();
        encoder.encode(&self.registry.gather(), &mut text).or_internal("writing the metrics")?;
        encoder.encode(&now.gather(), &mut text).or_internal("writing the metrics")?;
        String::from_utf8(text).or_internal("writing the metrics")
    }
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, meter: C) -> C {
    registry.register(Box::new(meter.clone())).expect("each name is registered once");
    meter
}

fn counters(registry: &Registry, (name, help): (&str, &str), labels: &[&str]) -> IntCounterVec {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels).expect("a fixed name and fixed labels"))
}

fn timers(registry: &Registry, (name, help): (&str, &str), buckets: &[f64], labels: &[&str]) -> HistogramVec {
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    registered(registry, HistogramVec::new(options, labels).expect("a fixed name and fixed labels"))
}

/// Counts a request off when it is dropped: also where the client went away before the answer.
struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_happened_can_be_read_and_labels_are_written_safely() {
        let meters = Meters::new();
        meters.request("GET", "/mentors/{id}", 200, Duration::from_millis(3));
        meters.request("GET", "/mentors/{id}", 404, Duration::from_millis(1));
        meters.letter("sent");
        let label = vec![("engine", "a \"quoted\"\nname".to_owned())];
        let reading = |value| Reading { name: "tandem_build", help: "What runs.", labels: label.clone(), value };
        let text = meters.render(&[reading(1.0)]).expect("rendered");
        for line in [
            "tandem_http_requests_total{method=\"GET\",route=\"/mentors/{id}\",status=\"2xx\"} 1",
            "tandem_http_requests_total{method=\"GET\",route=\"/mentors/{id}\",status=\"4xx\"} 1",
            "tandem_http_request_seconds_count{method=\"GET\",route=\"/mentors/{id}\"} 2",
            "tandem_letters_total{result=\"sent\"} 1",
            "tandem_letters_total{result=\"refused\"} 0",
            "tandem_build{engine=\"a \\\"quoted\\\"\\nname\"} 1",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }

    #[test]
    fn requests_are_in_flight_until_they_end_or_are_given_up() {
        let meters = Meters::new();
        let (first, second) = (meters.begun(), meters.begun());
        assert_eq!(meters.in_flight.get(), 2);
        drop((first, second));
        assert_eq!(meters.in_flight.get(), 0);
    }

    #[test]
    fn an_answer_costs_next_to_nothing_to_measure() {
        let meters = Meters::new();
        let stages = [Duration::from_micros(40); STAGES.len()];
        let n: u32 = 10_000;
        let best = (0..20).map(|_| {
            let began = Instant::now();
            for _ in 0..n {
                meters.answered(std::hint::black_box(stages));
            }
            began.elapsed() / n
        });
        let best = best.min().expect("measured");
        // Optimised it is a tenth of a microsecond; what the tests are built as may take ten times as long.
        let limit = if cfg!(debug_assertions) { Duration::from_micros(20) } else { Duration::from_micros(2) };
        assert!(best < limit, "{best:?}");
    }
}
