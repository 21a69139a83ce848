use super::*;
use crate::audit::Actor;
use crate::clock::Clock;
use crate::db::Db;
use crate::mentors::{Edit, Mentor};

fn house() -> (tempfile::TempDir, Db, Mentor) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
    let db = Db::open(directory.path(), clock, 1).expect("a new database");
    let edit = Edit { email: Some("ada@example.org".to_owned()), name: Some("Ada".to_owned()), ..Edit::default() };
    let mentor = db
        .write_here(|tx| {
            let put = mentors::put(tx, &Actor::nobody("test"), "rec1", edit)?;
            mentors::mentor(tx, put.mentor)
        })
        .expect("created")
        .expect("there");
    (directory, db, mentor)
}

fn slot(db: &Db, mentor: &Mentor, hour: i64) -> SlotId {
    let starts_at = db.clock().now().plus_seconds(hour * 3_600);
    db.write_here(|tx| open_slot(tx, mentor.number, starts_at, starts_at.plus_seconds(1_800))).expect("opened")
}

/// Puts a session of a new mentee into a slot; returns the mentee's account.
fn session(db: &Db, mentor: &Mentor, slot: SlotId, status: &str) -> UserId {
    let (user, mentee) = (UserId::random(), crate::ids::MenteeId::random());
    let number = mentor.number.0;
    db.write_here(|tx| {
        Ok(tx.execute_batch(&format!(
            "insert into users (id, email, email_key, name, created_at, updated_at)
             values ('{user}', '{user}@x.org', '{user}@x.org', 'Bo', 0, 0);
             insert into mentees (id, user_id, created_at, updated_at) values ('{mentee}', '{user}', 0, 0);
             insert into office_sessions
                 (id, mentor_number, mentee_id, slot_id, starts_at, ends_at, status, notes, created_at, updated_at)
             values ('{mentee}', {number}, '{mentee}', '{slot}', 1, 2, '{status}', 'About prices', 0, 0);
             insert into feedback (id, session_id, from_party, rating, comment, is_shared, created_at, updated_at)
             values ('m{mentee}', '{mentee}', 'mentee', 5, 'Shared words', 1, 0, 0),
                    ('n{mentee}', '{mentee}', 'mentor', 2, 'Words kept back', 0, 0, 0);"
        ))?)
    })
    .expect("written");
    user
}

#[test]
fn a_session_that_never_stood_is_none_between_two_people() {
    let (_keep, db, mentor) = house();
    for (hour, (status, is_one)) in (3_i64..).zip([
        ("booked", true),
        ("completed", true),
        ("no_show", true),
        ("pending", false),
        ("cancelled", false),
    ]) {
        let slot = slot(&db, &mentor, hour);
        let mentee = session(&db, &mentor, slot, status);
        let found = db.read_here(|tx| have_session(tx, mentor.user, mentee)).expect("read");
        assert_eq!(found, is_one, "{status}");
        assert!(!db.read_here(|tx| have_session(tx, mentee, mentor.user)).expect("read"), "not the other way round");
    }
}

#[test]
fn what_nobody_took_is_withdrawn_and_what_somebody_took_stays() {
    let (_keep, db, mentor) = house();
    let (taken, freed, _) = (slot(&db, &mentor, 3), slot(&db, &mentor, 4), slot(&db, &mentor, 5));
    session(&db, &mentor, taken, "booked");
    session(&db, &mentor, freed, "cancelled");
    db.write_here(|tx| withdraw_offers(tx, mentor.user)).expect("withdrawn");
    let left = db
        .read_here(|tx| {
            Ok(tx.query_row("select group_concat(id) from availability", [], |row| row.get::<_, String>(0))?)
        })
        .expect("read");
    assert_eq!(left, taken.to_string());
    let n_sessions = db
        .read_here(|tx| Ok(tx.query_row("select count(*) from office_sessions", [], |row| row.get::<_, i64>(0))?))
        .expect("read");
    assert_eq!(n_sessions, 2, "sessions stay");
}

#[test]
fn each_takes_along_what_is_theirs_and_no_words_that_were_kept_back() {
    let (_keep, db, mentor) = house();
    let slot = slot(&db, &mentor, 3);
    let mentee = session(&db, &mentor, slot, "completed");
    let of = |user| db.read_here(|tx| holdings(tx, user)).expect("read");
    let (mentors, mentees) = (of(mentor.user), of(mentee));
    assert_eq!(mentors["sessions"][0]["as"], "mentor");
    assert_eq!(mentors["sessions"][0]["with"], "Bo");
    assert_eq!(mentors["availability"].as_array().map(Vec::len), Some(1));
    assert_eq!(mentors["feedbackGiven"][0]["comment"], "Words kept back");
    assert_eq!(mentors["feedbackReceived"][0]["comment"], "Shared words");
    assert_eq!(mentees["sessions"][0]["with"], "Ada");
    assert_eq!(mentees["feedbackGiven"][0]["comment"], "Shared words");
    assert_eq!(mentees["feedbackReceived"], serde_json::json!([]));
    assert_eq!(mentees["availability"], serde_json::json!([]));
}
