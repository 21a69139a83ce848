//! What surrounds Tandem goes wrong: the disk fills up, the directory cannot be written, the mail server falls silent, a
//! job is poisoned, the clock jumps. What was promised holds, and the message names the cause.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use axum::http::StatusCode;
use chrono::TimeDelta;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tandem::accounts::Role;
use tandem::booking::watch::{self, Done};
use tandem::jobs::{self, Kind};

use crate::binary::in_directory;
use crate::booking_servers::laid_down;
use crate::office::{Office, refusal};
use crate::running::{Answer, Running, tail, until};
use crate::smtp::{MailServer, Manner};
use crate::test_app::{PASSWORD, TestApp, five_mentors, mentor};
use crate::town::{SETTINGS, Town};

/// A place in the file tree that is mounted until it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// `None`, said aloud, where this user may not mount.
    fn at(place: &Path, steps: &[&[&str]]) -> Option<Self> {
        std::fs::create_dir_all(place).expect("made");
        let mount = |options: &[&str]| {
            let mut command = Command::new("mount");
            let done = command.args(options).arg(place).output();
            done.is_ok_and(|done| done.status.success())
        };
        let (first, others) = steps.split_first().expect("a step");
        if !mount(first) {
            assert!(
                std::env::var_os("TANDEM_TEST_ALL").is_none(),
                "TANDEM_TEST_ALL is set, but nothing can be mounted"
            );
            eprintln!("SKIPPED: disks are filled and shut where one may mount (root)");
            return None;
        }
        let mounted = Self(place.to_owned());
        for options in others {
            assert!(mount(options), "{options:?}");
        }
        Some(mounted)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily, for whoever still has a file open there is about to end.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// Writes until there is no room for another byte.
fn fill(file: &Path) {
    let mut file = std::fs::File::create(file).expect("made");
    for size in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![b'x'; size]).is_ok() {}
    }
}

/// Asks for a seat in one slot after the other, each for another mentee.
struct Bookers<'a> {
    town: &'a Town,
    wanted: Vec<(String, String)>,
    acknowledged: Vec<String>,
}

impl<'a> Bookers<'a> {
    fn new(town: &'a Town, server: &Running) -> Self {
        let slots = town.open_slots(server, 0);
        let wanted = town.mentees.iter().zip(&slots).map(|(mentee, slot)| (mentee.clone(), slot.clone())).collect();
        Self { town, wanted, acknowledged: Vec::new() }
    }

    fn book(&mut self, server: &Running) -> Answer {
        let (mentee, slot) = self.wanted.last().expect("slots enough");
        let answer =
            server.ask("POST", "/api/sessions", mentee, &json!({ "slotId": slot, "notes": "x".repeat(4_000) }));
        if answer.status == 201 {
            self.acknowledged.push(answer.json()["id"].as_str().expect("an id").to_owned());
            self.wanted.pop();
        }
        answer
    }

    /// All that was acknowledged is there, in a file that is whole.
    fn check(&self, data: &Path) {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let db = Connection::open_with_flags(data.join("tandem.db"), flags).expect("opened");
        let problem: String = db.query_row("pragma integrity_check", [], |row| row.get(0)).expect("checked");
        assert_eq!(problem, "ok");
        for id in &self.acknowledged {
            let sql = "select count(*) from outbox where session_id = ?1";
            let n_letters: u32 = db.query_row(sql, [id], |row| row.get(0)).expect("counted");
            assert_eq!(n_letters, 2, "{id} of {}", self.town.home.path().display());
        }
    }
}

fn asks(server: &Running, town: &Town, query: &str) -> Value {
    let answer = server.ask("POST", "/api/match", &town.mentees[0], &json!({ "query": query, "limit": 20 }));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn finds(server: &Running, town: &Town, query: &str, name: &str) -> bool {
    asks(server, town, query)["matches"].as_array().expect("a list").iter().any(|it| it["name"] == name)
}

#[test]
fn a_full_disk_refuses_what_would_be_written_and_nothing_else() {
    let town = Town::build(16);
    let data = town.home.path().join("disk");
    let Some(disk) = Mounted::at(&data, &[&["-t", "tmpfs", "-o", "size=40m", "tmpfs"]]) else { return };
    let copied = Command::new("cp").arg("-a").arg(format!("{}/.", town.data().display())).arg(&data).status();
    assert!(copied.expect("cp runs").success());
    let server = Running::start(&data, &town.log(), &SETTINGS);
    let mut bookers = Bookers::new(&town, &server);
    assert_eq!(bookers.book(&server).status, 201);
    let bees = "Keeps bees in the city and harvests their honey.";
    assert_eq!(Town::deliver(&server, "bea", bees).status, 200);
    until("the mentor is found", || finds(&server, &town, bees, "bea"));

    let filler = data.join("filler");
    fill(&filler);
    // The log may have room left from before.
    let refused = loop {
        let answer = bookers.book(&server);
        if answer.status != 201 {
            break answer;
        }
    };
    assert_eq!((refused.status, refused.code().as_str()), (503, "disk_full"), "{}", refused.body);
    assert!(refused.json()["error"].as_str().is_some_and(|it| it.contains("disk is full")), "{}", refused.body);
    assert!(refused.head.to_ascii_lowercase().contains("retry-after: "), "{}", refused.head);
    let delivered = Town::deliver(&server, "cleo", "Knows all about soap.");
    assert_eq!((delivered.status, delivered.code().as_str()), (503, "disk_full"), "{}", delivered.body);
    // Questions that were never asked, and pages that read.
    for number in 0..20 {
        asks(&server, &town, &format!("Who keeps bees, question {number}?"));
    }
    assert!(finds(&server, &town, bees, "bea"));
    assert_eq!(server.ask("GET", "/api/mentors", &town.mentees[0], &Value::Null).status, 200);
    let says = server.component("disk");
    assert!(says["status"] == "warn" && says["says"].as_str().is_some_and(|it| it.contains("disk is full")), "{says}");
    bookers.check(&data);

    // It dies on the full disk, and answers again although there is still no room.
    drop(server);
    let server = Running::start(&data, &town.log(), &SETTINGS);
    until("the mentor is found", || finds(&server, &town, bees, "bea"));
    assert_eq!(bookers.book(&server).code(), "disk_full");
    std::fs::remove_file(&filler).expect("removed");
    assert_eq!(bookers.book(&server).status, 201, "{}", tail(&town.log()));
    assert_eq!(Town::deliver(&server, "cleo", "Boils soap from olive oil in copper kettles.").status, 200);
    until("the mentor is found", || finds(&server, &town, "soap from olive oil in copper kettles", "cleo"));
    bookers.check(&data);

    // The same without a restart.
    fill(&filler);
    while bookers.wanted.len() > 1 && bookers.book(&server).status == 201 {}
    std::fs::remove_file(&filler).expect("removed");
    assert_eq!(bookers.book(&server).status, 201, "there is room again");
    assert_eq!(server.component("mail")["dead"], 0, "letters wait for their next try");
    assert_eq!(server.stop().0, 0);
    bookers.check(&data);
    drop(disk);
}

#[test]
fn a_directory_that_cannot_be_written_is_named_with_the_reason() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    let made = in_directory(
        &data,
        &["admin", "create", "--email", "a@example.org", "--name", "Ada"],
        "correct horse battery\n",
    );
    assert_eq!(made.code, 0, "{}", made.err);
    std::fs::create_dir(home.path().join("empty")).expect("made");
    let place = home.path().join("shut");
    let source = home.path().display().to_string();
    let steps: [&[&str]; 2] = [&["--bind", &source], &["-o", "remount,bind,ro"]];
    let Some(shut) = Mounted::at(&place, &steps) else { return };
    for directory in ["data", "empty", "missing"] {
        for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["match", "bees"], &["backup"]] {
            let run = in_directory(&place.join(directory), arguments, "");
            let names_it = run.err.contains(directory) || arguments == ["backup"];
            let names_cause = ["Read-only", "cannot be written", "not write there", "no database"];
            let names_cause = names_cause.iter().any(|words| run.err.contains(words));
            assert!(run.code == 1 && names_it && names_cause, "{directory} {arguments:?}: {}", run.err);
        }
    }
    drop(shut);
    assert_eq!(in_directory(&data, &["match", "bees"], "").code, 0, "nothing was harmed");
}

#[test]
fn a_mail_server_that_falls_silent_holds_up_neither_bookings_nor_the_stop() {
    let town = Town::build(4);
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("smtp://{}?tls=none", silent.local_addr().expect("an address"));
    let (tell, connected) = mpsc::channel::<TcpStream>();
    std::thread::spawn(move || silent.incoming().flatten().try_for_each(|stream| tell.send(stream)));
    let settings = |url: &str| {
        let own = [("TANDEM_MAIL__SMTP_URL", url.to_owned())];
        SETTINGS.map(|(name, value)| (name, value.to_owned())).into_iter().chain(own).collect::<Vec<_>>()
    };
    let start = |url: &str| {
        let settings = settings(url);
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Running::start(&town.data(), &town.log(), &settings)
    };
    let server = start(&url);
    let mut bookers = Bookers::new(&town, &server);
    assert_eq!(bookers.book(&server).status, 201);
    let _held = connected.recv_timeout(Duration::from_secs(30)).expect("it tries to send");
    let began = std::time::Instant::now();
    assert_eq!(bookers.book(&server).status, 201, "with the postman waiting for an answer");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(server.component("mail")["queued"], 4);
    let (code, took) = server.stop();
    assert!(code == 0 && took < Duration::from_secs(10), "{code} after {took:?}");
    println!("stopped {took:.1?} after it was asked to, with a letter under way to a silent server");
    // The letters are neither lost nor sent twice.
    let mail = MailServer::start(Manner::default());
    let server = start(&mail.url("", "?tls=none"));
    until("the letters arrive", || server.component("mail")["queued"] == 0);
    assert_eq!(server.stop().0, 0);
    let mut to: Vec<String> = mail.arrived().iter().flat_map(|letter| letter.to.clone()).collect();
    to.sort();
    assert_eq!(to.len(), 4, "{to:?}");
    bookers.check(&town.data());
    assert!(!town.data().join("mail").exists() || laid_down(&town.data().join("mail")).is_empty());
}

#[tokio::test]
async fn a_job_that_always_fails_is_counted_given_up_on_and_in_nobodys_way() {
    let house = TestApp::new();
    house.app.db.write_here(|tx| jobs::enqueue(tx, Kind::Embed, "no number")).expect("queued");
    let workers = house.app.start_workers().expect("started");
    let depth = || house.app.db.read_here(jobs::depth).expect("counted");
    // By the workers of a running house, each try when it is due and not before.
    for attempt in 1..=4 {
        let failed = format!("tandem_jobs_total{{kind=\"embed\",result=\"failed\"}} {attempt}\n");
        until(&failed, || house.app.db.meters().render(&[]).expect("rendered").contains(&failed));
        until("it is handed back", || depth().running == 0);
        house.app.db.clock().advance(TimeDelta::minutes(3));
    }
    until("it is given up on", || depth().dead == 1);
    house.import(&five_mentors());
    workers.stop();
    let cookie = house.sign_in("mia@example.org", Role::Mentee).await;
    let answer = house.ask(&cookie, json!({ "query": "How do I price a pilot?" })).await;
    assert_eq!((&answer["degraded"], &answer["matches"][0]["name"]), (&json!([]), &json!("ada")), "others go on");
    let jobs = house.readiness().await.json()["components"]["jobs"].clone();
    assert!(jobs["status"] == "warn" && jobs["says"] == "Jobs given up on: 1.", "{jobs}");
    let dead = house.app.db.read_here(|tx| jobs::dead(tx, 10)).expect("listed");
    assert!(dead[0].key == "no number" && dead[0].last_error.contains("reading a job's key"), "{dead:?}");
    house.app.db.write_here(|tx| Ok(tx.execute_batch("delete from jobs where state = 'dead'")?)).expect("swept");
}

#[tokio::test]
async fn a_clock_that_runs_ahead_and_is_set_back_puts_nothing_off_and_shuts_nobody_out() {
    let house = TestApp::new();
    house.import(&five_mentors());
    let mia = house.sign_in("mia@example.org", Role::Mentee).await;
    let clock = house.app.db.clock().clone();
    clock.advance(TimeDelta::days(400));
    // Meanwhile: a letter, a change, a sweep, somebody who fails to sign in until they have to wait.
    house.post("/api/auth/password/forgot", None, &json!({ "email": "mia@example.org" })).await;
    let changed = mentor("ada", json!({ "Bio": "Knows the zanzibarite papers by heart and lends them out." }));
    let actor = tandem::audit::Actor::nobody("import");
    let format = tandem::sync::Format::JsonLines;
    tandem::sync::import(&house.app.db, &actor, changed.as_bytes(), format, None, |_| ()).expect("taken in");
    let wrong = json!({ "email": "mia@example.org", "password": "not the right one" });
    while house.post("/api/auth/signin", None, &wrong).await.status != StatusCode::TOO_MANY_REQUESTS {}

    clock.advance(TimeDelta::days(-400));
    let session = house.get("/api/auth/session", Some(&mia)).await.json();
    assert_eq!(session["user"]["email"], "mia@example.org", "still signed in");
    let right = json!({ "email": "mia@example.org", "password": PASSWORD });
    let answer = house.post("/api/auth/signin", None, &right).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(house.letters().len(), 1, "the letter goes now, not in a year");
    let answer = house.ask(&mia, json!({ "query": "Who knows the zanzibarite papers?" })).await;
    assert_eq!((&answer["degraded"], &answer["matches"][0]["name"]), (&json!([]), &json!("ada")));
    // What is put off from here on waits as long as it should.
    clock.advance(TimeDelta::hours(1));
    assert_eq!(house.letters().len(), 1, "and goes once");
}

#[test]
fn however_the_clock_jumps_nothing_fires_twice_and_office_hours_stay_in_order() {
    let office = Office::new(6);
    let slots: Vec<_> =
        (0..6).map(|place| office.slot(place % 2, 30 + 20 * i64::try_from(place).expect("few"), 2)).collect();
    for (mentee, slot) in slots.iter().enumerate() {
        office.book(mentee, *slot).expect("booked");
    }
    let jumps = [
        TimeDelta::hours(29),
        TimeDelta::days(-3),
        TimeDelta::hours(74),
        TimeDelta::minutes(45),
        TimeDelta::days(-40),
        TimeDelta::days(41),
        TimeDelta::days(1),
        TimeDelta::days(-2),
        TimeDelta::days(4),
        TimeDelta::days(365),
        TimeDelta::days(-366),
        TimeDelta::days(9),
    ];
    let twice =
        "select count(*) from (select 1 from outbox group by session_id, version, kind, recipient having count(*) > 1)";
    for (number, jump) in jumps.into_iter().enumerate() {
        office.pass(jump);
        let when = format!("jump {number}, {}", office.now());
        watch::round(&office.db, &office.rules).expect("done");
        assert_eq!(watch::round(&office.db, &office.rules).expect("done"), Done::default(), "{when}");
        office.check(&when);
        assert_eq!(office.count(twice), 0, "{when}");
        // What is over cannot be booked; what is still to come can, while there are seats.
        for (place, slot) in slots.iter().enumerate() {
            let starts_at = office.read(|tx| tandem::booking::slots::slot(tx, *slot)).expect("there").starts_at;
            let code = refusal(office.book((place + 1) % 6, *slot), &when).map(|it| it.code);
            assert_eq!(code == Some("in_past"), starts_at <= office.now(), "{when}: {code:?}");
        }
    }
}
