//! Booking through the program itself: two of it on one file, and one that is killed in the middle.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Barrier, mpsc};

use serde_json::json;
use tandem::accounts::tokens::{self, Scope};
use tandem::audit::Actor;
use tandem::booking::slots;
use tandem::clock::Clock;
use tandem::config::Config;
use tandem::db::Db;
use tandem::ids::{MentorNo, SlotId, UserId};
use tandem::mail::Post;

use crate::binary::Server;
use crate::office::{Office, asker, half_hour, quick_directory, rounds};
use crate::running::{Answer, send};
use crate::test_app::TestApp;

/// Mentees who book, and how many of them do so at the same time.
const MENTEES: usize = 24;
const CLIENTS: usize = 6;

/// Slots of a round, each with a seat for everybody.
const SLOTS: i64 = 4;

/// Opens this round's slots, in a week of their own so that no cap is in the way.
fn open_slots(db: &Db, (mentor, user): (MentorNo, UserId), round: u32) -> Vec<SlotId> {
    let first = db.clock().now().plus_days(2 + i64::from(round) * 7);
    let seats = u32::try_from(MENTEES).expect("few");
    let new: Vec<_> = (0..SLOTS).map(|place| half_hour(first.plus_seconds(place * 1_800), seats)).collect();
    let opened = db.write_here(|tx| slots::open(tx, &asker(user), mentor, &new)).expect("opened");
    opened.into_iter().map(|slot| slot.id).collect()
}

/// Asks for a seat; `None` where the whole answer did not come.
fn ask(address: &str, token: &str, slot: SlotId) -> Option<Answer> {
    let body = json!({ "slotId": slot.to_string(), "notes": "About prices" }).to_string();
    send(address, "POST", "/api/sessions", &[("Authorization", &format!("Bearer {token}"))], &body)
}

/// Asks for a seat that is free; the id of the session where the whole acknowledgement came.
fn book(address: &str, token: &str, slot: SlotId) -> Option<String> {
    let answer = ask(address, token, slot)?;
    assert_eq!(answer.status, 201, "{}", answer.body);
    Some(answer.json()["id"].as_str()?.to_owned())
}

/// A token for each mentee.
fn tokens_of(office: &Office) -> Vec<String> {
    let token = |(user, _): &(UserId, _)| {
        let actor = Actor::nobody("test");
        let made = office.write(|tx| tokens::create(tx, &actor, *user, "load", &[Scope::SessionsWrite], None));
        made.expect("a token").1
    };
    office.mentees.iter().map(token).collect()
}

/// How many of a crowd got a seat, each asking the next of the servers; all others must hear that it is taken.
fn rush(servers: &[Server], people: &[String], slot: SlotId) -> usize {
    let start = Barrier::new(people.len());
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let crowd: Vec<_> = people
            .iter()
            .zip(servers.iter().cycle())
            .map(|(token, server)| {
                let (start, address) = (&start, &server.address);
                scope.spawn(move || {
                    start.wait();
                    ask(address, token, slot).expect("answered")
                })
            })
            .collect();
        crowd.into_iter().map(|one| one.join().expect("it ends")).collect()
    });
    let (won, lost): (Vec<Answer>, Vec<Answer>) = answers.into_iter().partition(|answer| answer.status == 201);
    for answer in lost {
        assert_eq!((answer.status, answer.code().as_str()), (409, "slot_taken"), "{}", answer.body);
    }
    won.len()
}

#[cfg(unix)]
#[test]
fn two_servers_on_one_file_give_no_seat_away_twice() {
    let office = Office::open(quick_directory(), Clock::System, 64);
    let people = tokens_of(&office);
    let all = [1, 5].map(|capacity| (capacity, office.slot(0, 48 + i64::from(capacity), capacity)));
    let home = office.close();
    // A second directory with the same file: its own lock does not know of the first.
    let other = quick_directory();
    std::os::unix::fs::symlink(home.path().join("tandem.db"), other.path().join("tandem.db")).expect("linked");
    let servers =
        [home.path(), other.path()].map(|directory| Server::start(directory, &["serve", "--listen", "127.0.0.1:0"]));
    for (capacity, slot) in all {
        assert_eq!(rush(&servers, &people, slot), capacity as usize);
    }
    drop(servers);
    let db = Db::open(home.path(), Clock::System, 1).expect("opened");
    for (capacity, slot) in all {
        let sql = "select count(distinct message_id) from outbox where session_id in
            (select id from office_sessions where slot_id = ?1)";
        let n_letters: u32 = db.read_here(|tx| Ok(tx.query_row(sql, [slot], |row| row.get(0))?)).expect("counted");
        assert_eq!(n_letters, capacity * 2, "one to each side");
    }
}

/// Lets everybody book everything, and kills the server once so many bookings were acknowledged. Returns all that were.
fn load_and_kill(server: Server, people: &[String], slots: &[SlotId], n_acknowledged: usize) -> Vec<String> {
    let address = server.address.clone();
    let (tell, heard) = mpsc::channel();
    std::thread::scope(|scope| {
        for own in people.chunks(people.len() / CLIENTS) {
            let (tell, address) = (tell.clone(), &address);
            scope.spawn(move || {
                for (slot, token) in slots.iter().flat_map(|slot| own.iter().map(move |token| (slot, token))) {
                    let Some(session) = book(address, token, *slot) else { break };
                    tell.send(session).expect("somebody listens");
                }
            });
        }
        drop(tell);
        let mut acknowledged: Vec<String> = heard.iter().take(n_acknowledged).collect();
        // Dropping it kills it, as a power cut would.
        drop(server);
        acknowledged.extend(heard.iter());
        acknowledged
    })
}

/// Each acknowledged booking stands, with a letter to each side that waits or was handed over.
fn check(db: &Db, acknowledged: &[String], round: u32) {
    let sql = "select (select status from office_sessions where id = ?1),
        (select count(*) from outbox where session_id = ?1 and kind = 'session_confirmed' and state in ('queued', 'sent')),
        (select count(*) from outbox where session_id = ?1)";
    for id in acknowledged {
        let found: (Option<String>, u32, u32) = db
            .read_here(|tx| Ok(tx.query_row(sql, [id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?))
            .expect("read");
        assert_eq!(found, (Some("booked".to_owned()), 2, 2), "{id} in round {round}");
    }
}

/// How often each message was laid down, by its id without the host.
pub fn laid_down(directory: &Path) -> BTreeMap<String, u32> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(directory).expect("letters") {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|ending| ending == "eml") {
            let text = std::fs::read_to_string(&path).expect("a whole letter");
            let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: <")).expect("a message id");
            *all.entry(id.split('@').next().expect("a name").to_owned()).or_default() += 1;
        }
    }
    all
}

#[test]
fn sudden_death_loses_no_booking_and_no_letter_and_tells_nobody_twice() {
    let office = Office::open(quick_directory(), Clock::System, MENTEES);
    let ada = office.mentors[0];
    let people = tokens_of(&office);
    // The mentors' texts are read before the first kill: this is about bookings.
    let house = TestApp::open(office.close());
    house.work();
    let home = house.close();
    let directory = home.path().to_owned();
    let (mut acknowledged, mut n_least, mut seed) = (Vec::new(), 0, 2_463_534_242_u32);
    for round in 0..rounds(8, 100) {
        let slots = open_slots(&Db::open(&directory, Clock::System, 1).expect("opened"), ada, round);
        let server = Server::start(&directory, &["serve", "--listen", "127.0.0.1:0"]);
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let n_wanted = (seed >> 26) as usize;
        n_least += n_wanted;
        let of_round = load_and_kill(server, &people, &slots, n_wanted);
        check(&Db::open(&directory, Clock::System, 1).expect("opened"), &of_round, round);
        acknowledged.extend(of_round);
    }
    assert!(acknowledged.len() >= n_least && n_least > 0, "{} of {n_least}", acknowledged.len());
    // What still waits is sent by whoever comes next, and nothing is sent twice.
    let post = Post::open(&Config::defaults_in(&directory)).expect("a folder");
    let house = TestApp::open_with(home, post);
    house.work();
    let n_letters: u32 = house
        .app
        .db
        .read_here(|tx| Ok(tx.query_row("select count(*) from outbox where state = 'sent'", [], |row| row.get(0))?))
        .expect("counted");
    let letters = laid_down(&directory.join("mail"));
    assert!(letters.values().all(|n_files| *n_files == 1), "{letters:?}");
    assert_eq!(letters.len(), n_letters as usize);
    for (id, party) in acknowledged.iter().flat_map(|id| [(id, "mentee"), (id, "mentor")]) {
        assert!(letters.contains_key(&format!("{id}.1.session_confirmed.{party}")), "{id} {party}");
    }
}
