//! What a program owns leaves one Tandem and comes into an empty one without loss: byte for byte the same files, and
//! the same answers to the graded questions.

use std::path::{Path, PathBuf};

use chrono::{TimeDelta, Weekday};
use proptest::prelude::*;
use serde_json::{Value, json};
use tandem::accounts::mentees::{self, Mentee, NewMentee};
use tandem::accounts::{self, NewUser, Role};
use tandem::audit::Actor;
use tandem::booking::hours::{self, Hours, Window};
use tandem::booking::slots::{self, NewSlot};
use tandem::booking::{self, Ask, Asker, Party, Rules, Wanted, feedback, watch};
use tandem::books::{self, Kind};
use tandem::clock::Moment;
use tandem::db::{Db, Tx};
use tandem::error::Result;
use tandem::ids::{MentorNo, SessionId, SlotId, UserId};
use tandem::mentors::{self, Edit, Expertise, Patch, Visibility, profiles};
use tandem::sync::{self, Format, Manner, Place, Report};

use crate::test_app::TestApp;

/// The relevance set where it lies beside the house, else the demo's own.
fn questions_and_people() -> PathBuf {
    let house = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = house.join("../shared/relevance");
    if beside.is_dir() { beside } else { house.join("assets/demo") }
}

fn text(name: &str) -> String {
    std::fs::read_to_string(questions_and_people().join(name)).expect("readable")
}

pub fn exported(db: &Db, kind: Kind, format: Format) -> String {
    let mut file = Vec::new();
    db.read_here(|tx| books::export(tx, kind, format, &mut file, || ())).expect("exported");
    String::from_utf8(file).expect("UTF-8")
}

fn all(db: &Db, format: Format) -> Vec<String> {
    Kind::ALL.into_iter().map(|kind| exported(db, kind, format)).collect()
}

pub fn taken(db: &Db, kind: Kind, format: Format, file: &str) -> Report {
    let manner = Manner { format, n_rows: 0 };
    let actor = Actor::nobody("import");
    books::import(Place::Kept(db), &actor, manner, Some(kind), file.as_bytes(), |_| ()).expect("read to its end")
}

fn take_all(db: &Db, files: &[String], format: Format) -> Vec<Report> {
    let take = |(kind, file): (Kind, &String)| {
        let report = taken(db, kind, format, file);
        assert!(report.errors.is_empty() && report.unknown_fields.is_empty(), "{}: {report:?}", kind.name());
        report
    };
    Kind::ALL.into_iter().zip(files).map(take).collect()
}

/// Rows of everything that an import of what is there already must leave alone.
fn counts(db: &Db) -> Vec<i64> {
    let tables = ["events", "changes", "jobs", "outbox", "embeddings", "passages", "told", "availability"];
    let count = |tx: &Tx<'_>| {
        let one = |table: &&str| Ok(tx.query_row(&format!("select count(*) from {table}"), [], |row| row.get(0))?);
        tables.iter().map(one).collect::<Result<_>>()
    };
    db.read_here(count).expect("counted")
}

/// A program in which everything has happened that can happen to what it owns.
struct Program<'a> {
    db: &'a Db,
    rules: Rules,
    mentors: Vec<(MentorNo, UserId)>,
    mentees: Vec<UserId>,
}

impl<'a> Program<'a> {
    fn new(house: &'a TestApp) -> Self {
        let db = &house.app.db;
        for (kind, file) in [(sync::Kind::Mentors, "mentors.jsonl"), (sync::Kind::Mentees, "mentees.jsonl")] {
            let lines = text(file);
            let actor = Actor::nobody("import");
            let report =
                sync::import(db, &actor, lines.as_bytes(), Format::JsonLines, Some(kind), |_| ()).expect("read");
            assert!(report.errors.is_empty(), "{:?}", report.errors);
        }
        let mut mentors = Vec::new();
        let mut mentees = Vec::new();
        db.read_here(|tx| {
            mentors::for_each(tx, |mentor| {
                mentors.push((mentor.number, mentor.user));
                Ok(())
            })?;
            let mut rows = tx.prepare("select user_id from mentees order by id")?;
            for user in rows.query_map([], |row| row.get(0))? {
                mentees.push(user?);
            }
            Ok(())
        })
        .expect("read");
        Self { db, rules: Rules::of(&house.app.config), mentors, mentees }
    }

    fn write<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> T {
        self.db.write_here(work).expect("written")
    }

    fn staff() -> Asker {
        Asker { user: UserId::random(), is_staff: true, actor: Actor::nobody("test") }
    }

    fn person(user: UserId) -> Asker {
        Asker { user, is_staff: false, actor: Actor::nobody("test") }
    }

    fn edit(&self, mentor: usize, edit: Edit) {
        self.write(|tx| {
            let mentor = mentors::by_number(tx, self.mentors[mentor].0)?.expect("there");
            mentors::change(tx, &Actor::nobody("test"), mentor, None, edit)
        });
    }

    fn slot(&self, mentor: usize, hour: i64, capacity: u32, location: &str) -> SlotId {
        let starts_at = self.db.clock().now().plus_seconds(hour * 3_600);
        let ends_at = starts_at.plus_seconds(1_800);
        let new = NewSlot { starts_at, ends_at, capacity, location: location.to_owned() };
        self.write(|tx| slots::open(tx, &Self::staff(), self.mentors[mentor].0, &[new]))[0].id
    }

    fn book(&self, mentee: usize, slot: SlotId, by_staff: bool, key: Option<&str>) -> SessionId {
        let user = self.mentees[mentee];
        let ask = Ask {
            wanted: Wanted::Slot(slot, None),
            notes: "=1+1, \"quoted\";\n'tis a second line".to_owned(),
            request_key: key.map(str::to_owned),
            on_behalf_of: by_staff.then_some(user),
        };
        let by = if by_staff { Self::staff() } else { Self::person(user) };
        self.write(|tx| booking::book(tx, &self.rules, &by, &ask)).session.id
    }

    /// Mentors with all that a profile can hold, accounts in every state, people who have left.
    fn live(&self) {
        let third = 1.0 / 3.0;
        let tag = |area: &str, subarea: Option<&str>, weight| Expertise {
            area: area.to_owned(),
            subarea: subarea.map(str::to_owned),
            weight,
        };
        self.edit(
            0,
            Edit {
                expertise: Patch::Set(vec![
                    tag("a; b", Some("c, d"), third),
                    tag("plain", None, 1.0),
                    tag("say \"x\"", None, 0.1 + 0.2),
                ]),
                languages: Patch::Set(vec!["English".to_owned(), "Deutsch".to_owned()]),
                paused_until: Patch::Set(self.db.clock().now().plus_days(40)),
                load_cap_per_week: Patch::Set(0),
                bio: Patch::Set("'=starts like a shielded formula\n\nand \"goes\" on, 'tis said".to_owned()),
                headline: Patch::Set("+49 30 123".to_owned()),
                photo_url: Patch::Set("https://example.org/a.png".to_owned()),
                ..Edit::default()
            },
        );
        self.edit(1, Edit { visibility: Patch::Set(Visibility::Limited), ..Edit::default() });
        self.edit(4, Edit { industries: Patch::Set(vec!["One, two".to_owned()]), ..Edit::default() });
        self.write(|tx| {
            let new = |name: &str, role| NewUser {
                email: format!("{name}@example.org"),
                name: name.to_owned(),
                role,
                timezone: "Asia/Kathmandu".to_owned(),
                password_hash: Some("a hash that no file may hold".to_owned()),
            };
            let actor = Actor::nobody("test");
            let alone = accounts::create(tx, &new("without-record", Role::Mentor))?;
            mentors::settle_in(tx, &actor, &alone)?;
            mentees::set(tx, &actor, alone.id, &Mentee { goals: "Both".to_owned(), ..Mentee::default() })?;
            let manager = accounts::create(tx, &new("manager", Role::Mentor))?;
            mentors::settle_in(tx, &actor, &manager)?;
            accounts::set_role(tx, &actor, &manager, Role::Pm)?;
            let asker = profiles::Asker { user: UserId::random(), role: Role::Admin };
            for gone in [self.mentors[7].1, self.mentees[7]] {
                profiles::erase(tx, &actor, &asker, gone, false)?;
            }
            for (user, change) in [
                (self.mentors[2].1, "status = 'suspended', email_verified_at = 1800000000"),
                (self.mentees[9], "status = 'inactive', image = 'https://example.org/b.png'"),
            ] {
                tx.execute(&format!("update users set {change} where id = ?1"), [user])?;
            }
            tx.execute("update mentors set record_edited_ms = 1890000000123 where number = 3", [])?;
            Ok(())
        });
    }

    /// Weekly hours with days that are otherwise, slots with seats and places, sessions in every state.
    fn meet(&self) {
        let window = |starts: u16, ends: u16| Window { starts: starts * 60, ends: ends * 60 };
        let today = self.db.clock().now().utc().date_naive();
        let weekly = Hours {
            timezone: String::new(),
            session_minutes: 45,
            buffer_minutes: 15,
            min_notice_minutes: 60,
            window_days: 21,
            capacity: 2,
            rules: vec![(Weekday::Sun, window(20, 24)), (Weekday::Tue, window(9, 12)), (Weekday::Tue, window(14, 16))],
            exceptions: vec![
                (today + chrono::Days::new(8), Vec::new()),
                (today + chrono::Days::new(9), vec![window(10, 11), window(13, 15)]),
            ],
        };
        self.write(|tx| hours::set(tx, &Self::staff(), self.mentors[3].0, &weekly));
        let group = self.slot(5, 30, 3, "Room 5, first floor");
        let told = self.book(0, group, false, Some("key-1"));
        self.book(1, group, true, None);
        self.book(2, self.slot(1, 50, 1, "virtual"), false, None);
        let cancelled = self.book(3, self.slot(5, 60, 1, "virtual"), false, None);
        self.write(|tx| booking::cancel(tx, &self.rules, &Self::person(self.mentees[3]), cancelled, "-ill; sorry"));
        let (held, missed, undone) = (self.slot(6, 3, 1, "virtual"), self.slot(6, 5, 1, "x"), self.slot(6, 7, 1, "y"));
        let taken_back = self.book(6, undone, false, None);
        let (held, missed) = (self.book(4, held, false, None), self.book(5, missed, false, None));
        self.db.clock().advance(TimeDelta::hours(9));
        watch::round(self.db, &self.rules).expect("told");
        self.write(|tx| {
            let staff = Self::staff();
            booking::complete(tx, &self.rules, &staff, held)?;
            booking::no_show(tx, &self.rules, &staff, missed, Party::Mentee)?;
            booking::complete(tx, &self.rules, &staff, taken_back)?;
            slots::withdraw(tx, &self.rules, &staff, undone, false)?;
            booking::undo(tx, &self.rules, &staff, taken_back)?;
            feedback::give(tx, &Self::person(self.mentees[4]), held, 5, "@great,\n\"really\"", true)?;
            feedback::give(tx, &Self::person(self.mentors[6].1), held, 3, "", false)?;
            // What was booked before stays booked.
            let tighter = Hours { buffer_minutes: 480, ..hours::hours(tx, self.mentors[5].0)? };
            hours::set(tx, &staff, self.mentors[5].0, &tighter)
        });
        self.book(8, self.slot(5, 40, 1, "virtual"), false, None);
        let wider = Edit { load_cap_per_week: Patch::Set(1), ..Edit::default() };
        self.edit(5, wider);
        self.write(|tx| {
            Ok(tx.execute("update office_sessions set version = 7, ics_sequence = 4 where id = ?1", [told])?)
        });
        watch::round(self.db, &self.rules).expect("told");
    }
}

/// What a question is answered, but for how long that took.
async fn answers(house: &TestApp, cookie: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for line in text("queries.jsonl").lines() {
        let line: Value = serde_json::from_str(line).expect("a question");
        let mut question = json!({ "query": line["text"], "limit": 20 });
        for (name, values) in line["filters"].as_object().into_iter().flatten() {
            question[name] = values.clone();
        }
        let mut answer = house.ask(cookie, question).await;
        answer.as_object_mut().expect("an object").remove("tookMs");
        all.push(answer);
    }
    all
}

#[tokio::test]
async fn what_is_exported_comes_back_byte_for_byte_and_answers_alike() {
    let (from, to) = (TestApp::new(), TestApp::new());
    let program = Program::new(&from);
    program.live();
    program.meet();
    from.work();
    to.app.db.clock().advance(TimeDelta::hours(9));
    let files = all(&from.app.db, Format::JsonLines);
    assert!(!files.concat().contains("a hash that no file may hold"), "a secret is in a book");
    for (kind, report) in Kind::ALL.into_iter().zip(take_all(&to.app.db, &files, Format::JsonLines)) {
        // Every mentor has hours from the start: most are as those of the file already.
        let n_new = if kind == Kind::Hours { 2 } else { report.read };
        assert!(report.created == n_new && n_new > 0, "{}: {report:?}", kind.name());
    }
    to.work();
    assert_eq!(all(&to.app.db, Format::JsonLines), files);
    assert_eq!(all(&to.app.db, Format::Csv), all(&from.app.db, Format::Csv));
    assert!(to.letters().is_empty(), "what is brought in tells nobody");

    let before = counts(&to.app.db);
    for format in [Format::JsonLines, Format::Csv] {
        for report in take_all(&to.app.db, &all(&from.app.db, format), format) {
            assert_eq!((report.changed, report.unchanged), (0, report.read));
        }
    }
    assert_eq!(counts(&to.app.db), before, "saying again what is so leaves no trace");

    // The watch has nothing to tell that was told before.
    let rules = Rules::of(&to.app.config);
    let (left, arrived) = (watch::round(&from.app.db, &rules), watch::round(&to.app.db, &rules));
    assert_eq!(left.expect("told"), arrived.expect("told"));
    to.work();
    from.work();

    let (here, there) =
        (from.sign_in("who@asks.example", Role::Mentee).await, to.sign_in("who@asks.example", Role::Mentee).await);
    let (expected, given) = (answers(&from, &here).await, answers(&to, &there).await);
    for (expected, given) in expected.iter().zip(&given) {
        assert_eq!(expected, given);
    }
    assert!(expected.iter().any(|answer| answer["matches"].as_array().is_some_and(|found| found.len() > 5)));
}

#[test]
fn spreadsheets_carry_it_all_too_and_run_nothing() {
    let from = TestApp::new();
    let program = Program::new(&from);
    program.live();
    program.meet();
    from.work();
    let files = all(&from.app.db, Format::Csv);
    for file in &files {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file.as_bytes());
        for record in reader.records() {
            for cell in &record.expect("a record") {
                assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "a spreadsheet would run {cell}");
            }
        }
    }
    let keep = crate::office::quick_directory();
    let db = Db::open(keep.path(), from.app.db.clock().clone(), 1).expect("a new database");
    take_all(&db, &files, Format::Csv);
    assert_eq!(all(&db, Format::JsonLines), all(&from.app.db, Format::JsonLines));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Words of any letters, in any column that takes words, with what CSV and spreadsheets take for their own.
    #[test]
    fn any_words_come_back_from_a_csv(
        words in prop::collection::vec("[-=+@'\",;\\t\\n ]{0,4}\\PC{0,12}[-=+@'\",;\\n ]{0,3}", 4)
    ) {
        let keep = crate::office::quick_directory();
        let clock = tandem::clock::Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
        let db = Db::open(keep.path(), clock.clone(), 1).expect("a new database");
        let checked = |word: &String| mentors::checked_text("word", word, 300).unwrap_or_default();
        let profile = Mentee {
            company: checked(&words[0]),
            stage: checked(&words[1]),
            industry: checked(&words[2]),
            goals: checked(&words[3]),
        };
        let new = NewMentee { email: "bo@example.org".to_owned(), name: "Bo".to_owned(), timezone: "UTC".to_owned(), profile };
        db.write_here(|tx| mentees::put(tx, &Actor::nobody("test"), &new)).expect("written");
        let file = exported(&db, Kind::Mentees, Format::Csv);
        let empty = crate::office::quick_directory();
        let other = Db::open(empty.path(), clock, 1).expect("a new database");
        let report = taken(&other, Kind::Mentees, Format::Csv, &file);
        prop_assert!(report.errors.is_empty(), "{:?}", report.errors);
        prop_assert_eq!(exported(&other, Kind::Mentees, Format::JsonLines), exported(&db, Kind::Mentees, Format::JsonLines));
    }
}

#[tokio::test]
async fn staff_take_a_kind_along_as_a_file_and_that_is_written_down() {
    let house = TestApp::new();
    house.import(&crate::test_app::five_mentors());
    let pm = house.sign_in("pm@example.org", Role::Pm).await;
    let get = async |path: &str| house.get(&format!("/api/admin/export/{path}"), Some(&pm)).await;
    for (path, format, name, media_type) in [
        ("mentors", Format::Csv, "mentors.csv", "text/csv; charset=utf-8"),
        ("mentors?format=jsonl", Format::JsonLines, "mentors.jsonl", "application/x-ndjson"),
    ] {
        let file = get(path).await;
        assert_eq!(file.status.as_u16(), 200, "{}", file.text());
        assert_eq!(file.header("content-type"), media_type);
        assert_eq!(file.header("content-disposition"), format!("attachment; filename=\"{name}\""));
        assert_eq!(file.header("content-length"), file.body.len().to_string());
        assert_eq!(file.text(), exported(&house.app.db, Kind::Mentors, format));
    }
    assert_eq!(get("passwords").await.code(), "kind_unknown");
    assert_eq!(get("mentors?format=xml").await.status.as_u16(), 422);
    assert_eq!(get("mentors?formats=csv").await.status.as_u16(), 400);
    let kind = Some("books.exported".to_owned());
    let filter = tandem::audit::Filter { kind, ..tandem::audit::Filter::default() };
    let log = house.app.db.read_here(|tx| tandem::audit::entries(tx, &filter, 10)).expect("read");
    assert_eq!(log.len(), 2);
    assert_eq!((log[0].entity_id.as_str(), &log[0].change["after"]), ("mentors", &json!({ "lines": 5 })));
    house.app.db.clock().advance(TimeDelta::minutes(31));
    assert_eq!(get("mentors").await.code(), "confirm_first");
}
