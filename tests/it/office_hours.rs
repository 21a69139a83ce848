//! Office hours over HTTP, as the contract describes them: slots, and how a session is booked.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{StatusCode, header};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tandem::accounts::{self, NewUser, Role};
use tandem::db::Tx;
use tandem::error::Result;
use tandem::ids::UserId;
use tandem::mail::Kept;

use crate::profiles::Person;
use crate::test_app::{Answer, TestApp, request};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// A mentor, two mentees and somebody of the staff; no rate limits.
pub struct Office {
    pub house: TestApp,
    pub ada: Person,
    pub mentor: String,
    pub bo: Person,
    pub cy: Person,
    pub pm: Person,
}

impl Office {
    pub async fn open() -> Self {
        Self::of(TestApp::with(|config| config.limits.enabled = false)).await
    }

    /// The same people in a house of the caller's making.
    pub async fn of(house: TestApp) -> Self {
        let ada = Person::mentor(&house, "ada").await;
        let mentor = mentor_id(&house, &ada);
        let (bo, cy) = (mentee(&house, "bo").await, mentee(&house, "cy").await);
        let pm = Person::new(&house, "pm", Role::Pm).await;
        let office = Self { house, ada, mentor, bo, cy, pm };
        office.change("update mentors set load_cap_per_week = 200");
        office.house.work();
        office
    }

    pub fn change(&self, sql: &str) {
        self.house.app.db.write_here(|tx| Ok(tx.execute_batch(sql)?)).expect("changed");
    }

    pub fn after(&self, hours: i64) -> String {
        self.house.app.db.clock().now().plus_seconds(hours * 3_600).to_string()
    }

    pub fn times(&self, hours: i64) -> Value {
        let start = self.house.app.db.clock().now().plus_seconds(hours * 3_600);
        json!({ "startsAt": start, "endsAt": start.plus_seconds(1_800) })
    }

    pub async fn call(&self, method: &str, path: &str, by: &Person, body: &Value) -> Answer {
        call(&self.house, method, path, by, body, None).await
    }

    pub async fn get(&self, path: &str, by: &Person) -> Answer {
        self.house.get(path, Some(&by.cookie)).await
    }

    pub async fn opens(&self, by: &Person, body: &Value) -> Answer {
        self.call("POST", "/api/availability", by, body).await
    }

    /// A slot of half an hour that starts in so many hours.
    pub async fn slot(&self, hours: i64, capacity: u32) -> String {
        let mut ask = self.times(hours);
        ask["capacity"] = capacity.into();
        let answer = self.opens(&self.ada, &ask).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()["slots"][0]["id"].as_str().expect("an id").to_owned()
    }

    pub async fn books(&self, by: &Person, ask: &Value) -> Answer {
        self.call("POST", "/api/sessions", by, ask).await
    }

    /// Bo's session in so many hours.
    pub async fn session(&self, hours: i64) -> String {
        let slot = self.slot(hours, 1).await;
        id(&is(&self.books(&self.bo, &json!({ "slotId": slot })).await, 201))
    }

    pub async fn does(&self, by: &Person, session: &str, verb: &str, body: &Value) -> Answer {
        self.call("POST", &format!("/api/sessions/{session}/{verb}"), by, body).await
    }

    /// What a mentee sees of the mentor's slots.
    pub async fn picker(&self) -> Value {
        is(&self.get(&format!("/api/availability?mentorId={}", self.mentor), &self.cy).await, 200)["slots"].clone()
    }

    /// Letters since the last time, without those that welcome.
    pub fn letters(&self, n_before: usize) -> Vec<Kept> {
        self.house.letters().split_off(n_before)
    }

    pub fn n_letters(&self) -> usize {
        self.house.letters().len()
    }

    pub fn done(&self) {
        self.house.work();
    }
}

/// Makes them a mentor with a free slot tomorrow and one the day after that somebody has booked.
pub fn a_free_slot_and_a_session(tx: &Tx<'_>, user: UserId, word: &str) -> Result<(String, String)> {
    let random = || UserId::random().to_string();
    let (mentor, slot, taken, mentee, session) = (random(), random(), random(), random(), random());
    let new = NewUser {
        email: format!("{mentee}@example.org"),
        name: word.to_owned(),
        role: Role::Mentee,
        timezone: "UTC".to_owned(),
        password_hash: None,
    };
    let other = accounts::create(tx, &new)?.id;
    let (free_at, taken_at) = (tx.now().plus_days(1).unix(), tx.now().plus_days(2).unix());
    tx.execute_batch(&format!(
        "insert into mentees (id, user_id, company, created_at, updated_at) values ('{mentee}', '{other}', '{word}', 0, 0);
         insert into mentors (id, user_id, headline, visibility, created_at, updated_at)
         values ('{mentor}', '{user}', '{word}', 'private', 0, 0);
         insert into availability (id, mentor_number, starts_at, ends_at, location, created_at)
         select '{slot}', number, {free_at}, {free_at} + 1800, '{word}', 0 from mentors where id = '{mentor}';
         insert into availability (id, mentor_number, starts_at, ends_at, location, created_at)
         select '{taken}', number, {taken_at}, {taken_at} + 1800, '{word}', 0 from mentors where id = '{mentor}';
         insert into office_sessions
             (id, mentor_number, mentee_id, slot_id, seat_no, starts_at, ends_at, status, location, notes, created_at, updated_at)
         select '{session}', number, '{mentee}', '{taken}', 1, {taken_at}, {taken_at} + 1800, 'booked', '{word}', '{word}', 0, 0
         from mentors where id = '{mentor}';"
    ))?;
    Ok((slot, session))
}

async fn call(house: &TestApp, method: &str, path: &str, by: &Person, body: &Value, key: Option<&str>) -> Answer {
    let mut request = request(method, path, Some(&by.cookie))
        .header("sec-fetch-site", "same-origin")
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    house.send(request.body(Body::from(body.to_string())).expect("a request")).await
}

fn mentor_id(house: &TestApp, of: &Person) -> String {
    let sql = format!("select id from mentors where user_id = '{}'", of.id);
    house.app.db.read_here(|tx| Ok(tx.query_row(&sql, [], |row| row.get(0))?)).expect("read")
}

async fn mentee(house: &TestApp, name: &str) -> Person {
    let person = Person::new(house, name, Role::Mentee).await;
    let told = person.puts(house, &person, &json!({ "name": name, "company": "Acme" })).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.text());
    person
}

/// The JSON of an answer with this status.
pub fn is(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    answer.json()
}

pub fn refuses(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{}", answer.text());
}

pub fn id(of: &Value) -> String {
    of["id"].as_str().expect("an id").to_owned()
}

fn keys(of: &Value) -> BTreeSet<&str> {
    of.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_slot_is_opened_listed_changed_and_withdrawn() {
    let office = Office::open().await;
    let opened = is(&office.opens(&office.ada, &office.times(24)).await, 201);
    let slot = &opened["slots"][0];
    let expected = json!({
        "id": slot["id"], "startsAt": "2030-03-05T09:00:00Z", "endsAt": "2030-03-05T09:30:00Z",
        "capacity": 1, "remaining": 1, "location": "virtual",
    });
    assert_eq!(slot, &expected);
    let listed = is(&office.get(&format!("/api/availability?mentorId={}", office.mentor), &office.bo).await, 200);
    assert_eq!(listed, json!({ "timezone": listed["timezone"], "slots": [expected] }));
    assert!(listed["timezone"].is_string());
    let path = format!("/api/availability/{}", id(slot));
    for stranger in [&office.bo, &Person::mentor(&office.house, "eve").await] {
        refuses(&office.call("PATCH", &path, stranger, &json!({ "capacity": 2 })).await, 404, "slot_unknown");
        refuses(&office.call("DELETE", &path, stranger, &Value::Null).await, 404, "slot_unknown");
    }
    let changed =
        is(&office.call("PATCH", &path, &office.ada, &json!({ "capacity": 2, "location": "Room 1" })).await, 200);
    assert_eq!(
        (&changed["capacity"], &changed["remaining"], &changed["location"]),
        (&json!(2), &json!(2), &json!("Room 1"))
    );
    assert_eq!(office.call("DELETE", &path, &office.ada, &Value::Null).await.status, StatusCode::NO_CONTENT);
    refuses(&office.call("DELETE", &path, &office.ada, &Value::Null).await, 404, "slot_unknown");
    refuses(&office.books(&office.bo, &json!({ "slotId": id(slot) })).await, 422, "slot_unknown");
    // Staff opens for a mentor that it names.
    let mut ask = office.times(48);
    ask["mentorId"] = office.mentor.clone().into();
    is(&office.opens(&office.pm, &ask).await, 201);
    assert_eq!(office.opens(&office.bo, &ask).await.status, StatusCode::FORBIDDEN);
    ask["mentorId"] = NOBODY.into();
    refuses(&office.opens(&office.pm, &ask).await, 404, "mentor_unknown");
    office.done();
}

#[tokio::test]
async fn what_is_no_slot_is_refused_and_nothing_of_its_list_is_kept() {
    let office = Office::open().await;
    is(&office.opens(&office.ada, &office.times(24)).await, 201);
    refuses(&office.opens(&office.ada, &office.times(24)).await, 409, "slot_overlaps");
    let within = json!({ "startsAt": "2030-03-05T10:29:59.9+01:00", "endsAt": "2030-03-05T11:00:00+01:00" });
    refuses(&office.opens(&office.ada, &within).await, 409, "slot_overlaps");
    let beside = json!({ "startsAt": "2030-03-05T10:30:00+01:00", "endsAt": "2030-03-05T11:00:00+01:00" });
    let opened = is(&office.opens(&office.ada, &beside).await, 201);
    assert_eq!(opened["slots"][0]["startsAt"], "2030-03-05T09:30:00Z", "half-open, in UTC");
    for (starts, ends) in [
        ("2030-03-04T08:00:00Z", "2030-03-04T08:30:00Z"),
        ("2030-03-04T09:00:00Z", "2030-03-04T09:30:00Z"),
        ("2030-03-06T09:00:00Z", "2030-03-06T09:00:00Z"),
        ("2030-03-06T09:00:00Z", "2030-03-06T08:00:00Z"),
        ("2030-03-06T09:00:00Z", "2030-03-06T17:00:01Z"),
        ("9999-12-31T23:00:00Z", "9999-12-31T23:30:00Z"),
        ("2030-03-06T09:00:00Z", "9999-12-31T23:59:59Z"),
        ("2030-03-06T09:00:00", "2030-03-06T09:30:00Z"),
        ("2030-02-30T09:00:00Z", "2030-03-06T09:30:00Z"),
        ("2030-03-06T25:00:00Z", "2030-03-06T26:00:00Z"),
    ] {
        let answer = office.opens(&office.ada, &json!({ "startsAt": starts, "endsAt": ends })).await;
        assert!(matches!(answer.status.as_u16(), 400 | 422), "{starts} {ends}: {} {}", answer.status, answer.text());
    }
    is(
        &office
            .opens(&office.ada, &json!({ "startsAt": "2030-03-06T09:00:00Z", "endsAt": "2030-03-06T17:00:00Z" }))
            .await,
        201,
    );
    for (field, value) in [
        ("capacity", json!(0)),
        ("capacity", json!(501)),
        ("location", json!("")),
        ("location", json!("x".repeat(201))),
    ] {
        let mut ask = office.times(100);
        ask[field] = value;
        refuses(&office.opens(&office.ada, &ask).await, 422, "invalid");
    }
    let start = office.house.app.db.clock().now().plus_days(30);
    let many = |n: i64| {
        let at = |place: i64| start.plus_seconds(place * 600);
        let slots: Vec<_> = (0..n).map(|it| json!({ "startsAt": at(it), "endsAt": at(it + 1) })).collect();
        json!({ "slots": slots })
    };
    assert_eq!(office.opens(&office.ada, &many(501)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(office.opens(&office.ada, &json!({ "slots": [] })).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut with_double = many(3);
    with_double["slots"][2] = with_double["slots"][0].clone();
    refuses(&office.opens(&office.ada, &with_double).await, 409, "slot_overlaps");
    assert_eq!(is(&office.opens(&office.ada, &many(500)).await, 201)["slots"].as_array().map(Vec::len), Some(500));
    office.done();
}

#[tokio::test]
async fn a_slot_with_seats_taken_stays_unless_its_sessions_are_called_off() {
    let office = Office::open().await;
    let slot = office.slot(48, 2).await;
    let session = id(&is(&office.books(&office.bo, &json!({ "slotId": slot })).await, 201));
    is(&office.books(&office.cy, &json!({ "slotId": slot })).await, 201);
    let path = format!("/api/availability/{slot}");
    for change in [json!({ "capacity": 1 }), office.times(50), json!({ "location": "Room 1" })] {
        refuses(&office.call("PATCH", &path, &office.ada, &change).await, 409, "slot_in_use");
    }
    assert_eq!(is(&office.call("PATCH", &path, &office.ada, &json!({ "capacity": 3 })).await, 200)["remaining"], 1);
    refuses(&office.call("DELETE", &path, &office.ada, &Value::Null).await, 409, "slot_in_use");
    let n_before = office.n_letters();
    let path = format!("{path}?cancelSessions=true");
    assert_eq!(office.call("DELETE", &path, &office.ada, &Value::Null).await.status, StatusCode::NO_CONTENT);
    let letters = office.letters(n_before);
    let mut to: Vec<_> = letters.iter().map(|it| it.to.as_str()).collect();
    to.sort_unstable();
    assert_eq!(to, ["ada@example.org", "ada@example.org", "bo@example.org", "cy@example.org"]);
    let kept = is(&office.get(&format!("/api/sessions/{session}"), &office.bo).await, 200);
    assert_eq!(
        (&kept["status"], &kept["slotId"], &kept["cancelledBy"]),
        (&json!("cancelled"), &Value::Null, &json!("mentor"))
    );
}

#[tokio::test]
async fn a_session_says_what_the_contract_says() {
    let office = Office::open().await;
    let slot = office.slot(24, 1).await;
    let ask = json!({ "mentorId": office.mentor, "startsAt": "2030-03-05T10:00:00+01:00", "endsAt": "2030-03-05T09:30:00.5Z", "notes": "Prices" });
    let booked = is(&office.books(&office.bo, &ask).await, 201);
    for key in [
        "id",
        "status",
        "startsAt",
        "endsAt",
        "mentorId",
        "menteeId",
        "mentor",
        "mentee",
        "slotId",
        "location",
        "meetingUrl",
        "notes",
        "cancelReason",
        "cancelledBy",
        "createdAt",
        "updatedAt",
    ] {
        assert!(keys(&booked).contains(key), "{key}: {booked}");
    }
    assert_eq!(
        (&booked["status"], &booked["slotId"], &booked["notes"]),
        (&json!("booked"), &json!(slot), &json!("Prices"))
    );
    assert_eq!((&booked["mentorId"], &booked["mentor"]["id"]), (&json!(office.mentor), &json!(office.mentor)));
    assert_eq!(
        (&booked["startsAt"], &booked["endsAt"]),
        (&json!("2030-03-05T09:00:00Z"), &json!("2030-03-05T09:30:00Z"))
    );
    assert_eq!((&booked["cancelReason"], &booked["location"]), (&Value::Null, &json!("virtual")));
    for (side, name) in [("mentor", "ada"), ("mentee", "bo")] {
        let found = keys(&booked[side]);
        assert!(["id", "name", "image", "title", "company"].iter().all(|key| found.contains(key)), "{booked}");
        assert_eq!(booked[side]["name"], name);
    }
    assert!(!booked.to_string().contains("@example.org"), "{booked}");
    let path = format!("/api/sessions/{}", id(&booked));
    for party in [&office.bo, &office.ada, &office.pm] {
        assert_eq!(is(&office.get(&path, party).await, 200), booked);
    }
    office.done();
}

#[tokio::test]
async fn a_stranger_learns_of_no_session_and_does_nothing_to_it() {
    let office = Office::open().await;
    let session = office.session(24).await;
    let path = format!("/api/sessions/{session}");
    refuses(&office.get(&path, &office.cy).await, 404, "session_unknown");
    refuses(&office.get(&format!("{path}/invite.ics"), &office.cy).await, 404, "session_unknown");
    for (verb, body) in [
        ("cancel", json!({ "reason": "x" })),
        ("reschedule", office.times(24)),
        ("accept", json!({})),
        ("decline", json!({})),
        ("complete", json!({})),
        ("no-show", json!({ "party": "mentee" })),
        ("feedback", json!({ "rating": 5 })),
    ] {
        refuses(&office.does(&office.cy, &session, verb, &body).await, 404, "session_unknown");
    }
    office.done();
}

#[tokio::test]
async fn sessions_are_listed_to_their_parties_and_to_staff() {
    let office = Office::open().await;
    let first = office.session(24).await;
    let later = office.session(72).await;
    let listed = is(&office.get("/api/sessions", &office.bo).await, 200);
    let order: Vec<_> = listed.as_array().expect("an array").iter().map(id).collect();
    assert_eq!(order, [later, first], "newest start first");
    assert_eq!(is(&office.get("/api/sessions", &office.ada).await, 200), listed);
    assert_eq!(is(&office.get("/api/sessions", &office.cy).await, 200), json!([]));
    let by_mentor = format!("/api/sessions?mentorId={}", office.mentor);
    assert_eq!(is(&office.get(&by_mentor, &office.pm).await, 200), listed);
    assert_eq!(office.get(&by_mentor, &office.cy).await.status, StatusCode::FORBIDDEN);
    assert_eq!(is(&office.get("/api/sessions?status=cancelled", &office.bo).await, 200), json!([]));
    assert_eq!(office.get("/api/sessions?status=held", &office.bo).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let from = format!("/api/sessions?from={}&to={}", office.after(30), office.after(100));
    assert_eq!(is(&office.get(&from, &office.bo).await, 200).as_array().map(Vec::len), Some(1));
    office.done();
}

#[tokio::test]
async fn every_refusal_of_a_booking_has_its_code() {
    let office = Office::open().await;
    let slot = office.slot(24, 2).await;
    let eve = Person::mentor(&office.house, "eve").await;
    let eves = mentor_id(&office.house, &eve);
    let by_times = |mentor: &str, hours: i64| {
        let mut ask = office.times(hours);
        ask["mentorId"] = mentor.into();
        ask
    };
    refuses(&office.books(&office.bo, &by_times(NOBODY, 24)).await, 404, "mentor_unknown");
    refuses(&office.books(&office.bo, &by_times(&office.mentor, 25)).await, 422, "slot_unknown");
    refuses(&office.books(&office.bo, &by_times(&eves, 24)).await, 422, "slot_unknown");
    refuses(&office.books(&office.bo, &json!({ "slotId": slot, "mentorId": eves })).await, 422, "slot_unknown");
    refuses(&office.books(&office.bo, &json!({ "slotId": NOBODY })).await, 422, "slot_unknown");
    refuses(&office.books(&office.pm, &json!({ "slotId": slot })).await, 404, "mentee_unknown");
    let has_profile = "insert into mentees (id, user_id, created_at, updated_at)";
    office.change(&format!("{has_profile} values ('{NOBODY}', '{}', 0, 0)", office.ada.id));
    refuses(&office.books(&office.ada, &json!({ "slotId": slot })).await, 422, "own_slot");
    let soon = office.slot(1, 1).await;
    refuses(&office.books(&office.bo, &json!({ "slotId": soon })).await, 422, "too_soon");
    office.house.app.db.clock().advance(TimeDelta::hours(1));
    refuses(&office.books(&office.bo, &json!({ "slotId": soon })).await, 422, "in_past");
    is(&office.books(&office.bo, &json!({ "slotId": slot })).await, 201);
    refuses(&office.books(&office.bo, &json!({ "slotId": slot })).await, 409, "already_booked");
    let other = is(&office.opens(&eve, &office.times(23)).await, 201)["slots"][0].clone();
    refuses(&office.books(&office.bo, &json!({ "slotId": id(&other) })).await, 409, "mentee_busy");
    let next = office.slot(27, 1).await;
    office.change("update mentors set load_cap_per_week = 1");
    refuses(&office.books(&office.cy, &json!({ "slotId": next })).await, 409, "weekly_cap");
    is(&office.books(&office.cy, &json!({ "slotId": slot })).await, 201);
    for notes in ["x".repeat(100_000), "bell\u{7}".to_owned()] {
        assert_eq!(office.books(&office.cy, &json!({ "slotId": next, "notes": notes })).await.status, 422);
    }
    for (visibility, active) in [("private", 1), ("public", 0)] {
        office.change(&format!("update mentors set visibility = '{visibility}', active = {active}"));
        refuses(&office.books(&office.bo, &by_times(&office.mentor, 27)).await, 404, "mentor_unknown");
        let answer = office.books(&office.bo, &json!({ "slotId": next })).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text());
    }
    office.done();
}

#[tokio::test]
async fn the_same_key_a_hundred_times_is_one_session_and_two_letters() {
    let office = Office::open().await;
    let slot = office.slot(24, 5).await;
    let n_before = office.n_letters();
    let ask = json!({ "slotId": slot });
    let first = is(&call(&office.house, "POST", "/api/sessions", &office.bo, &ask, Some("once")).await, 201);
    for _ in 1..100 {
        let again = call(&office.house, "POST", "/api/sessions", &office.bo, &ask, Some("once")).await;
        assert_eq!(is(&again, 200), first);
    }
    assert_eq!(office.letters(n_before).len(), 2);
    assert_eq!(is(&office.get("/api/sessions", &office.bo).await, 200).as_array().map(Vec::len), Some(1));
    let others = call(&office.house, "POST", "/api/sessions", &office.cy, &ask, Some("once")).await;
    assert_ne!(id(&is(&others, 201)), id(&first), "a key is its sender's own");
    for key in ["", &"k".repeat(1_000)] {
        assert_eq!(
            call(&office.house, "POST", "/api/sessions", &office.bo, &ask, Some(key)).await.status,
            422,
            "{key}"
        );
    }
    office.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_get_a_seat_as_there_are_and_the_rest_hear_of_others() {
    let office = Office::open().await;
    let mut mentees = Vec::new();
    for number in 0..64 {
        mentees.push(mentee(&office.house, &format!("many{number}")).await);
    }
    for hours in [80, 81, 82] {
        office.slot(hours, 5).await;
    }
    for (hours, capacity) in [(24, 1), (48, 5)] {
        let slot = office.slot(hours, capacity).await;
        let ask = json!({ "slotId": slot });
        let answers = futures_of(&office, &mentees, &ask).await;
        let n_seats = answers.iter().filter(|it| it.status == StatusCode::CREATED).count();
        assert_eq!(n_seats, capacity as usize);
        for answer in answers.iter().filter(|it| it.status != StatusCode::CREATED) {
            refuses(answer, 409, "slot_taken");
            let others = answer.json()["alternatives"].clone();
            assert_eq!(others.as_array().map(Vec::len), Some(3), "{}", answer.text());
            assert!(others.as_array().expect("three").iter().all(|it| it["remaining"].as_u64() > Some(0)), "{others}");
            assert_eq!(
                keys(&others[0]),
                BTreeSet::from(["capacity", "endsAt", "id", "location", "remaining", "startsAt"])
            );
        }
    }
    office.done();
}

/// Everybody asks at once.
async fn futures_of(office: &Office, mentees: &[Person], ask: &Value) -> Vec<Answer> {
    let mut asked = tokio::task::JoinSet::new();
    for mentee in mentees {
        let router = tandem::web::router(office.house.app.clone());
        let request = request("POST", "/api/sessions", Some(&mentee.cookie))
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(ask.to_string()))
            .expect("a request");
        asked.spawn(async move {
            let response = tower::ServiceExt::oneshot(router, request).await.expect("the router never fails");
            let (parts, body) = response.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body").to_vec();
            Answer { status: parts.status, headers: parts.headers, body }
        });
    }
    asked.join_all().await
}
