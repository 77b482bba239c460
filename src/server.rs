//! Starts the HTTP servers, and shuts down gracefully.

use std::{io, net::SocketAddr, time::Duration};

use app::desk::Counts;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use url::Url;

use crate::{
    aws,
    config::{Backend, CallbackAuth, Config},
    connections::{self, HEAD_TIMEOUT},
    opening::{OpenDesk, Outside, StartError},
    routes,
    services::{Addresses, Services},
    timestamp,
};

/// The time for running requests to complete during shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the desk cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen on {addr}: {source}")]
    Listen { addr: SocketAddr, source: io::Error },
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
}

/// Serves until the process is asked to stop.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    // Listen first: timers that came due in the meantime fire as soon as Step Functions is open, and call back here.
    let listener = listen(config.listen).await?;
    let addr = listener.local_addr()?;
    let aws_listener = match config.aws_endpoint {
        Some(addr) => Some(listen(addr).await?),
        None => None,
    };
    let own_url = own_url(addr);
    let addresses = Addresses { public_url: config.public_url.clone().unwrap_or_else(|| own_url.clone()), own_url };
    let (close, closing) = watch::channel(false);
    let desk = OpenDesk::open(&config, &addresses, Outside::real().map_err(StartError::Http)?, closing.clone()).await?;
    let mut tasks = JoinSet::new();
    desk.run_in_background(&mut tasks);

    let mut servers = JoinSet::new();
    if let (Some(listener), Some(embedded)) = (aws_listener, &desk.embedded) {
        tracing::info!(addr = %listener.local_addr()?, "Step Functions and DynamoDB are open to the AWS CLI and SDKs");
        let router = aws::endpoint(embedded.clone());
        servers.spawn(connections::serve(listener, router, HEAD_TIMEOUT, closed(closing.clone())));
    }
    if !addr.ip().is_loopback() {
        tracing::warn!(
            %addr,
            "anybody who can reach this address can read and answer everything, because the desk has no sign-in; keep it in a \
             trusted network or behind a proxy with authentication"
        );
    }
    if config.callback_auth == CallbackAuth::Reference {
        tracing::warn!(
            "--callback-auth reference: anybody who knows or guesses a valuation reference can set the value of a property; \
             use `signed` unless the valuation service cannot call back at the address that it is given"
        );
    }
    let router = routes::router(&desk.services, &config, &addresses);
    servers.spawn(connections::serve(listener, router, HEAD_TIMEOUT, closed(closing)));
    report_open(&desk.services, &config, addr, &addresses.public_url).await;
    let served = async {
        while let Some(server) = servers.join_next().await {
            server.map_err(io::Error::other)??;
        }
        Ok::<_, io::Error>(())
    };
    let shutdown = async {
        shutdown_signal().await;
        tracing::info!("closing");
        // Cannot fail: the servers hold receivers.
        let _ = close.send(true);
        tokio::time::sleep(SHUTDOWN_TIMEOUT).await;
    };
    tokio::select! {
        served = served => served?,
        () = shutdown => tracing::warn!("some requests were cut off"),
    }
    tasks.shutdown().await;
    desk.close().await;
    tracing::info!("closed");
    Ok(())
}

/// Logs what was opened, and how much of it waits.
async fn report_open(services: &Services, config: &Config, addr: SocketAddr, public_url: &Url) {
    let backend = match config.backend {
        Backend::Embedded => format!("embedded, in {}", config.data_dir.display()),
        Backend::Aws => "aws".to_owned(),
    };
    let model = &services.read_model;
    // A desk that cannot read the numbers opens all the same. While the read model is being built they would be too low,
    // and reading them would wait for it.
    let (mut counts, mut next_deadline) = (None, None);
    if model.incomplete().is_none() {
        counts = model.counts().await.ok();
        let next = model.waiting(None, None, 1).await.ok();
        next_deadline = next.and_then(|page| page.items.first().map(|item| timestamp::write(item.deadline)));
    }
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        backend,
        %addr,
        %public_url,
        open_applications = counts.as_ref().map(Counts::open),
        waiting = counts.as_ref().map(|counts| counts.waiting.all()),
        next_deadline,
        "the desk is open"
    );
}

async fn listen(addr: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(addr).await.map_err(|source| ServeError::Listen { addr, source })
}

/// Completes when the desk closes.
async fn closed(mut closing: watch::Receiver<bool>) {
    // An error means that the sender was dropped, which also means that the desk closes.
    let _ = closing.wait_for(|closing| *closing).await;
}

/// The URL at which this machine reaches the desk.
fn own_url(addr: SocketAddr) -> Url {
    let host = match addr {
        SocketAddr::V4(addr) if addr.ip().is_unspecified() => format!("127.0.0.1:{}", addr.port()),
        SocketAddr::V6(addr) if addr.ip().is_unspecified() => format!("[::1]:{}", addr.port()),
        addr => addr.to_string(),
    };
    format!("http://{host}").parse().expect("an address and port make a URL")
}

/// Completes on Ctrl-C or, on Unix, on SIGTERM.
async fn shutdown_signal() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // The handler could not be installed. Wait forever, so that the desk does not close.
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminated = async {
            match signal(SignalKind::terminate()) {
                Ok(mut terminate) => {
                    terminate.recv().await;
                }
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = interrupted => {}
            () = terminated => {}
        }
    }
    #[cfg(not(unix))]
    interrupted.await;
}
