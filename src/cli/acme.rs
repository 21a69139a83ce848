//! Certificates that come by themselves (ACME, TLS-ALPN-01): asked for over the very port that is listened on, kept in
//! the data directory, renewed in time. While the authority cannot be reached, Tandem goes on and says why.

use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_acme::caches::DirCache;
use rustls_acme::{AcmeConfig, AcmeState, EventOk};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::TlsAcceptor;

use crate::config::{Acme, Config};
use crate::db::files;
use crate::error::{Error, OrInternal, Result};

/// What the authority speaks when it looks whether a name is ours.
pub(super) const CHALLENGE: &[u8] = b"acme-tls/1";

/// Where in the data directory certificates and the account's key are kept. They are in no backup: new ones come.
const PLACE: &str = "acme";

/// What shakes hands with the certificate that there is. Certificates are asked for from this call on.
///
/// # Errors
/// `config`, where the authority's own certificates cannot be read; what stands in the way of the directory.
pub(super) fn acceptor(config: &Config) -> Result<TlsAcceptor> {
    let settings = &config.tls.acme;
    let place = config.data_dir.join(PLACE);
    files::make_private(&place).map_err(|cause| {
        let problem = format!("{} cannot be made: certificates are kept there.", place.display());
        Error::operator("directory_unusable", problem).because(cause)
    })?;
    let contact = (!settings.contact.is_empty()).then(|| format!("mailto:{}", settings.contact));
    let state = AcmeConfig::new_with_client_config(&settings.domains, client(settings)?)
        .directory(&settings.directory)
        .contact(contact)
        .cache(DirCache::new(place))
        .state();
    let mut tls = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .or_internal("preparing TLS")?
        .with_no_client_auth()
        .with_cert_resolver(state.resolver());
    tls.alpn_protocols = vec![b"http/1.1".to_vec(), CHALLENGE.to_vec()];
    tokio::spawn(follow(state, settings.domains.join(", ")));
    Ok(TlsAcceptor::from(Arc::new(tls)))
}

/// A process has one implementation of cryptography.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// How the authority is spoken to.
fn client(settings: &Acme) -> Result<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .or_internal("preparing TLS")?;
    let config = if settings.directory_ca.is_empty() {
        builder.with_platform_verifier().or_internal("reading the system's certificates")?.with_no_client_auth()
    } else {
        builder.with_root_certificates(roots(Path::new(&settings.directory_ca))?).with_no_client_auth()
    };
    Ok(Arc::new(config))
}

fn roots(file: &Path) -> Result<RootCertStore> {
    let wrong = || Error::operator("config", "tls.acme.directory_ca must name a file of certificates in PEM form.");
    let pem = std::fs::read(file).map_err(|cause| wrong().because(cause))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| wrong())?;
        roots.add(certificate).map_err(|cause| wrong().because(cause))?;
    }
    if roots.is_empty() { Err(wrong()) } else { Ok(roots) }
}

/// Asks for certificates for as long as Tandem runs; what goes wrong is tried again, later each time.
async fn follow(mut state: AcmeState<std::io::Error>, domains: String) {
    let mut has_certificate = false;
    while let Some(event) = poll_fn(|cx| Pin::new(&mut state).poll_next(cx)).await {
        match event {
            Ok(EventOk::DeployedNewCert) => {
                has_certificate = true;
                tracing::info!(domains, "a new certificate is in use");
            }
            Ok(EventOk::DeployedCachedCert) => {
                has_certificate = true;
                tracing::info!(domains, "the certificate in the data directory is in use");
            }
            Ok(EventOk::CertCacheStore | EventOk::AccountCacheStore) => {}
            Err(cause) if has_certificate => {
                tracing::error!(domains, %cause, "the certificate could not be renewed; it is tried again");
            }
            Err(cause) => {
                tracing::error!(domains, %cause, "there is no certificate yet, so nobody can connect; it is tried again");
            }
        }
    }
}
