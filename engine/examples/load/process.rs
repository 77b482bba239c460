//! A server in a process of its own: started, waited for, killed, and what it uses.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

use serde_json::json;

use super::http::Connection;

pub struct Server {
    process: Child,
    pub address: SocketAddr,
    /// From when it was started to its first answer.
    pub ready_after: Duration,
}

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(60);

impl Server {
    /// Starts it and waits until it answers.
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

    /// `kill -9`, and waits until it is gone.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Either fails only when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Memory that is resident, in bytes.
    pub fn memory(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().map_err(io::Error::other)?;
        Ok(kilobytes * 1024)
    }

    pub fn processor_time(&self) -> io::Result<Duration> {
        processor_time(self.process.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Time that a process has had on any processor, its own and the kernel's for it.
pub fn processor_time(process: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The program's name, in parentheses, may hold spaces: count from behind it.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// An address of this machine that nobody listens on.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Bytes of all files in a folder.
pub fn size_of(folder: &Path) -> io::Result<u64> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
