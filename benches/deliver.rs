//! From a signed delivery to an answer that finds it: an empty program is filled by posting every mentor of a file at
//! once, and each is asked for by words of its own bio until it is found. Prints how long that took at worst, and
//! fails where posting all of it again changes anything. `TANDEM_BENCH_MENTORS` names another file of deliveries.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tandem::app::App;
use tandem::clock::Clock;
use tandem::config::Config;
use tandem::hex::hex;
use tandem::matching::Ask;
use tower::ServiceExt;

const SECRET: &str = "a secret of the base";

/// Nobody may take longer than this to be found.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() {
    let file = std::env::var("TANDEM_BENCH_MENTORS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/mentors.jsonl").to_owned());
    let lines = std::fs::read_to_string(&file).expect("a file of deliveries");
    let payloads: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut config = Config::defaults_in(directory.path());
    SECRET.clone_into(&mut config.sync.airtable_secret);
    let app = App::open(config, Clock::System, "bench").expect("opened");
    let workers = app.start_workers().expect("started");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");

    let began = Instant::now();
    let posted: Vec<Instant> = runtime.block_on(async {
        let mut posted = Vec::new();
        for payload in &payloads {
            assert!(post(&app, payload).await, "somebody new");
            posted.push(Instant::now());
        }
        posted
    });
    let posting = began.elapsed();
    // Nobody finds those who are not in use.
    let found = payloads.iter().zip(&posted).filter(|(payload, _)| is_shown(payload));
    let mut waits: Vec<Duration> = found.map(|(payload, at)| wait(&app, payload, *at)).collect();
    waits.sort();
    let at = |share: usize| waits[(waits.len() - 1) * share / 100];
    println!(
        "{} deliveries posted in {posting:.2?}; from its delivery to its answer: p50 {:.2?}, p95 {:.2?}, worst {:.2?}",
        payloads.len(),
        at(50),
        at(95),
        at(100)
    );
    assert!(at(100) <= PATIENCE, "somebody is found too late");

    let before = traces(&app);
    let n_changed = runtime.block_on(async {
        let mut n_changed = 0;
        for payload in &payloads {
            n_changed += u32::from(post(&app, payload).await);
        }
        n_changed
    });
    assert_eq!((n_changed, traces(&app)), (0, before), "the same again changes nothing");
    println!("posted again: nothing changed, {} vectors and {} events as before", before.0, before.1);

    // One edit in a program at rest: what a program manager waits for.
    let mut edits = Vec::new();
    let shown: Vec<&Value> = payloads.iter().filter(|payload| is_shown(payload)).collect();
    for turn in 0..20 {
        let mut payload = shown[turn % shown.len()].clone();
        payload["fields"]["Bio"] =
            format!("Knows edition {turn} of the zanzibarite papers by heart and lends them out.").into();
        let at = Instant::now();
        runtime.block_on(post(&app, &payload));
        edits.push(wait(&app, &payload, at));
    }
    edits.sort();
    println!("one edit at rest, from posting to its answer: p50 {:.2?}, worst {:.2?}", edits[10], edits[19]);
    workers.stop();
}

/// Posts a signed delivery; whether it changed anything.
async fn post(app: &App, payload: &Value) -> bool {
    let body = payload.to_string();
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key will do").chain_update(&body);
    let signature = hex(&mac.finalize().into_bytes());
    let request = Request::post("/api/webhooks/airtable")
        .header("content-type", "application/json")
        .header("x-airtable-signature", signature)
        .body(Body::from(body))
        .expect("a request");
    let answer = tandem::web::router(app.clone()).oneshot(request).await.expect("the router never fails");
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    let answer: Value = serde_json::from_slice(&body).expect("JSON");
    answer["changed"] == true
}

/// Whether mentees may find them.
fn is_shown(payload: &Value) -> bool {
    let fields = &payload["fields"];
    fields["Is Active"] != false && fields["Visibility"] != "private"
}

/// Asks until the mentor is found; the time since `at`.
fn wait(app: &App, payload: &Value, at: Instant) -> Duration {
    let bio = payload["fields"]["Bio"].as_str().expect("a bio");
    // The first sentence, for it says who they are.
    let phrase: String = bio.split_inclusive('.').next().expect("a sentence").chars().take(200).collect();
    let name = payload["fields"]["Name"].as_str().expect("a name");
    let ask = Ask::plain(&phrase).expect("a question");
    loop {
        let ranking = app.matcher.rank(&ask).expect("answered");
        if ranking.matches.iter().any(|it| it.card.name == name) {
            return at.elapsed();
        }
        assert!(at.elapsed() < PATIENCE * 6, "{name} is never found by: {phrase}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Vectors and events so far.
fn traces(app: &App) -> (i64, i64) {
    let count =
        |sql: &'static str| app.db.read_here(|tx| Ok(tx.query_row(sql, [], |row| row.get(0))?)).expect("counted");
    (count("select count(*) from embeddings"), count("select count(*) from events"))
}
