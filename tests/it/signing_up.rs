//! Making an account of one's own, with and without a letter that proves the address, and what
//! hostile input comes to on the way.

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::{Value, json};
use tandem::accounts::Role;
use tandem::config::{Signup, VerifyEmail};
use tandem::mail::Kept;

use crate::test_app::{Answer, PASSWORD, TestApp};

/// A house where addresses must be proven.
pub fn careful_house() -> TestApp {
    TestApp::with(|config| config.accounts.verify_email = VerifyEmail::Always(true))
}

pub async fn sign_up(house: &TestApp, email: &str, password: &str) -> Answer {
    let new = json!({ "email": email, "password": password, "name": "Ada", "role": "mentee" });
    house.post("/api/auth/signup", None, &new).await
}

pub async fn try_password(house: &TestApp, email: &str, password: &str) -> Answer {
    house.post("/api/auth/signin", None, &json!({ "email": email, "password": password })).await
}

/// Sends the secret of a letter's link, with more beside it.
pub async fn redeem(house: &TestApp, path: &str, token: &str, more: Value) -> Answer {
    let mut body = json!({ "token": token });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    house.post(path, None, &body).await
}

pub async fn verify(house: &TestApp, token: &str) -> Answer {
    redeem(house, "/api/auth/verify-email", token, json!({})).await
}

/// The secret in a letter's link.
pub fn token_of(letter: &Kept) -> String {
    letter.link().split_once("token=").expect("a link with a secret").1.to_owned()
}

/// The cookie that an answer set.
pub fn cookie_of(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().expect("a cookie").to_owned()
}

/// One number from the database.
pub fn count(house: &TestApp, sql: &str) -> i64 {
    house.app.db.read_here(|tx| Ok(tx.query_row(sql, [], |row| row.get(0))?)).expect("counted")
}

pub fn advance(house: &TestApp, seconds: i64) {
    house.app.db.clock().advance(TimeDelta::seconds(seconds));
}

fn is_dead_link(answer: &Answer) -> bool {
    answer.status == StatusCode::UNPROCESSABLE_ENTITY
        && answer.code() == "link_dead"
        && answer.json()["fields"]["token"].is_string()
}

#[tokio::test]
async fn where_addresses_need_no_proof_an_account_is_there_and_signed_in_at_once() {
    let house = TestApp::new();
    for (email, role) in [("ada@example.org", "mentor"), ("bo@example.org", "mentee")] {
        let new = json!({ "email": email, "password": "a long enough one", "name": "Ada", "role": role, "timezone": "Europe/Berlin" });
        let answer = house.post("/api/auth/signup", None, &new).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        let user = answer.json()["user"].clone();
        assert_eq!((user["email"].as_str(), user["role"].as_str()), (Some(email), Some(role)));
        let cookie = cookie_of(&answer);
        assert!(answer.header("set-cookie").contains("HttpOnly"));
        assert_eq!(house.get("/api/auth/session", Some(&cookie)).await.json()["user"], user);
        let path = format!("/api/profiles/{}", user["id"].as_str().expect("an id"));
        let profile = house.get(&path, Some(&cookie)).await.json();
        assert_eq!(profile["timezone"], "Europe/Berlin");
        assert!(profile[role]["id"].is_string(), "{profile}");
        assert_eq!(try_password(&house, email, "a long enough one").await.status, StatusCode::OK);
    }
    let again = sign_up(&house, "ADA@example.org", "another long one").await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::CONFLICT, "email_taken"));
    assert!(again.header("set-cookie").is_empty());
    assert!(house.letters().is_empty());
}

#[tokio::test]
async fn where_addresses_must_be_proven_new_and_known_ones_look_alike() {
    let house = careful_house();
    house.sign_in("known@example.org", Role::Mentor).await;
    let mut answers = Vec::new();
    for email in ["new@example.org", "known@example.org", "Known@Example.org"] {
        let answer = sign_up(&house, email, "a long enough one").await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        assert!(answer.header("set-cookie").is_empty());
        answers.push(answer.json());
    }
    assert_eq!(answers, vec![json!({ "status": "check_email" }); 3]);
    assert_eq!(count(&house, "select count(*) from users"), 1, "nobody yet but who was there");
    let letters = house.letters();
    let seen: Vec<_> = letters.iter().map(|letter| (letter.to.as_str(), letter.subject.as_str())).collect();
    let already = "You already have an account at Tandem";
    assert_eq!(seen[0], ("new@example.org", "Confirm your address for Tandem"));
    assert_eq!(seen[1..], [("known@example.org", already); 2], "to the address as it is stored");
    assert!(letters[1].link().ends_with("/signin") && !letters[1].text.contains("token="));
}

#[tokio::test]
async fn a_proven_address_is_an_account_with_a_profile_that_signs_in() {
    let house = careful_house();
    for role in ["mentee", "mentor"] {
        let email = format!("{role}@example.org");
        let new = json!({ "email": email, "password": "a long enough one", "name": "Ada", "role": role });
        assert_eq!(house.post("/api/auth/signup", None, &new).await.status, StatusCode::ACCEPTED);
        let token = token_of(house.letters().last().expect("a letter"));
        let answer = verify(&house, &token).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
        assert!(is_dead_link(&verify(&house, &token).await), "it works once");
        let answer = try_password(&house, &email, "a long enough one").await;
        let id = answer.json()["user"]["id"].as_str().expect("an id").to_owned();
        let profile = house.get(&format!("/api/profiles/{id}"), Some(&cookie_of(&answer))).await.json();
        assert!(profile[role]["id"].is_string(), "{profile}");
    }
    house.work();
}

#[tokio::test]
async fn a_link_that_is_old_foreign_or_nonsense_makes_no_account() {
    let house = careful_house();
    house.sign_in("known@example.org", Role::Mentee).await;
    sign_up(&house, "new@example.org", "a long enough one").await;
    let good = token_of(&house.letters()[0]);
    house.post("/api/auth/magic-link", None, &json!({ "email": "known@example.org" })).await;
    house.post("/api/auth/password/forgot", None, &json!({ "email": "known@example.org" })).await;
    let letters = house.letters();
    let long = "f".repeat(100_000);
    let others = [token_of(&letters[1]), token_of(&letters[2])];
    for token in ["", "0", "not a token", "\u{0}", "' or 1=1 --", long.as_str(), &others[0], &others[1], &good[1..]] {
        assert!(is_dead_link(&verify(&house, token).await), "{}", &token[..token.len().min(20)]);
    }
    for (path, more) in [
        ("/api/auth/magic-link/redeem", json!({})),
        ("/api/auth/password/reset", json!({ "password": "a very long one" })),
    ] {
        assert!(is_dead_link(&redeem(&house, path, &good, more).await), "{path}");
    }
    advance(&house, 24 * 3_600);
    assert!(is_dead_link(&verify(&house, &good).await), "a day has gone");
    assert_eq!(count(&house, "select count(*) from users"), 1);
}

#[tokio::test]
async fn before_the_proof_only_the_right_password_hears_what_is_missing() {
    let house = careful_house();
    sign_up(&house, "new@example.org", "a long enough one").await;
    let wrong = try_password(&house, "new@example.org", "another long one").await;
    let unknown = try_password(&house, "nobody@example.org", "another long one").await;
    assert_eq!((wrong.status, wrong.code().as_str()), (StatusCode::UNAUTHORIZED, "bad_credentials"));
    assert_eq!(wrong.json()["error"], unknown.json()["error"]);
    let right = try_password(&house, "new@example.org", "a long enough one").await;
    assert_eq!((right.status, right.code().as_str()), (StatusCode::FORBIDDEN, "unverified"));
    assert!(right.header("set-cookie").is_empty());
    house.work();
}

#[tokio::test]
async fn every_sign_up_that_waits_hears_what_is_missing_and_no_address_is_given_away() {
    let house = careful_house();
    house.sign_in("known@example.org", Role::Mentee).await;
    for email in ["new@example.org", "known@example.org"] {
        for password in ["the first password", "the second password", "the third password"] {
            assert_eq!(sign_up(&house, email, password).await.status, StatusCode::ACCEPTED);
        }
        for password in ["the first password", "the second password", "the third password"] {
            let answer = try_password(&house, email, password).await;
            assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "unverified"), "{email}");
            assert!(answer.header("set-cookie").is_empty());
        }
        assert_eq!(try_password(&house, email, "none of the three").await.code(), "bad_credentials", "{email}");
    }
    assert_eq!(try_password(&house, "known@example.org", PASSWORD).await.status, StatusCode::OK);
    house.work();
}

#[tokio::test]
async fn of_two_sign_ups_for_one_address_the_one_that_is_proven_counts() {
    for first in [0, 1] {
        let house = careful_house();
        let passwords = ["the first password", "the second password"];
        for password in passwords {
            sign_up(&house, "ada@example.org", password).await;
        }
        let tokens: Vec<_> = house.letters().iter().map(token_of).collect();
        assert_eq!(verify(&house, &tokens[first]).await.status, StatusCode::NO_CONTENT);
        assert!(is_dead_link(&verify(&house, &tokens[1 - first]).await));
        assert_eq!(try_password(&house, "ada@example.org", passwords[first]).await.status, StatusCode::OK);
        let other = try_password(&house, "ada@example.org", passwords[1 - first]).await;
        assert_eq!(other.status, StatusCode::UNAUTHORIZED, "{}", other.text());
        house.work();
    }
}

#[tokio::test]
async fn two_sign_ups_at_one_moment_make_one_account() {
    let house = TestApp::new();
    let (one, other) = tokio::join!(
        sign_up(&house, "ada@example.org", "the first password"),
        sign_up(&house, "Ada@Example.org", "the second password"),
    );
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    assert_eq!(count(&house, "select count(*) from users"), 1);
    assert_eq!(count(&house, "select count(*) from mentees"), 1);

    let house = careful_house();
    let (one, other) = tokio::join!(
        sign_up(&house, "ada@example.org", "the first password"),
        sign_up(&house, "Ada@Example.org", "the second password"),
    );
    assert_eq!((one.status, other.status), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    let tokens: Vec<_> = house.letters().iter().map(token_of).collect();
    let (one, other) = tokio::join!(verify(&house, &tokens[0]), verify(&house, &tokens[1]));
    let n_made = [one, other].iter().filter(|answer| answer.status == StatusCode::NO_CONTENT).count();
    assert_eq!(n_made, 1);
    assert_eq!(count(&house, "select count(*) from users"), 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_sign_up_is_said_by_field() {
    let house = TestApp::new();
    let good = json!({ "email": "ada@example.org", "password": "a long enough one", "name": "Ada", "role": "mentee" });
    let long = "ü".repeat(129);
    for (field, value) in [
        ("password", json!("nine char")),
        ("password", json!("")),
        ("password", json!(long)),
        ("password", json!("1234567890")),
        ("password", json!("Password123")),
        ("password", json!("ada@example.org")),
        ("role", json!("pm")),
        ("role", json!("admin")),
        ("role", json!("root")),
        ("timezone", json!("Mars/Olympus")),
        ("timezone", json!("")),
        ("name", json!(" \t ")),
        ("name", json!("x".repeat(201))),
        ("name", json!("A\u{0}da")),
        ("name", json!("A\u{1b}[2Jda")),
        ("email", json!("ada@example.org\r\nBcc: eve@example.org")),
        ("email", json!("a\u{0}da@example.org")),
        ("email", json!("\u{212A}ay@example.org")),
        ("email", json!("\u{FF41}da@example.org")),
        ("email", json!("ada@\u{FF45}xample.org")),
        ("email", json!("ada\u{200B}@example.org")),
        ("email", json!("ada@example.org\u{202E}")),
        ("email", json!("Ada <ada@example.org>")),
        ("email", json!("ada@example.org,eve@example.org")),
        ("email", json!(format!("{}@example.org", "x".repeat(250)))),
        ("status", json!("active")),
    ] {
        let mut ask = good.clone();
        ask[field] = value;
        let answer = house.post("/api/auth/signup", None, &ask).await;
        let shown: String = ask.to_string().chars().take(200).collect();
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{shown}: {}", answer.text());
        assert!(answer.json()["fields"][field].is_string(), "{shown}: {}", answer.text());
    }
    assert_eq!(count(&house, "select count(*) from users"), 0);
    for (n, password) in ["0 letters.".to_owned(), "käse ".repeat(25) + "mäd"].iter().enumerate() {
        let answer = sign_up(&house, &format!("ada{n}@example.org"), password).await;
        assert_eq!(answer.status, StatusCode::CREATED, "10 and 128 characters: {}", answer.text());
        assert_eq!(try_password(&house, &format!("ada{n}@example.org"), password).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn where_accounts_are_by_invitation_nobody_signs_up() {
    let house = TestApp::with(|config| config.accounts.signup = Signup::Invite);
    house.sign_in("known@example.org", Role::Mentee).await;
    for email in ["new@example.org", "known@example.org"] {
        let answer = sign_up(&house, email, "a long enough one").await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "invite_only"));
    }
    assert_eq!(count(&house, "select count(*) from users"), 1);
}

#[tokio::test]
async fn a_password_of_a_megabyte_costs_nothing() {
    let house = TestApp::new();
    house.sign_in("ada@example.org", Role::Mentee).await;
    let long = "x".repeat(1_000_000);
    for answer in [
        try_password(&house, "ada@example.org", &long).await,
        sign_up(&house, "new@example.org", &long).await,
        redeem(&house, "/api/auth/password/reset", "x", json!({ "password": long })).await,
    ] {
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    }
    // What still fits into a body is no password either, and says so like any other.
    let long = "x".repeat(100_000);
    assert_eq!(try_password(&house, "ada@example.org", &long).await.code(), "bad_credentials");
    assert_eq!(try_password(&house, &long, &long).await.code(), "bad_credentials");
    assert!(sign_up(&house, "new@example.org", &long).await.json()["fields"]["password"].is_string());
}

#[tokio::test]
async fn look_alikes_of_an_address_are_no_way_into_its_account() {
    let house = careful_house();
    house.sign_in("kay@example.org", Role::Mentee).await;
    // Each of these is some program's idea of the same address.
    for email in ["\u{212A}ay@example.org", "\u{FF4B}ay@example.org", "kay@example\u{3002}org", "kay\u{0}@example.org"]
    {
        let answer = house.post("/api/auth/magic-link", None, &json!({ "email": email })).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{email:?}");
        let answer = house.post("/api/auth/password/forgot", None, &json!({ "email": email })).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{email:?}");
    }
    for letter in house.letters() {
        assert_eq!(letter.to, "kay@example.org", "never to what was typed");
    }
}

#[tokio::test]
async fn names_that_would_be_code_or_lines_of_a_letter_are_neither() {
    let house = careful_house();
    let names = [
        ("=cmd()|' /C calc'!A0", "=cmd()|' /C calc'!A0"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("Eve\r\nBcc: eve@example.org\r\n\r\nhello", "Eve Bcc: eve@example.org hello"),
        ("\u{202E}adA", "adA"),
    ];
    for (n, (name, _)) in names.iter().enumerate() {
        let email = format!("n{n}@example.org");
        let new = json!({ "email": email, "password": "a long enough one", "name": name, "role": "mentee" });
        assert_eq!(house.post("/api/auth/signup", None, &new).await.status, StatusCode::ACCEPTED, "{name:?}");
    }
    for (letter, (_, shown)) in house.letters().iter().zip(names) {
        assert_eq!(letter.to_name, shown);
        assert!(!letter.html.contains("<script") && !letter.html.contains('\u{202E}'), "{}", letter.html);
        let raw = String::from_utf8_lossy(&letter.raw).into_owned();
        let head = raw.split("\r\n\r\n").next().expect("headers");
        assert!(!head.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{head}");
        assert_eq!(verify(&house, &token_of(letter)).await.status, StatusCode::NO_CONTENT);
    }
    house.work();
    let admin = house.sign_in("admin@example.org", Role::Admin).await;
    let csv = house.get("/api/admin/events.csv", Some(&admin)).await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let csv = csv.text();
    assert!(csv.contains(",'=cmd()|' /C calc'!A0,"), "{csv}");
    for line in csv.lines() {
        let starts_code = |cell: &str| cell.trim_start_matches('"').starts_with(['=', '+', '-', '@']);
        assert!(!line.split(',').any(starts_code), "{line}");
    }
}
