use super::*;
use crate::clock::Clock;
use crate::db::Db;
use crate::jobs;

fn house() -> (tempfile::TempDir, Db) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
    let db = Db::open(directory.path(), clock, 1).expect("a new database");
    (directory, db)
}

fn ada() -> Edit {
    Edit {
        email: Some("ada@example.org".to_owned()),
        name: Some("Ada".to_owned()),
        headline: Patch::Set("Prices that stick".to_owned()),
        industries: Patch::Set(vec!["Fintech".to_owned(), "Games".to_owned()]),
        expertise: Patch::Set(vec![Expertise::plain("pricing"), Expertise::plain("sales")]),
        ..Edit::default()
    }
}

fn put_here(db: &Db, record: &str, edit: Edit) -> Result<Put> {
    db.write_here(|tx| put(tx, &Actor::nobody("import"), record, edit))
}

fn read(db: &Db, id: MentorId) -> Mentor {
    db.read_here(|tx| mentor(tx, id)).expect("read").expect("there")
}

fn n_traces(db: &Db) -> (u64, u64) {
    db.read_here(|tx| Ok((tx.last_change()?, jobs::depth(tx)?.ready))).expect("counted")
}

#[test]
fn a_record_becomes_a_mentor_and_saying_it_again_leaves_no_trace() {
    let (_keep, db) = house();
    let first = put_here(&db, "rec1", ada()).expect("created");
    assert!(first.has_changed);
    assert_eq!(n_traces(&db), (1, 1));
    let again = put_here(&db, "rec1", ada()).expect("the same");
    assert_eq!(again, Put { has_changed: false, ..first });
    assert_eq!(n_traces(&db), (1, 1));
    let stored = read(&db, first.mentor);
    assert_eq!(stored.profile.industries, ["Fintech", "Games"]);
    assert_eq!(stored.profile.expertise[1], Expertise::plain("sales"));
    assert!(stored.is_visible());
}

#[test]
fn a_missing_field_stays_and_a_cleared_one_goes() {
    let (_keep, db) = house();
    let id = put_here(&db, "rec1", ada()).expect("created").mentor;
    let edit = Edit { headline: Patch::Clear, bio: Patch::Set("Raised twice.".to_owned()), ..Edit::default() };
    assert!(put_here(&db, "rec1", edit).expect("changed").has_changed);
    let stored = read(&db, id);
    assert_eq!((stored.profile.headline.as_str(), stored.profile.bio.as_str()), ("", "Raised twice."));
    assert_eq!(stored.profile.expertise.len(), 2);
}

#[test]
fn a_record_that_changes_its_address_moves_the_account_unless_it_is_taken() {
    let (_keep, db) = house();
    let id = put_here(&db, "rec1", ada()).expect("created").mentor;
    put_here(
        &db,
        "rec2",
        Edit { email: Some("bo@example.org".to_owned()), name: Some("Bo".to_owned()), ..Edit::default() },
    )
    .expect("created");
    let moved = Edit { email: Some("ada@new.example.org".to_owned()), ..Edit::default() };
    put_here(&db, "rec1", moved).expect("moved");
    assert_eq!(read(&db, id).email, "ada@new.example.org");
    let taken = Edit { email: Some("BO@example.org".to_owned()), ..Edit::default() };
    assert_eq!(put_here(&db, "rec1", taken).expect_err("taken").code, "email_taken");
    assert_eq!(read(&db, id).email, "ada@new.example.org");
}

#[test]
fn an_address_of_staff_or_of_another_record_is_refused() {
    let (_keep, db) = house();
    let staff = NewUser {
        email: "pm@example.org".to_owned(),
        name: "Pm".to_owned(),
        role: Role::Pm,
        timezone: "UTC".to_owned(),
        password_hash: None,
    };
    db.write_here(|tx| accounts::create(tx, &staff)).expect("created");
    put_here(&db, "rec1", ada()).expect("created");
    for (record, email) in [("rec2", "pm@example.org"), ("rec3", "ada@example.org")] {
        let edit = Edit { email: Some(email.to_owned()), name: Some("Eve".to_owned()), ..Edit::default() };
        assert_eq!(put_here(&db, record, edit).expect_err("taken").code, "email_taken");
    }
}

#[test]
fn a_new_mentor_needs_an_address_and_a_name() {
    let (_keep, db) = house();
    let refusal = put_here(&db, "rec1", Edit { email: None, ..ada() }).expect_err("no address");
    assert!(refusal.fields.contains_key("Email"));
    let refusal = put_here(&db, "rec1", Edit { name: None, ..ada() }).expect_err("no name");
    assert!(refusal.fields.contains_key("Name"));
}

#[test]
fn fields_are_checked() {
    assert_eq!(
        checked_list("x", ["a ".to_owned(), String::new(), "A".to_owned(), "b  c".to_owned()]).expect("fine"),
        ["a", "b c"]
    );
    assert!(checked_list("x", (0..51).map(|n| n.to_string())).is_err());
    assert!(checked_text("x", "a\0b", 10).is_err() && checked_text("x", "abc", 2).is_err());
    assert_eq!(checked_text("x", " a\r\nb ", 10).expect("fine"), "a\nb");
    assert!(checked_url("x", "https://example.org/a?b").is_ok());
    for bad in ["http://example.org", "javascript:alert(1)", "https://", "https://a@b.org", "https://a b"] {
        assert!(checked_url("x", bad).is_err(), "{bad}");
    }
}

#[test]
fn every_change_leaves_an_entry_that_names_texts_and_says_states() {
    let (_keep, db) = house();
    put_here(&db, "rec1", ada()).expect("created");
    let edit = Edit {
        name: Some("Ada Lovelace".to_owned()),
        bio: Patch::Set("Secret plans".to_owned()),
        visibility: Patch::Set(Visibility::Private),
        ..Edit::default()
    };
    put_here(&db, "rec1", edit.clone()).expect("changed");
    put_here(&db, "rec1", edit).expect("the same");
    let events = db.read_here(|tx| crate::audit::entries(tx, &crate::audit::Filter::default(), 10)).expect("read");
    assert_eq!(events.iter().map(|it| it.kind.as_str()).collect::<Vec<_>>(), ["mentor.changed", "mentor.created"]);
    let changed = serde_json::json!({
        "before": { "visibility": "public" }, "after": { "visibility": "private", "fields": ["name", "bio"] }
    });
    assert_eq!(events[0].change, changed);
    assert_eq!(events[1].change["after"]["record"], "rec1");
    assert_eq!(events[0].address, "import");
}
