//! `server.listen`: an address with a port, or a socket in the file system.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What the name of a socket begins with.
const SOCKET: &str = "unix:";

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// `127.0.0.1:8080`
    Address(SocketAddr),
    /// `unix:/run/tandem/tandem.sock`
    Socket(PathBuf),
}

impl Listen {
    /// The address, where it is one.
    pub const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Socket(_) => None,
        }
    }

    /// Whether only programs on this machine can connect.
    pub fn is_local(&self) -> bool {
        self.address().is_none_or(|address| address.ip().is_loopback())
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix(SOCKET) {
            Some(path) if path.starts_with('/') => Ok(Self::Socket(PathBuf::from(path))),
            Some(_) => Err("must name a socket by its whole path, like unix:/run/tandem/tandem.sock"),
            None => text.parse().map(Self::Address).map_err(
                |_| "must be an address with a port like 127.0.0.1:8080, or a socket like unix:/run/tandem/tandem.sock",
            ),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Socket(path) => write!(f, "{SOCKET}{}", path.display()),
        }
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_a_socket_are_read_and_written_alike() {
        for text in ["127.0.0.1:8080", "[::]:80", "unix:/run/tandem/tandem.sock"] {
            assert_eq!(text.parse::<Listen>().expect("read").to_string(), text);
        }
        for wrong in ["", "8080", "localhost:80", "unix:", "unix:tandem.sock"] {
            assert!(wrong.parse::<Listen>().is_err(), "{wrong}");
        }
        let is_local = |text: &str| text.parse::<Listen>().expect("read").is_local();
        assert!(is_local("127.0.0.1:1") && is_local("unix:/a") && !is_local("0.0.0.0:80"));
    }
}
