//! Progress of background work on a terminal. Quiet where the output is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs;

/// How often the bar looks.
const LOOK: Duration = Duration::from_millis(50);

/// A bar of `length` steps under a heading.
pub(super) fn bar(heading: &'static str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:28} {bar:32} {pos}/{len} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style).with_message(heading)
}

/// Waits until no vector is left to make, then until the indexes hold everything. Returns the number of
/// those given up on. Letters may wait: a mail server that is away must not hold up a command.
pub(super) fn finish_jobs(app: &App, heading: &'static str) -> Result<u64> {
    let vectors_left = || app.db.read_here(|tx| jobs::depth_of(tx, jobs::Kind::Embed));
    let workers = app.start_workers()?;
    let mut depth = vectors_left()?;
    let bar = bar(heading, depth.ready + depth.running);
    while depth.has_work() {
        std::thread::sleep(LOOK);
        depth = vectors_left()?;
        bar.set_position(bar.length().unwrap_or(0).saturating_sub(depth.ready + depth.running));
    }
    bar.finish_and_clear();
    workers.stop();
    app.matcher.settle(Duration::from_mins(1));
    Ok(depth.dead)
}

/// Makes what vectors of an earlier model there are anew, to the end.
pub(super) fn renew(app: &App, heading: &'static str) -> Result<()> {
    let Some(first) = app.matcher.parts().renewal else {
        // Former vectors may still have to be cleared away.
        while app.matcher.renew()? {}
        return Ok(());
    };
    let bar = bar(heading, first.n_all);
    while app.matcher.renew()? {
        bar.set_position(app.matcher.parts().renewal.map_or(first.n_all, |it| it.n_done));
    }
    bar.finish_and_clear();
    match app.matcher.parts().renewal {
        None => Ok(()),
        Some(_) => Err(Error::operator("reindex_incomplete", "Not all vectors could be made anew; the log says why.")),
    }
}
