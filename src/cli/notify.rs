//! Tells the service manager how it goes, the way systemd listens: datagrams to the socket that it names. Without one
//! nothing is told to anybody.

use std::time::Duration;

/// What the service manager is told.
pub(super) const READY: &str = "READY=1";
pub(super) const STOPPING: &str = "STOPPING=1";
pub(super) const WATCHDOG: &str = "WATCHDOG=1";

/// The way to the service manager.
pub(super) struct Notifier {
    #[cfg(unix)]
    socket: std::os::unix::net::UnixDatagram,
    /// How often it wants a sign of life, where it does.
    pub(super) watchdog: Option<Duration>,
}

impl Notifier {
    /// The one that started this process, if it wants to be told.
    pub(super) fn of_environment() -> Option<Self> {
        let name = std::env::var("NOTIFY_SOCKET").ok().filter(|name| !name.is_empty())?;
        let variable = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        // Where a process is named, it is that one alone that is watched.
        let is_watched = variable("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = variable("WATCHDOG_USEC").filter(|micros| is_watched && *micros > 0).map(Duration::from_micros);
        match Self::open(&name, watchdog) {
            Ok(notifier) => Some(notifier),
            Err(cause) => {
                tracing::warn!(%cause, "the service manager's socket cannot be used");
                None
            }
        }
    }

    #[cfg(unix)]
    fn open(name: &str, watchdog: Option<Duration>) -> std::io::Result<Self> {
        let socket = std::os::unix::net::UnixDatagram::unbound()?;
        match name.strip_prefix('@') {
            None => socket.connect(name)?,
            #[cfg(target_os = "linux")]
            Some(hidden) => {
                use std::os::linux::net::SocketAddrExt;
                socket.connect_addr(&std::os::unix::net::SocketAddr::from_abstract_name(hidden)?)?;
            }
            #[cfg(not(target_os = "linux"))]
            Some(_) => return Err(std::io::ErrorKind::Unsupported.into()),
        }
        Ok(Self { socket, watchdog })
    }

    #[cfg(not(unix))]
    fn open(_: &str, _: Option<Duration>) -> std::io::Result<Self> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    /// Tells it. A service manager that does not listen is no reason to stop.
    pub(super) fn tell(&self, state: &str) {
        #[cfg(unix)]
        if let Err(cause) = self.socket.send(state.as_bytes()) {
            tracing::debug!(%cause, state, "the service manager did not take a word");
        }
        #[cfg(not(unix))]
        let _ = state;
    }
}
