//! Databases of every earlier schema, with rows in them, opened by this Tandem: nothing is lost, a proven copy is
//! taken first, and what cannot be upgraded stays as it was.

use std::path::Path;

use rusqlite::Connection;
use tandem::accounts::Role;
use tandem::clock::Clock;
use tandem::db::copy::{self, Depth};
use tandem::db::{Db, newest_schema};

use crate::test_app::TestApp;

/// "TNDM", as the first Tandem wrote it.
const APPLICATION_ID: i32 = 0x544E_444D;

/// The released migrations, each with the rows that were there when the next one came.
const STEPS: [(&str, &str); 3] = [
    (include_str!("../../src/db/migrations/0001_start.sql"), include_str!("../fixtures/migrations/0001.sql")),
    (include_str!("../../src/db/migrations/0002_accounts.sql"), include_str!("../fixtures/migrations/0002.sql")),
    (include_str!("../../src/db/migrations/0003_office_hours.sql"), include_str!("../fixtures/migrations/0003.sql")),
];

/// Makes the database that a Tandem of this schema would have left.
fn left_by(schema: usize, directory: &Path) {
    let connection = Connection::open(directory.join("tandem.db")).expect("a new database");
    connection.pragma_update(None, "journal_mode", "wal").expect("set");
    connection.pragma_update(None, "application_id", APPLICATION_ID).expect("set");
    connection.pragma_update(None, "foreign_keys", true).expect("set");
    for (number, (tables, rows)) in STEPS.iter().enumerate().take(schema) {
        connection.execute_batch(tables).expect("a released migration");
        connection.execute_batch(rows).unwrap_or_else(|cause| panic!("{}: {cause}", number + 1));
        connection.pragma_update(None, "user_version", i32::try_from(number + 1).expect("small")).expect("set");
    }
}

/// Each row of each table as text, without columns that came later.
fn rows(path: &Path, like: Option<&[(String, Vec<String>)]>) -> Vec<(String, Vec<String>)> {
    let connection = Connection::open(path).expect("opened");
    let mut statement = connection
        .prepare(
            "select name, (select group_concat(name, '|') from pragma_table_info(sqlite_schema.name)) as columns
             from sqlite_schema where type = 'table' and name not glob 'sqlite_*' order by name",
        )
        .expect("read");
    let tables: Vec<(String, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("read")
        .collect::<rusqlite::Result<_>>()
        .expect("read");
    let mut found = Vec::new();
    for (table, columns) in tables {
        let known = like.map(|like| like.iter().find(|(name, _)| *name == table));
        let columns = match known {
            None => columns,
            Some(None) => continue,
            // The first line names the columns that there were.
            Some(Some((_, lines))) => lines[0].clone(),
        };
        let quoted: Vec<String> = columns.split('|').map(|name| format!("quote(\"{name}\")")).collect();
        let sql = format!("select {} from \"{table}\" order by 1", quoted.join(" || ',' || "));
        let mut statement = connection.prepare(&sql).expect("read");
        let lines = statement.query_map([], |row| row.get(0)).expect("read");
        let mut lines: Vec<String> = lines.collect::<rusqlite::Result<_>>().expect("read");
        lines.sort();
        // What Tandem notes for itself is not what was there.
        lines.retain(|line| !line.starts_with("'home'"));
        lines.insert(0, columns);
        found.push((table, lines));
    }
    found
}

#[test]
fn every_earlier_schema_is_upgraded_and_keeps_its_rows() {
    for schema in 1..=STEPS.len() {
        let home = tempfile::tempdir().expect("a directory");
        left_by(schema, home.path());
        let path = home.path().join("tandem.db");
        let before = rows(&path, None);
        assert!(before.iter().filter(|(_, lines)| lines.len() > 1).count() >= 12, "{schema}: there are rows to lose");
        let db = Db::open(home.path(), Clock::System, 1).unwrap_or_else(|it| panic!("{schema}: {it} {:?}", it.cause()));
        db.checkpoint().expect("folded in");
        drop(db);
        assert_eq!(rows(&path, Some(&before)), before, "from schema {schema}");
        let found = copy::check(&path, Depth::Full).expect("sound");
        assert_eq!(found.schema, newest_schema());
        let kept = home.path().join(format!("snapshot/before-schema-{}.db", newest_schema()));
        assert_eq!(rows(&kept, None), before, "the copy from before");
        let kept = copy::check(&kept, Depth::Full).expect("the copy is sound");
        assert_eq!(usize::try_from(kept.schema).expect("small"), schema);
    }
}

#[tokio::test]
async fn an_upgraded_program_answers_and_its_people_are_there() {
    let home = tempfile::tempdir().expect("a directory");
    left_by(1, home.path());
    let house = TestApp::open(home);
    house.app.matcher.remake_dead_vectors().expect("looked for");
    let cookie = house.sign_in("staff@example.org", Role::Pm).await;
    let listed = house.get("/api/mentors", Some(&cookie)).await.text();
    assert!(listed.contains("Prices that stick"), "{listed}");
    let seats = house.app.db.read_here(|tx| {
        Ok(tx.query_row("select n_taken from offers where capacity = 2", [], |row| row.get::<_, u32>(0))?)
    });
    assert_eq!(seats.expect("read"), 1, "the session of the first schema holds its seat");
    house.work();
}

#[test]
fn a_new_database_takes_no_copy_of_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    drop(Db::open(home.path(), Clock::System, 1).expect("made"));
    assert!(!home.path().join("snapshot").exists());
    drop(Db::open(home.path(), Clock::System, 1).expect("opened again"));
    assert!(!home.path().join("snapshot").exists(), "and none where nothing is upgraded");
}

#[test]
fn copies_from_before_earlier_upgrades_go_but_for_the_last_two() {
    let home = tempfile::tempdir().expect("a directory");
    left_by(3, home.path());
    let place = home.path().join("snapshot");
    std::fs::create_dir(&place).expect("made");
    for name in ["before-schema-1.db", "before-schema-2.db", "before-schema-3.db", "before-schema-mine.db"] {
        std::fs::write(place.join(name), "a copy").expect("written");
    }
    drop(Db::open(home.path(), Clock::System, 1).expect("upgraded"));
    let mut left: Vec<String> = std::fs::read_dir(&place)
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    let newest = format!("before-schema-{}.db", newest_schema());
    assert_eq!(left, ["before-schema-3.db", newest.as_str(), "before-schema-mine.db"]);
    copy::check(&place.join(newest), Depth::Full).expect("the copy from before this upgrade is sound");
}

#[test]
fn an_upgrade_that_fails_leaves_the_old_database_and_names_the_way_back() {
    let home = tempfile::tempdir().expect("a directory");
    left_by(3, home.path());
    let path = home.path().join("tandem.db");
    // A table of the next schema is there already, so that its migration fails half way.
    let connection = Connection::open(&path).expect("opened");
    connection.execute_batch("create table hook_letters (in_the_way) strict").expect_err("a column needs a type");
    connection.execute_batch("create table hook_letters (in_the_way text) strict").expect("made");
    drop(connection);
    let before = rows(&path, None);
    let refusal = Db::open(home.path(), Clock::System, 1).err().expect("it cannot");
    assert_eq!(refusal.code, "upgrade_failed");
    for part in ["the database is as it was", "before-schema-", "Tandem you had before"] {
        assert!(refusal.message.contains(part), "{refusal}");
    }
    assert_eq!(rows(&path, None), before);
    let connection = Connection::open(&path).expect("opened");
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("read");
    assert_eq!(version, 3);
    drop(connection);
    let kept = copy::check(&home.path().join(format!("snapshot/before-schema-{}.db", newest_schema())), Depth::Full);
    assert_eq!(kept.expect("sound").schema, 3);
}

#[test]
fn rows_that_point_nowhere_stop_an_upgrade_before_it_begins() {
    let home = tempfile::tempdir().expect("a directory");
    left_by(2, home.path());
    let connection = Connection::open(home.path().join("tandem.db")).expect("opened");
    connection.pragma_update(None, "foreign_keys", false).expect("set");
    connection.execute_batch("delete from mentees").expect("torn out");
    drop(connection);
    let refusal = Db::open(home.path(), Clock::System, 1).err().expect("it is damaged");
    assert_eq!(refusal.code, "database_torn");
    assert!(
        refusal.cause().expect("a cause").contains("office_sessions refers to a row of mentees"),
        "{:?}",
        refusal.cause()
    );
}
