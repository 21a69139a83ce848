//! `tandem demo`: a filled program on this machine, with the way to sign in printed.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args as ClapArgs;
use tokio::net::TcpListener;

use super::listen::Listener;
use super::serve::{runtime, serve};
use super::{progress, say};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Flags};
use crate::demo;
use crate::error::{Error, OrInternal, Result};

/// Ports tried where the usual one is taken.
const OTHER_PORTS: u16 = 20;

/// How long the first page waits for the keyword index.
const SETTLE: Duration = Duration::from_secs(10);

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Address and port to listen on [default: 127.0.0.1:8080, or the next free port]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
}

pub(super) fn run(flags: Flags, args: Args) -> Result<()> {
    let is_port_chosen = args.listen.is_some();
    let has_directory = flags.data_dir.is_some();
    let mut config = Config::load(&Flags { listen: args.listen, ..flags })?;
    if !has_directory {
        config.data_dir = config.data_dir.join("demo");
    }
    let Some(address) = config.server.listen.address().filter(|address| address.ip().is_loopback()) else {
        return Err(Error::operator(
            "open_demo",
            "The demo's passwords are known to everybody: it listens on 127.0.0.1 alone.",
        ));
    };
    super::log(&config, Some("warn"));
    runtime()?.block_on(async {
        let listener = listen(address, if is_port_chosen { 0 } else { OTHER_PORTS }).await?;
        config.server.listen = listener.local_addr().or_internal("reading the address")?.into();
        let app = tokio::task::spawn_blocking(move || prepare(config)).await.or_internal("preparing the demo")??;
        greet(&app)?;
        serve(app, Listener::plain(listener)).await
    })
}

/// Takes the address, or one of the next ports where it is taken.
async fn listen(address: SocketAddr, n_others: u16) -> Result<TcpListener> {
    let mut last = None;
    for step in 0..=n_others {
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
    Err(match last {
        Some(cause) => refusal.because(cause),
        None => refusal,
    })
}

fn prepare(config: Config) -> Result<App> {
    let mut app = App::open(config, Clock::System, "demo")?;
    demo::fill(&app.db)?;
    let n_dead = progress::finish_jobs(&app, "Reading mentors' profiles")?;
    if n_dead > 0 {
        return Err(Error::operator(
            "demo_incomplete",
            format!("{n_dead} profiles could not be read; the log says why."),
        ));
    }
    app.matcher.settle(SETTLE);
    app.demo = demo::Demo::of(&app.db)?.map(Into::into);
    Ok(app)
}

fn greet(app: &App) -> Result<()> {
    let address = &app.config.server.listen;
    say(&format!("The demo program is ready: {} mentors on http://{address}", app.matcher.n_visible()))?;
    say("")?;
    say("Sign in at the address above with")?;
    for account in app.demo.iter().flat_map(|demo| demo.accounts()) {
        say(&format!("  {:16} {:34} {}", account.role, account.email, account.password))?;
    }
    say("")?;
    say("and ask, for example: Help with fundraising. Ctrl-C stops it.")
}
