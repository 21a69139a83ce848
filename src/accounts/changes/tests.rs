use super::*;
use crate::accounts::{NewUser, Passwords, create, recovery, tokens, user, user_by_email};
use crate::audit::{Filter, entries};
use crate::clock::{Clock, Moment};
use crate::db::Db;

fn house() -> (tempfile::TempDir, Db) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
    let db = Db::open(directory.path(), clock, 2).expect("a new database");
    (directory, db)
}

fn actor() -> Actor {
    Actor::nobody("192.0.2.7")
}

fn add(db: &Db, email: &str, role: Role) -> User {
    let (email, name, timezone) = (email.to_owned(), "Ada".to_owned(), "UTC".to_owned());
    let new = NewUser { email, name, role, timezone, password_hash: None };
    db.write_here(|tx| create(tx, &new)).expect("created")
}

fn kinds(db: &Db) -> Vec<String> {
    let all = db.read_here(|tx| entries(tx, &Filter::default(), 100)).expect("read");
    all.into_iter().map(|event| event.kind).collect()
}

#[test]
fn details_change_once_and_the_log_names_them_without_saying_them() {
    let (_keep, db) = house();
    let ada = add(&db, "ada@example.org", Role::Mentee);
    let details = Details { name: " Ada  Lovelace\r\n".to_owned(), ..Details::of(&ada) };
    assert!(db.write_here(|tx| set_details(tx, &actor(), &ada, &details)).expect("changed"));
    let now = db.read_here(|tx| user(tx, ada.id)).expect("read").expect("there");
    assert_eq!(now.name, "Ada Lovelace");
    assert!(!db.write_here(|tx| set_details(tx, &actor(), &now, &details)).expect("the same"));
    let all = db.read_here(|tx| entries(tx, &Filter::default(), 100)).expect("read");
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].change, json!({ "before": null, "after": { "fields": ["name"] } }));
}

#[test]
fn the_last_admin_cannot_go_step_down_or_rest() {
    let (_keep, db) = house();
    let ada = add(&db, "ada@example.org", Role::Admin);
    let resting = add(&db, "bo@example.org", Role::Admin);
    db.write_here(|tx| set_status(tx, &actor(), &resting, Status::Inactive)).expect("rests");
    let refusals = [
        db.write_here(|tx| set_role(tx, &actor(), &ada, Role::Pm)).expect_err("needed").code,
        db.write_here(|tx| set_status(tx, &actor(), &ada, Status::Suspended)).expect_err("needed").code,
        db.write_here(|tx| erase(tx, &actor(), &ada)).expect_err("needed").code,
    ];
    assert_eq!(refusals, ["last_admin"; 3]);
    assert_eq!(kinds(&db), ["user.status_changed"], "a refusal changes nothing");
    db.write_here(|tx| set_status(tx, &actor(), &User { status: Status::Inactive, ..resting }, Status::Active))
        .expect("back");
    assert!(db.write_here(|tx| set_role(tx, &actor(), &ada, Role::Pm)).expect("another one is there"));
    assert!(
        !db.write_here(|tx| set_role(tx, &actor(), &User { role: Role::Pm, ..ada.clone() }, Role::Pm)).expect("so")
    );
}

#[tokio::test]
async fn an_erased_account_lets_nobody_in_and_frees_its_address() {
    let (_keep, db) = house();
    let passwords = Passwords::new().expect("randomness");
    let ada = add(&db, "ada@example.org", Role::Mentee);
    let hash = passwords.hash_for("correct horse battery".to_owned(), &[]).await.expect("hashed");
    let text = db
        .write_here(|tx| {
            super::super::set_password(tx, ada.id, &hash)?;
            tokens::create(tx, &actor(), ada.id, "ci", &[tokens::Scope::MatchRead], None)
        })
        .expect("made")
        .1;
    let prove = async |password: &str| recovery::prove(&db, &passwords, &ada, "password", password.to_owned()).await;
    assert_eq!(prove("wrong horse battery").await.expect_err("wrong").code, "bad_credentials");
    prove("correct horse battery").await.expect("right");
    db.write_here(|tx| erase(tx, &actor(), &ada)).expect("erased");
    let found = db.read_here(|tx| Ok((user(tx, ada.id)?, user_by_email(tx, "ada@example.org")?))).expect("read");
    assert!(found.0.is_none() && found.1.is_none());
    let address = format!("deleted-{}@deleted.invalid", ada.id);
    assert!(db.read_here(|tx| user_by_email(tx, &address)).expect("read").is_none());
    assert!(tokens::bearer(&db, &text).await.expect("read").is_none());
    let left = db
        .read_here(|tx| {
            let sql =
                "select name || '|' || email || '|' || status || '|' || coalesce(password_hash, 'none') from users";
            Ok(tx.query_row(sql, [], |row| row.get::<_, String>(0))?)
        })
        .expect("read");
    assert_eq!(left, format!("{NAME_OF_THE_GONE}|{address}|inactive|none"));
    let anew = add(&db, "ada@example.org", Role::Mentee);
    assert_ne!(anew.id, ada.id);
    assert_eq!(kinds(&db), ["user.erased", "token.created"]);
}
