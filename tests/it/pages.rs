//! Pages as outside browser tests hold on to them: placeholders, buttons, test ids, links.

use axum::http::StatusCode;
use serde_json::json;
use tandem::accounts::Role;

use crate::test_app::{TestApp, five_mentors, mentor};

async fn filled() -> (TestApp, String) {
    let house = TestApp::new();
    house.import(&five_mentors());
    let cookie = house.sign_in("mentee@example.org", Role::Mentee).await;
    (house, cookie)
}

#[tokio::test]
async fn the_search_page_asks_and_answers() {
    let (house, cookie) = filled().await;
    let start = house.get("/search", Some(&cookie)).await.text();
    assert!(
        start.contains("placeholder=\"What do you need help with?") && start.contains(">Search</button>"),
        "{start}"
    );
    let page = house.get("/search?q=pricing+a+pilot", Some(&cookie)).await.text();
    assert!(page.contains("data-testid=\"mentor-card\"") && page.contains("data-testid=\"match-score\""), "{page}");
    assert!(page.contains("href=\"/mentors/"), "{page}");
    assert!(page.contains("<mark>"), "shared words are marked");
}

#[tokio::test]
async fn a_question_that_is_too_long_or_blank_is_refused_on_the_page_and_kept() {
    let (house, cookie) = filled().await;
    let blank = house.get("/search?q=++", Some(&cookie)).await;
    assert_eq!(blank.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(blank.text().contains("must not be blank"), "{}", blank.text());
    let long = house.get(&format!("/search?q={}", "x".repeat(2_001)), Some(&cookie)).await;
    assert!(long.text().contains("2000 characters") && long.text().contains(&"x".repeat(2_000)));
}

#[tokio::test]
async fn an_empty_answer_is_honest() {
    let (house, cookie) = filled().await;
    let page = house.get("/search?q=best+chocolate+cake+recipe", Some(&cookie)).await.text();
    assert!(!page.contains("data-testid=\"mentor-card\"") && page.contains("data-testid=\"near-miss\""), "{page}");
}

#[tokio::test]
async fn a_mentors_page_shows_the_profile_and_the_way_back() {
    let (house, cookie) = filled().await;
    let answer = house.ask(&cookie, json!({ "query": "pricing a pilot" })).await;
    let path = answer["matches"][0]["profileUrl"].as_str().expect("a path").to_owned();
    let page = house.get(&format!("{path}?from=%2Fsearch%3Fq%3Dpricing"), Some(&cookie)).await;
    assert_eq!(page.status, StatusCode::OK);
    let text = page.text();
    assert!(text.contains("Pricing that sticks") && text.contains("href=\"/search?q=pricing\""), "{text}");
}

#[tokio::test]
async fn hostile_profiles_come_out_as_text() {
    let house = TestApp::new();
    let cookie = house.sign_in("mentee@example.org", Role::Mentee).await;
    let script = "<script>alert(1)</script> pricing \"quoted\" & more";
    house.import(&mentor(
        "eve",
        json!({ "Name": script, "Headline": script, "Bio": script, "Expertise": ["pricing <b>", "\u{202e}evil"] }),
    ));
    let page = house.get("/search?q=pricing", Some(&cookie)).await.text();
    assert!(page.contains("data-testid=\"mentor-card\""), "{page}");
    assert!(!page.contains("<script>alert") && !page.contains("pricing <b>"), "{page}");
    let hostile =
        house.get("/search?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E&industry=%22%3E%3Cb%3E", Some(&cookie)).await;
    assert!(!hostile.text().contains("<script>alert") && !hostile.text().contains("\"><b>"));
}

#[tokio::test]
async fn the_landing_page_leads_in() {
    let (house, cookie) = filled().await;
    let landing = house.get("/", None).await;
    assert!(landing.status == StatusCode::OK && landing.text().contains("/signin"));
    assert_eq!(house.get("/", Some(&cookie)).await.header("location"), "/search");
}

#[tokio::test]
async fn assets_are_served_from_the_binary_and_kept_for_ever() {
    let (house, _) = filled().await;
    for (name, kind) in [
        ("app.css", "text/css"),
        ("staff.css", "text/css"),
        ("app.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let answer = house.get(&format!("/assets/{name}"), None).await;
        assert!(answer.header("content-type").starts_with(kind), "{name}");
        assert!(answer.header("cache-control").contains("immutable"));
    }
    assert_eq!(house.get("/assets/..%2Fapp.css", None).await.status, StatusCode::NOT_FOUND);
}
