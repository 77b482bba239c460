//! The desk: how much it sends, how fast its pages are, what it takes.

mod fill;
mod http;
mod load;
mod scale;

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::project::{Mode, Project};
use crate::server::RunningServer;
use crate::{build, wasm};

/// Bytes of gzipped wasm above which pages would no longer feel instant on a slow line.
const WASM_LIMIT: usize = 150_000;

const PAGES: [&str; 4] = ["/", "/applications", "/applications/new", "/waiting"];

/// Requests a page, after as many to warm up.
const SAMPLES: usize = 200;

/// Whether the wasm is within its limit. `as_built` measures the server that was built last, and no wasm.
pub fn bench(project: &Project, as_built: bool) -> Result<bool> {
    if as_built {
        return scale::bench(project).map(|()| true);
    }
    build::build(project)?;
    let size = wasm::gzipped_size(project)?;
    let fits = size <= WASM_LIMIT;
    let verdict = if fits { "within" } else { "OVER" };
    println!("wasm, gzipped     {:>9.1} kB   {verdict} the limit of {} kB", size as f64 / 1e3, WASM_LIMIT / 1000);

    let server = RunningServer::start(project, Mode::Release, &project.notes().join("bench-data"))?;
    std::thread::sleep(Duration::from_secs(2));
    println!("memory at rest    {:>9.1} MB", resident_bytes(server.id())? as f64 / 1e6);
    let bare = median(&server, "/healthz")?;
    println!("/healthz          {:>9.2} ms   median of {SAMPLES}, a connection each", milliseconds(bare));
    for page in PAGES {
        let took = median(&server, page)?;
        let ratio = took.as_secs_f64() / bare.as_secs_f64();
        println!("{page:<18}{:>9.2} ms   {ratio:.1} times /healthz", milliseconds(took));
    }
    drop(server);
    scale::bench(project)?;
    Ok(fits)
}

fn median(server: &RunningServer, path: &str) -> Result<Duration> {
    let mut times = Vec::with_capacity(SAMPLES);
    for sample in 0..SAMPLES * 2 {
        let start = Instant::now();
        server.get(path)?;
        if sample >= SAMPLES {
            times.push(start.elapsed());
        }
    }
    times.sort_unstable();
    Ok(times[SAMPLES / 2])
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Resident memory as Linux counts it.
fn resident_bytes(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("memory is measured on Linux only")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS in /proc")?;
    let kilobytes = line.split_whitespace().nth(1).context("VmRSS has no value")?.parse::<u64>()?;
    Ok(kilobytes * 1024)
}
