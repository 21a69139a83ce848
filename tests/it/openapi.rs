//! The interface's description is made from the routes and served with its page, all from the binary.

use crate::test_app::TestApp;

#[tokio::test]
async fn the_description_names_the_routes() {
    let house = TestApp::new();
    let answer = house.get("/api/openapi.json", None).await;
    assert_eq!(answer.status, 200);
    let document = answer.json();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{document}");
    for path in [
        "/api/match",
        "/api/mentors",
        "/api/mentors/{mentorId}",
        "/api/auth/signin",
        "/api/availability",
        "/api/sessions/{id}/invite.ics",
        "/readyz",
    ] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
}

#[tokio::test]
async fn its_page_needs_nothing_from_elsewhere() {
    let house = TestApp::new();
    let redirect = house.get("/api/docs", None).await;
    let path = if redirect.status == 200 { "/api/docs".to_owned() } else { redirect.header("location") };
    let page = house.get(&path, None).await;
    assert_eq!(page.status, 200, "{path}");
    for asset in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        let answer = house.get(&format!("/api/docs/{asset}"), None).await;
        assert_eq!(answer.status, 200, "{asset}");
        assert!(!answer.header("content-type").starts_with("text/html"), "{asset}");
    }
    assert!(!page.text().contains("//unpkg") && !page.text().contains("//cdn"), "{}", page.text());
}
