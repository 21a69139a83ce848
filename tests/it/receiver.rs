//! A program on this machine that is told what happens: it keeps what it hears, and answers as it is bid.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How it answers one request.
#[derive(Clone, Debug)]
pub enum Reply {
    Status(u16),
    /// Sends the caller elsewhere.
    Elsewhere(String),
    /// Never says a word.
    Never,
    /// Says that all is well, and then goes on for ever.
    Endless,
}

/// What it heard, in one request.
#[derive(Clone, Debug)]
pub struct Heard {
    pub path: String,
    /// Their names in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Heard {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

#[derive(Default)]
struct Shared {
    heard: Mutex<Vec<Heard>>,
    replies: Mutex<VecDeque<Reply>>,
    always: Mutex<Option<Reply>>,
    is_over: AtomicBool,
}

pub struct Receiver {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Receiver {
    pub fn start() -> Self {
        Self::start_at(0)
    }

    /// At a port where another one was before.
    pub fn start_at(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::<Shared>::default();
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if of_thread.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&of_thread);
                std::thread::spawn(move || serve(&shared, &stream.expect("a caller")));
            }
        });
        Self { port, shared, thread: Some(thread) }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Answers the next request like this; those without a reply of their own get 204.
    pub fn replies(&self, reply: Reply) {
        self.shared.replies.lock().expect("nobody panicked").push_back(reply);
    }

    /// Answers all requests like this.
    pub fn always_replies(&self, reply: Reply) {
        *self.shared.always.lock().expect("nobody panicked") = Some(reply);
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.shared.heard.lock().expect("nobody panicked").clone()
    }

    /// Waits until it has heard so much.
    pub fn await_heard(&self, n: usize) -> Vec<Heard> {
        let begun = Instant::now();
        loop {
            let heard = self.heard();
            if heard.len() >= n {
                return heard;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "heard {} of {n}", heard.len());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(shared: &Shared, stream: &TcpStream) {
    let Some(heard) = read(stream) else { return };
    shared.heard.lock().expect("nobody panicked").push(heard);
    let always = shared.always.lock().expect("nobody panicked").clone();
    let next = always.or_else(|| shared.replies.lock().expect("nobody panicked").pop_front());
    let mut stream = stream;
    match next.unwrap_or(Reply::Status(204)) {
        Reply::Status(status) => {
            drop(write!(stream, "HTTP/1.1 {status} So\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
        }
        Reply::Elsewhere(to) => {
            let head =
                format!("HTTP/1.1 307 There\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            drop(stream.write_all(head.as_bytes()));
        }
        Reply::Never => {
            // Until the caller has had enough.
            drop(stream.read(&mut [0; 1]));
        }
        Reply::Endless => {
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n"));
            while stream.write_all(&[b'x'; 8_192]).is_ok() {}
        }
    }
}

fn read(stream: &TcpStream) -> Option<Heard> {
    let mut lines = BufReader::new(stream);
    let mut first = String::new();
    lines.read_line(&mut first).ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    lines.read_exact(&mut body).ok()?;
    Some(Heard { path, headers, body })
}
