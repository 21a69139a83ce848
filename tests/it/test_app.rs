//! A whole Tandem in a temporary directory with a clock that a test moves. Requests go through
//! the router in memory; people are made through the same verbs that every front door uses.

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::{Value, json};
use tandem::accounts::{self, NewUser, Role};
use tandem::app::App;
use tandem::audit::Actor;
use tandem::clock::{Clock, Moment};
use tandem::config::{Config, Engine};
use tandem::jobs;
use tandem::mail::{Kept, Memory, Post};
use tandem::sync::{self, Format};
use tandem::worker;
use tower::ServiceExt;

/// The password of everybody here.
pub const PASSWORD: &str = "correct horse battery";

pub struct TestApp {
    pub app: App,
    router: axum::Router,
    directory: Option<tempfile::TempDir>,
}

/// What came back.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned()
    }

    /// The stable code of a refusal.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl TestApp {
    /// An empty house at 09:00 on a Monday.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self::open(directory)
    }

    /// An empty house whose operator has changed some settings.
    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self::build(directory, Post::Memory(Memory::default()), change)
    }

    /// A house on a directory that may have been lived in.
    pub fn open(directory: tempfile::TempDir) -> Self {
        Self::open_with(directory, Post::Memory(Memory::default()))
    }

    /// The same with a way for letters that is no memory.
    pub fn open_with(directory: tempfile::TempDir, post: Post) -> Self {
        Self::build(directory, post, |_| ())
    }

    fn build(directory: tempfile::TempDir, post: Post, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::defaults_in(directory.path());
        config.embedding.engine = Engine::Rten;
        change(&mut config);
        let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
        let app = App::open_with(config, clock, "test", post).expect("the house opens");
        let router = tandem::web::router(app.clone());
        Self { app, router, directory: Some(directory) }
    }

    /// Closes the house in good order and gives the directory back.
    pub fn close(mut self) -> tempfile::TempDir {
        self.app.rest().expect("comes to rest");
        self.directory.take().expect("it is there until now")
    }

    /// Takes people in from lines as a program sends them, and waits until they can be found.
    pub fn import(&self, lines: &str) {
        let report =
            sync::import(&self.app.db, &Actor::nobody("import"), lines.as_bytes(), Format::JsonLines, None, |_| ())
                .expect("read to the end");
        assert!(report.errors.is_empty(), "{:?}", report.errors);
        self.work();
    }

    /// Sends the letters that wait and returns all that were sent, oldest first.
    pub fn letters(&self) -> Vec<Kept> {
        self.work();
        match &self.app.post {
            Post::Memory(memory) => memory.letters(),
            _ => panic!("this house keeps no letters"),
        }
    }

    /// Does all jobs that wait, and waits for the keyword index.
    pub fn work(&self) {
        while worker::run_one(&self.app.db, &self.app.matcher, &self.app.post, self.app.airtable.as_deref())
            .expect("the queue works")
        {}
        assert!(self.app.matcher.settle(std::time::Duration::from_secs(30)), "the keyword index settles");
    }

    /// Makes an account and signs it in; returns the cookie.
    pub async fn sign_in(&self, email: &str, role: Role) -> String {
        let hash = self.app.passwords.hash_for(PASSWORD.to_owned(), &[]).await.expect("hashed");
        let new = NewUser {
            email: email.to_owned(),
            name: "Bo".to_owned(),
            role,
            timezone: "Europe/Berlin".to_owned(),
            password_hash: Some(hash),
        };
        self.app.db.write(move |tx| accounts::create(tx, &new)).await.expect("created");
        let answer = self.post("/api/auth/signin", None, &json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.header("set-cookie").split(';').next().expect("a cookie").to_owned()
    }

    pub async fn get(&self, path: &str, cookie: Option<&str>) -> Answer {
        self.send(request("GET", path, cookie).body(Body::empty()).expect("a request")).await
    }

    /// How its parts stand, as a program on its own machine is told.
    pub async fn readiness(&self) -> Answer {
        let request = Request::builder().uri("/readyz").header(header::HOST, "localhost");
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    pub async fn post(&self, path: &str, cookie: Option<&str>, body: &Value) -> Answer {
        self.post_raw(path, cookie, "application/json", body.to_string().into_bytes()).await
    }

    pub async fn post_raw(&self, path: &str, cookie: Option<&str>, kind: &str, body: Vec<u8>) -> Answer {
        let request = request("POST", path, cookie).header(header::CONTENT_TYPE, kind);
        self.send(request.body(Body::from(body)).expect("a request")).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body").to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Asks `POST /api/match` and returns its JSON.
    pub async fn ask(&self, cookie: &str, question: Value) -> Value {
        let answer = self.post("/api/match", Some(cookie), &question).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }
}

pub fn request(method: &str, path: &str, cookie: Option<&str>) -> axum::http::request::Builder {
    let builder = Request::builder().method(method).uri(path).header(header::HOST, "tandem.test");
    match cookie {
        Some(cookie) => builder.header(header::COOKIE, cookie),
        None => builder,
    }
}

impl Drop for TestApp {
    /// No job may be left undone; a test that failed already says enough.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let depth = self.app.db.read_here(jobs::depth).expect("counted");
            assert!(!depth.has_work() && depth.dead == 0, "jobs are left: {depth:?}");
        }
    }
}

/// The line of one mentor as Airtable sends it.
pub fn mentor(record: &str, fields: Value) -> String {
    let mut all = json!({ "Email": format!("{record}@example.org"), "Name": record, "Timezone": "UTC" });
    if let (Value::Object(all), Value::Object(fields)) = (&mut all, fields) {
        all.extend(fields);
    }
    format!("{}\n", json!({ "recordId": record, "fields": all }))
}

/// Five mentors who differ.
pub fn five_mentors() -> String {
    [
        mentor("ada", json!({ "Headline": "Pricing that sticks", "Bio": "I priced pilots and subscriptions for three software companies and raised prices twice without losing a customer.", "Industries": ["SaaS"], "Stage Focus": ["Seed"], "Expertise": ["pricing", "packaging", "willingness to pay"] })),
        mentor("bo", json!({ "Headline": "Raising seed rounds", "Bio": "Raised three seed rounds and one Series A. I rehearse pitches with founders and read term sheets with them.", "Industries": ["Fintech"], "Stage Focus": ["Pre-seed", "Seed"], "Expertise": ["fundraising", "pitch deck", "term sheets"] })),
        mentor("cy", json!({ "Headline": "First sales hires", "Bio": "Built sales teams from nothing at two start-ups: hiring, quotas, the first playbook.", "Industries": ["SaaS"], "Stage Focus": ["Series A"], "Expertise": ["sales hiring", "sales playbook"] })),
        mentor("di", json!({ "Headline": "Drones and the law", "Bio": "Flew drones for a parcel service and got the permits for flights beyond sight.", "Industries": ["Robotics"], "Stage Focus": ["Idea"], "Expertise": ["drone regulations", "permits"] })),
        mentor("el", json!({ "Headline": "Hidden helper", "Bio": "I know all about pricing too.", "Visibility": "private", "Expertise": ["pricing"] })),
    ]
    .concat()
}
