//! Airtable's own interface from outside: notification, job, pages, and a table that equals its source, whatever the
//! other side answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::{Value, json};
use tandem::accounts::Role;
use tandem::app::App;
use tandem::audit::Actor;
use tandem::config::Config;
use tandem::db::{DirectoryLock, Tx};
use tandem::error::{Error, Result};
use tandem::jobs;
use tandem::mentors;
use tandem::sync::Mapping;
use tandem::sync::airtable::{self, Airtable, Order, Pace, Report, Source};
use tandem::sync::deliveries::{self, Delivery};

use crate::binary::tandem;
use crate::fake_base::{FakeBase, Fault, PATH, REFRESH, TOKEN, record};
use crate::test_app::{Answer, TestApp, request};
use crate::webhook;

const KEY: &[u8] = b"a key of Airtable's";
const NOTIFY: &str = "/api/webhooks/airtable/notifications";
const LOOK: Order = Order { source: Source::Reconcile, is_dry: false, is_forced: false };

/// A house whose base is the fake one, and whose waits are only written down.
struct Linked {
    house: TestApp,
    base: FakeBase,
    pace: Pace,
}

fn linked(change: impl FnOnce(&mut Config)) -> Linked {
    let base = FakeBase::open();
    let mut house = TestApp::with(|config| {
        config.limits.enabled = false;
        config.sync.airtable_api_url = format!("http://{}", base.address);
        TOKEN.clone_into(&mut config.sync.airtable_token);
        "appTandem".clone_into(&mut config.sync.airtable_base);
        "Our mentors".clone_into(&mut config.sync.airtable_table);
        // KEY in Base64.
        "YSBrZXkgb2YgQWlydGFibGUncw==".clone_into(&mut config.sync.airtable_mac_secret);
        "a scheduler's secret".clone_into(&mut config.cron.secret);
        change(config);
    });
    let pace = Pace::noted();
    house.app.airtable = Airtable::of(&house.app.config.sync, pace.clone()).expect("a right address").map(Arc::new);
    Linked { house, base, pace }
}

impl Linked {
    fn look(&self, order: Order) -> Result<Report> {
        let airtable = self.house.app.airtable.as_ref().expect("set up");
        tokio::task::block_in_place(|| airtable.reconcile(&self.house.app.db, order, &|| false, |_| Ok(())))
    }

    fn work(&self) {
        tokio::task::block_in_place(|| self.house.work());
    }

    async fn notify(&self) -> Answer {
        let body = json!({ "base": { "id": "appTandem" }, "webhook": { "id": "ach1" } }).to_string().into_bytes();
        let signature = signature(&body);
        self.send(&body, &[&signature]).await
    }

    async fn send(&self, body: &[u8], signatures: &[&str]) -> Answer {
        let mut request = request("POST", NOTIFY, None);
        for signature in signatures {
            request = request.header("x-airtable-content-mac", *signature);
        }
        self.house.send(request.body(Body::from(body.to_vec())).expect("a request")).await
    }

    /// What is here, by records: those in use with what they say, those hidden with nothing.
    fn here(&self) -> BTreeMap<String, Value> {
        let mut here = BTreeMap::new();
        let read = self.house.app.db.read_here(|tx| {
            mentors::for_each(tx, |mentor| {
                let profile = mentor.profile;
                let tags: Vec<String> = profile.expertise.into_iter().map(|it| it.area).collect();
                let says = json!([mentor.name, mentor.email, profile.headline, profile.bio, profile.industries, tags]);
                here.insert(mentor.record.expect("from the base"), if profile.is_active { says } else { Value::Null });
                Ok(())
            })
        });
        read.expect("read");
        here
    }

    /// The same of the base; records that are gone are not in it.
    fn there(&self) -> BTreeMap<String, Value> {
        self.base.with(|state| {
            let told = state.records.iter().map(|it| {
                let fields = &it["fields"];
                let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
                let list = |name: &str| fields[name].as_array().cloned().unwrap_or_default();
                let [name, email, headline, bio] = ["Name", "Email", "Headline", "Bio"].map(text);
                let says = json!([name, email, headline, bio, list("Industries"), list("Expertise")]);
                let is_active = fields["Is Active"] == true;
                (it["id"].as_str().expect("an id").to_owned(), if is_active { says } else { Value::Null })
            });
            told.collect()
        })
    }

    fn rows(&self) -> i64 {
        let sql = "select (select count(*) from users) + (select count(*) from mentors) + (select count(*) from events)
                        + (select count(*) from changes) + (select count(*) from jobs) + (select count(*) from settings)";
        self.house.app.db.read_here(|tx| Ok(tx.query_row(sql, [], |row| row.get(0))?)).expect("counted")
    }

    fn waiting(&self) -> u64 {
        self.house.app.db.read_here(|tx| jobs::depth_of(tx, jobs::Kind::Fetch)).expect("counted").ready
    }
}

fn signature(body: &[u8]) -> String {
    format!("hmac-sha256={}", webhook::signature(KEY, body))
}

fn mentor(number: usize) -> Value {
    let fields = json!({
        "Name": format!("Mentor {number}"), "Email": format!("mentor-{number}@example.org"),
        "Headline": format!("Line {number}"), "Bio": format!("I have kept {number} hives of bees."),
        "Industries": ["Farming"], "Expertise": ["bees", format!("tag {}", number % 7)], "Is Active": true,
    });
    record(&format!("rec{number:03}"), fields)
}

fn code(outcome: Result<Report>) -> &'static str {
    outcome.expect_err("it cannot be read").code
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_makes_the_table_equal_to_its_source_through_all_that_goes_wrong() {
    let linked = linked(|_| ());
    linked.base.with(|state| {
        state.records = (0..25).map(mentor).collect();
        state.page_size = 10;
        state.faults = [
            Fault::Status(429, Some(7), "{}"),
            Fault::Status(429, None, "{\"error\": {\"type\": \"RATE_LIMIT\"}}"),
            Fault::Status(503, None, "<html>"),
            Fault::Cut,
        ]
        .into();
    });
    for _ in 0..50 {
        let answer = linked.notify().await;
        assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
    }
    assert_eq!((linked.waiting(), linked.base.asked().len()), (1, 0), "nothing is fetched while somebody waits");
    linked.work();
    assert_eq!(linked.here(), linked.there());
    let asked = linked.base.asked();
    assert_eq!(asked.len(), 4 + 3 + 1, "a flood of notifications is one look: {asked:?}");
    assert_eq!(asked.last().map(String::as_str), Some(REFRESH));
    let rests = linked.pace.waits().into_iter().filter(|wait| *wait > Duration::from_millis(200));
    assert_eq!(rests.map(|it| it.as_secs()).collect::<Vec<_>>(), [7, 30, 4, 8]);
    let gaps = linked.pace.waits().into_iter().filter(|wait| *wait == Duration::from_millis(200)).count();
    assert_eq!(gaps, asked.len() - 1, "five a second at most");

    linked.base.edit("rec003", |fields| drop(fields.insert("Bio".to_owned(), json!("Now I keep wasps."))));
    linked.base.edit("rec004", |fields| drop(fields.remove("Headline")));
    linked.base.edit("rec005", |fields| drop(fields.remove("Is Active")));
    linked.base.with(|state| {
        state.records.retain(|it| it["id"] != "rec006" && it["id"] != "rec024");
        state.records.insert(0, mentor(77));
        state.faults = [Fault::Status(200, None, "<html>not JSON</html>"), Fault::Silence].into();
    });
    linked.notify().await;
    linked.work();
    let mut wanted = linked.there();
    wanted.extend(["rec006", "rec024"].map(|gone| (gone.to_owned(), Value::Null)));
    assert_eq!(linked.here(), wanted, "hidden, not deleted");

    let before = linked.rows();
    linked.base.asked();
    linked.notify().await;
    linked.work();
    assert_eq!(linked.rows(), before, "the same again changes nothing");
    assert_eq!(linked.base.asked().len(), 3, "the webhook was given a week today");
    linked.house.app.db.clock().advance(TimeDelta::days(1));
    let fine = Fault::Nothing;
    linked.base.with(|state| state.faults = [fine.clone(), fine.clone(), fine, Fault::Status(403, None, "{}")].into());
    linked.notify().await;
    linked.work();
    assert_eq!(linked.base.asked()[3..], [REFRESH], "and another one tomorrow; that it fails holds nothing up");
    linked.base.with(|state| state.records.push(mentor(6)));
    let report = linked.look(LOOK).expect("read");
    linked.work();
    assert_eq!(report.changed[0].fields, ["active"], "a record that comes back is shown again");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_airtables_own_signature_notifies() {
    let linked = linked(|_| ());
    let body = b"{}";
    let right = signature(body);
    for wrong in [
        &[][..],
        &[""],
        &["hmac-sha256="],
        &[&right[..right.len() - 1]],
        &[&right.to_uppercase()],
        &[right.trim_start_matches("hmac-sha256=")],
        &[&format!("{right}{}", &right[12..])],
        &[&signature(b"{} ")],
        &[&right, &right],
    ] {
        let answer = linked.send(body, wrong).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::UNAUTHORIZED, "bad_signature"), "{wrong:?}");
    }
    assert_eq!(linked.waiting(), 0);
    assert_eq!(linked.send(&vec![b' '; 16 * 1024 + 1], &[&right]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let open = b"not JSON at all \xFF";
    assert_eq!(linked.send(open, &[&signature(open)]).await.status, StatusCode::OK, "what it says is not needed");
    linked.work();
    let closed = TestApp::new();
    let request = request("POST", NOTIFY, None).header("x-airtable-content-mac", right);
    let answer = closed.send(request.body(Body::from(body.to_vec())).expect("a request")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_records_are_named_and_every_good_one_goes_in() {
    let linked = linked(|_| ());
    linked.house.sign_in("admin@example.org", Role::Admin).await;
    linked.base.with(|state| {
        state.records = vec![
            mentor(1),
            record("recTypes", json!({ "Name": 7, "Email": ["x"], "Bio": { "error": "#ERROR!" }, "Industries": "x" })),
            record("recAdmin", json!({ "Name": "Eve", "Email": "ADMIN@example.org" })),
            record("recTwin", json!({ "Name": "Twin", "Email": "Mentor-1@example.org" })),
            record("recEmpty", json!({})),
            record("recOdd", json!("no fields")),
            record("recNone", Value::Null),
            record(
                "recTags",
                json!({ "Name": "T", "Email": "t@example.org", "Expertise": vec!["x y"; 1], "Industries":
                (0..10_000).map(|number| number.to_string()).collect::<Vec<_>>() }),
            ),
            record(&"r".repeat(101), json!({ "Name": "L", "Email": "l@example.org" })),
            record("recLarge", json!({ "Name": "G", "Email": "g@example.org", "Notes": "x".repeat(1_100_000) })),
            mentor(2),
            mentor(3),
        ];
        state.records[10]["fields"]["Shoe Size"] = json!(43);
    });
    let report = linked.look(LOOK).expect("read to its end");
    linked.work();
    let taken: Vec<_> = report.changed.iter().map(|it| it.record.as_str()).collect();
    assert_eq!(taken, ["rec001", "rec002", "rec003"]);
    let refused: Vec<_> = report.refused.iter().map(|it| (it.record.as_str(), it.code)).collect();
    assert_eq!(
        refused[..7],
        [
            ("recTypes", "invalid"),
            ("recAdmin", "email_taken"),
            ("recTwin", "email_taken"),
            ("recEmpty", "invalid"),
            ("recOdd", "invalid"),
            ("recNone", "invalid"),
            ("recTags", "invalid"),
        ]
    );
    assert_eq!((refused[7].1, refused[8]), ("invalid", ("recLarge", "too_large")));
    let types = &report.refused[0].reason;
    assert!(["Name", "Email", "Bio", "Industries"].iter().all(|field| types.contains(field)), "{types}");
    assert_eq!(report.unknown_fields, ["Shoe Size"]);
    assert_eq!(linked.here().len(), 3);
    let admin = linked.house.app.db.read_here(|tx| tandem::accounts::user_by_email(tx, "admin@example.org"));
    assert_eq!(admin.expect("read").expect("there").role, Role::Admin);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_lists_what_would_change_and_changes_nothing() {
    let linked = linked(|_| ());
    linked.base.with(|state| state.records = (0..5).map(mentor).collect());
    linked.look(LOOK).expect("read");
    linked.work();
    linked.base.edit("rec001", |fields| {
        fields.insert("Bio".to_owned(), json!("Wasps."));
        fields.remove("Is Active");
    });
    linked.base.with(|state| {
        state.records.remove(0);
        state.records.push(mentor(9));
        state.records.push(record("recBad", json!({ "Name": "Bad" })));
    });
    let (rows, here) = (linked.rows(), linked.here());
    let report = linked.look(Order { is_dry: true, ..LOOK }).expect("read");
    assert_eq!((linked.rows(), linked.here()), (rows, here));
    let changed: Vec<_> = report.changed.iter().map(|it| (it.record.as_str(), it.is_new, it.fields.clone())).collect();
    assert_eq!(changed, [("rec001", false, vec!["active".to_owned(), "bio".to_owned()]), ("rec009", true, Vec::new())]);
    assert_eq!((report.hidden.len(), report.hidden[0].name.as_str()), (1, "Mentor 0"));
    assert_eq!((report.refused.len(), report.unchanged), (1, 3));
    let real = linked.look(LOOK).expect("read");
    linked.work();
    assert_eq!(serde_json::to_value(&real.hidden).expect("JSON"), serde_json::to_value(&report.hidden).expect("JSON"));
    assert_eq!(real.changed.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_cannot_be_read_to_its_end_changes_nothing() {
    let linked = linked(|_| ());
    linked.base.with(|state| {
        state.records = (0..20).map(mentor).collect();
        state.page_size = 10;
    });
    linked.look(LOOK).expect("read");
    linked.work();
    let rows = linked.rows();
    // Were it applied, this first page would change somebody and the second be missing.
    linked.base.edit("rec000", |fields| drop(fields.insert("Bio".to_owned(), json!("Never to be seen."))));
    let fine = Fault::Offset("itr/10");
    for (faults, wanted) in [
        (vec![fine.clone(), Fault::Status(401, None, "{}")], "airtable_token"),
        (vec![fine.clone(), Fault::Status(403, None, "{}")], "airtable_token"),
        (vec![fine.clone(), Fault::Status(404, None, "{}")], "airtable_table"),
        (vec![fine.clone(), Fault::Status(302, None, "")], "airtable_refused"),
        (vec![fine.clone(), Fault::Status(422, None, "{\"error\": {\"type\": \"GONE\"}}")], "airtable_refused"),
        ([vec![fine.clone()], vec![Fault::Status(500, None, "x"); 5]].concat(), "airtable_failing"),
        ([vec![fine.clone()], vec![Fault::Status(429, Some(9_999), "x"); 5]].concat(), "airtable_busy"),
        ([vec![fine.clone()], vec![Fault::Cut; 5]].concat(), "airtable_unreachable"),
        ([vec![fine.clone()], vec![Fault::Status(200, None, "{\"records\": 7}"); 5]].concat(), "airtable_garbled"),
        (vec![Fault::Status(200, None, "[[[["); 5], "airtable_garbled"),
        (vec![Fault::Status(200, None, "{\"records\": [{\"fields\": {}}]}"); 5], "airtable_garbled"),
        (vec![Fault::Status(200, None, "{\"records\": [{\"id\": \"\"}]}")], "airtable_garbled"),
        (vec![fine.clone(), fine.clone(), fine], "airtable_endless"),
    ] {
        linked.base.with(|state| state.faults = faults.clone().into());
        let before = linked.pace.waits().len();
        assert_eq!(code(linked.look(LOOK)), wanted, "{faults:?}");
        assert_eq!(linked.rows(), rows, "{faults:?}");
        assert!(linked.pace.waits()[before..].iter().all(|wait| *wait <= Duration::from_mins(2)), "no rest is endless");
    }
    linked.base.with(|state| (state.faults.clear(), state.is_endless = true));
    linked.base.asked();
    assert_eq!(code(linked.look(LOOK)), "airtable_endless", "pages for ever");
    assert_eq!((linked.base.asked().len(), linked.rows()), (1_000, rows));
    linked.base.with(|state| state.is_endless = false);
    let airtable = linked.house.app.airtable.as_ref().expect("set up");
    let stopped = tokio::task::block_in_place(|| airtable.reconcile(&linked.house.app.db, LOOK, &|| true, |_| Ok(())));
    assert_eq!((code(stopped), linked.rows()), ("sync_stopped", rows));
    linked.look(LOOK).expect("and at last");
    linked.work();
    assert_eq!(linked.here(), linked.there());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_has_lost_most_of_its_mentors_hides_nobody_unless_it_must() {
    let linked = linked(|_| ());
    linked.base.with(|state| state.records = (0..12).map(mentor).collect());
    linked.look(LOOK).expect("read");
    linked.work();
    let rows = linked.rows();
    for left in [0, 1, 5] {
        linked.base.with(|state| state.records = (0..left).map(mentor).collect());
        let refusal = linked.look(LOOK).expect_err("too many");
        assert_eq!((refusal.code, refusal.cause()), ("sync_too_many_gone", None));
        assert!(refusal.message.contains(&format!("{} of the 12 mentors", 12 - left)), "{refusal}");
        assert_eq!(linked.rows(), rows);
    }
    let all = linked.look(Order { is_dry: true, is_forced: true, ..LOOK }).expect("listed");
    assert_eq!((all.hidden.len(), linked.rows()), (7, rows));
    assert_eq!(linked.look(Order { is_forced: true, ..LOOK }).expect("done").hidden.len(), 7);
    linked.work();
    assert_eq!(linked.here().values().filter(|it| !it.is_null()).count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_go_by_the_names_that_the_operator_gave() {
    let linked = linked(|config| {
        let names = [("Bio", "About me"), ("Headline", "Line"), ("Is Active", "In the program"), ("Title", "")];
        config.sync.fields = names.into_iter().map(|(name, column)| (name.to_owned(), column.to_owned())).collect();
    });
    let row = |id: &str, about: &str| {
        record(
            id,
            json!({ "Name": id, "Email": format!("{id}@example.org"), "About me": about, "Bio": "a link",
                           "Title": "Dr.", "In the program": true }),
        )
    };
    linked.base.with(|state| state.records = vec![row("recA", "Bees."), row("recB", "Wasps.")]);
    assert_eq!(linked.look(LOOK).expect("read").unknown_fields, Vec::<String>::new());
    // The last words in a column: it is there all the same, because the operator has named it.
    linked.base.edit("recA", |fields| drop(fields.remove("About me")));
    linked.base.edit("recB", |fields| drop(fields.remove("About me")));
    linked.base.edit("recB", |fields| drop(fields.remove("In the program")));
    let report = linked.look(LOOK).expect("read");
    linked.work();
    assert_eq!(report.changed.iter().map(|it| it.fields.join(" ")).collect::<Vec<_>>(), ["bio", "active bio"]);
    let here = linked.here();
    assert_eq!((&here["recA"][3], &here["recB"]), (&json!(""), &Value::Null));
}

/// Takes in what the webhook would.
fn deliver(app: &App, record: &str, fields: &Value) {
    let body = json!({ "recordId": record, "fields": fields }).to_string();
    let delivery = Delivery::read(&Mapping::of(&app.config.sync), body.as_bytes());
    let (actor, source) = (Actor::nobody("airtable"), deliveries::Source::Webhook);
    let deliver = |tx: &Tx<'_>| deliveries::deliver(tx, &actor, source, delivery, body.as_bytes());
    app.db.write_here(deliver).expect("written").expect("taken in");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_changed_while_the_table_is_read_keeps_the_newer_words() {
    let linked = linked(|_| ());
    linked.base.with(|state| {
        state.records = (0..4).map(mentor).collect();
        state.page_size = 2;
    });
    linked.look(LOOK).expect("read");
    linked.work();
    linked.base.edit("rec000", |fields| drop(fields.insert("Bio".to_owned(), json!("Old news."))));
    let app = linked.house.app.clone();
    let happen = move || {
        deliver(&app, "rec000", &json!({ "Bio": "The very newest." }));
        deliver(&app, "recNew", &json!({ "Name": "New", "Email": "new@example.org", "Is Active": true }));
    };
    linked.base.with(|state| {
        state.asked.clear();
        state.meanwhile = Some((2, Box::new(happen)));
    });
    let report = linked.look(LOOK).expect("read");
    assert_eq!((report.later, report.changed.len(), report.hidden.len()), (1, 0, 0));
    assert_eq!(linked.here()["rec000"][3], "The very newest.");
    assert!(!linked.here()["recNew"].is_null(), "not among what was read, and yet not gone");
    assert_eq!(linked.waiting(), 1, "another look takes it");
    linked.base.edit("rec000", |fields| drop(fields.insert("Bio".to_owned(), json!("The very newest."))));
    let new = json!({ "Name": "New", "Email": "new@example.org", "Is Active": true });
    linked.base.with(|state| state.records.push(record("recNew", new)));
    linked.work();
    assert_eq!((linked.here(), linked.waiting()), (linked.there(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_and_whoever_may_run_tasks_look_too_and_a_base_that_is_away_is_asked_again() {
    let linked = linked(|config| config.sync.reconcile_minutes = 60);
    linked.base.with(|state| state.records = vec![mentor(1)]);
    let (db, airtable) = (linked.house.app.db.clone(), linked.house.app.airtable.clone().expect("set up"));
    let tick = || db.write_here(|tx| airtable.ask_when_due(tx)).expect("asked");
    tick();
    tick();
    assert_eq!(linked.waiting(), 1);
    linked.work();
    assert_eq!((linked.waiting(), linked.here().len()), (0, 1));
    db.clock().advance(TimeDelta::minutes(59));
    tick();
    assert_eq!(linked.waiting(), 0);
    db.clock().advance(TimeDelta::minutes(1));
    tick();
    assert_eq!(linked.waiting(), 1);
    linked.base.with(|state| state.faults = vec![Fault::Status(401, None, "{}"); 5].into());
    for wait in [30, 120, 600, 3_600, 3_600] {
        linked.work();
        db.clock().advance(TimeDelta::seconds(wait));
    }
    let dead = db.read_here(|tx| jobs::dead(tx, 10)).expect("listed");
    assert!(dead.len() == 1 && dead[0].last_error.contains("data.records:read"), "{dead:?}");
    assert!(!dead[0].last_error.contains(TOKEN));
    let run = request("POST", "/api/cron/sync", None).header("authorization", "Bearer a scheduler's secret");
    let answer = linked.house.send(run.body(Body::empty()).expect("a request")).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "ran": true, "queued": 1 })));
    linked.base.asked();
    linked.work();
    assert_eq!(linked.base.asked(), [PATH]);
    assert_eq!(db.read_here(jobs::depth).expect("counted"), jobs::Depth::default());
    let other = TestApp::with(|config| config.cron.secret = "a scheduler's secret".to_owned());
    let run = request("POST", "/api/cron/sync", None).header("authorization", "Bearer a scheduler's secret");
    let answer = other.send(run.body(Body::empty()).expect("a request")).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::NOT_FOUND, "sync_not_set_up"));
    // A base that was taken out of the settings while a look waited.
    other.app.db.write_here(|tx| airtable::ask(tx, Source::Notification)).expect("asked");
    tokio::task::block_in_place(|| other.work());
    let none =
        db.write_here(|tx| airtable::ask(tx, Source::Notification).and_then(|()| Err::<(), _>(Error::signed_out())));
    assert!(none.is_err() && linked.waiting() == 0, "a job is part of what causes it");
}

/// Looks again and again until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_takes_its_time_holds_nothing_else_up() {
    let linked = linked(|config| config.worker.threads = 1);
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    linked.base.with(|state| {
        state.records = vec![mentor(1)];
        state.meanwhile =
            Some((1, Box::new(move || may_go_on.recv_timeout(Duration::from_mins(1)).unwrap_or_default())));
    });
    linked.notify().await;
    let db = linked.house.app.db.clone();
    let depth = |kind| db.read_here(|tx| jobs::depth_of(tx, kind)).expect("counted");
    tokio::task::block_in_place(|| {
        let workers = linked.house.app.start_workers().expect("they start");
        until("the base is asked", || linked.base.with(|state| state.asked.len() == 1));
        let new = json!({ "Name": "New", "Email": "new@example.org", "Bio": "Bees." });
        deliver(&linked.house.app, "recNew", &new);
        until("the profile is read by the model", || !depth(jobs::Kind::Embed).has_work());
        assert_eq!(depth(jobs::Kind::Fetch).running, 1);
        go_on.send(()).expect("it waits");
        until("the base is looked through", || !depth(jobs::Kind::Fetch).has_work());
        workers.stop();
        linked.house.work();
    });
    assert!(linked.here().values().all(|it| !it.is_null()), "both are here: {:?}", linked.here());
}

#[test]
fn the_command_looks_through_the_base_and_says_so_where_it_cannot() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let base = FakeBase::open();
    base.with(|state| {
        state.records = vec![mentor(1), record("recBad", json!({ "Name": 7 }))];
        // Two questions, a fifth of a second apart: the one place here where waiting is real.
        state.page_size = 1;
    });
    let settings = format!(
        "data_dir = \"{}\"\n[embedding]\nengine = \"rten\"\n[sync]\nairtable_api_url = \"http://{}\"\n\
         airtable_token = \"{TOKEN}\"\nairtable_base = \"appTandem\"\nairtable_table = \"Our mentors\"\n",
        directory.path().join("data").display(),
        base.address,
    );
    let file = directory.path().join("settings.toml");
    std::fs::write(&file, settings).expect("written");
    let file = file.display().to_string();
    let sync = |more: &[&str]| tandem(&[&["--config", &file, "sync"], more].concat(), "");
    let dry = sync(&["--dry-run"]);
    assert_eq!((dry.code, dry.out.contains("would be 1 changed")), (1, true), "{}{}", dry.out, dry.err);
    assert!(dry.out.contains("rec001 Mentor 1: new") && dry.out.contains("recBad left out: "), "{}", dry.out);
    let real = sync(&["--json"]);
    assert_eq!((real.code, real.json()["changed"][0]["isNew"].as_bool()), (1, Some(true)), "{}", real.err);
    base.with(|state| drop(state.records.pop()));
    let again = sync(&["--json"]);
    assert_eq!((again.code, &again.json()["unchanged"]), (0, &json!(1)), "{}", again.err);
    base.with(|state| state.records.clear());
    let empty = sync(&[]);
    assert!(empty.code == 1 && empty.err.contains("tandem sync --dry-run --force"), "{}", empty.err);
    let lock = DirectoryLock::take(&directory.path().join("data"), "serve").expect("free");
    let locked = sync(&[]);
    assert!(locked.code == 1 && locked.err.contains("(tandem serve)"), "{}", locked.err);
    assert!(locked.err.contains("POST /api/cron/sync"), "{}", locked.err);
    drop(lock);
    let none = tandem(&["sync"], "");
    assert!(none.code == 1 && none.err.contains("sync.airtable_token"), "{}", none.err);
}
