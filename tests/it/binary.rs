//! The program itself, run as people run it: exit codes, output, locks, signals, sudden death.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// What a run gave.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {}\n{}", self.out, self.err))
    }
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    // Settings of whoever runs the tests must not reach the program.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TANDEM_") || name == "ORT_DYLIB_PATH") {
        command.env_remove(name);
    }
    command
}

/// Runs the program to its end.
pub fn tandem(arguments: &[&str], input: &str) -> Run {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    // A program that fails at once does not read its input.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs it on a data directory.
pub fn in_directory(directory: &Path, arguments: &[&str], input: &str) -> Run {
    let directory = directory.display().to_string();
    let mut all = vec!["--data-dir", &directory];
    all.extend(arguments);
    tandem(&all, input)
}

pub fn file_of(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).expect("written");
    path.display().to_string()
}

pub fn demo_lines(n: usize) -> String {
    let all = include_str!("../../assets/demo/mentors.jsonl");
    all.split_inclusive('\n').take(n).collect()
}

#[test]
fn bad_usage_is_two_and_failure_is_one() {
    assert_eq!(tandem(&["--no-such-flag"], "").code, 2);
    assert_eq!(tandem(&["match"], "").code, 2);
    let missing = tandem(&["--config", "no-such-file.toml", "config", "check"], "");
    assert_eq!((missing.code, missing.err.contains("no-such-file.toml")), (1, true), "{}", missing.err);
    assert_eq!(tandem(&["config", "check"], "").code, 0);
}

#[test]
fn settings_are_shown_with_their_origin() {
    let shown = tandem(&["config", "show", "--json"], "").json();
    let listen = shown.as_array().expect("a list").iter().find(|it| it["key"] == "server.listen").expect("listed");
    assert_eq!(
        (listen["value"].as_str(), listen["origin"].as_str()),
        (Some("\"127.0.0.1:8080\""), Some("config.toml"))
    );
}

#[test]
fn vectors_come_a_line_for_a_line() {
    let run = tandem(&["embed"], "How do I price a pilot?\n\nWho can help with hiring?\n");
    let vectors: Vec<Vec<f64>> = run.out.lines().map(|line| serde_json::from_str(line).expect("an array")).collect();
    assert_eq!((vectors.len(), run.code), (3, 0), "{}", run.err);
    for vector in vectors {
        let length: f64 = vector.iter().map(|it| it * it).sum();
        assert!(vector.len() == 384 && (length - 1.0).abs() < 1e-4);
    }
}

#[test]
fn a_file_is_tried_taken_in_and_asked() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    let file = file_of(home.path(), "mentors.jsonl", &format!("{}{{broken\n", demo_lines(12)));
    let dry = in_directory(&data, &["import", &file, "--dry-run", "--json"], "");
    assert_eq!((dry.json()["changed"].as_u64(), dry.code), (Some(12), 1));
    let taken = in_directory(&data, &["import", &file], "");
    assert!(taken.out.contains("12 changed") && taken.out.contains("line 13: is not JSON"), "{}", taken.out);
    assert_eq!(taken.code, 1, "a line was left out");
    let again = in_directory(&data, &["import", &file, "--json"], "").json();
    assert_eq!((again["changed"].as_u64(), again["unchanged"].as_u64()), (Some(0), Some(12)));
    let answer = in_directory(&data, &["match", "shelf life of a food product", "--json", "--limit", "3"], "").json();
    assert_eq!(answer["matches"][0]["name"], "Rosa-Linda Chaves", "{answer}");
    let told = in_directory(&data, &["match", "shelf life of a food product"], "");
    assert!(told.out.contains("Rosa-Linda Chaves") && told.code == 0, "{}", told.out);
    let blank = in_directory(&data, &["match", " "], "");
    assert_eq!((blank.code, blank.err.contains("must not be blank")), (1, true), "{}", blank.err);
    let anew = in_directory(&data, &["reindex", "--json"], "").json();
    assert_eq!((anew["mentors"].as_u64(), anew["failed"].as_u64()), (Some(12), Some(0)));
    let after = in_directory(&data, &["match", "shelf life of a food product", "--json", "--limit", "3"], "").json();
    assert_eq!(after["matches"], answer["matches"]);
}

#[test]
fn a_directory_that_cannot_be_used_is_named_with_the_reason() {
    let home = tempfile::tempdir().expect("a directory");
    let taken = file_of(home.path(), "a-file", "not a directory");
    let run = in_directory(Path::new(&taken), &["match", "x"], "");
    assert!(run.code == 1 && run.err.contains("a-file"), "{}", run.err);
    let foreign = home.path().join("foreign");
    std::fs::create_dir(&foreign).expect("made");
    file_of(&foreign, "tandem.db", &"this is no database ".repeat(100));
    let run = in_directory(&foreign, &["match", "x"], "");
    assert!(run.code == 1 && run.err.contains("is not a database"), "{}", run.err);
}

#[test]
fn the_first_admin_is_made_from_standard_input_and_signs_in() {
    let home = tempfile::tempdir().expect("a directory");
    let create = ["admin", "create", "--email", "ada@example.org", "--name", "Ada"];
    let short = in_directory(home.path(), &create, "short\n");
    assert_eq!((short.code, short.err.contains("10 to 128")), (1, true), "{}", short.err);
    let made = in_directory(home.path(), &create, "correct horse battery\n");
    assert_eq!(made.code, 0, "{}", made.err);
    let server = Server::start(home.path(), &["serve", "--listen", "127.0.0.1:0"]);
    let body = json!({ "email": "ada@example.org", "password": "correct horse battery" });
    assert!(server.post("/api/auth/signin", &body).starts_with("HTTP/1.1 200"));
}

/// A server that runs until it is dropped.
pub struct Server {
    child: Child,
    pub address: String,
    /// Held open: a server whose output nobody reads would end.
    _out: BufReader<std::process::ChildStdout>,
}

impl Server {
    pub fn start(directory: &Path, arguments: &[&str]) -> Self {
        Self::start_telling(directory, arguments, "")
    }

    /// The same for one that has something to say before the line that begins with `says`.
    pub fn start_telling(directory: &Path, arguments: &[&str], says: &str) -> Self {
        let directory = directory.display().to_string();
        let mut all = vec!["--data-dir", &directory];
        all.extend(arguments);
        let mut child = command(&all).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the server starts");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        loop {
            line.clear();
            let n = out.read_line(&mut line).expect("it says where it listens");
            assert!(n > 0, "it ended before it listened");
            if line.starts_with(says) {
                break;
            }
        }
        let address = line.rsplit("http://").next().expect("an address").trim().to_owned();
        Self { child, address, _out: out }
    }

    fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    }

    pub fn get(&self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address))
    }

    fn post(&self, path: &str, body: &Value) -> String {
        let body = body.to_string();
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        ))
    }

    /// Asks it to stop as a service manager does; gives its exit code.
    #[cfg(unix)]
    pub fn stop(mut self) -> i32 {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(asked.success());
        self.child.wait().expect("it ends").code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already after `stop`.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(unix)]
#[test]
fn a_server_holds_its_directory_and_stops_in_good_order() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert!(server.get("/healthz").ends_with("ok"));
    let second = in_directory(home.path(), &["match", "x"], "");
    assert!(
        second.code == 1 && second.err.contains("is in use by process") && second.err.contains("serve"),
        "{}",
        second.err
    );
    assert_eq!(server.stop(), 0);
    let rest: Vec<String> = std::fs::read_dir(home.path())
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(!rest.iter().any(|name| name.ends_with("-wal")), "the log is folded in: {rest:?}");
}

#[test]
fn the_demo_prints_a_sign_in_that_works_and_is_quick_the_second_time() {
    let home = tempfile::tempdir().expect("a directory");
    for _ in 0..2 {
        let server = Server::start(home.path(), &["demo", "--listen", "127.0.0.1:0"]);
        for email in
            ["amaya.torrealba@example.org", "rosa-linda.chaves@example.org", "pm@example.org", "admin@example.org"]
        {
            let answer = server.post("/api/auth/signin", &json!({ "email": email, "password": "tandem-demo" }));
            assert!(answer.starts_with("HTTP/1.1 200"), "{email}: {answer}");
        }
        let answer = server.post("/api/auth/signin", &json!({ "email": "pm@example.org", "password": "tandem-demo" }));
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        let cookie = cookie.split(';').next().expect("a pair");
        let page = server.send(&format!(
            "GET /search?q=Help+with+fundraising HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n",
            server.address
        ));
        assert!(page.contains("data-testid=\"mentor-card\""), "{page}");
    }
    let open = tandem(&["demo", "--listen", "0.0.0.0:0"], "");
    assert!(open.code == 1 && open.err.contains("127.0.0.1 alone"), "{}", open.err);
    let opened = in_directory(home.path(), &["serve", "--listen", "0.0.0.0:0"], "");
    assert!(opened.code == 1 && opened.err.contains("127.0.0.1"), "{}", opened.err);
}

#[cfg(unix)]
#[test]
fn sudden_death_loses_nobody_who_was_acknowledged() {
    let n_rounds: u32 = if std::env::var_os("TANDEM_TEST_ALL").is_some() { 50 } else { 12 };
    let home = tempfile::tempdir().expect("a directory");
    let (calm, harsh) = (home.path().join("calm"), home.path().join("harsh"));
    let file = file_of(home.path(), "mentors.jsonl", &demo_lines(40));
    assert_eq!(in_directory(&calm, &["import", &file], "").code, 0);
    let directory = harsh.display().to_string();
    let mut seed = 12_345_u64;
    for round in 0..n_rounds {
        // Each round edits everybody, so that there is something to lose again.
        let bio = format!("Round {round} of a long story.");
        let lines: String = demo_lines(40).lines().map(|line| edited(line, &bio)).collect();
        let edits = file_of(home.path(), "edits.jsonl", &lines);
        let mut child = command(&["--data-dir", &directory, "import", &edits])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(20 + (seed >> 33) % 1_200));
        child.kill().expect("killed");
        child.wait().expect("dead");
    }
    // The last word is the calm one's; no step in between was repaired by hand.
    let last = in_directory(&harsh, &["import", &file, "--json"], "");
    assert_eq!(last.json()["read"].as_u64(), Some(40), "{}", last.err);
    for question in ["shelf life of a food product", "raise a seed round", "market entry in Latin America"] {
        let [calm, harsh] = [&calm, &harsh].map(|directory| scores(directory, question));
        assert_eq!(calm, harsh, "{question}");
        assert!(!calm.is_empty(), "{question}");
    }
}

fn edited(line: &str, bio: &str) -> String {
    let mut payload: Value = serde_json::from_str(line).expect("a payload");
    payload["fields"]["Bio"] = json!(bio);
    format!("{payload}\n")
}

/// Names and scores, which must be the same; ids are drawn anew in each directory.
pub fn scores(directory: &Path, question: &str) -> Vec<(String, u64)> {
    let run = in_directory(directory, &["match", question, "--json", "--limit", "50"], "");
    let answer = run.json();
    assert_eq!(answer["degraded"], json!([]), "{}", run.err);
    let one =
        |it: &Value| (it["name"].as_str().expect("a name").to_owned(), it["matchScore"].as_u64().expect("a score"));
    let mut all: Vec<(String, u64)> = answer["matches"].as_array().expect("a list").iter().map(one).collect();
    all.sort();
    all
}

#[test]
fn a_csv_goes_the_same_way() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    let csv = "Record ID,Email,Name,Headline,Expertise\nrec1,ada@example.org,Ada,Pricing that sticks,\"pricing, packaging\"\n";
    let file = file_of(home.path(), "mentors.csv", csv);
    assert_eq!(in_directory(&data, &["import", &file], "").code, 0);
    let answer = in_directory(&data, &["match", "pricing a pilot for our first customer", "--json"], "").json();
    assert_eq!(answer["matches"][0]["expertise"], json!(["pricing", "packaging"]), "{answer}");
    let other = file_of(home.path(), "mentors.xlsx", "");
    assert_eq!(in_directory(&data, &["import", &other], "").code, 1);
}
