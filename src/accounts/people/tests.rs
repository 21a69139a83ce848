use chrono::TimeDelta;

use super::*;
use crate::accounts::{hash_here, user_by_email};
use crate::audit::{Filter as Entries, entries};
use crate::clock::Clock;
use crate::db::Db;

fn house() -> (tempfile::TempDir, Db) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
    let db = Db::open(directory.path(), clock, 2).expect("a new database");
    (directory, db)
}

fn head() -> Letterhead {
    Letterhead { program: "Tandem".to_owned(), url: "https://tandem.example".to_owned() }
}

fn admin(email: &str) -> NewUser {
    let (email, name, timezone) = (email.to_owned(), "Ada".to_owned(), "UTC".to_owned());
    let password_hash = Some(hash_here("correct horse battery").expect("long enough"));
    // Whatever role is asked for: the setup link makes admins.
    NewUser { email, name, role: Role::Mentee, timezone, password_hash }
}

/// The secret of a new setup link.
fn link(db: &Db) -> Option<String> {
    let url = db.write_here(|tx| setup_link(tx, &head())).expect("written")?;
    let secret = url.strip_prefix("https://tandem.example/setup?token=").expect("the page of the set-up");
    Some(secret.to_owned())
}

fn try_link(db: &Db, secret: &str, email: &str) -> Result<User> {
    db.write_here(|tx| set_up(tx, secret, &admin(email), "192.0.2.7"))
}

fn works(db: &Db, secret: &str) -> bool {
    db.read_here(|tx| is_setup_link(tx, secret)).expect("read")
}

#[test]
fn the_setup_link_makes_one_admin_and_never_another() {
    let (_keep, db) = house();
    let secret = link(&db).expect("nobody runs it yet");
    assert!(works(&db, &secret) && !works(&db, "nonsense"));
    let user = try_link(&db, &secret, "ada@example.org").expect("set up");
    assert_eq!((user.role, user.status), (Role::Admin, Status::Active));
    let seen = db.read_here(|tx| person(tx, user.id)).expect("read").expect("there");
    assert!(seen.is_verified, "whoever holds the machine vouches");
    assert!(!works(&db, &secret));
    assert_eq!(try_link(&db, &secret, "eve@example.org").expect_err("used up").code, "link_dead");
    assert_eq!(link(&db), None);
    let log = db.read_here(|tx| entries(tx, &Entries::default(), 10)).expect("read");
    assert_eq!(log.iter().map(|it| it.kind.as_str()).collect::<Vec<_>>(), ["user.created"]);
    assert!(!log[0].change.to_string().contains("argon2"));
}

#[test]
fn a_setup_link_is_dead_once_there_is_an_admin_by_another_way() {
    let (_keep, db) = house();
    let secret = link(&db).expect("nobody runs it yet");
    let made = db.write_here(|tx| first_admin_if_none(tx, &admin("ada@example.org"))).expect("written");
    assert!(made.is_some_and(|user| user.role == Role::Admin));
    assert!(!works(&db, &secret));
    assert_eq!(try_link(&db, &secret, "eve@example.org").expect_err("too late").code, "link_dead");
    let twice = db.write_here(|tx| first_admin_if_none(tx, &admin("eve@example.org"))).expect("written");
    assert!(twice.is_none());
    assert!(db.read_here(|tx| user_by_email(tx, "eve@example.org")).expect("read").is_none());
    db.write_here(|tx| Ok(tx.execute("update users set status = 'suspended'", [])?)).expect("suspended");
    assert_eq!(link(&db), None, "an admin who rests is still one");
}

#[test]
fn a_new_setup_link_replaces_the_one_before_and_dies_of_age() {
    let (_keep, db) = house();
    let (first, second) = (link(&db).expect("a link"), link(&db).expect("another"));
    assert!(!works(&db, &first) && works(&db, &second));
    assert_eq!(try_link(&db, &first, "ada@example.org").expect_err("replaced").code, "link_dead");
    db.clock().advance(TimeDelta::minutes(30));
    assert!(!works(&db, &second));
    assert_eq!(try_link(&db, &second, "ada@example.org").expect_err("too old").code, "link_dead");
}

#[test]
fn a_setup_that_is_refused_leaves_its_link_good() {
    let (_keep, db) = house();
    let secret = link(&db).expect("a link");
    assert!(try_link(&db, &secret, "no address").expect_err("refused").fields.contains_key("email"));
    assert!(works(&db, &secret), "nothing was used up");
    assert!(try_link(&db, &secret, "ada@example.org").is_ok());
}
