//! The Airtable webhook and the scheduler's endpoint, from outside.

use axum::body::Body;
use axum::http::{StatusCode, header};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tandem::accounts::Role;
use tandem::accounts::tokens::{self, Scope};
use tandem::audit::Actor;

use crate::test_app::{Answer, TestApp, mentor, request};

pub const SECRET: &str = "a secret of the base";
const PATH: &str = "/api/webhooks/airtable";

pub fn house() -> TestApp {
    TestApp::with(|config| {
        SECRET.clone_into(&mut config.sync.airtable_secret);
        "the one before".clone_into(&mut config.sync.airtable_secret_previous);
        "a scheduler's secret".clone_into(&mut config.cron.secret);
    })
}

pub fn signature(secret: impl AsRef<[u8]>, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_ref()).expect("any key will do").chain_update(body);
    let halves = |bytes: &[u8]| bytes.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let bytes = mac.finalize().into_bytes();
    format!("{:032x}{:032x}", halves(&bytes[..16]), halves(&bytes[16..]))
}

pub async fn send(house: &TestApp, body: &[u8], signatures: &[&str]) -> Answer {
    let mut request = request("POST", PATH, None).header(header::CONTENT_TYPE, "application/json");
    for signature in signatures {
        request = request.header("x-airtable-signature", *signature);
    }
    house.send(request.body(Body::from(body.to_vec())).expect("a request")).await
}

pub async fn deliver(house: &TestApp, payload: &Value) -> Answer {
    let body = payload.to_string().into_bytes();
    send(house, &body, &[&signature(SECRET, &body)]).await
}

fn ada() -> Value {
    let line = mentor("rec1", json!({ "Email": "ada@example.org", "Name": "Ada", "Bio": "I keep bees." }));
    serde_json::from_str(&line).expect("JSON")
}

#[tokio::test]
async fn a_delivery_makes_a_mentor_and_the_same_again_changes_nothing() {
    let house = house();
    let first = deliver(&house, &ada()).await;
    assert_eq!(
        (first.status, &first.json()["success"], &first.json()["changed"]),
        (StatusCode::OK, &json!(true), &json!(true))
    );
    let again = deliver(&house, &ada()).await;
    assert_eq!((again.status, &again.json()["changed"]), (StatusCode::OK, &json!(false)));
    assert_eq!(again.json()["mentorId"], first.json()["mentorId"]);
    let off = deliver(&house, &json!({ "recordId": "rec1", "fields": { "Is Active": false } })).await;
    assert_eq!(off.json()["changed"], true);
    let cookie = house.sign_in("mia@example.org", Role::Mentee).await;
    let shown =
        house.get(&format!("/api/mentors/{}", first.json()["mentorId"].as_str().expect("an id")), Some(&cookie)).await;
    assert_eq!(shown.status, StatusCode::NOT_FOUND, "hidden at once");
    house.work();
}

#[tokio::test]
async fn only_the_very_signature_opens_and_each_secret_while_it_is_changed_over() {
    let house = house();
    let body = ada().to_string().into_bytes();
    let right = signature(SECRET, &body);
    let other = signature(SECRET, b"other bytes");
    for wrong in [
        &[][..],
        &[""],
        &[&right[..63]],
        &[&right.to_uppercase()],
        &[&other],
        &[&signature("another secret", &body)],
        &[&right, &right],
    ] {
        let answer = send(&house, &body, wrong).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::UNAUTHORIZED, "bad_signature"), "{wrong:?}");
    }
    assert_eq!(send(&house, &body, &[&signature("the one before", &body)]).await.status, StatusCode::OK);
    house.work();
    let closed = TestApp::new();
    assert_eq!(send(&closed, &body, &[&signature("", &body)]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn bad_deliveries_are_named_and_change_nothing() {
    let house = house();
    deliver(&house, &ada()).await;
    house.sign_in("pm@example.org", Role::Pm).await;
    let not_json = b"{".to_vec();
    assert_eq!(send(&house, &not_json, &[&signature(SECRET, &not_json)]).await.status, StatusCode::BAD_REQUEST);
    let deep = "[".repeat(100_000).into_bytes();
    assert_eq!(send(&house, &deep, &[&signature(SECRET, &deep)]).await.status, StatusCode::BAD_REQUEST);
    let large = vec![b' '; 1024 * 1024 + 1];
    let answer = send(&house, &large, &[&signature(SECRET, &large)]).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    let wrong =
        deliver(&house, &json!({ "recordId": "rec1", "fields": { "Email": 7, "Industries": "x", "Bio": "new" } }))
            .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.json()["fields"]["Email"].is_string(), "{}", wrong.text());
    house.sign_in("admin@example.org", Role::Admin).await;
    deliver(&house, &json!({ "recordId": "rec2", "fields": { "Email": "other@example.org", "Name": "Other" } })).await;
    for (record, address) in [
        ("rec1", "PM@example.org"),
        ("rec1", "Admin@Example.org"),
        ("new", "admin@example.org"),
        ("rec1", "OTHER@example.org"),
    ] {
        let fields = json!({ "Email": address, "Name": "Ada", "Bio": "new" });
        let taken = deliver(&house, &json!({ "recordId": record, "fields": fields })).await;
        assert_eq!((taken.status, taken.code().as_str()), (StatusCode::CONFLICT, "email_taken"), "{record} {address}");
    }
    assert_eq!(deliver(&house, &ada()).await.json()["changed"], false, "nothing was changed by any of these");
    let unknown = deliver(&house, &json!({ "recordId": "rec1", "fields": { "Shoe Size": 43 } })).await;
    house.work();
    assert_eq!((unknown.status, &unknown.json()["changed"]), (StatusCode::OK, &json!(false)));
}

#[tokio::test]
async fn a_scheduler_runs_tasks_with_the_secret_or_a_token_and_nothing_twice() {
    let house = house();
    let run = async |task: &str, secret: Option<&str>| {
        let mut request = request("POST", &format!("/api/cron/{task}"), None);
        if let Some(secret) = secret {
            request = request.header(header::AUTHORIZATION, format!("Bearer {secret}"));
        }
        let request = request.header(header::CONTENT_TYPE, "application/json");
        house.send(request.body(Body::empty()).expect("a request")).await
    };
    for (task, counts) in
        [("reminders", "reminders"), ("feedback-requests", "feedbackAsked"), ("expire-requests", "expired")]
    {
        let answer = run(task, Some("a scheduler's secret")).await;
        assert_eq!(
            (answer.status, &answer.json()["ran"], &answer.json()[counts]),
            (StatusCode::OK, &json!(true), &json!(0))
        );
    }
    assert_eq!(run("dance", Some("a scheduler's secret")).await.status, StatusCode::NOT_FOUND);
    for wrong in [None, Some(""), Some("another secret")] {
        assert_eq!(run("reminders", wrong).await.status, StatusCode::UNAUTHORIZED, "{wrong:?}");
    }
    house.sign_in("admin@example.org", Role::Admin).await;
    let token = |scope| {
        house.app.db.write_here(|tx| {
            let admin = tandem::accounts::user_by_email(tx, "admin@example.org")?.expect("there");
            Ok(tokens::create(tx, &Actor::default(), admin.id, "cron", &[scope], None)?.1)
        })
    };
    assert_eq!(run("reminders", Some(&token(Scope::CronRun).expect("made"))).await.status, StatusCode::OK);
    assert_eq!(run("reminders", Some(&token(Scope::MatchRead).expect("made"))).await.status, StatusCode::FORBIDDEN);
    // A scope gives nobody more than their role does: whoever can sign up can make a token.
    house.sign_in("mia@example.org", Role::Mentee).await;
    let of_a_mentee = house.app.db.write_here(|tx| {
        let mia = tandem::accounts::user_by_email(tx, "mia@example.org")?.expect("there");
        let scopes = [Scope::CronRun, Scope::MetricsRead];
        Ok(tokens::create(tx, &Actor::default(), mia.id, "cron", &scopes, None)?.1)
    });
    let of_a_mentee = of_a_mentee.expect("made");
    for task in ["backup", "cleanup", "reminders"] {
        assert_eq!(run(task, Some(&of_a_mentee)).await.status, StatusCode::FORBIDDEN, "{task}");
    }
    let metrics = request("GET", "/metrics", None)
        .header(header::AUTHORIZATION, format!("Bearer {of_a_mentee}"))
        .header("x-forwarded-for", "1.2.3.4");
    let answer = house.send(metrics.body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text());
}
