//! Whose network address a request comes from. Forwarded headers are believed only from the
//! proxies that the operator named; rate limits, locks, logins and the audit log all ask here.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Version, header};
use ipnet::IpNet;

/// The header that proxies add to: the client first, then each proxy but the last.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Where a request comes from, once worked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client(pub IpAddr);

impl Client {
    /// Works it out from the socket's peer and, where that is a trusted proxy, from what it forwards.
    pub fn of(extensions: &Extensions, headers: &HeaderMap, proxies: &[IpNet]) -> Self {
        // Without a socket (a test that drives the router in memory) everybody is one neighbour.
        let peer = extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V6(Ipv6Addr::LOCALHOST), |ConnectInfo(peer)| peer.ip());
        let is_trusted = |address: IpAddr| proxies.iter().any(|net| net.contains(&address.to_canonical()));
        let mut client = peer.to_canonical();
        let forwarded: Vec<&str> = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .collect();
        // From the nearest backwards: what stands left of the first untrusted address anybody could have written.
        for hop in forwarded.iter().rev() {
            if !is_trusted(client) {
                break;
            }
            let Some(address) = parse(hop) else { break };
            client = address.to_canonical();
        }
        Self(client)
    }

    /// What counts as one neighbour: an IPv4 address, or the half of an IPv6 address that a site is given.
    pub fn network(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(address) => {
                let site = u128::from(address) >> 64 << 64;
                IpAddr::V6(Ipv6Addr::from(site))
            }
        }
    }

    /// Whether the request comes from this very machine.
    pub const fn is_loopback(self) -> bool {
        self.0.is_loopback()
    }
}

/// What proxies add when they pass a request on. Any of them is enough to be taken for passed on: whoever forges one
/// only loses.
const TRACES_OF_PROXIES: [&str; 8] = [
    "forwarded",
    FORWARDED_FOR,
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
    "via",
    "cf-connecting-ip",
];

/// Whether a program on this very machine asks by itself. Behind a proxy everybody's peer is the proxy, so that a
/// request which was passed on, or that may have been, is nobody's neighbour.
pub struct Neighbour(pub bool);

impl Neighbour {
    fn of(request: &Parts) -> Self {
        let peer = request.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let is_local = peer.is_none_or(|peer| peer.to_canonical().is_loopback());
        let is_passed_on = TRACES_OF_PROXIES.iter().any(|name| request.headers.contains_key(*name));
        // A proxy that adds nothing still hands on the name that people type, or speaks the protocol of 1996.
        let host = request.headers.get(header::HOST).and_then(|it| it.to_str().ok()).or(request.uri.host());
        let is_by_name_of_ours = host.is_none_or(names_this_machine);
        Self(is_local && !is_passed_on && is_by_name_of_ours && request.version >= Version::HTTP_11)
    }
}

fn names_this_machine(host: &str) -> bool {
    let without_port = if host.ends_with(']') { host } else { host.rsplit_once(':').map_or(host, |(name, _)| name) };
    let bare = without_port.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

impl<S: Send + Sync> FromRequestParts<S> for Neighbour {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

/// An address, with a port or brackets around it or not.
fn parse(hop: &str) -> Option<IpAddr> {
    hop.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|it| it.ip())).or_else(|| {
        let inner = hop.strip_prefix('[')?.strip_suffix(']')?;
        inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str], proxies: &[&str]) -> String {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().expect("an address"), 4000)));
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, line.parse().expect("a header"));
        }
        let proxies: Vec<IpNet> = proxies.iter().map(|net| net.parse().expect("a network")).collect();
        Client::of(&extensions, &headers, &proxies).0.to_string()
    }

    #[test]
    fn nobody_is_believed_but_named_proxies() {
        assert_eq!(client("192.0.2.9", &["127.0.0.1"], &[]), "192.0.2.9");
        assert_eq!(client("127.0.0.1", &["198.51.100.7"], &[]), "127.0.0.1", "not even a neighbour");
        assert_eq!(client("192.0.2.9", &["127.0.0.1"], &["10.0.0.0/8"]), "192.0.2.9");
    }

    #[test]
    fn behind_proxies_it_is_the_nearest_address_that_is_no_proxy() {
        let proxies = ["10.0.0.0/8", "127.0.0.1/32", "2001:db8::/32"];
        assert_eq!(client("10.0.0.1", &["198.51.100.7"], &proxies), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["203.0.113.1, 198.51.100.7, 10.0.0.2"], &proxies), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["127.0.0.1, 198.51.100.7"], &proxies), "198.51.100.7", "a forged start");
        assert_eq!(client("10.0.0.1", &["203.0.113.1", "198.51.100.7"], &proxies), "198.51.100.7", "two lines");
        assert_eq!(client("::ffff:10.0.0.1", &["198.51.100.7:5123"], &proxies), "198.51.100.7");
        assert_eq!(client("2001:db8::1", &["[2001:db9::5]"], &proxies), "2001:db9::5");
        assert_eq!(client("10.0.0.1", &["nonsense"], &proxies), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[], &proxies), "10.0.0.1");
    }

    fn is_neighbour(peer: &str, host: &str, others: &[(&'static str, &str)], version: Version) -> bool {
        let peer = SocketAddr::new(peer.parse().expect("an address"), 4000);
        let mut request = axum::http::Request::builder().uri("/metrics").version(version).header(header::HOST, host);
        for (name, value) in others {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        parts.extensions.insert(ConnectInfo(peer));
        Neighbour::of(&parts).0
    }

    #[test]
    fn only_who_asks_by_itself_on_this_machine_is_a_neighbour() {
        let new = Version::HTTP_11;
        for (peer, host) in [
            ("127.0.0.1", "127.0.0.1:8080"),
            ("::1", "[::1]:8080"),
            ("::1", "[::1]"),
            ("::ffff:127.0.0.1", "localhost"),
            ("127.0.0.2", "LOCALHOST:80"),
        ] {
            assert!(is_neighbour(peer, host, &[], new), "{peer} {host}");
        }
        assert!(!is_neighbour("192.0.2.9", "127.0.0.1:8080", &[], new), "from elsewhere");
        assert!(!is_neighbour("127.0.0.1", "mentors.example.org", &[], new), "by the name that people type");
        assert!(!is_neighbour("127.0.0.1", "127.0.0.1.example.org", &[], new));
        assert!(!is_neighbour("127.0.0.1", "127.0.0.1:8080", &[], Version::HTTP_10), "a proxy that adds nothing");
        for name in TRACES_OF_PROXIES {
            assert!(!is_neighbour("127.0.0.1", "127.0.0.1:8080", &[(name, "127.0.0.1")], new), "{name}");
        }
    }

    #[test]
    fn an_ipv6_site_is_one_neighbour() {
        let network = |address: &str| Client(address.parse().expect("an address")).network().to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("192.0.2.9"), "192.0.2.9");
    }
}
