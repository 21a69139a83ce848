//! Signing in: an address that nobody has must take as long as a wrong password. Prints the medians
//! of both and their ratio before it hands over to the bench runner.

use std::time::{Duration, Instant};

use tandem::accounts::{self, Device, LoginRules, NewUser, Passwords, Role};
use tandem::clock::Clock;
use tandem::db::Db;
use tokio::runtime::Runtime;

const KNOWN: &str = "ada@example.org";
const UNKNOWN: &str = "nobody@example.org";

/// Tries of each kind behind a median.
const N_TRIES: usize = 50;

fn main() {
    print_medians();
    divan::main();
}

struct House {
    _directory: tempfile::TempDir,
    db: Db,
    passwords: Passwords,
    runtime: Runtime,
}

impl House {
    fn with_ada() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let db = Db::open(directory.path(), Clock::System, 2).expect("a new database");
        let new = NewUser {
            email: KNOWN.to_owned(),
            name: "Ada".to_owned(),
            role: Role::Mentee,
            timezone: "UTC".to_owned(),
            password_hash: Some(accounts::hash_here("correct horse battery").expect("hashed")),
        };
        db.write_here(|tx| accounts::create(tx, &new)).expect("created");
        let runtime = Runtime::new().expect("threads");
        Self { _directory: directory, db, passwords: Passwords::new().expect("randomness"), runtime }
    }

    /// Fails to sign in, as with `limits.enabled = false`.
    fn fail(&self, email: &str) {
        let rules = LoginRules { idle_days: 14, max_days: 60, is_guarded: false };
        let password = "a wrong password".to_owned();
        let answer = accounts::sign_in(&self.db, &self.passwords, rules, email, password, Device::default());
        let refusal = self.runtime.block_on(answer).expect_err("it is wrong");
        assert_eq!(refusal.code, "bad_credentials");
    }

    fn time(&self, email: &str) -> Duration {
        let start = Instant::now();
        self.fail(email);
        start.elapsed()
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

/// The two kinds take turns, so that whatever else the machine does meets both alike.
fn print_medians() {
    let house = House::with_ada();
    house.fail(KNOWN);
    house.fail(UNKNOWN);
    let (wrong, unknown): (Vec<_>, Vec<_>) = (0..N_TRIES).map(|_| (house.time(KNOWN), house.time(UNKNOWN))).unzip();
    let (wrong, unknown) = (median(wrong), median(unknown));
    println!("wrong password {wrong:.2} ms, unknown address {unknown:.2} ms, ratio {:.3}", unknown / wrong);
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn wrong_password(bencher: divan::Bencher<'_, '_>) {
    let house = House::with_ada();
    bencher.bench_local(|| house.fail(KNOWN));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn unknown_address(bencher: divan::Bencher<'_, '_>) {
    let house = House::with_ada();
    bencher.bench_local(|| house.fail(UNKNOWN));
}
