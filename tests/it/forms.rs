//! The forms of the pages, sent as a browser without scripts sends them: what each does, and how the page says
//! what is wrong with everything typed still there.

use axum::http::StatusCode;
use tandem::accounts::{Role, people};
use tandem::mail::Letterhead;

use crate::profiles::{Person, send};
use crate::signing_up::{advance, careful_house, cookie_of, count, token_of, try_password};
use crate::test_app::{Answer, PASSWORD, TestApp};

const NEW: &str = "quite another one";
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

pub async fn submit(house: &TestApp, by: Option<&Person>, path: &str, fields: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let cookie = by.map(|it| it.cookie.as_str());
    send(house, "POST", path, cookie, "application/x-www-form-urlencoded", body.into_bytes()).await
}

/// The fields with one of them changed.
fn but<'a>(fields: &[(&'a str, &'a str)], name: &str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    fields.iter().map(|(key, old)| (*key, if *key == name { value } else { *old })).collect()
}

pub fn leads_to(answer: &Answer, path: &str) {
    assert_eq!((answer.status, answer.header("location").as_str()), (StatusCode::SEE_OTHER, path), "{}", answer.text());
}

/// The page came back with this status and holds all of these.
pub fn shows(answer: &Answer, status: StatusCode, words: &[&str]) {
    let page = answer.text();
    assert_eq!(answer.status, status, "{page}");
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    for word in words {
        assert!(page.contains(word), "{word:?} is not in {page}");
    }
}

/// Half an hour and a bit later: who it is has to be proven again.
fn grow_stale(house: &TestApp) {
    advance(house, 1_801);
}

fn asks_to_confirm(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    assert!(answer.header("location").starts_with("/confirm?next="), "{}", answer.header("location"));
}

const MENTOR: &[(&str, &str)] = &[
    ("name", "Ada Lovelace"),
    ("timezone", "Europe/London"),
    ("headline", "Engines that count"),
    ("bio", "I have written the first program."),
    ("title", "Countess"),
    ("company", "Analytical & Sons"),
    ("expertise", "engines, notes"),
    ("industries", "Hardware"),
    ("stages", "Seed"),
    ("languages", "English"),
    ("linkedinUrl", "https://www.linkedin.com/in/ada"),
    ("visibility", "limited"),
    ("loadCapPerWeek", "3"),
    ("pausedUntil", ""),
    ("meetingUrl", ""),
];

#[tokio::test]
async fn a_mentors_profile_is_saved_and_a_slip_loses_nothing() {
    let house = TestApp::new();
    let ada = Person::mentor(&house, "ada").await;
    leads_to(&submit(&house, Some(&ada), "/profile", MENTOR).await, "/profile?done=saved");
    let page = house.get("/profile?done=saved", Some(&ada.cookie)).await;
    let saved =
        ["Your profile is saved.", "value=\"Ada Lovelace\"", "value=\"Engines that count\"", "Analytical &amp; Sons"];
    shows(&page, StatusCode::OK, &saved);
    for (field, typed, problem) in [
        ("name", "", "must not be blank"),
        ("loadCapPerWeek", "lots", "must be a whole number from 0 to 200"),
        ("loadCapPerWeek", "201", "200"),
        ("pausedUntil", "someday", "must be a day such as 2030-03-05"),
        ("linkedinUrl", "javascript:alert(1)", "must be"),
        ("meetingUrl", "http://plain.example", "must be"),
        ("timezone", "Mars/Olympus", "must be an IANA time zone"),
    ] {
        let typed_all = but(&but(MENTOR, "headline", "Not lost <b>"), field, typed);
        let answer = submit(&house, Some(&ada), "/profile", &typed_all).await;
        shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &[problem, "value=\"Not lost &lt;b&gt;\"", "first program"]);
        if field != "timezone" {
            shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &[&format!("value=\"{typed}\"")]);
        }
    }
    let stored = house.get("/profile", Some(&ada.cookie)).await.text();
    assert!(stored.contains("Engines that count") && !stored.contains("Not lost"), "a refused form changes nothing");
    assert_eq!(submit(&house, None, "/profile", MENTOR).await.status, StatusCode::UNAUTHORIZED);
    house.work();
}

#[tokio::test]
async fn a_mentee_saves_their_own_part_and_gets_no_mentors() {
    let house = TestApp::new();
    let bo = Person::new(&house, "bo", Role::Mentee).await;
    let own = [
        ("name", "Bo"),
        ("timezone", "UTC"),
        ("company", "Nidito"),
        ("stage", "Idea"),
        ("industry", "Consumer"),
        ("goals", "Test it with real parents"),
    ];
    leads_to(&submit(&house, Some(&bo), "/profile", &own).await, "/profile?done=saved");
    shows(&house.get("/profile", Some(&bo.cookie)).await, StatusCode::OK, &["value=\"Nidito\"", "real parents"]);
    let long = "x".repeat(5_001);
    let answer = submit(&house, Some(&bo), "/profile", &but(&but(&own, "goals", &long), "stage", "Unsure")).await;
    shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &["5000 characters", &long, "value=\"Unsure\""]);
    let answer = submit(&house, Some(&bo), "/profile", MENTOR).await;
    assert!(!answer.status.is_server_error(), "{}", answer.text());
    assert_eq!(count(&house, "select count(*) from mentors"), 0);
    house.work();
}

#[tokio::test]
async fn a_picture_is_linked_by_its_address() {
    let house = TestApp::new();
    let bo = Person::new(&house, "bo", Role::Mentee).await;
    let path = "/profile/photo/url";
    let answer = submit(&house, Some(&bo), path, &[("photoUrl", "http://plain.example/bo.png")]).await;
    shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &["https", "value=\"http://plain.example/bo.png\""]);
    let good = "https://pictures.example/bo.png";
    leads_to(&submit(&house, Some(&bo), path, &[("photoUrl", good)]).await, "/profile?done=saved");
    shows(&house.get("/profile", Some(&bo.cookie)).await, StatusCode::OK, &[good]);
    leads_to(&submit(&house, Some(&bo), path, &[("photoUrl", "")]).await, "/profile?done=saved");
    assert!(!house.get("/profile", Some(&bo.cookie)).await.text().contains(good), "blank takes it away");
    house.work();
}

#[tokio::test]
async fn leaving_needs_a_tick_the_password_and_a_fresh_proof() {
    let house = TestApp::new();
    let bo = Person::new(&house, "bo", Role::Mentee).await;
    let path = "/profile/delete";
    let answer = submit(&house, Some(&bo), path, &[("password", PASSWORD)]).await;
    shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &["must be ticked"]);
    let answer = submit(&house, Some(&bo), path, &[("password", "not the one"), ("confirm", "true")]).await;
    shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &["is not the password of this account"]);
    assert!(!answer.text().contains("not the one"), "a password is never shown again");
    grow_stale(&house);
    asks_to_confirm(&submit(&house, Some(&bo), path, &[("password", PASSWORD), ("confirm", "true")]).await);
    assert_eq!(count(&house, "select count(*) from users where deleted_at is null"), 1);
    leads_to(&submit(&house, Some(&bo), "/confirm", &[("password", PASSWORD), ("next", "/profile")]).await, "/profile");
    let gone = submit(&house, Some(&bo), path, &[("password", PASSWORD), ("confirm", "true")]).await;
    leads_to(&gone, "/signin?done=gone");
    assert!(gone.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(count(&house, "select count(*) from users where deleted_at is null"), 0);
    house.work();
}

#[tokio::test]
async fn confirming_leads_on_to_a_place_of_ours_and_a_wrong_password_stays() {
    let house = TestApp::new();
    let bo = Person::new(&house, "bo", Role::Mentee).await;
    let wrong = submit(&house, Some(&bo), "/confirm", &[("password", "not the one"), ("next", "/profile?a=b")]).await;
    let words = ["is not the password of this account", "name=\"next\" value=\"/profile?a=b\"", "bo@example.org"];
    shows(&wrong, StatusCode::UNPROCESSABLE_ENTITY, &words);
    for (next, to) in [("/profile/security", "/profile/security"), ("//evil.example", "/search"), ("", "/search")] {
        leads_to(&submit(&house, Some(&bo), "/confirm", &[("password", PASSWORD), ("next", next)]).await, to);
    }
    assert_eq!(submit(&house, None, "/confirm", &[("password", PASSWORD)]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_password_form_refuses_in_its_fields_and_ends_other_sign_ins() {
    let house = TestApp::new();
    let bo = Person::new(&house, "bo", Role::Mentee).await;
    let elsewhere = cookie_of(&try_password(&house, "bo@example.org", PASSWORD).await);
    let path = "/profile/security/password";
    for (current, new, problem) in [
        ("not the one", NEW, "is not the password of this account"),
        (PASSWORD, "short", "must have 10 to 128 characters"),
        (PASSWORD, "1234567890", "nobody would guess"),
    ] {
        let answer = submit(&house, Some(&bo), path, &[("currentPassword", current), ("password", new)]).await;
        shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &[problem, "Where you are signed in"]);
        assert!(!answer.text().contains(&format!("value=\"{new}\"")), "a password is never shown again");
    }
    let answer = submit(&house, Some(&bo), path, &[("currentPassword", PASSWORD), ("password", NEW)]).await;
    leads_to(&answer, "/profile/security?done=password");
    let page = house.get("/profile/security?done=password", Some(&bo.cookie)).await;
    shows(&page, StatusCode::OK, &["Your password is changed"]);
    assert_eq!(house.get("/profile/security", Some(&elsewhere)).await.status, StatusCode::SEE_OTHER, "it has ended");
    house.work();
}

#[tokio::test]
async fn sign_ins_are_ended_one_by_one_and_all_but_this() {
    let house = TestApp::new();
    let (bo, cy) = (Person::new(&house, "bo", Role::Mentee).await, Person::new(&house, "cy", Role::Mentee).await);
    for _ in 0..2 {
        try_password(&house, "bo@example.org", PASSWORD).await;
    }
    let page = house.get("/profile/security", Some(&bo.cookie)).await.text();
    let action =
        page.split("action=\"").find(|it| it.starts_with("/profile/security/logins/") && it.contains("/end\""));
    let path = action.and_then(|it| it.split('"').next()).expect("a form that ends one");
    assert_eq!(submit(&house, Some(&cy), path, &[]).await.status, StatusCode::NOT_FOUND, "it is somebody else's");
    leads_to(&submit(&house, Some(&bo), path, &[]).await, "/profile/security?done=ended");
    assert_eq!(submit(&house, Some(&bo), path, &[]).await.status, StatusCode::NOT_FOUND, "it has ended");
    let others = "/profile/security/logins/end-others";
    leads_to(&submit(&house, Some(&bo), others, &[]).await, "/profile/security?done=others");
    assert_eq!(count(&house, "select count(*) from logins"), 2, "one of each");
    assert_eq!(submit(&house, None, others, &[]).await.status, StatusCode::UNAUTHORIZED);
}

const TOKEN: &[(&str, &str)] =
    &[("name", "Nightly"), ("scopes", "match:read"), ("scopes", "profiles:read"), ("expiresInDays", "30")];

#[tokio::test]
async fn a_token_is_made_shown_once_and_revoked() {
    let house = TestApp::new();
    let (bo, cy) = (Person::new(&house, "bo", Role::Mentee).await, Person::new(&house, "cy", Role::Mentee).await);
    let path = "/profile/security/tokens";
    for (fields, problem) in [
        (but(TOKEN, "name", " "), "must"),
        (but(TOKEN, "expiresInDays", "soon"), "must be a number of days"),
        (but(TOKEN, "scopes", "root:all"), "must be among those offered"),
        (vec![("name", "Nightly"), ("expiresInDays", "30")], "must"),
    ] {
        let answer = submit(&house, Some(&bo), path, &fields).await;
        shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &[problem, "class=\"error"]);
        assert!(!answer.text().contains("tdm_"), "{}", answer.text());
        let is_kept = |name: &str, value: &str| fields.contains(&(name, value));
        assert!(!is_kept("name", "Nightly") || answer.text().contains("value=\"Nightly\""), "{}", answer.text());
        assert!(
            !is_kept("scopes", "match:read") || answer.text().contains("value=\"match:read\" checked"),
            "the ticks"
        );
    }
    assert_eq!(count(&house, "select count(*) from api_tokens"), 0);
    let made = submit(&house, Some(&bo), path, TOKEN).await;
    shows(&made, StatusCode::OK, &["value=\"tdm_", "Nightly"]);
    assert_eq!(made.header("cache-control"), "no-store", "a browser must not keep the page");
    let page = house.get("/profile/security", Some(&bo.cookie)).await.text();
    assert!(!page.contains("tdm_"), "shown once");
    let action = page.split("action=\"").find(|it| it.starts_with("/profile/security/tokens/"));
    let revoke = action.and_then(|it| it.split('"').next()).expect("a form that revokes it");
    assert_eq!(submit(&house, Some(&cy), revoke, &[]).await.status, StatusCode::NOT_FOUND, "it is somebody else's");
    leads_to(&submit(&house, Some(&bo), revoke, &[]).await, "/profile/security?done=revoked");
    grow_stale(&house);
    asks_to_confirm(&submit(&house, Some(&bo), path, TOKEN).await);
    house.work();
}

#[tokio::test]
async fn an_account_elsewhere_is_unlinked_unless_it_is_the_only_way_in() {
    let house = TestApp::new();
    let bo = Person::new(&house, "bo", Role::Mentee).await;
    let link = |house: &TestApp| {
        let sql = format!(
            "insert or replace into accounts (id, user_id, provider, provider_account_id, email, created_at)
             values ('{UNKNOWN}', '{}', 'google', '7', 'bo@example.org', 1)",
            bo.id
        );
        house.app.db.write_here(|tx| Ok(tx.execute(&sql, [])?)).expect("linked");
    };
    let path = format!("/profile/security/links/{UNKNOWN}/unlink");
    assert_eq!(submit(&house, Some(&bo), &path, &[]).await.status, StatusCode::NOT_FOUND);
    link(&house);
    leads_to(&submit(&house, Some(&bo), &path, &[]).await, "/profile/security?done=unlinked");
    link(&house);
    house.app.db.write_here(|tx| Ok(tx.execute("update users set password_hash = null", [])?)).expect("taken");
    let last = submit(&house, Some(&bo), &path, &[]).await;
    shows(&last, StatusCode::CONFLICT, &["That is your only way in."]);
    grow_stale(&house);
    asks_to_confirm(&submit(&house, Some(&bo), &path, &[]).await);
}

#[tokio::test]
async fn an_invitation_is_sent_from_the_list_and_once_more() {
    let house = TestApp::new();
    let admin = Person::new(&house, "admin", Role::Admin).await;
    let others = [Person::new(&house, "pm", Role::Pm).await, Person::new(&house, "bo", Role::Mentee).await];
    let path = "/admin/users/invite";
    let good = [("email", "ada@example.org"), ("name", "Ada <b>"), ("role", "mentor")];
    for by in &others {
        assert_eq!(submit(&house, Some(by), path, &good).await.status, StatusCode::FORBIDDEN);
    }
    for (field, typed, problem) in [
        ("email", "ada", "must be an e-mail address"),
        ("name", " ", "must not be blank"),
        ("role", "root", "must be mentee"),
    ] {
        let answer = submit(&house, Some(&admin), path, &but(&good, field, typed)).await;
        shows(
            &answer,
            StatusCode::UNPROCESSABLE_ENTITY,
            &[problem, &format!("value=\"{}\"", if field == "email" { "ada" } else { "ada@example.org" })],
        );
    }
    leads_to(&submit(&house, Some(&admin), path, &good).await, "/admin/users?done=invited");
    let taken = submit(&house, Some(&admin), path, &good).await;
    shows(&taken, StatusCode::CONFLICT, &["belongs to somebody else", "value=\"Ada &lt;b&gt;\""]);
    let page = house.get("/admin/users?q=ada@", Some(&admin.cookie)).await.text();
    let again = page.split("action=\"").find(|it| {
        it.starts_with("/admin/users/") && !it.starts_with("/admin/users/invite") && it.contains("/invite\"")
    });
    let again = again.and_then(|it| it.split('"').next()).expect("a form that invites her once more").to_owned();
    let back = [("next", "/admin/users?q=ada%40")];
    for by in &others {
        assert_eq!(submit(&house, Some(by), &again, &back).await.status, StatusCode::FORBIDDEN);
    }
    for _ in 0..4 {
        leads_to(&submit(&house, Some(&admin), &again, &back).await, "/admin/users?q=ada%40&done=invited");
    }
    let tired = submit(&house, Some(&admin), &again, &back).await;
    shows(&tired, StatusCode::TOO_MANY_REQUESTS, &["several invitations", "name=\"q\" value=\"ada@\""]);
    let letters = house.letters();
    assert_eq!(letters.iter().filter(|it| it.to == "ada@example.org").count(), 5);
    let reset = [("token", token_of(letters.last().expect("a letter"))), ("password", NEW.to_owned())];
    let reset: Vec<(&str, &str)> = reset.iter().map(|(name, value)| (*name, value.as_str())).collect();
    leads_to(&submit(&house, None, "/reset", &reset).await, "/signin?done=password");
    let late = submit(&house, Some(&admin), &again, &back).await;
    shows(&late, StatusCode::CONFLICT, &["They have come in already"]);
    let unknown = format!("/api{}", again.replace(again.split('/').nth(3).expect("an id"), UNKNOWN));
    let answer = house.post(&unknown, Some(&admin.cookie), &serde_json::json!({})).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::NOT_FOUND, "user_unknown"));
    let answer = house.post(&format!("/api{again}"), Some(&admin.cookie), &serde_json::json!({})).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::CONFLICT, "already_in"));
    grow_stale(&house);
    asks_to_confirm(&submit(&house, Some(&admin), path, &good).await);
    asks_to_confirm(&submit(&house, Some(&admin), &again, &back).await);
    house.work();
}

#[tokio::test]
async fn somebodys_standing_is_changed_from_the_list() {
    let house = TestApp::new();
    let admin = Person::new(&house, "admin", Role::Admin).await;
    let (pm, bo) = (Person::new(&house, "pm", Role::Pm).await, Person::new(&house, "bo", Role::Mentee).await);
    let path = format!("/admin/users/{}", bo.id);
    let to = [("role", "mentor"), ("status", "inactive"), ("next", "/admin/users?q=bo%40")];
    for by in [&pm, &bo] {
        assert_eq!(submit(&house, Some(by), &path, &to).await.status, StatusCode::FORBIDDEN);
    }
    for (field, typed) in [("role", "root"), ("status", "gone")] {
        let answer = submit(&house, Some(&admin), &path, &but(&to, field, typed)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text());
    }
    leads_to(&submit(&house, Some(&admin), &path, &to).await, "/admin/users?q=bo%40&done=changed");
    assert_eq!(count(&house, "select count(*) from users where role = 'mentor' and status = 'inactive'"), 1);
    let elsewhere = submit(&house, Some(&admin), &path, &but(&to, "next", "//evil.example")).await;
    assert!(elsewhere.header("location").starts_with("/search?"), "{}", elsewhere.header("location"));
    let own = format!("/admin/users/{}", admin.id);
    let last =
        submit(&house, Some(&admin), &own, &[("role", "pm"), ("status", "active"), ("next", "/admin/users?q=x")]).await;
    shows(&last, StatusCode::CONFLICT, &["This is the last admin", "name=\"q\" value=\"x\""]);
    let nobody = submit(&house, Some(&admin), &format!("/admin/users/{UNKNOWN}"), &to).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    grow_stale(&house);
    asks_to_confirm(&submit(&house, Some(&admin), &path, &to).await);
    house.work();
}

#[tokio::test]
async fn a_letter_that_was_given_up_on_is_tried_again_by_staff() {
    let house = TestApp::new();
    let (pm, bo) = (Person::new(&house, "pm", Role::Pm).await, Person::new(&house, "bo", Role::Mentee).await);
    leads_to_sent(&submit(&house, None, "/forgot", &[("email", "bo@example.org")]).await);
    house.work();
    let id = count(&house, "select max(id) from outbox");
    let path = format!("/admin/outbox/{id}/retry");
    assert_eq!(submit(&house, Some(&bo), &path, &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(submit(&house, Some(&pm), &path, &[]).await.status, StatusCode::CONFLICT, "it is sent");
    assert_eq!(submit(&house, Some(&pm), "/admin/outbox/999/retry", &[]).await.status, StatusCode::NOT_FOUND);
}

fn leads_to_sent(answer: &Answer) {
    shows(answer, StatusCode::OK, &["Check your mail"]);
}

const SIGNUP: &[(&str, &str)] = &[
    ("role", "mentee"),
    ("name", "Bo"),
    ("email", "bo@example.org"),
    ("password", "a long enough one"),
    ("timezone", "Europe/Berlin"),
    ("next", "/search?q=pricing"),
];

#[tokio::test]
async fn signing_up_keeps_what_was_typed_and_leads_on() {
    let house = TestApp::new();
    for (field, typed, problem) in [
        ("role", "", "must be chosen"),
        ("role", "admin", "must be mentee or mentor"),
        ("name", " ", "must not be blank"),
        ("email", "bo", "must be an e-mail address"),
        ("password", "short", "must have 10 to 128 characters"),
        ("password", "bo@example.org", "nobody would guess"),
        ("timezone", "Mars/Olympus", "must be an IANA time zone"),
    ] {
        let answer = submit(&house, None, "/signup", &but(SIGNUP, field, typed)).await;
        let email = if field == "email" { "value=\"bo\"" } else { "value=\"bo@example.org\"" };
        let next = "name=\"next\" value=\"/search?q=pricing\"";
        shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &[problem, email, next]);
        assert!(!answer.text().contains("a long enough one"), "a password is never shown again");
    }
    let many = but(&but(SIGNUP, "name", " "), "email", "bo");
    let answer = submit(&house, None, "/signup", &many).await;
    let both = ["must not be blank", "must be an e-mail address"];
    shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &both);
    assert_eq!(count(&house, "select count(*) from users"), 0);
    let answer = submit(&house, None, "/signup", SIGNUP).await;
    leads_to(&answer, "/search?q=pricing");
    assert!(answer.header("set-cookie").contains("HttpOnly"));
    shows(&submit(&house, None, "/signup", SIGNUP).await, StatusCode::CONFLICT, &["belongs to somebody else"]);
    let mentor = but(&but(SIGNUP, "role", "mentor"), "email", "cy@example.org");
    leads_to(&submit(&house, None, "/signup", &mentor).await, "/profile");
    house.work();
}

#[tokio::test]
async fn a_sign_ups_link_confirms_once() {
    let house = careful_house();
    leads_to_sent(&submit(&house, None, "/signup", SIGNUP).await);
    let token = token_of(house.letters().last().expect("a letter"));
    let dead = submit(&house, None, "/verify", &[("token", "nonsense")]).await;
    shows(&dead, StatusCode::UNPROCESSABLE_ENTITY, &["This link no longer works", "href=\"/signup\""]);
    leads_to(&submit(&house, None, "/verify", &[("token", &token)]).await, "/signin?done=verified");
    shows(
        &submit(&house, None, "/verify", &[("token", &token)]).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        &["no longer works"],
    );
    house.work();
}

#[tokio::test]
async fn letters_are_asked_for_and_their_links_lead_in() {
    let house = TestApp::new();
    house.sign_in("bo@example.org", Role::Mentee).await;
    for path in ["/forgot", "/signin/link"] {
        let known = submit(&house, None, path, &[("email", "bo@example.org")]).await;
        let unknown = submit(&house, None, path, &[("email", "no@example.org")]).await;
        leads_to_sent(&known);
        assert_eq!(known.text().replace("bo@", "no@"), unknown.text(), "{path}: alike");
    }
    let letters = house.letters();
    assert_eq!(letters.len(), 2);
    let (reset, magic) = (token_of(&letters[0]), token_of(&letters[1]));
    let answer = submit(&house, None, "/signin/link", &[("token", &magic), ("next", "/profile")]).await;
    leads_to(&answer, "/profile");
    assert!(answer.header("set-cookie").contains("HttpOnly"));
    let again = submit(&house, None, "/signin/link", &[("token", &magic)]).await;
    shows(&again, StatusCode::UNPROCESSABLE_ENTITY, &["This link no longer works", "action=\"/signin/link\""]);
    house.app.db.write_here(|tx| Ok(tx.execute("update users set status = 'active'", [])?)).expect("in use");
    leads_to_sent(&submit(&house, None, "/forgot", &[("email", "bo@example.org")]).await);
    let reset = house.letters().last().map_or(reset, token_of);
    let weak = submit(&house, None, "/reset", &[("token", &reset), ("password", "short")]).await;
    let kept = format!("name=\"token\" value=\"{reset}\"");
    shows(&weak, StatusCode::UNPROCESSABLE_ENTITY, &["must have 10 to 128 characters", &kept, "bo@example.org"]);
    leads_to(&submit(&house, None, "/reset", &[("token", &reset), ("password", NEW)]).await, "/signin?done=password");
    let dead = submit(&house, None, "/reset", &[("token", &reset), ("password", NEW)]).await;
    shows(&dead, StatusCode::UNPROCESSABLE_ENTITY, &["This link no longer works", "action=\"/forgot\""]);
    assert_eq!(try_password(&house, "bo@example.org", NEW).await.status, StatusCode::OK);
    house.work();
}

#[tokio::test]
async fn the_first_admin_is_made_by_the_setup_form_once() {
    let house = TestApp::new();
    let head = Letterhead::of(&house.app.config);
    let link =
        house.app.db.write_here(|tx| people::setup_link(tx, &head)).expect("written").expect("nobody runs it yet");
    let token = link.split_once("token=").expect("a secret").1.to_owned();
    let good = [
        ("token", token.as_str()),
        ("name", "Ada"),
        ("email", "ada@example.org"),
        ("password", "a long enough one"),
        ("timezone", "Europe/Berlin"),
    ];
    for (field, typed, problem) in [
        ("name", " ", "must not be blank"),
        ("email", "ada", "must be an e-mail address"),
        ("password", "short", "must have 10 to 128 characters"),
        ("timezone", "Mars/Olympus", "must be an IANA time zone"),
    ] {
        let answer = submit(&house, None, "/setup", &but(&good, field, typed)).await;
        let email = if field == "email" { "value=\"ada\"" } else { "value=\"ada@example.org\"" };
        let kept = format!("name=\"token\" value=\"{token}\"");
        shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &[problem, email, &kept]);
    }
    assert_eq!(submit(&house, None, "/setup", &but(&good, "token", "nonsense")).await.status, StatusCode::GONE);
    let made = submit(&house, None, "/setup", &good).await;
    leads_to(&made, "/admin");
    assert_eq!(house.get("/admin", Some(&cookie_of(&made))).await.status, StatusCode::OK);
    assert_eq!(submit(&house, None, "/setup", &but(&good, "email", "eve@example.org")).await.status, StatusCode::GONE);
    assert_eq!(count(&house, "select count(*) from users"), 1);
}
