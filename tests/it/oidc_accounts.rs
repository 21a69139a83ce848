//! Whose account a sign-in with another provider opens, and the links between the two.

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use tandem::accounts::{self, Role, User};

use crate::oidc::{add, cookies, dance, house_with_provider, signed_in, through};
use crate::provider::Provider;
use crate::test_app::{Answer, PASSWORD, TestApp, request};

async fn change(house: &TestApp, sql: &'static str) {
    house.app.db.write(move |tx| Ok(tx.execute(sql, [])?)).await.expect("changed");
}

async fn user(house: &TestApp, email: &'static str) -> User {
    let found = house.app.db.read(move |tx| accounts::user_by_email(tx, email)).await;
    found.expect("read").expect("an account")
}

async fn is_right_password(house: &TestApp, email: &str) -> bool {
    house.post("/api/auth/signin", None, &json!({ "email": email, "password": PASSWORD })).await.status
        == StatusCode::OK
}

async fn is_signed_in(house: &TestApp, cookie: &str) -> bool {
    house.get("/api/auth/session", Some(cookie)).await.json() != json!({})
}

async fn send(house: &TestApp, method: &str, path: &str, cookie: &str, site: &str) -> Answer {
    let request = request(method, path, Some(cookie))
        .header("sec-fetch-site", site)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("next=%2Fprofile"));
    house.send(request.expect("a request")).await
}

/// Begins to link from a page of ours: the path back from the provider, and the cookie to bring.
async fn begin_link(house: &TestApp, cookie: &str) -> (String, String) {
    let page = send(house, "POST", "/auth/oidc/example/link", cookie, "same-origin").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    let address = page.header("refresh").strip_prefix("0; url=").expect("an address").to_owned();
    assert!(page.text().contains("Continue to Example"));
    (through(&address).await, cookies(&page))
}

async fn link(house: &TestApp, cookie: &str) -> Answer {
    let (back, flow) = begin_link(house, cookie).await;
    house.get(&back, Some(&format!("{cookie}; {flow}"))).await
}

async fn links(house: &TestApp, cookie: &str) -> Vec<Value> {
    let answer = house.get("/api/auth/links", Some(cookie)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()["items"].as_array().expect("a list").clone()
}

/// The class of CVE-2024-38351: somebody makes an account for an address that is not theirs and waits.
#[tokio::test]
async fn an_account_prepared_by_another_does_not_survive_its_owners_first_sign_in() {
    let (house, provider) = house_with_provider().await;
    let thief = house.sign_in("bo@example.org", Role::Mentee).await;
    let owner = user(&house, "bo@example.org").await.id;
    let token = house.app.db.write(move |tx| {
        let scopes = [accounts::tokens::Scope::MatchRead];
        accounts::tokens::create(tx, &tandem::audit::Actor::default(), owner, "waiting", &scopes, None)
    });
    let (_, token) = token.await.expect("a token");
    provider.script().subject = "the thief's own".to_owned();
    assert_eq!(link(&house, &thief).await.status, StatusCode::SEE_OTHER);
    let (waiting, flow) = begin_link(&house, &thief).await;
    let mailed = "insert into verification_tokens (id, user_id, email_key, purpose, token_hash, created_at, expires_at)
                  select 'x', id, 'thief@example.org', 'change', zeroblob(32), 0, 9999999999 from users";
    change(&house, mailed).await;

    provider.script().subject = "subject-1".to_owned();
    let answer = dance(&house).await;
    assert_eq!(signed_in(&house, &answer).await["id"], owner.to_string());
    assert!(!is_right_password(&house, "bo@example.org").await, "the password is gone");
    assert!(!is_signed_in(&house, &thief).await, "the login is over");
    assert!(accounts::tokens::bearer(&house.app.db, &token).await.expect("read").is_none(), "the token is dead");
    assert_eq!(links(&house, &cookies(&answer)).await.len(), 1, "only the owner's link is left");
    let count = |tx: &tandem::db::Tx<'_>| {
        Ok(tx.query_row("select count(*) from verification_tokens", [], |row| row.get::<_, i64>(0))?)
    };
    assert_eq!(house.app.db.read(count).await.expect("counted"), 0, "no letter opens it");
    let late = house.get(&waiting, Some(&format!("{thief}; {flow}"))).await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST, "nor does a link that was under way");

    // From now on the address is proved: what its owner adds stays.
    let hash = house.app.passwords.hash_for(PASSWORD.to_owned(), &[]).await.expect("hashed");
    house.app.db.write(move |tx| accounts::set_password(tx, owner, &hash)).await.expect("set");
    assert_eq!(dance(&house).await.status, StatusCode::SEE_OTHER);
    assert!(is_right_password(&house, "bo@example.org").await);
}

#[tokio::test]
async fn a_link_made_in_somebody_elses_login_does_not_keep_their_way_in() {
    let (house, _provider) = house_with_provider().await;
    let thief = house.sign_in("bo@example.org", Role::Mentee).await;
    // The owner is brought to link their account while the thief's login is in their browser.
    assert_eq!(link(&house, &thief).await.status, StatusCode::SEE_OTHER);
    let answer = dance(&house).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(!is_right_password(&house, "bo@example.org").await && !is_signed_in(&house, &thief).await);
    assert_eq!(links(&house, &cookies(&answer)).await.len(), 1);
}

#[tokio::test]
async fn an_account_whose_address_is_proved_is_linked_and_keeps_what_it_has() {
    let (house, provider) = house_with_provider().await;
    let before = house.sign_in("bo@example.org", Role::Admin).await;
    change(&house, "update users set email_verified_at = 1").await;
    let answer = dance(&house).await;
    assert_eq!(signed_in(&house, &answer).await["role"], "admin", "staff too");
    assert!(is_right_password(&house, "bo@example.org").await && is_signed_in(&house, &before).await);
    // The provider's name for a person is what counts from now on, not the address.
    provider.script().email = Some("renamed@example.org");
    provider.script().is_verified = Some(false);
    assert_eq!(signed_in(&house, &dance(&house).await).await["email"], "bo@example.org");
}

#[tokio::test]
async fn accounts_that_are_not_in_use_stay_closed() {
    let (house, provider) = house_with_provider().await;
    let before = house.sign_in("bo@example.org", Role::Mentee).await;
    for sql in ["update users set status = 'suspended'", "update users set status = 'inactive'"] {
        change(&house, sql).await;
        let answer = dance(&house).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text());
        assert!(answer.text().contains("That account cannot be signed in to.") && cookies(&answer).is_empty());
    }
    change(&house, "update users set status = 'active'").await;
    assert!(
        is_right_password(&house, "bo@example.org").await && is_signed_in(&house, &before).await,
        "nothing was touched"
    );

    assert_eq!(dance(&house).await.status, StatusCode::SEE_OTHER);
    let first = user(&house, "bo@example.org").await.id;
    // Deleted: a row without an address, to which even a link that was left behind leads nobody.
    change(&house, "update users set deleted_at = 1, email = 'gone', email_key = id").await;
    let answer = dance(&house).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    assert_ne!(signed_in(&house, &answer).await["id"], first.to_string(), "somebody new");
    provider.script().subject = "another".to_owned();
    change(&house, "update users set deleted_at = 1 where deleted_at is null").await;
    assert_ne!(dance(&house).await.status, StatusCode::SEE_OTHER, "a deleted account's address opens nothing");
}

#[tokio::test]
async fn where_people_are_invited_only_those_with_an_account_come_in() {
    let provider = Provider::start().await;
    let settings = provider.settings();
    let house = TestApp::with(|config| {
        add(config, settings);
        config.accounts.signup = tandem::config::Signup::Invite;
    });
    let answer = dance(&house).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text().contains("by invitation"), "{}", answer.text());
    house.sign_in("bo@example.org", Role::Mentor).await;
    assert_eq!(signed_in(&house, &dance(&house).await).await["role"], "mentor");
}

#[tokio::test]
async fn a_newcomers_name_is_made_fit() {
    let (house, provider) = house_with_provider().await;
    let long = "x".repeat(1_000);
    let names = [
        (Some("  Ada \n Lovelace\u{7} "), "Ada Lovelace"),
        (Some("\u{0}\r\n"), "bo"),
        (None, "bo"),
        (Some(long.as_str()), &long[..200]),
        (Some("<script>"), "<script>"),
    ];
    for (number, (name, wanted)) in names.into_iter().enumerate() {
        provider.script().subject = format!("subject-{number}");
        provider.script().email = Some(["bo@a.org", "bo@b.org", "bo@c.org", "bo@d.org", "bo@e.org"][number]);
        provider.script().name = name.map(str::to_owned);
        assert_eq!(signed_in(&house, &dance(&house).await).await["name"], wanted, "{name:?}");
    }
}

#[tokio::test]
async fn an_account_is_linked_and_unlinked_by_its_owner() {
    let (house, provider) = house_with_provider().await;
    let cookie = house.sign_in("cy@example.org", Role::Mentee).await;
    assert!(links(&house, &cookie).await.is_empty());
    let answer = link(&house, &cookie).await;
    assert_eq!((answer.status, answer.header("location").as_str()), (StatusCode::SEE_OTHER, "/profile"));
    assert!(!cookies(&answer).contains("tandem_login"), "the login stays as it is");
    assert_eq!(link(&house, &cookie).await.status, StatusCode::SEE_OTHER, "twice is no error");
    let held = links(&house, &cookie).await;
    assert_eq!(held.len(), 1);
    assert_eq!((&held[0]["provider"], &held[0]["name"]), (&json!("example"), &json!("Example")));
    assert_eq!((&held[0]["email"], &held[0]["createdAt"]), (&json!("Bo@Example.org"), &json!("2030-03-04T09:00:00Z")));
    assert_eq!(signed_in(&house, &dance(&house).await).await["email"], "cy@example.org", "whatever the address there");

    let path = format!("/api/auth/links/{}", held[0]["id"].as_str().expect("an id"));
    let stranger = house.sign_in("eve@example.org", Role::Admin).await;
    let theirs = send(&house, "DELETE", &path, &stranger, "same-origin").await;
    assert_eq!((theirs.status, theirs.code().as_str()), (StatusCode::NOT_FOUND, "link_unknown"));
    change(&house, "update users set password_hash = null where email = 'cy@example.org'").await;
    let last = send(&house, "DELETE", &path, &cookie, "same-origin").await;
    assert_eq!((last.status, last.code().as_str()), (StatusCode::CONFLICT, "last_way_in"));
    provider.script().subject = "subject-2".to_owned();
    assert_eq!(link(&house, &cookie).await.status, StatusCode::SEE_OTHER);
    assert_eq!(send(&house, "DELETE", &path, &cookie, "same-origin").await.status, StatusCode::NO_CONTENT);
    assert_eq!(links(&house, &cookie).await.len(), 1);
    provider.script().subject = "subject-1".to_owned();
    assert_ne!(signed_in(&house, &dance(&house).await).await["email"], "cy@example.org", "that way is closed");
    let kinds = house.app.db.read(|tx| tandem::audit::entries(tx, &tandem::audit::Filter::default(), 50)).await;
    let kinds: Vec<_> = kinds.expect("read").into_iter().rev().map(|it| it.kind).collect();
    assert_eq!(kinds, ["user.linked", "user.linked", "user.unlinked", "user.created", "user.linked"]);
}

#[tokio::test]
async fn what_is_linked_to_somebody_else_cannot_be_taken() {
    let (house, _provider) = house_with_provider().await;
    let owner = dance(&house).await;
    let cookie = house.sign_in("cy@example.org", Role::Mentee).await;
    let answer = link(&house, &cookie).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.text().contains("already linked to somebody else") && !answer.text().contains("Bo@Example.org"));
    assert!(links(&house, &cookie).await.is_empty() && is_signed_in(&house, &cookie).await);
    assert_eq!(links(&house, &cookies(&owner)).await.len(), 1);
}

#[tokio::test]
async fn nobody_links_for_somebody_else() {
    let (house, _provider) = house_with_provider().await;
    let (cy, eve) =
        (house.sign_in("cy@example.org", Role::Mentee).await, house.sign_in("eve@example.org", Role::Mentee).await);
    let foreign = send(&house, "POST", "/auth/oidc/example/link", &cy, "cross-site").await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN, "another site's form");
    let link_by_get = house.get("/auth/oidc/example/link", Some(&cy)).await;
    assert_eq!(link_by_get.status, StatusCode::METHOD_NOT_ALLOWED, "another site's link");
    let (back, flow) = begin_link(&house, &eve).await;
    for (cookies, what) in [
        (cy.clone(), "brought to somebody else's browser"),
        (format!("{cy}; {flow}"), "even with the cookie planted there"),
    ] {
        let answer = house.get(&back, Some(&cookies)).await;
        assert!(answer.status.is_client_error(), "{what}: {}", answer.text());
    }
    assert!(links(&house, &cy).await.is_empty() && links(&house, &eve).await.is_empty());

    let (back, flow) = begin_link(&house, &eve).await;
    house.post("/api/auth/signout", Some(&eve), &json!({})).await;
    let over = house.get(&back, Some(&format!("{eve}; {flow}"))).await;
    assert_eq!(over.status, StatusCode::FORBIDDEN, "signed out in between");
    assert!(over.text().contains("no longer signed in") && cookies(&over).is_empty());
    assert_eq!(house.get("/api/auth/links", None).await.code(), "signed_out");
}
