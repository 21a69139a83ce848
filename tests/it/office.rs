//! A small program for tests of booking: mentors, mentees and slots through the library's own verbs, and what must
//! hold of its database whatever was done to it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use tandem::accounts::mentees::{self, NewMentee};
use tandem::accounts::{self};
use tandem::audit::Actor;
use tandem::booking::slots::{self, NewSlot};
use tandem::booking::{self, Ask, Asker, Booked, Rules, Wanted};
use tandem::clock::{Clock, Moment};
use tandem::config::Config;
use tandem::db::{Db, Tx};
use tandem::error::{Error, Kind, Result};
use tandem::ids::{MenteeId, MentorNo, SlotId, UserId};
use tandem::mentors::{self, Edit, Patch, Visibility};

/// Two mentors, Ada and Cy, some mentees, and a clock that stands on Monday, 4 March 2030, 09:00 UTC.
pub struct Office {
    directory: tempfile::TempDir,
    pub db: Db,
    pub mentors: Vec<(MentorNo, UserId)>,
    pub mentees: Vec<(UserId, MenteeId)>,
    pub rules: Rules,
}

/// A directory that costs no disk where the machine has one: these tests write often and lose nothing.
pub fn quick_directory() -> tempfile::TempDir {
    let shared = std::path::Path::new("/dev/shm");
    let made = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
    made.expect("a temporary directory")
}

/// How many times to try what depends on chance.
pub fn rounds(few: u32, all: u32) -> u32 {
    if std::env::var_os("TANDEM_TEST_ALL").is_some() { all } else { few }
}

impl Office {
    pub fn new(n_mentees: usize) -> Self {
        let directory = quick_directory();
        let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
        Self::open(directory, clock, n_mentees)
    }

    pub fn open(directory: tempfile::TempDir, clock: Clock, n_mentees: usize) -> Self {
        let db = Db::open(directory.path(), clock, 2).expect("a new database");
        let rules = Rules::of(&Config::defaults_in(directory.path()));
        let actor = Actor::nobody("test");
        let (mentors, mentees) = db
            .write_here(|tx| {
                let mut all = (Vec::new(), Vec::new());
                for name in ["Ada", "Cy"] {
                    let email = Some(format!("{name}@example.org"));
                    let edit = Edit { email, name: Some(name.to_owned()), ..Edit::default() };
                    let put = mentors::put(tx, &actor, name, edit)?;
                    all.0.push((put.number, mentors::by_number(tx, put.number)?.expect("there").user));
                }
                for number in 0..n_mentees {
                    let new = NewMentee {
                        email: format!("bo{number}@example.org"),
                        name: format!("Bo {number}"),
                        timezone: "UTC".to_owned(),
                        profile: mentees::Mentee::default(),
                    };
                    mentees::put(tx, &actor, &new)?;
                    let user = accounts::user_by_email(tx, &new.email)?.expect("there").id;
                    all.1.push((user, mentees::of_user(tx, user)?.expect("there").0));
                }
                Ok(all)
            })
            .expect("created");
        Self { directory, db, mentors, mentees, rules }
    }

    /// Another way to the same file, as a second process would have it.
    pub fn second_door(&self) -> Db {
        Db::open(self.directory.path(), self.db.clock().clone(), 2).expect("opened again")
    }

    /// Closes the database and gives the directory back.
    pub fn close(self) -> tempfile::TempDir {
        self.directory
    }

    pub fn now(&self) -> Moment {
        self.db.clock().now()
    }

    pub fn pass(&self, time: TimeDelta) {
        self.db.clock().advance(time);
    }

    pub fn write<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        self.db.write_here(work)
    }

    pub fn read<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> T {
        self.db.read_here(work).expect("read")
    }

    pub fn mentee_asks(&self, mentee: usize) -> Asker {
        asker(self.mentees[mentee].0)
    }

    pub fn mentor_asks(&self, mentor: usize) -> Asker {
        asker(self.mentors[mentor].1)
    }

    pub fn edit(&self, mentor: usize, edit: Edit) {
        self.write(|tx| {
            let mentor = mentors::by_number(tx, self.mentors[mentor].0)?.expect("there");
            mentors::change(tx, &Actor::nobody("test"), mentor, None, edit)
        })
        .expect("changed");
    }

    pub fn settle(&self, mentor: usize, visibility: Visibility, cap: u32) {
        let edit = Edit {
            visibility: Patch::Set(visibility),
            load_cap_per_week: Patch::Set(cap),
            paused_until: Patch::Clear,
            ..Edit::default()
        };
        self.edit(mentor, edit);
    }

    /// Opens a slot of half an hour, so many hours from now.
    pub fn slot(&self, mentor: usize, hour: i64, capacity: u32) -> SlotId {
        let new = half_hour(self.now().plus_seconds(hour * 3_600), capacity);
        let opened = self.write(|tx| slots::open(tx, &self.mentor_asks(mentor), self.mentors[mentor].0, &[new]));
        opened.expect("opened")[0].id
    }

    pub fn book_through(&self, db: &Db, mentee: usize, slot: SlotId) -> Result<Booked> {
        let ask = Ask {
            wanted: Wanted::Slot(slot, None),
            notes: "About prices".to_owned(),
            request_key: None,
            on_behalf_of: None,
        };
        db.write_here(|tx| booking::book(tx, &self.rules, &self.mentee_asks(mentee), &ask))
    }

    pub fn book(&self, mentee: usize, slot: SlotId) -> Result<Booked> {
        self.book_through(&self.db, mentee, slot)
    }

    /// A whole number that the database gives.
    pub fn count(&self, sql: &str) -> i64 {
        self.read(|tx| Ok(tx.query_row(sql, [], |row| row.get(0))?))
    }

    /// Takes everything away that was offered, taken and written, so that another round starts from nothing.
    pub fn clear(&self) {
        let all = "delete from outbox; delete from jobs; delete from told; delete from office_sessions;
                   delete from availability; delete from hours; delete from exceptions; delete from changes";
        self.write(|tx| Ok(tx.execute_batch(all)?)).expect("cleared");
    }

    /// What must hold after whatever was done.
    pub fn check(&self, when: &str) {
        for (rule, sql) in RULES {
            let n = self.count(&format!("select count(*) from ({sql})"));
            assert_eq!(n, 0, "{rule}: {when}");
        }
        self.check_letters(when);
    }

    /// One occasion for each state of a session, and each of the two told of it once.
    fn check_letters(&self, when: &str) {
        let sql = "select session_id, version, kind, recipient, message_id from outbox
                   where session_id is not null and kind not like 'session_reminder%'
                     and kind not in ('request_expiring', 'session_ended', 'feedback_wanted')";
        let letters: Vec<(String, u32, String, String, String)> = self.read(|tx| {
            let mut statement = tx.prepare(sql)?;
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
            let rows = statement.query_map([], row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        });
        let mut sets: BTreeMap<(String, u32), (BTreeSet<String>, Vec<String>)> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for (session, version, kind, recipient, message_id) in letters {
            assert!(ids.insert(message_id), "a letter twice: {when}");
            let occasion = if kind == "request_sent" { "session_requested".to_owned() } else { kind };
            let (occasions, recipients) = sets.entry((session, version)).or_default();
            occasions.insert(occasion);
            recipients.push(recipient);
        }
        for ((session, version), (occasions, recipients)) in sets {
            let n_told = if occasions.contains("session_declined") { 1 } else { 2 };
            assert_eq!(occasions.len(), 1, "{session} {version} {occasions:?}: {when}");
            assert_eq!(recipients.len(), n_told, "{session} {version} {occasions:?} {recipients:?}: {when}");
        }
    }
}

/// What must never be there, as questions that must have no rows.
pub const RULES: &[(&str, &str)] = &[
    (
        "no more seats than there are, and none twice",
        "select slot_id from office_sessions join availability on availability.id = slot_id
         where status in ('pending', 'booked') group by slot_id
         having count(*) > capacity or count(distinct seat_no) <> count(*) or max(seat_no) > capacity
             or min(seat_no) < 1",
    ),
    (
        "a seat is of a slot that is there, at its times",
        "select 1 from office_sessions left join availability on availability.id = slot_id
         where status in ('pending', 'booked')
             and (availability.starts_at, availability.ends_at, availability.mentor_number)
                 is not (office_sessions.starts_at, office_sessions.ends_at, office_sessions.mentor_number)",
    ),
    (
        "nobody is in two places",
        "with place (id, user_id, slot_id, as_mentor, starts_at, ends_at) as (
             select office_sessions.id, mentors.user_id, slot_id, 1, starts_at, ends_at from office_sessions
             join mentors on mentors.number = mentor_number where status in ('pending', 'booked')
             union all
             select office_sessions.id, mentees.user_id, slot_id, 0, starts_at, ends_at from office_sessions
             join mentees on mentees.id = mentee_id where status in ('pending', 'booked')
         )
         select 1 from place join place as other on other.user_id = place.user_id and other.id < place.id
         where other.starts_at < place.ends_at and place.starts_at < other.ends_at
             and not (place.as_mentor and other.as_mentor and place.slot_id = other.slot_id)",
    ),
    (
        "slots of a mentor do not overlap",
        "select 1 from availability join availability as other
             on other.mentor_number = availability.mentor_number and other.id < availability.id
         where other.starts_at < availability.ends_at and availability.starts_at < other.ends_at",
    ),
    (
        "the week's cap is kept, by weeks counted anew",
        "select 1 from office_sessions join mentors on mentors.number = mentor_number where status <> 'cancelled'
         group by mentor_number, strftime('%G-W%V', starts_at, 'unixepoch')
         having count(distinct starts_at) > load_cap_per_week",
    ),
    (
        "only a request runs out, and every request does",
        "select 1 from office_sessions where (status = 'pending') <> (expires_at is not null)",
    ),
    (
        "what is over was closed by somebody",
        "select 1 from office_sessions where status = 'cancelled' and cancelled_by is null",
    ),
];

pub fn asker(user: UserId) -> Asker {
    Asker { user, is_staff: false, actor: Actor::user(user, "test") }
}

pub fn half_hour(starts_at: Moment, capacity: u32) -> NewSlot {
    NewSlot { starts_at, ends_at: starts_at.plus_seconds(1_800), capacity, location: "virtual".to_owned() }
}

/// A refusal is an answer; a failure is none.
pub fn refusal<T>(outcome: Result<T>, when: &str) -> Option<Error> {
    let refused = outcome.err()?;
    let is_answer = matches!(refused.kind, Kind::Conflict | Kind::Invalid | Kind::NotFound | Kind::Forbidden);
    assert!(is_answer, "{when}: {refused:?}");
    Some(refused)
}
