//! Where connections come in: an address, one with TLS, or a socket in the file system. Whoever is slow to shake hands
//! holds up nobody else, and a certificate that is renewed is taken up without a restart.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::serve::Listener as Incoming;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::acme;
use crate::config::{Config, Listen};
use crate::error::{Error, Result};

/// How long a client may take to shake hands.
const PATIENCE: Duration = Duration::from_secs(10);

/// Handshakes under way at once; further ones wait in the system's own queue.
const MOST_HANDSHAKES: usize = 256;

/// How often it is looked whether the certificate has been renewed.
const LOOK: Duration = Duration::from_mins(1);

/// A connection, whichever way it came.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Takes connections in.
pub(super) struct Listener {
    place: Place,
    handshakes: JoinSet<Option<(Box<dyn Stream>, SocketAddr)>>,
}

enum Place {
    Plain(TcpListener),
    Tls(TcpListener, Box<Tls>),
    #[cfg(unix)]
    Socket(tokio::net::UnixListener, PathBuf),
}

impl Listener {
    /// Takes the place that the settings name.
    ///
    /// # Errors
    /// `address_unusable`, or what is wrong with the certificate.
    pub(super) async fn open(config: &Config) -> Result<Self> {
        let server = &config.server;
        let place = match &server.listen {
            Listen::Socket(path) => socket(path).await?,
            Listen::Address(address) => {
                let listener = TcpListener::bind(address).await.map_err(|cause| taken(&server.listen, cause))?;
                match server.tls_files() {
                    Some((certificate, key)) => Place::Tls(listener, Box::new(Tls::read(certificate, key)?)),
                    None if config.tls.acme.is_on() => {
                        Place::Tls(listener, Box::new(Tls::Acme(acme::acceptor(config)?)))
                    }
                    None => Place::Plain(listener),
                }
            }
        };
        Ok(Self { place, handshakes: JoinSet::new() })
    }

    /// Takes connections from a listener that is there already.
    pub(super) fn plain(listener: TcpListener) -> Self {
        Self { place: Place::Plain(listener), handshakes: JoinSet::new() }
    }

    /// Where it listens, with the port that it was given.
    pub(super) fn listens(&self) -> std::io::Result<Listen> {
        match &self.place {
            Place::Plain(listener) | Place::Tls(listener, _) => listener.local_addr().map(Listen::Address),
            #[cfg(unix)]
            Place::Socket(_, path) => Ok(Listen::Socket(path.clone())),
        }
    }
}

#[cfg(unix)]
impl Drop for Listener {
    fn drop(&mut self) {
        if let Place::Socket(_, path) = &self.place {
            // Gone already is as good.
            drop(std::fs::remove_file(path));
        }
    }
}

impl Incoming for Listener {
    type Io = Box<dyn Stream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match &mut self.place {
            Place::Plain(listener) => {
                let (stream, peer) = Incoming::accept(listener).await;
                (boxed(stream), peer)
            }
            Place::Tls(listener, tls) => loop {
                tokio::select! {
                    // Who cannot shake hands, or takes too long, is let go.
                    Some(shaken) = self.handshakes.join_next() => if let Ok(Some(arrived)) = shaken {
                        return arrived;
                    },
                    (stream, peer) = Incoming::accept(listener), if self.handshakes.len() < MOST_HANDSHAKES => {
                        self.handshakes.spawn(shake_hands(tls.acceptor(), stream, peer));
                    },
                }
            },
            #[cfg(unix)]
            Place::Socket(listener, _) => {
                let (stream, _) = Incoming::accept(listener).await;
                // Whoever may open the socket is on this machine.
                (Box::new(stream), SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.listens()?.address().unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))
    }
}

fn boxed(stream: TcpStream) -> Box<dyn Stream> {
    // Answers go out whole: waiting for more to send with them only costs time. A socket that cannot is as good.
    drop(stream.set_nodelay(true));
    Box::new(stream)
}

async fn shake_hands(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
) -> Option<(Box<dyn Stream>, SocketAddr)> {
    drop(stream.set_nodelay(true));
    let shaken = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await.ok()?.ok()?;
    // The authority only wanted to see the certificate.
    let is_challenge = shaken.get_ref().1.alpn_protocol() == Some(acme::CHALLENGE);
    (!is_challenge).then(|| (Box::new(shaken) as Box<dyn Stream>, peer))
}

fn taken(place: &Listen, cause: std::io::Error) -> Error {
    Error::operator(
        "address_unusable",
        format!("{place} cannot be listened on: another program may use it. Choose one with --listen."),
    )
    .because(cause)
}

/// Binds the socket, in the place of one that nobody listens on any more. Its group may connect too: the proxy's.
#[cfg(unix)]
async fn socket(path: &Path) -> Result<Place> {
    use std::os::unix::fs::PermissionsExt;
    let place = Listen::Socket(path.to_owned());
    if path.exists() && tokio::net::UnixStream::connect(path).await.is_err() {
        // What is in the way is found out by binding.
        drop(std::fs::remove_file(path));
    }
    let listener = tokio::net::UnixListener::bind(path).map_err(|cause| taken(&place, cause))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(|cause| taken(&place, cause))?;
    Ok(Place::Socket(listener, path.to_owned()))
}

#[cfg(not(unix))]
async fn socket(_: &Path) -> Result<Place> {
    Err(Error::operator("address_unusable", "This system has no sockets in the file system: listen on an address."))
}

/// Where certificates come from.
enum Tls {
    /// From files that somebody else writes.
    Files(Files),
    /// By themselves.
    Acme(TlsAcceptor),
}

impl Tls {
    fn read(certificate: &Path, key: &Path) -> Result<Self> {
        let acceptor = acceptor(certificate, key)?;
        let written = written(certificate, key);
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        Ok(Self::Files(Files { certificate, key, acceptor, written, looked: Instant::now() }))
    }

    /// What shakes hands, as it stands now.
    fn acceptor(&mut self) -> TlsAcceptor {
        match self {
            Self::Files(files) => files.acceptor(),
            Self::Acme(acceptor) => acceptor.clone(),
        }
    }
}

/// A certificate with its key, and when the files were written.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    acceptor: TlsAcceptor,
    written: Option<SystemTime>,
    looked: Instant,
}

impl Files {
    /// What shakes hands: with the certificate as it stands now, or with the one before where the new one is no good.
    fn acceptor(&mut self) -> TlsAcceptor {
        if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            let now = written(&self.certificate, &self.key);
            if now != self.written {
                match acceptor(&self.certificate, &self.key) {
                    Ok(acceptor) => {
                        tracing::info!("the certificate was renewed");
                        (self.acceptor, self.written) = (acceptor, now);
                    }
                    Err(refusal) => {
                        tracing::error!(cause = refusal.cause(), "the renewed certificate cannot be used: {refusal}");
                    }
                }
            }
        }
        self.acceptor.clone()
    }
}

fn written(certificate: &Path, key: &Path) -> Option<SystemTime> {
    let of = |path: &Path| std::fs::metadata(path).ok()?.modified().ok();
    of(certificate).max(of(key))
}

/// Reads a chain of certificates and its key, both as PEM.
fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
    let wrong = |key: &str, problem: &str| Error::operator("config", format!("server.{key} {problem}."));
    let pem = |path: &Path, name: &str| {
        std::fs::read(path)
            .map_err(|cause| wrong(name, &format!("names {}, which cannot be read", path.display())).because(cause))
    };
    let (chain, secret) = (pem(certificate, "tls_certificate")?, pem(key, "tls_key")?);
    let chain = CertificateDer::pem_slice_iter(&chain).collect::<Result<Vec<_>, _>>().unwrap_or_default();
    if chain.is_empty() {
        return Err(wrong("tls_certificate", "must name a file of certificates in PEM form"));
    }
    let secret = PrivateKeyDer::from_pem_slice(&secret)
        .map_err(|_| wrong("tls_key", "must name a file that holds a private key in PEM form"))?;
    let unusable = |cause: rustls::Error| wrong("tls_key", "does not belong to server.tls_certificate").because(cause);
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
