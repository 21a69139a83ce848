//! `tandem health`: asks a running Tandem whether it lives, for containers and scripts.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args as ClapArgs;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use super::say;
use crate::config::{Config, Flags, Listen};
use crate::error::{Error, OrInternal, Result};

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of an answer that are read; `ok` needs few.
const MOST: u64 = 64 * 1024;

/// How an answer looks of one that lives.
const ALIVE: &str = "HTTP/1.1 200 OK\r\n\r\nok";

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The address to ask, like `http://127.0.0.1:8080` [default: where the settings say that it listens]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

pub(super) fn run(flags: Flags, args: Args) -> Result<()> {
    let answer = match args.url {
        Some(url) => {
            let authority = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
            let authority = authority.filter(|it| !it.is_empty() && !it.contains('/')).ok_or_else(|| {
                Error::operator("bad_url", "--url must be like http://127.0.0.1:8080: plain, and without a path.")
            })?;
            let place = if authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
                authority.to_owned()
            } else {
                format!("{authority}:80")
            };
            let mut places = place.to_socket_addrs().map_err(|cause| silent(authority).because(cause))?;
            let address = places.next().ok_or_else(|| silent(authority))?;
            tcp(address).and_then(|stream| converse(stream, authority)).map_err(|it| silent(authority).because(it))
        }
        None => ask(&Config::load(&flags)?),
    }?;
    if answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nok") {
        return say("ok");
    }
    let line = answer.lines().next().unwrap_or_default().chars().filter(|it| !it.is_control()).collect::<String>();
    Err(Error::operator("unhealthy", format!("It answers, but not as Tandem does: {line}")))
}

/// Whether the Tandem of these settings says that it lives.
pub(super) fn is_alive(config: &Config) -> bool {
    ask(config).is_ok_and(|answer| answer.ends_with("\r\n\r\nok"))
}

/// Asks the Tandem of these settings, whichever way it listens.
fn ask(config: &Config) -> Result<String> {
    let server = &config.server;
    let place = server.listen.to_string();
    let answer = match &server.listen {
        Listen::Socket(path) => socket(path),
        Listen::Address(address) if config.has_tls() => {
            // A certificate that came by itself is in no file that the settings name.
            let ours = server.tls_files().map(|(certificate, _)| read(certificate)).transpose()?;
            let tls = pinned(ours)?;
            tcp(here(*address)).and_then(|stream| {
                let name = ServerName::from(here(*address).ip());
                let connection = ClientConnection::new(tls, name).map_err(std::io::Error::other)?;
                converse(StreamOwned::new(connection, stream), &place)
            })
        }
        Listen::Address(address) => tcp(here(*address)).and_then(|stream| converse(stream, &place)),
    };
    match answer {
        Err(cause) if config.tls.acme.is_on() && has_no_certificate(&cause) => Ok(ALIVE.to_owned()),
        answer => answer.map_err(|cause| silent(&place).because(cause)),
    }
}

/// Whether somebody was there who has no certificate yet. They live, and starting them anew would not bring them one.
fn has_no_certificate(cause: &std::io::Error) -> bool {
    let told = cause.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>());
    matches!(told, Some(rustls::Error::AlertReceived(_)))
}

fn read(certificate: &Path) -> Result<CertificateDer<'static>> {
    let pem = std::fs::read(certificate).or_internal("reading the certificate")?;
    CertificateDer::from_pem_slice(&pem).or_internal("reading the certificate")
}

fn silent(place: &str) -> Error {
    Error::operator("unhealthy", format!("No Tandem answers on {place}."))
}

/// Every address of this machine is asked by its loopback.
fn here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

fn tcp(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

#[cfg(unix)]
fn socket(path: &Path) -> std::io::Result<String> {
    let stream = std::os::unix::net::UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    converse(stream, "localhost")
}

#[cfg(not(unix))]
fn socket(_: &Path) -> std::io::Result<String> {
    Err(std::io::ErrorKind::Unsupported.into())
}

fn converse(mut stream: impl Read + Write, host: &str) -> std::io::Result<String> {
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    stream.flush()?;
    let mut answer = Vec::new();
    match stream.take(MOST).read_to_end(&mut answer) {
        // Some hang up without saying goodbye, after the answer.
        Err(cause) if answer.is_empty() => Err(cause),
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

/// Trusts the very certificate that the settings name, or any where they name none: it is made out to a name, and asked
/// by an address; and no secret is told.
fn pinned(ours: Option<CertificateDer<'static>>) -> Result<Arc<ClientConfig>> {
    let provider = ring::default_provider();
    let verifier = Pinned { ours, algorithms: provider.signature_verification_algorithms };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .or_internal("preparing TLS")?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct Pinned {
    ours: Option<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.ours.as_ref().is_none_or(|ours| shown == ours) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General("another certificate than the one in the settings".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
