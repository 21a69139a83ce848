//! `tandem serve`: listens, answers, and stops without losing anything.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args as ClapArgs;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::say;
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Flags};
use crate::error::{Error, OrInternal, Result};
use crate::web;

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
}

pub(super) fn run(flags: Flags, args: Args) -> Result<()> {
    let config = Config::load(&Flags { listen: args.listen, log_format: args.log_format, ..flags })?;
    super::log(&config, None);
    runtime()?.block_on(async {
        // The port is taken first: a second server fails before it touches anything.
        let listener = listen(config.server.listen, 0).await?;
        let app = App::open(config, Clock::System, "serve")?;
        refuse_open_demo(&app, &listener)?;
        let address = listener.local_addr().or_internal("reading the address")?;
        say(&format!("Tandem listens on http://{address}"))?;
        serve(app, listener).await
    })
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
    let router = web::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let (stop, mut stopping) = watch::channel(false);
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        asked_to_stop().await;
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
    tokio::task::spawn_blocking(move || {
        workers.stop();
        app.rest()
    })
    .await
    .or_internal("coming to rest")??;
    tracing::info!("stopped");
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
