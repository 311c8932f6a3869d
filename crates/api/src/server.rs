//! Connections: how many, how slow, and how they end.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::config::ApiConfig;
use crate::linger::Lingering;
use crate::router::router;
use crate::state::Api;

/// Serves the API on a listener until `shutdown` ends, then answers what is under way for
/// `drain_ms` at most and returns. HTTP/1.1 only: whatever stands in front and speaks HTTP/2 or TLS
/// speaks HTTP/1.1 to its back.
pub async fn serve(listener: TcpListener, api: Api, shutdown: impl Future<Output = ()>) {
    let config = api.config().clone();
    let service = TowerToHyperService::new(router(api.clone()));
    let places = Arc::new(Semaphore::new(config.max_connections.max(1)));
    let graceful = GracefulShutdown::new();
    let http = http(&config);
    tokio::pin!(shutdown);
    loop {
        // A place first: without one, connections wait in the kernel's queue, not in our memory.
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            next = next => next,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        tune(&stream, &config);
        let io = TokioIo::new(Lingering::new(stream));
        let connection = graceful.watch(http.serve_connection(io, service.clone()));
        tokio::spawn(async move {
            let _place = place;
            // Half-sent requests, resets, idle time-outs: the client's affair.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    api.stop();
    let drain = Duration::from_millis(config.drain_ms);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still being answered at the end of drain_ms");
    }
}

fn http(config: &ApiConfig) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(config.header_timeout_ms.max(1)))
        // hyper refuses less than 8 KiB.
        .max_buf_size(config.max_header_bytes.max(8 << 10))
        .max_headers(config.max_headers.max(1))
        // A client that has sent everything may close its side and still read the answer.
        .half_close(true);
    http
}

fn tune(stream: &TcpStream, config: &ApiConfig) {
    // Answers are written whole: nothing to gain from waiting for more.
    let _ = stream.set_nodelay(true);
    // Frees the place of a client that does not take its answer (tcp(7), also for a window that
    // stays at zero).
    let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, config.write_timeout_ms);
}

/// A failed accept is about one connection (it is gone already), or about the process (no file
/// descriptors left): then at once again would only spin.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "no connection can be accepted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
