//! Whatever comes in at the doors where strangers' bytes come in: bodies, files and settings that were right once and
//! were then mangled. Each is answered in words, none makes anything fall, and what stands after it is whole.
//!
//! `PROPTEST_CASES` sets how many of each are tried.

use std::io::Write;

use axum::http::StatusCode;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::{Value, json};
use tandem::accounts::Role;
use tandem::audit::Actor;
use tandem::books::{self, Kind};
use tandem::clock::{Clock, Moment};
use tandem::config::{Config, Flags, MENTOR_FIELDS};
use tandem::db::Db;
use tandem::sync::{Format, Manner, Place};

use crate::office::quick_directory;
use crate::round_trip::{exported, taken};
use crate::test_app::{Answer, TestApp, five_mentors};
use crate::webhook;

/// Cases of each test, unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 192;

/// What parsers trip over: brackets, ends of texts, numbers at the edge, letters that are none, other letters' halves.
const BITS: &[&str] = &[
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    ";",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "\0",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\udc00\\ud83d",
    "null",
    "true",
    "-0",
    "1e999",
    "-1e999",
    "NaN",
    "1e-400",
    "9007199254740993",
    "18446744073709551616",
    "0x10",
    "-1",
    "3.5",
    "\u{feff}",
    "\u{202e}",
    "\u{200b}",
    "\u{1f469}\u{200d}\u{1f680}",
    "e\u{301}",
    "ß",
    "İ",
    "=cmd()",
    "#",
    "=",
    "[[",
    "]]",
    "\"\"\"",
    "2030-02-30T25:61:61Z",
    "0000-01-01T00:00:00Z",
    "+275760-09-13T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "Europe/Nowhere",
    "24:00",
    "../../etc/passwd",
    "%00",
    "%ff",
    "<script>",
    "a@b",
    "\"a b\"@example.org",
    "💣@example.org",
    "fields",
    "recordId",
    "Email",
];

/// One thing that goes wrong with bytes.
#[derive(Clone, Debug)]
enum Mishap {
    Flip(Index, u8),
    Insert(Index, &'static str),
    Repeat(Index, &'static str, u16),
    Raw(Index, Vec<u8>),
    Cut(Index, Index),
    Twice(Index, Index),
    End(Index),
}

fn mishap() -> impl Strategy<Value = Mishap> {
    let bit = || prop::sample::select(BITS);
    prop_oneof![
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, with)| Mishap::Flip(at, with)),
        5 => (any::<Index>(), bit()).prop_map(|(at, bit)| Mishap::Insert(at, bit)),
        1 => (any::<Index>(), bit(), 2..3_000_u16).prop_map(|(at, bit, n)| Mishap::Repeat(at, bit, n)),
        1 => (any::<Index>(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Mishap::Raw(at, bytes)),
        3 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Mishap::Cut(from, to)),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Mishap::Twice(from, to)),
        1 => any::<Index>().prop_map(Mishap::End),
    ]
}

/// `whole` after some mishaps.
fn mangled(whole: &[u8], mishaps: &[Mishap]) -> Vec<u8> {
    /// The longest piece that is cut or doubled: more would leave nothing to read.
    const PIECE: usize = 60;
    let mut bytes = whole.to_vec();
    for mishap in mishaps {
        let len = bytes.len() + 1;
        let piece = |from: &Index, to: &Index| {
            let from = from.index(len);
            from..(from + to.index(PIECE)).min(len - 1)
        };
        match mishap {
            Mishap::Flip(at, with) => {
                if let Some(byte) = bytes.get_mut(at.index(len)) {
                    *byte ^= with;
                }
            }
            Mishap::Insert(at, bit) => drop(bytes.splice(at.index(len)..at.index(len), bit.bytes())),
            Mishap::Repeat(at, bit, n) => {
                drop(bytes.splice(at.index(len)..at.index(len), bit.repeat(usize::from(*n)).into_bytes()));
            }
            Mishap::Raw(at, raw) => drop(bytes.splice(at.index(len)..at.index(len), raw.iter().copied())),
            Mishap::Cut(from, to) => drop(bytes.drain(piece(from, to))),
            Mishap::Twice(from, to) => {
                let piece = piece(from, to);
                let copy = bytes[piece.clone()].to_vec();
                drop(bytes.splice(piece.end..piece.end, copy));
            }
            Mishap::End(at) => bytes.truncate(at.index(len)),
        }
    }
    bytes
}

fn mishaps() -> impl Strategy<Value = Vec<Mishap>> {
    prop::collection::vec(mishap(), 0..4)
}

/// Any JSON with the names that a body has and others.
fn json_of(names: Vec<&'static str>) -> impl Strategy<Value = Value> {
    let word = || prop_oneof![prop::sample::select(BITS).prop_map(str::to_owned), any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    let name = prop_oneof![9 => prop::sample::select(names).prop_map(str::to_owned), 1 => word()];
    leaf.prop_recursive(4, 48, 12, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(name.clone(), inner, 0..12).prop_map(|all| all.into_iter().collect()),
        ]
    })
}

/// Tries `test` on many of `strategy`.
fn try_all<S: Strategy>(strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|it| it.parse().ok()).unwrap_or(CASES);
    let config =
        ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 2_000, ..ProptestConfig::default() };
    TestRunner::new(config).run(strategy, test).unwrap_or_else(|failure| panic!("{failure}"));
}

/// An answer that is no fault of the house, in the shape that every refusal has.
fn is_answered(answer: &Answer) -> Result<(), TestCaseError> {
    prop_assert!(answer.status.as_u16() < 500, "{}: {}", answer.status, answer.text());
    if !answer.status.is_success() {
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        prop_assert!(said["code"].is_string() && said["error"].is_string(), "{}: {}", answer.status, answer.text());
    }
    Ok(())
}

fn is_whole(db: &Db) {
    let faults: String =
        db.read_here(|tx| Ok(tx.query_row("pragma quick_check", [], |row| row.get(0))?)).expect("checked");
    assert_eq!(faults, "ok");
    let strays: i64 = db
        .read_here(|tx| Ok(tx.query_row("select count(*) from pragma_foreign_key_check", [], |row| row.get(0))?))
        .expect("checked");
    assert_eq!(strays, 0);
}

fn waiting<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}

/// What a delivery may hold: its own two names, and those of a mentor's fields.
fn names_of_a_delivery() -> Vec<&'static str> {
    ["recordId", "fields"].into_iter().chain(MENTOR_FIELDS.iter().copied()).collect()
}

#[test]
fn no_delivery_makes_the_webhook_fall() {
    let house = webhook::house();
    let valid: Vec<Vec<u8>> = five_mentors().lines().map(|line| line.as_bytes().to_vec()).collect();
    let bytes = (prop::sample::select(valid), mishaps()).prop_map(|(whole, mishaps)| mangled(&whole, &mishaps));
    let tree = json_of(names_of_a_delivery())
        .prop_map(|fields| json!({ "recordId": "rec1", "fields": fields }).to_string().into_bytes());
    let any_tree = json_of(names_of_a_delivery()).prop_map(|body| body.to_string().into_bytes());
    let kept = std::cell::Cell::new(0);
    try_all(&prop_oneof![4 => bytes, 2 => tree, 1 => any_tree], |body| {
        let signature = webhook::signature(webhook::SECRET, &body);
        let answer = waiting(webhook::send(&house, &body, &[&signature]));
        kept.set(kept.get() + u32::from(answer.status == StatusCode::OK));
        is_answered(&answer)
    });
    assert!(kept.get() > 0, "some are deliveries after all");
    let fresh =
        json!({ "recordId": "fresh", "fields": { "Email": "fresh@example.org", "Name": "Fresh", "Timezone": "UTC" } });
    assert_eq!(waiting(webhook::deliver(&house, &fresh)).status, StatusCode::OK, "and it still takes one");
    is_whole(&house.app.db);
    house.work();
}

#[test]
fn no_question_makes_matching_fall() {
    let house = TestApp::new();
    house.import(&five_mentors());
    let cookie = waiting(house.sign_in("mia@example.org", Role::Mentee));
    let right = json!({
        "query": "How do I price a pilot in Fintech?", "industries": ["SaaS"], "stages": ["Seed"], "expertise": ["pricing"],
        "limit": 5, "minScore": 0, "availableWithinDays": 60, "exact": false
    });
    let plain = json!({ "query": "I want to rais a seed round, but which term sheat is fair?" });
    let names = vec!["query", "industries", "stages", "expertise", "limit", "minScore", "availableWithinDays", "exact"];
    let right = prop::sample::select(vec![right.to_string().into_bytes(), plain.to_string().into_bytes()]);
    let bytes = (right, mishaps()).prop_map(|(whole, mishaps)| mangled(&whole, &mishaps));
    let tree = json_of(names).prop_map(|body| body.to_string().into_bytes());
    let text = any::<String>().prop_map(|query| json!({ "query": query }).to_string().into_bytes());
    let answered = std::cell::Cell::new(0);
    try_all(&prop_oneof![3 => bytes, 1 => tree, 2 => text], |body| {
        let answer = waiting(house.post_raw("/api/match", Some(&cookie), "application/json", body));
        if answer.status == StatusCode::OK {
            answered.set(answered.get() + 1);
            for found in answer.json()["matches"].as_array().expect("a list") {
                let score = found["matchScore"].as_f64().expect("a number");
                prop_assert!((0.0..=100.0).contains(&score), "{found}");
            }
        }
        is_answered(&answer)
    });
    assert!(answered.get() > 0, "some are questions after all");
}

fn new_db() -> (tempfile::TempDir, Db) {
    let directory = quick_directory();
    let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
    let db = Db::open(directory.path(), clock, 1).expect("a new database");
    (directory, db)
}

/// A file of each kind as an export writes it, from an office where something happened.
fn files(format: Format) -> Vec<(Kind, Vec<u8>)> {
    let (_keep, db) = new_db();
    let mentors = five_mentors();
    taken(&db, Kind::Mentors, Format::JsonLines, &mentors);
    taken(
        &db,
        Kind::Mentees,
        Format::JsonLines,
        &json!({ "Email": "bo0@example.org", "Name": "Bo", "Timezone": "Europe/Berlin", "Goals": "To sell" })
            .to_string(),
    );
    let ids = "00000000-0000-4000-8000-0000000000";
    let slot = json!({
        "id": format!("{ids}01"), "mentorRecordId": "ada", "startsAt": "2030-03-05T09:00:00Z",
        "endsAt": "2030-03-05T09:30:00Z", "capacity": 2
    });
    let session = json!({
        "id": format!("{ids}02"), "mentorRecordId": "ada", "startsAt": slot["startsAt"], "endsAt": slot["endsAt"],
        "slotId": slot["id"], "seatNo": 1, "menteeEmail": "bo0@example.org", "status": "booked"
    });
    for (kind, line) in [(Kind::Availability, &slot), (Kind::Sessions, &session)] {
        let report = taken(&db, kind, Format::JsonLines, &line.to_string());
        assert!(report.errors.is_empty(), "{report:?}");
    }
    Kind::ALL.into_iter().map(|kind| (kind, exported(&db, kind, format).into_bytes())).collect()
}

#[test]
fn no_file_makes_an_import_fall_and_what_it_took_comes_out_and_in_again() {
    let of_both = [Format::JsonLines, Format::Csv].into_iter();
    let whole: Vec<(Kind, Format, Vec<u8>)> =
        of_both.flat_map(|format| files(format).into_iter().map(move |(kind, file)| (kind, format, file))).collect();
    let people: Vec<Vec<u8>> = whole.iter().take(2).map(|(_, _, file)| file.clone()).collect();
    let strategy = (prop::sample::select(whole), mishaps(), any::<bool>());
    try_all(&strategy, |((kind, format, file), mishaps, says_kind)| {
        let (_keep, db) = new_db();
        // What hours, slots and sessions are about has to be there for them to be taken.
        for (kind, file) in [Kind::Mentors, Kind::Mentees].into_iter().zip(&people) {
            taken(&db, kind, Format::JsonLines, &String::from_utf8_lossy(file));
        }
        let file = mangled(&file, &mishaps);
        let manner = Manner { format, n_rows: 0 };
        let actor = Actor::nobody("import");
        let report =
            books::import(Place::Kept(&db), &actor, manner, says_kind.then_some(kind), file.as_slice(), |_| ());
        match report {
            Ok(report) => prop_assert!(report.errors.iter().all(|error| !error.problem.is_empty())),
            Err(refusal) => prop_assert!(refusal.code != "internal", "{refusal:?}"),
        }
        is_whole(&db);
        let (_keep, other) = new_db();
        for kind in Kind::ALL {
            let report = taken(&other, kind, Format::JsonLines, &exported(&db, kind, Format::JsonLines));
            prop_assert!(report.errors.is_empty(), "{}: {:?}", kind.name(), report.errors);
        }
        for kind in Kind::ALL {
            let (before, after) = (exported(&db, kind, Format::JsonLines), exported(&other, kind, Format::JsonLines));
            prop_assert_eq!(before, after, "{}", kind.name());
        }
        Ok(())
    });
}

#[test]
fn no_settings_make_the_reading_of_settings_fall() {
    let shipped = include_bytes!("../../config.toml");
    // The comments stay out of it: most mishaps would fall into them.
    let lines = shipped.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#") && !line.is_empty());
    let bare: Vec<u8> = lines.collect::<Vec<_>>().join(&b'\n');
    let directory = quick_directory();
    let path = directory.path().join("config.toml");
    let flags = Flags { config: Some(path.clone()), ..Flags::default() };
    let read = std::cell::Cell::new([0, 0]);
    try_all(&mishaps(), |mishaps| {
        let mut file = std::fs::File::create(&path).expect("a file");
        file.write_all(&mangled(&bare, &mishaps)).expect("written");
        match Config::load(&flags) {
            Ok(_) => read.set([read.get()[0] + 1, read.get()[1]]),
            Err(refusal) => {
                read.set([read.get()[0], read.get()[1] + 1]);
                prop_assert!(refusal.code != "internal", "{refusal:?}");
                prop_assert!(!refusal.to_string().is_empty());
            }
        }
        Ok(())
    });
    assert!(read.get().into_iter().all(|n| n > 0), "taken and refused: {:?}", read.get());
}
