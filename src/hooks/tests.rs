use chrono::TimeDelta;

use super::*;
use crate::audit::Event;
use crate::clock::Clock;
use crate::db::Db;

struct Program {
    _directory: tempfile::TempDir,
    db: Db,
}

fn by() -> Actor {
    Actor::nobody("test")
}

fn post() -> Post {
    Post::new(false)
}

#[expect(clippy::unnecessary_wraps, reason = "this is the shape that a round asks for")]
fn thing(_: &Tx<'_>, event: &Event) -> Result<Value> {
    Ok(json!({ "id": event.entity_id }))
}

impl Program {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
        let db = Db::open(directory.path(), clock, 1).expect("a new database");
        Self { _directory: directory, db }
    }

    fn write<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> T {
        self.db.write_here(work).expect("done")
    }

    fn add(&self, url: &str, events: &[&str]) -> (HookId, String) {
        let events: Vec<String> = events.iter().map(|it| (*it).to_owned()).collect();
        let (hook, secret) = self.write(|tx| add(tx, &post(), &by(), url, &events));
        (hook.id, secret)
    }

    fn happens(&self, kind: &'static str, id: &str) {
        let entry = Entry { kind, about: ("session", id), before: ().into(), after: ().into() };
        self.write(|tx| audit::note(tx, &by(), &entry));
    }

    fn round(&self) -> Round {
        self.write(|tx| follow(tx, &thing))
    }

    fn letters(&self, hook: HookId) -> Vec<Letter> {
        self.write(|tx| letters(tx, hook, None, 100))
    }

    fn kinds(&self, hook: HookId) -> Vec<String> {
        self.letters(hook).into_iter().rev().map(|it| it.kind).collect()
    }
}

#[test]
fn each_hook_hears_once_of_what_it_wants_and_of_nothing_before_its_time() {
    let program = Program::new();
    program.happens("session.booked", "s0");
    let (all, _) = program.add("https://a.example/", &[]);
    program.happens("session.booked", "s1");
    let (some, _) = program.add("https://b.example/", &["session.cancelled"]);
    program.happens("session.cancelled", "s1");
    program.happens("letter.retried", "7");
    assert!(program.db.read_here(is_behind).expect("read"));
    assert_eq!(program.round().n_letters, 3);
    assert_eq!(program.kinds(all), ["session.booked", "session.cancelled"]);
    assert_eq!(program.kinds(some), ["session.cancelled"]);
    assert!(!program.db.read_here(is_behind).expect("read"));
    assert_eq!(program.round(), Round::default(), "once is enough");
    // As if the process had died before the place was written down: the letters are there already.
    program.write(|tx| rounds::start_after(tx, 0));
    assert_eq!(program.round().n_letters, 0);
    assert_eq!(program.letters(all).len() + program.letters(some).len(), 3);
}

#[test]
fn a_round_that_fails_has_written_nothing_and_is_run_again() {
    let program = Program::new();
    let (hook, _) = program.add("https://a.example/", &[]);
    program.happens("session.booked", "s1");
    program.happens("session.booked", "s2");
    let fails = |tx: &Tx<'_>, event: &Event| {
        if event.entity_id == "s2" { Err(Error::conflict("no", "No.")) } else { thing(tx, event) }
    };
    assert_eq!(program.db.write_here(|tx| follow(tx, &fails)).expect_err("fails").code, "no");
    assert!(program.letters(hook).is_empty());
    assert_eq!(program.round().n_letters, 2);
}

#[test]
fn a_long_log_is_read_in_pieces() {
    let program = Program::new();
    let (hook, _) = program.add("https://a.example/", &["session.booked"]);
    program.write(|tx| {
        for number in 0..450 {
            let id = number.to_string();
            let entry = Entry { kind: "session.booked", about: ("session", &id), before: ().into(), after: ().into() };
            audit::note(tx, &by(), &entry)?;
        }
        Ok(())
    });
    let mut n_rounds = 1;
    while program.round().has_more {
        n_rounds += 1;
    }
    assert_eq!((n_rounds, program.write(|tx| letters(tx, hook, None, 1_000)).len()), (3, 450));
}

#[test]
fn what_happens_while_a_hook_is_off_it_never_hears_of() {
    let program = Program::new();
    let (hook, _) = program.add("https://a.example/", &[]);
    let switch = |is_active| {
        let to = Change { is_active: Some(is_active), ..Change::default() };
        program.write(|tx| change(tx, &post(), &by(), hook, &to)).0
    };
    program.happens("session.booked", "before");
    program.round();
    assert_eq!(switch(false).off_reason.as_deref(), Some("admin"));
    program.happens("session.cancelled", "meanwhile");
    assert!(switch(true).is_active);
    program.happens("session.completed", "after");
    program.round();
    assert_eq!(program.kinds(hook), ["session.booked", "session.completed"]);
}

#[test]
fn changes_are_checked_and_written_down_without_what_an_address_may_hide() {
    let program = Program::new();
    let (hook, secret) = program.add("https://a.example/path-secret", &["session.booked", "mentor.created"]);
    let of_hook = || program.write(|tx| super::hook(tx, hook));
    assert_eq!(of_hook().events, ["mentor.created", "session.booked"], "in their own order");
    let try_to = |to: Change| program.db.write_here(|tx| change(tx, &post(), &by(), hook, &to));
    let url = |url: &str| Change { url: Some(url.to_owned()), ..Change::default() };
    assert!(try_to(url("https://10.0.0.1/")).expect_err("inside").fields.contains_key("url"));
    let events = Change { events: Some(vec!["session.eaten".to_owned()]), ..Change::default() };
    assert!(try_to(events).expect_err("no event").fields["events"].contains("session.eaten"));
    program.add("https://b.example/", &[]);
    assert_eq!(try_to(url("https://b.example/")).expect_err("taken").code, "hook_exists");
    let again = program.db.write_here(|tx| add(tx, &post(), &by(), "https://b.example/", &[]));
    assert_eq!(again.expect_err("there already").code, "hook_exists");
    let (_, renewed) = try_to(Change { renew_secret: true, ..url("https://c.example/other-secret") }).expect("right");
    let renewed = renewed.expect("a new one");
    assert_ne!(renewed, secret);
    assert_eq!(try_to(Change::default()).expect("nothing").1, None);
    program.write(|tx| remove(tx, &by(), hook));
    assert_eq!(program.db.read_here(|tx| super::hook(tx, hook)).expect_err("gone").code, "hook_unknown");
    let entries = program.write(|tx| audit::entries_after(tx, 0, 100));
    let kinds: Vec<_> = entries.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(kinds, ["hook.created", "hook.created", "hook.changed", "hook.removed"]);
    let all = serde_json::to_string(&entries).expect("JSON");
    assert!(all.contains("https://a.example") && all.contains("https://c.example"), "{all}");
    for hidden in ["path-secret", "other-secret", &*secret, &*renewed] {
        assert!(!all.contains(hidden), "{all}");
    }
}

#[test]
fn letters_about_somebody_who_is_gone_say_what_there_is_now() {
    let program = Program::new();
    let (hook, _) = program.add("https://a.example/", &["session.booked", "user.deleted"]);
    program.happens("session.booked", "s1");
    program.write(|tx| follow(tx, &|_, _| Ok(json!({ "userId": "u1", "name": "Bo" }))));
    program.happens("user.erased", "u1");
    program.write(|tx| follow(tx, &|_, event| Ok(json!({ "id": event.entity_id, "name": "Former member" }))));
    let payloads: Vec<String> = program.write(|tx| {
        let mut statement = tx.prepare("select payload from hook_letters order by id")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    });
    assert_eq!(program.kinds(hook), ["session.booked", "user.deleted"], "nothing is lost");
    assert!(payloads[0].contains("Former member") && !payloads[0].contains("\"Bo\""), "{payloads:?}");
    assert!(payloads[0].contains("session.booked"), "{payloads:?}");
}

#[tokio::test]
async fn a_letter_that_is_never_taken_dies_after_a_day_and_its_hook_is_switched_off_after_days() {
    let program = Program::new();
    // Nothing can be reached there: the guard says so at each try.
    let (hook, _) = program.add("https://a.example/", &[]);
    program.write(|tx| store::set_url(tx, hook, "https://127.0.0.1/"));
    let clock = program.db.clock().clone();
    let mut n_tries = Vec::new();
    for _ in 0..5 {
        program.happens("session.booked", "s1");
        program.round();
        let mut n = 0;
        for _ in 0..200 {
            n += usize::from(post_next(&program.db, &post(), hook).await.expect("tried"));
            clock.advance(TimeDelta::minutes(10));
        }
        n_tries.push(n);
    }
    assert_eq!(n_tries, [9, 9, 9, 0, 0], "{n_tries:?}");
    let now = program.write(|tx| super::hook(tx, hook));
    assert_eq!((now.is_active, now.off_reason.as_deref(), now.n_dead), (false, Some("failing"), 3));
    assert!(now.last_error.expect("a reason").contains("own network"));
    let entries = program.write(|tx| audit::entries_after(tx, 0, 100));
    assert_eq!(entries.iter().filter(|it| it.kind == "hook.switched_off").count(), 1);
    let dead = program.letters(hook).into_iter().find(|it| it.state == State::Dead).expect("a dead one");
    assert_eq!((dead.attempts, program.write(|tx| retry(tx, &by(), dead.id))), (9, hook));
    assert_eq!(program.db.write_here(|tx| retry(tx, &by(), dead.id)).expect_err("it waits").code, "not_dead");
    assert_eq!(program.db.write_here(|tx| retry(tx, &by(), 999)).expect_err("none").code, "letter_unknown");
    assert!(program.db.read_here(due).expect("read").is_empty(), "nothing goes out while it is off");
}

#[tokio::test]
async fn a_test_is_tried_once_even_where_the_hook_is_off() {
    let program = Program::new();
    let (hook, _) = program.add("https://a.example/", &["session.booked"]);
    let off = Change { is_active: Some(false), ..Change::default() };
    program.write(|tx| change(tx, &post(), &by(), hook, &off));
    program.write(|tx| store::set_url(tx, hook, "https://127.0.0.1/"));
    let letter = program.write(|tx| test(tx, &by(), hook));
    assert_eq!((letter.kind.as_str(), letter.state), (PING, State::Queued));
    assert_eq!(program.db.read_here(due).expect("read"), [hook]);
    assert!(post_next(&program.db, &post(), hook).await.expect("tried"));
    assert_eq!(program.letters(hook)[0].state, State::Dead);
    let now = program.write(|tx| super::hook(tx, hook));
    assert_eq!((now.failing_since, now.n_dead), (None, 0), "a test is no more than shown");
}

#[test]
fn old_letters_are_struck_off() {
    let program = Program::new();
    let (hook, _) = program.add("https://a.example/", &[]);
    program.happens("session.booked", "s1");
    program.happens("session.booked", "s2");
    program.round();
    let first = program.letters(hook).pop().expect("a letter").id;
    program.write(|tx| Ok(tx.execute("update hook_letters set state = 'sent' where id = ?1", [first])?));
    let after = |days: i64| {
        program.db.clock().advance(TimeDelta::days(days));
        program.write(sweep);
        program.letters(hook).len()
    };
    assert_eq!((after(29), after(2), after(61)), (2, 1, 0));
}

#[test]
fn there_are_only_so_many_hooks() {
    let program = Program::new();
    for number in 0..MOST_HOOKS {
        program.add(&format!("https://a.example/{number}"), &[]);
    }
    let one_more = program.db.write_here(|tx| add(tx, &post(), &by(), "https://b.example/", &[]));
    assert_eq!(one_more.expect_err("too many").code, "too_many_hooks");
}
