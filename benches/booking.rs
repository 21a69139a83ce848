//! Booking with full durability: sessions a second, and how long one takes while questions are answered. Prints the
//! figures of both before it hands over to the bench runner. The disk is the temporary directory's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tandem::accounts::mentees::{self, Mentee, NewMentee};
use tandem::app::App;
use tandem::audit::Actor;
use tandem::booking::slots::{self, NewSlot};
use tandem::booking::{self, Ask, Asker, Rules, Wanted};
use tandem::clock::Clock;
use tandem::config::Config;
use tandem::ids::{SlotId, UserId};
use tandem::matching::{Ask as Need, Question};
use tandem::mentors::{self, Edit, Patch};

/// Bookings behind each figure.
const N_BOOKINGS: usize = 400;

/// Mentors that questions choose among; each has two slots.
const N_MENTORS: usize = 400;

fn main() {
    let mut house = House::open();
    let alone = house.time(N_BOOKINGS);
    println!("booking alone: {}", told(alone));
    let under_load = house.under_load(N_BOOKINGS);
    println!("booking while questions are answered: {}", told(under_load));
    divan::main();
}

fn told(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1_000.0;
    let whole: Duration = times.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let per_second = times.len() as f64 / whole.as_secs_f64();
    format!("{per_second:.0} a second, p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms", at(50), at(95), at(99))
}

struct House {
    _directory: tempfile::TempDir,
    app: App,
    rules: Rules,
    free: Vec<(SlotId, UserId)>,
}

impl House {
    fn open() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config = Config::defaults_in(directory.path());
        let rules = Rules::of(&config);
        let app = App::open(config, Clock::System, "bench").expect("opened");
        let by = Asker { user: UserId::random(), is_staff: true, actor: Actor::nobody("bench") };
        let mut free = Vec::new();
        for number in 0..N_MENTORS {
            let made = app.db.write_here(|tx| {
                let edit = Edit {
                    email: Some(format!("m{number}@example.org")),
                    name: Some(format!("Mentor {number}")),
                    headline: Patch::Set(format!("Prices and pilots, part {number}")),
                    ..Edit::default()
                };
                let mentor = mentors::put(tx, &by.actor, &format!("rec{number}"), edit)?;
                let starts_at = tx.now().plus_days(2);
                let slot = |hour: i64| NewSlot {
                    starts_at: starts_at.plus_seconds(hour * 3_600),
                    ends_at: starts_at.plus_seconds(hour * 3_600 + 1_800),
                    capacity: 1,
                    location: "virtual".to_owned(),
                };
                let opened = slots::open(tx, &by, mentor.number, &[slot(0), slot(1)])?;
                let email = format!("b{number}@example.org");
                let new = NewMentee {
                    email: email.clone(),
                    name: format!("Mentee {number}"),
                    timezone: "UTC".to_owned(),
                    profile: Mentee::default(),
                };
                mentees::put(tx, &by.actor, &new)?;
                let mentee = tandem::accounts::user_by_email(tx, &email)?.expect("just made").id;
                Ok(opened.into_iter().map(move |slot| (slot.id, mentee)))
            });
            free.extend(made.expect("made"));
        }
        Self { _directory: directory, app, rules, free }
    }

    fn book(&mut self) -> Duration {
        let (slot, mentee) = self.free.pop().expect("slots enough");
        let by = Asker { user: mentee, is_staff: false, actor: Actor::user(mentee, "bench") };
        let notes = "What to charge for a pilot".to_owned();
        let ask = Ask { wanted: Wanted::Slot(slot, None), notes, request_key: None, on_behalf_of: None };
        let start = Instant::now();
        self.app.db.write_here(|tx| booking::book(tx, &self.rules, &by, &ask)).expect("booked");
        start.elapsed()
    }

    fn time(&mut self, n: usize) -> Vec<Duration> {
        (0..n.min(self.free.len())).map(|_| self.book()).collect()
    }

    fn under_load(&mut self, n: usize) -> Vec<Duration> {
        let is_over = AtomicBool::new(false);
        let matcher = self.app.matcher.clone();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
                let mut number = 0;
                while !is_over.load(Ordering::Relaxed) {
                    number += 1;
                    let query = format!("How do I price pilot number {number}?");
                    let need = Need::check(Question { query, ..Question::default() }).expect("a question");
                    runtime.block_on(matcher.answer(need)).expect("answered");
                }
            });
            let times = self.time(n);
            is_over.store(true, Ordering::Relaxed);
            times
        })
    }
}

/// Looking for what can be booked, as the picker does.
#[divan::bench]
fn bookable(bencher: divan::Bencher<'_, '_>) {
    let house = House::open();
    let mentor = house.app.db.read_here(|tx| mentors::by_number(tx, tandem::ids::MentorNo(1))).expect("read");
    let number = mentor.expect("there").number;
    bencher.bench_local(|| {
        house.app.db.read_here(|tx| slots::bookable(tx, number, None, tx.now(), tx.now().plus_days(30))).expect("read")
    });
}
