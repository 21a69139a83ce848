//! One's own sign-ins, and what staff do with people: lists, roles, states, invitations, the audit
//! log and the queue.

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use tandem::accounts::Role;

use crate::profiles::Person;
use crate::signing_up::{advance, cookie_of, redeem, token_of, try_password};
use crate::test_app::{Answer, PASSWORD, TestApp, request};

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

async fn send(house: &TestApp, method: &str, path: &str, cookie: &str, body: &Value) -> Answer {
    let request = request(method, path, Some(cookie)).header("sec-fetch-site", "same-origin");
    let request = request.header(header::CONTENT_TYPE, "application/json");
    house.send(request.body(Body::from(body.to_string())).expect("a request")).await
}

async fn patch(house: &TestApp, by: &Person, id: &str, to: &Value) -> Answer {
    send(house, "PATCH", &format!("/api/admin/users/{id}"), &by.cookie, to).await
}

async fn is_signed_in(house: &TestApp, cookie: &str) -> bool {
    house.get("/api/auth/session", Some(cookie)).await.json() != json!({})
}

/// One field of each row of a list.
fn column(list: &Value, field: &str) -> Vec<String> {
    let rows = list["items"].as_array().expect("a list");
    rows.iter().map(|row| row[field].as_str().expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn a_person_sees_their_sign_ins_and_ends_one() {
    let house = TestApp::new();
    let ada = Person::new(&house, "ada", Role::Mentee).await;
    let bo = Person::new(&house, "bo", Role::Mentee).await;
    advance(&house, 60);
    let body = json!({ "email": "ada@example.org", "password": PASSWORD }).to_string();
    let phone = request("POST", "/api/auth/signin", None)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, "A phone <b>")
        .body(Body::from(body));
    let phone = cookie_of(&house.send(phone.expect("a request")).await);
    let list = house.get("/api/auth/logins", Some(&ada.cookie)).await;
    assert!(!list.text().contains("secret") && !list.text().contains("hash"), "{}", list.text());
    let list = list.json();
    let rows = list["items"].as_array().expect("a list");
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["device"], &rows[0]["isCurrent"]), (&json!("A phone <b>"), &json!(false)));
    assert_eq!((&rows[0]["address"], &rows[0]["lastSeenAt"]), (&json!("::1"), &json!("2030-03-04T09:01:00Z")));
    assert_eq!(rows[1]["isCurrent"], true);
    let path = format!("/api/auth/logins/{}", rows[0]["id"].as_str().expect("an id"));
    let foreign = send(&house, "DELETE", &path, &bo.cookie, &json!({})).await;
    assert_eq!((foreign.status, foreign.code().as_str()), (StatusCode::NOT_FOUND, "login_unknown"));
    assert!(is_signed_in(&house, &phone).await);
    assert_eq!(send(&house, "DELETE", &path, &ada.cookie, &json!({})).await.status, StatusCode::NO_CONTENT);
    assert!(!is_signed_in(&house, &phone).await && is_signed_in(&house, &ada.cookie).await);
    assert_eq!(send(&house, "DELETE", &path, &ada.cookie, &json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.get("/api/auth/logins", None).await.status, StatusCode::UNAUTHORIZED);
    let out = house.post("/api/auth/signout", Some(&ada.cookie), &json!({})).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert!(!is_signed_in(&house, &ada.cookie).await && is_signed_in(&house, &bo.cookie).await);
}

#[tokio::test]
async fn signing_in_again_ends_the_login_that_the_browser_came_with() {
    let house = TestApp::new();
    let ada = Person::new(&house, "ada", Role::Mentee).await;
    let credentials = json!({ "email": "ada@example.org", "password": PASSWORD });
    let answer = house.post("/api/auth/signin", Some(&ada.cookie), &credentials).await;
    let fresh = cookie_of(&answer);
    assert_ne!(fresh, ada.cookie);
    assert!(is_signed_in(&house, &fresh).await && !is_signed_in(&house, &ada.cookie).await);
}

#[tokio::test]
async fn a_change_of_role_or_state_ends_logins_at_once_and_is_written_down() {
    let house = TestApp::new();
    let admin = Person::new(&house, "admin", Role::Admin).await;
    let ada = Person::new(&house, "ada", Role::Mentee).await;
    let bo = Person::new(&house, "bo", Role::Mentee).await;
    let changed = patch(&house, &admin, &ada.id, &json!({ "role": "pm" })).await;
    assert_eq!((changed.status, changed.json()["role"].as_str()), (StatusCode::OK, Some("pm")));
    assert!(!is_signed_in(&house, &ada.cookie).await, "what was seen as a mentee is over");
    let changed = patch(&house, &admin, &bo.id, &json!({ "status": "suspended" })).await;
    assert_eq!((changed.status, changed.json()["status"].as_str()), (StatusCode::OK, Some("suspended")));
    assert!(!is_signed_in(&house, &bo.cookie).await);
    assert_eq!(house.get("/api/mentors", Some(&bo.cookie)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(try_password(&house, "bo@example.org", PASSWORD).await.code(), "bad_credentials");
    assert_eq!(patch(&house, &admin, &bo.id, &json!({ "status": "active" })).await.status, StatusCode::OK);
    assert!(!is_signed_in(&house, &bo.cookie).await, "the old login does not come back");
    assert_eq!(try_password(&house, "bo@example.org", PASSWORD).await.status, StatusCode::OK);
    let path = format!("/api/admin/events?kind=user&entity={}", bo.id);
    let events = house.get(&path, Some(&admin.cookie)).await.json();
    assert_eq!(column(&events, "kind")[..2], ["user.status_changed", "user.status_changed"]);
    assert_eq!(
        events["items"][1]["change"],
        json!({ "before": { "status": "active" }, "after": { "status": "suspended" } })
    );
    assert_eq!(events["items"][1]["actor"], admin.id.as_str());
    house.work();
}

#[tokio::test]
async fn only_admins_change_standings_and_only_to_what_there_is() {
    let house = TestApp::new();
    let admin = Person::new(&house, "admin", Role::Admin).await;
    let pm = Person::new(&house, "pm", Role::Pm).await;
    let ada = Person::new(&house, "ada", Role::Mentee).await;
    for by in [&pm, &ada] {
        let answer = patch(&house, by, &ada.id, &json!({ "role": "admin" })).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "forbidden"));
    }
    for bad in [json!({ "role": "root" }), json!({ "status": "gone" }), json!({ "email": "eve@example.org" })] {
        let answer = patch(&house, &admin, &ada.id, &bad).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}: {}", answer.text());
        assert!(answer.json()["fields"].is_object(), "{bad}");
    }
    for id in [UNKNOWN, "not-an-id", "%00"] {
        assert_eq!(patch(&house, &admin, id, &json!({ "role": "pm" })).await.status, StatusCode::NOT_FOUND, "{id}");
    }
    let before = house.get("/api/admin/events", Some(&admin.cookie)).await.json();
    assert_eq!(patch(&house, &admin, &ada.id, &json!({ "role": "mentee" })).await.status, StatusCode::OK);
    assert_eq!(patch(&house, &admin, &ada.id, &json!({})).await.status, StatusCode::OK);
    assert!(is_signed_in(&house, &ada.cookie).await, "nothing changed, nothing ends");
    let after = house.get("/api/admin/events", Some(&admin.cookie)).await.json();
    assert_eq!(before, after);
    advance(&house, 1_801);
    let answer = patch(&house, &admin, &ada.id, &json!({ "role": "pm" })).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "confirm_first"));
}

#[tokio::test]
async fn the_last_admin_stays_one() {
    let house = TestApp::new();
    let admin = Person::new(&house, "admin", Role::Admin).await;
    for to in [
        json!({ "role": "mentee" }),
        json!({ "status": "suspended" }),
        json!({ "status": "inactive" }),
        json!({ "role": "pm", "status": "inactive" }),
    ] {
        let answer = patch(&house, &admin, &admin.id, &to).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::CONFLICT, "last_admin"), "{to}");
    }
    assert!(is_signed_in(&house, &admin.cookie).await);
    let other = Person::new(&house, "other", Role::Admin).await;
    let (one, two) = (json!({ "role": "pm" }), json!({ "status": "inactive" }));
    let (one, two) = tokio::join!(patch(&house, &admin, &other.id, &one), patch(&house, &other, &admin.id, &two));
    let n_done = [&one, &two].iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(n_done, 1, "two admins cannot unseat each other: {} {}", one.text(), two.text());
    house.work();
}

#[tokio::test]
async fn whoever_is_invited_chooses_a_password_and_is_in() {
    let house = TestApp::new();
    let admin = Person::new(&house, "admin", Role::Admin).await;
    let pm = Person::new(&house, "pm", Role::Pm).await;
    let ask = json!({ "email": "Ada@example.org", "name": "Ada <script>", "role": "mentor" });
    let refused = house.post("/api/admin/users", Some(&pm.cookie), &ask).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let made = house.post("/api/admin/users", Some(&admin.cookie), &ask).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let person = made.json();
    assert_eq!((&person["role"], &person["isVerified"]), (&json!("mentor"), &json!(false)));
    let twice = house.post("/api/admin/users", Some(&admin.cookie), &ask).await;
    assert_eq!((twice.status, twice.code().as_str()), (StatusCode::CONFLICT, "email_taken"));
    for (field, value) in [("email", "a@b\r\nBcc: x@y.org"), ("name", " "), ("role", "root")] {
        let mut bad = json!({ "email": "cy@example.org", "name": "Cy", "role": "mentee" });
        bad[field] = json!(value);
        let answer = house.post("/api/admin/users", Some(&admin.cookie), &bad).await;
        assert!(answer.json()["fields"][field].is_string(), "{bad}: {}", answer.text());
    }
    let letters = house.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].to.as_str(), letters[0].subject.as_str()), ("Ada@example.org", "You are invited to Tandem"));
    assert!(!letters[0].html.contains("<script"), "{}", letters[0].html);
    let token = token_of(&letters[0]);
    assert_eq!(try_password(&house, "ada@example.org", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    let set = redeem(&house, "/api/auth/password/reset", &token, json!({ "password": "my very own one" })).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT, "{}", set.text());
    let again = redeem(&house, "/api/auth/password/reset", &token, json!({ "password": "not hers at all" })).await;
    assert_eq!(again.code(), "link_dead");
    let answer = try_password(&house, "ada@example.org", "my very own one").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let path = format!("/api/profiles/{}", person["id"].as_str().expect("an id"));
    let profile = house.get(&path, Some(&cookie_of(&answer))).await.json();
    assert!(profile["mentor"]["id"].is_string(), "{profile}");
    let found = house.get("/api/admin/users?q=ada@", Some(&admin.cookie)).await.json();
    assert_eq!(found["items"][0]["isVerified"], true);
    house.work();
}

#[tokio::test]
async fn people_are_listed_by_name_page_by_page_and_by_what_fits() {
    let house = TestApp::new();
    let admin = Person::new(&house, "admin", Role::Admin).await;
    let ask =
        |n: usize, name: &str, role: &str| json!({ "email": format!("p{n}@example.org"), "name": name, "role": role });
    let names = ["cy", "Ada", "ada", "Ärzte", "Eve 100%", "Eve_x", "Bo. Jr.", "Bo"];
    for (n, name) in names.iter().enumerate() {
        let role = if n % 2 == 0 { "mentee" } else { "pm" };
        let made = house.post("/api/admin/users", Some(&admin.cookie), &ask(n, name, role)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    }
    house.work();
    let get = async |query: &str| house.get(&format!("/api/admin/users{query}"), Some(&admin.cookie)).await;
    let whole = column(&get("").await.json(), "name");
    assert_eq!(whole.len(), 9);
    assert_eq!(whole.iter().map(|it| it.to_ascii_lowercase()).collect::<Vec<_>>()[..4], ["ada", "ada", "bo", "bo"]);
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    for _ in 0..9 {
        let page =
            get(&format!("?limit=1&cursor={}", form_urlencoded::byte_serialize(cursor.as_bytes()).collect::<String>()))
                .await
                .json();
        paged.extend(column(&page, "name"));
        cursor = page["nextCursor"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!(paged, whole, "page by page it is the same list");
    assert_eq!(cursor, "", "and it ends");
    for (query, n) in [
        ("?role=pm", 4),
        ("?role=mentee&q=EVE", 1),
        ("?q=P0%40EXAMPLE", 1),
        ("?q=%25", 1),
        ("?q=_", 1),
        ("?q=%5C", 0),
        ("?q=ärz", 1),
        ("?q=%C3%84RZ", 1),
        ("?status=suspended", 0),
        ("?status=active&role=admin", 1),
        ("?q='%20or%201=1%20--", 0),
        ("?role=&status=&q=&cursor=", 9),
    ] {
        let query = query.replace('ä', "%C3%A4");
        let answer = get(&query).await;
        assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(n), "{query}: {}", answer.text());
    }
    for query in ["?role=root", "?status=gone", "?limit=0", "?limit=201", "?cursor=x"] {
        assert_eq!(get(query).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
    let text = get("").await.text();
    assert!(!text.contains("argon2") && !text.contains("hash"), "{text}");
}

#[tokio::test]
async fn what_staff_read_is_for_staff() {
    let house = TestApp::new();
    let people = [
        Person::new(&house, "mentee", Role::Mentee).await,
        Person::new(&house, "mentor", Role::Mentor).await,
        Person::new(&house, "pm", Role::Pm).await,
        Person::new(&house, "admin", Role::Admin).await,
    ];
    for (path, expected) in [
        ("/api/admin/users", [403, 403, 200, 200]),
        ("/api/admin/events", [403, 403, 200, 200]),
        ("/api/admin/events.csv", [403, 403, 403, 200]),
        ("/api/admin/export/mentees", [403, 403, 200, 200]),
        ("/api/admin/jobs", [403, 403, 200, 200]),
        ("/api/admin/outbox", [403, 403, 200, 200]),
    ] {
        assert_eq!(house.get(path, None).await.status, StatusCode::UNAUTHORIZED, "{path}");
        for (person, expected) in people.iter().zip(expected) {
            let answer = house.get(path, Some(&person.cookie)).await;
            assert_eq!(answer.status.as_u16(), expected, "{path}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn the_audit_log_is_read_by_kind_by_whom_and_by_time() {
    let house = TestApp::new();
    let admin = Person::new(&house, "admin", Role::Admin).await;
    let ada = Person::new(&house, "ada", Role::Mentee).await;
    for to in ["pm", "mentor", "mentee"] {
        advance(&house, 60);
        assert_eq!(patch(&house, &admin, &ada.id, &json!({ "role": to })).await.status, StatusCode::OK);
    }
    assert_eq!(patch(&house, &admin, &ada.id, &json!({ "status": "inactive" })).await.status, StatusCode::OK);
    house.work();
    let get = async |query: &str| house.get(&format!("/api/admin/events{query}"), Some(&admin.cookie)).await;
    for (query, n) in [
        ("?kind=user.role_changed".to_owned(), 3),
        ("?kind=user.role".to_owned(), 0),
        ("?kind=user.status_changed".to_owned(), 1),
        ("?kind=nothing".to_owned(), 0),
        (format!("?kind=user.role_changed&actor={}", admin.id), 3),
        (format!("?actor={}", ada.id), 0),
        (format!("?entity={}&kind=user.role_changed", ada.id), 3),
        (format!("?entity={UNKNOWN}"), 0),
        ("?kind=user.role_changed&from=2030-03-04T09:02:00Z".to_owned(), 2),
        ("?kind=user.role_changed&to=2030-03-04T09:02:00Z".to_owned(), 1),
        ("?kind=user.role_changed&from=2030-03-04&to=2030-03-04".to_owned(), 3),
        ("?kind=user.role_changed&from=2030-03-05".to_owned(), 0),
        ("?kind=&actor=&entity=&from=2031-01-01&to=&cursor=".to_owned(), 0),
    ] {
        let answer = get(&query).await;
        assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(n), "{query}: {}", answer.text());
    }
    let whole = get("?kind=user").await.json();
    let (mut n_paged, mut cursor) = (0, String::new());
    for _ in 0..4 {
        let page = get(&format!("?kind=user&limit=1&cursor={cursor}")).await.json();
        assert_eq!(page["items"][0]["id"], whole["items"][n_paged]["id"]);
        n_paged += 1;
        cursor = page["nextCursor"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!(cursor, "");
    for query in ["?actor=x", "?from=yesterday", "?to=2030-13-01", "?cursor=x", "?limit=0", "?limit=201"] {
        assert_eq!(get(query).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
    let csv = house.get("/api/admin/events.csv?kind=user.role_changed", Some(&admin.cookie)).await;
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"audit-log.csv\"");
    assert_eq!(csv.text().lines().count(), 4, "{}", csv.text());
    assert!(csv.text().starts_with("time,actor,actor id,address,kind,entity,entity id,change"));
    assert_eq!(
        get("?kind=audit.exported").await.json()["items"].as_array().map(Vec::len),
        Some(1),
        "taking a copy is noted"
    );
    advance(&house, 1_801);
    assert_eq!(house.get("/api/admin/events.csv", Some(&admin.cookie)).await.code(), "confirm_first");
}

#[tokio::test]
async fn staff_see_how_the_queue_stands() {
    let house = TestApp::new();
    let admin = Person::new(&house, "admin", Role::Admin).await;
    let ask = json!({ "email": "ada@example.org", "name": "Ada", "role": "mentee" });
    assert_eq!(house.post("/api/admin/users", Some(&admin.cookie), &ask).await.status, StatusCode::CREATED);
    let before = house.get("/api/admin/jobs", Some(&admin.cookie)).await.json();
    assert_eq!(before, json!({ "depth": { "ready": 1, "running": 0, "dead": 0 }, "dead": [] }));
    house.work();
    let after = house.get("/api/admin/jobs", Some(&admin.cookie)).await.json();
    assert_eq!(after["depth"]["ready"], 0);
}
