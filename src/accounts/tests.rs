use chrono::TimeDelta;

use super::*;
use crate::clock::Clock;
use crate::db::Db;

const RULES: LoginRules = LoginRules { idle_days: 14, max_days: 60, is_guarded: true };

async fn house() -> (tempfile::TempDir, Db, Passwords) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
    let db = Db::open(directory.path(), clock, 2).expect("a new database");
    let passwords = Passwords::new().expect("randomness");
    let hash = passwords.hash_for("correct horse battery".to_owned(), &[]).await.expect("long enough");
    let new = NewUser {
        email: "Ada@Example.org".to_owned(),
        name: "Ada".to_owned(),
        role: Role::Mentee,
        timezone: "UTC".to_owned(),
        password_hash: Some(hash),
    };
    db.write(move |tx| create(tx, &new)).await.expect("a new account");
    (directory, db, passwords)
}

async fn try_sign_in(db: &Db, passwords: &Passwords, email: &str, password: &str) -> Result<(Login, String)> {
    sign_in(db, passwords, RULES, email, password.to_owned(), Device::default()).await
}

#[tokio::test]
async fn a_person_signs_in_however_the_address_is_cased_and_out_again() {
    let (_keep, db, passwords) = house().await;
    let (login, secret) =
        try_sign_in(&db, &passwords, " ada@EXAMPLE.org ", "correct horse battery").await.expect("signed in");
    assert_eq!(login.user.email, "Ada@Example.org");
    let seen = signed_in(&db, RULES, &secret).await.expect("read").expect("still signed in");
    assert_eq!(seen.user.id, login.user.id);
    sign_out(&db, &secret).await.expect("signed out");
    assert!(signed_in(&db, RULES, &secret).await.expect("read").is_none());
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer() {
    let (_keep, db, passwords) = house().await;
    let wrong = try_sign_in(&db, &passwords, "ada@example.org", "wrong").await.expect_err("refused");
    let unknown = try_sign_in(&db, &passwords, "bo@example.org", "wrong").await.expect_err("refused");
    assert_eq!((wrong.code, &wrong.message), (unknown.code, &unknown.message));
}

#[tokio::test]
async fn a_login_ends_when_unused_and_at_its_latest_day() {
    let (_keep, db, passwords) = house().await;
    let (_, secret) =
        try_sign_in(&db, &passwords, "ada@example.org", "correct horse battery").await.expect("signed in");
    for _ in 0..5 {
        db.clock().advance(TimeDelta::days(10));
        assert!(signed_in(&db, RULES, &secret).await.expect("read").is_some(), "used every ten days");
    }
    db.clock().advance(TimeDelta::days(11));
    assert!(signed_in(&db, RULES, &secret).await.expect("read").is_none(), "after sixty days");
    let (_, secret) =
        try_sign_in(&db, &passwords, "ada@example.org", "correct horse battery").await.expect("signed in");
    db.clock().advance(TimeDelta::days(15));
    assert!(signed_in(&db, RULES, &secret).await.expect("read").is_none(), "unused for fifteen days");
}

#[tokio::test]
async fn an_account_that_is_not_in_use_cannot_sign_in_and_its_logins_are_over() {
    let (_keep, db, passwords) = house().await;
    let (_, secret) =
        try_sign_in(&db, &passwords, "ada@example.org", "correct horse battery").await.expect("signed in");
    db.write(|tx| Ok(tx.execute("update users set status = 'suspended'", [])?)).await.expect("suspended");
    assert!(signed_in(&db, RULES, &secret).await.expect("read").is_none());
    assert!(try_sign_in(&db, &passwords, "ada@example.org", "correct horse battery").await.is_err());
}

#[tokio::test]
async fn one_address_is_one_person() {
    let (_keep, db, _) = house().await;
    let twin = NewUser {
        email: "ADA@example.ORG".to_owned(),
        name: "Eve".to_owned(),
        role: Role::Admin,
        timezone: "UTC".to_owned(),
        password_hash: None,
    };
    let refusal = db.write(move |tx| create(tx, &twin)).await.expect_err("taken");
    assert_eq!(refusal.code, "email_taken");
}

#[test]
fn addresses_and_names_are_checked() {
    for good in ["a@b.org", "müller@exämple.de", "a+b@sub.example.org", "o'hara@example.org"] {
        assert!(check_email(good).is_ok(), "{good}");
    }
    let long = format!("{}@example.org", "x".repeat(250));
    for bad in
        ["", "a", "@b.org", "a@", "a@b..org", "a b@c.org", "a@b.org\r\nBcc: x@y.org", "<a@b.org>", "a@b@c.org", &long]
    {
        assert!(check_email(bad).is_err(), "{bad}");
    }
    assert_eq!(check_name("  Ada \t Lovelace ").expect("a name"), "Ada Lovelace");
    assert!(check_name(" ").is_err() && check_name("A\0da").is_err() && check_name(&"x".repeat(201)).is_err());
    assert_eq!(check_timezone("Europe/Berlin").expect("a zone"), "Europe/Berlin");
    assert!(check_timezone("Mars/Olympus").is_err());
}
