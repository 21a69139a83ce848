//! Signing in with another provider: the whole dance over real redirects, and everything that a
//! provider, a browser or somebody in between can get wrong.

use std::time::Duration;

use axum::http::{StatusCode, header};
use chrono::TimeDelta;
use serde_json::json;
use tandem::accounts::oidc::Providers;
use tandem::config::{self, Config};
use tandem::error::Kind;

use crate::provider::{Mood, Provider, Said, Script, Signed};
use crate::test_app::{Answer, TestApp};

/// One thing that a provider gets wrong, and how it does.
type Variant = (&'static str, fn(&mut Script));

/// A house that takes people in from a provider.
pub async fn house_with_provider() -> (TestApp, Provider) {
    let provider = Provider::start().await;
    let settings = provider.settings();
    (TestApp::with(|config| add(config, settings)), provider)
}

pub fn add(config: &mut Config, settings: config::Provider) {
    config.accounts.providers.insert("example".to_owned(), settings);
}

/// The cookies that an answer sets, as a browser sends them back.
pub fn cookies(answer: &Answer) -> String {
    let set = answer.headers.get_all(header::SET_COOKIE).iter().filter_map(|it| it.to_str().ok());
    set.filter_map(|it| it.split(';').next()).filter(|it| !it.ends_with('=')).collect::<Vec<_>>().join("; ")
}

/// Goes where a provider's address leads: the path that it sends the browser back to.
pub async fn through(address: &str) -> String {
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).tls_certs_only([]);
    let answer = browser.build().expect("a browser").get(address).send().await.expect("an answer");
    assert_eq!(answer.status(), 302, "{}", answer.text().await.unwrap_or_default());
    let location = answer.headers()[header::LOCATION].to_str().expect("an address").to_owned();
    location.strip_prefix("http://127.0.0.1:8080").expect("back here").to_owned()
}

/// Begins at `path` and goes to the provider: the path back, and the cookie to bring there.
async fn go(house: &TestApp, path: &str) -> (String, String) {
    let begun = house.get(path, None).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text());
    (through(&begun.header("location")).await, cookies(&begun))
}

/// The whole dance.
pub async fn dance(house: &TestApp) -> Answer {
    let (back, cookie) = go(house, "/auth/oidc/example").await;
    house.get(&back, Some(&cookie)).await
}

pub async fn signed_in(house: &TestApp, answer: &Answer) -> serde_json::Value {
    house.get("/api/auth/session", Some(&cookies(answer))).await.json()["user"].clone()
}

async fn n_users(house: &TestApp) -> i64 {
    let count = |tx: &tandem::db::Tx<'_>| Ok(tx.query_row("select count(*) from users", [], |row| row.get(0))?);
    house.app.db.read(count).await.expect("counted")
}

/// Nobody is signed in, and the sign-in page says why.
async fn refused(house: &TestApp, answer: &Answer, status: StatusCode, words: &str, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    let page = answer.text();
    assert!(page.contains("role=\"alert\"") && page.contains(words), "{what}: {page}");
    assert!(!cookies(answer).contains("tandem_login"), "{what}");
    assert_eq!(n_users(house).await, 0, "{what}");
}

#[tokio::test]
async fn a_newcomer_comes_in_through_a_provider_and_goes_where_they_were_going() {
    let (house, provider) = house_with_provider().await;
    let begun = house.get("/auth/oidc/example?next=%2Fsearch%3Fq%3Dpricing", None).await;
    let cookie = begun.header("set-cookie");
    for part in ["tandem_oidc=", "Path=/auth/oidc", "HttpOnly", "SameSite=Lax", "Max-Age=600"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let address = begun.header("location");
    assert!(address.starts_with(&format!("{}/authorize?", provider.issuer)), "{address}");
    let back = through(&address).await;
    let answer = house.get(&back, Some(&cookies(&begun))).await;
    assert_eq!((answer.status, answer.header("location").as_str()), (StatusCode::SEE_OTHER, "/search?q=pricing"));
    let set = format!("{:?}", answer.headers.get_all(header::SET_COOKIE).iter().collect::<Vec<_>>());
    assert!(set.contains("tandem_oidc=; Path=/auth/oidc; Max-Age=0"), "{set}");
    let user = signed_in(&house, &answer).await;
    assert_eq!((user["email"].as_str(), user["name"].as_str()), (Some("Bo@Example.org"), Some("Bo Berg")));
    assert_eq!(user["role"], "mentee");

    let again = dance(&house).await;
    assert_eq!(signed_in(&house, &again).await["id"], user["id"], "the same person the next time");
    assert_eq!(again.header("location"), "/search");
    let kinds = house.app.db.read(|tx| tandem::audit::entries(tx, &tandem::audit::Filter::default(), 10)).await;
    let kinds = kinds.expect("read").into_iter().map(|it| it.kind).collect::<Vec<_>>();
    assert_eq!(kinds, ["user.linked", "user.created"]);
}

#[tokio::test]
async fn the_new_login_takes_the_place_of_the_one_before() {
    let (house, _provider) = house_with_provider().await;
    let first = cookies(&dance(&house).await);
    let (back, cookie) = go(&house, "/auth/oidc/example").await;
    let second = house.get(&back, Some(&format!("{first}; {cookie}"))).await;
    assert_eq!(second.status, StatusCode::SEE_OTHER);
    assert_eq!(house.get("/api/auth/session", Some(&first)).await.json(), json!({}));
    assert_eq!(signed_in(&house, &second).await["name"], "Bo Berg");
}

#[tokio::test]
async fn providers_are_listed_and_offered_on_the_sign_in_page() {
    let (house, _provider) = house_with_provider().await;
    let listed = house.get("/api/auth/providers", None).await.json();
    assert_eq!(listed, json!([{ "id": "example", "name": "Example" }]));
    let page = house.get("/signin?next=/search%3Fq%3Dx", None).await.text();
    assert!(page.contains("href=\"/auth/oidc/example?next=%2Fsearch%3Fq%3Dx\""), "{page}");
    let house = TestApp::new();
    assert_eq!(house.get("/api/auth/providers", None).await.json(), json!([]));
    for path in ["/auth/oidc/example", "/auth/oidc/example/callback?state=x&code=y"] {
        assert_eq!(house.get(path, None).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn nobody_is_sent_elsewhere_afterwards() {
    let (house, _provider) = house_with_provider().await;
    for next in ["//evil.example", "https://evil.example", "/%5Cevil.example", "/%09/evil.example", "/.//evil.example"]
    {
        let (back, cookie) = go(&house, &format!("/auth/oidc/example?next={next}")).await;
        assert_eq!(house.get(&back, Some(&cookie)).await.header("location"), "/search", "{next}");
    }
}

#[tokio::test]
async fn a_sign_in_belongs_to_the_browser_that_began_it_and_happens_once() {
    let (house, _provider) = house_with_provider().await;
    let (back, cookie) = go(&house, "/auth/oidc/example").await;
    let (other_back, other_cookie) = go(&house, "/auth/oidc/example").await;
    let part = |name: &str, path: &str| {
        let query = path.split_once('?').expect("a query").1;
        query.split('&').find(|it| it.starts_with(name)).expect("it is there").to_owned()
    };
    let (state, code) = (part("state=", &back), part("code=", &back));
    let here = "/auth/oidc/example/callback";
    let forged = format!("{here}?state={}&{code}", "0".repeat(64));
    for (path, cookie, what) in [
        (back.clone(), None, "no cookie"),
        (back.clone(), Some(other_cookie.as_str()), "another browser's cookie"),
        (other_back.clone(), Some(cookie.as_str()), "another browser's answer"),
        (forged, Some(cookie.as_str()), "a made-up state"),
        (format!("{here}?{code}"), Some(cookie.as_str()), "no state"),
        (format!("{here}?state=&{code}"), Some(cookie.as_str()), "an empty state"),
        (here.to_owned(), Some(cookie.as_str()), "nothing at all"),
        (format!("{here}?error=access_denied"), Some(cookie.as_str()), "an error out of nowhere"),
    ] {
        refused(&house, &house.get(&path, cookie).await, StatusCode::BAD_REQUEST, "Please start again", what).await;
    }
    let twice = format!("{here}?{state}&{state}&{code}");
    assert_eq!(house.get(&twice, Some(&cookie)).await.status, StatusCode::BAD_REQUEST, "two states");
    let no_code = house.get(&format!("{here}?{}", part("state=", &other_back)), Some(&other_cookie)).await;
    refused(&house, &no_code, StatusCode::BAD_REQUEST, "Please start again", "no code").await;

    assert_eq!(house.get(&back, Some(&cookie)).await.status, StatusCode::SEE_OTHER, "none of that has spoiled it");
    let replayed = house.get(&back, Some(&cookie)).await;
    assert_eq!(replayed.status, StatusCode::BAD_REQUEST, "{}", replayed.text());
    assert!(!cookies(&replayed).contains("tandem_login"));
}

#[tokio::test]
async fn a_sign_in_waits_ten_minutes() {
    let (house, provider) = house_with_provider().await;
    let (back, cookie) = go(&house, "/auth/oidc/example").await;
    house.app.db.clock().advance(TimeDelta::seconds(600));
    provider.script().now += TimeDelta::seconds(600);
    let late = house.get(&back, Some(&cookie)).await;
    refused(&house, &late, StatusCode::BAD_REQUEST, "Please start again", "ten minutes later").await;
}

#[tokio::test]
async fn another_providers_answer_is_not_taken() {
    let provider = Provider::start().await;
    let settings = provider.settings();
    let house = TestApp::with(|config| {
        add(config, settings.clone());
        config.accounts.providers.insert("other".to_owned(), settings);
    });
    let (back, cookie) = go(&house, "/auth/oidc/example").await;
    let elsewhere = house.get(&back.replace("/example/", "/other/"), Some(&cookie)).await;
    refused(&house, &elsewhere, StatusCode::BAD_REQUEST, "Please start again", "another provider's door").await;
    provider.script().signs_back_as = Some("https://another.example".to_owned());
    let mixed_up = dance(&house).await;
    refused(&house, &mixed_up, StatusCode::FORBIDDEN, "does not prove who you are", "another's name").await;
    provider.script().signs_back_as = Some(provider.issuer.clone());
    assert_eq!(dance(&house).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_token_that_is_wrong_in_any_way_signs_nobody_in() {
    let (house, provider) = house_with_provider().await;
    let broken: [Variant; 16] = [
        ("another nonce", |it| it.nonce = Said::Otherwise("another")),
        ("no nonce", |it| it.nonce = Said::Nothing),
        ("another issuer", |it| it.issuer = Some("https://another.example")),
        ("another audience", |it| it.audiences = vec!["another"]),
        ("no audience", |it| it.audiences = vec![]),
        ("one audience too many", |it| it.audiences = vec!["tandem", "another"]),
        ("another party", |it| it.party = Some("another")),
        ("another's signature", |it| it.signed = Signed::ByAnother),
        ("no signature", |it| it.signed = Signed::ByNobody),
        ("signed with the shared secret", |it| it.signed = Signed::WithTheSecret),
        ("signed with the public key", |it| it.signed = Signed::WithThePublicKey),
        ("expired this very moment", |it| it.lives_for = TimeDelta::zero()),
        ("expired long ago", |it| it.lives_for = TimeDelta::days(-4000)),
        ("another's access token", |it| it.hashed = "another"),
        ("a subject as long as a book", |it| it.subject = "x".repeat(256)),
        ("a proof that does not fit", |it| it.is_challenge_lost = true),
    ];
    for (what, change) in broken {
        change(&mut provider.script());
        let answer = dance(&house).await;
        refused(&house, &answer, StatusCode::FORBIDDEN, "does not prove who you are", what).await;
        provider.mend();
    }
    assert_eq!(dance(&house).await.status, StatusCode::SEE_OTHER, "and the right one does");
}

#[tokio::test]
async fn only_a_verified_address_makes_an_account() {
    let (house, provider) = house_with_provider().await;
    let broken: [Variant; 5] = [
        ("not verified", |it| it.is_verified = Some(false)),
        ("nothing said", |it| it.is_verified = None),
        ("no address", |it| it.email = None),
        ("no address that is one", |it| it.email = Some("bo@example.org\r\nBcc: eve@example.org")),
        ("told elsewhere, not verified", |it| (it.is_email_in_token, it.is_verified) = (false, Some(false))),
    ];
    for (what, change) in broken {
        change(&mut provider.script());
        let answer = dance(&house).await;
        refused(&house, &answer, StatusCode::FORBIDDEN, "has not verified an e-mail address", what).await;
        provider.mend();
    }
}

#[tokio::test]
async fn an_address_may_be_told_when_asked_for_but_only_of_the_same_person() {
    let (house, provider) = house_with_provider().await;
    provider.script().is_email_in_token = false;
    provider.script().told_about = Some("somebody else");
    let answer = dance(&house).await;
    refused(&house, &answer, StatusCode::FORBIDDEN, "does not prove who you are", "somebody else's").await;
    provider.script().told_about = None;
    let answer = dance(&house).await;
    assert_eq!(signed_in(&house, &answer).await["email"], "Bo@Example.org");
}

#[tokio::test]
async fn who_cancels_at_the_provider_is_told_so_in_our_words() {
    let (house, provider) = house_with_provider().await;
    for (error, words) in [("access_denied", "You cancelled at Example"), ("server_error", "did not let you through")] {
        provider.script().denies = Some(error);
        let (back, cookie) = go(&house, "/auth/oidc/example").await;
        let answer = house.get(&back, Some(&cookie)).await;
        refused(&house, &answer, StatusCode::FORBIDDEN, words, error).await;
        assert!(!answer.text().contains("alert(1)"));
        assert_eq!(house.get(&back, Some(&cookie)).await.status, StatusCode::BAD_REQUEST, "that was its one use");
    }
}

#[tokio::test]
async fn a_provider_that_is_unwell_is_a_moments_trouble() {
    let (house, provider) = house_with_provider().await;
    for mood in [Mood::Failing, Mood::Garbage, Mood::Endless, Mood::Elsewhere] {
        for part in ["discovery", "keys", "name"] {
            match part {
                "discovery" => provider.script().discovery = mood,
                "keys" => provider.script().keys = mood,
                _ => provider.script().calls_itself = Some("https://another.example"),
            }
            let answer = house.get("/auth/oidc/example?next=/search%3Fq%3Dx", None).await;
            refused(&house, &answer, StatusCode::SERVICE_UNAVAILABLE, "does not answer as it should", part).await;
            assert!(answer.text().contains("value=\"/search?q=x\""), "the way on is kept");
            assert!(!answer.text().contains("stack trace") && !answer.header("retry-after").is_empty());
            provider.mend();
        }
    }
    for mood in [Mood::Failing, Mood::Garbage, Mood::Endless, Mood::Elsewhere] {
        provider.script().tokens = mood;
        let answer = dance(&house).await;
        refused(&house, &answer, StatusCode::SERVICE_UNAVAILABLE, "does not answer as it should", "tokens").await;
        provider.script().tokens = Mood::Right;
    }
    assert_eq!(dance(&house).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_provider_that_never_answers_holds_nobody_up() {
    let (house, _provider) = house_with_provider().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut config = Config::defaults_in(house.app.db.directory());
    let issuer = format!("http://{}", silent.local_addr().expect("an address"));
    add(&mut config, config::Provider { issuer, ..Provider::start().await.settings() });
    let providers = Providers::new(&config.accounts.providers, "http://127.0.0.1:8080", Duration::from_millis(200));
    let begun = providers.expect("a client").begin(&house.app.db, "example", "/search".to_owned(), None).await;
    let refusal = begun.expect_err("nobody answers");
    assert_eq!((refusal.kind, refusal.code), (Kind::Busy, "oidc_unreachable"));
}

#[tokio::test]
async fn a_provider_may_change_its_keys_at_any_moment() {
    let (house, provider) = house_with_provider().await;
    assert_eq!(dance(&house).await.status, StatusCode::SEE_OTHER);
    assert_eq!(dance(&house).await.status, StatusCode::SEE_OTHER);
    assert_eq!(provider.script().n_discoveries, 1, "what is known is not asked for");
    provider.script().key = 1;
    assert_eq!(dance(&house).await.status, StatusCode::SEE_OTHER);
    assert_eq!(provider.script().n_discoveries, 2, "a key that is not known is");
    house.app.db.clock().advance(TimeDelta::hours(1));
    provider.script().now += TimeDelta::hours(1);
    assert_eq!(dance(&house).await.status, StatusCode::SEE_OTHER);
    assert_eq!(provider.script().n_discoveries, 3, "and so is what is an hour old");
}

#[tokio::test]
async fn over_https_the_cookie_is_for_https_alone() {
    let provider = Provider::start().await;
    let settings = provider.settings();
    let house = TestApp::with(|config| {
        add(config, settings);
        "https://mentors.example/".clone_into(&mut config.server.public_url);
    });
    let begun = house.get("/auth/oidc/example", None).await;
    let cookie = begun.header("set-cookie");
    assert!(cookie.starts_with("__Secure-tandem_oidc=") && cookie.ends_with("; Secure"), "{cookie}");
    let back = "redirect_uri=https%3A%2F%2Fmentors.example%2Fauth%2Foidc%2Fexample%2Fcallback";
    assert!(begun.header("location").contains(back), "{}", begun.header("location"));
}
