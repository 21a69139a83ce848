//! Files that say what cannot be: each bad line is named with its reason, each good one goes in, nothing is lost.

use serde_json::{Value, json};
use tandem::accounts::mentees::Mentee;
use tandem::accounts::{self, NewUser, Role};
use tandem::audit::Actor;
use tandem::booking::{self, Asker};
use tandem::books::{self, Kind};
use tandem::ids::UserId;
use tandem::mentors::{self, profiles};
use tandem::sync::{Format, MOST_ROWS, Manner, Outcome, Place};

use crate::binary::tandem;
use crate::office::Office;
use crate::round_trip::{exported, taken};

/// The sentences on the lines that were left out, and how many went in.
fn problems(office: &Office, kind: Kind, lines: &[Value]) -> (Vec<(u64, String)>, u64) {
    let file = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let report = taken(&office.db, kind, Format::JsonLines, &file);
    (report.errors.into_iter().map(|error| (error.line, error.problem)).collect(), report.changed)
}

fn named(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
    expected.iter().map(|(line, problem)| (*line, (*problem).to_owned())).collect()
}

/// A line with other words in some places.
fn with(line: &Value, change: Value) -> Value {
    let mut line = line.clone();
    let (Value::Object(all), Value::Object(change)) = (&mut line, change) else { panic!("objects") };
    all.extend(change);
    line
}

const ID: &str = "00000000-0000-4000-8000-0000000000";

fn slot(n: u32, mentor: &str, hour: u32) -> Value {
    json!({
        "id": format!("{ID}{n:02}"), "mentorRecordId": mentor, "startsAt": format!("2030-03-05T{hour:02}:00:00Z"),
        "endsAt": format!("2030-03-05T{hour:02}:30:00Z"), "capacity": 2
    })
}

fn session(n: u32, of: &Value, mentee: &str) -> Value {
    json!({
        "id": format!("{ID}{n:02}"), "mentorRecordId": of["mentorRecordId"], "startsAt": of["startsAt"],
        "endsAt": of["endsAt"], "slotId": of["id"], "seatNo": 1, "menteeEmail": mentee, "status": "booked"
    })
}

#[test]
fn nobody_is_booked_twice_by_a_file_and_the_line_that_would_is_named() {
    let office = Office::new(3);
    let (early, late, other) = (slot(1, "Ada", 9), slot(2, "Ada", 11), slot(3, "Cy", 9));
    assert_eq!(problems(&office, Kind::Availability, &[early.clone(), late.clone(), other.clone()]).1, 3);
    let (bo0, bo1, bo2) = ("bo0@example.org", "BO1@example.org", "bo2@example.org");
    let first = session(11, &early, bo0);
    let lines = [
        first.clone(),
        session(12, &early, bo1),
        with(&session(13, &early, bo0), json!({ "seatNo": 2 })),
        session(14, &other, bo0),
        with(&session(15, &early, bo1), json!({ "seatNo": 3 })),
        with(&session(16, &early, bo1), json!({ "startsAt": "2030-03-05T09:10:00Z" })),
        with(&session(17, &late, bo1), json!({ "slotId": format!("{ID}77") })),
        session(18, &late, "nobody@example.org"),
        with(&session(19, &late, bo1), json!({ "mentorRecordId": "Eve" })),
        with(&first, json!({ "status": "cancelled" })),
        with(&session(20, &early, bo1), json!({ "seatNo": null })),
        with(
            &session(21, &late, bo2),
            json!({ "slotId": null, "seatNo": null, "mentorRecordId": null, "mentorEmail": "ADA@example.org" }),
        ),
    ];
    let seat = "That seat is taken, or the mentor has another session at that time.";
    let no_slot = "No slot of this mentor has a seat at just these times.";
    let expected = named(&[
        (2, seat),
        (3, "The mentee has another session at that time."),
        (4, "The mentee has another session at that time."),
        (5, no_slot),
        (6, no_slot),
        (7, "No slot here has the id that slotId names."),
        (8, "No mentee here has this address."),
        (9, "No mentor here has this record id or address."),
        (10, "This session is here already, but otherwise: sessions are changed in Tandem, not by a file."),
    ]);
    assert_eq!(problems(&office, Kind::Sessions, &lines), (expected, 3));
    let letters: i64 = office.read(|tx| Ok(tx.query_row("select count(*) from outbox", [], |row| row.get(0))?));
    assert_eq!(letters, 0, "nobody is told");
}

#[test]
fn a_preview_tells_of_every_kind_and_keeps_nothing() {
    let office = Office::new(1);
    let early = slot(1, "Ada", 9);
    assert_eq!(problems(&office, Kind::Availability, std::slice::from_ref(&early)).1, 1);
    let fine = session(11, &early, "bo0@example.org");
    let lines = [fine.clone(), fine.clone(), with(&fine, json!({ "notes": "Other words" })), slot(2, "Ada", 12)];
    let file = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    // Without a kind each line's own fields tell what it is.
    let manner = Manner { format: Format::JsonLines, n_rows: MOST_ROWS };
    let rehearsed = office
        .db
        .rehearse_here(|tx| books::import(Place::Tried(tx), &Actor::default(), manner, None, file.as_bytes(), |_| ()));
    let report = rehearsed.expect("read");
    let outcomes: Vec<Outcome> = report.rows.iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes, [Outcome::New, Outcome::Unchanged, Outcome::Refused, Outcome::New]);
    assert_eq!(exported(&office.db, Kind::Sessions, Format::JsonLines), "");
}

#[test]
fn a_mentor_is_not_their_own_mentee_nor_in_two_places() {
    let office = Office::new(1);
    office
        .write(|tx| accounts::mentees::set(tx, &Actor::default(), office.mentors[0].1, &Mentee::default()))
        .expect("both");
    let (own, theirs) = (slot(1, "Ada", 9), slot(2, "Cy", 9));
    assert_eq!(problems(&office, Kind::Availability, &[own.clone(), theirs.clone()]).1, 2);
    let lines = [
        session(11, &own, "ada@example.org"),
        session(12, &own, "bo0@example.org"),
        session(13, &theirs, "ada@example.org"),
    ];
    let expected =
        named(&[(1, "Mentor and mentee are the same person."), (3, "The mentee has another session at that time.")]);
    assert_eq!(problems(&office, Kind::Sessions, &lines), (expected, 1));
}

#[test]
fn a_cap_or_a_pause_that_came_later_takes_no_session_away() {
    let office = Office::new(3);
    office.settle(0, mentors::Visibility::Public, 0);
    let (early, late) = (slot(1, "Ada", 9), slot(2, "Ada", 10));
    assert_eq!(problems(&office, Kind::Availability, &[early.clone(), late.clone()]).1, 2);
    let hours = json!({
        "mentorRecordId": "Ada", "sessionMinutes": 30, "bufferMinutes": 120, "minNoticeMinutes": 0, "windowDays": 1,
        "capacity": 1, "rules": [], "exceptions": []
    });
    assert_eq!(problems(&office, Kind::Hours, &[hours]).1, 1);
    let lines = [session(11, &early, "bo0@example.org"), session(12, &late, "bo1@example.org")];
    assert_eq!(problems(&office, Kind::Sessions, &lines), (Vec::new(), 2));
    let kept = exported(&office.db, Kind::Hours, Format::JsonLines);
    assert!(kept.contains("\"bufferMinutes\":120"), "{kept}");
    let ada = office.read(|tx| mentors::by_number(tx, office.mentors[0].0)).expect("there");
    assert_eq!(ada.profile.load_cap_per_week, 0);
}

#[test]
fn what_a_session_cannot_say_is_told_field_by_field() {
    let office = Office::new(1);
    let early = slot(1, "Ada", 9);
    assert_eq!(problems(&office, Kind::Availability, std::slice::from_ref(&early)).1, 1);
    let fine = session(11, &early, "bo0@example.org");
    let lines = [
        json!({ "startsAt": "soon", "menteeEmail": ["x"], "status": "lost", "seatNo": -1, "told": "x", "weekKey": "W1" }),
        with(&fine, json!({ "endsAt": fine["startsAt"] })),
        with(&fine, json!({ "meetingUrl": "javascript:alert(1)" })),
        with(&fine, json!({ "version": 0 })),
        with(&fine, json!({ "cancelledBy": "nature" })),
        with(&fine, json!({ "notes": "x".repeat(5_001) })),
        with(&fine, json!({ "location": "two\nlines" })),
        json!([]),
    ];
    let expected = named(&[
        (
            1,
            "endsAt must be a time such as 2030-03-04T09:00:00Z; id must be an id such as an export gives; \
             menteeEmail must be the mentee's address; mentorEmail must name the mentor, unless mentorRecordId does; \
             seatNo must be a whole number; startsAt must be a time such as 2030-03-04T09:00:00Z; \
             status must be pending, booked, completed, cancelled or no_show; \
             told must hold entries such as session_ended 1 2030-03-04T09:00:00Z; weekKey must be a week such as 2030-W10",
        ),
        (2, "endsAt must be after the start, by eight hours at most"),
        (3, "meetingUrl must be an https:// address"),
        (4, "version must be from 1 to 2147483647"),
        (5, "cancelledBy must be mentee, mentor, staff or expired"),
        (6, "notes must not be longer than 5000 characters"),
        (7, "location must be one line, or the word virtual"),
        (8, "must be a JSON object"),
    ]);
    assert_eq!(problems(&office, Kind::Sessions, &lines), (expected, 0));
}

#[test]
fn slots_that_overlap_or_are_taken_are_named() {
    let office = Office::new(1);
    let (fine, other) = (slot(1, "Ada", 9), slot(2, "Cy", 9));
    assert_eq!(problems(&office, Kind::Availability, &[fine.clone(), other]).1, 2);
    assert_eq!(problems(&office, Kind::Sessions, &[session(11, &fine, "bo0@example.org")]).1, 1);
    let lines = [
        with(&fine, json!({ "id": null })),
        with(&slot(3, "Ada", 9), json!({ "startsAt": "2030-03-05T09:29:59Z", "endsAt": "2030-03-05T10:00:00Z" })),
        with(&fine, json!({ "mentorRecordId": "Cy" })),
        with(&fine, json!({ "endsAt": "2030-03-05T10:00:00Z" })),
        with(&slot(4, "Ada", 12), json!({ "endsAt": "2030-03-05T21:00:00Z" })),
        with(&slot(5, "Ada", 12), json!({ "capacity": 501 })),
        with(&slot(6, "Ada", 12), json!({ "capacity": "many", "isFromHours": "perhaps" })),
        with(&fine, json!({ "capacity": 5 })),
    ];
    let expected = named(&[
        (2, "That time is offered already."),
        (3, "This id is that of another mentor's slot."),
        (4, "Somebody has a seat in this slot."),
        (5, "endsAt must be after the start, by eight hours at most"),
        (6, "capacity must be from 1 to 500"),
        (7, "capacity must be a whole number; isFromHours must be true or false"),
    ]);
    assert_eq!(problems(&office, Kind::Availability, &lines), (expected, 1), "more seats are no harm");
}

#[test]
fn hours_and_words_that_cannot_be_are_named() {
    let office = Office::new(1);
    let fine = json!({
        "mentorEmail": "ada@example.org", "sessionMinutes": 30, "bufferMinutes": 0, "minNoticeMinutes": 0,
        "windowDays": 7, "capacity": 1, "rules": ["mon 09:00-12:00"], "exceptions": ["2030-03-11 closed"]
    });
    let lines = [
        with(&fine, json!({ "rules": ["someday 09:00-12:00"] })),
        with(&fine, json!({ "rules": ["mon 12:00-09:00"] })),
        with(&fine, json!({ "exceptions": ["2030-02-30 closed"] })),
        with(&fine, json!({ "exceptions": ["2030-03-11 closed", "2030-03-11 09:00-10:00"] })),
        with(&fine, json!({ "windowDays": 181, "weekZone": "UTC" })),
        with(&fine, json!({ "weekZone": "Mars/Olympus", "sessionMinutes": null })),
        fine.clone(),
    ];
    let expected = named(&[
        (1, "rules must hold entries such as mon 09:00-12:00"),
        (2, "rules[0].end must be after the start, by 24:00 at the latest"),
        (3, "exceptions must hold entries such as 2030-03-05 closed or 2030-03-06 10:00-12:00"),
        (4, "exceptions[1].date is there twice"),
        (5, "windowDays must be from 1 to 180"),
        (6, "sessionMinutes must be a whole number; weekZone must be an IANA time zone such as Europe/Berlin"),
    ]);
    assert_eq!(problems(&office, Kind::Hours, &lines), (expected, 1));

    let early = slot(1, "Ada", 9);
    assert_eq!(problems(&office, Kind::Availability, std::slice::from_ref(&early)).1, 1);
    let held = with(&session(11, &early, "bo0@example.org"), json!({ "status": "completed" }));
    assert_eq!(problems(&office, Kind::Sessions, &[held]).1, 1);
    let said = json!({ "sessionId": format!("{ID}11"), "from": "mentee", "rating": 5, "comment": "Fine." });
    let lines = [
        said.clone(),
        with(&said, json!({ "rating": 6, "from": "mentor" })),
        with(&said, json!({ "comment": "Worse." })),
        with(&said, json!({ "sessionId": format!("{ID}99") })),
        with(&said, json!({ "from": "neighbour", "rating": "good" })),
        with(&said, json!({ "from": "mentor", "comment": "x".repeat(2_001) })),
        said.clone(),
    ];
    let expected = named(&[
        (2, "rating must be from 1 to 5"),
        (3, "This side has said something else of that session; words are never changed by a file."),
        (4, "No session here has this id."),
        (5, "from must be mentee or mentor; rating must be from 1 to 5"),
        (6, "comment must not be longer than 2000 characters"),
    ]);
    assert_eq!(problems(&office, Kind::Feedback, &lines), (expected, 1));
}

/// An office with an admin who is a mentor too, and a mentee who has left.
fn with_an_admin_and_somebody_gone() -> (Office, UserId) {
    let office = Office::new(2);
    let gone = office.mentees[1].0;
    office
        .write(|tx| {
            let account = NewUser {
                email: "root@example.org".to_owned(),
                name: "Root".to_owned(),
                role: Role::Mentor,
                timezone: "UTC".to_owned(),
                password_hash: None,
            };
            let root = accounts::create(tx, &account)?;
            mentors::settle_in(tx, &Actor::default(), &root)?;
            accounts::set_role(tx, &Actor::default(), &root, Role::Admin)?;
            let asker = profiles::Asker { user: UserId::random(), role: Role::Admin };
            profiles::erase(tx, &Actor::default(), &asker, gone, false)
        })
        .expect("made");
    (office, gone)
}

#[test]
fn no_file_makes_staff_or_brings_the_gone_back() {
    let (office, gone) = with_an_admin_and_somebody_gone();
    let (bo, address) = (office.mentees[0].1, format!("deleted-{gone}@deleted.invalid"));
    let line = |email: &str| json!({ "Email": email, "Name": "Bo 0", "Goals": "x" });
    let lines = [
        with(&line("bo0@example.org"), json!({ "Account Role": "admin" })),
        with(&line("root@example.org"), json!({ "Account Status": "suspended" })),
        with(&line("new@example.org"), json!({ "Tandem ID": bo.to_string() })),
        with(&line("new@example.org"), json!({ "Tandem ID": "7", "Account Created At": "yesterday" })),
        line(&address),
        with(&line("bo0@example.org"), json!({ "Account Status": "suspended", "Account Role": "mentor" })),
    ];
    let expected = named(&[
        (1, "Account Role must be mentee or mentor: staff is made in Tandem"),
        (2, "That e-mail address belongs to somebody else."),
        (3, "This mentee is here under another address; nothing was changed."),
        (
            4,
            "Account Created At must be a time such as 2030-03-04T09:00:00Z; Tandem ID must be an id such as an export gives",
        ),
        (5, "This mentee has deleted their account; nothing was changed."),
    ]);
    assert_eq!(problems(&office, Kind::Mentees, &lines), (expected, 1));
    let bo = office.read(|tx| accounts::user_by_email(tx, "bo0@example.org")).expect("there");
    assert_eq!((bo.role, bo.status), (Role::Mentee, accounts::Status::Suspended), "a role is only for who is new");
}

#[test]
fn no_file_takes_an_account_over() {
    let (office, _) = with_an_admin_and_somebody_gone();
    let root = office.read(|tx| {
        let user = accounts::user_by_email(tx, "root@example.org")?.expect("there");
        Ok(mentors::of_user(tx, user.id)?.expect("a mentor too").id.to_string())
    });
    let mentor = |fields: Value| json!({ "recordId": "Ada", "fields": fields });
    let lines = [
        mentor(json!({ "Expertise": ["a", "b"], "Expertise Subareas": ["x"] })),
        mentor(json!({ "Expertise": ["a"], "Expertise Weights": ["heavy"] })),
        mentor(json!({ "Expertise": ["a"], "Expertise Weights": [101] })),
        json!({ "fields": { "Email": "di@example.org", "Name": "Di" } }),
        json!({ "recordId": "rec9", "fields": { "Email": "root@example.org", "Name": "Di" } }),
        mentor(json!({ "Paused Until": "later" })),
        json!({ "fields": { "Tandem ID": root, "Email": "eve@example.org" } }),
        json!({ "fields": { "Tandem ID": root, "Account Status": "inactive" } }),
        json!({ "fields": { "Tandem ID": root, "Email": "root@example.org", "Account Status": "active" } }),
    ];
    let expected = named(&[
        (1, "Expertise Subareas must have one entry for each of Expertise, or none at all"),
        (2, "Expertise Weights must have weights from 0 to 100"),
        (3, "Expertise Weights must have weights from 0 to 100"),
        (4, "recordId must be a text that names the record"),
        (5, "That e-mail address belongs to somebody else."),
        (6, "Paused Until must be a time such as 2030-03-04T09:00:00Z"),
        (7, "That e-mail address belongs to somebody else."),
        (8, "That e-mail address belongs to somebody else."),
    ]);
    assert_eq!(problems(&office, Kind::Mentors, &lines), (expected, 0));
}

#[test]
fn a_session_that_was_changed_here_is_not_set_back_by_an_older_file() {
    let office = Office::new(1);
    let early = slot(1, "Ada", 9);
    problems(&office, Kind::Availability, std::slice::from_ref(&early));
    problems(&office, Kind::Sessions, &[session(11, &early, "bo0@example.org")]);
    let old = exported(&office.db, Kind::Sessions, Format::Csv);
    let id = format!("{ID}11").parse().expect("an id");
    let staff = Asker { user: UserId::random(), is_staff: true, actor: Actor::default() };
    office.write(|tx| booking::cancel(tx, &office.rules, &staff, id, "Ill")).expect("cancelled");
    let report = taken(&office.db, Kind::Sessions, Format::Csv, &old);
    assert_eq!((report.refused, report.errors[0].line), (1, 2));
    let now = exported(&office.db, Kind::Sessions, Format::JsonLines);
    assert!(now.contains("\"status\":\"cancelled\""), "{now}");
}

#[test]
fn the_command_writes_reads_and_replaces_nothing_unasked() {
    let home = tempfile::tempdir().expect("a directory");
    let path = |name: &str| home.path().join(name).display().to_string();
    let run = |data: &str, arguments: &[&str]| {
        let data = path(data);
        tandem(&[&["--data-dir", data.as_str()], arguments].concat(), "")
    };
    let people: String = include_str!("../../assets/demo/mentors.jsonl").split_inclusive('\n').take(3).collect();
    std::fs::write(home.path().join("people.jsonl"), people).expect("written");
    assert_eq!(run("one", &["import", &path("people.jsonl"), "--no-embed"]).code, 0);

    let out = path("out");
    let written = run("one", &["export", &out, "--json"]);
    let kinds: Vec<Value> = written.json().as_array().expect("a list").iter().map(|it| it["kind"].clone()).collect();
    assert_eq!(kinds, ["mentors", "mentees", "hours", "availability", "sessions", "feedback"]);
    let again = run("one", &["export", &out]);
    assert!(again.code == 1 && again.err.contains("--force"), "{}", again.err);
    assert_eq!(run("one", &["export", &out, "--force"]).code, 0);
    let left: Vec<_> = std::fs::read_dir(&out).expect("there").collect();
    assert_eq!(left.len(), 6, "nothing half written is left: {left:?}");

    let which = run("one", &["export"]);
    assert!(which.code == 1 && which.err.contains("--kind"), "{}", which.err);
    let printed = run("one", &["export", "--kind", "mentors"]).out;
    assert_eq!(printed, std::fs::read_to_string(home.path().join("out/mentors.jsonl")).expect("there"));

    let dry = run("two", &["import", &out, "--dry-run", "--rows"]);
    assert!(
        dry.code == 0 && dry.out.contains("mentors.jsonl: 3 lines read: would be 3 changed (3 new)"),
        "{}",
        dry.out
    );
    assert_eq!(run("two", &["export", "--kind", "mentors"]).out, "", "a dry run keeps nothing");
    assert_eq!(run("two", &["import", &out, "--no-embed"]).code, 0);
    assert_eq!(run("two", &["export", "--kind", "mentors"]).out, printed);
    assert_eq!(run("two", &["export", &out, "--format", "csv"]).code, 0);
    let twice = run("two", &["import", &out]);
    assert!(twice.code == 1 && twice.err.contains("leave one of them there"), "{}", twice.err);
    let none = run("two", &["import", &path("two")]);
    assert!(none.code == 1 && none.err.contains("none of the files"), "{}", none.err);
}
