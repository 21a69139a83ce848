//! Tandem as a service: words with the service manager, a socket and TLS to listen on, `tandem health`, the files
//! that stand in `assets/deploy/`.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::binary::{command, tandem};
use crate::smtp::CERTIFICATE;

const PATIENCE: Duration = Duration::from_mins(1);

/// A server with some settings, and the first line that it prints.
struct Service {
    child: Child,
    says: String,
    _out: BufReader<std::process::ChildStdout>,
}

impl Service {
    fn start(directory: &Path, listen: &str, variables: &[(&str, &str)]) -> Self {
        let directory = directory.display().to_string();
        let mut command = command(&["--data-dir", &directory, "serve", "--listen", listen]);
        command.envs(variables.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let mut says = String::new();
        out.read_line(&mut says).expect("it says where it listens");
        Self { child, says: says.trim().to_owned(), _out: out }
    }

    fn ask_to_stop(&self) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(asked.success());
    }

    fn ends_well(mut self) {
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0));
    }

    fn stop(self) {
        self.ask_to_stop();
        self.ends_well();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn next_word(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 512];
    let n = manager.recv(&mut buffer).expect("a word in time");
    String::from_utf8_lossy(&buffer[..n]).into_owned()
}

#[test]
fn the_service_manager_hears_of_its_start_its_life_and_its_stop() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("notify");
    let hidden = format!("tandem-test-{}", std::process::id());
    let name = SocketAddr::from_abstract_name(&hidden).expect("a name");
    for (manager, place) in [
        (UnixDatagram::bind(&path).expect("bound"), path.display().to_string()),
        (UnixDatagram::bind_addr(&name).expect("bound"), format!("@{hidden}")),
    ] {
        manager.set_read_timeout(Some(PATIENCE)).expect("set");
        let variables = [("NOTIFY_SOCKET", place.as_str()), ("WATCHDOG_USEC", "300000")];
        let service = Service::start(&home.path().join("data"), "127.0.0.1:0", &variables);
        let ready = next_word(&manager);
        assert!(ready.starts_with("READY=1\nSTATUS=Listening on http://127.0.0.1:"), "{ready}");
        for _ in 0..3 {
            assert_eq!(next_word(&manager), "WATCHDOG=1");
        }
        service.ask_to_stop();
        let last = std::iter::repeat_with(|| next_word(&manager)).find(|word| word != "WATCHDOG=1");
        assert_eq!(last.as_deref(), Some("STOPPING=1"));
        service.ends_well();
    }
}

#[test]
fn a_watchdog_of_another_process_is_not_ours() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("bound");
    manager.set_read_timeout(Some(PATIENCE)).expect("set");
    let place = path.display().to_string();
    let variables = [("NOTIFY_SOCKET", place.as_str()), ("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")];
    let service = Service::start(&home.path().join("data"), "127.0.0.1:0", &variables);
    assert!(next_word(&manager).starts_with("READY=1"));
    service.ask_to_stop();
    assert_eq!(next_word(&manager), "STOPPING=1", "no sign of life was asked for");
    service.ends_well();
}

#[test]
fn a_socket_is_listened_on_and_is_gone_after_a_stop() {
    let home = tempfile::tempdir().expect("a directory");
    let (data, path) = (home.path().join("data"), home.path().join("tandem.sock"));
    let listen = format!("unix:{}", path.display());
    let public = ("TANDEM_SERVER__PUBLIC_URL", "https://mentors.example.org");
    // What a process that died has left behind is in nobody's way.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("bound"));
    assert!(path.exists());
    let service = Service::start(&data, &listen, &[public]);
    assert_eq!(service.says, format!("Tandem listens on {}", path.display()));
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o660, "for its owner and the proxy's group");
    let get = |path_on_it: &str, headers: &str| {
        let mut stream = UnixStream::connect(&path).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        write!(stream, "GET {path_on_it} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n")
            .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    };
    assert!(get("/healthz", "").ends_with("ok"));
    assert!(get("/metrics", "").starts_with("HTTP/1.1 200"));
    assert!(get("/metrics", "X-Forwarded-For: 192.0.2.9\r\n").starts_with("HTTP/1.1 401"));
    let health = |listen: &str| {
        let mut command = command(&["health"]);
        command.env("TANDEM_SERVER__LISTEN", listen).env(public.0, public.1).output().expect("it runs")
    };
    assert_eq!(health(&listen).status.code(), Some(0));
    service.stop();
    assert!(!path.exists());
    assert_eq!(health(&listen).status.code(), Some(1));
    let alone = command(&["config", "check"]).env("TANDEM_SERVER__LISTEN", &listen).output().expect("it runs");
    assert!(
        String::from_utf8_lossy(&alone.stderr).contains("server.public_url must be set"),
        "no link could lead there"
    );
}

#[test]
fn a_certificate_makes_it_https_without_a_proxy() {
    let home = tempfile::tempdir().expect("a directory");
    let key = Path::new(CERTIFICATE).with_extension("key.pem").display().to_string();
    let files = [("TANDEM_SERVER__TLS_CERTIFICATE", CERTIFICATE), ("TANDEM_SERVER__TLS_KEY", key.as_str())];
    let service = Service::start(&home.path().join("data"), "127.0.0.1:0", &files);
    let address = service.says.strip_prefix("Tandem listens on https://").expect("https").to_owned();
    // Somebody who never shakes hands holds up nobody.
    let silent = std::net::TcpStream::connect(&address).expect("it listens");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(CERTIFICATE).expect("a certificate")).expect("it is one");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("ring knows all versions").with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let stream = std::net::TcpStream::connect(&address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut stream = StreamOwned::new(connection, stream);
    write!(stream, "GET /signin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("sent");
    let mut page = Vec::new();
    stream.read_to_end(&mut page).expect("answered");
    assert!(String::from_utf8_lossy(&page).starts_with("HTTP/1.1 200"), "{}", String::from_utf8_lossy(&page));
    let mut health = command(&["health"]);
    health.env("TANDEM_SERVER__LISTEN", &address).envs(files);
    assert_eq!(health.output().expect("it runs").status.code(), Some(0), "it trusts the certificate of the settings");
    let plain = tandem(&["health", "--url", &format!("http://{address}")], "");
    assert_eq!(plain.code, 1, "{}", plain.out);
    service.stop();
    drop(silent);
    let half = command(&["config", "check"]).env(files[0].0, files[0].1).output().expect("it runs");
    assert!(String::from_utf8_lossy(&half.stderr).contains("server.tls_key"), "one file alone is no TLS");
    let wrong = [files[0], ("TANDEM_SERVER__TLS_KEY", CERTIFICATE)];
    let mut serve = command(&["--data-dir", &home.path().join("data").display().to_string(), "serve"]);
    let wrong = serve.args(["--listen", "127.0.0.1:0"]).envs(wrong).output().expect("it runs");
    let says = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(wrong.status.code() == Some(1) && says.contains("server.tls_key must name a file"), "{says}");
}

#[test]
fn health_says_who_does_not_answer() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    drop(taken);
    let silent = tandem(&["health", "--url", &format!("http://{address}")], "");
    assert_eq!(silent.code, 1);
    assert!(silent.err.contains(&format!("No Tandem answers on {address}")), "{}", silent.err);
    for wrong in ["https://localhost", "localhost:80", "http://", "http://a/b"] {
        assert_eq!(tandem(&["health", "--url", wrong], "").code, 1, "{wrong}");
    }
}

#[test]
fn the_manual_names_every_command() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().display().to_string();
    let page = tandem(&["man"], "");
    assert_eq!((page.code, page.out.starts_with(".ie") || page.out.contains(".TH tandem 1")), (0, true));
    assert_eq!(tandem(&["man", "--dir", &directory], "").code, 0);
    for name in ["tandem.1", "tandem-serve.1", "tandem-doctor.1", "tandem-health.1", "tandem-admin-create.1"] {
        assert!(home.path().join(name).is_file(), "{name}");
    }
    for name in ["serve", "doctor", "health", "import"] {
        assert!(page.out.contains(&format!("tandem\\-{name}(1)")), "{name}");
    }
}

const UNIT: &str = include_str!("../../assets/deploy/tandem.service");

#[test]
fn systemd_takes_the_unit_as_it_stands() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        assert!(
            std::env::var_os("TANDEM_TEST_ALL").is_none(),
            "TANDEM_TEST_ALL is set, but there is no systemd-analyze"
        );
        eprintln!("SKIPPED: the unit is verified where systemd-analyze is installed");
        return;
    }
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("tandem.service");
    // The program stands elsewhere while it is tested.
    std::fs::write(&file, UNIT.replace("/usr/local/bin/tandem", env!("CARGO_BIN_EXE_tandem"))).expect("written");
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file).output().expect("it runs");
    let says = String::from_utf8_lossy(&verified.stderr).into_owned();
    let ours: Vec<&str> = says.lines().filter(|line| line.contains("tandem.service")).collect();
    assert!(verified.status.success() && ours.is_empty(), "{says}");
}

#[test]
fn the_unit_waits_for_the_words_that_are_said() {
    for line in
        ["Type=notify", "WatchdogSec=60", "NoNewPrivileges=yes", "ProtectSystem=strict", "StateDirectory=tandem"]
    {
        assert!(UNIT.lines().any(|it| it == line), "{line}");
    }
    assert!(!UNIT.contains("User=root"));
}

/// Where no container engine runs: what the file copies is there, and what it runs is a command.
#[test]
fn the_container_file_copies_what_is_there_and_runs_as_nobody_special() {
    let file = include_str!("../../assets/deploy/Containerfile");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copied = file.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--from"));
    for line in copied {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (_, sources) = words.split_last().expect("a place to copy to");
        assert!(!sources.is_empty(), "{line}");
        for source in sources {
            assert!(root.join(source).exists(), "{source}");
        }
    }
    let last_stage = file.rsplit("\nFROM ").next().expect("a stage");
    let user = last_stage.lines().find_map(|line| line.strip_prefix("USER ")).expect("it says as whom it runs");
    assert!(!user.starts_with('0') && !user.starts_with("root"), "{user}");
    for (instruction, command) in [("HEALTHCHECK", "health"), ("CMD", "serve")] {
        let line = last_stage.lines().find(|line| line.starts_with(instruction)).expect("it is there");
        assert!(line.contains(&format!("\"{command}\"")), "{line}");
        assert_eq!(tandem(&[command, "--help"], "").code, 0);
    }
}
