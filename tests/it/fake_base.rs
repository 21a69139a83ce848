//! An Airtable on loopback that a test fills with records and with faults. It speaks just enough HTTP, closes after
//! each answer, and remembers what it was asked.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::{Value, json};

pub const TOKEN: &str = "patAbc.0123";
pub const PATH: &str = "/v0/appTandem/Our%20mentors?pageSize=100";

/// Where the life of the webhook `ach1` is made longer.
pub const REFRESH: &str = "/v0/bases/appTandem/webhooks/ach1/refresh";

/// What goes wrong with one answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// A status, with the seconds of `Retry-After` where it says them, and a body.
    Status(u16, Option<u64>, &'static str),
    /// Fewer bytes than were promised.
    Cut,
    /// A page that is right but for this word in place of the next offset.
    Offset(&'static str),
    /// No answer at all.
    Silence,
    /// Nothing, this time.
    Nothing,
}

#[derive(Default)]
pub struct State {
    pub records: Vec<Value>,
    pub page_size: usize,
    /// One for each answer to come; without any it answers as it should.
    pub faults: VecDeque<Fault>,
    /// Whether there is always one more page.
    pub is_endless: bool,
    /// Everything that was asked for.
    pub asked: Vec<String>,
    /// What happens before the answer to the question with this number is given.
    pub meanwhile: Option<(usize, Box<dyn FnOnce() + Send>)>,
    is_over: bool,
}

pub struct FakeBase {
    pub address: SocketAddr,
    pub state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

pub fn record(id: &str, fields: Value) -> Value {
    json!({ "id": id, "createdTime": "2030-03-01T09:00:00.000Z", "fields": fields })
}

impl FakeBase {
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State { page_size: 100, ..State::default() }));
        let of_thread = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if of_thread.lock().expect("whole").is_over {
                    break;
                }
                // A client that went away in the middle is its own affair.
                drop(answer(stream.expect("a caller"), &of_thread));
            }
        });
        Self { address, state, thread: Some(thread) }
    }

    pub fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().expect("whole"))
    }

    /// Forgets what it was asked, and returns it.
    pub fn asked(&self) -> Vec<String> {
        self.with(|state| std::mem::take(&mut state.asked))
    }

    /// Sets or takes away values of one record.
    pub fn edit(&self, id: &str, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
        self.with(|state| {
            let record = state.records.iter_mut().find(|it| it["id"] == id).expect("it is there");
            change(record["fields"].as_object_mut().expect("fields"));
        });
    }
}

impl Drop for FakeBase {
    fn drop(&mut self) {
        if let Ok(mut state) = self.state.lock() {
            state.is_over = true;
        }
        drop(TcpStream::connect(self.address));
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut has_token = false;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        has_token |= name.eq_ignore_ascii_case("authorization") && value.trim() == format!("Bearer {TOKEN}");
    }
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let (fault, meanwhile) = {
        let mut state = state.lock().expect("whole");
        state.asked.push(path.clone());
        let is_time = state.meanwhile.as_ref().is_some_and(|(number, _)| *number == state.asked.len());
        (state.faults.pop_front(), if is_time { state.meanwhile.take() } else { None })
    };
    if let Some((_, happen)) = meanwhile {
        happen();
    }
    let page = if has_token { page(&path, &state.lock().expect("whole")) } else { None };
    match fault {
        Some(Fault::Status(status, retry_after, body)) => {
            let retry = retry_after.map_or_else(String::new, |seconds| format!("Retry-After: {seconds}\r\n"));
            // A redirect that was followed would take the token along.
            let to = if status == 302 { "Location: http://127.0.0.1:1/\r\n" } else { "" };
            send(&mut stream, status, &format!("{retry}{to}"), body, body.len())
        }
        Some(Fault::Cut) => send(&mut stream, 200, "", "{\"records\": [{\"id\": \"rec", 5_000),
        Some(Fault::Offset(offset)) => {
            let body = json!({ "records": page.expect("a right question")["records"], "offset": offset }).to_string();
            send(&mut stream, 200, "", &body, body.len())
        }
        Some(Fault::Silence) => Ok(()),
        Some(Fault::Nothing) | None => match page {
            Some(page) => send(&mut stream, 200, "", &page.to_string(), page.to_string().len()),
            None if has_token => send(&mut stream, 404, "", "{\"error\": \"NOT_FOUND\"}", 22),
            None => send(&mut stream, 401, "", "{}", 2),
        },
    }
}

/// The page that the address asks for, `None` where it is none of ours.
fn page(path: &str, state: &State) -> Option<Value> {
    if path == REFRESH {
        return Some(json!({ "expirationTime": "2030-03-11T09:00:00.000Z" }));
    }
    let rest = path.strip_prefix(PATH)?;
    let from: usize = if rest.is_empty() { 0 } else { rest.strip_prefix("&offset=itr%2F")?.parse().ok()? };
    let records: Vec<&Value> = state.records.iter().skip(from).take(state.page_size).collect();
    let next = from + state.page_size;
    let mut page = json!({ "records": records });
    if next < state.records.len() || state.is_endless {
        page["offset"] = json!(format!("itr/{next}"));
    }
    Some(page)
}

fn send(stream: &mut TcpStream, status: u16, headers: &str, body: &str, promised: usize) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status} Some\r\nContent-Type: application/json\r\nContent-Length: {promised}\r\n{headers}Connection: close\r\n\r\n{body}"
    )?;
    stream.flush()
}
