//! Ways through the pages in a real browser, with scripts and without, on a phone's width and a desk's. Needs `chromedriver` and Chromium; where they are missing it says so and passes, unless
//! `TANDEM_TEST_ALL` insists.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tandem::accounts::{self, Role};
use tandem::audit::Actor;
use tandem::booking;
use tandem::config::{Config, VerifyEmail};
use tandem::mentors;

use crate::test_app::{PASSWORD, TestApp, five_mentors};

/// The key under which `WebDriver` names an element (W3C `WebDriver`, section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser that is driven over `WebDriver`.
pub struct Browser {
    _driver: Driver,
    client: reqwest::Client,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one of this width; `None`, said aloud, where there is no `chromedriver` and nobody insists on it.
    pub async fn start(width: u32, has_scripts: bool) -> Option<Self> {
        let browser = Self::try_to_start(width, has_scripts).await;
        if browser.is_none() {
            assert!(std::env::var_os("TANDEM_TEST_ALL").is_none(), "chromedriver is missing");
            eprintln!("SKIPPED: chromedriver is not installed, so no browser walked through the pages");
        }
        browser
    }

    async fn try_to_start(width: u32, has_scripts: bool) -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Driver)
            .ok()?;
        // Another test may have chosen the same one already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().timeout(Duration::from_mins(1)).build().expect("a client");
        let address = format!("http://127.0.0.1:{port}");
        let profile = tempfile::tempdir().expect("a directory");
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &format!("--window-size={width},1100"),
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let scripts = if has_scripts { 1 } else { 2 };
        let options = json!({
            "args": arguments,
            "prefs": { "profile.managed_default_content_settings.javascript": scripts },
        });
        let ask =
            json!({ "capabilities": { "alwaysMatch": { "browserName": "chrome", "goog:chromeOptions": options } } });
        let mut session = None;
        for _ in 0..100 {
            let answer = client.post(format!("{address}/session")).json(&ask).send().await;
            if let Ok(answer) = answer {
                let answer: Value = answer.json().await.expect("JSON");
                let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no browser: {answer}"));
                session = Some(format!("{address}/session/{id}"));
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let session = session.expect("chromedriver answers");
        Some(Self { _driver: driver, client, session, _profile: profile })
    }

    pub async fn send(&self, path: &str, body: Value) -> Value {
        let answer = self.client.post(format!("{}/{path}", self.session)).json(&body).send().await.expect("an answer");
        let is_well = answer.status().is_success();
        let value: Value = answer.json().await.expect("JSON");
        assert!(is_well, "{path} {body}: {value}");
        value["value"].clone()
    }

    async fn read(&self, path: &str) -> String {
        let answer = self.client.get(format!("{}/{path}", self.session)).send().await.expect("an answer");
        let value: Value = answer.json().await.expect("JSON");
        value["value"].as_str().unwrap_or_else(|| panic!("{path}: {value}")).to_owned()
    }

    pub async fn open(&self, address: &str) {
        self.send("url", json!({ "url": address })).await;
    }

    pub async fn find(&self, selector: &str) -> String {
        let found = self.send("element", json!({ "using": "css selector", "value": selector })).await;
        found[ELEMENT].as_str().unwrap_or_else(|| panic!("{selector}: {found}")).to_owned()
    }

    pub async fn press(&self, selector: &str) {
        let element = self.find(selector).await;
        self.send(&format!("element/{element}/click"), json!({})).await;
    }

    pub async fn write(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.send(&format!("element/{element}/value"), json!({ "text": text })).await;
    }

    /// Writes in place of what stands there.
    pub async fn rewrite(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.send(&format!("element/{element}/clear"), json!({})).await;
        self.send(&format!("element/{element}/value"), json!({ "text": text })).await;
    }

    pub async fn page(&self) -> String {
        self.read("source").await
    }

    /// Waits until the page says so: a form is on its way when its button has been pressed, not yet answered.
    pub async fn sees(&self, text: &str) {
        let mut page = String::new();
        for _ in 0..200 {
            page = self.page().await;
            if page.contains(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{text:?} never came: {page}");
    }
}

/// The process that drives the browser; it ends with the test, however that ends.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        // Ending the driver ends its browser; one that is gone already is no loss.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Serves the house on a socket of this machine.
pub async fn on_a_socket() -> (TestApp, String) {
    on_a_socket_with(|_| ()).await
}

/// The same with some settings changed.
pub async fn on_a_socket_with(change: impl FnOnce(&mut Config)) -> (TestApp, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let house = TestApp::with(|config| {
        config.server.listen = address.into();
        config.accounts.verify_email = VerifyEmail::Always(true);
        change(config);
    });
    let service = tandem::web::router(house.app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    (house, format!("http://{address}"))
}

/// The address in the newest letter.
fn newest_link(house: &TestApp) -> String {
    let letters = house.letters();
    letters.last().expect("a letter").link().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_gets_in_searches_and_recovers_the_password_without_scripts_on_a_phone() {
    let Some(browser) = Browser::start(390, false).await else { return };
    let (house, site) = on_a_socket().await;
    house.import(&five_mentors());

    browser.open(&format!("{site}/signup")).await;
    browser.press("input[name=role][value=mentee]").await;
    browser.write("input[name=name]", "Bo Newcomer").await;
    browser.write("input[name=email]", "newcomer@example.org").await;
    browser.write("input[name=password]", "short").await;
    browser.press("#signup button[type=submit]").await;
    browser.sees("must have 10 to 128 characters").await;
    browser.write("input[name=password]", "correct horse battery").await;
    browser.press("#signup button[type=submit]").await;
    browser.sees("Check your mail").await;

    browser.open(&newest_link(&house)).await;
    browser.press("main form button[type=submit]").await;
    browser.sees("Your address is confirmed").await;
    sign_in(&browser, "newcomer@example.org", "correct horse battery").await;
    browser.sees("What do you need help with?").await;
    browser.write("#q", "How do I price a pilot?").await;
    browser.press("#search button.primary, #search button[type=submit]").await;
    browser.sees("data-testid=\"mentor-card\"").await;
    browser.sees("Pricing that sticks").await;
    browser.press(".account form button").await;
    browser.sees("Forgot your password?").await;

    browser.press("a[href='/forgot']").await;
    browser.write("input[name=email]", "newcomer@example.org").await;
    browser.press("#ask button[type=submit]").await;
    browser.sees("Check your mail").await;
    browser.open(&newest_link(&house)).await;
    browser.write("input[name=password]", "another horse battery").await;
    browser.press("#reset button[type=submit]").await;
    browser.sees("Your new password is set").await;
    sign_in(&browser, "newcomer@example.org", "another horse battery").await;
    browser.sees("What do you need help with?").await;
    house.work();
}

pub async fn sign_in(browser: &Browser, email: &str, password: &str) {
    browser.write("#signin input[name=email]", email).await;
    browser.write("#signin input[name=password]", password).await;
    browser.press("#signin button[type=submit]").await;
}

/// Gives every visible mentor a free half hour in two days and another an hour later.
fn open_times(house: &TestApp) {
    house
        .app
        .db
        .write_here(|tx| {
            let mut all = Vec::new();
            mentors::for_each(tx, |mentor| {
                all.push(mentor.number);
                Ok(())
            })?;
            for number in all {
                for hour in [48, 49] {
                    let starts_at = tx.now().plus_seconds(hour * 3_600);
                    booking::open_slot(tx, number, starts_at, starts_at.plus_seconds(1_800))?;
                }
            }
            Ok(())
        })
        .expect("opened");
}

/// The flow of the whole product: search, card, profile, time, book, sessions, call off, and the time is free again.
async fn books_and_calls_off(width: u32, has_scripts: bool) {
    let Some(browser) = Browser::start(width, has_scripts).await else { return };
    let (house, site) = on_a_socket().await;
    house.import(&five_mentors());
    open_times(&house);
    house.sign_in("mia@example.org", Role::Mentee).await;
    house
        .app
        .db
        .write_here(|tx| {
            let mia = accounts::user_by_email(tx, "mia@example.org")?.expect("there");
            mentors::settle_in(tx, &Actor::nobody("test"), &mia)
        })
        .expect("settled in");
    browser.open(&format!("{site}/signin")).await;
    sign_in(&browser, "mia@example.org", PASSWORD).await;
    browser.sees("What do you need help with?").await;
    for turn in 0..2 {
        browser.open(&format!("{site}/search")).await;
        browser.write("#q", "How do I price a pilot?").await;
        browser.press("#search button[type=submit]").await;
        browser.sees("data-testid=\"mentor-card\"").await;
        browser.press("[data-testid=mentor-card] h3 a").await;
        browser.sees("Open times").await;
        browser.press("[data-testid=slot]").await;
        browser.sees("Check and book").await;
        browser.write("textarea[name=notes]", "What to charge for our first pilot").await;
        browser.press("main form button[type=submit]").await;
        browser.sees("data-testid=\"booking-confirmed\"").await;
        browser.sees("What to charge for our first pilot").await;
        browser.open(&format!("{site}/sessions")).await;
        browser.sees("You are helped").await;
        browser.press(".rows h3 a").await;
        browser.sees("Does something come up?").await;
        if turn == 0 {
            browser.press(".asks-first summary").await;
            browser.write("textarea[name=reason]", "Something came up").await;
            browser.press(".asks-first form button").await;
            browser.sees("The session is called off").await;
        }
    }
    let to_bo = house.letters().into_iter().filter(|letter| letter.to == "mia@example.org").count();
    assert_eq!(to_bo, 3, "booked, called off, booked again");
    house.work();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mentee_books_and_calls_off_without_scripts_on_a_phone() {
    books_and_calls_off(390, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mentee_books_and_calls_off_with_scripts_at_a_desk() {
    books_and_calls_off(1280, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mentee_books_and_calls_off_with_scripts_on_a_phone() {
    books_and_calls_off(390, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mentee_books_and_calls_off_without_scripts_at_a_desk() {
    books_and_calls_off(1280, false).await;
}
