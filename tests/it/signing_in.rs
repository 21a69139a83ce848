//! Signing in and out, over JSON and by form, and what guards it.

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::json;
use tandem::accounts::Role;

use crate::test_app::{PASSWORD, TestApp, request};

#[tokio::test]
async fn a_login_is_a_cookie_that_scripts_and_other_sites_cannot_have() {
    let house = TestApp::new();
    house.sign_in("bo@example.org", Role::Mentee).await;
    let answer =
        house.post("/api/auth/signin", None, &json!({ "email": "BO@example.org", "password": PASSWORD })).await;
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.starts_with("tandem_login=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    let user = &answer.json()["user"];
    assert_eq!((user["email"].as_str(), user["role"].as_str()), (Some("bo@example.org"), Some("mentee")));
}

#[tokio::test]
async fn the_session_says_who_is_signed_in_until_they_sign_out() {
    let house = TestApp::new();
    assert_eq!(house.get("/api/auth/session", None).await.json(), json!({}));
    let cookie = house.sign_in("bo@example.org", Role::Pm).await;
    let session = house.get("/api/auth/session", Some(&cookie)).await.json();
    assert_eq!(session["user"]["role"], "pm");
    assert_eq!(session["expires"], "2030-05-03T09:00:00Z");
    let out = house.post("/api/auth/signout", Some(&cookie), &json!({})).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert_eq!(house.get("/api/auth/session", Some(&cookie)).await.json(), json!({}));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_alike() {
    let house = TestApp::new();
    house.sign_in("bo@example.org", Role::Mentee).await;
    let mut answers = Vec::new();
    for email in ["bo@example.org", "nobody@example.org"] {
        let answer = house.post("/api/auth/signin", None, &json!({ "email": email, "password": "wrong" })).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::UNAUTHORIZED, "bad_credentials"));
        assert!(answer.header("set-cookie").is_empty());
        answers.push(answer.json()["error"].clone());
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn the_form_signs_in_and_keeps_the_address_after_a_slip() {
    let house = TestApp::new();
    house.sign_in("bo@example.org", Role::Mentee).await;
    let send = |password: &str| {
        let body = format!("email=bo%40example.org&password={}&next=%2Fsearch%3Fq%3Dx", password.replace(' ', "+"));
        request("POST", "/signin", None)
            .header(header::ORIGIN, "http://tandem.test")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .expect("a request")
    };
    let slip = house.send(send("wrong")).await;
    assert_eq!(slip.status, StatusCode::UNAUTHORIZED);
    assert!(slip.text().contains("value=\"bo@example.org\"") && slip.text().contains("role=\"alert\""));
    let right = house.send(send(PASSWORD)).await;
    assert_eq!((right.status, right.header("location").as_str()), (StatusCode::SEE_OTHER, "/search?q=x"));
    assert!(right.header("set-cookie").starts_with("tandem_login="));
}

#[tokio::test]
async fn another_sites_page_cannot_act_for_who_is_signed_in() {
    let house = TestApp::new();
    let cookie = house.sign_in("bo@example.org", Role::Mentee).await;
    let foreign = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ];
    for (name, value) in foreign {
        let request = request("POST", "/api/auth/signout", Some(&cookie))
            .header(name, value)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::empty())
            .expect("a request");
        let answer = house.send(request).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "cross_site"), "{name}: {value}");
    }
    let bare = request("POST", "/signout", Some(&cookie)).body(Body::empty()).expect("a request");
    assert_eq!(house.send(bare).await.status, StatusCode::FORBIDDEN, "neither header, and no JSON");
    let ours = request("POST", "/signout", Some(&cookie))
        .header("sec-fetch-site", "same-origin")
        .body(Body::empty())
        .expect("a request");
    assert_eq!(house.send(ours).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn pages_lead_the_signed_out_to_the_door_and_back() {
    let house = TestApp::new();
    let answer = house.get("/search?q=pricing", None).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), "/signin?next=%2Fsearch%3Fq%3Dpricing");
    let page = house.get("/signin?next=//evil.example", None).await;
    assert!(!page.text().contains("evil.example"));
}

#[tokio::test]
async fn every_answer_carries_its_guards() {
    let house = TestApp::new();
    for path in ["/", "/signin", "/healthz", "/api/auth/session", "/nowhere"] {
        let answer = house.get(path, None).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-request-id").len(), 32, "{path}");
    }
}
