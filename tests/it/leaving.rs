//! What people may do with all that is held on them: take it along, and have it erased.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tandem::accounts::Role;

use crate::profiles::{Person, have_session, send};
use crate::test_app::{Answer, PASSWORD, TestApp};

pub async fn erase(house: &TestApp, by: &Person, whose: &Person, body: Option<Value>) -> Answer {
    let path = format!("/api/profiles/{}", whose.id);
    let kind = if body.is_some() { "application/json" } else { "" };
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    send(house, "DELETE", &path, Some(&by.cookie), kind, body).await
}

async fn export(house: &TestApp, by: &Person, whose: &Person) -> Answer {
    house.get(&format!("/api/profiles/{}/export", whose.id), Some(&by.cookie)).await
}

#[tokio::test]
async fn a_person_takes_along_all_of_theirs_and_nothing_of_others() {
    let house = TestApp::new();
    let (ada, bo) = (Person::mentor(&house, "ada").await, Person::new(&house, "bo", Role::Mentee).await);
    let (pm, admin) = (Person::new(&house, "pm", Role::Pm).await, Person::new(&house, "admin", Role::Admin).await);
    bo.puts(&house, &bo, &json!({ "goals": "Find the first customer" })).await;
    have_session(&house, &ada, &bo);
    pm.puts(&house, &bo, &json!({ "name": "Bo Bjørn" })).await;
    let answer = export(&house, &bo, &bo).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"tandem-export.json\"");
    let all = answer.json();
    assert_eq!(all["exportedAt"], "2030-03-04T09:00:00Z");
    assert_eq!(all["account"]["account"]["email"], "bo@example.org");
    assert_eq!(all["account"]["logins"].as_array().map(Vec::len), Some(1));
    assert_eq!(all["profile"]["profile"]["mentee"]["goals"], "Find the first customer");
    assert_eq!(all["booking"]["sessions"][0]["with"], "ada");
    let events: Vec<(&str, bool)> = all["events"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| (it["kind"].as_str().expect("a kind"), it["byYou"] == true))
        .collect();
    assert_eq!(events, [("user.changed", false), ("mentee.created", true)]);
    for word in ["argon2", "secret", "hash", "pm@example.org", "ada@example.org", &pm.id] {
        assert!(!answer.text().contains(word), "{word}: {}", answer.text());
    }
    for (by, whose, status) in [
        (&admin, &bo, StatusCode::NOT_FOUND),
        (&pm, &bo, StatusCode::NOT_FOUND),
        (&bo, &ada, StatusCode::NOT_FOUND),
        (&bo, &pm, StatusCode::NOT_FOUND),
    ] {
        let answer = export(&house, by, whose).await;
        assert_eq!(answer.status, status);
        assert!(!answer.text().contains("example.org"), "{}", answer.text());
    }
    assert_eq!(
        export(&house, &ada, &ada).await.json()["profile"]["profile"]["mentor"]["headline"],
        "Pricing that sticks"
    );
}

#[tokio::test]
async fn a_mentor_who_leaves_is_gone_from_the_next_answer_and_their_address_is_free() {
    let house = TestApp::new();
    let (ada, bo) = (Person::mentor(&house, "ada").await, Person::new(&house, "bo", Role::Mentee).await);
    let admin = Person::new(&house, "admin", Role::Admin).await;
    let mentor = ada.gets(&house, &ada).await.json()["mentor"]["id"].as_str().expect("an id").to_owned();
    bo.puts(&house, &bo, &json!({ "goals": "Sell" })).await;
    have_session(&house, &ada, &bo);
    assert_eq!(house.ask(&bo.cookie, json!({ "query": "pricing" })).await["count"], 1);
    for (body, code) in [
        (None, "invalid"),
        (Some(json!({})), "invalid"),
        (Some(json!({ "password": "wrong horse battery" })), "bad_credentials"),
        (Some(json!({ "password": "x".repeat(100_000) })), "bad_credentials"),
        (Some(json!({ "password": PASSWORD, "really": true })), "invalid"),
    ] {
        let answer = erase(&house, &ada, &ada, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, code));
    }
    let done = erase(&house, &ada, &ada, Some(json!({ "password": PASSWORD }))).await;
    assert_eq!(done.status, StatusCode::NO_CONTENT, "{}", done.text());
    assert!(done.header("set-cookie").contains("Max-Age=0"));
    let found = house.ask(&bo.cookie, json!({ "query": "pricing" })).await;
    assert_eq!((&found["count"], found["matches"].as_array().map(Vec::len)), (&json!(0), Some(0)));
    assert!(found["nearMisses"].is_null() || found["nearMisses"] == json!([]), "{found}");
    assert_eq!(house.get(&format!("/mentors/{mentor}"), Some(&bo.cookie)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ada.gets(&house, &ada).await.status, StatusCode::UNAUTHORIZED);
    for asker in [&bo, &admin] {
        assert_eq!(asker.gets(&house, &ada).await.status, StatusCode::NOT_FOUND);
    }
    let signin = json!({ "email": "ada@example.org", "password": PASSWORD });
    assert_eq!(house.post("/api/auth/signin", None, &signin).await.code(), "bad_credentials");
    let sessions = export(&house, &bo, &bo).await.json()["booking"]["sessions"].clone();
    assert_eq!(sessions[0]["with"], "Former member", "the session stays, without the name");
    let anew = Person::new(&house, "ada", Role::Mentee).await;
    assert_ne!(anew.id, ada.id);
    house.work();
    let left = house
        .app
        .db
        .read_here(|tx| {
            let sql = "select (select count(*) from passages) + (select count(*) from expertise)";
            Ok(tx.query_row(sql, [], |row| row.get::<_, i64>(0))?)
        })
        .expect("read");
    assert_eq!(left, 0, "no passage and no tag is left");
}

#[tokio::test]
async fn who_erases_whom() {
    let house = TestApp::new();
    let ada = Person::mentor(&house, "ada").await;
    let (bo, cy) = (Person::new(&house, "bo", Role::Mentee).await, Person::new(&house, "cy", Role::Mentee).await);
    let (pm, admin) = (Person::new(&house, "pm", Role::Pm).await, Person::new(&house, "admin", Role::Admin).await);
    let password = || Some(json!({ "password": PASSWORD }));
    for (by, whose, status) in [
        (&cy, &bo, StatusCode::NOT_FOUND),
        (&bo, &ada, StatusCode::FORBIDDEN),
        (&pm, &bo, StatusCode::FORBIDDEN),
        (&pm, &admin, StatusCode::FORBIDDEN),
        (&admin, &admin, StatusCode::CONFLICT),
        (&admin, &cy, StatusCode::NO_CONTENT),
        (&admin, &cy, StatusCode::NOT_FOUND),
        (&pm, &pm, StatusCode::NO_CONTENT),
        (&bo, &bo, StatusCode::NO_CONTENT),
    ] {
        let answer = erase(&house, by, whose, password()).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    assert_eq!(cy.gets(&house, &cy).await.status, StatusCode::UNAUTHORIZED);
    let path = format!("/api/profiles/{}", ada.id);
    assert_eq!(send(&house, "DELETE", &path, None, "", Vec::new()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(admin.gets(&house, &ada).await.status, StatusCode::OK);
}

/// What SQLite merely no longer points at could be read out of the file, or out of any backup of it.
#[tokio::test]
async fn what_was_erased_is_not_in_the_file_any_more() {
    let house = TestApp::new();
    let (ada, bo) = (Person::mentor(&house, "ada").await, Person::new(&house, "bo", Role::Mentee).await);
    let told = |word: &str| format!("{word} ").repeat(90);
    let answer = bo.puts(&house, &bo, &json!({ "goals": told("Whalebone-corset") })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let answer = ada.puts(&house, &ada, &json!({ "mentor": { "bio": told("Quicksilver-barometer") } })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    house.work();
    let words = ["Whalebone-corset", "Quicksilver-barometer", "bo@example.org", "ada@example.org"];
    let held = || {
        house.app.db.checkpoint().expect("folded in");
        let bytes = std::fs::read(house.app.db.directory().join("tandem.db")).expect("read");
        let log = std::fs::metadata(house.app.db.directory().join("tandem.db-wal")).map_or(0, |file| file.len());
        assert_eq!(log, 0, "the log is empty");
        words.map(|word| bytes.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes())))
    };
    assert_eq!(held(), [true; 4]);
    for person in [&ada, &bo] {
        let answer = erase(&house, person, person, Some(json!({ "password": PASSWORD }))).await;
        assert!(answer.status.is_success(), "{}", answer.text());
    }
    house.work();
    let left = held();
    assert_eq!([left[0], left[1]], [false; 2], "their texts");
}
