//! A data directory whose vectors were made by an earlier model: it answers with them from the first moment, says so,
//! and ends on this version's model by itself, whatever happens meanwhile. What stands in for the earlier model is
//! this one with every vector turned a little, under another hash.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tandem::accounts::Role;
use tandem::audit::Actor;
use tandem::backup;
use tandem::clock::{Clock, Moment};
use tandem::config::Config;
use tandem::sync::Format;
use tandem::upkeep::State;
use tandem::upkeep::doctor::Patient;
use tandem::worker;

use crate::binary::{command, demo_lines, file_of, in_directory, scores};
use crate::test_app::{TestApp, five_mentors, mentor};

const QUESTIONS: [&str; 4] = [
    "How do I decide what to charge for a pilot?",
    "first sales hire and quota",
    "raise a seed round",
    "drone permits",
];

/// Makes all vectors those of another model, whose hash is this byte.
fn let_another_model_have_made(directory: &Path, hash: u8) {
    let connection = Connection::open(directory.join("tandem.db")).expect("opened");
    let mut read = connection.prepare("select id, vector from embeddings order by id").expect("read");
    let rows = read.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("read");
    let rows: Vec<(i64, Vec<u8>)> = rows.collect::<rusqlite::Result<_>>().expect("read");
    drop(read);
    let mut seed = u64::from(hash);
    let change = connection.unchecked_transaction().expect("begun");
    for (id, bytes) in rows {
        let mut vector: Vec<f32> =
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect();
        for number in &mut vector {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // About as far as a tuned model is from the one it was tuned from: a cosine of 0.9 or so.
            *number += f32::from(u8::try_from(seed >> 56).expect("a byte")).mul_add(1.0 / 3_000.0, -0.0425);
        }
        let length = vector.iter().map(|it| it * it).sum::<f32>().sqrt();
        let bytes: Vec<u8> = vector.iter().flat_map(|it| (it / length).to_le_bytes()).collect();
        change
            .execute("update embeddings set model_hash = ?1, vector = ?2 where id = ?3", params![[hash; 32], bytes, id])
            .expect("changed");
    }
    change.commit().expect("kept");
}

/// How many vectors are of this model and of others, by hash.
fn kinds(directory: &Path) -> Vec<(Vec<u8>, i64)> {
    let connection = Connection::open(directory.join("tandem.db")).expect("opened");
    let mut read =
        connection.prepare("select model_hash, count(*) from embeddings group by 1 order by 1").expect("read");
    let rows = read.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("read");
    rows.collect::<rusqlite::Result<_>>().expect("read")
}

fn n_ours(directory: &Path) -> i64 {
    let ours = tandem::matching::model_hash();
    kinds(directory).into_iter().find(|(hash, _)| *hash == ours).map_or(0, |(_, n)| n)
}

async fn matches(house: &TestApp, cookie: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for question in QUESTIONS {
        all.push(house.ask(cookie, json!({ "query": question })).await["matches"].clone());
    }
    all
}

fn bests(matches: &[Value]) -> Vec<&str> {
    matches.iter().map(|it| it[0]["name"].as_str().expect("somebody")).collect()
}

async fn vectors_part(house: &TestApp) -> Value {
    let answer = house.readiness().await;
    assert_eq!(answer.status, 200, "a warning is no reason to be sent nobody");
    answer.json()["components"]["vectors"].clone()
}

async fn lived_in() -> (tempfile::TempDir, String, Vec<Value>) {
    let house = TestApp::new();
    house.import(&five_mentors());
    let cookie = house.sign_in("mentee@example.org", Role::Mentee).await;
    let before = matches(&house, &cookie).await;
    let home = house.close();
    (home, cookie, before)
}

fn doctor_says(directory: &Path) -> (State, String) {
    let clock = Clock::fixed(Moment::parse("2030-03-05T09:00:00Z").expect("a time"));
    let findings = Patient::of(Config::defaults_in(directory), Vec::new(), clock, false).examine();
    let finding = findings.into_iter().find(|it| it.id == "vectors").expect("looked at");
    (finding.state, finding.says)
}

/// Applies a line, and does the one job that it causes.
fn edit(house: &TestApp, line: &str) {
    let report =
        tandem::sync::import(&house.app.db, &Actor::nobody("import"), line.as_bytes(), Format::JsonLines, None, |_| ());
    assert_eq!(report.expect("read").errors.len(), 0);
    assert!(worker::run_one(&house.app.db, &house.app.matcher, &house.app.post, None).expect("the queue works"));
}

#[tokio::test]
async fn an_earlier_models_directory_answers_at_once_says_so_and_ends_on_this_model() {
    let (home, cookie, before) = lived_in().await;
    let n_vectors = n_ours(home.path());
    let_another_model_have_made(home.path(), 7);
    let (state, says) = doctor_says(home.path());
    assert!(state == State::Warn && says.starts_with("0 of ") && says.contains("earlier model"), "{says}");

    let house = TestApp::open(home);
    let first = matches(&house, &cookie).await;
    assert_eq!(bests(&first), ["ada", "cy", "bo", "di"]);
    assert_ne!(first, before, "by other vectors than this model's");
    let answer = house.ask(&cookie, json!({ "query": "drone permits" })).await;
    // The keyword index may still be on its way too.
    assert!(answer["degraded"].as_array().is_some_and(|parts| parts.contains(&json!("semantic"))), "{answer}");
    let part = vectors_part(&house).await;
    let n_passages = part["passages"].as_u64().expect("counted");
    assert_eq!((part["status"].as_str(), part["renewed"].as_u64()), (Some("warn"), Some(0)), "{part}");
    let says = format!("0 of {n_passages} passages have the new model's vectors");
    assert!(part["says"].as_str().is_some_and(|it| it.starts_with(&says)), "{part}");

    let mut renewed = 0;
    while house.app.matcher.parts().renewal.is_some() {
        assert_eq!(matches(&house, &cookie).await, first, "one set of vectors answers until the other is whole");
        assert!(house.app.matcher.renew().expect("made"));
        let now = house.app.matcher.parts().renewal.map_or(n_passages, |it| it.n_done);
        assert!(now >= renewed, "{now} after {renewed}");
        renewed = now;
    }
    assert_eq!(renewed, n_passages);
    assert_eq!(matches(&house, &cookie).await, before, "as if it had always been so");
    assert_eq!(vectors_part(&house).await["status"], "ok");
    house.work();
    assert_eq!(matches(&house, &cookie).await, before);
    let home = house.close();
    assert_eq!(kinds(home.path()), [(tandem::matching::model_hash().to_vec(), n_vectors)], "nothing else is left");
    assert_eq!(doctor_says(home.path()).0, State::Ok);
}

#[tokio::test]
async fn what_changes_meanwhile_is_in_the_next_answer() {
    let (home, cookie, _) = lived_in().await;
    let_another_model_have_made(home.path(), 7);
    let house = TestApp::open(home);
    let asked = |query: &'static str| json!({ "query": query });
    assert!(house.app.matcher.renew().expect("one is made"));

    edit(&house, &mentor("di", json!({ "Is Active": false })));
    assert!(!house.ask(&cookie, asked("drone permits")).await.to_string().contains("\"di\""));
    edit(&house, &mentor("fay", json!({ "Headline": "Beekeeping", "Bio": "I keep bees and sell honey to shops." })));
    let answer = house.ask(&cookie, asked("keeping bees and selling honey")).await;
    assert_eq!(answer["matches"][0]["name"], "fay", "{answer}");
    edit(&house, &mentor("cy", json!({ "Bio": "I negotiate office leases for young companies." })));
    let answer = house.ask(&cookie, asked("negotiating an office lease")).await;
    assert_eq!(answer["matches"][0]["name"], "cy", "{answer}");
    edit(&house, &mentor("di", json!({ "Is Active": true })));
    let answer = house.ask(&cookie, asked("drone permits")).await;
    assert_eq!(answer["matches"][0]["name"], "di", "{answer}");
    assert!(house.app.matcher.parts().renewal.is_some(), "all this while the earlier model's vectors answer");

    house.work();
    let ended = matches(&house, &cookie).await;
    let house = TestApp::open(house.close());
    assert_eq!(matches(&house, &cookie).await, ended, "a start finds what the swap has brought");
    assert_eq!(kinds(house.close().path()).len(), 1);
}

#[tokio::test]
async fn an_end_between_the_swap_and_the_clearing_goes_forward_and_a_second_new_model_does_too() {
    let (home, cookie, before) = lived_in().await;
    let_another_model_have_made(home.path(), 7);
    let house = TestApp::open(home);
    while house.app.matcher.parts().renewal.is_some() {
        house.app.matcher.renew().expect("made");
    }
    let home = house.close();
    assert_eq!(kinds(home.path()).len(), 2, "the former ones are still there");
    // Somebody without vectors of either model is no reason to go back.
    let connection = Connection::open(home.path().join("tandem.db")).expect("opened");
    let ours = tandem::matching::model_hash();
    connection
        .execute(
            "delete from embeddings where model_hash = ?1 and text_hash in (
                 select text_hash from passages where mentor_number = 5 and position = 0)",
            [ours],
        )
        .expect("taken away");
    drop(connection);
    let house = TestApp::open(home);
    assert_eq!(matches(&house, &cookie).await, before);
    house.work();
    let home = house.close();
    assert_eq!(kinds(home.path()).len(), 1);

    // As an older program leaves it that knows nothing of all this: its vectors, and a note that ours are in use.
    let_another_model_have_made(home.path(), 9);
    let house = TestApp::open(home);
    assert_eq!(bests(&matches(&house, &cookie).await), ["ada", "cy", "bo", "di"]);
    house.work();
    assert_eq!(matches(&house, &cookie).await, before);
    assert_eq!(kinds(house.close().path()).len(), 1);
}

#[tokio::test]
async fn a_backup_with_an_earlier_models_vectors_is_restored_and_ends_on_this_model() {
    let (home, cookie, before) = lived_in().await;
    let_another_model_have_made(home.path(), 7);
    let place = tempfile::tempdir().expect("a directory");
    let (file, clock) = (place.path().join("backup.tar.zst"), Clock::System);
    backup::make(home.path(), Some(&file), &clock, "test", &AtomicBool::new(false)).expect("made");
    let restored = tempfile::tempdir().expect("a directory");
    backup::restore(&file, restored.path(), false, &clock).expect("restored");
    let house = TestApp::open(restored);
    assert_eq!(bests(&matches(&house, &cookie).await), ["ada", "cy", "bo", "di"]);
    house.work();
    assert_eq!(matches(&house, &cookie).await, before);
}

/// The program serving, with its log in a file.
struct Served(Child, String);

impl Served {
    fn start(directory: &Path, log: &Path) -> Self {
        let log = std::fs::File::create(log).expect("made");
        let directory = directory.display().to_string();
        let all = ["--data-dir", &directory, "serve", "--listen", "127.0.0.1:0", "--log-format", "json"];
        let mut child = command(&all).stdout(Stdio::piped()).stderr(log).spawn().expect("it starts");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        out.read_line(&mut line).expect("it says where it listens");
        // Held open as long as the program: one whose output nobody reads would end.
        child.stdout = Some(out.into_inner());
        Self(child, line.rsplit("http://").next().expect("an address").trim().to_owned())
    }

    fn end(mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("dead");
    }
}

#[test]
fn sudden_deaths_on_the_way_lose_nothing_and_nothing_is_embedded_twice() {
    let n_rounds: u32 = if std::env::var_os("TANDEM_TEST_ALL").is_some() { 20 } else { 4 };
    let home = tempfile::tempdir().expect("a directory");
    let (calm, harsh, log) = (home.path().join("calm"), home.path().join("harsh"), home.path().join("log"));
    let file = file_of(home.path(), "mentors.jsonl", &demo_lines(30));
    assert_eq!(in_directory(&calm, &["import", &file], "").code, 0);
    assert_eq!(in_directory(&harsh, &["import", &file], "").code, 0);
    let n_all = n_ours(&harsh);
    let_another_model_have_made(&harsh, 7);
    let mut seed = 4_321_u64;
    let mut so_far = 0;
    for _ in 0..n_rounds {
        let server = Served::start(&harsh, &log);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(20 + (seed >> 33) % 900));
        server.end();
        let now = n_ours(&harsh);
        assert!(now >= so_far, "{now} after {so_far}");
        so_far = now;
    }
    let server = Served::start(&harsh, &log);
    assert!(!server.1.is_empty(), "it listens");
    let began = Instant::now();
    while kinds(&harsh).len() > 1 {
        assert!(began.elapsed() < Duration::from_mins(2), "it comes to an end");
        std::thread::sleep(Duration::from_millis(50));
    }
    server.end();
    assert_eq!(n_ours(&harsh), n_all);
    if so_far < n_all {
        let log = std::fs::read_to_string(&log).expect("read");
        let told = log.lines().find(|line| line.contains("answer from now on")).expect("told");
        assert!(told.contains(&format!("\"embedded\":{}", n_all - so_far)), "{told}, {so_far} of {n_all} were there");
    }
    for question in ["shelf life of a food product", "raise a seed round", "market entry in Latin America"] {
        let [calm, harsh] = [&calm, &harsh].map(|directory| scores(directory, question));
        assert_eq!(calm, harsh, "{question}");
    }
    // And the whole way by the command.
    let_another_model_have_made(&harsh, 8);
    assert_eq!(in_directory(&harsh, &["reindex"], "").code, 0);
    assert_eq!((kinds(&harsh).len(), n_ours(&harsh)), (1, n_all));
}
