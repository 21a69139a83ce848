use super::*;
use crate::clock::{Clock, Moment};
use crate::db::Db;
use crate::mentors::{self, put};

fn house() -> (Db, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
    let db = Db::open(directory.path(), clock, 1).expect("a new database");
    (db, directory)
}

fn tag(area: &str, subarea: Option<&str>, weight: f64) -> Expertise {
    Expertise { area: area.to_owned(), subarea: subarea.map(str::to_owned), weight }
}

fn with(db: &Db, name: &str, expertise: Vec<Expertise>, stages: &[&str]) {
    let edit = Edit {
        email: Some(format!("{name}@example.org")),
        name: Some(name.to_owned()),
        expertise: Patch::Set(expertise),
        stages: Patch::Set(stages.iter().map(|it| (*it).to_owned()).collect()),
        ..Edit::default()
    };
    db.write_here(|tx| put(tx, &Actor::nobody("test"), name, edit)).expect("written");
}

fn lists(db: &Db) -> Vec<(String, Vec<Expertise>)> {
    let mut all = Vec::new();
    db.read_here(|tx| {
        mentors::for_each(tx, |mentor| {
            all.push((mentor.name, mentor.profile.expertise));
            Ok(())
        })
    })
    .expect("read");
    all
}

fn three_writings() -> (Db, tempfile::TempDir) {
    let (db, directory) = house();
    with(&db, "ada", vec![tag("pricing", None, 1.0), tag("fund raising", Some("seed"), 2.5)], &["Seed"]);
    with(&db, "bo", vec![tag("fund raising", None, 3.0), tag("fundraising", None, 1.0)], &["Seed", "seed stage"]);
    with(&db, "cy", vec![tag("Fundraising", None, 1.0)], &["Growth"]);
    (db, directory)
}

fn nobody() -> Actor {
    Actor::nobody("test")
}

#[test]
fn a_merge_reaches_every_mentor_and_leaves_no_doubles() {
    let (db, _directory) = three_writings();
    let preview =
        db.read_here(|tx| preview(tx, Kind::Expertise, "fund raising", Some(" fundraising "))).expect("a preview");
    let expected = Preview {
        into: Some("fundraising".to_owned()),
        n_changed: 2,
        n_both: 1,
        n_into: 1,
        names: vec!["ada".to_owned(), "bo".to_owned()],
    };
    assert_eq!(preview, expected);
    let done =
        db.write_here(|tx| merge(tx, &nobody(), Kind::Expertise, "fund raising", "fundraising")).expect("merged");
    assert_eq!(done.n_changed, 2);
    let lists = lists(&db);
    assert_eq!(lists[0].1, [tag("pricing", None, 1.0), tag("fundraising", Some("seed"), 2.5)]);
    assert_eq!(lists[1].1, [tag("fundraising", None, 1.0)]);
    assert_eq!(lists[2].1, [tag("Fundraising", None, 1.0)], "another writing is another tag");
    let traces = |tx: &Tx<'_>| {
        let count = |sql: &str| tx.query_row(sql, [], |row| row.get::<_, i64>(0));
        Ok((
            count("select count(*) from events where type = 'mentor.changed'")?,
            count("select count(*) from events where type = 'tag.merged'")?,
            count("select count(*) from changes where kind = 'profile'")?,
        ))
    };
    assert_eq!(db.read_here(traces).expect("counted"), (2, 1, 5));
}

#[test]
fn a_change_is_undone_as_it_was_once_and_only_the_last_one() {
    let (db, _directory) = three_writings();
    let before = lists(&db);
    for into in [Some("fundraising"), Some("capital"), None] {
        let done = db.write_here(|tx| change(tx, &nobody(), Kind::Expertise, "fund raising", into)).expect("changed");
        assert_ne!(lists(&db), before);
        assert_eq!(db.write_here(|tx| undo(tx, &nobody(), done.undo)).expect("undone"), 2, "{into:?}");
        assert_eq!(lists(&db), before, "{into:?}");
        let again = db.write_here(|tx| undo(tx, &nobody(), done.undo)).expect_err("once");
        assert_eq!(again.code, "cannot_undo");
    }
    let first = db.write_here(|tx| change(tx, &nobody(), Kind::Stages, "Growth", None)).expect("changed");
    db.write_here(|tx| change(tx, &nobody(), Kind::Stages, "seed stage", Some("Seed"))).expect("changed");
    assert_eq!(db.write_here(|tx| undo(tx, &nobody(), first.undo)).expect_err("too late").code, "cannot_undo");
}

#[test]
fn undoing_leaves_alone_what_was_changed_since() {
    let (db, _directory) = three_writings();
    let done =
        db.write_here(|tx| change(tx, &nobody(), Kind::Expertise, "fund raising", Some("capital"))).expect("changed");
    with(&db, "ada", vec![tag("export", None, 1.0)], &[]);
    assert_eq!(db.write_here(|tx| undo(tx, &nobody(), done.undo)).expect("undone"), 1);
    assert_eq!(lists(&db)[0].1, [tag("export", None, 1.0)]);
}

#[test]
fn who_is_erased_is_forgotten_here_too() {
    let (db, _directory) = three_writings();
    let done = db.write_here(|tx| change(tx, &nobody(), Kind::Expertise, "fund raising", None)).expect("changed");
    let user = |tx: &Tx<'_>| Ok(crate::accounts::user_by_email(tx, "ada@example.org")?.expect("there").id);
    let user = db.read_here(user).expect("read");
    db.write_here(|tx| mentors::erase(tx, &nobody(), user)).expect("erased");
    let kept = db.read_here(|tx| tx.setting(LAST)).expect("read").expect("there");
    assert!(!kept.contains("seed"), "{kept}");
    assert_eq!(db.write_here(|tx| undo(tx, &nobody(), done.undo)).expect("undone"), 1);
    assert_eq!(lists(&db)[0].1, []);
}

#[test]
fn a_tag_nobody_has_and_a_name_that_cannot_be_are_refused() {
    let (db, _directory) = three_writings();
    let long = "x".repeat(101);
    for (from, into, code) in [
        ("nowhere", Some("fundraising"), "tag_unknown"),
        ("Fund Raising", Some("fundraising"), "tag_unknown"),
        ("pricing", Some(" \t"), "invalid"),
        ("pricing", Some("pricing"), "invalid"),
        ("pricing", Some(" pricing "), "invalid"),
        ("pricing", Some(long.as_str()), "invalid"),
        ("pricing", Some("a\u{7}b"), "invalid"),
    ] {
        let refusal = db.write_here(|tx| change(tx, &nobody(), Kind::Expertise, from, into)).expect_err("refused");
        assert_eq!(refusal.code, code, "{from} {into:?}");
    }
    let refusal = db.write_here(|tx| merge(tx, &nobody(), Kind::Expertise, "pricing", "nowhere")).expect_err("refused");
    assert_eq!(refusal.code, "tag_unknown");
}

#[test]
fn tags_are_counted_by_mentors_and_the_most_common_come_first() {
    let (db, _directory) = three_writings();
    let stages = db.read_here(|tx| tags(tx, Kind::Stages)).expect("read");
    let stages: Vec<(&str, u32)> = stages.iter().map(|it| (it.name.as_str(), it.n_mentors)).collect();
    assert_eq!(stages, [("Seed", 2), ("Growth", 1), ("seed stage", 1)]);
    let all = db.read_here(|tx| tags(tx, Kind::Expertise)).expect("read");
    assert_eq!(suggestions(&all).len(), 2, "three writings of one: {all:?}");
}
