//! Whether a database has the tables, indexes, triggers and views that our migrations make, letter by letter. A file
//! that comes from elsewhere may hold others: a trigger would run with every write, and a table without its checks
//! would take anything.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::Tx;
use super::copy::broken;
use super::open::{self, MIGRATIONS};
use crate::error::{Error, Result};

/// What SQLite itself may add, by its kind and name.
const SQLITES_OWN: [(&str, &str, &str); 3] = [
    ("table", "sqlite_sequence", "CREATE TABLE sqlite_sequence(name,seq)"),
    ("table", "sqlite_stat1", "CREATE TABLE sqlite_stat1(tbl,idx,stat)"),
    ("table", "sqlite_stat4", "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)"),
];

/// Letters of a name that are repeated to people, at most: it may come from a stranger.
const LONGEST_NAME: usize = 60;

/// The parts of a schema by kind and name, each with its table and its text.
type Parts = BTreeMap<(String, String), (String, Option<String>)>;

/// Proves that the database at `path` has nothing but what the migrations up to its schema make, and all of that.
/// Nothing of it is run.
///
/// # Errors
/// `foreign_schema` naming what differs; `foreign_database`, `newer_database` or `damaged_database`.
pub fn check(path: &Path) -> Result<()> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|it| broken(&it))?;
    connection.pragma_update(None, "trusted_schema", false).map_err(|it| broken(&it))?;
    let identity = open::identity(&connection).map_err(|it| broken(&it))?;
    open::check_identity(&identity)?;
    match stranger(&connection, identity.version).map_err(|it| broken(&it))? {
        None => Ok(()),
        Some(what) => Err(Error::operator("foreign_schema", format!("The database {what}."))),
    }
}

/// What first differs in a database that is open, as the end of a sentence that begins with `The database`.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn differs(tx: &Tx<'_>) -> Result<Option<String>> {
    let version = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(stranger(tx, version)?)
}

/// What first differs from the schema of `version`, as the end of a sentence that begins with `The database`.
fn stranger(connection: &Connection, version: i32) -> rusqlite::Result<Option<String>> {
    let model = Connection::open_in_memory()?;
    let n_steps = usize::try_from(version).unwrap_or(0);
    MIGRATIONS.iter().take(n_steps).try_for_each(|sql| model.execute_batch(sql))?;
    let (mut awaited, found) = (parts(&model)?, parts(connection)?);
    for (part, held) in found {
        let says = match awaited.remove(&part) {
            Some(ours) if ours == held => continue,
            None if is_sqlites_own(&part, &held) => continue,
            Some(_) => "has been changed by somebody else",
            None => "was made by somebody else",
        };
        return Ok(Some(format!("holds the {}, which {says} than Tandem", named(&part))));
    }
    let missing = awaited.into_iter().find(|(part, ours)| !is_sqlites_own(part, ours));
    Ok(missing.map(|(part, _)| format!("lacks the {}", named(&part))))
}

fn parts(connection: &Connection) -> rusqlite::Result<Parts> {
    let mut statement = connection.prepare("select type, name, tbl_name, sql from sqlite_schema")?;
    let mut rows = statement.query([])?;
    let mut all = Parts::new();
    while let Some(row) = rows.next()? {
        let (part, table, sql): (_, String, Option<String>) = ((row.get(0)?, row.get(1)?), row.get(2)?, row.get(3)?);
        // A program that was built from files with other line ends makes the same tables.
        let sql = sql.map(|it| it.replace("\r\n", "\n"));
        // Two of one name are none of ours, whatever they say.
        let held = if all.contains_key(&part) { (table, Some(String::new())) } else { (table, sql) };
        all.insert(part, held);
    }
    Ok(all)
}

/// The indexes that SQLite makes for a constraint have no text; which there are follows from the tables'.
fn is_sqlites_own((kind, name): &(String, String), (_, sql): &(String, Option<String>)) -> bool {
    SQLITES_OWN.iter().any(|own| (kind.as_str(), name.as_str(), sql.as_deref()) == (own.0, own.1, Some(own.2)))
}

fn named((kind, name): &(String, String)) -> String {
    let clean = |text: &str| text.chars().filter(|it| !it.is_control()).take(LONGEST_NAME).collect::<String>();
    format!("{} {:?}", clean(kind), clean(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(version: usize) -> Connection {
        let connection = Connection::open_in_memory().expect("opened");
        MIGRATIONS.iter().take(version).for_each(|sql| connection.execute_batch(sql).expect("a migration"));
        connection
    }

    fn told(connection: &Connection, version: usize) -> Option<String> {
        stranger(connection, i32::try_from(version).expect("small")).expect("read")
    }

    #[test]
    fn every_schema_of_ours_is_ours_and_no_other() {
        for version in 1..=MIGRATIONS.len() {
            let connection = of(version);
            assert_eq!(told(&connection, version), None);
            assert!(told(&connection, version - 1).is_some(), "{version} is not the one before");
            connection.execute_batch("analyze").expect("counted");
            assert_eq!(told(&connection, version), None, "what SQLite notes for itself is its own");
        }
    }

    #[test]
    fn whatever_was_added_changed_or_taken_away_is_named() {
        let newest = MIGRATIONS.len();
        let cases = [
            ("create trigger spy after insert on users begin delete from events; end", "holds the trigger \"spy\""),
            ("create view secrets as select * from logins", "holds the view \"secrets\""),
            ("create table mine (x text) strict", "holds the table \"mine\""),
            ("create index slow on users (name)", "holds the index \"slow\""),
            ("alter table settings add column more text", "holds the table \"settings\", which has been changed"),
        ];
        for (sql, says) in cases {
            let connection = of(newest);
            connection.execute_batch(sql).expect("made");
            let found = told(&connection, newest).expect("noticed");
            assert!(found.starts_with(says), "{found}");
        }
        let trigger: String = of(newest)
            .query_row("select name from sqlite_schema where type = 'trigger' limit 1", [], |row| row.get(0))
            .expect("there are triggers");
        let connection = of(newest);
        connection.execute_batch(&format!("drop trigger {trigger}")).expect("gone");
        assert_eq!(told(&connection, newest), Some(format!("lacks the trigger {trigger:?}")));
    }

    #[test]
    fn a_name_of_sqlites_own_hides_nothing() {
        let connection = of(MIGRATIONS.len());
        connection
            .execute_batch(
                "create trigger spy after insert on users begin select 1; end;
                 pragma writable_schema = on;
                 update sqlite_schema set name = 'sqlite_stat1' where name = 'spy';",
            )
            .expect("made");
        let found = told(&connection, MIGRATIONS.len()).expect("noticed");
        assert!(found.starts_with("holds the trigger \"sqlite_stat1\""), "{found}");
    }
}
