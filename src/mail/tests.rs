use chrono::TimeDelta;

use super::*;
use crate::clock::Clock;
use crate::jobs::{Kind, Lane};

struct Room {
    _directory: tempfile::TempDir,
    db: Db,
    memory: Memory,
}

impl Room {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
        let db = Db::open(directory.path(), clock, 1).expect("a new database");
        Self { _directory: directory, db, memory: Memory::default() }
    }

    fn queue(&self, letter: &Letter) {
        self.db.write_here(|tx| queue(tx, &head(), letter)).expect("queued");
    }

    fn claim(&self) -> Option<Job> {
        self.db.write_here(|tx| jobs::claim(tx, Lane::All)).expect("claiming works")
    }

    fn send(&self, job: &Job) -> Result<()> {
        send(&self.db, &Post::Memory(self.memory.clone()), job)
    }

    fn work(&self) {
        while let Some(job) = self.claim() {
            self.send(&job).expect("memory takes every letter");
        }
    }

    fn only(&self) -> Posted {
        let mut all = self.db.read_here(|tx| outbox(tx, &Filter::default(), None, 10)).expect("listed");
        assert_eq!(all.len(), 1);
        all.remove(0)
    }
}

fn head() -> Letterhead {
    Letterhead { program: "Lighthouse".to_owned(), url: "https://mentors.example.org:8443".to_owned() }
}

fn letter() -> Letter {
    Letter {
        kind: "verify_email".into(),
        to: "bo@example.org".to_owned(),
        to_name: "Bo".to_owned(),
        subject: "Confirm your address".to_owned(),
        pieces: vec![
            Piece::Text("Hello Bo.".to_owned()),
            Piece::Button {
                label: "Confirm".to_owned(),
                url: "https://mentors.example.org:8443/verify?token=t".to_owned(),
            },
        ],
        is_secret: true,
    }
}

/// Headers of a letter, unfolded, in their order.
fn headers(raw: &[u8]) -> Vec<(String, String)> {
    let raw = std::str::from_utf8(raw).expect("letters are ASCII");
    let (head, _) = raw.split_once("\r\n\r\n").expect("headers end");
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let pairs = unfolded.split("\r\n").map(|line| line.split_once(": ").expect("a name and a value"));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn a_letter_is_sent_once_however_often_it_is_claimed() {
    let room = Room::new();
    room.queue(&letter());
    assert_eq!(room.only().state, State::Queued);
    let job = room.claim().expect("a job");
    room.send(&job).expect("sent");
    room.send(&job).expect("there is nothing left to do");
    let posted = room.only();
    assert_eq!((posted.state, posted.attempts, posted.last_error), (State::Sent, 1, None));
    assert_eq!(posted.sent_at, Some(posted.created_at));
    let kept = room.memory.letters();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].link(), "https://mentors.example.org:8443/verify?token=t");
    assert!(kept[0].message_id.ends_with("@mentors.example.org"), "{}", kept[0].message_id);
    assert_eq!(room.db.read_here(jobs::depth).expect("counted"), jobs::Depth::default());
}

#[test]
fn a_letter_and_its_cause_come_to_nothing_together() {
    let room = Room::new();
    let outcome: Result<()> = room.db.write_here(|tx| {
        queue(tx, &head(), &letter())?;
        Err(Error::conflict("changed_mind", "No."))
    });
    assert!(outcome.is_err());
    assert!(room.claim().is_none());
    assert_eq!(room.db.read_here(depth).expect("counted"), Depth::default());
}

#[test]
fn a_letter_whose_sender_died_is_sent_after_the_next_start_or_when_its_time_is_over() {
    let room = Room::new();
    room.queue(&letter());
    room.claim().expect("taken, and never sent");
    assert!(room.claim().is_none());
    room.db.write_here(jobs::release_all).expect("a start");
    room.claim().expect("taken again, and never sent again");
    room.db.clock().advance(TimeDelta::minutes(11));
    room.work();
    assert_eq!(room.memory.letters().len(), 1);
    assert_eq!(room.only().state, State::Sent);
}

#[test]
fn a_letter_that_cannot_go_is_put_off_and_in_the_end_given_up_on_until_somebody_tries_again() {
    let room = Room::new();
    room.queue(&letter());
    let mut n_tries = 0;
    while let Some(job) = room.claim() {
        n_tries += 1;
        room.db.write_here(|tx| put_off(tx, &job, "no route\r\nto host")).expect("handed back");
        let posted = room.only();
        assert_eq!((posted.attempts, posted.last_error.as_deref()), (n_tries, Some("no route to host")));
        if posted.state == State::Dead {
            break;
        }
        assert!(room.claim().is_none(), "it is not due yet");
        room.db.clock().advance(TimeDelta::seconds(posted.due_at.unix() - room.db.clock().now().unix()));
    }
    assert_eq!((n_tries, room.only().state), (9, State::Dead));
    assert_eq!(room.db.read_here(depth).expect("counted"), Depth { queued: 0, dead: 1 });
    assert_eq!(room.db.read_here(jobs::depth).expect("counted"), jobs::Depth::default(), "its job is struck off");

    let retry_it = |id| room.db.write_here(|tx| retry(tx, &Actor::nobody("test"), id));
    retry_it(room.only().id).expect("it is dead");
    assert_eq!(retry_it(room.only().id).expect_err("it waits").code, "not_dead");
    assert_eq!(retry_it(999).expect_err("there is none").code, "letter_unknown");
    room.work();
    assert_eq!(retry_it(room.only().id).expect_err("it is sent").code, "not_dead");
    assert_eq!(room.memory.letters().len(), 1);
    let noted = room.db.read_here(|tx| audit::entries(tx, &audit::Filter::default(), 10)).expect("read");
    assert_eq!(noted.iter().map(|it| it.kind.as_str()).collect::<Vec<_>>(), ["letter.retried"]);
}

#[test]
fn nothing_that_people_wrote_adds_a_header_or_hides_in_one() {
    let room = Room::new();
    let hostile = [
        "Bo\r\nBcc: all@example.org",
        "Bo\n\n<h1>body</h1>",
        "Bo\u{2028}Bcc: all@example.org\u{85}X: y",
        "\u{202e}moc.knab@nimda",
        "\" <admin@bank.example>, \"",
        "=?utf-8?q?=0D=0ABcc:_all@example.org?=",
        "Zoë Ångström 田中さん 👩\u{200d}💻",
        "a\0b\u{7f}c\u{1b}[31m",
    ];
    let long = "ß".repeat(5_000);
    for text in hostile.into_iter().chain([long.as_str()]) {
        room.queue(&Letter { subject: text.to_owned(), to_name: text.to_owned(), ..letter() });
    }
    room.work();
    let kept = room.memory.letters();
    assert_eq!(kept.len(), 9);
    for letter in &kept {
        let all = headers(&letter.raw);
        let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
        let wanted = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"];
        assert_eq!(names, wanted, "{}", letter.subject);
        assert!(all[1].1.ends_with("<bo@example.org>") && all[1].1.matches('<').count() <= 2, "{}", all[1].1);
        assert!(!letter.subject.contains(char::is_control) && !letter.subject.contains('\u{202e}'));
        assert!(letter.raw.split(|byte| *byte == b'\n').all(|line| line.len() < 998));
    }
    assert!(headers(&kept[6].raw)[2].1.starts_with("=?utf-8?b?"), "{:?}", headers(&kept[6].raw)[2]);
}

#[test]
fn an_address_that_is_none_is_given_up_on_at_once() {
    let room = Room::new();
    for to in
        ["bo@example.org\r\nRCPT TO:<all@example.org>", "bo", "", "bo@example.org, cy@example.org", "<bo@example.org>"]
    {
        room.queue(&Letter { to: to.to_owned(), ..letter() });
    }
    room.work();
    assert!(room.memory.letters().is_empty());
    assert_eq!(room.db.read_here(depth).expect("counted"), Depth { queued: 0, dead: 5 });
}

#[test]
fn an_address_of_another_script_is_written_so_that_every_server_reads_it() {
    let room = Room::new();
    room.queue(&Letter { to: "bo@bücher.example".to_owned(), ..letter() });
    room.work();
    let kept = room.memory.letters();
    assert_eq!(headers(&kept[0].raw)[1].1, "Bo <bo@xn--bcher-kva.example>");
}

#[test]
fn a_letter_tried_again_is_the_same_letter() {
    let room = Room::new();
    room.queue(&letter());
    let job = room.claim().expect("a job");
    room.send(&job).expect("sent");
    room.db
        .write_here(|tx| {
            tx.execute_batch("update outbox set state = 'dead'")?;
            retry(tx, &Actor::nobody("test"), 1)
        })
        .expect("revived by force");
    room.db.clock().advance(TimeDelta::hours(1));
    room.work();
    let kept = room.memory.letters();
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0].raw, kept[1].raw);
}

#[test]
fn the_outbox_is_listed_newest_first_and_page_by_page() {
    let room = Room::new();
    for kind in ["verify_email", "password_reset", "verify_email"] {
        room.queue(&Letter { kind: kind.into(), ..letter() });
    }
    let job = room.claim().expect("the first");
    room.send(&job).expect("sent");
    let list = |filter: Filter, before| {
        let listed = room.db.read_here(|tx| outbox(tx, &filter, before, 2)).expect("listed");
        listed.into_iter().map(|letter| letter.id).collect::<Vec<_>>()
    };
    assert_eq!(list(Filter::default(), None), [3, 2]);
    assert_eq!(list(Filter::default(), Some(2)), [1]);
    assert_eq!(list(Filter { state: Some(State::Sent), ..Filter::default() }, None), [1]);
    assert_eq!(list(Filter { kind: Some("verify_email".to_owned()), ..Filter::default() }, None), [3, 1]);
    assert_eq!(list(Filter { state: Some(State::Dead), kind: None }, None), Vec::<i64>::new());
}

#[test]
fn ids_of_letters_end_in_the_programs_host() {
    for (url, wanted) in [
        ("https://mentors.example.org", "mentors.example.org"),
        ("http://127.0.0.1:8080", "127.0.0.1"),
        ("http://[::1]:8080", "localhost"),
        ("https://evil.example>\r\nBcc: x", "localhost"),
        ("", "localhost"),
    ] {
        assert_eq!(Letterhead { program: "P".to_owned(), url: url.to_owned() }.host(), wanted, "{url}");
    }
}

#[test]
fn a_bad_sender_or_certificate_is_an_error_that_names_its_key() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut config = Config::defaults_in(directory.path());
    assert_eq!(Post::open(&config).expect("the defaults are right").way(), "folder");
    config.mail.from = "Tandem <tandem@>".to_owned();
    let problem = |config: &Config| Post::open(config).map(|post| post.way()).expect_err("it is wrong").to_string();
    assert!(problem(&config).starts_with("mail.from "));
    config.mail.from = "Größe & Söhne <tandem@example.org>".to_owned();
    config.mail.smtp_url = "smtp://mail.example.org".to_owned();
    assert_eq!(Post::open(&config).expect("it is right").way(), "smtp");
    let pem = directory.path().join("empty.pem");
    std::fs::write(&pem, "nothing").expect("a file");
    for path in [pem.display().to_string(), "/nowhere/ca.pem".to_owned()] {
        config.mail.smtp_ca = path;
        assert!(problem(&config).starts_with("mail.smtp_ca "));
    }
    config.mail.smtp_url = "smtp://bo:sesame@".to_owned();
    assert!(problem(&config).starts_with("mail.smtp_url ") && !problem(&config).contains("sesame"));
}

#[test]
fn the_queue_and_the_outbox_agree_on_what_waits() {
    let room = Room::new();
    room.queue(&letter());
    room.queue(&letter());
    let jobs = room.db.read_here(|tx| jobs::depth_of(tx, Kind::Send)).expect("counted");
    assert_eq!((jobs.ready, room.db.read_here(depth).expect("counted").queued), (2, 2));
    room.work();
    assert_eq!(room.db.read_here(depth).expect("counted"), Depth::default());
}

#[test]
fn somebody_who_goes_takes_their_letters_along_and_is_forgotten() {
    let room = Room::new();
    room.queue(&letter());
    room.work();
    room.queue(&Letter { is_secret: false, kind: "session_confirmed".into(), ..letter() });
    let held = room.db.read_here(|tx| holdings(tx, "BO@example.org")).expect("read");
    assert_eq!(held.as_array().map(Vec::len), Some(2));
    assert!(held[1]["text"].is_null(), "the words of a secret letter are not handed out: {held}");
    assert!(held[0]["text"].as_str().is_some_and(|text| text.contains("Hello Bo.")), "{held}");
    room.db.write_here(|tx| forget(tx, "bo@example.org")).expect("forgotten");
    room.work();
    assert_eq!(room.memory.letters().len(), 1, "what waited is not sent");
    let all = room
        .db
        .read_here(|tx| {
            Ok(tx.query_row("select group_concat(recipient || subject || letter) from outbox", [], |row| {
                row.get::<_, String>(0)
            })?)
        })
        .expect("read");
    assert!(!all.to_lowercase().contains("bo@") && !all.contains("Hello") && !all.contains("Confirm"), "{all}");
}
