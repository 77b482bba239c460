//! Builds and starts the server.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command::{cargo, run, say};
use crate::project::{Mode, Project};

/// Compiles the server. Like the tests, this selects all default members of the workspace, so that both share compiled
/// crates.
pub fn build(project: &Project, mode: Mode) -> Result<()> {
    say("compiling the server");
    let profile = match mode {
        Mode::Development => "dev",
        Mode::Release => "release",
    };
    run(cargo(&project.root).args(["build", "--bin", "loan-desk", "--profile", profile]))
}

/// A running server with its own data folder and port. It is killed on drop.
pub struct RunningServer {
    process: Child,
    pub address: String,
}

impl RunningServer {
    /// Starts the server on the folder `data` and waits until it is ready. What it logs by `filter` goes to the file `log`.
    pub fn start(project: &Project, mode: Mode, data: &Path, flags: &[&str], filter: &str, log: &Path) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let shown = log.display().to_string();
        let log = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        let process = project
            .server(mode)
            .args(["--listen", &address, "--data-dir"])
            .arg(data)
            .args(flags)
            .env("LOAN_DESK_LOG", filter)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", project.server_binary(mode).display()))?;
        let mut server = Self { process, address };
        let deadline = Instant::now() + Duration::from_secs(20);
        while server.get("/readyz").is_err() {
            if let Some(status) = server.process.try_wait()? {
                bail!("the server exited immediately ({status}); its log is in {shown}");
            }
            if Instant::now() > deadline {
                bail!("the server is not ready after 20 seconds");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a GET request and returns the length of the response. Fails unless the status is 200.
    pub fn get(&self, path: &str) -> Result<usize> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        // HTTP/1.0 with one connection for each request: the response ends at the end of the stream.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\nAccept: text/html\r\n\r\n", self.address)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let status = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
        if !status.ends_with(b" 200 OK") {
            bail!("GET {path}: {}", String::from_utf8_lossy(status));
        }
        Ok(answer.len())
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        // Both fail only if the server has already exited.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
