//! A long day with a real server: questions new and old, mentors' pages, open times, bookings that are called off, signed
//! deliveries. First it is measured how many of them a second it takes, then they come at four fifths of that for
//! `TANDEM_SOAK_MINUTES` (30), then twice as often as it takes for `TANDEM_SOAK_OVERLOAD_MINUTES` (10). Prints what was
//! answered, how fast, and the server's memory over time. Fails where at four fifths anything is not answered, or where
//! at twice as much anything but 503 with `Retry-After` is added. `TANDEM_SOAK_BINARY` names another program to load.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tandem::accounts;
use tandem::accounts::mentees::{self, Mentee, NewMentee};
use tandem::accounts::tokens::{self, Scope};
use tandem::app::App;
use tandem::audit::Actor;
use tandem::booking::Asker;
use tandem::booking::slots::{self, NewSlot};
use tandem::clock::Clock;
use tandem::config::Config;
use tandem::hex::hex;
use tandem::ids::UserId;
use tandem::mentors::{self, Mentor};
use tandem::worker;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SECRET: &str = "a secret of the base";
const MENTEES: usize = 400;
const SLOTS: usize = 100;
const SEATS: u32 = 50;

/// Who waits longer than this has gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// Requests under way at once, at most: a browser does not wait in line without end either.
const MOST_UNDER_WAY: u64 = 4_000;

/// Of a thousand requests. A booking that is called off is four letters, a delivery a new set of vectors: what follows
/// them must keep up, too.
const MIX: [(Kind, u64); 6] =
    [(Kind::New, 270), (Kind::Old, 270), (Kind::Page, 230), (Kind::Picker, 210), (Kind::Book, 12), (Kind::Deliver, 8)];

const TOPICS: [&str; 8] = [
    "pricing a pilot",
    "the first sales hire",
    "a seed round",
    "drone permits",
    "churn after a month",
    "a term sheet",
    "food safety",
    "biochar credits",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    New,
    Old,
    Page,
    Picker,
    Book,
    Deliver,
}

/// Everything that requests are made of.
struct Town {
    address: String,
    cookie: String,
    mentees: Vec<String>,
    slots: Vec<String>,
    mentors: Vec<String>,
    idle: Mutex<Vec<TcpStream>>,
    n_asked: AtomicU64,
    n_under_way: AtomicU64,
}

fn main() {
    // `cargo test` runs benches too, in a hurry.
    let is_bench = std::env::args().any(|it| it == "--bench");
    let minutes = |name: &str, usual: f64| {
        let told = std::env::var(name).ok().map(|text| text.parse::<f64>().expect("minutes"));
        Duration::from_secs_f64(60.0 * told.unwrap_or(if is_bench { usual } else { 0.05 }))
    };
    let (long, over) = (minutes("TANDEM_SOAK_MINUTES", 30.0), minutes("TANDEM_SOAK_OVERLOAD_MINUTES", 10.0));
    let home = tempfile::tempdir().expect("a directory");
    let (mentees, slots, mentors) = prepare(home.path());
    let (server, address) = serve(home.path());
    let pid = server.0.id();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let is_well = runtime.block_on(async {
        let cookie = sign_in(&address).await;
        let town = Arc::new(Town {
            address,
            cookie,
            mentees,
            slots,
            mentors,
            idle: Mutex::default(),
            n_asked: AtomicU64::new(0),
            n_under_way: AtomicU64::new(0),
        });
        let step = if is_bench { Duration::from_secs(15) } else { Duration::from_secs(1) };
        capacity(&town, step).await;
        let capacity = capacity(&town, step).await;
        println!("{capacity:.0} requests a second at most, {AT_ONCE} of them at once");
        let calm = phase(&town, "four fifths", capacity * 0.8, long, pid).await;
        let crowded = phase(&town, "twice as much", capacity * 2.0, over, pid).await;
        let after = phase(&town, "four fifths again", capacity * 0.8, step, pid).await;
        calm.is_well(false) & crowded.is_well(true) & after.is_well(false)
    });
    drop(server);
    assert!(is_well, "something was not answered as it should be; see above");
}

/// A program of demo mentors; tokens of mentees, slots with many seats, mentors' ids.
fn prepare(home: &Path) -> (Vec<String>, Vec<String>, Vec<String>) {
    let app = App::open(Config::defaults_in(home), Clock::System, "bench").expect("opened");
    tandem::demo::fill(&app.db).expect("filled");
    while worker::run_one(&app.db, &app.matcher, &app.post, None).expect("the queue works") {}
    let actor = Actor::nobody("bench");
    let mut people = Vec::new();
    for number in 0..MENTEES {
        let email = format!("soak{number}@example.org");
        let token = app.db.write_here(|tx| {
            let (name, timezone) = (format!("Soak {number}"), "UTC".to_owned());
            let new = NewMentee { email: email.clone(), name, timezone, profile: Mentee::default() };
            mentees::put(tx, &actor, &new)?;
            let user = accounts::user_by_email(tx, &email)?.expect("just made").id;
            let scopes = [Scope::MatchRead, Scope::SessionsWrite, Scope::AvailabilityRead];
            Ok(tokens::create(tx, &actor, user, "soak", &scopes, None)?.1)
        });
        people.push(token.expect("made"));
    }
    let mut visible: Vec<Mentor> = Vec::new();
    let read = app.db.read_here(|tx| {
        mentors::for_each(tx, |mentor| {
            if mentor.is_visible() {
                visible.push(mentor);
            }
            Ok(())
        })
    });
    read.expect("read");
    let by = Asker { user: UserId::random(), is_staff: true, actor };
    let opened = visible.iter().take(SLOTS).enumerate().map(|(place, mentor)| {
        // Far beyond the demo's own times.
        let starts_at = app.db.clock().now().plus_days(60).plus_seconds(i64::try_from(place).expect("few") * 1_800);
        let ends_at = starts_at.plus_seconds(1_800);
        let slot = NewSlot { starts_at, ends_at, capacity: SEATS, location: "virtual".to_owned() };
        let opened = app.db.write_here(|tx| slots::open(tx, &by, mentor.number, &[slot]));
        opened.expect("opened")[0].id.to_string()
    });
    let slots = opened.collect();
    app.rest().expect("rests");
    (people, slots, visible.iter().map(|mentor| mentor.id.to_string()).collect())
}

/// Ends with this.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn serve(home: &Path) -> (Server, String) {
    let program = std::env::var("TANDEM_SOAK_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_tandem").to_owned());
    let mut command = Command::new(program);
    // What says how long it goes on is no setting of the server's.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TANDEM_")) {
        command.env_remove(name);
    }
    command.arg("--data-dir").arg(home).args(["serve", "--listen", "127.0.0.1:0"]);
    command.env("TANDEM_SYNC__AIRTABLE_SECRET", SECRET).env("TANDEM_LIMITS__ENABLED", "false");
    command.env("TANDEM_LOG__LEVEL", "error");
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut out = std::io::BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut out, &mut line).expect("it says where it listens");
    let address = line.rsplit("http://").next().expect("an address").trim().to_owned();
    assert!(!address.is_empty(), "it did not start");
    // Read to its end, so that the server may say what it likes.
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    (Server(child), address)
}

async fn sign_in(address: &str) -> String {
    let body = json!({ "email": "amaya.torrealba@example.org", "password": "tandem-demo" }).to_string();
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let answer = ask(&mut stream, address, "POST /api/auth/signin", "", &body).await.expect("answered");
    let cookie = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    cookie.split(';').next().expect("a pair").to_owned()
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

async fn ask(stream: &mut TcpStream, host: &str, line: &str, headers: &str, body: &str) -> std::io::Result<Answer> {
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::with_capacity(4_096);
    let broken = || std::io::Error::other("half an answer");
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(if bytes.is_empty() { std::io::ErrorKind::NotConnected.into() } else { broken() });
        }
        let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|it| it.strip_prefix("content-length: ")?.parse::<usize>().ok());
        // Of a length that nobody knows is only what has an end of its own.
        let is_whole = |bytes: &[u8]| match length {
            Some(length) => bytes.len() >= end + 4 + length,
            None => head.contains(" 204 ") || bytes.ends_with(b"0\r\n\r\n"),
        };
        while !is_whole(&bytes) {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(broken());
            }
        }
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).ok_or_else(broken)?;
        return Ok(Answer { status, head, body: bytes.split_off(end + 4) });
    }
}

impl Town {
    /// One request over a line that is open already, or a new one. What became of it, in a word.
    async fn send(&self, line: &str, headers: &str, body: &str) -> Result<Answer, &'static str> {
        let whole = async {
            loop {
                let open = self.idle.lock().expect("no panic").pop();
                let is_new = open.is_none();
                let mut stream = match open {
                    Some(stream) => stream,
                    None => TcpStream::connect(&self.address).await.map_err(|_| "no connection")?,
                };
                match ask(&mut stream, &self.address, line, headers, body).await {
                    Ok(answer) => {
                        if !answer.head.contains("connection: close") {
                            self.idle.lock().expect("no panic").push(stream);
                        }
                        return Ok(answer);
                    }
                    // It was closed while nobody used it.
                    Err(_) if !is_new => {}
                    Err(_) => return Err("cut off"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, whole).await.unwrap_or(Err("no answer in time"))
    }

    /// Does what the `number`th visitor does; what came of it, as a word, and whether it was accepted.
    async fn visit(&self, kind: Kind, number: u64) -> (String, bool) {
        let of = |all: &[String]| all[usize::try_from(number).expect("few") % all.len()].clone();
        let bearer = format!("Authorization: Bearer {}\r\n", of(&self.mentees));
        let topic = TOPICS[usize::try_from(number).expect("few") % TOPICS.len()];
        let sent = match kind {
            Kind::New | Kind::Old => {
                let query =
                    if kind == Kind::New { format!("Help with {topic}, case {number}") } else { topic.to_owned() };
                self.send("POST /api/match", &bearer, &json!({ "query": query }).to_string()).await
            }
            Kind::Page => {
                let cookie = format!("Cookie: {}\r\n", self.cookie);
                self.send(&format!("GET /mentors/{}", of(&self.mentors)), &cookie, "").await
            }
            Kind::Picker => {
                self.send(&format!("GET /api/availability?mentorId={}", of(&self.mentors)), &bearer, "").await
            }
            Kind::Book => {
                let slot = &self.slots[usize::try_from(number / 7).expect("few") % self.slots.len()];
                let booked = self.send("POST /api/sessions", &bearer, &json!({ "slotId": slot }).to_string()).await;
                self.call_off(booked, &bearer).await
            }
            Kind::Deliver => {
                let name = format!("soak{}", number % 50);
                let bio = format!("Knows edition {number} of the almanac on {topic} by heart.");
                let fields = json!({ "Email": format!("m-{name}@example.org"), "Name": name, "Bio": bio });
                let body = json!({ "recordId": name, "fields": fields }).to_string();
                let signed = format!("x-airtable-signature: {}\r\n", signature(&body));
                self.send("POST /api/webhooks/airtable", &signed, &body).await
            }
        };
        match sent {
            // Somebody who books twice in a hurry hears so.
            Ok(answer) if answer.status < 300 || answer.status == 409 => (answer.status.to_string(), true),
            Ok(answer) if answer.status == 503 && answer.head.contains("\nretry-after: ") => ("503".to_owned(), false),
            Ok(answer) => (format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body)), false),
            Err(word) => (word.to_owned(), false),
        }
    }

    async fn call_off(&self, booked: Result<Answer, &'static str>, bearer: &str) -> Result<Answer, &'static str> {
        let booked = booked?;
        if booked.status != 201 {
            return Ok(booked);
        }
        let session: Value = serde_json::from_slice(&booked.body).map_err(|_| "no JSON")?;
        let line = format!("POST /api/sessions/{}/cancel", session["id"].as_str().unwrap_or_default());
        let body = json!({ "reason": "Another time" }).to_string();
        // Who is told to come back does.
        loop {
            let answer = self.send(&line, bearer, &body).await?;
            if answer.status != 503 {
                return Ok(answer);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn next(&self) -> (Kind, u64) {
        let number = self.n_asked.fetch_add(1, Ordering::SeqCst);
        // 617 has no common divisor with a thousand: all kinds come mixed.
        let mut place = number * 617 % 1_000;
        for (kind, share) in MIX {
            if place < share {
                return (kind, number);
            }
            place -= share;
        }
        unreachable!("the shares add up to a thousand")
    }
}

fn signature(body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key will do").chain_update(body);
    hex(&mac.finalize().into_bytes())
}

/// Visitors while it is measured how much it takes: each comes back as soon as it was answered.
const AT_ONCE: usize = 8;

async fn capacity(town: &Arc<Town>, time: Duration) -> f64 {
    let (began, n_done) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let visitors = (0..AT_ONCE).map(|_| {
        let (town, n_done) = (Arc::clone(town), Arc::clone(&n_done));
        tokio::spawn(async move {
            while began.elapsed() < time {
                let (kind, number) = town.next();
                let (word, is_accepted) = town.visit(kind, number).await;
                assert!(is_accepted || word == "503", "{kind:?}: {word}");
                n_done.fetch_add(u64::from(is_accepted), Ordering::SeqCst);
            }
        })
    });
    for visitor in visitors.collect::<Vec<_>>() {
        visitor.await.expect("no panic");
    }
    let n_done = u32::try_from(n_done.load(Ordering::SeqCst)).expect("few");
    f64::from(n_done) / began.elapsed().as_secs_f64()
}

/// What came of requests.
#[derive(Default)]
struct Tally {
    words: BTreeMap<String, u64>,
    times: BTreeMap<Kind, Vec<Duration>>,
}

impl Tally {
    fn take(&mut self, other: Self) {
        for (word, n) in other.words {
            *self.words.entry(word).or_default() += n;
        }
        for (kind, times) in other.times {
            self.times.entry(kind).or_default().extend(times);
        }
    }

    /// Whether all was answered, or was told to come back where that is right.
    fn is_well(&self, may_be_busy: bool) -> bool {
        let is_right =
            |word: &&String| word.parse::<u16>().is_ok_and(|it| it < 300 || it == 409 || (may_be_busy && it == 503));
        let wrong: Vec<&String> = self.words.keys().filter(|word| !is_right(word)).collect();
        if !wrong.is_empty() {
            println!("not as it should be: {wrong:?}");
        }
        wrong.is_empty()
    }

    fn print(&self, what: &str) {
        println!("{what}: {:?}", self.words);
        for (kind, times) in &self.times {
            let mut times = times.clone();
            times.sort_unstable();
            let at = |share: usize| times[(times.len() - 1) * share / 1_000].as_secs_f64() * 1e3;
            println!(
                "  {:8} {:>8} accepted, ms p50 {:>8.1} p95 {:>8.1} p99 {:>8.1} worst {:>8.1}",
                format!("{kind:?}"),
                times.len(),
                at(500),
                at(950),
                at(990),
                at(1_000)
            );
        }
    }
}

/// Requests come at their times, whether or not those before have been answered. Times count from when they were due.
async fn phase(town: &Arc<Town>, name: &str, per_second: f64, time: Duration, pid: u32) -> Tally {
    println!("\n{name}: {per_second:.0} a second for {time:.0?}");
    let tally = Arc::new(Mutex::new(Tally::default()));
    let mut all = Tally::default();
    let window = (time / 10).max(Duration::from_secs(10)).min(Duration::from_mins(1));
    let (began, mut n_sent, mut n_windows) = (Instant::now(), 0_u32, 1_u32);
    while began.elapsed() < time {
        while f64::from(n_sent) / per_second < began.elapsed().as_secs_f64() {
            let due = began + Duration::from_secs_f64(f64::from(n_sent) / per_second);
            n_sent += 1;
            spawn(town, &tally, due);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        if began.elapsed() >= window * n_windows {
            n_windows += 1;
            let past = std::mem::take(&mut *tally.lock().expect("no panic"));
            past.print(&format!("after {:.0?}, {}", began.elapsed(), standing(town, pid).await));
            all.take(past);
        }
    }
    // What is under way comes to its end.
    while town.n_under_way.load(Ordering::SeqCst) > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    all.take(std::mem::take(&mut *tally.lock().expect("no panic")));
    all.print(&format!("{name}, all of it, {}", standing(town, pid).await));
    all
}

fn spawn(town: &Arc<Town>, tally: &Arc<Mutex<Tally>>, due: Instant) {
    let (kind, number) = town.next();
    if town.n_under_way.load(Ordering::SeqCst) >= MOST_UNDER_WAY {
        *tally.lock().expect("no panic").words.entry("too many wait".to_owned()).or_default() += 1;
        return;
    }
    town.n_under_way.fetch_add(1, Ordering::SeqCst);
    let (town, tally) = (Arc::clone(town), Arc::clone(tally));
    tokio::spawn(async move {
        let (word, is_accepted) = town.visit(kind, number).await;
        let mut tally = tally.lock().expect("no panic");
        *tally.words.entry(word).or_default() += 1;
        if is_accepted {
            tally.times.entry(kind).or_default().push(due.elapsed());
        }
        town.n_under_way.fetch_sub(1, Ordering::SeqCst);
    });
}

/// The server's memory, and the jobs that wait there.
async fn standing(town: &Town, pid: u32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or(" unknown").trim().to_owned();
    let ready = town.send("GET /readyz", "", "").await.ok();
    let parts: Value = ready.and_then(|it| serde_json::from_slice(&it.body).ok()).unwrap_or_default();
    let n_waiting = &parts["components"]["jobs"]["depth"]["ready"];
    let n_under_way = town.n_under_way.load(Ordering::SeqCst);
    format!("memory {resident}, jobs waiting {n_waiting}, requests under way {n_under_way}")
}
