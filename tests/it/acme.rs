//! Certificates that come by themselves, from an authority that is played here: it looks over the port that is listened
//! on whether the name is ours, as the real one does, and signs what it is asked to.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, ServerConfig, ServerConnection, SignatureScheme};
use rustls::{RootCertStore, StreamOwned};
use serde_json::{Value, json};

use crate::binary::command;

const NAME: &str = "mentors.example.org";
const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mail_server.pem");
const OWN_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mail_server.key.pem");

/// How long a test waits for what must come.
const LONG: Duration = Duration::from_mins(1);

fn versions() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    builder.with_safe_default_protocol_versions().expect("ring knows all versions")
}

/// Believes everybody, and remembers what it was shown.
#[derive(Debug, Default)]
struct Credulous(Mutex<Vec<u8>>);

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().expect("whole") = shown.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Whether whoever listens there shows that the name is theirs: a certificate with the extension of RFC 8737.
fn proves_the_name(tandem: &str) -> bool {
    let seen = Arc::new(Credulous::default());
    let verifier = Arc::<Credulous>::clone(&seen);
    let mut config = versions().dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let name = ServerName::try_from(NAME).expect("a name");
    let mut connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut stream = TcpStream::connect(tandem).expect("it listens");
    stream.set_read_timeout(Some(LONG)).expect("set");
    while connection.is_handshaking() {
        if connection.complete_io(&mut stream).is_err() {
            return false;
        }
    }
    // The object identifier 1.3.6.1.5.5.7.1.31, as it stands in a certificate.
    let extension = [0x2B, 6, 1, 5, 5, 7, 1, 31];
    let is_there = seen.0.lock().expect("whole").windows(extension.len()).any(|part| part == extension);
    is_there && connection.alpn_protocol() == Some(b"acme-tls/1")
}

/// The authority.
struct Authority {
    address: String,
    root: String,
    asked: Arc<Mutex<BTreeSet<String>>>,
}

#[derive(Default)]
struct Order {
    is_proven: bool,
    certificate: String,
}

impl Authority {
    /// One that looks at `tandem`.
    fn open(tandem: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let address = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
        let chain = vec![CertificateDer::from_pem_file(OWN).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_file(OWN_KEY).expect("a key");
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring knows all versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("they belong together");
        let tls = Arc::new(tls);
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = params.self_signed(&key).expect("signed");
        let (root, asked) = (issuer.pem(), Arc::default());
        let (base, noted) = (address.clone(), Arc::clone(&asked));
        std::thread::spawn(move || {
            let mut order = Order::default();
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = ServerConnection::new(Arc::clone(&tls)).expect("a server");
                let mut stream = StreamOwned::new(connection, stream);
                let Some((path, body)) = request(&mut stream) else { continue };
                let noted: &Mutex<BTreeSet<String>> = &noted;
                noted.lock().expect("whole").insert(path.clone());
                let sign = |csr: &[u8]| {
                    let csr = rcgen::CertificateSigningRequestParams::from_der(&csr.into()).expect("a request");
                    csr.signed_by(&issuer, &key).expect("signed").pem()
                };
                let mut body = answer(&base, &tandem, &path, &body, &mut order, sign);
                if path == "/nonce" {
                    // It is asked for with HEAD.
                    body.clear();
                }
                drop(write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nReplay-Nonce: bm9uY2U\r\nLocation: {base}{path}/1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
                    body.len(),
                    body
                ));
                drop(stream.flush());
                stream.conn.send_close_notify();
                drop(stream.flush());
            }
        });
        Self { address, root, asked }
    }

    fn has_been_asked(&self, path: &str) -> bool {
        self.asked.lock().expect("whole").contains(path)
    }
}

fn request(stream: &mut impl Read) -> Option<(String, Value)> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let lower = line.to_ascii_lowercase();
        if let Some(n) = lower.strip_prefix("content-length:") {
            length = n.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let signed: Value = serde_json::from_slice(&body).unwrap_or_default();
    let payload = signed["payload"].as_str().unwrap_or_default();
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    Some((path, serde_json::from_slice(&payload).unwrap_or_default()))
}

fn answer(
    base: &str,
    tandem: &str,
    path: &str,
    body: &Value,
    order: &mut Order,
    sign: impl FnOnce(&[u8]) -> String,
) -> String {
    let shown = |status: &str, order: &Order| {
        let mut shown = json!({ "status": status, "authorizations": [format!("{base}/authz")], "finalize": format!("{base}/finalize") });
        if !order.certificate.is_empty() {
            shown["certificate"] = json!(format!("{base}/certificate"));
        }
        shown
    };
    let told = match path {
        "/directory" => json!({
            "newNonce": format!("{base}/nonce"), "newAccount": format!("{base}/account"), "newOrder": format!("{base}/order"),
        }),
        "/account" => {
            assert_eq!(body["termsOfServiceAgreed"], true);
            assert_eq!(body["contact"], json!(["mailto:ops@example.org"]));
            json!({})
        }
        "/order" => {
            assert_eq!(body["identifiers"], json!([{ "type": "dns", "value": NAME }]));
            shown("pending", order)
        }
        "/order/1" => shown(if order.is_proven { "ready" } else { "pending" }, order),
        "/authz" => json!({
            "status": if order.is_proven { "valid" } else { "pending" },
            "identifier": { "type": "dns", "value": NAME },
            "challenges": [{ "type": "tls-alpn-01", "url": format!("{base}/challenge"), "token": "dG9rZW4" }],
        }),
        "/challenge" => {
            order.is_proven = proves_the_name(tandem);
            json!({})
        }
        "/finalize" => {
            assert!(order.is_proven, "only what was proven is signed");
            let csr = BASE64_URL_SAFE_NO_PAD.decode(body["csr"].as_str().expect("a request")).expect("Base64");
            order.certificate = sign(&csr);
            shown("valid", order)
        }
        "/certificate" => return order.certificate.clone(),
        _ => json!({}),
    };
    told.to_string()
}

/// A server that asks an authority.
struct Server {
    child: Child,
    address: String,
    _out: BufReader<std::process::ChildStdout>,
    log: Arc<Mutex<String>>,
}

/// A port that was free a moment ago: the authority must know where to look before anybody listens.
fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("an address").to_string()
}

fn settings(address: &str, directory: &str) -> [(&'static str, String); 6] {
    [
        ("TANDEM_SERVER__LISTEN", address.to_owned()),
        ("TANDEM_TLS__ACME__DOMAINS", format!("[\"{NAME}\"]")),
        ("TANDEM_TLS__ACME__CONTACT", "ops@example.org".to_owned()),
        ("TANDEM_TLS__ACME__AGREE_TO_TERMS", "true".to_owned()),
        ("TANDEM_TLS__ACME__DIRECTORY", format!("{directory}/directory")),
        ("TANDEM_TLS__ACME__DIRECTORY_CA", OWN.to_owned()),
    ]
}

impl Server {
    fn start(data: &Path, address: &str, directory: &str) -> Self {
        let mut serve = command(&["--data-dir", &data.display().to_string(), "serve"]);
        serve.envs(settings(address, directory)).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = serve.spawn().expect("it starts");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let log = Arc::<Mutex<String>>::default();
        let (told, errors) = (Arc::clone(&log), child.stderr.take().expect("piped"));
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                told.lock().expect("whole").push_str(&(line + "\n"));
            }
        });
        let mut line = String::new();
        out.read_line(&mut line).expect("it says where it listens");
        assert!(line.contains(&format!("https://{address}")), "{line}: {}", log.lock().expect("whole"));
        Self { child, address: address.to_owned(), _out: out, log }
    }

    /// What a client that trusts `root` alone gets, if anything.
    fn get(&self, root: &str) -> Option<String> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(root.as_bytes()).expect("a certificate")).expect("it is one");
        let config = versions().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(NAME).expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(LONG)).expect("set");
        let mut stream = StreamOwned::new(connection, stream);
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        (!answer.is_empty()).then(|| String::from_utf8_lossy(&answer).into_owned())
    }

    fn log(&self) -> String {
        self.log.lock().expect("whole").clone()
    }

    fn is_healthy(&self, directory: &str) -> bool {
        let mut health = command(&["health"]);
        health.envs(settings(&self.address, directory)).output().expect("it runs").status.success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LONG, "{what} never happened");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_certificate_comes_by_itself_and_is_there_again_after_a_restart() {
    let home = tempfile::tempdir().expect("a directory");
    let address = free_port();
    let authority = Authority::open(address.clone());
    let server = Server::start(home.path(), &address, &authority.address);
    wait_for("an answer over the new certificate", || {
        assert!(!server.log().contains("no certificate yet"), "{}", server.log());
        server.get(&authority.root).is_some_and(|answer| answer.ends_with("ok"))
    });
    assert!(server.is_healthy(&authority.address));
    let place = home.path().join("acme");
    wait_for("the certificate to be kept", || std::fs::read_dir(&place).expect("there").count() > 1);
    assert!(server.log().contains("a new certificate is in use"), "{}", server.log());
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&place).expect("there").permissions());
    assert_eq!(mode & 0o077, 0, "keys are their owner's alone");
    drop(server);
    assert!(authority.has_been_asked("/finalize"));
    authority.asked.lock().expect("whole").clear();
    let server = Server::start(home.path(), &address, &authority.address);
    wait_for("an answer over the certificate that was kept", || {
        server.get(&authority.root).is_some_and(|answer| answer.ends_with("ok"))
    });
    assert!(server.log().contains("the certificate in the data directory is in use"), "{}", server.log());
    assert!(!authority.has_been_asked("/finalize"), "nobody was asked for another");
}

#[test]
fn without_an_authority_it_says_why_and_goes_on() {
    let home = tempfile::tempdir().expect("a directory");
    let address = free_port();
    let mut server = Server::start(home.path(), &address, "https://localhost:1");
    wait_for("a word on why", || server.log().contains("there is no certificate yet, so nobody can connect"));
    assert!(server.is_healthy("https://localhost:1"), "to start it anew would not help");
    let root = std::fs::read_to_string(OWN).expect("read");
    assert_eq!(server.get(&root), None);
    assert!(server.child.try_wait().expect("asked").is_none(), "it lives");
    let asked = Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().expect("kill runs");
    assert!(asked.success() && server.child.wait().expect("it ends").success());
}

#[test]
fn settings_that_no_authority_would_take_are_refused_with_the_reason() {
    for (name, value, says) in [
        ("TANDEM_TLS__ACME__AGREE_TO_TERMS", "false", "tls.acme.agree_to_terms must be true"),
        ("TANDEM_TLS__ACME__DOMAINS", "[\"192.0.2.1\"]", "no name like mentors.example.org"),
        ("TANDEM_TLS__ACME__DOMAINS", "[\"*.example.org\"]", "no name like mentors.example.org"),
        ("TANDEM_TLS__ACME__CONTACT", "nobody", "tls.acme.contact must be an address"),
        ("TANDEM_TLS__ACME__DIRECTORY", "http://localhost", "tls.acme.directory must start with https://"),
        ("TANDEM_SERVER__LISTEN", "unix:/tmp/x", "a socket has no TLS"),
        ("TANDEM_SERVER__TLS_CERTIFICATE", OWN, "are two ways: set one of them"),
    ] {
        let mut check = command(&["config", "check"]);
        check.envs(settings("127.0.0.1:0", "https://localhost:1")).env("TANDEM_SERVER__TLS_KEY", "").env(name, value);
        let told = check.output().expect("it runs");
        let err = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(told.status.code() == Some(1) && err.contains(says), "{name}={value}: {err}");
    }
}
