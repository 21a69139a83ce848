//! `tandem serve`: listens, answers, and stops without losing anything.

use std::future::IntoFuture;
use std::io::{IsTerminal, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::say;
use crate::accounts::{self, NewUser, Role, people};
use crate::app::App;
use crate::backup::{self, Keeper};
use crate::clock::Clock;
use crate::config::{Config, Flags};
use crate::error::{Error, OrInternal, Result};
use crate::mail::Letterhead;
use crate::web;
use crate::worker::Workers;

/// Ports tried after the first one, where the demo may choose.
const OTHER_PORTS: u16 = 20;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Address and port to listen on
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
        let listener = listen(config.server.listen, 0).await?;
        let address = listener.local_addr().or_internal("reading the address")?;
        config.server.listen = address;
        match args.recover {
            Some(Start::Snapshot) => recover(&config)?,
            Some(Start::AsIs) => backup::take_as_is(&config.data_dir, &Clock::System)?,
            None => {}
        }
        let app = open(config)?;
        refuse_open_demo(&app, &listener)?;
        say(&format!("Tandem listens on http://{address}"))?;
        first_admin(&app)?;
        serve(app, listener).await
    })
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

/// Takes the address, or one of the next `n_others` ports where it is taken.
pub(super) async fn listen(address: SocketAddr, n_others: u16) -> Result<TcpListener> {
    let mut last = None;
    for step in 0..=n_others.min(OTHER_PORTS) {
        let Some(port) = address.port().checked_add(step) else { break };
        match TcpListener::bind(SocketAddr::new(address.ip(), port)).await {
            Ok(listener) => return Ok(listener),
            Err(cause) => last = Some(cause),
        }
    }
    let refusal = Error::operator(
        "address_unusable",
        format!("{address} cannot be listened on: another program may use it. Choose one with --listen."),
    );
    Err(last
        .map_or_else(|| Error::operator("address_unusable", "There is no port left."), |cause| refusal.because(cause)))
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
fn refuse_open_demo(app: &App, listener: &TcpListener) -> Result<()> {
    let address = listener.local_addr().or_internal("reading the address")?;
    if app.demo.is_some() && !address.ip().is_loopback() {
        return Err(Error::operator(
            "open_demo",
            "This data directory holds the demo, whose passwords everybody knows: it may only listen on 127.0.0.1.",
        ));
    }
    Ok(())
}

/// Serves until the process is asked to stop, then drains, writes out and lets go.
pub(super) async fn serve(app: App, listener: TcpListener) -> Result<()> {
    let workers = app.start_workers()?;
    let backups = app.backups.clone();
    let keeper = tokio::task::spawn_blocking(move || backups.keep()).await.or_internal("starting the backups")??;
    let router = web::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let (stop, mut stopping) = watch::channel(false);
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        asked_to_stop().await;
        // Whoever pressed the keys hears at once that they were heard; nobody may be there to read it.
        drop(writeln!(std::io::stderr(), "Stopping: finishing what is under way."));
        tracing::info!("stopping: no new connections, finishing what is under way");
        stop.send_replace(true);
    });
    let patience = Duration::from_secs(app.config.server.drain_seconds);
    let drained = async move {
        // An error means that the server is gone already.
        drop(stopping.wait_for(|is_stopping| *is_stopping).await);
        tokio::time::sleep(patience).await;
    };
    tokio::select! {
        outcome = server.into_future() => outcome.or_internal("serving")?,
        () = drained => tracing::warn!("some requests did not end in time and were cut off"),
    }
    tokio::task::spawn_blocking(move || come_to_rest(&app, workers, keeper)).await.or_internal("coming to rest")??;
    tracing::info!("stopped");
    Ok(())
}

fn come_to_rest(app: &App, workers: Workers, keeper: Keeper) -> Result<()> {
    workers.stop();
    keeper.stop();
    app.rest()?;
    // Last of all, when nothing writes any more: the stopped directory holds its newest state twice.
    app.backups.refresh_snapshot(&AtomicBool::new(false));
    Ok(())
}

/// Resolves on Ctrl-C and on SIGTERM.
async fn asked_to_stop() {
    let interrupt = async {
        // Without a handler the signal ends the process at once, which loses nothing either.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
