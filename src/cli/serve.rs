//! `tandem serve`: listens, answers, and stops without losing anything.

use std::io::{IsTerminal, Write as _};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use tokio::sync::watch;

use super::connections::{self, Bounds, PATIENCE};
use super::listen::Listener;
use super::notify::{self, Notifier};
use super::say;
use crate::accounts::{self, NewUser, Role, people};
use crate::app::App;
use crate::backup::{self, Keeper};
use crate::clock::Clock;
use crate::config::{Config, Flags, Listen};
use crate::error::{Error, OrInternal, Result};
use crate::jobs;
use crate::mail::Letterhead;
use crate::upkeep::machine;
use crate::web;
use crate::worker::Workers;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Address and port to listen on, or a socket by `unix:` and its path
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Logs for people (text) or machines (json)
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Where the database is damaged or was copied while Tandem ran, start from the snapshot beside it; as-is takes
    /// one that was copied with its log when Tandem did not run
    #[arg(long, value_name = "FROM", num_args = 0..=1, default_missing_value = "snapshot")]
    recover: Option<Start>,
}

/// What to start from.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Start {
    /// The proven copy in snapshot/.
    Snapshot,
    /// The database as it was copied.
    AsIs,
}

pub(super) fn run(flags: Flags, args: Args) -> Result<()> {
    let mut config = Config::load(&Flags { listen: args.listen, log_format: args.log_format, ..flags })?;
    super::log(&config, None);
    runtime()?.block_on(async {
        // The port is taken first: a second server fails before it touches anything.
        let listener = Listener::open(&config).await?;
        config.server.listen = listener.listens().or_internal("reading the address")?;
        match args.recover {
            Some(Start::Snapshot) => recover(&config)?,
            Some(Start::AsIs) => backup::take_as_is(&config.data_dir, &Clock::System)?,
            None => {}
        }
        let app = open(config)?;
        refuse_open_demo(&app)?;
        say(&format!("Tandem listens on {}", place(&app.config)))?;
        first_admin(&app)?;
        serve(app, listener).await
    })
}

fn place(config: &Config) -> String {
    match &config.server.listen {
        Listen::Socket(path) => path.display().to_string(),
        Listen::Address(address) if config.has_tls() => format!("https://{address}"),
        Listen::Address(address) => format!("http://{address}"),
    }
}

/// Opens the house. Where the database cannot be used, whoever sits at the terminal is asked what to do.
fn open(config: Config) -> Result<App> {
    match App::open(config.clone(), Clock::System, "serve") {
        Err(refusal) if backup::is_recoverable(&refusal) && is_agreed_to(&refusal)? => {
            recover(&config)?;
            App::open(config, Clock::System, "serve")
        }
        outcome => outcome,
    }
}

/// Nobody is asked where nobody can answer.
fn is_agreed_to(refusal: &Error) -> Result<bool> {
    let input = std::io::stdin();
    if !input.is_terminal() || !std::io::stdout().is_terminal() {
        return Ok(false);
    }
    say(&format!("{refusal}"))?;
    say("Start from the snapshot now, and keep the damaged file aside? Type yes:")?;
    let mut line = String::new();
    input.read_line(&mut line).or_internal("reading the answer")?;
    Ok(line.trim() == "yes")
}

/// Starts from the snapshot, and says what that means; a database that is whole is left alone.
fn recover(config: &Config) -> Result<()> {
    let Some(done) = backup::recover(&config.data_dir, &Clock::System)? else {
        return say("The database is whole: there is nothing to recover from.");
    };
    let from = done.made_at.map_or_else(String::new, |at| format!(" of {at}"));
    say(&format!("The database could not be used. Tandem starts from the snapshot{from};"))?;
    say(&format!("what was written after it is missing. The damaged files lie in {}.", done.aside.display()))
}

/// The runtime that requests are answered on.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().or_internal("starting the runtime")
}

/// Where nobody runs this Tandem yet: makes the admin that the environment names, or says how to make one.
fn first_admin(app: &App) -> Result<()> {
    if !app.db.read_here(people::is_without_admin)? {
        return Ok(());
    }
    if let Some(new) = admin_in_environment()? {
        let made = app.db.write_here(|tx| people::first_admin_if_none(tx, &new))?;
        return made.map_or(Ok(()), |user| say(&format!("{} is the admin, as the environment says.", user.email)));
    }
    let head = Letterhead::of(&app.config);
    let Some(link) = app.db.write_here(|tx| people::setup_link(tx, &head))? else { return Ok(()) };
    say("")?;
    say("Nobody runs this Tandem yet. Make the first admin here:")?;
    say(&format!("  {link}"))?;
    say("The link works once, for 30 minutes; starting again gives a new one.")
}

/// The admin named by `TANDEM_ADMIN_EMAIL` and `TANDEM_ADMIN_PASSWORD_FILE`, if both are set.
fn admin_in_environment() -> Result<Option<NewUser>> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (email, file) = (set("TANDEM_ADMIN_EMAIL"), set("TANDEM_ADMIN_PASSWORD_FILE"));
    let (email, file) = match (email, file) {
        (Some(email), Some(file)) => (email, file),
        (None, None) => return Ok(None),
        _ => {
            let problem = "TANDEM_ADMIN_EMAIL and TANDEM_ADMIN_PASSWORD_FILE make the first admin only together.";
            return Err(Error::operator("config", problem));
        }
    };
    let password = std::fs::read_to_string(&file).map_err(|cause| {
        let problem = format!("TANDEM_ADMIN_PASSWORD_FILE names {file}, which cannot be read.");
        Error::operator("config", problem).because(cause)
    })?;
    let hash = accounts::hash_here(password.trim_end_matches(['\r', '\n']))?;
    let name = email.split('@').next().unwrap_or_default().to_owned();
    Ok(Some(NewUser { email, name, role: Role::Admin, timezone: "UTC".to_owned(), password_hash: Some(hash) }))
}

/// The demo's passwords are printed for everybody: it is for this machine alone.
fn refuse_open_demo(app: &App) -> Result<()> {
    if app.demo.is_some() && !app.config.server.listen.address().is_some_and(|it| it.ip().is_loopback()) {
        return Err(Error::operator(
            "open_demo",
            "This data directory holds the demo, whose passwords everybody knows: it may only listen on 127.0.0.1.",
        ));
    }
    Ok(())
}

/// Serves until the process is asked to stop, then drains, writes out and lets go.
pub(super) async fn serve(app: App, listener: Listener) -> Result<()> {
    let asked = asked_to_stop()?;
    let workers = app.start_workers()?;
    let manager = Notifier::of_environment().map(Arc::new);
    let backups = app.backups.clone();
    let keeper = tokio::task::spawn_blocking(move || backups.keep()).await.or_internal("starting the backups")??;
    let (stop, stopping) = watch::channel(false);
    let told = manager.clone();
    let farewell = workers.farewell();
    tokio::spawn(async move {
        asked.await;
        // Whoever pressed the keys hears at once that they were heard; nobody may be there to read it.
        drop(writeln!(std::io::stderr(), "Stopping: finishing what is under way."));
        tracing::info!("stopping: no new connections, finishing what is under way");
        if let Some(manager) = told {
            manager.tell(notify::STOPPING);
        }
        stop.send_replace(true);
        // While requests come to their end, so do jobs.
        farewell();
    });
    if let Some(manager) = &manager {
        manager.tell(&format!("{}\nSTATUS=Listening on {}", notify::READY, place(&app.config)));
        tokio::spawn(give_signs(Arc::clone(manager), app.clone()));
    }
    let bounds = Bounds {
        most: connections(&app.config),
        proxies: app.config.proxies(),
        drain: Duration::from_secs(app.config.server.drain_seconds),
        patience: PATIENCE,
    };
    if !connections::serve(listener, web::router(app.clone()), bounds, stopping).await {
        tracing::warn!("some requests did not end in time and were cut off");
    }
    tokio::task::spawn_blocking(move || come_to_rest(&app, workers, keeper)).await.or_internal("coming to rest")??;
    tracing::info!("stopped");
    Ok(())
}

/// How many may be connected: as many as the settings say, where the system allows twice as many open files.
fn connections(config: &Config) -> usize {
    let wanted = config.limits.connections;
    let allowed = machine::most_files().map_or(wanted, |files| files / 2);
    if allowed < wanted {
        tracing::warn!(
            connections = allowed,
            "the system's limit on open files allows fewer connections than limits.connections"
        );
    }
    wanted.min(allowed)
}

/// Signs of life for the service manager, for as long as there is life: the runtime turns, the database answers and
/// no background thread has died. Two may be missed before it is restarted.
async fn give_signs(manager: Arc<Notifier>, app: App) {
    let Some(patience) = manager.watchdog else { return };
    let mut beat = tokio::time::interval(patience / 3);
    loop {
        beat.tick().await;
        let answers = app.db.read(jobs::depth).await.is_ok();
        let has_deserters = app.db.meters().crew().iter().any(|post| post.is_deserted);
        if answers && !has_deserters {
            manager.tell(notify::WATCHDOG);
        }
    }
}

/// Lets go of everything in the order that loses nothing.
fn come_to_rest(app: &App, workers: Workers, keeper: Keeper) -> Result<()> {
    workers.stop();
    keeper.stop();
    app.rest()?;
    // Last of all, when nothing writes any more: the stopped directory holds its newest state twice.
    app.backups.refresh_snapshot(&AtomicBool::new(false));
    Ok(())
}

/// Resolves on Ctrl-C and on SIGTERM. Both are listened for from this call on, not only once somebody waits: who is
/// told that Tandem is ready may ask it to stop in the next moment.
#[cfg(unix)]
fn asked_to_stop() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).or_internal("listening for signals");
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Resolves on Ctrl-C.
#[cfg(not(unix))]
fn asked_to_stop() -> Result<impl Future<Output = ()>> {
    Ok(async {
        // Without a handler the key ends the process at once, which loses nothing either.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
