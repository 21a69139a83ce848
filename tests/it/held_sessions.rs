//! What becomes of sessions over HTTP: answered, moved, called off, held; weekly hours and pauses; what matching
//! shows of it; and the letters as bytes, read by parsers that are not ours.

use axum::http::StatusCode;
use chrono::TimeDelta;
use icalendar::parser::{Component, read_calendar, unfold};
use mail_parser::{Message, MessageParser, MimeHeaders, PartType};
use serde_json::{Value, json};
use tandem::accounts::Role;

use crate::letters;
use crate::office_hours::{Office, id, is, refuses};
use crate::profiles::Person;
use crate::smtp::{MailServer, Manner};
use crate::test_app::{PASSWORD, TestApp};

#[tokio::test]
async fn a_limited_mentor_answers_before_it_is_booked() {
    let office = Office::open().await;
    let limited = office.ada.puts(&office.house, &office.ada, &json!({ "mentor": { "visibility": "limited" } })).await;
    assert_eq!(limited.status, StatusCode::OK, "{}", limited.text());
    let asked = office.session(100).await;
    let path = format!("/api/sessions/{asked}");
    let pending = is(&office.get(&path, &office.bo).await, 200);
    assert_eq!((&pending["status"], &pending["meetingUrl"]), (&json!("pending"), &Value::Null));
    refuses(&office.get(&format!("{path}/invite.ics"), &office.bo).await, 409, "not_booked");
    refuses(&office.does(&office.bo, &asked, "accept", &Value::Null).await, 403, "forbidden");
    refuses(&office.does(&office.bo, &asked, "decline", &json!({})).await, 403, "forbidden");
    assert_eq!(office.picker().await, json!([]), "a request holds its seat");
    assert_eq!(is(&office.does(&office.ada, &asked, "accept", &Value::Null).await, 200)["status"], "booked");
    refuses(&office.does(&office.ada, &asked, "accept", &Value::Null).await, 409, "not_pending");
    refuses(&office.does(&office.ada, &asked, "decline", &json!({})).await, 409, "not_pending");
    let other = office.session(120).await;
    let declined = is(&office.does(&office.ada, &other, "decline", &json!({ "reason": "Not my field" })).await, 200);
    assert_eq!((&declined["status"], &declined["cancelReason"]), (&json!("cancelled"), &json!("Not my field")));
    assert_eq!(office.picker().await.as_array().map(Vec::len), Some(1), "a declined one gives it back");
    office.done();
}

#[tokio::test]
async fn only_so_many_requests_wait_and_none_is_in_a_calendar() {
    let office = Office::open().await;
    office.change("update mentors set visibility = 'limited'");
    let n_before = office.n_letters();
    for hours in 100..105 {
        office.session(hours).await;
    }
    let letters = office.letters(n_before);
    assert_eq!(letters.len(), 10, "both hear of each");
    assert!(letters.iter().all(|it| !String::from_utf8_lossy(&it.raw).contains("text/calendar")));
    let slot = office.slot(110, 2).await;
    refuses(&office.books(&office.bo, &json!({ "slotId": slot })).await, 409, "too_many_requests");
    is(&office.books(&office.cy, &json!({ "slotId": slot })).await, 201);
    let waiting = is(&office.get("/api/sessions?status=pending", &office.bo).await, 200);
    assert_eq!(waiting.as_array().map(Vec::len), Some(5));
    // Nobody answers in two days: the seats are free again for whoever asks next.
    office.house.app.db.clock().advance(TimeDelta::hours(49));
    let again = office.books(&office.bo, &json!({ "slotId": slot })).await;
    assert_eq!(is(&again, 201)["status"], "pending", "those that ran out wait no longer");
    let run_out = id(&waiting[0]);
    refuses(&office.does(&office.ada, &run_out, "accept", &Value::Null).await, 409, "not_pending");
    assert_eq!(is(&office.get(&format!("/api/sessions/{run_out}"), &office.bo).await, 200)["status"], "cancelled");
    office.done();
}

#[tokio::test]
async fn who_may_call_off_and_until_when() {
    let office = Office::open().await;
    let session = office.session(24).await;
    assert_eq!(office.does(&office.bo, &session, "cancel", &json!({})).await.status, 422);
    office.house.app.db.clock().advance(TimeDelta::hours(13));
    refuses(&office.does(&office.bo, &session, "cancel", &json!({ "reason": "Ill" })).await, 409, "notice_passed");
    let other = office.slot(40, 1).await;
    refuses(&office.does(&office.bo, &session, "reschedule", &json!({ "slotId": other })).await, 409, "notice_passed");
    let n_before = office.n_letters();
    let cancelled = is(&office.does(&office.ada, &session, "cancel", &json!({ "reason": "Ill" })).await, 200);
    for (key, value) in [("status", "cancelled"), ("cancelReason", "Ill"), ("cancelledBy", "mentor")] {
        assert_eq!(cancelled[key], value, "{cancelled}");
    }
    assert_eq!(office.letters(n_before).len(), 2);
    refuses(&office.does(&office.ada, &session, "cancel", &json!({ "reason": "Ill" })).await, 409, "not_active");
    let session = office.session(50).await;
    assert_eq!(
        is(&office.does(&office.bo, &session, "cancel", &json!({ "reason": "x" })).await, 200)["cancelledBy"],
        "mentee"
    );
    let session = office.session(60).await;
    office.house.app.db.clock().advance(TimeDelta::hours(61));
    refuses(&office.does(&office.ada, &session, "cancel", &json!({ "reason": "x" })).await, 409, "already_started");
    is(&office.does(&office.pm, &session, "cancel", &json!({ "reason": "x" })).await, 200);
    office.done();
}

#[tokio::test]
async fn a_move_frees_the_old_seat_and_takes_the_new_one() {
    let office = Office::open().await;
    let (from, to) = (office.slot(24, 1).await, office.slot(48, 1).await);
    let session = id(&is(&office.books(&office.bo, &json!({ "slotId": from })).await, 201));
    refuses(&office.does(&office.bo, &session, "reschedule", &json!({ "slotId": from })).await, 422, "same_slot");
    let nobodys = json!({ "slotId": "00000000-0000-4000-8000-000000000000" });
    refuses(&office.does(&office.bo, &session, "reschedule", &nobodys).await, 422, "slot_unknown");
    let moved = is(&office.does(&office.bo, &session, "reschedule", &office.times(48)).await, 200);
    assert_eq!((id(&moved), &moved["slotId"], &moved["status"]), (session.clone(), &json!(to), &json!("booked")));
    is(&office.books(&office.cy, &json!({ "slotId": from })).await, 201);
    let lost = office.does(&office.bo, &session, "reschedule", &json!({ "slotId": from })).await;
    refuses(&lost, 409, "slot_taken");
    assert!(lost.json()["alternatives"].is_array());
    assert_eq!(is(&office.get(&format!("/api/sessions/{session}"), &office.bo).await, 200)["slotId"], to.as_str());
    office.done();
}

#[tokio::test]
async fn how_it_went_is_said_after_the_start_and_by_those_who_know() {
    let office = Office::open().await;
    let (held, missed) = (office.session(24).await, office.session(26).await);
    let (none, party) = (Value::Null, json!({ "party": "mentee" }));
    refuses(&office.does(&office.ada, &held, "complete", &none).await, 409, "not_started");
    refuses(&office.does(&office.ada, &missed, "no-show", &party).await, 409, "not_started");
    refuses(&office.does(&office.bo, &held, "feedback", &json!({ "rating": 5 })).await, 409, "not_completed");
    office.house.app.db.clock().advance(TimeDelta::hours(27));
    refuses(&office.does(&office.bo, &held, "complete", &none).await, 403, "forbidden");
    refuses(&office.does(&office.bo, &missed, "no-show", &party).await, 403, "forbidden");
    assert!(office.does(&office.ada, &missed, "no-show", &json!({ "party": "cat" })).await.status.is_client_error());
    assert_eq!(is(&office.does(&office.ada, &held, "complete", &none).await, 200)["status"], "completed");
    refuses(&office.does(&office.ada, &held, "complete", &none).await, 409, "not_booked");
    assert_eq!(is(&office.does(&office.ada, &missed, "no-show", &party).await, 200)["status"], "no_show");
    assert_eq!(office.does(&office.ada, &missed, "undo", &none).await.status, StatusCode::FORBIDDEN);
    assert_eq!(is(&office.does(&office.pm, &missed, "undo", &none).await, 200)["status"], "booked");
    refuses(&office.does(&office.pm, &missed, "undo", &none).await, 409, "not_closed");
    for rating in [json!(0), json!(6), json!(-1), json!(2.5), json!("5")] {
        let answer = office.does(&office.bo, &held, "feedback", &json!({ "rating": rating })).await;
        assert!(matches!(answer.status.as_u16(), 400 | 422), "{rating}: {}", answer.text());
    }
    assert_eq!(office.does(&office.pm, &held, "feedback", &json!({ "rating": 5 })).await.status, StatusCode::FORBIDDEN);
    is(&office.does(&office.bo, &held, "feedback", &json!({ "rating": 2, "comment": "Late" })).await, 200);
    let path = format!("/api/sessions/{held}/feedback");
    assert_eq!(is(&office.get(&path, &office.ada).await, 200), json!([]), "kept from the other side");
    let again = json!({ "rating": 4, "comment": "Good", "shareWithOther": true });
    let said = is(&office.does(&office.bo, &held, "feedback", &again).await, 200);
    assert_eq!((&said["rating"], &said["comment"], &said["shareWithOther"]), (&json!(4), &json!("Good"), &json!(true)));
    assert_eq!(is(&office.get(&path, &office.ada).await, 200), json!([said]), "replaced, and shared now");
    refuses(&office.get(&path, &office.cy).await, 404, "session_unknown");
    office.done();
}

#[tokio::test]
async fn weekly_hours_come_back_as_they_were_put() {
    let office = Office::open().await;
    let path = "/api/availability/hours";
    let mut hours = is(&office.get(path, &office.ada).await, 200);
    hours["rules"] = json!([{ "weekday": "mon", "start": "09:00", "end": "12:00" }, { "weekday": "sun", "start": "00:00", "end": "24:00" }]);
    hours["exceptions"] = json!([
        { "date": "2030-03-11", "closed": true, "windows": [] },
        { "date": "2030-03-13", "closed": false, "windows": [{ "start": "10:00", "end": "11:00" }] },
    ]);
    for (key, value) in
        [("sessionMinutes", 60), ("bufferMinutes", 10), ("minNoticeMinutes", 0), ("windowDays", 60), ("capacity", 3)]
    {
        hours[key] = value.into();
    }
    assert_eq!(is(&office.call("PUT", path, &office.ada, &hours).await, 200), hours);
    assert_eq!(is(&office.get(path, &office.ada).await, 200), hours);
    let named = format!("{path}?mentorId={}", office.mentor);
    refuses(&office.call("PUT", &named, &office.bo, &hours).await, 403, "forbidden");
    assert_eq!(is(&office.call("PUT", &named, &office.pm, &hours).await, 200), hours);
    refuses(&office.get(path, &office.bo).await, 404, "mentor_unknown");
    for (start, end) in [
        ("25:00", "26:00"),
        ("9:00", "10:00"),
        ("12:00", "09:00"),
        ("09:00", "24:01"),
        ("09:60", "11:00"),
        ("", "x"),
        ("0９:00", "10:00"),
    ] {
        let mut wrong = hours.clone();
        wrong["rules"] = json!([{ "weekday": "mon", "start": start, "end": end }]);
        refuses(&office.call("PUT", path, &office.ada, &wrong).await, 422, "invalid");
    }
    for (key, value) in [
        ("windowDays", json!(181)),
        ("sessionMinutes", json!(0)),
        ("capacity", json!(501)),
        ("rules", json!([{ "weekday": "someday", "start": "09:00", "end": "10:00" }])),
        ("exceptions", json!([{ "date": "2030-02-30", "closed": true }])),
    ] {
        let mut wrong = hours.clone();
        wrong[key] = value;
        refuses(&office.call("PUT", path, &office.ada, &wrong).await, 422, "invalid");
    }
    assert_eq!(is(&office.get(path, &office.ada).await, 200), hours, "what was refused changed nothing");
    office.done();
}

#[tokio::test]
async fn weekly_hours_keep_their_time_on_the_wall_when_the_clocks_change() {
    let office = Office::open().await;
    office.change("update users set timezone = 'Europe/Berlin'");
    let hours = sundays_and_mondays();
    is(&office.call("PUT", "/api/availability/hours", &office.ada, &hours).await, 200);
    let path = format!("/api/availability?mentorId={}&to=2030-04-09T00:00:00Z", office.mentor);
    let listed = is(&office.get(&path, &office.bo).await, 200);
    let starts = starts_of(&listed);
    // On 31 March 2030 at 02:00 the clocks in Berlin go to 03:00.
    for start in [
        "2030-03-24T01:00:00Z",
        "2030-03-24T02:00:00Z",
        "2030-03-25T08:00:00Z",
        "2030-04-01T07:00:00Z",
        "2030-04-07T00:00:00Z",
    ] {
        assert!(starts.iter().any(|it| it == start), "{start}: {starts:?}");
    }
    let of_the_night: Vec<_> = starts.iter().filter(|it| it.starts_with("2030-03-31")).collect();
    assert_eq!(of_the_night, ["2030-03-31T01:00:00Z"], "an hour that is not there offers nothing");
    office.done();
}

#[tokio::test]
async fn an_hour_that_is_there_twice_in_autumn_is_offered_twice() {
    let house = TestApp::with(|config| config.limits.enabled = false);
    house.app.db.clock().advance(TimeDelta::days(230));
    let office = Office::of(house).await;
    office.change("update users set timezone = 'Europe/Berlin'");
    let hours = sundays_and_mondays();
    is(&office.call("PUT", "/api/availability/hours", &office.ada, &hours).await, 200);
    // On 27 October 2030 at 03:00 the clocks in Berlin go back to 02:00.
    let path = format!("/api/availability?mentorId={}&to=2030-11-05T00:00:00Z", office.mentor);
    let starts = starts_of(&is(&office.get(&path, &office.bo).await, 200));
    let around: Vec<_> = starts.iter().filter(|it| ***it > *"2030-10-25" && ***it < *"2030-11-05").collect();
    assert_eq!(
        around,
        [
            "2030-10-27T00:00:00Z",
            "2030-10-27T01:00:00Z",
            "2030-10-27T02:00:00Z",
            "2030-10-28T08:00:00Z",
            "2030-11-03T01:00:00Z",
            "2030-11-03T02:00:00Z",
            "2030-11-04T08:00:00Z"
        ]
    );
    let ask = json!({ "mentorId": office.mentor, "startsAt": around[1], "endsAt": around[2] });
    let booked = is(&office.books(&office.bo, &ask).await, 201);
    assert_eq!(booked["startsAt"], "2030-10-27T01:00:00Z", "the second of the two");
    office.done();
}

/// Hours across the change of the clocks, and an ordinary one after it.
fn sundays_and_mondays() -> Value {
    json!({
        "sessionMinutes": 60, "minNoticeMinutes": 0, "windowDays": 40,
        "rules": [{ "weekday": "sun", "start": "02:00", "end": "04:00" }, { "weekday": "mon", "start": "09:00", "end": "10:00" }],
    })
}

/// When listed slots start.
fn starts_of(listed: &Value) -> Vec<String> {
    let slots = listed["slots"].as_array().expect("slots");
    slots.iter().map(|it| it["startsAt"].as_str().expect("a time").to_owned()).collect()
}

/// What `POST /api/match` shows of the mentor's times.
async fn shown(office: &Office) -> Vec<String> {
    let answer =
        office.house.ask(&office.cy.cookie, json!({ "query": "How do I decide what to charge? pricing" })).await;
    let found = answer["matches"].as_array().expect("a list").iter().find(|it| it["id"] == office.mentor.as_str());
    let slots = found.and_then(|it| it["availability"].as_array()).cloned().unwrap_or_default();
    slots.iter().map(|it| it["startsAt"].as_str().expect("a time").to_owned()).collect()
}

/// The same of the picker.
async fn offered(office: &Office) -> Vec<String> {
    starts_of(&json!({ "slots": office.picker().await }))
}

#[tokio::test]
async fn an_answer_shows_the_times_that_the_picker_shows() {
    let office = Office::open().await;
    let (soon, tomorrow) = (office.slot(3, 1).await, office.slot(24, 1).await);
    office.slot(24 * 7, 1).await;
    assert_eq!(shown(&office).await, offered(&office).await);
    assert_eq!(shown(&office).await.len(), 3);
    office.house.app.db.clock().advance(TimeDelta::hours(1));
    assert_eq!(shown(&office).await, offered(&office).await, "two hours of notice");
    assert_eq!(shown(&office).await.len(), 2);
    refuses(&office.books(&office.bo, &json!({ "slotId": soon })).await, 422, "too_soon");
    is(&office.books(&office.bo, &json!({ "slotId": tomorrow })).await, 201);
    assert_eq!(shown(&office).await, offered(&office).await, "in the very next answer");
    assert_eq!(shown(&office).await.len(), 1);
    office.slot(30, 1).await;
    assert_eq!(shown(&office).await.len(), 2);
    let cap = office.ada.puts(&office.house, &office.ada, &json!({ "mentor": { "loadCapPerWeek": 1 } })).await;
    assert_eq!(cap.status, StatusCode::OK, "{}", cap.text());
    assert_eq!(shown(&office).await, offered(&office).await, "the week is full");
    assert_eq!(offered(&office).await, ["2030-03-11T09:00:00Z"]);
    let until = json!({ "until": "2030-03-06T00:00:00Z" });
    assert_eq!(
        office.call("POST", "/api/availability/pause", &office.ada, &until).await.status,
        StatusCode::NO_CONTENT
    );
    assert!(shown(&office).await.is_empty() && offered(&office).await.is_empty(), "nothing during a pause");
    let why = |at: &str| format!("/api/availability/why?at={at}");
    assert_eq!(is(&office.get(&why("2030-03-11T09:00:00Z"), &office.ada).await, 200)["obstacle"], "paused");
    let week =
        json!({ "mentorId": office.mentor, "startsAt": "2030-03-11T09:00:00Z", "endsAt": "2030-03-11T09:30:00Z" });
    refuses(&office.books(&office.cy, &week).await, 409, "mentor_paused");
    assert_eq!(
        office.call("POST", "/api/availability/pause", &office.ada, &json!({})).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(shown(&office).await, offered(&office).await);
    for (at, obstacle) in [
        ("2030-03-11T09:00:00Z", Value::Null),
        ("2030-03-05T09:00:00Z", json!("full")),
        ("2030-03-05T16:00:00Z", json!("weekly_cap")),
        ("2030-03-01T15:00:00Z", json!("past")),
        ("2030-03-12T15:00:00Z", json!("not_offered")),
    ] {
        let why = is(&office.get(&why(at), &office.ada).await, 200);
        assert_eq!(why["obstacle"], obstacle, "{at}: {why}");
    }
    refuses(
        &office.call("POST", "/api/availability/pause", &office.ada, &json!({ "until": "2030-03-01T00:00:00Z" })).await,
        422,
        "invalid",
    );
    office.done();
}

#[tokio::test]
async fn whoever_leaves_or_must_leave_has_their_sessions_called_off() {
    let office = Office::open().await;
    let admin = Person::new(&office.house, "admin", Role::Admin).await;
    let (first, second) = (office.session(48).await, office.session(72).await);
    let n_before = office.n_letters();
    let path = format!("/api/profiles/{}", office.bo.id);
    let left = office.call("DELETE", &path, &office.bo, &json!({ "password": PASSWORD })).await;
    assert!(left.status.is_success(), "{}", left.text());
    let letters = office.letters(n_before);
    let to_ada: Vec<_> = letters.iter().filter(|it| it.to == "ada@example.org").collect();
    assert_eq!(to_ada.len(), 2, "one for each session");
    for session in [&first, &second] {
        assert_eq!(is(&office.get(&format!("/api/sessions/{session}"), &office.ada).await, 200)["status"], "cancelled");
    }
    let slot = office.slot(96, 1).await;
    let session = id(&is(&office.books(&office.cy, &json!({ "slotId": slot })).await, 201));
    let n_before = office.n_letters();
    let path = format!("/api/admin/users/{}", office.ada.id);
    is(&office.call("PATCH", &path, &admin, &json!({ "status": "suspended" })).await, 200);
    assert!(office.letters(n_before).iter().any(|it| it.to == "cy@example.org"));
    assert_eq!(is(&office.get(&format!("/api/sessions/{session}"), &office.cy).await, 200)["status"], "cancelled");
    let answer = office.books(&office.cy, &json!({ "slotId": slot })).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text());
    refuses(
        &office.get(&format!("/api/availability?mentorId={}", office.mentor), &office.cy).await,
        404,
        "mentor_unknown",
    );
    office.done();
}

/// The properties of the one event of a calendar object, read by a parser that is not ours.
fn event(text: &str) -> (String, Vec<(String, String)>) {
    let unfolded = unfold(text);
    let calendar = read_calendar(&unfolded).unwrap_or_else(|problem| panic!("{problem}: {text}"));
    let method = calendar.properties.iter().find(|it| it.name == "METHOD").expect("a method").val.as_str().to_owned();
    let events: Vec<&Component<'_>> = calendar.components.iter().filter(|it| it.name == "VEVENT").collect();
    assert_eq!(events.len(), 1, "{text}");
    let of = |it: &icalendar::parser::Property<'_>| (it.name.as_str().to_owned(), it.val.as_str().to_owned());
    (method, events[0].properties.iter().map(of).collect())
}

fn value<'a>(event: &'a [(String, String)], name: &str) -> &'a str {
    let found: Vec<_> = event.iter().filter(|(it, _)| it == name).collect();
    assert_eq!(found.len(), 1, "{name}: {event:?}");
    &found[0].1
}

/// The calendar object in a letter, after its structure is checked.
fn invitation(raw: &[u8]) -> String {
    let message: Message<'_> = MessageParser::default().parse(raw).expect("a message");
    let kind = |at: u32| {
        let kind = message.parts[at as usize].content_type().expect("a type").clone();
        format!("{}/{}", kind.c_type, kind.c_subtype.unwrap_or_default())
    };
    let alternative = (0_u32..).take(message.parts.len()).find(|at| kind(*at) == "multipart/alternative").expect("one");
    let PartType::Multipart(inside) = &message.parts[alternative as usize].body else { panic!("no parts") };
    let kinds: Vec<_> = inside.iter().map(|at| kind(*at)).collect();
    assert_eq!(kinds, ["text/plain", "text/html", "text/calendar"], "last is best");
    let part = &message.parts[*inside.last().expect("three") as usize];
    let text = String::from_utf8(part.contents().to_vec()).expect("UTF-8");
    let declared = part.content_type().expect("a type");
    assert!(declared.attribute("charset").is_some_and(|it| it.eq_ignore_ascii_case("utf-8")));
    let written = String::from_utf8_lossy(raw).replace("\r\n ", " ").to_lowercase();
    let header = format!("text/calendar; method={}; charset=utf-8", event(&text).0).to_lowercase();
    assert!(written.contains(&header), "{written}");
    assert_eq!(declared.attribute("method"), Some(event(&text).0.as_str()));
    text
}

#[tokio::test]
async fn the_letters_of_a_booking_are_invitations_that_calendars_read() {
    let office = Office::open().await;
    let n_before = office.n_letters();
    let slot = office.slot(24, 1).await;
    let notes =
        "<script>alert(1)</script> & \"prices\"\nEND:VEVENT\nATTENDEE:mailto:eve@example.org; a,b\\n 漢字 ".repeat(5);
    let booked = is(&office.books(&office.bo, &json!({ "slotId": slot, "notes": notes })).await, 201);
    let letters = office.letters(n_before);
    assert_eq!(letters.len(), 2);
    let (mut uids, mut sequence) = (Vec::new(), 0);
    for letter in &letters {
        let (method, event) = event(&invitation(&letter.raw));
        assert_eq!((method.as_str(), value(&event, "DTSTART")), ("REQUEST", "20300305T090000Z"));
        assert_eq!(value(&event, "ATTENDEE"), format!("mailto:{}", letter.to));
        let message = MessageParser::default().parse(&letter.raw).expect("a message");
        let from = message.from().and_then(|it| it.first()).and_then(|it| it.address()).expect("from somebody");
        assert_eq!(value(&event, "ORGANIZER"), format!("mailto:{from}"));
        assert!(!letter.html.contains("<script>"), "{}", letter.html);
        let other = if letter.to.starts_with("ada") { "bo@example.org" } else { "ada@example.org" };
        assert!(!String::from_utf8_lossy(&letter.raw).contains(other) && !letter.text.contains(other));
        uids.push(value(&event, "UID").to_owned());
        sequence = value(&event, "SEQUENCE").parse().expect("a number");
    }
    assert_eq!(uids[0], uids[1]);
    let session = id(&booked);
    for (by, own, other) in
        [(&office.bo, "bo@example.org", "ada@example.org"), (&office.ada, "ada@example.org", "bo@example.org")]
    {
        let invite = office.get(&format!("/api/sessions/{session}/invite.ics"), by).await;
        assert!(invite.header("content-type").starts_with("text/calendar"), "{}", invite.text());
        let (method, event) = event(&invite.text());
        assert_eq!((method.as_str(), value(&event, "UID")), ("REQUEST", uids[0].as_str()));
        assert_eq!(value(&event, "ATTENDEE"), format!("mailto:{own}"));
        assert!(!unfold(&invite.text()).contains(other), "{}", invite.text());
    }
    office.slot(48, 1).await;
    for (verb, body, method) in
        [("reschedule", office.times(48), "REQUEST"), ("cancel", json!({ "reason": "Ill" }), "CANCEL")]
    {
        let n_before = office.n_letters();
        is(&office.does(&office.bo, &session, verb, &body).await, 200);
        let letters = office.letters(n_before);
        assert_eq!(letters.len(), 2, "{verb}");
        let before = sequence;
        for letter in &letters {
            let (said, event) = event(&invitation(&letter.raw));
            assert_eq!((said.as_str(), value(&event, "UID")), (method, uids[0].as_str()));
            sequence = value(&event, "SEQUENCE").parse().expect("a number");
            assert!(sequence > before, "{verb}: {sequence} after {before}");
        }
    }
}

#[tokio::test]
async fn invitations_reach_a_mail_server_whole_once_each_and_in_their_order_whatever_it_refuses_first() {
    let server = MailServer::start(Manner::default());
    let office = Office::of(letters::house(&server.url("", ""), "")).await;
    let n_before = server.arrived().len();
    let session = office.session(48).await;
    server.refuses(".", "451 4.3.0 try later");
    server.refuses("RCPT", "450 4.2.1 mailbox busy");
    office.house.work();
    assert_eq!(server.arrived().len(), n_before, "both were refused for now: {:?}", server.told());
    for _ in 0..3 {
        office.house.app.db.clock().advance(TimeDelta::hours(1));
        office.house.work();
    }
    is(&office.does(&office.bo, &session, "cancel", &json!({ "reason": "Ill" })).await, 200);
    server.refuses("MAIL", "421 4.3.2 going down");
    for _ in 0..3 {
        office.house.work();
        office.house.app.db.clock().advance(TimeDelta::hours(1));
    }
    let arrived = server.arrived().split_off(n_before);
    assert_eq!(arrived.len(), 4, "{:?}", server.told());
    for person in ["ada@example.org", "bo@example.org"] {
        let own: Vec<_> = arrived.iter().filter(|it| it.to == [person]).collect();
        let told: Vec<_> = own.iter().map(|it| event(&invitation(it.raw.as_bytes()))).collect();
        assert_eq!(told.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(), ["REQUEST", "CANCEL"], "{person}");
        let [first, last] = [&told[0].1, &told[1].1];
        assert_eq!(value(first, "UID"), value(last, "UID"));
        assert_eq!(value(last, "STATUS"), "CANCELLED");
        let number = |event: &[(String, String)]| value(event, "SEQUENCE").parse::<u32>().expect("a number");
        assert!(number(last) > number(first));
        assert!(own.iter().all(|it| it.raw.is_ascii() && it.raw.lines().all(|line| line.len() <= 998)));
        assert_ne!(message_id(&own[0].raw), message_id(&own[1].raw));
    }
}

fn message_id(raw: &str) -> String {
    MessageParser::default().parse(raw).and_then(|it| it.message_id().map(str::to_owned)).expect("a Message-ID")
}

#[tokio::test]
async fn the_personal_feed_is_read_with_its_secret_alone() {
    let office = Office::open().await;
    let session = office.session(24).await;
    let made = is(&office.call("POST", "/api/calendar/feed", &office.bo, &Value::Null).await, 200);
    let path = |made: &Value| {
        let url = made["url"].as_str().expect("a url");
        url[url.find("/cal/").expect("a feed")..].to_owned()
    };
    let first = path(&made);
    let feed = office.house.get(&first, None).await;
    assert_eq!(feed.status, StatusCode::OK, "{}", feed.text());
    let (method, event) = event(&feed.text());
    assert_eq!((method.as_str(), value(&event, "STATUS")), ("PUBLISH", "CONFIRMED"));
    assert!(value(&event, "UID").starts_with(&session));
    assert!(!feed.text().contains("ada@example.org") && !feed.text().contains("bo@example.org"), "{}", feed.text());
    let second = path(&is(&office.call("POST", "/api/calendar/feed", &office.bo, &Value::Null).await, 200));
    assert_eq!(office.house.get(&first, None).await.status, StatusCode::NOT_FOUND, "renewed");
    assert_eq!(office.house.get(&second, None).await.status, StatusCode::OK);
    assert_eq!(
        office.call("DELETE", "/api/calendar/feed", &office.bo, &Value::Null).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(office.house.get(&second, None).await.status, StatusCode::NOT_FOUND, "ended");
    office.done();
}
