//! A server in a process of its own.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Child, Command},
    time::{Duration, Instant},
};

use serde_json::json;

use super::http::Connection;

pub struct Server {
    process: Child,
    pub address: SocketAddr,
    /// The time from the start to the first answer.
    pub ready_after: Duration,
}

/// The timeout for a start.
const PATIENCE: Duration = Duration::from_secs(60);

impl Server {
    /// Starts a server and waits until it answers.
    pub async fn start(mut command: Command, address: SocketAddr) -> io::Result<Self> {
        let begun = Instant::now();
        let mut server = Self { process: command.spawn()?, address, ready_after: Duration::ZERO };
        while !server.answers().await {
            if let Some(status) = server.process.try_wait()? {
                return Err(io::Error::other(format!("the server ended at once ({status})")));
            }
            if begun.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("the server is not ready after {PATIENCE:?}")));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        server.ready_after = begun.elapsed();
        Ok(server)
    }

    async fn answers(&self) -> bool {
        let Ok(mut connection) = Connection::open(self.address).await else { return false };
        matches!(connection.ask("ListStateMachines", &json!({"maxResults": 1})).await, Ok(Ok(_)))
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Kills the server with `kill -9` and waits until it has exited.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Both fail only if the process has already exited.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// An address of this machine that is not in use.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
