//! How long one write waits while a backup is made: the longest of all is what a person who books may notice. Prints
//! the figures with and without a backup, and what a backup, a snapshot and the check at the start take. The disk is
//! the temporary directory's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tandem::audit::{self, Actor};
use tandem::backup;
use tandem::clock::Clock;
use tandem::db::Db;
use tandem::db::copy::{self, Depth};

/// Entries of the audit log that fill the database; some 400 bytes each with their indexes.
const N_ROWS: u32 = 250_000;

fn main() {
    // `cargo test` runs benches too, in a hurry.
    let n_rows = if std::env::args().any(|it| it == "--bench") { N_ROWS } else { 5_000 };
    let home = tempfile::tempdir().expect("a directory");
    let db = Db::open(home.path(), Clock::System, 2).expect("opened");
    fill(&db, n_rows);
    db.checkpoint().expect("folded in");
    let path = home.path().join("tandem.db");
    let bytes = std::fs::metadata(&path).expect("there").len();
    println!("database: {} MiB", bytes / (1 << 20));
    println!("writes alone: {}", told(writes_during(&db, || std::thread::sleep(Duration::from_secs(2)))));
    let halt = AtomicBool::new(false);
    let began = Instant::now();
    let during = writes_during(&db, || {
        let made = backup::make(home.path(), None, db.clock(), "bench", &halt).expect("made");
        println!("backup: {} MiB in {:.2?}", made.bytes / (1 << 20), began.elapsed());
    });
    println!("writes during a backup: {}", told(during));
    let began = Instant::now();
    let during = writes_during(&db, || {
        copy::copy(&path, &home.path().join("copy.db"), &halt).expect("copied");
        println!("snapshot: {:.2?}", began.elapsed());
    });
    println!("writes during a snapshot: {}", told(during));
    for depth in [Depth::Quick, Depth::Full] {
        let began = Instant::now();
        copy::check(&home.path().join("copy.db"), depth).expect("whole");
        println!("{depth:?} check: {:.2?}", began.elapsed());
    }
}

fn fill(db: &Db, n_rows: u32) {
    let mut left = n_rows;
    while left > 0 {
        let n = left.min(10_000);
        db.write_here(|tx| (0..n).try_for_each(|_| audit::note_export(tx, &Actor::nobody("a".repeat(180)))))
            .expect("filled");
        left -= n;
    }
}

/// Writes one row after another while `work` is done, and gives how long each took.
fn writes_during(db: &Db, work: impl FnOnce()) -> Vec<Duration> {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut times = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let start = Instant::now();
                db.write_here(|tx| audit::note_export(tx, &Actor::nobody("bench"))).expect("written");
                times.push(start.elapsed());
                std::thread::sleep(Duration::from_millis(1));
            }
            times
        });
        work();
        is_over.store(true, Ordering::Relaxed);
        writer.join().expect("it lives")
    })
}

fn told(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 1_000].as_secs_f64() * 1_000.0;
    format!(
        "{} writes, p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, longest {:.2} ms",
        times.len(),
        at(500),
        at(990),
        at(999),
        at(1_000)
    )
}
