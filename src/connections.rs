//! Serves HTTP on a listener, with limits on connections that `axum::serve` does not offer.

use std::{io, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;

/// The maximum time for a client to send the head of a request. An idle keep-alive connection is closed after the same
/// time.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// The maximum size of a request's head, in bytes.
const HEAD_LIMIT: usize = 64 * 1024;

/// The pause before accepting again after an error that is not specific to one connection, such as too many open files.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Serves until `closing` completes, then waits for running requests.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    head_timeout: Duration,
    closing: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(HEAD_LIMIT);
    let graceful = GracefulShutdown::new();
    let mut closing = std::pin::pin!(closing);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut closing => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; trying again");
                tokio::time::sleep(RETRY_PAUSE).await;
                continue;
            }
        };
        // Responses are written as a whole, so Nagle's algorithm would only delay them.
        let _ = stream.set_nodelay(true);
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection failed");
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
    Ok(())
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        sync::oneshot,
    };

    use super::*;

    async fn open(head_timeout: Duration) -> (TcpStream, oneshot::Sender<()>, tokio::task::JoinHandle<io::Result<()>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (close, closing) = oneshot::channel::<()>();
        let router = Router::new().route("/", get(|| async { "here" }));
        let served = tokio::spawn(serve(listener, router, head_timeout, async {
            let _ = closing.await;
        }));
        (TcpStream::connect(addr).await.unwrap(), close, served)
    }

    async fn rest(mut stream: TcpStream) -> String {
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read).await;
        String::from_utf8_lossy(&read).into_owned()
    }

    #[tokio::test]
    async fn a_client_that_does_not_complete_the_head_of_its_request_is_disconnected() {
        let (mut stream, _close, _) = open(Duration::from_millis(50)).await;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: de").await.unwrap();
        assert!(!rest(stream).await.contains("200 OK"));
    }

    #[tokio::test]
    async fn a_head_that_is_too_large_is_refused() {
        let (mut stream, _close, _) = open(HEAD_TIMEOUT).await;
        let head = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(4 * HEAD_LIMIT));
        let _ = stream.write_all(head.as_bytes()).await;
        assert!(!rest(stream).await.contains("200 OK"));
    }

    #[tokio::test]
    async fn closing_ends_idle_connections_and_the_server() {
        let (mut stream, close, served) = open(HEAD_TIMEOUT).await;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: desk\r\n\r\n").await.unwrap();
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        close.send(()).unwrap();
        assert!(rest(stream).await.ends_with("here"));
        served.await.unwrap().unwrap();
    }
}
