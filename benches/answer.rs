//! The whole answer on the demo program, cached and not: `tandem bench match` has larger programs.

use std::time::Duration;

use tandem::app::App;
use tandem::clock::Clock;
use tandem::config::Config;
use tandem::matching::Ask;
use tandem::worker;

const QUESTIONS: [&str; 4] =
    ["Help with fundraising", "How do I price a pilot?", "first sales hire", "our customers leave after a month"];

fn main() {
    divan::main();
}

fn demo() -> (tempfile::TempDir, App) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let app = App::open(Config::defaults_in(directory.path()), Clock::System, "bench").expect("the house opens");
    tandem::demo::fill(&app.db).expect("filled");
    while worker::run_one(&app.db, &app.matcher, &app.post, None).expect("the queue works") {}
    assert!(app.matcher.settle(Duration::from_mins(1)));
    (directory, app)
}

#[divan::bench]
fn cached(bencher: divan::Bencher<'_, '_>) {
    run(bencher, false);
}

#[divan::bench]
fn uncached(bencher: divan::Bencher<'_, '_>) {
    run(bencher, true);
}

fn run(bencher: divan::Bencher<'_, '_>, is_uncached: bool) {
    let (_keep, app) = demo();
    let asks = QUESTIONS.map(|question| Ask::plain(question).expect("a question"));
    let mut at = 0;
    bencher.bench_local(|| {
        at = (at + 1) % asks.len();
        if is_uncached {
            app.matcher.forget_questions();
        }
        app.matcher.rank(divan::black_box(&asks[at]))
    });
}
