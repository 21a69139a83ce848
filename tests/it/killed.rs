//! The program under mixed load, killed at moments that chance chooses, over and over: bookings and their ends, signed
//! deliveries, questions and backups. Whatever was acknowledged is there afterwards, once. `TANDEM_KILL_ROUNDS` says how
//! often, `TANDEM_KILL_SEED` which moments.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tandem::backup;
use tandem::clock::Clock;

use crate::binary::{command, in_directory};
use crate::booking_servers::laid_down;
use crate::office::{RULES, rounds};
use crate::running::{Running, send, until};
use crate::town::{SETTINGS, Town};
use crate::webhook::signature;

/// Threads that book, and the mentees of each.
const BOOKERS: usize = 4;
const MENTEES_EACH: usize = 3;

/// Threads that deliver, and the records of each.
const PUSHERS: usize = 2;
const RECORDS_EACH: usize = 3;

/// A start that is slower is told of.
const SLOW: Duration = Duration::from_secs(2);

/// How long a round loads the server at most.
const MOST: Duration = Duration::from_secs(5);

const TOPICS: [&str; 6] =
    ["beekeeping yearbooks", "drone permits", "pricing almanacs", "term sheets", "sales playbooks", "hiring handbooks"];

/// What chance gives, the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let at = self.below(all.len() as u64);
        &all[usize::try_from(at).expect("few")]
    }
}

/// What a thread heard before the line went dead.
#[derive(Default)]
struct Heard {
    booked: Vec<String>,
    cancelled: Vec<String>,
    /// Asked, and never answered: the mentee's token, the key and the slot; and the session to be called off.
    unanswered: Option<(String, String, String)>,
    uncancelled: Option<String>,
    /// By record: the newest edit that was acknowledged, and the newest that was sent.
    edits: BTreeMap<String, (u64, u64)>,
    backups: Vec<String>,
    n_busy: u64,
}

/// Books, and calls off now and then, until nobody answers.
fn book(
    address: &str,
    said: &AtomicU64,
    mentees: &[String],
    slots: &[String],
    prefix: &str,
    chance: &mut Chance,
) -> Heard {
    let mut heard = Heard::default();
    for number in 0.. {
        let (token, slot) = (chance.of(mentees), chance.of(slots));
        let (bearer, key) = (format!("Bearer {token}"), format!("{prefix}-{number}"));
        let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", key.as_str())];
        let body = json!({ "slotId": slot, "notes": "About prices" }).to_string();
        let Some(answer) = send(address, "POST", "/api/sessions", &headers, &body) else {
            heard.unanswered = Some((token.clone(), key, slot.clone()));
            break;
        };
        said.fetch_add(1, Ordering::SeqCst);
        if answer.status != 201 {
            let is_refusal = ["slot_taken", "mentee_busy", "already_booked"].contains(&answer.code().as_str());
            assert!(answer.status == 409 && is_refusal, "{} {}", answer.head, answer.body);
            continue;
        }
        let id = answer.json()["id"].as_str().expect("an id").to_owned();
        // Every other one, so that the slots do not run out.
        if chance.below(2) == 0 {
            heard.booked.push(id);
            continue;
        }
        let path = format!("/api/sessions/{id}/cancel");
        let reason = r#"{"reason":"Another time"}"#;
        let Some(answer) = send(address, "POST", &path, &headers[..1], reason) else {
            heard.uncancelled = Some(id);
            break;
        };
        assert_eq!(answer.status, 200, "{}", answer.body);
        said.fetch_add(1, Ordering::SeqCst);
        heard.cancelled.push(id);
    }
    heard
}

fn bio(record: &str, edition: u64) -> String {
    let topic = TOPICS[record.bytes().map(usize::from).sum::<usize>() % TOPICS.len()];
    format!("Knows edition {edition} of the {topic} of {record} by heart and lends them out.")
}

/// Delivers edits, each newer than the one before, until nobody answers.
fn push(address: &str, said: &AtomicU64, records: &[String], edition: &AtomicU64, chance: &mut Chance) -> Heard {
    let mut heard = Heard::default();
    loop {
        let (record, number) = (chance.of(records), edition.fetch_add(1, Ordering::SeqCst));
        let fields = json!({ "Email": format!("{record}@example.org"), "Name": record, "Bio": bio(record, number) });
        let body = json!({ "recordId": record, "fields": fields }).to_string();
        let signed = signature(SETTINGS[0].1, body.as_bytes());
        let known = heard.edits.entry(record.clone()).or_default();
        known.1 = number;
        let headers = [("x-airtable-signature", signed.as_str())];
        let Some(answer) = send(address, "POST", "/api/webhooks/airtable", &headers, &body) else { break };
        assert!(answer.status == 200 && answer.json()["changed"] == true, "{} {}", answer.head, answer.body);
        known.0 = number;
        said.fetch_add(1, Ordering::SeqCst);
    }
    heard
}

/// Asks until nobody answers. Who is busy says so.
fn question(address: &str, said: &AtomicU64, token: &str, chance: &mut Chance) -> Heard {
    let mut heard = Heard::default();
    loop {
        let query = format!("Who knows {} number {}?", chance.of(&TOPICS), chance.below(40));
        let bearer = format!("Bearer {token}");
        let body = json!({ "query": query }).to_string();
        let Some(answer) = send(address, "POST", "/api/match", &[("Authorization", &bearer)], &body) else { break };
        assert!(answer.status == 200 || answer.status == 503, "{} {}", answer.head, answer.body);
        heard.n_busy += u64::from(answer.status == 503);
        said.fetch_add(1, Ordering::SeqCst);
    }
    heard
}

/// Has one backup after the other made until nobody answers.
fn back_up(address: &str, said: &AtomicU64) -> Heard {
    let mut heard = Heard::default();
    let secret = format!("Bearer {}", SETTINGS[1].1);
    while let Some(answer) = send(address, "POST", "/api/cron/backup", &[("Authorization", &secret)], "") {
        assert!(answer.status == 200 || answer.code() == "backup_running", "{} {}", answer.head, answer.body);
        if answer.status == 200 {
            heard.backups.push(answer.json()["file"].as_str().expect("a name").to_owned());
        }
        said.fetch_add(1, Ordering::SeqCst);
    }
    heard
}

/// Loads the server from all sides, kills it, and gives what each heard.
fn load_and_kill(
    town: &Town,
    mut server: Running,
    round: u32,
    [edition, said]: [&AtomicU64; 2],
    chance: &mut Chance,
) -> Vec<Heard> {
    let slots = town.open_slots(&server, round);
    let address = server.address.clone();
    // So many answers, and then a little: a busy machine is loaded as much as an idle one.
    let (n_wanted, after) = (chance.below(120), Duration::from_micros(chance.below(20_000)));
    let beside = (chance.below(3) == 0).then(|| {
        let mut command = command(&["--data-dir", &town.data().display().to_string(), "backup"]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().expect("it starts")
    });
    let mut seeds: Vec<u64> = (0..8).map(|_| chance.below(u64::from(u32::MAX))).collect();
    let all = std::thread::scope(|scope| {
        let (address, slots, n_before) = (address.as_str(), slots.as_slice(), said.load(Ordering::SeqCst));
        let mut threads = Vec::new();
        for (number, own) in town.mentees.chunks(MENTEES_EACH).enumerate() {
            let seed = seeds.pop().expect("enough");
            threads.push(
                scope.spawn(move || book(address, said, own, slots, &format!("{round}-{number}"), &mut Chance(seed))),
            );
        }
        for number in 0..PUSHERS {
            let seed = seeds.pop().expect("enough");
            let records: Vec<String> = (0..RECORDS_EACH).map(|it| format!("rec{number}{it}")).collect();
            threads.push(scope.spawn(move || push(address, said, &records, edition, &mut Chance(seed))));
        }
        for token in &town.mentees[..2] {
            let seed = seeds.pop().expect("enough");
            threads.push(scope.spawn(move || question(address, said, token, &mut Chance(seed))));
        }
        if chance.below(2) == 0 {
            threads.push(scope.spawn(move || back_up(address, said)));
        }
        let began = Instant::now();
        while said.load(Ordering::SeqCst) < n_before + n_wanted && began.elapsed() < MOST {
            std::thread::yield_now();
        }
        // This is no waiting for something: it is the moment that chance chose.
        std::thread::sleep(after);
        let was_alive = server.is_alive();
        // Dropping it kills it.
        drop(server);
        assert!(was_alive, "it ended by itself: {}", crate::running::tail(&town.log()));
        threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    });
    if let Some(mut beside) = beside {
        let ended = beside.wait().expect("it ends");
        assert!(ended.code().is_some_and(|code| code <= 1), "{ended:?}");
    }
    all
}

fn looked_at(data: &Path) -> Connection {
    Connection::open_with_flags(data.join("tandem.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("opened")
}

fn count(db: &Connection, sql: &str) -> i64 {
    db.query_row(sql, [], |row| row.get(0)).unwrap_or_else(|cause| panic!("{sql}: {cause}"))
}

/// One session: its state, its letters, those of the occasion.
fn session(db: &Connection, id: &str, kind: &str) -> (Option<String>, u32, u32) {
    let sql = "select (select status from office_sessions where id = ?1),
        (select count(*) from outbox where session_id = ?1 and kind = 'session_confirmed' and state in ('queued', 'sent')),
        (select count(*) from outbox where session_id = ?1 and kind = ?2 and state in ('queued', 'sent'))";
    db.query_row(sql, [id, kind], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("read")
}

fn check_sessions(db: &Connection, heard: &Heard, when: &str) {
    for id in &heard.booked {
        assert_eq!(session(db, id, "session_confirmed"), (Some("booked".to_owned()), 2, 2), "{id}: {when}");
    }
    for id in &heard.cancelled {
        assert_eq!(session(db, id, "session_cancelled"), (Some("cancelled".to_owned()), 2, 2), "{id}: {when}");
    }
    if let Some(id) = &heard.uncancelled {
        let (status, confirmed, cancelled) = session(db, id, "session_cancelled");
        let is_one_of_both = matches!((status.as_deref(), cancelled), (Some("booked"), 0) | (Some("cancelled"), 2));
        assert!(is_one_of_both && confirmed == 2, "{id} {status:?} {confirmed} {cancelled}: {when}");
    }
}

/// What must hold of the file itself.
fn check_file(db: &Connection, when: &str) {
    let problem: String = db.query_row("pragma integrity_check", [], |row| row.get(0)).expect("checked");
    assert_eq!(problem, "ok", "{when}");
    assert_eq!(count(db, "select count(*) from pragma_foreign_key_check"), 0, "{when}");
    for (rule, sql) in RULES {
        assert_eq!(count(db, &format!("select count(*) from ({sql})")), 0, "{rule}: {when}");
    }
    let twice = "select count(*) from (select 1 from outbox where session_id is not null
        group by session_id, kind, recipient having count(*) > 1)";
    assert_eq!(count(db, twice), 0, "a letter twice: {when}");
}

/// Who asked and never heard asks again, as programs do: there is one session of it, or none.
fn ask_again(server: &Running, heard: &Heard, when: &str) {
    let Some((token, key, slot)) = &heard.unanswered else { return };
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", key.as_str())];
    let body = json!({ "slotId": slot, "notes": "About prices" }).to_string();
    let answer = send(&server.address, "POST", "/api/sessions", &headers, &body).expect("answered");
    assert!([200, 201, 409].contains(&answer.status), "{} {}: {when}", answer.head, answer.body);
}

/// The newest edits of all records: what was acknowledged is there, in the database, and found by asking for it.
fn check_profiles(town: &Town, server: &Running, db: &Connection, edits: &BTreeMap<String, (u64, u64)>, when: &str) {
    until("the indexes have caught up", || {
        let parts = server.get("/readyz").expect("answered").json()["components"].clone();
        parts["vectors"]["mentorsWaiting"] == 0 && parts["keywords"]["mentors"].is_u64()
    });
    let visible = "select count(*) from mentors join users on users.id = mentors.user_id
        where active = 1 and visibility <> 'private' and users.status = 'active'";
    let n_visible = count(db, visible);
    for part in ["roster", "keywords"] {
        assert_eq!(server.component(part)["mentors"], n_visible, "{part}: {when}");
    }
    for (record, (acknowledged, sent)) in edits {
        let sql = "select bio from mentors where airtable_record_id = ?1";
        let stored: String = match db.query_row(sql, [record], |row| row.get(0)) {
            Err(rusqlite::Error::QueryReturnedNoRows) if *acknowledged == 0 => continue,
            outcome => outcome.unwrap_or_else(|cause| panic!("{record} is lost, {cause}: {when}")),
        };
        let is_one_of = (*acknowledged..=*sent).any(|edition| stored == bio(record, edition));
        assert!(is_one_of, "{record} holds {stored:?} of {acknowledged} to {sent}: {when}");
        let answer = server.ask("POST", "/api/match", &town.mentees[0], &json!({ "query": stored, "limit": 20 }));
        assert_eq!(answer.status, 200, "{}: {when}", answer.body);
        let answer = answer.json();
        assert_eq!(answer["degraded"], json!([]), "{when}");
        let found = answer["matches"].as_array().expect("a list").iter().find(|it| it["name"] == record.as_str());
        assert_eq!(found.map(|it| &it["bio"]), Some(&json!(stored)), "{record}: {when}");
    }
}

fn in_order(mut times: Vec<Duration>) -> [Duration; 3] {
    times.sort();
    [50, 95, 100].map(|share| times[(times.len() - 1) * share / 100])
}

#[test]
fn sudden_death_under_mixed_load_loses_nothing_that_was_acknowledged() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u32>().expect("a number"));
    let n_rounds = number("TANDEM_KILL_ROUNDS").unwrap_or_else(|| rounds(12, 60));
    let seed = number("TANDEM_KILL_SEED").unwrap_or(2_026);
    println!("{n_rounds} rounds by TANDEM_KILL_SEED={seed}");
    let (town, mut chance, edition) = (Town::build(BOOKERS * MENTEES_EACH), Chance(u64::from(seed)), AtomicU64::new(1));
    let said = AtomicU64::new(0);
    let (mut all, mut edits, mut starts) = (Vec::<Heard>::new(), BTreeMap::<String, (u64, u64)>::new(), Vec::new());
    let mut server = town.start();
    let began = Instant::now();
    for round in 0..n_rounds {
        let heard = load_and_kill(&town, server, round, [&edition, &said], &mut chance);
        server = town.start();
        starts.push(server.ready_after);
        if server.ready_after > SLOW {
            println!("round {round}: ready after {:.1?}", server.ready_after);
        }
        let when = format!("round {round} of seed {seed}");
        for (record, (acknowledged, sent)) in heard.iter().flat_map(|it| &it.edits) {
            let known = edits.entry(record.clone()).or_default();
            *known = ((*acknowledged).max(known.0), *sent);
        }
        let db = looked_at(&town.data());
        for one in &heard {
            check_sessions(&db, one, &when);
            ask_again(&server, one, &when);
        }
        check_file(&db, &when);
        check_profiles(&town, &server, &db, &edits, &when);
        all.extend(heard);
    }
    let took = began.elapsed();
    until("all letters are handed over", || {
        let depth = server.component("jobs")["depth"].clone();
        depth["ready"] == 0 && depth["running"] == 0
    });
    assert_eq!(server.stop().0, 0);
    let db = looked_at(&town.data());
    for one in &all {
        check_sessions(&db, one, "the end");
    }
    check_file(&db, "the end");
    check_letters(&town, &db);
    drop(db);
    check_rest(&town, &all);
    let sum = |of: fn(&Heard) -> u64| all.iter().map(of).sum::<u64>();
    let [middle, most, worst] = in_order(starts);
    println!(
        "{n_rounds} deaths in {took:.0?}: {} answers ({} busy), {} bookings, {} called off, {} edits, {} backups kept their word",
        said.load(Ordering::SeqCst),
        sum(|it| it.n_busy),
        sum(|it| it.booked.len() as u64),
        sum(|it| it.cancelled.len() as u64),
        edition.load(Ordering::SeqCst),
        sum(|it| it.backups.len() as u64),
    );
    println!("ready again after p50 {middle:.0?}, p95 {most:.0?}, worst {worst:.0?}");
    let patience = if std::env::var_os("TANDEM_TEST_ALL").is_some() { 2 } else { 10 };
    assert!(middle < Duration::from_secs(patience), "it starts too slowly");
}

/// Every letter that was handed over lies in the folder once.
fn check_letters(town: &Town, db: &Connection) {
    let letters = laid_down(&town.data().join("mail"));
    assert!(letters.values().all(|n_files| *n_files == 1), "{letters:?}");
    let n_sent = count(db, "select count(*) from outbox where state = 'sent'");
    assert_eq!(i64::try_from(letters.len()).expect("few"), n_sent);
    assert_eq!(count(db, "select count(*) from outbox where state <> 'sent'"), 0, "letters wait");
}

/// The directory at rest: backups that were acknowledged are whole, and `tandem doctor` finds nothing that fails.
fn check_rest(town: &Town, all: &[Heard]) {
    let folder = backup::folder(&town.data());
    let acknowledged: Vec<PathBuf> = all.iter().flat_map(|it| &it.backups).map(|name| folder.join(name)).collect();
    // More than are kept were made: the oldest went, as they should.
    let kept: Vec<&PathBuf> = acknowledged.iter().filter(|path| path.exists()).collect();
    assert!(!kept.is_empty() || acknowledged.is_empty(), "no backup is left");
    for path in kept {
        backup::verify(path, &Clock::System).expect("whole");
    }
    let made = in_directory(&town.data(), &["backup"], "");
    assert_eq!(made.code, 0, "{}", made.err);
    let entries = std::fs::read_dir(&folder).expect("backups").map(|it| it.expect("readable").file_name());
    let unfinished: Vec<_> = entries.filter(|name| !name.to_string_lossy().ends_with(".tar.zst")).collect();
    assert!(unfinished.is_empty(), "what was cut off is swept: {unfinished:?}");
    let report = in_directory(&town.data(), &["doctor", "--json"], "");
    let findings = report.json()["findings"].as_array().expect("a list").clone();
    let failing: Vec<&Value> = findings.iter().filter(|it| it["state"] == "fail").collect();
    assert!(failing.is_empty(), "{failing:?}");
}
