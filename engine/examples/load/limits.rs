//! The limits of this machine: durable SQLite commits, and HTTP answers without a database.

use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, routing::post};
use rusqlite::Connection as Database;

use super::{Failure, http::Connection, process};

/// The duration of each measurement.
const WHILE: Duration = Duration::from_secs(2);

pub struct Limits {
    /// Sequential transactions of one row, per second.
    pub single_row_commits: f64,
    /// Rows per second in transactions of 64.
    pub grouped_rows: f64,
    /// Requests per second to a server that returns the request body.
    pub echoes: f64,
}

pub async fn measure(folder: &Path, clients: usize) -> Result<Limits, Failure> {
    let single_row_commits = commits(&folder.join("single.sqlite"), 1)?;
    let grouped_rows = commits(&folder.join("grouped.sqlite"), 64)?;
    Ok(Limits { single_row_commits, grouped_rows, echoes: echoes(clients).await? })
}

/// Rows per second in sequential durable transactions of `rows` rows.
pub fn commits(path: &Path, rows: usize) -> Result<f64, Failure> {
    let database = Database::open(path)?;
    database.pragma_update(None, "journal_mode", "wal")?;
    database.pragma_update(None, "synchronous", "full")?;
    database.execute_batch("CREATE TABLE entry (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")?;
    let text = "x".repeat(200);
    let begun = Instant::now();
    let mut written = 0;
    while begun.elapsed() < WHILE {
        database.execute_batch("BEGIN")?;
        for _ in 0..rows {
            database.prepare_cached("INSERT INTO entry (text) VALUES (?)")?.execute([&text])?;
        }
        database.execute_batch("COMMIT")?;
        written += rows;
    }
    Ok(written as f64 / begun.elapsed().as_secs_f64())
}

/// Serves echoes. Runs in a process of its own, like the engine's server.
pub async fn serve_echoes(address: SocketAddr) -> Result<(), Failure> {
    let routes = Router::new().route("/", post(|body: Bytes| async { body }));
    let listener = tokio::net::TcpListener::bind(address).await?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |connection| {
        // Like the engine's server.
        let _ = connection.set_nodelay(true);
    });
    Ok(axum::serve(listener, routes).await?)
}

async fn echoes(clients: usize) -> Result<f64, Failure> {
    let address = process::free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["echo", &address.to_string()]);
    // It answers any request, including the one that checks for readiness.
    let server = process::Server::start(command, address).await?;
    let begun = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let mut connection = Connection::open(address).await?;
        running.spawn(async move {
            let mut echoed = 0_u64;
            while begun.elapsed() < WHILE {
                connection.exchange("Echo", br#"{"executionArn": "arn:aws:states:eu-west-2:000000000000:x"}"#).await?;
                echoed += 1;
            }
            std::io::Result::Ok(echoed)
        });
    }
    let mut echoed = 0;
    while let Some(client) = running.join_next().await {
        echoed += client??;
    }
    drop(server);
    Ok(echoed as f64 / begun.elapsed().as_secs_f64())
}
