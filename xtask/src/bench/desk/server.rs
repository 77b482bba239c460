//! A desk to be measured, with a log that is read.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::http::Client;
use crate::project::{Mode, Project};
use crate::server::RunningServer;

/// How long a desk may take to do what is waited for.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// How often it is looked whether it has.
pub const POLL: Duration = Duration::from_millis(20);

/// An optimised desk.
pub struct Desk {
    server: RunningServer,
    log: PathBuf,
    /// How long it took to be ready.
    pub start: Duration,
}

impl Desk {
    /// Starts a desk on the folder `data` as it is. `filter` says what it logs besides warnings.
    pub fn start(project: &Project, data: &Path, flags: &[&str], filter: &str) -> Result<Self> {
        let log = project.notes().join("bench-desk.log");
        let begun = Instant::now();
        let filter = format!("warn,{filter}");
        let server = RunningServer::start(project, Mode::Release, data, flags, &filter, &log)?;
        Ok(Self { server, log, start: begun.elapsed() })
    }

    pub fn address(&self) -> &str {
        &self.server.address
    }

    pub fn client(&self) -> Result<Client> {
        Client::connect(self.address())
    }

    pub fn log(&self) -> Result<String> {
        fs::read_to_string(&self.log).context("the desk's log")
    }

    /// Resident memory in bytes, as Linux counts it.
    pub fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.id()));
        let status = status.context("memory is measured on Linux only")?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS in /proc")?;
        let kilobytes = line.split_whitespace().nth(1).context("VmRSS has no value")?.parse::<u64>()?;
        Ok(kilobytes * 1024)
    }

    /// Waits until lists show everything.
    pub fn until_lists_are_complete(&self) -> Result<()> {
        let mut client = self.client()?;
        until("the read model is complete", || Ok(client.get("/api/applications")?.status == 200))
    }

    /// Waits until the pass over the tables that follows each start is over. The desk must log `loan_desk::read_model` at
    /// level debug.
    pub fn until_the_pass_is_over(&self) -> Result<()> {
        until("the pass over the tables is over", || Ok(self.log()?.contains("the pass over the tables is over")))
    }
}

/// Waits until `is_so`; an error after [`PATIENCE`].
pub fn until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !is_so()? {
        if Instant::now() > deadline {
            bail!("waited {} s in vain until {what}", PATIENCE.as_secs());
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// An address that nobody listens on.
pub fn free_address() -> Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
