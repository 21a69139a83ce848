use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant as Time;

use axum::routing::{get, post};
use tokio::net::TcpListener;

use super::*;
use crate::cli::listen::Listener;

/// How long a test waits for what must come.
const LONG: Duration = Duration::from_secs(20);

/// Little patience, so that nobody waits for a test.
const LITTLE: Patience = Patience {
    head: Duration::from_millis(400),
    body: Duration::from_millis(400),
    write: Duration::from_millis(400),
    farewell: Duration::from_millis(100),
};

struct House {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    served: tokio::task::JoinHandle<bool>,
}

impl House {
    async fn open(most: usize, patience: Patience, drain: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address");
        let router = Router::new()
            .route("/", get(|| async { "here" }))
            .route("/large", get(|| async { vec![b'x'; 64 << 20] }))
            .route("/read", post(|body: Bytes| async move { format!("{} bytes", body.len()) }))
            .route("/wait", get(|| async { sleep(Duration::from_millis(700)).await }));
        let (stop, stopping) = watch::channel(false);
        let bounds = Bounds { most, proxies: Vec::new(), drain, patience };
        let served = tokio::spawn(serve(Listener::plain(listener), router, bounds, stopping));
        Self { address, stop, served }
    }

    fn client(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(LONG)).expect("set");
        stream
    }

    fn sent(&self, text: &str) -> TcpStream {
        let mut stream = self.client();
        stream.write_all(text.as_bytes()).expect("sent");
        stream
    }

    /// Whether somebody who comes now is served.
    fn answers(&self) -> bool {
        last_words(self.sent("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).ends_with("here")
    }

    async fn stopped(self) -> (bool, Duration) {
        let asked = Time::now();
        self.stop.send_replace(true);
        let is_whole = tokio::time::timeout(LONG, self.served).await.expect("it stops").expect("it lives");
        (is_whole, asked.elapsed())
    }
}

/// All that comes until the other side is gone.
fn last_words(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => panic!("it was not let go"),
        _ => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_too_slowly_is_let_go_and_holds_up_nobody() {
    let house = House::open(100, LITTLE, LONG).await;
    let half = house.sent("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    let silent = house.client();
    let slow = house.sent("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nsome");
    assert!(house.answers());
    assert_eq!((last_words(silent), last_words(half)), (String::new(), String::new()));
    let told = last_words(slow);
    assert!(told.starts_with("HTTP/1.1 4"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_comes_steadily_may_take_longer() {
    let house = House::open(100, LITTLE, LONG).await;
    let n = 6 * usize::try_from(SLOWEST_BODY).expect("small");
    let mut steady =
        house.sent(&format!("POST /read HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {n}\r\n\r\n"));
    for _ in 0..6 {
        steady.write_all(&vec![b'x'; n / 6]).expect("sent");
        sleep(Duration::from_millis(120)).await;
    }
    assert!(last_words(steady).ends_with(&format!("{n} bytes")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_is_too_large_is_refused() {
    let house = House::open(100, LITTLE, LONG).await;
    let mut large = house.client();
    // It may be cut off while it still sends.
    drop(write!(large, "GET / HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "x".repeat(64 * 1024)));
    let told = last_words(large);
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 431"), "{told}");
    let many = "X-Many: x\r\n".repeat(300);
    let told = last_words(house.sent(&format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n")));
    assert!(told.starts_with("HTTP/1.1 431"), "{told}");
    assert!(house.answers());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_too_slowly_is_let_go() {
    let house = House::open(1, LITTLE, LONG).await;
    let unread = house.sent("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    let began = Time::now();
    while !house.answers() {
        assert!(began.elapsed() < LONG, "its place is never given back");
        sleep(Duration::from_millis(20)).await;
    }
    drop(unread);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_are_too_many_are_told_so_and_come_in_later() {
    let patient = Patience { head: LONG * 3, ..LITTLE };
    let house = House::open(32, patient, LONG).await;
    let idle: Vec<TcpStream> = (0..32).map(|_| house.client()).collect();
    for _ in 0..200 {
        let told = last_words(house.client());
        let (head, body) = told.split_once("\r\n\r\n").expect("an answer");
        assert!(head.starts_with("HTTP/1.1 503") && head.contains("Retry-After: 5"), "{told}");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{told}");
    }
    drop(idle);
    let began = Time::now();
    while !house.answers() {
        assert!(began.elapsed() < LONG, "their places are never given back");
        sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn one_address_never_takes_all_places_unless_it_speaks_for_others() {
    let bounds =
        Bounds { most: 8, proxies: vec!["192.0.2.7/32".parse().expect("a net")], drain: LONG, patience: LITTLE };
    let seats = Arc::new(Seats { bounds, taken: Mutex::default() });
    let take = |peer: &str| Seat::take(&seats, peer.parse().expect("an address"));
    let pair: Vec<_> = ["2001:db8::1", "2001:db8::2"].into_iter().map(|peer| take(peer).expect("free")).collect();
    assert!(take("2001:db8::3").is_none(), "one site");
    let proxy: Vec<_> = std::iter::from_fn(|| take("192.0.2.7")).collect();
    assert_eq!(proxy.len(), 6, "all that are left");
    assert!(take("192.0.2.9").is_none(), "none is left");
    drop(pair);
    let others: Vec<_> = std::iter::from_fn(|| take("192.0.2.9")).collect();
    assert_eq!(others.len(), 2);
    drop((proxy, others));
    assert!(seats.taken.lock().expect("whole").is_empty(), "nobody is remembered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_waits_for_what_is_under_way_and_not_for_those_who_dawdle() {
    let patient = Patience { head: LONG * 3, body: LONG * 3, ..LITTLE };
    let house = House::open(100, patient, LONG).await;
    let dawdlers = [house.client(), house.sent("GET / HTTP/1.1\r\nHo")];
    let kept = house.sent("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut begun = [0; 4];
    (&kept).read_exact(&mut begun).expect("answered, and kept open");
    let busy = house.sent("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    // Its answer is awaited before anybody can know that it was heard; the others were there first.
    sleep(Duration::from_millis(200)).await;
    let (is_whole, took) = house.stopped().await;
    assert!(is_whole && took < LONG / 2, "{took:?}");
    assert!(last_words(busy).starts_with("HTTP/1.1 200"), "what was under way is answered");
    drop((dawdlers, kept));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_cuts_off_a_body_that_does_not_come() {
    let patient = Patience { body: LONG * 3, ..LITTLE };
    let house = House::open(100, patient, Duration::from_millis(300)).await;
    let slow = house.sent("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nsome");
    assert!(house.answers(), "the one before was heard");
    sleep(Duration::from_millis(100)).await;
    let (is_whole, took) = house.stopped().await;
    assert!(!is_whole && took < LONG / 2, "{took:?}");
    drop(slow);
}
