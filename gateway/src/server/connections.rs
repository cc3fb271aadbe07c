use std::{
    convert::Infallible,
    io::Cursor,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    calls::Calls,
    stack::{GrpcRequest, GrpcStack},
};
use crate::grpc::ClientAddress;

/// What clients may take of the server.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Connections at once; further ones wait to be accepted.
    pub connections: usize,
    /// Calls at once on one connection.
    pub streams: u32,
    /// Bytes of headers of one call.
    pub header_bytes: u32,
    /// Bytes of one call that are taken in before its handler asks for them.
    pub call_window: u32,
    /// The same of all calls of one connection. It is larger, so that a stream which is not read
    /// does not keep the other calls of its connection from being read.
    pub connection_window: u32,
    /// How long a new connection may take until it has sent HTTP/2's preface.
    pub greeting: Duration,
    /// A silent connection is probed so often, and closed when the probe goes unanswered as long.
    pub keep_alive: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            streams: 1024,
            header_bytes: 16 * 1024,
            call_window: 256 << 10,
            connection_window: 2 << 20,
            greeting: Duration::from_secs(10),
            keep_alive: Duration::from_secs(30),
        }
    }
}

/// Serves gRPC on `listener` until `stop`, then tells all connections to go away (GOAWAY), and
/// returns when the calls on them have ended.
pub async fn serve_grpc(
    listener: TcpListener,
    stack: GrpcStack,
    limits: ConnectionLimits,
    stop: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    while let Some((stream, address, place)) = accept(&listener, &places, &stop).await {
        let (stack, stop, watcher) = (stack.clone(), stop.clone(), graceful.watcher());
        tokio::spawn(async move {
            // Held for as long as the connection lives, however it ends.
            let _place = place;
            let Some(stream) = greeted(stream, limits.greeting, &stop).await else {
                return debug!(%address, "connection without a greeting");
            };
            let calls = Calls::default();
            let connection = builder(&limits, calls.clone())
                .serve_connection(TokioIo::new(stream), with_address(stack, address.ip()));
            if let Err(error) = calls.run_with(watcher.watch(connection)).await {
                debug!(%address, %error, "connection ended");
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// The next connection, once there is a place for it; none after `stop`.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    loop {
        let accept = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        tokio::select! {
            (Ok(place), accepted) = accept => match accepted {
                Ok((stream, address)) => {
                    // Small answers shall not wait for more to send.
                    let _ = stream.set_nodelay(true);
                    return Some((stream, address, place));
                }
                Err(error) => {
                    warn!(%error, "connection not accepted");
                    // Out of file descriptors, mostly: some must be closed first.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            () = stop.cancelled() => return None,
            else => return None,
        }
    }
}

/// The connection, once its client has sent the preface; none if it does not in time, or at `stop`.
/// Hyper itself would wait forever.
async fn greeted(
    mut stream: TcpStream,
    limit: Duration,
    stop: &CancellationToken,
) -> Option<impl AsyncRead + AsyncWrite + Unpin + use<>> {
    let mut preface = [0; PREFACE_BYTES];
    tokio::select! {
        read = timeout(limit, stream.read_exact(&mut preface)) => drop(read.ok()?.ok()?),
        () = stop.cancelled() => return None,
    }
    let (reader, writer) = stream.into_split();
    // Hyper reads the preface again.
    Some(tokio::io::join(Cursor::new(preface).chain(reader), writer))
}

/// Bytes with which every client begins (RFC 9113, section 3.4).
const PREFACE_BYTES: usize = 24;

fn builder(limits: &ConnectionLimits, calls: Calls) -> hyper::server::conn::http2::Builder<Calls> {
    let mut builder = hyper::server::conn::http2::Builder::new(calls);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        // A client whose calls are all too late gives all of them up at once, and may go on.
        .max_pending_accept_reset_streams(limits.streams as usize)
        .max_header_list_size(limits.header_bytes)
        .initial_stream_window_size(limits.call_window)
        .initial_connection_window_size(limits.connection_window)
        .keep_alive_interval(limits.keep_alive)
        .keep_alive_timeout(limits.keep_alive);
    builder
}

fn with_address(
    stack: GrpcStack,
    address: IpAddr,
) -> impl hyper::service::Service<
    GrpcRequest,
    Response = http::Response<tonic::body::Body>,
    Error = Infallible,
    Future: Send,
> {
    let address = ClientAddress(address.to_string().into());
    service_fn(move |mut request: GrpcRequest| {
        request.extensions_mut().insert(address.clone());
        stack.answer(request).map(Ok)
    })
}
