use rusqlite::Connection;
use tempfile::TempDir;

use super::archive;
use super::*;
use crate::clock::Clock;
use crate::db::copy::{self, Depth};
use crate::db::{READY, RESTORING};

fn clock() -> Clock {
    Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"))
}

/// A backup of a new database that somebody did something to, with a manifest that tells of it as it is.
fn backup_after(sql: &str) -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().expect("a directory");
    drop(Db::open(home.path(), clock(), 1).expect("made"));
    let connection = Connection::open(home.path().join(DATABASE)).expect("opened");
    connection.pragma_update(None, "journal_mode", "delete").expect("set");
    connection.execute_batch(sql).expect("done");
    drop(connection);
    let census = copy::check(&home.path().join(DATABASE), Depth::Full).expect("sound in itself");
    let members = vec![archive::member(home.path(), DATABASE).expect("looked at")];
    let manifest = Manifest::new(clock().now(), String::new(), census, members);
    let path = home.path().join("crafted");
    archive::pack(&manifest, home.path(), &path, &AtomicBool::new(false)).expect("packed");
    (home, path)
}

/// What is in a directory, but for locks.
fn names(of: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(of).expect("readable");
    let names = entries.map(|it| it.expect("readable").file_name().to_string_lossy().into_owned());
    names.filter(|name| Path::new(name).extension().is_none_or(|ending| ending != "lock")).collect()
}

#[test]
fn a_backup_with_a_schema_of_somebody_elses_is_refused_before_anything_of_it_runs() {
    let (_home, good) = backup_after("");
    let into = tempfile::tempdir().expect("a directory");
    restore(&good, into.path(), false, &clock()).expect("the form itself is right");
    for (sql, part) in [
        ("create trigger spy after insert on settings begin update users set role = 'admin'; end", "trigger \"spy\""),
        ("create trigger spy before insert on events begin select raise(ignore); end", "trigger \"spy\""),
        ("create view everything as select * from users", "view \"everything\""),
        ("create index by_name on users (name)", "index \"by_name\""),
        ("create table other (x text) strict", "table \"other\""),
        ("alter table settings add column other text", "table \"settings\""),
        ("drop trigger events_are_never_changed", "lacks the trigger \"events_are_never_changed\""),
    ] {
        let (_home, bad) = backup_after(sql);
        let into = tempfile::tempdir().expect("a directory");
        let refusal = restore(&bad, into.path(), false, &clock()).expect_err(sql);
        assert_eq!(refusal.code, "foreign_schema", "{sql}");
        assert!(refusal.message.contains(part) && refusal.message.contains("Nothing was changed"), "{refusal}");
        assert!(names(into.path()).is_empty(), "{sql}: {:?}", names(into.path()));
        assert_eq!(verify(&bad, &clock()).expect_err(sql).code, "foreign_schema");
        assert!(!into.path().join(RESTORING).join(READY).exists());
    }
}

#[test]
fn a_snapshot_with_a_schema_of_somebody_elses_is_not_started_from() {
    let home = tempfile::tempdir().expect("a directory");
    drop(Db::open(home.path(), clock(), 1).expect("made"));
    snapshot::take(home.path(), &clock(), &AtomicBool::new(false)).expect("taken");
    let held = home.path().join(SNAPSHOT).join(DATABASE);
    let connection = Connection::open(&held).expect("opened");
    connection.execute_batch("create trigger spy after insert on users begin delete from users; end").expect("made");
    drop(connection);
    let torn = b"this is no database".repeat(300);
    std::fs::write(home.path().join(DATABASE), &torn).expect("written");
    let refusal = recover(home.path(), &clock()).expect_err("refused");
    assert_eq!((refusal.code, refusal.message.contains("\"spy\"")), ("foreign_schema", true), "{refusal}");
    assert_eq!(std::fs::read(home.path().join(DATABASE)).expect("there"), torn, "nothing was changed");
}

#[test]
fn a_database_of_its_own_that_somebody_added_to_is_not_backed_up_as_if_it_could_be_restored() {
    let home = tempfile::tempdir().expect("a directory");
    drop(Db::open(home.path(), clock(), 1).expect("made"));
    let connection = Connection::open(home.path().join(DATABASE)).expect("opened");
    connection.execute_batch("create view mine as select * from users").expect("made");
    drop(connection);
    let refusal = make(home.path(), None, &clock(), "test", &AtomicBool::new(false)).expect_err("refused");
    assert_eq!((refusal.code, refusal.message.contains("view \"mine\"")), ("foreign_schema", true), "{refusal}");
}
