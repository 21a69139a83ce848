//! `tandem doctor`: each thing that may be wrong is made wrong once; what is mended is whole again, and what is not
//! safe to mend is left alone.

use std::path::Path;

use serde_json::Value;
use tandem::accounts::Role;
use tandem::clock::{Clock, Moment};
use tandem::config::{Config, Engine, Setting};
use tandem::jobs::{self, Lane};
use tandem::upkeep::State;
use tandem::upkeep::doctor::{Finding, Patient};

use crate::backups::NEVER;
use crate::binary::{command, file_of, in_directory, tandem};
use crate::smtp::{MailServer, Manner};
use crate::test_app::{TestApp, five_mentors};

/// A moment after the houses of tests were built.
const NOW: &str = "2030-03-05T09:00:00Z";

fn patient(config: Config, now: &str, is_answering: bool) -> Patient {
    Patient::of(config, Vec::new(), Clock::fixed(Moment::parse(now).expect("a time")), is_answering)
}

fn settings_of(directory: &Path) -> Config {
    let mut config = Config::defaults_in(directory);
    config.embedding.engine = Engine::Rten;
    // Any free port: others test beside this.
    config.server.listen = "127.0.0.1:0".parse().expect("an address");
    config
}

fn examine(directory: &Path, change: impl FnOnce(&mut Config)) -> Vec<Finding> {
    let mut config = settings_of(directory);
    change(&mut config);
    patient(config, NOW, false).examine()
}

fn found<'a>(findings: &'a [Finding], id: &str) -> &'a Finding {
    findings.iter().find(|it| it.id == id).unwrap_or_else(|| panic!("nothing is said of {id}: {findings:?}"))
}

fn is(findings: &[Finding], id: &str, state: State, words: &str) {
    let finding = found(findings, id);
    assert_eq!(finding.state, state, "{finding:?}");
    assert!(finding.says.contains(words), "{finding:?}");
    assert_eq!(finding.mend.is_some(), state != State::Ok, "what is wrong comes with what mends it: {finding:?}");
}

/// A directory that somebody has lived in, at rest.
async fn lived_in() -> tempfile::TempDir {
    let house = TestApp::new();
    house.import(&five_mentors());
    house.sign_in("admin@example.org", Role::Admin).await;
    let home = house.close();
    keep(home.path());
    home
}

/// A directory of tests has the mode that the machine gives; one that Tandem makes is its owner's alone.
fn keep(directory: &Path) {
    #[cfg(unix)]
    std::fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("set");
}

fn change(directory: &Path, sql: &str) {
    let db = tandem::db::Db::open(directory, Clock::fixed(Moment::parse(NOW).expect("a time")), 1).expect("opened");
    db.write_here(|tx| Ok(tx.execute_batch(sql)?)).expect("changed");
    db.checkpoint().expect("at rest");
}

#[tokio::test]
async fn a_house_in_order_has_nothing_wrong_and_is_not_changed_by_a_look() {
    let home = lived_in().await;
    let listing = || {
        let entries = std::fs::read_dir(home.path()).expect("readable").map(|it| it.expect("readable").file_name());
        let mut names: Vec<_> = entries.collect();
        names.sort();
        names
    };
    let before = (listing(), std::fs::read(home.path().join("tandem.db")).expect("read"));
    let findings = examine(home.path(), |_| ());
    // No backup, and no mail server: these are for whoever runs it to decide.
    let unwell: Vec<_> = findings.iter().filter(|it| it.state != State::Ok).map(|it| it.id).collect();
    let passing = ["mail", "backup", "file_system", "disk"];
    assert!(unwell.iter().all(|id| passing.contains(id)), "{findings:?}");
    is(&findings, "backup", State::Warn, "no backup");
    is(&findings, "mail", State::Warn, "laid down as files");
    for (id, words) in [
        ("config", "default"),
        ("public_url", "on this machine"),
        ("proxies", "No proxy"),
        ("data_dir", "owner's alone"),
        ("holder", "No process"),
        ("secret_files", "No file"),
        ("sqlite", "3."),
        ("clock", "2030-03-05"),
        ("database", "schema"),
        ("integrity", "sound"),
        ("references", "is there"),
        ("history", "future"),
        ("zones", "known"),
        ("keyword_index", "up to date"),
        ("vectors", "this version's model"),
        ("jobs", "waiting: 0"),
        ("letters", "waiting: 0"),
        ("admin", "Somebody"),
        ("model", "models.lock"),
        ("engine", "built-in"),
        ("port", "free"),
    ] {
        is(&findings, id, State::Ok, words);
    }
    assert_eq!((listing(), std::fs::read(home.path().join("tandem.db")).expect("read")), before);
}

#[test]
fn settings_that_do_not_go_together_are_named() {
    let home = tempfile::tempdir().expect("a directory");
    let open = examine(home.path(), |config| config.server.listen = "0.0.0.0:0".parse().expect("an address"));
    is(&open, "public_url", State::Warn, "letters lead to http://127.0.0.1");
    let plain = examine(home.path(), |config| "http://mentors.example.org".clone_into(&mut config.server.public_url));
    is(&plain, "public_url", State::Warn, "in the clear");
    let proxied =
        examine(home.path(), |config| "https://mentors.example.org".clone_into(&mut config.server.public_url));
    is(&proxied, "public_url", State::Ok, "https://mentors.example.org");
    is(&proxied, "proxies", State::Warn, "not believed");
    let trusted = examine(home.path(), |config| {
        "https://mentors.example.org".clone_into(&mut config.server.public_url);
        config.server.trusted_proxies = vec!["10.0.0.0/8".to_owned()];
    });
    is(&trusted, "proxies", State::Ok, "10.0.0.0/8");
    is(&trusted, "database", State::Warn, "no database yet");
    let nowhere = examine(&home.path().join("nowhere"), |_| ());
    is(&nowhere, "data_dir", State::Warn, "not there yet");
    assert!(!home.path().join("nowhere").exists(), "a look makes nothing");
}

#[cfg(unix)]
#[tokio::test]
async fn what_others_can_read_is_closed_and_an_index_that_is_no_use_goes() {
    use std::os::unix::fs::PermissionsExt;
    let home = lived_in().await;
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    let set = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("set");
    let secret = home.path().join("config.toml");
    std::fs::write(&secret, "[cron]\nsecret = \"s\"\n").expect("written");
    set(home.path(), 0o755);
    set(&secret, 0o644);
    std::fs::write(home.path().join("keywords/meta.json"), "{").expect("written");
    change(
        home.path(),
        "insert into jobs (kind, key, state, due_at, leased_until, created_at)
                         values ('embed', '1', 'running', 0, 0, 0)",
    );
    let setting =
        Setting { key: "cron.secret".to_owned(), value: "(hidden)".to_owned(), origin: secret.display().to_string() };
    let clock = Clock::fixed(Moment::parse(NOW).expect("a time"));
    let patient = Patient::of(settings_of(home.path()), vec![setting], clock, false);
    let findings = patient.examine();
    is(&findings, "data_dir", State::Warn, "other users");
    is(&findings, "secret_files", State::Warn, "config.toml");
    is(&findings, "keyword_index", State::Warn, "cannot be read");
    is(&findings, "jobs", State::Warn, "a process that died");
    let done = patient.mend(&findings).expect("mended");
    assert_eq!(done.len(), 4, "{done:?}");
    assert_eq!((mode(home.path()), mode(&secret)), (0o700, 0o600));
    let findings = patient.examine();
    for (id, words) in [
        ("data_dir", "alone"),
        ("secret_files", "secrets: 1"),
        ("keyword_index", "no keyword index"),
        ("jobs", "waiting: 1"),
    ] {
        is(&findings, id, State::Ok, words);
    }
    assert!(patient.mend(&findings).expect("mended").is_empty(), "and nothing is left to do");
    drop(patient);
    let house = TestApp::open(home);
    house.work();
    assert_eq!(house.app.matcher.parts().n_in_keywords, Some(4), "the index came back by itself");
}

#[tokio::test]
async fn an_index_of_another_database_is_known() {
    let (home, other) = (lived_in().await, lived_in().await);
    std::fs::remove_dir_all(home.path().join("keywords")).expect("removed");
    let (from, to) = (other.path().join("keywords"), home.path().join("keywords"));
    std::fs::rename(from, to).expect("moved");
    is(&examine(home.path(), |_| ()), "keyword_index", State::Warn, "another database");
}

#[tokio::test]
async fn what_the_database_holds_against_the_rules_is_found() {
    let home = lived_in().await;
    change(
        home.path(),
        "update users set timezone = 'Mars/Olympus', role = 'pm' where email = 'admin@example.org';
         insert into jobs (kind, key, state, due_at, created_at) values ('embed', '1', 'dead', 0, 0);
         insert into outbox (message_id, kind, recipient, subject, letter, state, due_at, created_at)
             values ('a@b', 'welcome', 'a@example.org', '', '{}', 'dead', 0, 0);
         insert into events (occurred_at, type) values (4102444800, 'user.changed');
         pragma defer_foreign_keys = on;",
    );
    let findings = examine(home.path(), |_| ());
    is(&findings, "zones", State::Warn, "Mars/Olympus");
    is(&findings, "jobs", State::Warn, "Jobs given up on: 1");
    is(&findings, "letters", State::Warn, "Letters given up on: 1");
    is(&findings, "history", State::Warn, "2100-01-01");
    is(&findings, "admin", State::Warn, "Nobody runs this");
    let early = patient(settings_of(home.path()), "2020-01-01T00:00:00Z", false).examine();
    is(&early, "clock", State::Fail, "2020-01-01");
    let connection = rusqlite::Connection::open(home.path().join("tandem.db")).expect("opened");
    connection
        .execute_batch(
            "pragma foreign_keys = off; insert into expertise (mentor_number, position, area) values (999, 0, 'x')",
        )
        .expect("written");
    drop(connection);
    is(&examine(home.path(), |_| ()), "references", State::Fail, "expertise (1)");
}

#[tokio::test]
async fn damage_an_older_schema_and_a_stranger_are_told_apart() {
    let home = lived_in().await;
    let path = home.path().join("tandem.db");
    let whole = std::fs::read(&path).expect("read");
    let mut damaged = whole.clone();
    // The middle of the file, past the schema: pages that a look has to walk through.
    let middle = damaged.len() / 2 / 4096 * 4096;
    damaged[middle..middle + 3 * 4096].fill(0xA5);
    std::fs::write(&path, &damaged).expect("written");
    is(&examine(home.path(), |_| ()), "integrity", State::Fail, "damaged");
    std::fs::write(&path, "no database at all, but long enough to be taken for one by its name".repeat(20))
        .expect("written");
    is(&examine(home.path(), |_| ()), "database", State::Fail, "not a database");
    std::fs::write(&path, &whole).expect("written");
    let older = rusqlite::Connection::open(&path).expect("opened");
    older.pragma_update(None, "user_version", 1).expect("set");
    drop(older);
    is(&examine(home.path(), |_| ()), "database", State::Warn, "schema 1");
    let newer = rusqlite::Connection::open(&path).expect("opened");
    newer.pragma_update(None, "user_version", 99).expect("set");
    drop(newer);
    is(&examine(home.path(), |_| ()), "database", State::Fail, "newer Tandem");
}

#[tokio::test]
async fn a_backup_grows_old() {
    let home = lived_in().await;
    let made_at = Moment::parse(NOW).expect("a time").plus_days(-3);
    tandem::backup::make(home.path(), None, &Clock::fixed(made_at), "test", &NEVER).expect("made");
    is(&examine(home.path(), |_| ()), "backup", State::Warn, "is old");
    let soon = Clock::fixed(made_at.plus_seconds(60));
    let fresh = Patient::of(settings_of(home.path()), Vec::new(), soon, false).examine();
    is(&fresh, "backup", State::Ok, "in hours: 0");
}

#[test]
fn what_stands_around_is_looked_at() {
    let home = tempfile::tempdir().expect("a directory");
    let server = MailServer::start(Manner { login: Some(("ada", "right")), ..Manner::default() });
    let with_mail = |login: &str| {
        let url = server.url(login, "");
        examine(home.path(), |config| config.mail.smtp_url = url)
    };
    is(&with_mail("ada:right@"), "mail", State::Ok, "shakes hands");
    is(&with_mail("ada:wrong@"), "mail", State::Fail, "refuses the user or the password");
    assert!(server.arrived().is_empty(), "no letter was sent");
    assert!(!server.told().iter().any(|it| it.starts_with("MAIL")), "{:?}", server.told());
    drop(server);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let blocked = examine(home.path(), |config| config.server.listen = address.into());
    is(&blocked, "port", State::Fail, "cannot be listened on");
    let named = "/nowhere/libonnxruntime.so";
    let engine = |engine| {
        examine(home.path(), |config| {
            config.embedding.engine = engine;
            named.clone_into(&mut config.embedding.onnxruntime_library);
        })
    };
    is(&engine(Engine::Auto), "engine", State::Warn, named);
    is(&engine(Engine::Onnxruntime), "engine", State::Fail, "cannot be used");
}

#[tokio::test]
async fn beside_a_running_house_nothing_is_taken_away() {
    let house = TestApp::new();
    house.import(&five_mentors());
    house.app.db.write_here(|tx| jobs::enqueue(tx, jobs::Kind::Embed, "1")).expect("queued");
    let job = house.app.db.write_here(|tx| jobs::claim(tx, Lane::All)).expect("claimed").expect("there is one");
    let directory = house.app.db.directory().to_owned();
    keep(&directory);
    let beside = patient(settings_of(&directory), NOW, true);
    let findings = beside.examine();
    is(&findings, "holder", State::Ok, "in use by process");
    assert!(!findings.iter().any(|it| it.says.contains("Stop it first")), "doctor works beside it");
    is(&findings, "port", State::Ok, "answers");
    is(&findings, "jobs", State::Ok, "No job was given up on");
    is(&findings, "integrity", State::Ok, "sound");
    is(&findings, "keyword_index", State::Ok, "");
    assert!(beside.mend(&findings).expect("nothing to do").is_empty());
    let silent = patient(settings_of(&directory), NOW, false).examine();
    is(&silent, "port", State::Warn, "no Tandem answers");
    std::fs::write(directory.join("keywords/meta.json"), "{").expect("written");
    let findings = beside.examine();
    is(&findings, "keyword_index", State::Warn, "cannot be read");
    assert!(beside.mend(&findings).expect("left alone").is_empty(), "a server works with it");
    assert!(directory.join("keywords").exists());
    house.app.db.write_here(|tx| jobs::finish(tx, &job)).expect("done");
}

#[test]
fn the_command_prints_for_people_and_for_programs_and_fails_where_something_does() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let directory = data.display().to_string();
        let mut all = vec!["--data-dir", &directory, "doctor"];
        all.extend(arguments);
        let mut command = command(&all);
        // A port that nobody has is as free as it gets.
        command.env("TANDEM_SERVER__LISTEN", "127.0.0.1:0").envs(variables.iter().copied());
        let output = command.output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let lines = file_of(home.path(), "mentors.jsonl", &five_mentors());
    assert_eq!(in_directory(&data, &["import", &lines], "").code, 0);
    let (code, text) = run(&[], &[]);
    assert!(code == Some(0) && text.contains("warn  backup") && text.contains("-> tandem backup"), "{text}");
    let (code, text) = run(&["--json"], &[("TANDEM_EMBEDDING__ENGINE", "onnxruntime")]);
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let engine = report["findings"].as_array().expect("a list").iter().find(|it| it["id"] == "engine").expect("said");
    assert_eq!((code, &report["state"], &engine["state"]), (Some(1), &"fail".into(), &"fail".into()));
    std::fs::write(data.join("keywords/meta.json"), "{").expect("written");
    let (code, text) = run(&["--fix", "--json"], &[]);
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code, report["fixed"].as_array().map(Vec::len)), (Some(0), Some(1)), "{text}");
    let broken = file_of(home.path(), "broken.toml", "[server]\nlisen = 1\n");
    let wrong = tandem(&["--config", &broken, "doctor", "--json"], "");
    let report: Value = serde_json::from_str(&wrong.out).expect("JSON");
    let says = report["findings"][0]["says"].as_str().expect("a sentence");
    assert!(wrong.code == 1 && report["findings"][0]["id"] == "config" && says.contains("did you mean"), "{says}");
}
