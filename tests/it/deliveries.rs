//! What becomes of deliveries: the log, another try, the order of edits, and a crowd at once.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::{Value, json};
use tandem::accounts::Role;

use crate::leaving::erase;
use crate::profiles::Person;
use crate::test_app::{PASSWORD, TestApp};
use crate::webhook::{deliver, house, send, signature};

fn record(id: &str, fields: Value) -> Value {
    let mut all = json!({ "Email": format!("{id}@example.org"), "Name": id });
    if let (Value::Object(all), Value::Object(fields)) = (&mut all, fields) {
        all.extend(fields);
    }
    json!({ "recordId": id, "fields": all })
}

async fn log(house: &TestApp, cookie: &str, query: &str) -> Vec<Value> {
    let answer = house.get(&format!("/api/admin/sync{query}"), Some(cookie)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()["items"].as_array().expect("a list").clone()
}

fn words<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_else(|| panic!("{name}: {row}"))
}

#[tokio::test]
async fn the_log_says_of_each_delivery_what_became_of_it() {
    let house = house();
    let pm = house.sign_in("pam@example.org", Role::Pm).await;
    assert!(log(&house, &pm, "").await.is_empty());
    let page = house.get("/admin/sync", Some(&pm)).await;
    assert!(page.text().contains("Nothing has been delivered yet."), "{}", page.text());
    let made = deliver(&house, &record("ada", json!({ "Bio": "I keep bees.", "Shoe Size": 43 }))).await;
    deliver(&house, &record("ada", json!({}))).await;
    deliver(&house, &record("bo", json!({ "Email": "pam@example.org" }))).await;
    deliver(&house, &record("cy", json!({ "Email": 7, "Industries": "x" }))).await;
    let garbage = b"{\"recordId\":".to_vec();
    send(&house, &garbage, &[&signature("a secret of the base", &garbage)]).await;
    house.work();

    let rows = log(&house, &pm, "").await;
    let told: Vec<_> =
        rows.iter().map(|row| (words(row, "result"), row["code"].as_str(), row["record"].as_str())).collect();
    assert_eq!(
        told,
        [
            ("refused", Some("not_json"), None),
            ("refused", Some("invalid"), Some("cy")),
            ("refused", Some("email_taken"), Some("bo")),
            ("unchanged", None, Some("ada")),
            ("changed", None, Some("ada")),
        ]
    );
    assert_eq!(rows[4]["unknownFields"], json!(["Shoe Size"]));
    assert_eq!((&rows[4]["mentorId"], &rows[4]["mentorName"]), (&made.json()["mentorId"], &json!("ada")));
    assert!(
        words(&rows[1], "reason").contains("Email must be text") && words(&rows[1], "reason").contains("Industries")
    );
    assert!(!rows.iter().any(|row| row.to_string().contains("bees")), "the log repeats nothing of a profile");
    assert_eq!(log(&house, &pm, "?result=refused&limit=1").await.len(), 1);
    assert_eq!(log(&house, &pm, "?record=ada").await.len(), 2);
    let answer = house.get("/api/admin/sync?result=odd", Some(&pm)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = house.get("/admin/sync?result=refused", Some(&pm)).await.text();
    assert!(
        page.contains("That e-mail address belongs to somebody else.") && !page.contains("Nothing new</span>"),
        "{page}"
    );
    let first = house.get("/api/admin/sync?limit=2", Some(&pm)).await.json();
    let cursor = words(&first, "nextCursor").to_owned();
    assert_eq!(log(&house, &pm, &format!("?limit=2&cursor={cursor}")).await[0]["code"], "email_taken");
}

#[tokio::test]
async fn a_refused_delivery_is_taken_in_once_its_reason_is_gone() {
    let house = house();
    let pm = house.sign_in("pam@example.org", Role::Pm).await;
    deliver(&house, &record("old", json!({ "Email": "ada@example.org" }))).await;
    let refused = deliver(&house, &record("new", json!({ "Email": "ada@example.org", "Bio": "I keep bees." }))).await;
    assert_eq!(refused.code(), "email_taken");
    let id = log(&house, &pm, "?result=refused").await[0]["id"].to_string();
    let again = house.post(&format!("/admin/sync/{id}/replay"), Some(&pm), &json!({})).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.text().contains("It was refused again: That e-mail address"), "{}", again.text());
    let page = house.get("/admin/sync", Some(&pm)).await.text();
    assert!(page.contains("The address is that of <a href=\"/admin/mentors?q=ada%40example.org\">"), "{page}");
    deliver(&house, &record("old", json!({ "Email": "another@example.org" }))).await;
    let again = house.post(&format!("/api/admin/sync/{id}/replay"), Some(&pm), &json!({})).await;
    assert_eq!((again.status, &again.json()["changed"]), (StatusCode::OK, &json!(true)), "{}", again.text());
    let rows = log(&house, &pm, "?record=new").await;
    assert_eq!((words(&rows[0], "source"), words(&rows[0], "result")), ("replay", "changed"));
    let unknown = house.post("/api/admin/sync/99999/replay", Some(&pm), &json!({})).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (StatusCode::NOT_FOUND, "delivery_unknown"));
    house.work();
}

#[tokio::test]
async fn an_older_edit_that_comes_later_changes_nothing() {
    let house = house();
    let pm = house.sign_in("pam@example.org", Role::Pm).await;
    let edit = |headline: &str, at: &str| record("ada", json!({ "Headline": headline, "Last Modified": at }));
    let newer = deliver(&house, &edit("newer", "2030-03-04T08:59:59.750Z")).await;
    let older = deliver(&house, &edit("older", "2030-03-04T09:59:59.749+01:00")).await;
    assert_eq!((older.status, &older.json()["changed"]), (StatusCode::OK, &json!(false)));
    assert_eq!(older.json()["mentorId"], newer.json()["mentorId"]);
    assert_eq!(log(&house, &pm, "").await[0]["result"], "outdated");
    assert_eq!(deliver(&house, &edit("same time", "2030-03-04T08:59:59.750Z")).await.json()["changed"], true);
    let untold = deliver(&house, &record("ada", json!({ "Headline": "untold" }))).await;
    assert_eq!(untold.json()["changed"], true, "who does not tell is believed");
    for (wrong, said) in [("2099-01-01T00:00:00Z", "future"), ("yesterday", "a time like")] {
        let answer = deliver(&house, &edit("wrong", wrong)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(words(&answer.json()["fields"], "Last Modified").contains(said), "{}", answer.text());
    }
    let fits = deliver(&house, &edit("at last", "2030-03-04T09:00:00Z")).await;
    assert_eq!(fits.json()["changed"], true, "a wrong time keeps nothing out");
    house.work();
}

#[tokio::test]
async fn deliveries_that_nobody_signed_are_counted_and_never_kept() {
    let house = house();
    let pm = house.sign_in("pam@example.org", Role::Pm).await;
    for _ in 0..30 {
        assert_eq!(send(&house, b"{\"recordId\":\"evil\"}", &["0"]).await.status, StatusCode::UNAUTHORIZED);
    }
    house.app.db.clock().advance(TimeDelta::seconds(15));
    send(&house, b"{}", &[]).await;
    let rows = log(&house, &pm, "").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (&rows[0]["times"], &rows[0]["code"], &rows[0]["canReplay"]),
        (&json!(31), &json!("bad_signature"), &json!(false))
    );
    assert!(!rows[0].to_string().contains("evil"));
    house.app.db.clock().advance(TimeDelta::hours(2));
    send(&house, b"{}", &[]).await;
    assert_eq!(log(&house, &pm, "").await.len(), 2, "a new hour, a new row");
}

#[tokio::test]
async fn what_a_delivery_said_is_forgotten_with_the_person() {
    let house = house();
    let ada = Person::mentor(&house, "ada").await;
    deliver(&house, &record("ada", json!({ "Bio": "I keep bees." }))).await;
    deliver(&house, &record("ada", json!({ "Languages": 7 }))).await;
    house.work();
    let erased = erase(&house, &ada, &ada, Some(json!({ "password": PASSWORD }))).await;
    assert_eq!(erased.status, StatusCode::NO_CONTENT, "{}", erased.text());
    let pm = house.sign_in("pam@example.org", Role::Pm).await;
    let rows = log(&house, &pm, "").await;
    assert_eq!(rows.len(), 2, "that they came stays");
    assert!(rows.iter().all(|row| row["canReplay"] == false), "{rows:?}");
    let again = house.post(&format!("/api/admin/sync/{}/replay", rows[0]["id"]), Some(&pm), &json!({})).await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::CONFLICT, "body_gone"));
    house.work();
}

#[tokio::test]
async fn values_of_the_wrong_kind_and_too_many_are_named_field_by_field() {
    let house = house();
    let tags: Vec<String> = (0..10_000).map(|n| format!("tag {n}")).collect();
    for (field, value) in [
        ("Email", json!("no address")),
        ("Name", json!(["Ada"])),
        ("Headline", json!({ "text": "x" })),
        ("Bio", json!(true)),
        ("Company", json!("x".repeat(10_000))),
        ("Title", json!(1)),
        ("Industries", json!("SaaS")),
        ("Stage Focus", json!([1, 2])),
        ("Languages", json!({})),
        ("Timezone", json!("Mars/Olympus")),
        ("Is Active", json!("yes")),
        ("Expertise", json!(tags)),
        ("Visibility", json!("secret")),
        ("Load Cap Per Week", json!(-1)),
        ("Photo URL", json!("javascript:alert(1)")),
        ("LinkedIn URL", json!("http://")),
        ("Meeting URL", json!(0)),
        ("Last Modified", json!(5)),
    ] {
        let answer = deliver(&house, &record("ada", json!({ field: value }))).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {}", answer.text());
        assert!(answer.json()["fields"][field].is_string(), "{field}: {}", answer.text());
    }
    let nobody =
        house.app.db.read_here(|tx| Ok(tx.query_row("select count(*) from mentors", [], |row| row.get::<_, i64>(0))?));
    assert_eq!(nobody.expect("counted"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_delivery_a_thousand_times_at_once_changes_something_once() {
    let house = Arc::new(house());
    let payload = record("ada", json!({ "Bio": "I keep bees.", "Expertise": ["bees"] }));
    let all: Vec<_> = (0..1_000)
        .map(|_| {
            let (house, payload) = (Arc::clone(&house), payload.clone());
            tokio::spawn(async move { deliver(&house, &payload).await })
        })
        .collect();
    let mut n_changed = 0;
    for one in all {
        let answer = one.await.expect("no panic");
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        n_changed += u32::from(answer.json()["changed"] == true);
    }
    assert_eq!(n_changed, 1);
    house.work();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_deliveries_at_once_leave_the_newest_edit_of_each_while_questions_are_answered() {
    let house = Arc::new(house());
    let mia = house.sign_in("mia@example.org", Role::Mentee).await;
    let headline = |n: u64, turn: u64| format!("bees, edition {turn} of keeper {n}");
    let payload = |n: u64, turn: u64| {
        let at = format!("2030-03-04T08:00:00.{turn:03}Z");
        record(&format!("rec{n}"), json!({ "Headline": headline(n, turn), "Last Modified": at }))
    };
    // Five edits of each, in an order that is none: 7 has no common divisor with 1,000.
    let all: Vec<_> = (0..1_000_u64)
        .map(|place| {
            let place = place * 7 % 1_000;
            let (house, payload) = (Arc::clone(&house), payload(place % 200, place / 200));
            tokio::spawn(async move { deliver(&house, &payload).await })
        })
        .collect();
    let (asked, by) = (Arc::clone(&house), mia.clone());
    let asking = tokio::spawn(async move {
        for turn in 0..40 {
            let answer = asked.ask(&by, json!({ "query": format!("Who keeps bees? {turn}") })).await;
            assert!(answer["matches"].is_array());
        }
    });
    for one in all {
        let answer = one.await.expect("no panic");
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
    asking.await.expect("no panic");
    let stored: HashMap<String, String> = house
        .app
        .db
        .read_here(|tx| {
            let mut statement = tx.prepare_cached("select airtable_record_id, headline from mentors")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .expect("read");
    assert_eq!(stored.len(), 200);
    for n in 0..200 {
        assert_eq!(stored[&format!("rec{n}")], headline(n, 4));
    }
    house.work();
}
