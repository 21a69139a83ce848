//! Backups, the snapshot and the ways back, as people use them: made beside a server that writes, restored, refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tandem::accounts::{NewUser, Role};
use tandem::app::App;
use tandem::audit::Actor;
use tandem::backup;
use tandem::clock::Clock;
use tandem::config::Config;
use tandem::db::copy::{self, Depth};
use tandem::db::{DirectoryLock, Tx};
use tandem::error::Result;

use crate::binary::{Server, in_directory};
use crate::test_app::{Answer, TestApp, five_mentors, request};

pub static NEVER: AtomicBool = AtomicBool::new(false);

/// The backups of a directory, by name.
fn backups_in(place: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
    let names = entries.map(|it| it.expect("readable").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".tar.zst")).collect();
    names.sort();
    names
}

/// Every file below a directory but locks, with its bytes.
pub fn contents(of: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![of.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|ending| ending != "lock") {
                let bytes = std::fs::read(&path).expect("readable");
                found.insert(path, bytes);
            }
        }
    }
    found
}

/// A directory with five mentors and one admin, at rest.
pub fn lived_in() -> tempfile::TempDir {
    let house = TestApp::new();
    house.import(&five_mentors());
    let new = NewUser {
        email: "admin@example.org".into(),
        name: "Ada".into(),
        role: Role::Admin,
        timezone: "UTC".into(),
        password_hash: None,
    };
    house.app.db.write_here(|tx| tandem::accounts::create(tx, &new).map(drop)).expect("made");
    house.close()
}

pub fn event(tx: &Tx<'_>) -> Result<()> {
    tandem::audit::note_export(tx, &Actor::nobody("test"))
}

fn run_cron(secret: &str) -> axum::http::Request<axum::body::Body> {
    request("POST", "/api/cron/backup", None)
        .header("authorization", format!("Bearer {secret}"))
        .header("content-type", "application/json")
        .body(axum::body::Body::empty())
        .expect("a request")
}

#[tokio::test]
async fn a_backup_made_while_others_write_comes_back_and_answers_the_same() {
    let house = TestApp::new();
    house.import(&five_mentors());
    let cookie = house.sign_in("bo@elsewhere.example", Role::Mentee).await;
    let question = json!({ "query": "How do I price a pilot?" });
    let before = house.ask(&cookie, question.clone()).await;
    let data = house.app.db.directory().to_owned();
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("one.tar.zst");
    std::fs::write(data.join("secret.key"), "a key").expect("written");
    let is_over = AtomicBool::new(false);
    let n_written = std::thread::scope(|scope| {
        let (db, is_over) = (&house.app.db, &is_over);
        let writer = scope.spawn(move || {
            let mut n = 0_u64;
            while !is_over.load(Ordering::SeqCst) {
                db.write_here(event).expect("writing goes on");
                n += 1;
            }
            n
        });
        let end = End(is_over);
        for number in 0..3 {
            let to = home.path().join(format!("{number}.tar.zst"));
            backup::make(&data, Some(&to), house.app.db.clock(), "test", &NEVER).expect("made beside the writer");
        }
        backup::make(&data, Some(&file), house.app.db.clock(), "test", &NEVER).expect("made beside the writer");
        drop(end);
        writer.join().expect("it lives")
    });
    assert!(n_written > 0);
    let other = tempfile::tempdir().expect("a directory");
    let done = backup::restore(&file, other.path(), false, house.app.db.clock()).expect("restored");
    assert_eq!((done.before, done.aside), (None, None));
    assert_eq!(std::fs::read_to_string(other.path().join("secret.key")).expect("there"), "a key");
    let restored = TestApp::open(other);
    restored.work();
    let after = restored.ask(&cookie, question).await;
    assert_eq!(after["matches"], before["matches"], "the same answer from indexes made anew");
    let snapshot = restored.app.db.directory().join("snapshot/tandem.db");
    copy::check(&snapshot, Depth::Full).expect("what was restored has a snapshot at once");
    let kinds: Vec<String> = restored.app.db.read_here(tandem::audit::kinds).expect("read");
    assert!(kinds.iter().any(|kind| kind == "backup.restored"), "{kinds:?}");
}

#[test]
fn a_copy_is_one_plain_file_with_the_rows_of_one_moment() {
    let home = lived_in();
    let to = home.path().join("copy.db");
    let counted = copy::copy(&home.path().join("tandem.db"), &to, &NEVER).expect("copied");
    assert_eq!(counted.counts["mentors"], 5);
    let bytes = std::fs::read(&to).expect("read");
    assert_eq!(bytes[18..20], [1, 1], "it needs no write-ahead log");
    let left: Vec<_> = contents(home.path()).into_keys().collect();
    assert!(!left.iter().any(|it| it.to_string_lossy().contains("-wal")), "{left:?}");
    let other = home.path().join("other.db");
    let refusal =
        copy::copy(&home.path().join("tandem.db"), &other, &AtomicBool::new(true)).expect_err("asked to stop");
    assert_eq!(refusal.code, "stopping");
}

#[test]
fn a_directory_that_holds_data_is_replaced_only_when_told_and_nothing_is_lost() {
    let home = lived_in();
    let away = tempfile::tempdir().expect("a directory");
    let file = away.path().join("b.tar.zst").display().to_string();
    let made = in_directory(home.path(), &["backup", &file], "");
    assert_eq!(made.code, 0, "{}", made.err);
    let again = in_directory(home.path(), &["backup", &file], "");
    assert!(again.code == 1 && again.err.contains("is there already"), "{}", again.err);
    let before = contents(home.path());
    let refused = in_directory(home.path(), &["restore", &file], "");
    assert!(refused.code == 1 && refused.err.contains("--replace"), "{}", refused.err);
    let held = DirectoryLock::take(home.path(), "serve").expect("free");
    let locked = in_directory(home.path(), &["restore", &file, "--replace"], "");
    assert!(locked.code == 1 && locked.err.contains("is in use by process"), "{}", locked.err);
    drop(held);
    assert_eq!(contents(home.path()), before, "nothing was changed");
    let proven = in_directory(home.path(), &["restore", &file, "--dry-run", "--json"], "").json();
    assert_eq!(proven["counts"]["mentors"], 5);
    assert_eq!(contents(home.path()), before, "nothing was changed");
    let replaced = in_directory(home.path(), &["restore", &file, "--replace"], "");
    assert_eq!(replaced.code, 0, "{}", replaced.err);
    let line = replaced.out.lines().find(|line| line.starts_with("mentors ")).expect("counted");
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["mentors", "5", "5"]);
    let after = contents(home.path());
    let old = before[&home.path().join("tandem.db")].clone();
    let aside =
        after.iter().find(|(path, _)| path.to_string_lossy().contains("/replaced-") && path.ends_with("tandem.db"));
    assert_eq!(aside.map(|(_, bytes)| bytes), Some(&old), "what was there lies aside");
    assert!(!home.path().join("restoring").exists());
    let answer = in_directory(home.path(), &["match", "pricing", "--json"], "").json();
    assert_eq!(answer["matches"][0]["name"], "ada");
}

#[test]
fn a_broken_backup_changes_nothing() {
    let home = lived_in();
    let away = tempfile::tempdir().expect("a directory");
    let clock = Clock::System;
    let good = away.path().join("good");
    backup::make(home.path(), Some(&good), &clock, "test", &NEVER).expect("made");
    let whole = std::fs::read(&good).expect("read");
    let before = contents(home.path());
    let bad = away.path().join("bad");
    let n = whole.len();
    let mut versions = vec![Vec::new(), whole[..n / 2].to_vec(), whole[..n - 1].to_vec(), b"PK\x03\x04 a zip".to_vec()];
    for eighth in 0..8 {
        let mut bytes = whole.clone();
        bytes[n * eighth / 8] ^= 0x10;
        versions.push(bytes);
    }
    for (number, bytes) in versions.iter().enumerate() {
        std::fs::write(&bad, bytes).expect("written");
        let refusal = backup::restore(&bad, home.path(), true, &clock).expect_err("refused");
        assert_eq!(refusal.code, "damaged_backup", "{number}");
        assert_eq!(contents(home.path()), before, "{number}");
        let empty = tempfile::tempdir().expect("a directory");
        backup::restore(&bad, empty.path(), false, &clock).expect_err("refused");
        assert_eq!(contents(empty.path()).len(), 0, "{number}");
    }
    let missing = backup::restore(&away.path().join("none"), home.path(), true, &clock).expect_err("refused");
    assert_eq!(missing.code, "not_found");
}

#[test]
fn a_backup_of_a_newer_tandem_is_refused_with_the_way() {
    let home = lived_in();
    let away = tempfile::tempdir().expect("a directory");
    let file = away.path().join("b");
    let app = App::open(Config::defaults_in(home.path()), Clock::System, "test").expect("opened");
    backup::make(home.path(), Some(&file), app.db.clock(), "test", &NEVER).expect("made");
    app.db.write_here(|tx| Ok(tx.pragma_update(None, "user_version", 999)?)).expect("written");
    let refusal = backup::make(home.path(), None, app.db.clock(), "test", &NEVER).expect_err("not ours to judge");
    assert_eq!(refusal.code, "newer_database");
    drop(app);
    // The restored one moves the newer one aside, which is the way back from an upgrade.
    let done = backup::restore(&file, home.path(), true, &Clock::System).expect("restored");
    assert_eq!(done.after.counts["mentors"], 5);
}

#[test]
fn two_backups_are_never_made_at_once_and_none_during_a_restore() {
    let home = lived_in();
    let held = DirectoryLock::take_for_backup(home.path(), "serve").expect("free");
    let run = in_directory(home.path(), &["backup"], "");
    assert!(run.code == 1 && run.err.contains("being made already, by process"), "{}", run.err);
    drop(held);
    assert_eq!(in_directory(home.path(), &["backup"], "").code, 0);
    let nowhere = tempfile::tempdir().expect("a directory");
    let run = in_directory(nowhere.path(), &["backup"], "");
    assert!(run.code == 1 && run.err.contains("no database of Tandem's"), "{}", run.err);
    assert!(!nowhere.path().join("tandem.db").exists(), "and none is made");
}

#[test]
fn a_restore_that_was_cut_off_says_so_and_is_run_again() {
    let home = lived_in();
    let away = tempfile::tempdir().expect("a directory");
    let file = away.path().join("b");
    backup::make(home.path(), Some(&file), &Clock::System, "test", &NEVER).expect("made");
    // Death after the old database was moved aside, before the new one came.
    let restoring = home.path().join("restoring");
    std::fs::create_dir(&restoring).expect("made");
    std::fs::write(restoring.join("ready"), "").expect("written");
    std::fs::rename(home.path().join("tandem.db"), away.path().join("old.db")).expect("moved");
    let run = in_directory(home.path(), &["match", "x"], "");
    assert!(run.code == 1 && run.err.contains("restore FILE --replace"), "{}", run.err);
    assert!(!home.path().join("tandem.db").exists(), "no empty database takes its place");
    backup::restore(&file, home.path(), true, &Clock::System).expect("restored");
    assert_eq!(in_directory(home.path(), &["match", "pricing"], "").code, 0);
}

#[test]
fn the_schedule_makes_backups_keeps_some_and_tries_each_one() {
    let second = tempfile::tempdir().expect("a directory");
    let house = TestApp::with(|config| {
        config.backup.keep = 2;
        config.backup.also_to = second.path().to_owned();
    });
    let place = backup::folder(house.app.db.directory());
    let round = || house.app.backups.round(&NEVER);
    let standing = || house.app.db.read_here(|tx| house.app.backups.standing(tx)).expect("read");
    assert_eq!(standing().word(), "none yet");
    round();
    round();
    assert_eq!(backups_in(&place).len(), 1, "one at the start, and no more until the next is due");
    assert_eq!((standing().word(), standing().last_at), ("ok", Some(house.app.db.clock().now())));
    // A program that shares the second place.
    let foreign = "tandem-00000000-20300101T000000Z.tar.zst";
    std::fs::write(second.path().join(foreign), "theirs").expect("written");
    for _ in 0..3 {
        house.app.db.clock().advance(TimeDelta::hours(24));
        round();
    }
    assert_eq!(backups_in(&place).len(), 2);
    assert!(backups_in(&place)[1].contains("20300307T090000Z"), "{:?}", backups_in(&place));
    let there = backups_in(second.path());
    assert_eq!((there.len(), there.contains(&foreign.to_owned())), (3, true), "{there:?}");
    for name in backups_in(&place) {
        backup::verify(&place.join(&name), house.app.db.clock()).expect("whole");
        assert!(there.contains(&name));
    }
    house.app.db.clock().advance(TimeDelta::hours(49));
    assert_eq!(standing().word(), "overdue");
    // A clock that was wrong and is set right again puts nothing off.
    house.app.db.clock().advance(TimeDelta::days(400));
    round();
    house.app.db.clock().advance(TimeDelta::days(-400));
    round();
    assert_eq!(standing().last_at, Some(house.app.db.clock().now()));
}

#[tokio::test]
async fn a_backup_that_fails_is_shown_and_told_once() {
    let second = tempfile::tempdir().expect("a directory");
    let gone = second.path().join("not-mounted");
    let house = TestApp::with(|config| {
        config.backup.also_to.clone_from(&gone);
        "a scheduler's secret".clone_into(&mut config.cron.secret);
    });
    let cookie = house.sign_in("admin@elsewhere.example", Role::Admin).await;
    let letters = || house.letters().into_iter().filter(|it| it.subject.contains("backup")).count();
    let standing = async || house.readiness().await.json()["components"]["backup"].clone();
    house.app.backups.round(&NEVER);
    let failing = standing().await;
    assert_eq!((letters(), &failing["status"]), (1, &json!("warn")));
    assert!(failing["says"].as_str().is_some_and(|it| it.contains("fail")), "{failing}");
    assert_eq!(house.readiness().await.status, 200, "a warning, no more");
    let page = house.get("/admin", Some(&cookie)).await.text();
    assert!(page.contains("Backups have failed since") && page.contains("backup.also_to"), "{page}");
    assert!(!page.contains("not-mounted"), "pages hold no path");
    let n_made = backups_in(&backup::folder(house.app.db.directory())).len();
    house.app.backups.round(&NEVER);
    assert_eq!(backups_in(&backup::folder(house.app.db.directory())).len(), n_made, "it is not tried at every round");
    let cron = async || house.send(run_cron("a scheduler's secret")).await;
    assert_eq!((cron().await.status.as_u16(), letters()), (500, 1), "told once");
    std::fs::create_dir(&gone).expect("mounted");
    let Answer { status: code, .. } = cron().await;
    assert_eq!((code.as_u16(), &standing().await["status"]), (200, &json!("ok")));
    assert!(!house.get("/admin", Some(&cookie)).await.text().contains("Backups have failed"));
    std::fs::remove_dir_all(&gone).expect("gone again");
    cron().await;
    assert_eq!(letters(), 2, "told again after it had worked");
}

#[cfg(unix)]
#[test]
fn a_backup_killed_at_any_moment_leaves_the_former_one_and_no_half_one() {
    let home = lived_in();
    grow(home.path(), 6_000);
    assert_eq!(in_directory(home.path(), &["backup"], "").code, 0);
    let place = backup::folder(home.path());
    let first = backups_in(&place)[0].clone();
    let whole = std::fs::read(place.join(&first)).expect("read");
    let directory = home.path().display().to_string();
    let mut seed = 7_u64;
    for _ in 0..8 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tandem"))
            .args(["--data-dir", &directory, "backup"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(5 + (seed >> 33) % 400));
        child.kill().expect("killed");
        child.wait().expect("dead");
        for name in backups_in(&place) {
            backup::verify(&place.join(&name), &Clock::System).unwrap_or_else(|it| panic!("{name}: {it}"));
        }
        assert_eq!(std::fs::read(place.join(&first)).expect("there"), whole);
    }
    let last = in_directory(home.path(), &["backup"], "");
    assert_eq!(last.code, 0, "{}", last.err);
    let leftovers = std::fs::read_dir(&place).expect("readable").flatten();
    let leftovers: Vec<_> = leftovers.filter(|it| it.file_name().to_string_lossy().starts_with('.')).collect();
    assert!(leftovers.is_empty(), "what was left half done is swept: {leftovers:?}");
}

/// Fills the audit log, which nothing else reads here.
fn grow(directory: &Path, n_rows: u32) {
    let clock = Clock::System;
    let db = tandem::db::Db::open(directory, clock, 1).expect("opened");
    db.write_here(|tx| (0..n_rows).try_for_each(|_| event(tx))).expect("written");
}

#[cfg(unix)]
#[test]
fn a_backup_is_made_beside_a_running_server_and_the_directory_rests_as_plain_files() {
    let home = lived_in();
    let server = Server::start(home.path(), &["serve", "--listen", "127.0.0.1:0"]);
    let snapshot = home.path().join("snapshot/tandem.db");
    assert!(server.get("/healthz").ends_with("ok"));
    assert!(snapshot.is_file(), "before it answers, a copy of the directory holds a snapshot");
    let made = in_directory(home.path(), &["backup", "--json"], "");
    // The server makes its own first backup at the same time: then there is one all the same.
    let is_made = made.code == 0 || made.err.contains("being made already");
    assert!(is_made, "{}", made.err);
    assert!(server.get("/readyz").contains("\"backup\""));
    assert_eq!(server.stop(), 0);
    let left: Vec<PathBuf> = contents(home.path()).into_keys().collect();
    assert!(
        !left.iter().any(|it| ["-wal", "-shm", "-journal"].iter().any(|end| it.to_string_lossy().ends_with(end))),
        "{left:?}"
    );
    assert!(!left.iter().any(|it| it.to_string_lossy().contains(".tandem-partial")), "{left:?}");
    let rows = |path: &Path| copy::check(path, Depth::Full).expect("whole").counts;
    assert_eq!(rows(&snapshot), rows(&home.path().join("tandem.db")), "the snapshot is as new as the rest");
}

/// Ends a thread when the test is through with it, or has failed.
pub struct End<'a>(pub &'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What the README says in its sections on backups and upgrades is run here, word for word.
#[cfg(unix)]
#[test]
fn the_commands_of_the_readme_work() {
    let readme = include_str!("../../README.md");
    let sections = readme.split("\n## ").filter(|it| it.starts_with("Back up") || it.starts_with("Upgrade"));
    let blocks = sections.flat_map(|section| section.split("```").skip(1).step_by(2));
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("./target/release/tandem "));
    let lines: Vec<&str> = lines.collect();
    assert!(lines.len() >= 4, "{lines:?}");
    let home = lived_in();
    let work = tempfile::tempdir().expect("a directory");
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().filter(|word| !word.starts_with('#')).collect();
        if words.first() == Some(&"serve") {
            continue;
        }
        let run = Command::new(env!("CARGO_BIN_EXE_tandem"))
            .args(&words)
            .env("TANDEM_DATA_DIR", home.path())
            .current_dir(work.path())
            .output()
            .expect("it runs");
        assert!(run.status.success(), "{line}: {}", String::from_utf8_lossy(&run.stderr));
    }
}

/// How a backup looks to programs.
#[tokio::test]
async fn a_scheduler_gets_the_name_of_the_backup() {
    let house = TestApp::with(|config| "a scheduler's secret".clone_into(&mut config.cron.secret));
    let answer = house.send(run_cron("a scheduler's secret")).await;
    let told: Value = answer.json();
    assert_eq!((answer.status.as_u16(), &told["ran"]), (200, &json!(true)), "{told}");
    let name = told["file"].as_str().expect("a name");
    assert!(backup::folder(house.app.db.directory()).join(name).is_file());
    assert!(!told.to_string().contains('/'), "a name, not a path: {told}");
    let held = DirectoryLock::take_for_backup(house.app.db.directory(), "test").expect("free");
    let busy = house.send(run_cron("a scheduler's secret")).await;
    assert_eq!((busy.status.as_u16(), busy.code().as_str()), (409, "backup_running"));
    drop(held);
}

#[test]
fn the_newest_backup_is_restored_on_trial_and_asked_a_question() {
    let house = TestApp::new();
    house.import(&five_mentors());
    let round = || house.app.backups.round(&NEVER);
    let standing = || house.app.db.read_here(|tx| house.app.backups.standing(tx)).expect("read");
    let events = |kind: &str| {
        let n = house.app.db.read_here(|tx| {
            Ok(tx.query_row("select count(*) from events where type = ?1", [kind], |row| row.get::<_, u32>(0))?)
        });
        n.expect("counted")
    };
    let now = || house.app.db.clock().now();
    round();
    let first = now();
    assert_eq!((standing().word(), standing().drilled_at, events("backup.drilled")), ("ok", Some(first), 1));
    house.app.db.clock().advance(TimeDelta::days(3));
    round();
    assert_eq!(standing().drilled_at, Some(first), "not yet");
    house.app.db.clock().advance(TimeDelta::days(4));
    round();
    assert_eq!((standing().drilled_at, events("backup.drilled")), (Some(now()), 2));
    // The disk loses what it was given; no new backup is due.
    let place = backup::folder(house.app.db.directory());
    let newest = place.join(backups_in(&place).last().expect("there is one"));
    std::fs::write(&newest, "rotten").expect("written");
    house.app.db.clock().advance(TimeDelta::days(7));
    let before_backup = now();
    // The backup that is due comes first, and is good: the drill looks at that one.
    round();
    assert_eq!((standing().word(), standing().drilled_at), ("ok", Some(before_backup)));
    let left: Vec<_> = std::fs::read_dir(&place).expect("readable").flatten().collect();
    assert!(!left.iter().any(|it| it.file_name().to_string_lossy().starts_with('.')), "nothing of it is kept");
}

#[tokio::test]
async fn a_backup_that_cannot_be_restored_on_trial_is_told_of_once() {
    let house = TestApp::with(|config| config.backup.every_hours = 0);
    house.sign_in("admin@elsewhere.example", Role::Admin).await;
    let made = house.app.backups.make("test", &NEVER).expect("made");
    let whole = std::fs::read(&made.path).expect("read");
    std::fs::write(&made.path, &whole[..whole.len() / 2]).expect("written");
    let letters = || house.letters().into_iter().filter(|it| it.subject.contains("restored on trial")).count();
    let standing = || house.app.db.read_here(|tx| house.app.backups.standing(tx)).expect("read");
    for _ in 0..3 {
        house.app.backups.round(&NEVER);
        house.app.db.clock().advance(TimeDelta::days(1));
    }
    assert_eq!((standing().word(), letters()), ("failing", 1));
    assert!(standing().drill_failing.is_some_and(|reason| reason.contains("cut short")));
    std::fs::write(&made.path, &whole).expect("written");
    house.app.backups.round(&NEVER);
    assert_eq!((standing().word(), standing().drill_failing), ("ok", None), "tried again a day after it failed");
}
