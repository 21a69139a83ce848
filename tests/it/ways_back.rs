//! Ways in without the password and to a new one: who gets a letter, what a link is good for and
//! for how long, and what the owner's first proof of an address ends.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tandem::accounts::Role;
use tandem::config::VerifyEmail;

use crate::signing_up::{advance, cookie_of, count, redeem, token_of, try_password};
use crate::test_app::{Answer, PASSWORD, TestApp};

const MAGIC: &str = "/api/auth/magic-link";
const FORGOT: &str = "/api/auth/password/forgot";
const RESET: &str = "/api/auth/password/reset";
const NEW: &str = "quite another one";

async fn ask(house: &TestApp, path: &str, email: &str) {
    let answer = house.post(path, None, &json!({ "email": email })).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::ACCEPTED, json!({ "status": "check_email" })), "{email}");
}

/// Asks for a link to `email` and takes its secret from the letter.
async fn link(house: &TestApp, path: &str, email: &str) -> String {
    ask(house, path, email).await;
    token_of(house.letters().last().expect("a letter"))
}

async fn use_magic(house: &TestApp, token: &str) -> Answer {
    redeem(house, "/api/auth/magic-link/redeem", token, json!({})).await
}

async fn reset(house: &TestApp, token: &str, password: &str) -> Answer {
    redeem(house, RESET, token, json!({ "password": password })).await
}

async fn is_signed_in(house: &TestApp, cookie: &str) -> bool {
    house.get("/api/auth/session", Some(cookie)).await.json() != json!({})
}

fn set(house: &TestApp, sql: &str) {
    house.app.db.write_here(|tx| Ok(tx.execute(sql, [])?)).expect("changed");
}

/// The address of every account here is proven.
fn all_proven(house: &TestApp) {
    set(house, "update users set email_verified_at = 1");
}

#[tokio::test]
async fn a_letter_goes_only_to_the_stored_address_of_an_account_in_use() {
    let house = TestApp::new();
    house.sign_in("Ada@example.org", Role::Mentee).await;
    house.sign_in("rests@example.org", Role::Mentee).await;
    set(&house, "update users set status = 'inactive' where email_key = 'rests@example.org'");
    for path in [MAGIC, FORGOT] {
        for email in ["nobody@example.org", "rests@example.org", "", "no address", "\u{0}", " ADA@EXAMPLE.ORG "] {
            ask(&house, path, email).await;
        }
        ask(&house, path, &"x".repeat(100_000)).await;
    }
    let letters = house.letters();
    assert_eq!(letters.iter().map(|it| it.to.as_str()).collect::<Vec<_>>(), ["Ada@example.org"; 2]);
    for answer in [house.post(MAGIC, None, &json!({})).await, house.post(FORGOT, None, &json!({ "email": 7 })).await] {
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.json()["fields"].is_object());
    }
}

#[tokio::test]
async fn a_link_signs_in_once_and_for_a_quarter_of_an_hour() {
    let house = TestApp::new();
    house.sign_in("ada@example.org", Role::Mentee).await;
    all_proven(&house);
    let token = link(&house, MAGIC, "ada@example.org").await;
    let answer = use_magic(&house, &token).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.json()["user"]["email"], "ada@example.org");
    assert!(is_signed_in(&house, &cookie_of(&answer)).await);
    let again = use_magic(&house, &token).await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "link_dead"));
    assert!(again.header("set-cookie").is_empty());
    let (just, late) = (link(&house, MAGIC, "ada@example.org").await, link(&house, MAGIC, "ada@example.org").await);
    advance(&house, 15 * 60 - 1);
    assert_eq!(use_magic(&house, &just).await.status, StatusCode::OK);
    advance(&house, 1);
    assert_eq!(use_magic(&house, &late).await.code(), "link_dead");
    assert_eq!(reset(&house, &late, NEW).await.code(), "link_dead");
    let raced = link(&house, MAGIC, "ada@example.org").await;
    let (one, other) = tokio::join!(use_magic(&house, &raced), use_magic(&house, &raced));
    let n_in = [one, other].iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(n_in, 1, "two at once");
    assert_eq!(try_password(&house, "ada@example.org", PASSWORD).await.status, StatusCode::OK, "it stays");
}

#[tokio::test]
async fn a_new_password_ends_the_old_one_every_login_and_every_other_link() {
    let house = TestApp::new();
    let cookie = house.sign_in("ada@example.org", Role::Mentee).await;
    let bystander = house.sign_in("bo@example.org", Role::Mentee).await;
    all_proven(&house);
    let (first, second) =
        (link(&house, FORGOT, "ada@example.org").await, link(&house, FORGOT, "ada@example.org").await);
    for bad in ["short", "1234567890", "ada@example.org"] {
        let answer = reset(&house, &second, bad).await;
        assert!(answer.json()["fields"]["password"].is_string(), "{}", answer.text());
    }
    assert_eq!(use_magic(&house, &second).await.code(), "link_dead", "it is for something else");
    assert!(is_signed_in(&house, &cookie).await);
    let answer = reset(&house, &second, NEW).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "a refused password used nothing up: {}", answer.text());
    assert!(!is_signed_in(&house, &cookie).await);
    assert!(is_signed_in(&house, &bystander).await);
    for token in [&first, &second] {
        assert_eq!(reset(&house, token, "yet another one").await.code(), "link_dead");
    }
    assert_eq!(try_password(&house, "ada@example.org", PASSWORD).await.code(), "bad_credentials");
    assert_eq!(try_password(&house, "ada@example.org", NEW).await.status, StatusCode::OK);
    let letters = house.letters();
    let told = letters.last().expect("a letter");
    assert_eq!((told.to.as_str(), told.subject.as_str()), ("ada@example.org", "Your password for Tandem was changed"));
    assert!(!told.text.contains(NEW) && !told.text.contains("token="));
    let late = link(&house, FORGOT, "ada@example.org").await;
    advance(&house, 30 * 60);
    assert_eq!(reset(&house, &late, NEW).await.code(), "link_dead");
}

#[tokio::test]
async fn a_link_is_worth_nothing_once_its_account_is_out_of_use() {
    let house = TestApp::new();
    house.sign_in("ada@example.org", Role::Mentee).await;
    let (magic, forgot) = (link(&house, MAGIC, "ada@example.org").await, link(&house, FORGOT, "ada@example.org").await);
    set(&house, "update users set status = 'suspended'");
    assert_eq!(use_magic(&house, &magic).await.code(), "link_dead");
    assert_eq!(reset(&house, &forgot, NEW).await.code(), "link_dead");
    assert_eq!(try_password(&house, "ada@example.org", PASSWORD).await.code(), "bad_credentials");
}

#[tokio::test]
async fn five_letters_an_hour_are_enough_for_one_address() {
    let house = TestApp::new();
    house.sign_in("ada@example.org", Role::Mentee).await;
    house.sign_in("bo@example.org", Role::Mentee).await;
    for path in [MAGIC, FORGOT] {
        let n_before = house.letters().len();
        for _ in 0..8 {
            ask(&house, path, "ada@example.org").await;
        }
        ask(&house, path, "bo@example.org").await;
        let letters = house.letters();
        let to_ada = letters[n_before..].iter().filter(|it| it.to == "ada@example.org").count();
        assert_eq!((to_ada, letters.len() - n_before), (5, 6), "{path}");
        advance(&house, 3_600);
        ask(&house, path, "ada@example.org").await;
        assert_eq!(house.letters().len(), n_before + 7, "{path}: an hour later");
    }
    let careful = crate::signing_up::careful_house();
    for _ in 0..8 {
        assert_eq!(crate::signing_up::sign_up(&careful, "new@example.org", NEW).await.status, StatusCode::ACCEPTED);
    }
    assert_eq!(careful.letters().len(), 5);
}

/// A house that only bounds letters by their address, not requests by where they come from.
fn patient_house(must_verify: bool) -> TestApp {
    TestApp::with(|config| {
        config.limits.enabled = false;
        config.accounts.verify_email = VerifyEmail::Always(must_verify);
    })
}

#[tokio::test]
async fn a_stranger_who_keeps_asking_keeps_nobody_from_a_letter() {
    let house = patient_house(false);
    house.sign_in("ada@example.org", Role::Mentee).await;
    for path in [MAGIC, FORGOT] {
        let n_before = house.letters().len();
        for minute in 0..60 {
            for _ in 0..3 {
                ask(&house, path, "ada@example.org").await;
            }
            let n_sent = house.letters().len() - n_before;
            assert!(n_sent <= 5 + minute / 12, "{path}: {n_sent} letters after {minute} minutes");
            advance(&house, 60);
        }
        let n_sent = house.letters().len() - n_before;
        assert_eq!(n_sent, 9, "{path}: five, and then one every twelve minutes");
    }
    ask(&house, MAGIC, "ada@example.org").await;
    let token = token_of(house.letters().last().expect("a letter"));
    for _ in 0..12 {
        ask(&house, MAGIC, "ada@example.org").await;
        advance(&house, 60);
    }
    assert_eq!(use_magic(&house, &token).await.status, StatusCode::OK, "the last link outlives the wait for another");
    house.work();
}

#[tokio::test]
async fn asking_for_letters_that_are_not_sent_counts_for_nothing() {
    let house = patient_house(false);
    for path in [MAGIC, FORGOT] {
        for _ in 0..9 {
            ask(&house, path, "later@example.org").await;
            ask(&house, path, "rests@example.org").await;
        }
    }
    house.sign_in("later@example.org", Role::Mentee).await;
    for path in [MAGIC, FORGOT] {
        ask(&house, path, "later@example.org").await;
    }
    assert_eq!(house.letters().iter().filter(|it| it.to == "later@example.org").count(), 2);
    let careful = patient_house(true);
    for _ in 0..20 {
        assert_eq!(crate::signing_up::sign_up(&careful, "new@example.org", NEW).await.status, StatusCode::ACCEPTED);
    }
    assert_eq!(careful.letters().len(), 5);
    advance(&careful, 12 * 60);
    assert_eq!(
        crate::signing_up::sign_up(&careful, "new@example.org", "the owner's very own").await.status,
        StatusCode::ACCEPTED
    );
    let letters = careful.letters();
    assert_eq!(letters.len(), 6, "the owner waits twelve minutes at most");
    let token = token_of(letters.last().expect("a letter"));
    assert_eq!(crate::signing_up::verify(&careful, &token).await.status, StatusCode::NO_CONTENT);
    assert_eq!(try_password(&careful, "new@example.org", "the owner's very own").await.status, StatusCode::OK);
    careful.work();
}

/// Somebody has made an account with another's address, and all that could let them in again.
async fn planted(house: &TestApp) -> (String, String) {
    let new = json!({ "email": "ada@example.org", "password": PASSWORD, "name": "Eve", "role": "mentee" });
    let answer = house.post("/api/auth/signup", None, &new).await;
    let cookie = cookie_of(&answer);
    let ask = json!({ "name": "mine", "scopes": ["match:read"] });
    let made = house.post("/api/tokens", Some(&cookie), &ask).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    (cookie, made.json()["token"].as_str().expect("a token").to_owned())
}

async fn match_with_token(house: &TestApp, token: &str) -> Answer {
    crate::tokens::with_token(house, "POST", "/api/match", token, Some(&json!({ "query": "pricing" }))).await
}

#[tokio::test]
async fn the_owners_first_proof_ends_what_a_stranger_had_prepared() {
    for path in [MAGIC, FORGOT] {
        let house = TestApp::new();
        let (cookie, token) = planted(&house).await;
        assert_eq!(match_with_token(&house, &token).await.status, StatusCode::OK);
        let secret = link(&house, path, "ada@example.org").await;
        if path == MAGIC {
            let answer = use_magic(&house, &secret).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert!(is_signed_in(&house, &cookie_of(&answer)).await, "the owner is in");
        } else {
            assert_eq!(reset(&house, &secret, NEW).await.status, StatusCode::NO_CONTENT);
            assert_eq!(try_password(&house, "ada@example.org", NEW).await.status, StatusCode::OK);
        }
        assert!(!is_signed_in(&house, &cookie).await, "{path}: the planted login");
        assert_eq!(try_password(&house, "ada@example.org", PASSWORD).await.code(), "bad_credentials", "{path}");
        assert_eq!(match_with_token(&house, &token).await.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(count(&house, "select count(*) from users where email_verified_at is not null"), 1);
        house.work();
    }
}

#[tokio::test]
async fn a_proven_account_keeps_its_password_and_tokens_after_a_link() {
    let house = TestApp::new();
    let (cookie, token) = planted(&house).await;
    all_proven(&house);
    let secret = link(&house, MAGIC, "ada@example.org").await;
    assert_eq!(use_magic(&house, &secret).await.status, StatusCode::OK);
    assert!(is_signed_in(&house, &cookie).await);
    assert_eq!(try_password(&house, "ada@example.org", PASSWORD).await.status, StatusCode::OK);
    assert_eq!(match_with_token(&house, &token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn whoever_is_signed_in_changes_the_password_by_knowing_the_old_one() {
    let house = TestApp::new();
    let cookie = house.sign_in("ada@example.org", Role::Mentee).await;
    let elsewhere = cookie_of(&try_password(&house, "ada@example.org", PASSWORD).await);
    let change =
        |current: &str, password: &str| -> Value { json!({ "currentPassword": current, "password": password }) };
    let path = "/api/auth/password/change";
    let wrong = house.post(path, Some(&cookie), &change("not the one I have", NEW)).await;
    assert!(wrong.json()["fields"]["currentPassword"].is_string(), "{}", wrong.text());
    let weak = house.post(path, Some(&cookie), &change(PASSWORD, "short")).await;
    assert!(weak.json()["fields"]["password"].is_string(), "{}", weak.text());
    assert_eq!(house.post(path, None, &change(PASSWORD, NEW)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.post(path, Some(&cookie), &change(PASSWORD, NEW)).await.status, StatusCode::NO_CONTENT);
    assert!(is_signed_in(&house, &cookie).await && !is_signed_in(&house, &elsewhere).await);
    assert_eq!(try_password(&house, "ada@example.org", NEW).await.status, StatusCode::OK);
    house.work();
}
