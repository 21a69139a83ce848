//! A program with a token for everybody, for tests that run the program itself.

use std::path::PathBuf;

use serde_json::{Value, json};
use tandem::accounts::tokens::{self, Scope};
use tandem::accounts::{self, NewUser, Role};
use tandem::app::App;
use tandem::audit::Actor;
use tandem::clock::Clock;
use tandem::config::{Config, Engine};
use tandem::ids::UserId;
use tandem::mentors::Visibility;
use tandem::worker;

use crate::office::{Office, quick_directory};
use crate::running::{Answer, Running, send};
use crate::webhook::signature;

/// Slots that each of the two mentors offers in a round, and the seats of each: fewer than there are mentees.
const SLOTS: i64 = 8;
const SEATS: u32 = 3;

/// What its server is told.
pub const SETTINGS: [(&str, &str); 4] = [
    ("TANDEM_SYNC__AIRTABLE_SECRET", "a secret of the base"),
    ("TANDEM_CRON__SECRET", "a secret of the clock"),
    ("TANDEM_LIMITS__ENABLED", "false"),
    ("TANDEM_LOG__LEVEL", "warn"),
];

/// A program with a token for everybody, and where it lies.
pub struct Town {
    pub home: tempfile::TempDir,
    pub mentees: Vec<String>,
    pub mentors: Vec<String>,
}

impl Town {
    pub fn build(n_mentees: usize) -> Self {
        // What a process that is killed has written is with the system, whatever disk it is for.
        let home = quick_directory();
        let office = Office::open(tempfile::tempdir_in(home.path()).expect("made"), Clock::System, n_mentees);
        let actor = Actor::nobody("test");
        let token = |user: &UserId, scopes: &[Scope]| {
            office.write(|tx| tokens::create(tx, &actor, *user, "load", scopes, None)).expect("a token").1
        };
        let may = [Scope::SessionsWrite, Scope::MatchRead];
        let mentees = office.mentees.iter().map(|(user, _)| token(user, &may)).collect();
        let mentors = office.mentors.iter().map(|(_, user)| token(user, &[Scope::AvailabilityWrite])).collect();
        (0..2).for_each(|mentor| office.settle(mentor, Visibility::Public, 50));
        let admin = NewUser {
            email: "admin@example.org".into(),
            name: "Adrian".into(),
            role: Role::Admin,
            timezone: "UTC".into(),
            password_hash: None,
        };
        office.write(|tx| accounts::create(tx, &admin)).expect("made");
        let lived = office.close();
        std::fs::rename(lived.keep(), home.path().join("data")).expect("moved");
        let mut config = Config::defaults_in(&home.path().join("data"));
        config.embedding.engine = Engine::Rten;
        let app = App::open(config, Clock::System, "test").expect("opened");
        while worker::run_one(&app.db, &app.matcher, &app.post, None).expect("the queue works") {}
        app.rest().expect("rests");
        Self { home, mentees, mentors }
    }

    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    pub fn log(&self) -> PathBuf {
        self.home.path().join("log")
    }

    pub fn start(&self) -> Running {
        Running::start(&self.data(), &self.log(), &SETTINGS)
    }

    /// Slots of a week of this round's own, or of a part of it that nobody had: no cap is in the way.
    pub fn open_slots(&self, server: &Running, round: u32) -> Vec<String> {
        let (week, part) = (i64::from(round % 100), i64::from(round / 100));
        let first = Clock::System.now().plus_days(3 + week * 7).plus_seconds(part * SLOTS * 1_800);
        let half_hour = |place: i64| {
            let at = first.plus_seconds(place * 1_800);
            json!({ "startsAt": at, "endsAt": at.plus_seconds(1_800), "capacity": SEATS })
        };
        let slots: Vec<Value> = (0..SLOTS).map(half_hour).collect();
        let mut ids = Vec::new();
        for token in &self.mentors {
            let opened = server.ask("POST", "/api/availability", token, &json!({ "slots": slots }));
            assert_eq!(opened.status, 201, "{}", opened.body);
            let all = opened.json()["slots"].as_array().expect("a list").clone();
            ids.extend(all.iter().map(|slot| slot["id"].as_str().expect("an id").to_owned()));
        }
        ids
    }

    /// Delivers a mentor's record, signed; whatever came back.
    pub fn deliver(server: &Running, record: &str, bio: &str) -> Answer {
        let fields = json!({ "Email": format!("{record}@example.org"), "Name": record, "Bio": bio });
        let body = json!({ "recordId": record, "fields": fields }).to_string();
        let signed = signature(SETTINGS[0].1, body.as_bytes());
        let headers = [("x-airtable-signature", signed.as_str())];
        send(&server.address, "POST", "/api/webhooks/airtable", &headers, &body).expect("answered")
    }
}
