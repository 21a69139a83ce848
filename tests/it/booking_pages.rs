//! A mentee's way to a session through the pages, without scripts: pick a time, check, book, and what the page says
//! when that does not go well.

use axum::http::StatusCode;
use serde_json::json;
use tandem::accounts::Role;

use crate::forms::{leads_to, shows, submit};
use crate::profiles::Person;
use crate::signing_up::count;
use crate::test_app::{Answer, TestApp};

/// A mentor, and the address of their page.
struct Offering {
    mentor: Person,
    page: String,
}

impl Offering {
    async fn new(house: &TestApp, name: &str) -> Self {
        let mentor = Person::mentor(house, name).await;
        let sql = format!("select id from mentors where user_id = '{}'", mentor.id);
        let id: String = house.app.db.read_here(|tx| Ok(tx.query_row(&sql, [], |row| row.get(0))?)).expect("a mentor");
        Self { mentor, page: format!("/mentors/{id}") }
    }

    async fn changes(&self, house: &TestApp, change: &serde_json::Value) {
        let answer = self.mentor.puts(house, &self.mentor, change).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        house.work();
    }

    /// Opens half an hour from `starts_at` on, such as `2030-03-06T13:00`, and returns its id.
    async fn opens(&self, house: &TestApp, starts_at: &str, capacity: u32) -> String {
        let slot = json!({
            "startsAt": format!("{starts_at}:00Z"),
            "endsAt": format!("{}30:00Z", &starts_at[..14]),
            "capacity": capacity,
        });
        let answer = house.post("/api/availability", Some(&self.mentor.cookie), &slot).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        house.work();
        answer.json()["id"].as_str().expect("an id").to_owned()
    }

    /// The step before booking this slot.
    async fn step(&self, house: &TestApp, by: &Person, slot: &str) -> Answer {
        house.get(&format!("{}/book?slot={slot}", self.page), Some(&by.cookie)).await
    }

    /// Sends the step's form with these fields changed.
    async fn book(&self, house: &TestApp, by: &Person, slot: &str, more: &[(&str, &str)]) -> Answer {
        let fields = [&[("slot", slot)], more].concat();
        submit(house, Some(by), &format!("{}/book", self.page), &fields).await
    }
}

/// Somebody with a mentee's profile.
pub async fn mentee(house: &TestApp, name: &str) -> Person {
    let person = Person::new(house, name, Role::Mentee).await;
    let answer = person.puts(house, &person, &json!({ "goals": "Find the first customer" })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    person
}

/// The value of a hidden field.
fn hidden(answer: &Answer, name: &str) -> String {
    let (page, before) = (answer.text(), format!("name=\"{name}\" value=\""));
    let (_, rest) = page.split_once(&before).unwrap_or_else(|| panic!("no {name}: {page}"));
    rest.split('"').next().expect("a value").to_owned()
}

/// Where a booking led to: the page of the session.
fn session_page(answer: &Answer) -> String {
    let to = answer.header("location");
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    assert!(to.starts_with("/sessions/") && to.ends_with("?booked=1"), "{to}");
    to
}

fn n_sessions(house: &TestApp) -> i64 {
    count(house, "select count(*) from office_sessions")
}

#[tokio::test]
async fn a_time_is_picked_checked_and_booked() {
    let house = TestApp::new();
    let (ada, bo) = (Offering::new(&house, "ada").await, mentee(&house, "bo").await);
    ada.changes(&house, &json!({ "timezone": "America/New_York" })).await;
    let slot = ada.opens(&house, "2030-03-06T13:00", 5).await;
    let later = ada.opens(&house, "2030-03-07T23:00", 1).await;

    let page = house.get(&ada.page, Some(&bo.cookie)).await;
    let link = format!("{}/book?slot={slot}&amp;tz=Europe%2FBerlin", ada.page);
    shows(
        &page,
        StatusCode::OK,
        &["data-testid=\"slot\"", &link, "14:00 to 14:30", "5 of 5 left", "Wednesday 6 March"],
    );
    assert!(!page.text().contains(&later), "only the first day's times are shown");
    let page = house.get(&format!("{}?day=2030-03-08&tz=Asia/Kathmandu", ada.page), Some(&bo.cookie)).await;
    shows(&page, StatusCode::OK, &[&later, "04:45 to 05:15", "Asia/Kathmandu (UTC+05:45)", "Friday 8 March"]);

    let step = ada.step(&house, &bo, &slot).await;
    let said = [
        "Wednesday 6 March 2030, 14:00 to 14:30",
        "Europe/Berlin (UTC+01:00)",
        "Wednesday 6 March 2030, 08:00 to 08:30, America/New York (UTC-05:00)",
        "5 of 5 left",
        "<textarea id=\"book-notes\" name=\"notes\"",
        ">Book session</button>",
    ];
    shows(&step, StatusCode::OK, &said);
    let key = hidden(&step, "key");
    assert_ne!(key, hidden(&ada.step(&house, &bo, &slot).await, "key"), "each form is a request of its own");

    let fields = [("key", key.as_str()), ("tz", "Europe/Berlin"), ("notes", "Prices <b>\nand BEGIN:VEVENT")];
    let booked = session_page(&ada.book(&house, &bo, &slot, &fields).await);
    for _ in 0..3 {
        leads_to(&ada.book(&house, &bo, &slot, &fields).await, &booked);
    }
    assert_eq!((n_sessions(&house), house.letters().len()), (1, 2), "the same form again books nothing more");

    let page = house.get(&booked, Some(&bo.cookie)).await;
    let id = booked.trim_start_matches("/sessions/").trim_end_matches("?booked=1");
    let said = [
        "data-testid=\"booking-confirmed\"",
        "Wednesday 6 March 2030, 14:00 to 14:30",
        "For ada: Wednesday 6 March 2030, 08:00 to 08:30, America/New York (UTC-05:00)",
        &format!("/api/sessions/{id}/invite.ics"),
        "href=\"#change-title\"",
        "id=\"change-title\"",
        "Prices &lt;b&gt;",
    ];
    shows(&page, StatusCode::OK, &said);
    let plain = house.get(&format!("/sessions/{id}"), Some(&bo.cookie)).await;
    assert!(!plain.text().contains("booking-confirmed"), "it is news once");
    let stranger = mentee(&house, "cy").await;
    assert_eq!(house.get(&booked, Some(&stranger.cookie)).await.status, StatusCode::NOT_FOUND);
    house.work();
}

#[tokio::test]
async fn a_lost_time_keeps_the_words_and_offers_three_others() {
    let house = TestApp::new();
    let ada = Offering::new(&house, "ada").await;
    let (bo, cy) = (mentee(&house, "bo").await, mentee(&house, "cy").await);
    let slot = ada.opens(&house, "2030-03-06T13:00", 1).await;
    let mut others = Vec::new();
    for day in ["2030-03-07", "2030-03-08", "2030-03-11", "2030-03-12"] {
        others.push(ada.opens(&house, &format!("{day}T13:00"), 1).await);
    }
    let key = hidden(&ada.step(&house, &bo, &slot).await, "key");
    session_page(&ada.book(&house, &cy, &slot, &[("notes", "I was first")]).await);

    let typed = [("key", key.as_str()), ("tz", "Europe/Berlin"), ("notes", "Dear <Ada> & co")];
    let lost = ada.book(&house, &bo, &slot, &typed).await;
    let said = [
        "That time has just been taken.",
        "14:00 to 14:30",
        "Dear &lt;Ada&gt; &amp; co",
        "Thursday 7 March 2030, 14:00 to 14:30",
        ">Book session</button>",
    ];
    shows(&lost, StatusCode::CONFLICT, &said);
    let page = lost.text();
    for (number, other) in others.iter().enumerate() {
        assert_eq!(page.contains(&format!("value=\"{other}\"")), number < 3, "the three nearest: {page}");
    }
    assert!(!page.contains("I was first") && !page.contains(&format!("value=\"{slot}\"")), "{page}");
    assert_eq!(n_sessions(&house), 1);

    let fresh = hidden(&lost, "key");
    assert_ne!(fresh, key, "another time is another request");
    let none = ada.book(&house, &bo, "", &[("key", fresh.as_str()), ("notes", "Dear <Ada> & co")]).await;
    shows(&none, StatusCode::UNPROCESSABLE_ENTITY, &["must be chosen", "Dear &lt;Ada&gt; &amp; co", &others[0]]);
    let again = [("key", fresh.as_str()), ("notes", "Dear <Ada> & co")];
    session_page(&ada.book(&house, &bo, &others[1], &again).await);
    for other in [&others[0], &others[2], &others[3]] {
        session_page(&ada.book(&house, &cy, other, &[]).await);
    }
    let nothing = ada.book(&house, &bo, &slot, &[("notes", "Too late")]).await;
    shows(&nothing, StatusCode::CONFLICT, &["has no other open time for now", "Too late"]);
    assert!(!nothing.text().contains("Book session"), "there is nothing to book: {}", nothing.text());
    assert_eq!(n_sessions(&house), 5);
    house.work();
}

#[tokio::test]
async fn whoever_holds_a_seat_already_is_led_to_it() {
    let house = TestApp::new();
    let (ada, bo) = (Offering::new(&house, "ada").await, mentee(&house, "bo").await);
    let pm = Person::new(&house, "pm", Role::Pm).await;
    let slot = ada.opens(&house, "2030-03-06T13:00", 5).await;
    let booked = session_page(&ada.book(&house, &bo, &slot, &[("key", "first-of-all")]).await);
    let link = format!("href=\"{}\"", booked.trim_end_matches("?booked=1"));
    let again = ada.book(&house, &bo, &slot, &[("key", "second-of-all"), ("notes", "Still here")]).await;
    shows(&again, StatusCode::CONFLICT, &["You have a seat in that slot already.", &link, "Still here"]);
    let by_staff = ada.book(&house, &pm, &slot, &[("mentee", "bo@example.org")]).await;
    shows(&by_staff, StatusCode::CONFLICT, &[&link, "value=\"bo@example.org\""]);
    assert_eq!(n_sessions(&house), 1);
    house.work();
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field() {
    let house = TestApp::new();
    let (ada, eve) = (Offering::new(&house, "ada").await, Offering::new(&house, "eve").await);
    let bo = mentee(&house, "bo").await;
    let slot = ada.opens(&house, "2030-03-06T13:00", 1).await;
    let long = "x".repeat(5_001);
    let answer = ada.book(&house, &bo, &slot, &[("notes", &long)]).await;
    shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &["href=\"#book-notes\"", "aria-invalid=\"true\"", &long, &slot]);
    for wrong in ["", "nonsense", "1 or 1=1"] {
        let answer = ada.book(&house, &bo, wrong, &[("notes", "Kept")]).await;
        shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &["must be chosen", "Kept", &slot, ">Book session</button>"]);
    }
    let answer = eve.book(&house, &bo, &slot, &[("notes", "Kept")]).await;
    shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &["Kept"]);
    shows(&eve.step(&house, &bo, &slot).await, StatusCode::OK, &["That time is no longer offered."]);
    assert_eq!(n_sessions(&house), 0);
    house.work();
}

#[tokio::test]
async fn a_mentor_who_answers_first_is_asked() {
    let house = TestApp::new();
    let (ada, bo) = (Offering::new(&house, "ada").await, mentee(&house, "bo").await);
    ada.changes(&house, &json!({ "mentor": { "visibility": "limited" } })).await;
    let slot = ada.opens(&house, "2030-03-08T13:00", 1).await;
    let step = ada.step(&house, &bo, &slot).await;
    shows(&step, StatusCode::OK, &["accepts each request", "48 hours to answer", ">Book session</button>"]);
    let asked = session_page(&ada.book(&house, &bo, &slot, &[("notes", "May I?")]).await);
    let page = house.get(&asked, Some(&bo.cookie)).await;
    shows(
        &page,
        StatusCode::OK,
        &["data-testid=\"booking-confirmed\"", "Your request is on its way", "accept or decline"],
    );
    assert!(!page.text().contains("invite.ics"), "nothing is agreed yet");
    house.work();
}

#[tokio::test]
async fn only_mentees_book_and_staff_for_them() {
    let house = TestApp::new();
    let (ada, eve) = (Offering::new(&house, "ada").await, Offering::new(&house, "eve").await);
    let (bo, pm) = (mentee(&house, "bo").await, Person::new(&house, "pm", Role::Pm).await);
    let slot = ada.opens(&house, "2030-03-06T13:00", 1).await;

    let page = ada.step(&house, &eve.mentor, &slot).await;
    shows(&page, StatusCode::OK, &["Only people with a mentee's profile book sessions."]);
    assert!(!page.text().contains("<textarea"), "there is nothing to fill in");
    assert_ne!(ada.book(&house, &eve.mentor, &slot, &[]).await.status, StatusCode::SEE_OTHER);
    let own = house.get(&ada.page, Some(&ada.mentor.cookie)).await;
    shows(&own, StatusCode::OK, &["href=\"/availability\""]);
    assert!(!own.text().contains("data-testid=\"slot\""), "nobody books themselves");
    assert_eq!(house.get(&format!("{}/book?slot={slot}", ada.page), None).await.status, StatusCode::SEE_OTHER);

    shows(&ada.step(&house, &pm, &slot).await, StatusCode::OK, &["name=\"mentee\"", "on behalf"]);
    for unknown in ["", "nobody@example.org", "eve@example.org"] {
        let answer = ada.book(&house, &pm, &slot, &[("mentee", unknown), ("notes", "Kept")]).await;
        shows(&answer, StatusCode::UNPROCESSABLE_ENTITY, &["mentee's profile", "Kept"]);
    }
    assert_eq!(n_sessions(&house), 0);
    let booked = session_page(&ada.book(&house, &pm, &slot, &[("mentee", " Bo@example.org ")]).await);
    for person in [&pm, &bo] {
        let page = house.get(&booked, Some(&person.cookie)).await;
        shows(&page, StatusCode::OK, &["data-testid=\"booking-confirmed\""]);
    }
    let letters = house.letters();
    let to: std::collections::BTreeSet<_> = letters.iter().map(|letter| letter.to.as_str()).collect();
    assert_eq!(to, ["ada@example.org", "bo@example.org"].into(), "the two who meet");
}

#[tokio::test]
async fn a_pause_is_said_and_closes_the_picker() {
    let house = TestApp::new();
    let (ada, bo) = (Offering::new(&house, "ada").await, mentee(&house, "bo").await);
    shows(&house.get(&ada.page, Some(&bo.cookie)).await, StatusCode::OK, &["No open times for now."]);
    let slot = ada.opens(&house, "2030-03-06T13:00", 1).await;
    ada.changes(&house, &json!({ "mentor": { "pausedUntil": "2030-05-01T00:00:00Z" } })).await;
    let page = house.get(&ada.page, Some(&bo.cookie)).await;
    shows(&page, StatusCode::OK, &["takes nobody new until 1 May 2030"]);
    assert!(!page.text().contains("data-testid=\"slot\""), "{}", page.text());
    let answer = ada.book(&house, &bo, &slot, &[("notes", "Kept")]).await;
    shows(&answer, StatusCode::CONFLICT, &["Kept"]);
    assert_eq!(n_sessions(&house), 0);
    house.work();
}
