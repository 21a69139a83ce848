//! API tokens: shown once, kept as a hash, good for what their scopes say and nothing besides.

use std::path::Path;

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use tandem::accounts::Role;

use crate::signing_up::advance;
use crate::test_app::{Answer, PASSWORD, TestApp, request};

/// Sends a request as a program does: with an `Authorization` header, and what else is given.
async fn with_authorization(
    house: &TestApp,
    method: &str,
    path: &str,
    authorization: &str,
    cookie: Option<&str>,
    body: Option<&Value>,
) -> Answer {
    let request = request(method, path, cookie).header(header::AUTHORIZATION, authorization);
    let request = match body {
        Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    };
    house.send(request.expect("a request")).await
}

pub async fn with_token(house: &TestApp, method: &str, path: &str, token: &str, body: Option<&Value>) -> Answer {
    with_authorization(house, method, path, &format!("Bearer {token}"), None, body).await
}

async fn make(house: &TestApp, cookie: &str, ask: &Value) -> Value {
    let answer = house.post("/api/tokens", Some(cookie), ask).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()
}

/// The text of a new token with these scopes.
async fn token(house: &TestApp, cookie: &str, scopes: &[&str]) -> String {
    let made = make(house, cookie, &json!({ "name": "a program", "scopes": scopes })).await;
    made["token"].as_str().expect("a text").to_owned()
}

async fn delete(house: &TestApp, path: &str, cookie: &str) -> Answer {
    let request = request("DELETE", path, Some(cookie)).header("sec-fetch-site", "same-origin");
    house.send(request.body(Body::empty()).expect("a request")).await
}

async fn status(house: &TestApp, method: &str, path: &str, token: &str) -> StatusCode {
    let body = (method != "GET").then(|| json!({ "query": "pricing" }));
    with_token(house, method, path, token, body.as_ref()).await.status
}

/// Whether any file below `folder` holds these bytes.
fn holds(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).expect("a readable folder").any(|entry| {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        std::fs::read(&path).expect("a readable file").windows(needle.len()).any(|part| part == needle)
    })
}

#[tokio::test]
async fn a_tokens_text_is_shown_once_and_kept_nowhere() {
    let house = TestApp::new();
    let cookie = house.sign_in("ada@example.org", Role::Mentee).await;
    let ask = json!({ "name": "my script", "scopes": ["profiles:read", "match:read", "match:read"], "expiresAt": "2030-03-05T09:00:00Z" });
    let made = make(&house, &cookie, &ask).await;
    let text = made["token"].as_str().expect("a text");
    assert!(text.starts_with("tdm_") && text.len() == 68, "{text}");
    assert_eq!(made["scopes"], json!(["match:read", "profiles:read"]));
    let listed = house.get("/api/tokens", Some(&cookie)).await;
    let items = listed.json()["items"].clone();
    assert_eq!(items.as_array().map(Vec::len), Some(1));
    assert_eq!((&items[0]["name"], &items[0]["id"]), (&json!("my script"), &made["id"]));
    assert_eq!(items[0]["expiresAt"], "2030-03-05T09:00:00Z");
    assert_eq!((&items[0]["createdAt"], &items[0]["lastUsedAt"]), (&json!("2030-03-04T09:00:00Z"), &Value::Null));
    assert!(!listed.text().contains(text) && items[0]["token"].is_null());
    let data = house.app.config.data_dir.clone();
    assert!(holds(&data, b"my script"), "the search finds what is there");
    assert!(!holds(&data, text.as_bytes()) && !holds(&data, text.trim_start_matches("tdm_").as_bytes()));
    let secret = cookie.split_once('=').expect("a pair").1;
    assert!(!holds(&data, secret.as_bytes()), "nor is the cookie's secret");
    assert!(!holds(&data, PASSWORD.as_bytes()), "nor the password");
}

#[tokio::test]
async fn a_token_that_could_do_nothing_or_is_dead_already_is_not_made() {
    let house = TestApp::new();
    let cookie = house.sign_in("ada@example.org", Role::Mentee).await;
    for (field, ask) in [
        ("scopes", json!({ "name": "x", "scopes": [] })),
        ("scopes", json!({ "name": "x" })),
        ("scopes[0]", json!({ "name": "x", "scopes": ["everything"] })),
        ("scopes[0]", json!({ "name": "x", "scopes": ["*"] })),
        ("name", json!({ "name": "", "scopes": ["match:read"] })),
        ("name", json!({ "name": "x".repeat(101), "scopes": ["match:read"] })),
        ("name", json!({ "name": "a\u{0}b", "scopes": ["match:read"] })),
        ("expiresAt", json!({ "name": "x", "scopes": ["match:read"], "expiresAt": "2030-03-04T09:00:00Z" })),
        ("expiresAt", json!({ "name": "x", "scopes": ["match:read"], "expiresAt": "tomorrow" })),
    ] {
        let answer = house.post("/api/tokens", Some(&cookie), &ask).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{ask}: {}", answer.text());
        let fields = answer.json()["fields"].clone();
        assert!(fields[field].is_string() || (field == "scopes" && fields["body"].is_string()), "{ask}: {fields}");
    }
    for n in 0..50 {
        make(&house, &cookie, &json!({ "name": format!("t{n}"), "scopes": ["match:read"] })).await;
    }
    let answer = house.post("/api/tokens", Some(&cookie), &json!({ "name": "x", "scopes": ["match:read"] })).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::CONFLICT, "too_many_tokens"));
}

#[tokio::test]
async fn a_token_does_what_its_scopes_say_and_its_owner_may() {
    let house = TestApp::new();
    let cookie = house.sign_in("ada@example.org", Role::Mentee).await;
    let admin = house.sign_in("root@example.org", Role::Admin).await;
    let matching = token(&house, &cookie, &["match:read"]).await;
    let reaching = token(&house, &cookie, &["staff:read", "staff:write"]).await;
    let staff = token(&house, &admin, &["staff:read"]).await;
    for (who, method, path, expected) in [
        (&matching, "POST", "/api/match", StatusCode::OK),
        (&matching, "GET", "/api/mentors", StatusCode::OK),
        (&matching, "GET", "/api/admin/users", StatusCode::FORBIDDEN),
        (&reaching, "GET", "/api/admin/users", StatusCode::FORBIDDEN),
        (&reaching, "POST", "/api/match", StatusCode::FORBIDDEN),
        (&staff, "GET", "/api/admin/users", StatusCode::OK),
        (&staff, "GET", "/api/admin/events", StatusCode::OK),
        (&staff, "GET", "/api/admin/events.csv", StatusCode::OK),
        (&staff, "GET", "/api/admin/jobs", StatusCode::OK),
        (&staff, "POST", "/api/match", StatusCode::FORBIDDEN),
        (&staff, "POST", "/api/admin/users", StatusCode::FORBIDDEN),
    ] {
        assert_eq!(status(&house, method, path, who).await, expected, "{method} {path}");
    }
    let lacking = with_token(&house, "GET", "/api/admin/users", &matching, None).await;
    assert_eq!(lacking.code(), "scope_missing");
    assert!(lacking.json()["error"].as_str().is_some_and(|it| it.contains("staff:read")));
    // A scope that an older or newer Tandem wrote, or none at all, allows nothing.
    for scopes in ["[]", "[\"everything\"]", "[null]", "[\"match:read \"]"] {
        let sql = format!("update api_tokens set scopes = '{scopes}'");
        house.app.db.write_here(|tx| Ok(tx.execute(&sql, [])?)).expect("changed");
        assert_eq!(status(&house, "POST", "/api/match", &matching).await, StatusCode::FORBIDDEN, "{scopes}");
    }
}

#[tokio::test]
async fn a_token_cannot_do_what_is_for_a_person_at_a_browser() {
    let house = TestApp::new();
    let admin = house.sign_in("root@example.org", Role::Admin).await;
    let every: Vec<&str> = tandem::accounts::tokens::Scope::ALL.iter().map(|scope| scope.name()).collect();
    let all = token(&house, &admin, &every).await;
    let id = house.get("/api/tokens", Some(&admin)).await.json()["items"][0]["id"].as_str().expect("an id").to_owned();
    for (method, path, body) in [
        ("POST", "/api/tokens".to_owned(), json!({ "name": "another", "scopes": ["match:read"] })),
        ("GET", "/api/tokens".to_owned(), json!({})),
        ("DELETE", format!("/api/tokens/{id}"), json!({})),
        ("GET", "/api/auth/logins".to_owned(), json!({})),
        (
            "POST",
            "/api/auth/password/change".to_owned(),
            json!({ "currentPassword": PASSWORD, "password": "quite another one" }),
        ),
        ("POST", "/api/auth/confirm".to_owned(), json!({ "password": PASSWORD })),
    ] {
        let answer = with_token(&house, method, &path, &all, Some(&body)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::FORBIDDEN, "token_refused"),
            "{method} {path}"
        );
    }
    assert_eq!(house.get("/api/tokens", Some(&admin)).await.json()["items"].as_array().map(Vec::len), Some(1));
    let session = with_token(&house, "GET", "/api/auth/session", &all, None).await;
    assert_eq!((session.status, session.json()), (StatusCode::OK, json!({})), "a token is no login");
}

#[tokio::test]
async fn a_token_ends_by_its_day_by_its_owner_and_with_the_account() {
    let house = TestApp::new();
    let cookie = house.sign_in("ada@example.org", Role::Mentee).await;
    let stranger = house.sign_in("bo@example.org", Role::Mentee).await;
    let path = "/api/match";
    let ask = json!({ "name": "short", "scopes": ["match:read"], "expiresAt": "2030-03-04T09:10:00Z" });
    let short = make(&house, &cookie, &ask).await["token"].as_str().expect("a text").to_owned();
    let made = make(&house, &cookie, &json!({ "name": "long", "scopes": ["match:read"] })).await;
    let (long, id) = (made["token"].as_str().expect("a text"), made["id"].as_str().expect("an id"));
    let last = token(&house, &cookie, &["match:read"]).await;
    advance(&house, 599);
    assert_eq!(status(&house, "POST", path, &short).await, StatusCode::OK);
    advance(&house, 1);
    assert_eq!(status(&house, "POST", path, &short).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&house, "POST", path, long).await, StatusCode::OK);

    let mine = format!("/api/tokens/{id}");
    let foreign = delete(&house, &mine, &stranger).await;
    assert_eq!((foreign.status, foreign.code().as_str()), (StatusCode::NOT_FOUND, "token_unknown"));
    assert_eq!(status(&house, "POST", path, long).await, StatusCode::OK);
    assert_eq!(delete(&house, &mine, &cookie).await.status, StatusCode::NO_CONTENT);
    assert_eq!(delete(&house, &mine, &cookie).await.status, StatusCode::NOT_FOUND, "it has ended");
    assert_eq!(status(&house, "POST", path, long).await, StatusCode::UNAUTHORIZED);
    let names: Vec<String> = house.get("/api/tokens", Some(&cookie)).await.json()["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["name"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(names, ["a program"], "what has ended is not listed");

    assert_eq!(status(&house, "POST", path, &last).await, StatusCode::OK);
    let sql = "update users set status = 'suspended' where email_key = 'ada@example.org'";
    house.app.db.write_here(|tx| Ok(tx.execute(sql, [])?)).expect("changed");
    assert_eq!(status(&house, "POST", path, &last).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_last_use_is_noted_to_the_minute() {
    let house = TestApp::new();
    let cookie = house.sign_in("ada@example.org", Role::Mentee).await;
    let text = token(&house, &cookie, &["match:read"]).await;
    for (seconds, seen) in [(0, "09:00:00"), (30, "09:00:00"), (60, "09:01:30")] {
        advance(&house, seconds);
        assert_eq!(status(&house, "POST", "/api/match", &text).await, StatusCode::OK);
        let items = house.get("/api/tokens", Some(&cookie)).await.json()["items"].clone();
        assert_eq!(items[0]["lastUsedAt"], format!("2030-03-04T{seen}Z"));
    }
}

#[tokio::test]
async fn a_token_beside_a_cookie_is_what_counts_and_nonsense_is_nobody() {
    let house = TestApp::new();
    let admin = house.sign_in("root@example.org", Role::Admin).await;
    let mentee = house.sign_in("ada@example.org", Role::Mentee).await;
    let weak = token(&house, &mentee, &["match:read"]).await;
    let path = "/api/admin/users";
    assert_eq!(house.get(path, Some(&admin)).await.status, StatusCode::OK);
    let both = with_authorization(&house, "GET", path, &format!("Bearer {weak}"), Some(&admin), None).await;
    assert_eq!(both.status, StatusCode::FORBIDDEN, "the cookie must not lend its power");
    let forged = format!("Bearer tdm_{}", "0".repeat(64));
    let long = format!("Bearer tdm_{}", "0".repeat(5_000));
    for nonsense in [
        forged.as_str(),
        &long,
        "Bearer tdm_",
        "Bearer ",
        "Bearer",
        "bearer nothing of ours",
        "Basic YWRhQGV4YW1wbGUub3JnOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==",
        &format!("Basic {weak}"),
        &format!("Token {weak}"),
        &weak,
        "",
    ] {
        for cookie in [None, Some(admin.as_str())] {
            let answer = with_authorization(&house, "GET", path, nonsense, cookie, None).await;
            let got = (answer.status, answer.code());
            assert_eq!(got, (StatusCode::UNAUTHORIZED, "signed_out".to_owned()), "{nonsense}");
        }
    }
    let (lower, question) = (format!("bearer {weak}"), json!({ "query": "x" }));
    let answer = with_authorization(&house, "POST", "/api/match", &lower, None, Some(&question)).await;
    assert_eq!(answer.status, StatusCode::OK, "the scheme's case does not matter");
}

#[tokio::test]
async fn a_token_is_made_only_by_who_has_proven_lately_that_it_is_them() {
    let house = TestApp::new();
    let cookie = house.sign_in("ada@example.org", Role::Mentee).await;
    let ask = json!({ "name": "x", "scopes": ["match:read"] });
    advance(&house, 1_801);
    let answer = house.post("/api/tokens", Some(&cookie), &ask).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "confirm_first"));
    let wrong = house.post("/api/auth/confirm", Some(&cookie), &json!({ "password": "not this one" })).await;
    assert!(wrong.json()["fields"]["password"].is_string(), "{}", wrong.text());
    assert_eq!(house.post("/api/tokens", Some(&cookie), &ask).await.status, StatusCode::FORBIDDEN);
    let right = house.post("/api/auth/confirm", Some(&cookie), &json!({ "password": PASSWORD })).await;
    assert_eq!(right.status, StatusCode::NO_CONTENT);
    assert_eq!(house.post("/api/tokens", Some(&cookie), &ask).await.status, StatusCode::CREATED);
}
