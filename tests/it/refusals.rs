//! Hostile and mistaken input: each gets its own clear answer, and the house stands.

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use tandem::accounts::Role;

use crate::test_app::{TestApp, request};

async fn signed_in() -> (TestApp, String) {
    let house = TestApp::new();
    let cookie = house.sign_in("bo@example.org", Role::Mentee).await;
    (house, cookie)
}

#[tokio::test]
async fn a_question_that_cannot_be_answered_says_what_is_wrong_with_it() {
    let (house, cookie) = signed_in().await;
    let many: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
    for (question, field) in [
        (json!({ "query": "" }), "query"),
        (json!({ "query": "  \n " }), "query"),
        (json!({ "query": "x".repeat(2_001) }), "query"),
        (json!({ "query": "nul\u{0}" }), "query"),
        (json!({ "query": "escape \u{1b}[2J" }), "query"),
        (json!({}), "query"),
        (json!({ "query": "x", "industries": many }), "industries"),
        (json!({ "query": "x", "industries": "SaaS" }), "industries"),
        (json!({ "query": "x", "stages": [1] }), "stages[0]"),
        (json!({ "query": 7 }), "query"),
        (json!({ "query": "x", "limit": 0 }), "limit"),
        (json!({ "query": "x", "limit": 51 }), "limit"),
        (json!({ "query": "x", "limit": -1 }), "limit"),
        (json!({ "query": "x", "limit": 2.5 }), "limit"),
        (json!({ "query": "x", "minScore": 101 }), "minScore"),
        (json!({ "query": "x", "availableWithinDays": 61 }), "availableWithinDays"),
        (json!({ "query": "x", "colour": "red" }), "colour"),
    ] {
        let answer = house.post("/api/match", Some(&cookie), &question).await;
        let shown = question.to_string().chars().take(60).collect::<String>();
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{shown}: {}", answer.text());
        let body = answer.json();
        assert!(body["fields"][field].is_string(), "{shown}: {body}");
        assert!(body["error"].is_string() && body["requestId"] == answer.header("x-request-id"), "{body}");
    }
}

#[tokio::test]
async fn what_is_of_the_wrong_type_is_named_in_plain_words_and_cut_short() {
    let (house, cookie) = signed_in().await;
    for (question, field, words) in [
        (json!({ "query": "x", "limit": "many at line 1" }), "limit", "must be a whole number"),
        (json!({ "query": "x", "limit": 2.5 }), "limit", "must be a whole number"),
        (json!({ "query": "x", "limit": -1 }), "limit", "must be a whole number"),
        (json!({ "query": 7 }), "query", "must be a text"),
        (json!({ "query": "x", "industries": "SaaS" }), "industries", "must be a list"),
        (json!({ "query": "x", "stages": [1] }), "stages[0]", "must be a text"),
    ] {
        let answer = house.post("/api/match", Some(&cookie), &question).await;
        assert_eq!(answer.json()["fields"][field], words, "{question}: {}", answer.text());
    }
    let (long, short) = ("ü".repeat(5_000), format!("{}…", "ü".repeat(60)));
    let mut question = json!({ "query": "x" });
    question[&long] = json!(1);
    let answer = house.post("/api/match", Some(&cookie), &question).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let problem = answer.json()["fields"][&short].as_str().expect("the name, cut short").to_owned();
    assert!(problem.starts_with(&format!("is not right: unknown field `{short}`")), "{problem}");
    assert!(!answer.text().contains(&"ü".repeat(61)));
}

#[tokio::test]
async fn a_program_that_names_the_wrong_type_is_told_so_and_a_browser_nothing_new() {
    let (house, cookie) = signed_in().await;
    let ask = async |path: &str, kind: &str, origin: Option<&str>| {
        let request = request("POST", path, Some(&cookie)).header(header::CONTENT_TYPE, kind);
        let request = if let Some(origin) = origin { request.header(header::ORIGIN, origin) } else { request };
        house.send(request.body(Body::from("{\"query\": \"x\"}")).expect("a request")).await.status
    };
    let text = "text/plain; charset=utf-8";
    assert_eq!(ask("/api/match", text, None).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(ask("/api/auth/signout", text, None).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(ask("/api/match", text, Some("https://evil.example")).await, StatusCode::FORBIDDEN);
    assert_eq!(ask("/api/match", "application/x-www-form-urlencoded", None).await, StatusCode::FORBIDDEN);
    assert_eq!(ask("/signout", text, None).await, StatusCode::FORBIDDEN);
    let session = house.get("/api/auth/session", Some(&cookie)).await.json();
    assert!(session["user"].is_object(), "nothing was done: {session}");
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_by_its_kind() {
    let (house, cookie) = signed_in().await;
    let json = "application/json";
    for (kind, body, status) in [
        (json, b"{".to_vec(), StatusCode::BAD_REQUEST),
        (json, b"".to_vec(), StatusCode::BAD_REQUEST),
        (json, b"{\"query\": \"x\"} {}".to_vec(), StatusCode::BAD_REQUEST),
        (json, b"{\"query\": \"\xFF\"}".to_vec(), StatusCode::BAD_REQUEST),
        (json, "[".repeat(10_000).into_bytes(), StatusCode::BAD_REQUEST),
        (
            json,
            format!("{{\"query\": {}1{}}}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes(),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (json, vec![b' '; 1_000_000], StatusCode::PAYLOAD_TOO_LARGE),
        ("text/plain", b"{\"query\": \"x\"}".to_vec(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (json, b"\"pricing\"".to_vec(), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let request = request("POST", "/api/match", Some(&cookie))
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body))
            .expect("a request");
        let answer = house.send(request).await;
        assert_eq!(answer.status, status, "{shown}: {}", answer.text());
        assert!(!answer.code().is_empty(), "{shown}: {}", answer.text());
    }
    assert_eq!(house.get("/healthz", None).await.text(), "ok");
}

#[tokio::test]
async fn what_is_not_there_or_not_so_is_said_in_the_right_face() {
    let (house, cookie) = signed_in().await;
    for (path, status) in [
        ("/api/nowhere", StatusCode::NOT_FOUND),
        ("/api/mentors/not-an-id", StatusCode::NOT_FOUND),
        ("/api/mentors/00000000-0000-4000-8000-000000000000", StatusCode::NOT_FOUND),
        ("/api/match", StatusCode::METHOD_NOT_ALLOWED),
        ("/api/mentors?limit=0", StatusCode::UNPROCESSABLE_ENTITY),
        ("/api/mentors?limit=x", StatusCode::BAD_REQUEST),
        ("/api/mentors?cursor=x", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let answer = house.get(path, Some(&cookie)).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.json()["error"].is_string(), "{path}");
    }
    let page = house.get("/mentors/00000000-0000-4000-8000-000000000000", Some(&cookie)).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.text().starts_with("<!DOCTYPE html>"));
    for path in ["/api/match", "/api/mentors"] {
        let method = if path == "/api/match" { "POST" } else { "GET" };
        let request = request(method, path, None).header(header::CONTENT_TYPE, "application/json");
        let answer = house.send(request.body(Body::from("{\"query\":\"x\"}")).expect("a request")).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::UNAUTHORIZED, "signed_out"), "{path}");
    }
}

#[tokio::test]
async fn a_forged_cookie_is_nobody() {
    let (house, _) = signed_in().await;
    for cookie in [
        "tandem_login=",
        "tandem_login=00",
        "tandem_login=%00",
        &format!("tandem_login={}", "f".repeat(5_000)),
        "=;=;;",
    ] {
        assert_eq!(
            house.get("/api/auth/session", Some(cookie)).await.json(),
            Value::Object(serde_json::Map::new()),
            "{cookie}"
        );
    }
}

#[tokio::test]
async fn a_request_cannot_choose_its_own_id() {
    let house = TestApp::new();
    let request =
        request("GET", "/healthz", None).header("x-request-id", "mine").body(Body::empty()).expect("a request");
    assert_ne!(house.send(request).await.header("x-request-id"), "mine");
}
