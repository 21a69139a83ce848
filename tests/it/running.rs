//! The program as a process that tests load, kill and stop, and a small client that says of each answer whether all of
//! it came.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::binary::command;

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// A server of its own.
pub struct Running {
    child: Child,
    pub address: String,
    /// From its start until it said that it is ready.
    pub ready_after: Duration,
    /// Held open: a server whose output nobody reads would end.
    _out: BufReader<ChildStdout>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {} {}", self.head, self.body))
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Sends one request; `None` where the whole answer did not come.
pub fn send(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let others = headers.iter().fold(String::new(), |all, (name, value)| format!("{all}{name}: {value}\r\n"));
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{others}Connection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut bytes = Vec::new();
    // A line that drops may still have brought all there was to say.
    drop(stream.read_to_end(&mut bytes));
    let text = String::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let is_whole = length.is_none_or(|length: usize| length == body.len());
    is_whole.then(|| Answer { status, head: head.to_owned(), body: body.to_owned() })
}

impl Running {
    /// Starts it on a directory and waits until it is ready. What it has to say of errors goes to the end of `log`.
    pub fn start(directory: &Path, log: &Path, variables: &[(&str, &str)]) -> Self {
        Self::run(command(&["--data-dir", &directory.display().to_string()]), &["serve"], log, variables)
    }

    /// The same for another command that serves, or one that runs it.
    pub fn run(mut command: Command, arguments: &[&str], log: &Path, variables: &[(&str, &str)]) -> Self {
        let began = Instant::now();
        let log_file = std::fs::File::options().create(true).append(true).open(log).expect("a log");
        command.args(arguments).args(["--listen", "127.0.0.1:0"]).envs(variables.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(log_file).spawn().expect("it starts");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        while !line.contains("http://") {
            line.clear();
            let n = out.read_line(&mut line).expect("it says where it listens");
            assert!(n > 0, "it ended before it listened: {}", tail(log));
        }
        let address = line.rsplit("http://").next().expect("an address").trim().to_owned();
        let mut running = Self { child, address, ready_after: Duration::ZERO, _out: out };
        while running.get("/readyz").is_none_or(|answer| answer.status != 200) {
            assert!(running.is_alive() && began.elapsed() < PATIENCE, "it is never ready: {}", tail(log));
        }
        running.ready_after = began.elapsed();
        running
    }

    pub fn get(&self, path: &str) -> Option<Answer> {
        send(&self.address, "GET", path, &[], "")
    }

    /// Asks with a token; somebody who is alive answers.
    pub fn ask(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let answer = send(&self.address, method, path, &[("Authorization", &bearer)], &body.to_string());
        answer.unwrap_or_else(|| panic!("{method} {path} is not answered"))
    }

    /// How a part stands.
    pub fn component(&self, name: &str) -> Value {
        self.get("/readyz").expect("answered").json()["components"][name].clone()
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("asked").is_none()
    }

    /// Asks it to stop as a service manager does; gives its exit code and how long that took.
    pub fn stop(mut self) -> (i32, Duration) {
        let began = Instant::now();
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(asked.success());
        (self.child.wait().expect("it ends").code().unwrap_or(-1), began.elapsed())
    }
}

impl Drop for Running {
    /// As a power cut would.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The last lines of a log.
pub fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Looks until it holds, or says what did not.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::yield_now();
    }
}
