//! Connections once they have been taken in: how many there may be, how long each may take, and how they end. Whoever
//! sends or reads too slowly is let go, whoever is one too many is told so, and a stop waits for requests that are
//! under way and for nothing else.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use axum::serve::Listener as Incoming;
use hyper::body::{Frame, SizeHint};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep};
use tower::ServiceExt;

use super::listen::Stream;

/// Bytes of a head, at most: what is larger is answered with 431.
const LONGEST_HEAD: usize = 32 * 1024;

/// A body may take a second longer for each so many bytes of it that have come.
const SLOWEST_BODY: u64 = 4 * 1024;

/// Of all connections, one address may have one in so many.
const SHARE: usize = 4;

/// Connections that are told at once that they are too many; beyond that they are just closed.
const MOST_TOLD: usize = 128;

/// What a connection is told that is one too many.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\
    Content-Type: application/json\r\nContent-Length: 84\r\n\r\n\
    {\"error\":\"Very many are connected just now. Please try again.\",\"code\":\"too_crowded\"}";

/// How many may be connected.
pub(super) struct Bounds {
    /// In all.
    pub most: usize,
    /// Who may have all of them: they speak for others.
    pub proxies: Vec<IpNet>,
    /// How long a stop waits for requests that are under way.
    pub drain: Duration,
    /// How long else is waited.
    pub patience: Patience,
}

/// How long the other side may take.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// For the head of a request, the wait for the next one on the same connection included.
    pub head: Duration,
    /// For a body, however long it is.
    pub body: Duration,
    /// For taking nothing of an answer.
    pub write: Duration,
    /// When stopping, for the last bytes of an answer, or of a request that has not even begun.
    pub farewell: Duration,
}

/// A slow line far away is quicker than this.
pub(super) const PATIENCE: Patience = Patience {
    head: Duration::from_secs(30),
    body: Duration::from_secs(20),
    write: Duration::from_secs(30),
    farewell: Duration::from_millis(500),
};

/// Serves what `listener` takes in until `stop` says so, then waits for what is under way, for as long as `bounds` say.
/// `false` where something was cut off.
pub(super) async fn serve<L>(mut listener: L, router: Router, bounds: Bounds, mut stop: watch::Receiver<bool>) -> bool
where
    L: Incoming<Io = Box<dyn Stream>, Addr = SocketAddr>,
{
    let seats = Arc::new(Seats { bounds, taken: Mutex::default() });
    let ends = stop.clone();
    let (mut served, mut told) = (JoinSet::new(), JoinSet::new());
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|is_stopping| *is_stopping) => break,
            Some(_) = served.join_next() => {}
            Some(_) = told.join_next() => {}
            (stream, peer) = listener.accept() => match Seat::take(&seats, peer.ip()) {
                Some(seat) => drop(served.spawn(converse(stream, peer, router.clone(), seat, ends.clone()))),
                None if told.len() < MOST_TOLD => drop(told.spawn(turn_away(stream))),
                None => drop(stream),
            },
        }
    }
    drop(listener);
    let ended = async { while served.join_next().await.is_some() {} };
    tokio::time::timeout(seats.bounds.drain, ended).await.is_ok()
}

/// Who sits where.
struct Seats {
    bounds: Bounds,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection's place; dropping it gives it to the next.
struct Seat {
    seats: Arc<Seats>,
    network: IpAddr,
}

impl Seat {
    fn take(seats: &Arc<Seats>, peer: IpAddr) -> Option<Self> {
        let peer = peer.to_canonical();
        let network = match peer {
            IpAddr::V4(_) => peer,
            // What a site is given counts as one.
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        };
        let Bounds { most, proxies, .. } = &seats.bounds;
        let speaks_for_others = peer.is_loopback() || proxies.iter().any(|net| net.contains(&peer));
        let share = if speaks_for_others { *most } else { most.div_ceil(SHARE) };
        let mut taken = seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let n_taken: usize = taken.values().sum();
        let here = taken.get(&network).copied().unwrap_or(0);
        if n_taken >= *most || here >= share {
            return None;
        }
        taken.insert(network, here + 1);
        Some(Self { seats: Arc::clone(seats), network })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = taken.get_mut(&self.network) {
            *here -= 1;
            if *here == 0 {
                taken.remove(&self.network);
            }
        }
    }
}

async fn turn_away(mut stream: Box<dyn Stream>) {
    let telling = async {
        stream.write_all(TOO_MANY).await?;
        stream.shutdown().await
    };
    // Whoever does not listen is gone all the same.
    drop(tokio::time::timeout(Duration::from_secs(1), telling).await);
}

async fn converse(
    stream: Box<dyn Stream>,
    peer: SocketAddr,
    router: Router,
    seat: Seat,
    mut stop: watch::Receiver<bool>,
) {
    let patience = seat.seats.bounds.patience;
    let n_under_way = Arc::new(AtomicUsize::new(0));
    let service = hyper::service::service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let under_way = UnderWay::begin(&n_under_way);
        let mut request = request.map(|body| Body::new(Hurried::new(body, patience.body)));
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.clone().oneshot(request);
        async move { answer.await.map(|answer| answer.map(|body| Watched { body, _under_way: under_way })) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience.head)
            .max_buf_size(LONGEST_HEAD)
            .serve_connection(TokioIo::new(Steady { stream, patience: patience.write, waiting: None }), service)
    );
    tokio::select! {
        // However it ended, nobody is left to tell.
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|is_stopping| *is_stopping) => {}
    }
    connection.as_mut().graceful_shutdown();
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            // Half a head is no request: nobody was promised anything.
            () = sleep(patience.farewell) => if n_under_way.load(Ordering::SeqCst) == 0 {
                return;
            },
        }
    }
}

/// Counts a request until the last of its answer was handed over.
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn begin(n_under_way: &Arc<AtomicUsize>) -> Self {
        n_under_way.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(n_under_way))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An answer's body.
struct Watched {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request's body that must come at some pace.
struct Hurried {
    body: hyper::body::Incoming,
    patience_ends: Instant,
    n_come: u64,
    /// Begins when the body is waited for: whoever answers without it waits for nothing.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Hurried {
    fn new(body: hyper::body::Incoming, patience: Duration) -> Self {
        Self { body, patience_ends: Instant::now() + patience, n_come: 0, deadline: None }
    }
}

impl HttpBody for Hurried {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let it = &mut *self;
        if let Poll::Ready(come) = Pin::new(&mut it.body).poll_frame(cx) {
            if let Some(bytes) = come.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref) {
                it.n_come += u64::try_from(bytes.len()).unwrap_or(0);
                it.deadline = None;
            }
            return Poll::Ready(come.map(|frame| frame.map_err(axum::Error::new)));
        }
        let due = it.patience_ends + Duration::from_secs(it.n_come / SLOWEST_BODY);
        let deadline = it.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        deadline.as_mut().poll(cx).map(|()| Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection whose other side must go on reading.
struct Steady {
    stream: Box<dyn Stream>,
    patience: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Steady {
    /// Gives up where nothing could be written for long.
    fn hold<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        waiting.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Steady {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Steady {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.hold(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.hold(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.hold(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.hold(ended, cx)
    }
}

#[cfg(test)]
mod tests;
