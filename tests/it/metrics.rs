//! What Tandem tells of itself: `/metrics`, who may read it, the dashboard that is made of it; how the parts stand.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use tandem::accounts::tokens::{self, Scope};
use tandem::accounts::{self, Role};
use tandem::audit::Actor;

use crate::backups::NEVER;
use crate::test_app::{Answer, TestApp, five_mentors, request};

async fn metrics_from(house: &TestApp, peer: &str, others: &[(&str, &str)]) -> Answer {
    let peer = SocketAddr::new(peer.parse().expect("an address"), 4000);
    let mut request = axum::http::Request::builder().uri("/metrics").extension(ConnectInfo(peer));
    for (name, value) in others {
        request = request.header(*name, *value);
    }
    house.send(request.body(Body::empty()).expect("a request")).await
}

async fn metrics(house: &TestApp) -> String {
    let answer = metrics_from(house, "127.0.0.1", &[("host", "127.0.0.1:8080")]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    answer.text()
}

fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is not there:\n{text}")).parse().expect("a number")
}

#[tokio::test]
async fn metrics_are_for_this_machine_and_for_tokens_that_may() {
    let house = TestApp::new();
    let local = ("host", "localhost");
    assert_eq!(metrics_from(&house, "::1", &[local]).await.status, StatusCode::OK);
    for (peer, header) in [
        ("192.0.2.9", local),
        ("127.0.0.1", ("host", "mentors.example.org")),
        ("127.0.0.1", ("x-forwarded-for", "127.0.0.1")),
        ("127.0.0.1", ("forwarded", "for=127.0.0.1")),
    ] {
        let answer = metrics_from(&house, peer, &[header]).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::UNAUTHORIZED, "signed_out"), "{header:?}");
        assert!(!answer.text().contains("tandem_"));
    }
    let cookie = house.sign_in("admin@example.org", Role::Admin).await;
    let by_cookie = metrics_from(&house, "192.0.2.9", &[("cookie", &cookie)]).await;
    assert_eq!(by_cookie.status, StatusCode::UNAUTHORIZED, "a browser is no scraper");
    let token = |scope| {
        house.app.db.write_here(|tx| {
            let admin = accounts::user_by_email(tx, "admin@example.org")?.expect("there");
            Ok(format!("Bearer {}", tokens::create(tx, &Actor::default(), admin.id, "p", &[scope], None)?.1))
        })
    };
    let right = token(Scope::MetricsRead).expect("made");
    assert_eq!(metrics_from(&house, "192.0.2.9", &[("authorization", &right)]).await.status, StatusCode::OK);
    let wrong = token(Scope::StaffRead).expect("made");
    let refused = metrics_from(&house, "127.0.0.1", &[local, ("authorization", &wrong)]).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::FORBIDDEN, "scope_missing"));
}

#[tokio::test]
async fn requests_are_counted_by_template_and_nothing_that_people_type_is_a_label() {
    let house = TestApp::new();
    house.import(&five_mentors());
    let cookie = house.sign_in("mia@example.org", Role::Mentee).await;
    for path in ["/mentors/quagmirion", "/mentors/another", "/quagmirion?q=secret", "/healthz"] {
        house.get(path, Some(&cookie)).await;
    }
    let odd = request("QUAGMIRE", "/healthz", None).body(Body::empty()).expect("a request");
    house.send(odd).await;
    let text = metrics(&house).await;
    let requests = |labels: &str| value(&text, &format!("tandem_http_requests_total{{{labels}}}"));
    assert!((requests("method=\"GET\",route=\"/mentors/{id}\",status=\"4xx\"") - 2.0).abs() < f64::EPSILON);
    assert!((requests("method=\"GET\",route=\"/healthz\",status=\"2xx\"") - 1.0).abs() < f64::EPSILON);
    assert!((requests("method=\"GET\",route=\"(none)\",status=\"4xx\"") - 1.0).abs() < f64::EPSILON);
    assert!((requests("method=\"other\",route=\"/healthz\",status=\"4xx\"") - 1.0).abs() < f64::EPSILON);
    let in_flight = value(&text, "tandem_http_requests_in_flight");
    assert!((in_flight - 1.0).abs() < f64::EPSILON, "this very request: {in_flight}");
    assert!(!text.to_lowercase().contains("quagmir") && !text.contains("mia@"), "{text}");
}

#[tokio::test]
async fn each_stage_of_an_answer_and_each_letter_is_there() {
    let house = TestApp::new();
    house.import(&five_mentors());
    let cookie = house.sign_in("mia@example.org", Role::Mentee).await;
    for _ in 0..3 {
        house.ask(&cookie, json!({ "query": "How do I price a pilot?" })).await;
    }
    house.post("/api/auth/password/forgot", None, &json!({ "email": "mia@example.org" })).await;
    assert_eq!(house.letters().len(), 1);
    let text = metrics(&house).await;
    for stage in ["prepare", "embed", "filter", "vectors", "keywords", "score", "explain"] {
        let n = value(&text, &format!("tandem_match_stage_seconds_count{{stage=\"{stage}\"}}"));
        assert!((n - 3.0).abs() < f64::EPSILON, "{stage}");
    }
    for (series, expected) in [
        ("tandem_match_seconds_count", 3.0),
        ("tandem_questions_total{outcome=\"answered\"}", 3.0),
        ("tandem_questions_total{outcome=\"busy\"}", 0.0),
        ("tandem_letters_total{result=\"sent\"}", 1.0),
        ("tandem_outbox{state=\"sent\"}", 1.0),
        ("tandem_jobs{state=\"dead\"}", 0.0),
        ("tandem_jobs_total{kind=\"send\",result=\"done\"}", 1.0),
        ("tandem_deliveries{result=\"refused\"}", 0.0),
        ("tandem_hook_letters{state=\"queued\"}", 0.0),
        ("tandem_mentors", 4.0),
        ("tandem_component_state{component=\"database\"}", 0.0),
    ] {
        assert!((value(&text, series) - expected).abs() < f64::EPSILON, "{series}\n{text}");
    }
    for series in ["tandem_database_bytes", "tandem_write_seconds_count", "process_resident_memory_bytes"] {
        assert!(value(&text, series) > 0.0, "{series}");
    }
    assert!(text.contains("engine=\"rten\""), "{text}");
    assert!(!text.contains("tandem_backup_age_seconds"), "there is no backup, so it has no age");
}

#[tokio::test]
async fn a_backup_has_an_age_once_there_is_one() {
    let house = TestApp::new();
    house.app.backups.make("test", &NEVER).expect("made");
    house.app.db.clock().advance(chrono::TimeDelta::hours(25));
    assert!((value(&metrics(&house).await, "tandem_backup_age_seconds") - 90_000.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn the_dashboard_asks_only_for_what_is_exported() {
    let house = TestApp::new();
    house.import(&five_mentors());
    house.app.backups.make("test", &NEVER).expect("made");
    // What has labels is there once it has happened.
    metrics(&house).await;
    let text = metrics(&house).await;
    let exported: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let dashboard: Value =
        serde_json::from_str(include_str!("../../assets/deploy/grafana.json")).expect("the dashboard is JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let mut asked = BTreeSet::new();
    for target in targets {
        let expression = target["expr"].as_str().expect("an expression");
        let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        asked.extend(words.filter(|word| word.starts_with("tandem_") || word.starts_with("process_")));
    }
    assert!(asked.len() > 15, "{asked:?}");
    for name in asked {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(exported.contains(base), "{name} is not exported");
    }
}

#[tokio::test]
async fn readiness_warns_without_failing() {
    let house = TestApp::new();
    let answer = house.readiness().await;
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::OK, &json!("ready")));
    let workers = answer.json()["components"]["workers"].clone();
    assert_eq!((&workers["status"], &workers["running"]), (&json!("warn"), &json!(0)), "a test does its own work");
    let duty = house.app.db.meters().on_duty("postman");
    let answer = house.readiness().await;
    assert_eq!(answer.json()["components"]["workers"], json!({ "status": "ok", "running": 1 }));
    assert_eq!(answer.json()["components"]["disk"]["freeBytes"].as_u64().map(|it| it > 0), Some(true));
    drop(duty);
    let answer = house.readiness().await;
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("failing")));
    assert_eq!(answer.json()["components"]["workers"]["status"], "fail", "it died");
}

#[tokio::test]
async fn from_elsewhere_readiness_shows_words_and_no_figures() {
    let house = TestApp::new();
    let passed_on = request("GET", "/readyz", None).header("x-forwarded-for", "192.0.2.9");
    let answer = house.send(passed_on.body(Body::empty()).expect("a request")).await;
    let told = answer.json();
    assert_eq!((answer.status, &told["status"]), (StatusCode::OK, &json!("ready")));
    for (name, component) in told["components"].as_object().expect("components") {
        let keys: Vec<&String> = component.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["status"], "{name}");
    }
}

#[tokio::test]
async fn the_sweep_takes_what_is_over_and_nothing_twice() {
    let house = TestApp::with(|config| "a scheduler's secret".clone_into(&mut config.cron.secret));
    let sweep = async || {
        let request = request("POST", "/api/cron/cleanup", None)
            .header(header::AUTHORIZATION, "Bearer a scheduler's secret")
            .header(header::CONTENT_TYPE, "application/json");
        let answer = house.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    };
    let nothing = json!({
        "ran": true, "logins": 0, "links": 0, "flows": 0, "failures": 0, "tokens": 0, "letters": 0, "hookLetters": 0, "deliveryBodies": 0, "changes": 0,
    });
    house.import(&five_mentors());
    house.sign_in("mia@example.org", Role::Mentee).await;
    house.post("/api/auth/password/forgot", None, &json!({ "email": "mia@example.org" })).await;
    assert_eq!(house.letters().len(), 1);
    let wrong = json!({ "email": "mia@example.org", "password": "not the right one" });
    house.post("/api/auth/signin", None, &wrong).await;
    house
        .app
        .db
        .write_here(|tx| {
            let mia = accounts::user_by_email(tx, "mia@example.org")?.expect("there");
            let ends = tx.now().plus_days(1);
            tokens::create(tx, &Actor::default(), mia.id, "old", &[Scope::MatchRead], Some(ends))?;
            tokens::create(tx, &Actor::default(), mia.id, "lasting", &[Scope::MatchRead], None)?;
            Ok(tx.execute_batch(&format!(
                "insert into deliveries (received_at, last_at, source, result, body)
                 values ({now}, {now}, 'webhook', 'changed', x'00');
                 insert into oidc_flows values
                     (zeroblob(32), zeroblob(32), 'p', 'n', 'v', '/', null, {now}, {now} + 600);",
                now = tx.now().unix()
            ))?)
        })
        .expect("made");
    assert_eq!(sweep().await, nothing, "all of it is still good");
    house.app.db.clock().advance(chrono::TimeDelta::days(91));
    let swept = sweep().await;
    let is_right = swept["changes"].as_u64().is_some_and(|n| n > 0)
        && ["links", "flows", "tokens", "letters", "deliveryBodies"].iter().all(|it| swept[*it] == 1)
        && swept["logins"] == 1
        && swept["failures"].as_u64().is_some_and(|n| n > 0);
    assert!(is_right, "{swept}");
    assert_eq!(sweep().await, nothing, "nothing twice");
    // A log that was swept does not keep an index from catching up: one that lies behind is made anew.
    let directory = house.close();
    let house = TestApp::open(directory);
    house.work();
    let cookie = house.sign_in("bea@example.org", Role::Mentee).await;
    let answer = house.ask(&cookie, json!({ "query": "How do I price a pilot?" })).await;
    assert_eq!((&answer["degraded"], &answer["matches"][0]["name"]), (&json!([]), &json!("ada")));
}
