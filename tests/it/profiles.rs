//! Profiles over HTTP: who sees and changes what, and what comes of hostile input.

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use tandem::accounts::Role;

use crate::test_app::{Answer, TestApp, request};

/// Somebody signed in.
pub struct Person {
    pub id: String,
    pub cookie: String,
}

impl Person {
    pub async fn new(house: &TestApp, name: &str, role: Role) -> Self {
        let cookie = house.sign_in(&format!("{name}@example.org"), role).await;
        let session = house.get("/api/auth/session", Some(&cookie)).await.json();
        let id = session["user"]["id"].as_str().expect("an id").to_owned();
        Self { id, cookie }
    }

    /// A mentor with a profile.
    pub async fn mentor(house: &TestApp, name: &str) -> Self {
        let person = Self::new(house, name, Role::Mentor).await;
        let change = json!({ "name": name, "mentor": { "headline": "Pricing that sticks", "expertise": ["pricing"] } });
        assert_eq!(person.puts(house, &person, &change).await.status, StatusCode::OK);
        house.work();
        person
    }

    pub async fn gets(&self, house: &TestApp, whose: &Self) -> Answer {
        house.get(&format!("/api/profiles/{}", whose.id), Some(&self.cookie)).await
    }

    pub async fn puts(&self, house: &TestApp, whose: &Self, change: &Value) -> Answer {
        let path = format!("/api/profiles/{}", whose.id);
        send(house, "PUT", &path, Some(&self.cookie), "application/json", change.to_string().into_bytes()).await
    }
}

pub async fn send(
    house: &TestApp,
    method: &str,
    path: &str,
    cookie: Option<&str>,
    kind: &str,
    body: Vec<u8>,
) -> Answer {
    let request = request(method, path, cookie).header("sec-fetch-site", "same-origin");
    let request = if kind.is_empty() { request } else { request.header(header::CONTENT_TYPE, kind) };
    house.send(request.body(Body::from(body)).expect("a request")).await
}

/// Puts a session that these two had long ago into the database.
pub fn have_session(house: &TestApp, mentor: &Person, mentee: &Person) {
    let (mentor, mentee) = (mentor.id.clone(), mentee.id.clone());
    house
        .app
        .db
        .write_here(|tx| {
            Ok(tx.execute_batch(&format!(
                "insert into office_sessions
                     (id, mentor_number, mentee_id, starts_at, ends_at, status, created_at, updated_at)
                 select '{mentee}', mentors.number, mentees.id, 1, 2, 'completed', 0, 0 from mentors, mentees
                 where mentors.user_id = '{mentor}' and mentees.user_id = '{mentee}'"
            ))?)
        })
        .expect("written");
}

#[tokio::test]
async fn who_sees_whom_and_what_of_them() {
    let house = TestApp::new();
    let (ada, eve) = (Person::mentor(&house, "ada").await, Person::mentor(&house, "eve").await);
    let (bo, cy) = (Person::new(&house, "bo", Role::Mentee).await, Person::new(&house, "cy", Role::Mentee).await);
    let (pm, admin) = (Person::new(&house, "pm", Role::Pm).await, Person::new(&house, "admin", Role::Admin).await);
    for mentee in [&bo, &cy] {
        let change = json!({ "company": "Acme", "goals": "Find the first customer" });
        assert_eq!(mentee.puts(&house, mentee, &change).await.json(), json!({ "success": true }));
    }
    have_session(&house, &ada, &bo);
    let hide = json!({ "mentor": { "visibility": "private", "bio": "Only for the hidden" } });
    assert_eq!(eve.puts(&house, &eve, &hide).await.status, StatusCode::OK);
    house.work();
    for (by, whose, is_seen, has_email, has_goals) in [
        (&bo, &ada, true, false, false),
        (&ada, &ada, true, true, false),
        (&pm, &ada, true, true, false),
        (&ada, &bo, true, false, true),
        (&bo, &bo, true, true, true),
        (&pm, &bo, true, true, true),
        (&admin, &bo, true, true, true),
        (&ada, &cy, false, false, false),
        (&eve, &bo, false, false, false),
        (&cy, &bo, false, false, false),
        (&bo, &eve, false, false, false),
        (&admin, &eve, true, true, false),
        (&bo, &pm, false, false, false),
        (&ada, &admin, false, false, false),
        (&pm, &admin, true, true, false),
        (&pm, &pm, true, true, false),
    ] {
        let answer = by.gets(&house, whose).await;
        let shown = format!("{} of {}: {}", by.id, whose.id, answer.text());
        if is_seen {
            let profile = answer.json();
            assert_eq!(answer.status, StatusCode::OK, "{shown}");
            assert_eq!(profile["id"], whose.id.as_str(), "{shown}");
            assert_eq!(profile["email"].is_string(), has_email, "{shown}");
            assert_eq!(profile["mentee"]["goals"] == "Find the first customer", has_goals, "{shown}");
        } else {
            assert_eq!((answer.status, answer.code().as_str()), (StatusCode::NOT_FOUND, "profile_unknown"), "{shown}");
            for word in ["example.org", "Acme", "first customer", "hidden", "Pricing", &whose.id] {
                assert!(!answer.text().contains(word), "{word}: {shown}");
            }
            let there_is_none = house.get("/api/profiles/00000000-0000-4000-8000-000000000000", Some(&by.cookie)).await;
            assert_eq!(without_id(&answer), without_id(&there_is_none), "as if there were nobody");
        }
    }
    let nobody = house.get(&format!("/api/profiles/{}", ada.id), None).await;
    assert_eq!((nobody.status, nobody.code().as_str()), (StatusCode::UNAUTHORIZED, "signed_out"));
    assert_eq!(house.get("/api/profiles/x", Some(&bo.cookie)).await.status, StatusCode::NOT_FOUND);
}

fn without_id(answer: &Answer) -> Value {
    let mut body = answer.json();
    body.as_object_mut().expect("an object").remove("requestId");
    body
}

#[tokio::test]
async fn who_changes_whom() {
    let house = TestApp::new();
    let ada = Person::mentor(&house, "ada").await;
    let (bo, cy) = (Person::new(&house, "bo", Role::Mentee).await, Person::new(&house, "cy", Role::Mentee).await);
    let (pm, admin) = (Person::new(&house, "pm", Role::Pm).await, Person::new(&house, "admin", Role::Admin).await);
    bo.puts(&house, &bo, &json!({ "company": "Acme" })).await;
    have_session(&house, &ada, &bo);
    for (by, whose, change, status) in [
        (&bo, &bo, json!({ "name": "Bo Bjørn" }), StatusCode::OK),
        (&pm, &bo, json!({ "name": "Bo B." }), StatusCode::OK),
        (&admin, &bo, json!({ "name": "Bo" }), StatusCode::OK),
        (&bo, &ada, json!({ "name": "Eve" }), StatusCode::FORBIDDEN),
        (&ada, &bo, json!({ "goals": "Mine" }), StatusCode::FORBIDDEN),
        (&cy, &bo, json!({ "name": "Eve" }), StatusCode::NOT_FOUND),
        (&cy, &pm, json!({ "name": "Eve" }), StatusCode::NOT_FOUND),
        (&pm, &admin, json!({ "name": "Eve" }), StatusCode::FORBIDDEN),
        (&bo, &bo, json!({ "role": "admin" }), StatusCode::FORBIDDEN),
        (&bo, &bo, json!({ "status": "inactive" }), StatusCode::FORBIDDEN),
        (&ada, &ada, json!({ "mentor": { "active": false } }), StatusCode::FORBIDDEN),
        (&pm, &bo, json!({ "role": "mentor" }), StatusCode::FORBIDDEN),
        (&pm, &ada, json!({ "mentor": { "active": false } }), StatusCode::OK),
        (&pm, &ada, json!({ "mentor": { "active": true } }), StatusCode::OK),
        (&bo, &bo, json!({ "mentor": { "headline": "Me too" } }), StatusCode::UNPROCESSABLE_ENTITY),
        (&admin, &cy, json!({ "role": "mentor", "mentor": { "headline": "Me too" } }), StatusCode::OK),
    ] {
        let answer = by.puts(&house, whose, &change).await;
        assert_eq!(answer.status, status, "{change}: {}", answer.text());
        assert!(status == StatusCode::OK || !answer.text().contains("Acme"), "{}", answer.text());
    }
    let ended = cy.gets(&house, &cy).await;
    assert_eq!(ended.status, StatusCode::UNAUTHORIZED, "a new role begins with a new sign-in");
    assert_eq!(pm.puts(&house, &bo, &json!({ "status": "suspended" })).await.status, StatusCode::OK);
    assert_eq!(bo.gets(&house, &bo).await.status, StatusCode::UNAUTHORIZED, "suspension ends logins at once");
    let last = admin.puts(&house, &admin, &json!({ "role": "mentee" })).await;
    assert_eq!((last.status, last.code().as_str()), (StatusCode::CONFLICT, "last_admin"));
    house.work();
}

#[tokio::test]
async fn a_change_is_partial_null_clears_and_what_is_wrong_is_named() {
    let house = TestApp::new();
    let ada = Person::mentor(&house, "ada").await;
    let bo = Person::new(&house, "bo", Role::Mentee).await;
    bo.puts(&house, &bo, &json!({ "company": "Acme", "goals": "Sell" })).await;
    bo.puts(&house, &bo, &json!({ "company": null, "mentee": { "stage": "Seed" } })).await;
    let mentee = bo.gets(&house, &bo).await.json()["mentee"].clone();
    assert_eq!((&mentee["company"], &mentee["stage"], &mentee["goals"]), (&json!(""), &json!("Seed"), &json!("Sell")));
    let many: Vec<String> = (0..51).map(|n| n.to_string()).collect();
    for (change, field) in [
        (json!({ "timezone": "Mars/Olympus" }), "timezone"),
        (json!({ "timezone": 1 }), "timezone"),
        (json!({ "email": "new@example.org" }), "email"),
        (json!({ "name": "  " }), "name"),
        (json!({ "name": "\u{202E}\u{200B}" }), "name"),
        (json!({ "name": "A\u{0}" }), "name"),
        (json!({ "name": "x".repeat(201) }), "name"),
        (json!({ "image": "data:image/svg+xml,<svg/>" }), "image"),
        (json!({ "image": "/photos/0/1" }), "image"),
        (json!({ "role": "root" }), "role"),
        (json!({ "mentor": { "visibility": "hidden" } }), "mentor.visibility"),
        (json!({ "mentor": { "expertise": [{ "area": "a", "colour": "b" }] } }), "mentor.expertise[0].colour"),
        (json!({ "mentor": { "expertise": [7] } }), "mentor.expertise[0]"),
        (json!({ "mentor": { "industries": many } }), "mentor.industries"),
        (json!({ "mentor": { "loadCapPerWeek": -1 } }), "mentor.loadCapPerWeek"),
        (json!({ "mentor": { "pausedUntil": "tomorrow" } }), "mentor.pausedUntil"),
        (json!({ "mentor": { "linkedinUrl": "javascript:alert(1)" } }), "mentor.linkedinUrl"),
        (json!({ "mentor": { "id": "x" } }), "mentor.id"),
    ] {
        let answer = ada.puts(&house, &ada, &change).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{change}: {}", answer.text());
        assert!(answer.json()["fields"][field].is_string(), "{change}: {}", answer.text());
    }
    let large = json!({ "mentor": { "bio": "x".repeat(1_000_000) } });
    assert_eq!(ada.puts(&house, &ada, &large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let path = format!("/api/profiles/{}", ada.id);
    let unreadable = send(&house, "PUT", &path, Some(&ada.cookie), "application/json", b"{".to_vec()).await;
    assert_eq!(unreadable.status, StatusCode::BAD_REQUEST);
    let foreign = request("PUT", &path, Some(&ada.cookie))
        .header("sec-fetch-site", "cross-site")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from("{\"name\":\"Eve\"}"))
        .expect("a request");
    assert_eq!(house.send(foreign).await.code(), "cross_site");
    assert_eq!(ada.gets(&house, &ada).await.json()["name"], "ada");
    house.work();
}

#[tokio::test]
async fn hostile_names_are_text_wherever_they_are_shown() {
    let house = TestApp::new();
    let (ada, bo) = (Person::mentor(&house, "ada").await, Person::new(&house, "bo", Role::Mentee).await);
    let mentor = ada.gets(&house, &ada).await.json()["mentor"]["id"].as_str().expect("an id").to_owned();
    for (name, kept) in [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("=cmd()|' /C calc'!A0", "=cmd()|' /C calc'!A0"),
        ("Ada\r\nSet-Cookie: tandem_login=1", "Ada Set-Cookie: tandem_login=1"),
        ("Ada \u{202E}gnp.exe\u{2066}", "Ada gnp.exe"),
        ("עדה לאבלייס", "עדה לאבלייס"),
        ("\"><img src=x onerror=alert(1)>", "\"><img src=x onerror=alert(1)>"),
    ] {
        let change = json!({ "name": name, "mentor": { "headline": name } });
        assert_eq!(ada.puts(&house, &ada, &change).await.status, StatusCode::OK, "{name}");
        assert_eq!(bo.gets(&house, &ada).await.json()["name"], kept);
        let page = house.get(&format!("/mentors/{mentor}"), Some(&bo.cookie)).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.text().contains("<script>alert") && !page.text().contains("<img src=x"), "{}", page.text());
        assert!(page.header("set-cookie").is_empty());
    }
    house.work();
}

#[tokio::test]
async fn a_mentor_who_hides_is_gone_from_the_next_answer() {
    let house = TestApp::new();
    let (ada, bo) = (Person::mentor(&house, "ada").await, Person::new(&house, "bo", Role::Mentee).await);
    let n_found = async || house.ask(&bo.cookie, json!({ "query": "pricing" })).await["count"].clone();
    assert_eq!(n_found().await, 1);
    ada.puts(&house, &ada, &json!({ "mentor": { "visibility": "private" } })).await;
    assert_eq!(n_found().await, 0);
    ada.puts(&house, &ada, &json!({ "mentor": { "visibility": "public" } })).await;
    assert_eq!(n_found().await, 1);
    let pm = Person::new(&house, "pm", Role::Pm).await;
    pm.puts(&house, &ada, &json!({ "status": "suspended" })).await;
    assert_eq!(n_found().await, 0, "an account out of use hides its mentor");
    house.work();
}
