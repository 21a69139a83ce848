//! Programs that are told what happens: what they hear, how they know that it is true, and what becomes of those
//! that are slow, broken, or not who they seem to be.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tandem::accounts::Role;
use tandem::audit::Actor;
use tandem::hooks::{self, Hook, Letter, Post, State};
use tandem::ids::HookId;
use tandem::worker;

use crate::booking_pages::mentee;
use crate::forms::{leads_to, shows, submit};
use crate::profiles::{Person, send};
use crate::receiver::{Heard, Receiver, Reply};
use crate::signing_up::{advance, count};
use crate::test_app::{Answer, PASSWORD, TestApp};

const HOOKS: &str = "/api/admin/hooks";

/// A house whose operator lets addresses on this machine be called.
fn open_house() -> TestApp {
    TestApp::with(|config| config.hooks.allow_private = true)
}

async fn admin(house: &TestApp) -> Person {
    Person::new(house, "admin", Role::Admin).await
}

/// Sets a hook up; its id and its secret.
async fn add(house: &TestApp, by: &Person, url: &str, events: &[&str]) -> (String, String) {
    let answer = house.post(HOOKS, Some(&by.cookie), &json!({ "url": url, "events": events })).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let made = answer.json();
    let text = |name: &str| made[name].as_str().expect(name).to_owned();
    (text("id"), text("secret"))
}

async fn change(house: &TestApp, by: &Person, id: &str, to: &Value) -> Answer {
    let body = to.to_string().into_bytes();
    send(house, "PATCH", &format!("{HOOKS}/{id}"), Some(&by.cookie), "application/json", body).await
}

/// Reads the audit log to its end.
fn tell(house: &TestApp) -> u32 {
    let mut n_letters = 0;
    loop {
        let round = house.app.db.write_here(worker::tell).expect("a round");
        n_letters += round.n_letters;
        if !round.has_more {
            return n_letters;
        }
    }
}

/// Posts all that is due; how many tries it took.
async fn post_with(house: &TestApp, post: &Post) -> usize {
    let mut n_tries = 0;
    loop {
        let due = house.app.db.read_here(hooks::due).expect("read");
        if due.is_empty() {
            return n_tries;
        }
        for hook in due {
            n_tries += usize::from(hooks::post_next(&house.app.db, post, hook).await.expect("tried"));
        }
    }
}

async fn post(house: &TestApp) -> usize {
    let post = house.app.hook_post.clone();
    post_with(house, &post).await
}

fn hook(house: &TestApp, id: &str) -> Hook {
    let id: HookId = id.parse().expect("an id");
    house.app.db.read_here(|tx| hooks::hook(tx, id)).expect("there")
}

/// The letters of a hook, the oldest first.
fn letters(house: &TestApp, id: &str) -> Vec<Letter> {
    let id: HookId = id.parse().expect("an id");
    let mut letters = house.app.db.read_here(|tx| hooks::letters(tx, id, None, 100)).expect("read");
    letters.reverse();
    letters
}

fn is_signed(heard: &Heard, secret: &str) -> bool {
    let digits = &heard.headers["x-tandem-signature"];
    assert!(digits.len() == 64 && digits.bytes().all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it)));
    let bytes: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).expect("digits")).collect();
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.chain_update(&heard.body).verify_slice(&bytes).is_ok()
}

/// A mentor with one free half an hour, whom somebody books; the session.
async fn booked(house: &TestApp) -> (Person, Person, Value) {
    let (ada, bo) = (Person::mentor(house, "ada").await, mentee(house, "bo").await);
    let slot = json!({ "startsAt": "2030-03-06T13:00:00Z", "endsAt": "2030-03-06T13:30:00Z" });
    let slot = house.post("/api/availability", Some(&ada.cookie), &slot).await;
    let ask = json!({ "slotId": slot.json()["id"], "notes": "a private matter" });
    let session = house.post("/api/sessions", Some(&bo.cookie), &ask).await;
    assert_eq!(session.status, StatusCode::CREATED, "{}", session.text());
    house.work();
    (ada, bo, session.json())
}

#[tokio::test]
async fn a_booking_arrives_signed_and_says_what_staff_sees_but_for_the_notes() {
    let (house, receiver) = (open_house(), Receiver::start());
    let by = admin(&house).await;
    let (id, secret) =
        add(&house, &by, &receiver.url("/told?by=tandem"), &["session.booked", "session.cancelled"]).await;
    let (_, bo, session) = booked(&house).await;
    assert_eq!((tell(&house), post(&house).await), (1, 1));
    let heard = receiver.heard();
    let (body, headers) = (heard[0].json(), &heard[0].headers);
    assert_eq!(heard[0].path, "/told?by=tandem");
    assert!(is_signed(&heard[0], &secret) && !is_signed(&heard[0], "another"));
    assert_eq!(body["type"], "session.booked");
    assert_eq!(body["occurredAt"], "2030-03-04T09:00:00Z");
    assert_eq!(headers["x-tandem-timestamp"], "2030-03-04T09:00:00Z");
    assert_eq!(headers["x-tandem-id"], body["id"].to_string());
    assert_eq!(headers["x-tandem-event"], "session.booked");
    assert_eq!(headers["content-type"], "application/json");
    let path = format!("/api/sessions/{}", session["id"].as_str().expect("an id"));
    let mut shown = house.get(&path, Some(&by.cookie)).await.json();
    assert_eq!(shown.as_object_mut().expect("an object").remove("notes"), Some(json!("a private matter")));
    assert_eq!(body["data"], shown);
    let cancel = json!({ "reason": "Another time" });
    let cancelled = house.post(&format!("{path}/cancel"), Some(&bo.cookie), &cancel).await;
    assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text());
    assert_eq!((tell(&house), post(&house).await), (1, 1));
    let body = receiver.heard()[1].json();
    assert_eq!((&body["type"], &body["data"]["status"]), (&json!("session.cancelled"), &json!("cancelled")));
    assert_eq!(hook(&house, &id).last_status, Some(204));
    let letters = letters(&house, &id);
    assert!(letters.iter().all(|it| it.state == State::Sent && it.attempts == 1), "{letters:?}");
    assert_eq!(count(&house, "select count(*) from hook_letters where payload <> ''"), 0, "what was taken is not kept");
    house.work();
}

#[tokio::test]
async fn a_mentor_is_told_of_as_anybody_sees_them_and_a_hidden_one_only_as_hidden() {
    let (house, receiver) = (open_house(), Receiver::start());
    let by = admin(&house).await;
    let events = ["mentor.created", "mentor.updated", "user.updated", "user.created"];
    add(&house, &by, &receiver.url("/"), &events).await;
    let ada = Person::mentor(&house, "ada").await;
    let profile = json!({ "bio": "I keep bees.", "company": "Hive", "languages": ["English"], "industries": ["Food"] });
    assert_eq!(ada.puts(&house, &ada, &json!({ "mentor": profile })).await.status, StatusCode::OK);
    house.work();
    tell(&house);
    post(&house).await;
    let told =
        |kind: &str| receiver.heard().iter().map(Heard::json).filter(|it| it["type"] == kind).collect::<Vec<_>>();
    let last = told("mentor.updated").pop().or_else(|| told("mentor.created").pop()).expect("told");
    let path = format!("/api/mentors/{}", last["data"]["id"].as_str().expect("an id"));
    let mut shown = house.get(&path, Some(&by.cookie)).await.json();
    shown["visible"] = json!(true);
    shown.as_object_mut().expect("an object").remove("availability");
    assert_eq!(last["data"], shown);
    assert_eq!(told("user.updated").pop().expect("told")["data"]["name"], "ada");
    let hide = json!({ "mentor": { "visibility": "private", "bio": "Hidden words" } });
    ada.puts(&house, &ada, &hide).await;
    tell(&house);
    post(&house).await;
    let last = told("mentor.updated").pop().expect("told");
    assert_eq!(last["data"], json!({ "id": shown["id"], "visible": false }));
    house.work();
}

#[tokio::test]
async fn a_receiver_that_fails_or_is_away_is_tried_again_later_with_the_very_same_words() {
    let (house, receiver) = (open_house(), Receiver::start());
    let by = admin(&house).await;
    let (id, secret) = add(&house, &by, &receiver.url("/"), &["session.booked"]).await;
    booked(&house).await;
    tell(&house);
    receiver.replies(Reply::Status(500));
    assert_eq!(post(&house).await, 1);
    let (now, letter) = (hook(&house, &id), letters(&house, &id)[0].clone());
    assert_eq!((letter.state, letter.attempts, letter.last_status), (State::Queued, 1, Some(500)));
    assert_eq!((now.last_error.as_deref(), now.n_queued), (Some("The answer was 500."), 1));
    assert!(now.failing_since.is_some());
    advance(&house, 4);
    assert_eq!(post(&house).await, 0, "not yet");
    advance(&house, 1);
    let (port, first) = (receiver.port(), receiver.heard()[0].clone());
    drop(receiver);
    assert_eq!(post(&house).await, 1);
    let letter = letters(&house, &id)[0].clone();
    assert_eq!((letter.attempts, letter.last_status), (2, None));
    assert!(letter.last_error.expect("a reason").contains("refused"));
    advance(&house, 30);
    let receiver = Receiver::start_at(port);
    assert_eq!(post(&house).await, 1);
    let heard = receiver.heard();
    assert_eq!(heard[0].body, first.body, "so that it is known again");
    assert!(is_signed(&heard[0], &secret));
    let now = hook(&house, &id);
    assert_eq!((now.failing_since, now.last_error, now.n_queued), (None, None, 0));
    assert_eq!(letters(&house, &id)[0].state, State::Sent);
}

#[tokio::test]
async fn a_house_that_dies_in_between_tells_of_each_event_once_and_loses_none() {
    let receiver = Receiver::start();
    let house = open_house();
    let by = admin(&house).await;
    let (id, _) = add(&house, &by, &receiver.url("/"), &["session.booked", "session.cancelled"]).await;
    let (_, bo, session) = booked(&house).await;
    // It dies in the middle of a round: nothing of it has happened.
    let died: tandem::error::Result<()> = house.app.db.write_here(|tx| {
        assert_eq!(worker::tell(tx)?.n_letters, 1);
        Err(tandem::error::Error::conflict("died", "It died."))
    });
    assert!(died.is_err() && letters(&house, &id).is_empty());
    let house = TestApp::open(house.close());
    assert_eq!((tell(&house), tell(&house)), (1, 0));
    // It dies between the round and the post.
    let house = TestApp::open(house.close());
    let path = format!("/api/sessions/{}/cancel", session["id"].as_str().expect("an id"));
    let cancelled = house.post(&path, Some(&bo.cookie), &json!({ "reason": "Another time" })).await;
    assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text());
    assert_eq!((tell(&house), tell(&house)), (1, 0));
    assert_eq!(post_with(&house, &Post::new(true)).await, 2);
    assert_eq!(post_with(&house, &Post::new(true)).await, 0);
    let heard: Vec<_> = receiver.heard().iter().map(|it| it.headers["x-tandem-event"].clone()).collect();
    assert_eq!(heard, ["session.booked", "session.cancelled"]);
    house.work();
}

#[tokio::test]
async fn nothing_inside_is_called_unless_the_operator_allows_it() {
    let (house, receiver) = (TestApp::new(), Receiver::start());
    let by = admin(&house).await;
    let port = receiver.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "10.0.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "metadata.google.internal",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/");
            let answer = house.post(HOOKS, Some(&by.cookie), &json!({ "url": url })).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{url}: {}", answer.text());
            assert!(answer.json()["fields"]["url"].is_string(), "{url}: {}", answer.text());
        }
    }
    // Taken while it was allowed, which it is no more: the guard stands before each try.
    let lax = Post::new(true);
    for url in [receiver.url("/"), format!("https://localhost:{port}/"), format!("https://[::ffff:127.0.0.1]:{port}/")]
    {
        let (hook, _) =
            house.app.db.write_here(|tx| hooks::add(tx, &lax, &Actor::default(), &url, &[])).expect("set up");
        house.app.db.write_here(|tx| hooks::test(tx, &Actor::default(), hook.id)).expect("queued");
        assert_eq!(post(&house).await, 1);
        let id = hook.id.to_string();
        let letter = letters(&house, &id).pop().expect("a letter");
        assert_eq!(letter.state, State::Dead);
        let reason = letter.last_error.expect("a reason");
        assert!(
            reason.starts_with("The address must begin with https://") || reason.contains("own network"),
            "{reason}"
        );
    }
    assert!(receiver.heard().is_empty());
}

#[tokio::test]
async fn who_cannot_prove_who_they_are_is_told_nothing() {
    let (house, receiver) = (open_house(), Receiver::start());
    let by = admin(&house).await;
    let (id, _) = add(&house, &by, &format!("https://127.0.0.1:{}/", receiver.port()), &["session.booked"]).await;
    booked(&house).await;
    tell(&house);
    let hasty = house.app.hook_post.clone().patient_for(Duration::from_secs(1));
    assert_eq!(post_with(&house, &hasty).await, 1);
    let letter = letters(&house, &id).pop().expect("a letter");
    assert_eq!((letter.state, letter.last_status), (State::Queued, None));
    assert!(letter.last_error.is_some() && receiver.heard().is_empty(), "it does not speak TLS");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (house, receiver, inside) = (open_house(), Receiver::start(), Receiver::start());
    let by = admin(&house).await;
    let (id, _) = add(&house, &by, &receiver.url("/"), &["session.booked"]).await;
    booked(&house).await;
    tell(&house);
    receiver.replies(Reply::Elsewhere(inside.url("/secret")));
    assert_eq!(post(&house).await, 1);
    let letter = letters(&house, &id).pop().expect("a letter");
    assert_eq!((letter.state, letter.last_status), (State::Queued, Some(307)));
    assert!(letter.last_error.expect("a reason").contains("no redirect is followed"));
    assert!(inside.heard().is_empty());
}

#[tokio::test]
async fn neither_silence_nor_an_endless_answer_holds_anything_up() {
    let (house, receiver) = (open_house(), Receiver::start());
    let by = admin(&house).await;
    let (id, _) = add(&house, &by, &receiver.url("/"), &["session.booked"]).await;
    booked(&house).await;
    tell(&house);
    receiver.replies(Reply::Never);
    receiver.replies(Reply::Endless);
    let hasty = house.app.hook_post.clone().patient_for(Duration::from_millis(300));
    assert_eq!(post_with(&house, &hasty).await, 1);
    let letter = letters(&house, &id).pop().expect("a letter");
    assert_eq!((letter.state, letter.last_status), (State::Queued, None));
    assert_eq!(letter.last_error.as_deref(), Some("There was no answer in time."));
    advance(&house, 5);
    let begun = Instant::now();
    assert_eq!(post(&house).await, 1);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let letter = letters(&house, &id).pop().expect("a letter");
    assert_eq!((letter.state, letter.last_status), (State::Sent, Some(200)), "taken is taken");
}

#[tokio::test]
async fn the_workers_tell_everybody_at_once_and_a_slow_one_holds_up_only_itself() {
    let (house, slow, quick) = (open_house(), Receiver::start(), Receiver::start());
    slow.always_replies(Reply::Never);
    let by = admin(&house).await;
    let (slow_id, _) = add(&house, &by, &slow.url("/"), &[]).await;
    add(&house, &by, &quick.url("/"), &["user.created"]).await;
    let workers = house.app.start_workers().expect("they start");
    for name in ["bo", "cy", "di"] {
        let new =
            json!({ "email": format!("{name}@example.org"), "password": PASSWORD, "name": name, "role": "mentee" });
        assert!(house.post("/api/auth/signup", None, &new).await.status.is_success());
    }
    slow.await_heard(1);
    assert_eq!(quick.await_heard(3).len(), 3);
    assert_eq!(slow.heard().len(), 1, "one at a time");
    let begun = Instant::now();
    workers.stop();
    assert!(begun.elapsed() < Duration::from_secs(8), "a stop waits only so long: {:?}", begun.elapsed());
    assert!(letters(&house, &slow_id).iter().all(|it| it.state == State::Queued), "and loses nothing");
    house.work();
}

#[tokio::test]
async fn letters_that_wait_do_not_keep_what_somebody_took_away() {
    let (house, receiver) = (open_house(), Receiver::start());
    let by = admin(&house).await;
    add(&house, &by, &receiver.url("/"), &[]).await;
    let (_, bo, _) = booked(&house).await;
    assert_eq!(bo.puts(&house, &bo, &json!({ "name": "Bo Quagmirion" })).await.status, StatusCode::OK);
    tell(&house);
    let with_name = "select count(*) from hook_letters where payload like '%Quagmirion%'";
    assert!(count(&house, with_name) > 0);
    let n_before = count(&house, "select count(*) from hook_letters");
    let body = json!({ "password": PASSWORD }).to_string().into_bytes();
    let gone =
        send(&house, "DELETE", &format!("/api/profiles/{}", bo.id), Some(&bo.cookie), "application/json", body).await;
    assert!(gone.status.is_success(), "{}", gone.text());
    tell(&house);
    assert_eq!(count(&house, with_name), 0);
    assert!(count(&house, "select count(*) from hook_letters") > n_before, "and what happened is told");
    post(&house).await;
    let heard = receiver.heard();
    assert!(heard.iter().any(|it| it.headers["x-tandem-event"] == "user.deleted"));
    assert!(heard.iter().any(|it| it.headers["x-tandem-event"] == "session.cancelled"));
    house.work();
}

#[tokio::test]
async fn admins_alone_set_hooks_up_and_a_secret_is_shown_once() {
    let (house, receiver) = (open_house(), Receiver::start());
    let (by, pm) = (admin(&house).await, Person::new(&house, "pm", Role::Pm).await);
    let url = receiver.url("/");
    for (path, body) in [(HOOKS.to_owned(), json!({ "url": url }))] {
        assert_eq!(house.post(&path, Some(&pm.cookie), &body).await.status, StatusCode::FORBIDDEN);
        assert_eq!(house.get(&path, Some(&pm.cookie)).await.status, StatusCode::FORBIDDEN);
    }
    let (id, secret) = add(&house, &by, &url, &[]).await;
    let list = house.get(HOOKS, Some(&by.cookie)).await;
    assert!(!list.text().contains(&secret) && list.json()["items"][0]["url"] == url, "{}", list.text());
    for (to, field) in [
        (json!({ "url": "ftp://example.org" }), "url"),
        (json!({ "events": ["session.eaten"] }), "events"),
        (json!({ "events": "session.booked" }), "events"),
        (json!({ "isActive": "yes" }), "isActive"),
        (json!({ "secret": "mine" }), "secret"),
    ] {
        let answer = change(&house, &by, &id, &to).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{to}: {}", answer.text());
        assert!(answer.json()["fields"][field].is_string(), "{to}: {}", answer.text());
    }
    let renewed = change(&house, &by, &id, &json!({ "renewSecret": true })).await.json();
    let renewed = renewed["secret"].as_str().expect("a secret").to_owned();
    assert_ne!(renewed, secret);
    let same = change(&house, &by, &id, &json!({ "events": ["session.booked"] })).await;
    assert!(same.json().get("secret").is_none() && same.json()["events"] == json!(["session.booked"]));
    let test = house.post(&format!("{HOOKS}/{id}/test"), Some(&by.cookie), &json!({})).await;
    assert_eq!((test.status, &test.json()["type"]), (StatusCode::ACCEPTED, &json!("ping")));
    assert_eq!(post(&house).await, 1);
    assert!(is_signed(&receiver.heard()[0], &renewed));
    let told = house.get(&format!("{HOOKS}/{id}/letters?limit=1"), Some(&by.cookie)).await.json();
    assert_eq!((&told["items"][0]["state"], &told["nextCursor"]), (&json!("sent"), &Value::Null));
    for wrong in ["limit=0", "cursor=x", "state=dead"] {
        let answer = house.get(&format!("{HOOKS}/{id}/letters?{wrong}"), Some(&by.cookie)).await;
        assert!(answer.status.is_client_error(), "{wrong}: {}", answer.text());
    }
    let letter = told["items"][0]["id"].to_string();
    let retried = house.post(&format!("{HOOKS}/letters/{letter}/retry"), Some(&by.cookie), &json!({})).await;
    assert_eq!((retried.status, retried.code().as_str()), (StatusCode::CONFLICT, "not_dead"));
    let gone = send(&house, "DELETE", &format!("{HOOKS}/{id}"), Some(&by.cookie), "", Vec::new()).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(count(&house, "select (select count(*) from hooks) + (select count(*) from hook_letters)"), 0);
    let log = house.get("/api/admin/events", Some(&by.cookie)).await.text();
    assert!(log.contains("hook.created") && log.contains("hook.removed"), "{log}");
    assert!(!log.contains(&secret) && !log.contains(&renewed));
}

/// The value of the box with a secret in it.
fn secret_on(page: &Answer) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("id=\"fresh-secret\" type=\"text\" value=\"").unwrap_or_else(|| panic!("{text}"));
    rest.split('"').next().expect("a value").to_owned()
}

#[tokio::test]
async fn the_pages_do_all_of_it_without_scripts() {
    let (house, receiver) = (open_house(), Receiver::start());
    let (by, pm) = (admin(&house).await, Person::new(&house, "pm", Role::Pm).await);
    assert_eq!(house.get("/admin/hooks", Some(&pm.cookie)).await.status, StatusCode::FORBIDDEN);
    let empty = house.get("/admin/hooks", Some(&by.cookie)).await;
    shows(
        &empty,
        StatusCode::OK,
        &["No program is told anything yet.", "value=\"session.booked\"", "aria-current=\"page\""],
    );
    let wrong = submit(&house, Some(&by), "/admin/hooks", &[("url", "gopher://x"), ("events", "session.booked")]).await;
    let said = ["must begin with https://", "value=\"gopher://x\"", "value=\"session.booked\" checked"];
    shows(&wrong, StatusCode::UNPROCESSABLE_ENTITY, &said);
    let url = receiver.url("/told");
    let fields = [("url", url.as_str()), ("events", "session.booked"), ("events", "mentor.created")];
    let added = submit(&house, Some(&by), "/admin/hooks", &fields).await;
    shows(&added, StatusCode::OK, &["The webhook is set up.", &url, "mentor.created, session.booked"]);
    let secret = secret_on(&added);
    let id = house.get(HOOKS, Some(&by.cookie)).await.json()["items"][0]["id"].as_str().expect("an id").to_owned();
    let page = format!("/admin/hooks/{id}");
    assert!(!house.get(&page, Some(&by.cookie)).await.text().contains(&secret));
    leads_to(&submit(&house, Some(&by), &format!("{page}/test"), &[]).await, &format!("{page}?done=tested"));
    receiver.replies(Reply::Status(503));
    post(&house).await;
    shows(&house.get(&page, Some(&by.cookie)).await, StatusCode::OK, &["Given up on", "The answer was 503."]);
    leads_to(
        &submit(&house, Some(&by), &format!("{page}/switch"), &[("active", "false")]).await,
        &format!("{page}?done=off"),
    );
    shows(&house.get("/admin/hooks", Some(&by.cookie)).await, StatusCode::OK, &[">Off</span>"]);
    leads_to(
        &submit(&house, Some(&by), &format!("{page}/switch"), &[("active", "true")]).await,
        &format!("{page}?done=on"),
    );
    let renewed = submit(&house, Some(&by), &format!("{page}/secret"), &[]).await;
    assert_ne!(secret_on(&renewed), secret);
    leads_to(&submit(&house, Some(&by), &page, &[("url", &url)]).await, &format!("{page}?done=changed"));
    shows(&house.get("/admin/hooks", Some(&by.cookie)).await, StatusCode::OK, &["Hears of everything", ">On</span>"]);
    // A dead letter is tried again.
    Person::new(&house, "cy", Role::Mentee).await;
    booked(&house).await;
    assert!(tell(&house) > 0);
    house
        .app
        .db
        .write_here(|tx| Ok(tx.execute_batch("update hook_letters set state = 'dead' where kind <> 'ping'")?))
        .expect("set");
    shows(
        &house.get("/admin", Some(&by.cookie)).await,
        StatusCode::OK,
        &["Events given up on", "href=\"/admin/hooks\""],
    );
    assert!(!house.get("/admin", Some(&pm.cookie)).await.text().contains("Events given up on"));
    let shown = house.get(&page, Some(&by.cookie)).await.text();
    let (_, rest) = shown.split_once("/admin/hooks/letters/").expect("a dead letter");
    let retry = format!("/admin/hooks/letters/{}", rest.split('"').next().expect("an end"));
    leads_to(&submit(&house, Some(&by), &retry, &[]).await, &format!("{page}?done=retried"));
    assert_eq!(post(&house).await, 1);
    leads_to(&submit(&house, Some(&by), &format!("{page}/remove"), &[]).await, "/admin/hooks?done=removed");
    assert_eq!(house.get(&page, Some(&by.cookie)).await.status, StatusCode::NOT_FOUND);
}
