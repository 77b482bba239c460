//! The desk with few applications and with many: what pages cost, how much memory it takes, how soon it is ready.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use super::fill::{self, Stock};
use super::http::Client;
use super::load::{self, Valuer};
use super::{milliseconds, resident_bytes};
use crate::project::{Mode, Project};
use crate::server::RunningServer;

/// How many applications a desk has, each time.
const SIZES: [usize; 3] = [1_000, 20_000, 100_000];

const WAITING: usize = 3_000;

/// Requests a page, after some to warm up.
const SAMPLES: usize = 200;
const WARM_UP: usize = 20;

/// How long a read model may take to be made.
const PATIENCE: Duration = Duration::from_secs(600);

fn pages(stock: &Stock) -> [(&'static str, String); 9] {
    // One that waits on staff.
    let number = stock.waiting.saturating_sub(2) / 2 * 2;
    [
        ("today", "/".to_owned()),
        ("applications", "/applications".to_owned()),
        ("a search", "/applications?q=turing+mill".to_owned()),
        ("a search in vain", "/applications?q=xyzzy".to_owned()),
        ("by amount", "/applications?sort=-amount".to_owned()),
        ("waiting", "/waiting".to_owned()),
        ("one application", format!("/applications/{}", fill::reference(number))),
        ("manual valuation", format!("/manual-valuations/{}", fill::task_id(number))),
        ("new application", "/applications/new".to_owned()),
    ]
}

pub fn bench(project: &Project) -> Result<()> {
    let folder = project.notes().join("bench-data");
    println!(
        "synced writes     {:>9.0} a second: 8 kB appended to a file, as SQLite's log is for a row",
        synced_writes(project)?
    );
    let empty = measure(project, &folder, 0)?;
    for size in SIZES {
        let measured = measure(project, &folder, size)?;
        let bytes = (measured.memory as f64 - empty.memory as f64) / size as f64;
        println!(
            "  memory          {:>9.1} MB   {bytes:.0} bytes an application above the empty desk",
            measured.memory as f64 / 1e6
        );
    }
    load(project, &folder)
}

struct Measured {
    memory: u64,
}

fn measure(project: &Project, folder: &Path, size: usize) -> Result<Measured> {
    println!("{size} applications, {} waiting", waiting(size));
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let stock = Stock { applications: size, waiting: waiting(size), now };
    let aws = free_address()?;
    let server = RunningServer::start_with(project, Mode::Release, folder, &["--aws-endpoint", &aws])?;
    if size > 0 {
        let start = Instant::now();
        stock.store(&aws)?;
        println!("  written in      {:>9.1} s", start.elapsed().as_secs_f64());
    }
    drop(server);
    // Made anew, from tables that are full.
    for suffix in ["", "-wal", "-shm"] {
        let file = folder.join(format!("read-model.sqlite{suffix}"));
        if file.exists() {
            std::fs::remove_file(file)?;
        }
    }
    let start = Instant::now();
    let server = RunningServer::again(project, Mode::Release, folder, &[])?;
    wait_until_complete(&server)?;
    println!("  read model made {:>9.1} s    after the start", start.elapsed().as_secs_f64());
    drop(server);
    let start = Instant::now();
    let server = RunningServer::again(project, Mode::Release, folder, &[])?;
    println!("  start to ready  {:>9.2} s", start.elapsed().as_secs_f64());
    // The pass over the tables that follows a start is over by then.
    std::thread::sleep(Duration::from_secs(if size > 50_000 { 60 } else { 10 }));
    let mut client = Client::connect(&server.address)?;
    for (name, path) in pages(&stock) {
        if size == 0 && (name == "one application" || name == "manual valuation") {
            continue;
        }
        let mut times = Vec::with_capacity(SAMPLES);
        for sample in 0..SAMPLES + WARM_UP {
            let start = Instant::now();
            let answer = client.get(&path)?;
            if answer.status != 200 {
                bail!("{path}: {}", answer.status);
            }
            if sample >= WARM_UP {
                times.push(start.elapsed());
            }
        }
        times.sort_unstable();
        let (median, p99) = (times[SAMPLES / 2], times[SAMPLES * 99 / 100]);
        println!("  {name:<16}{:>9.2} ms   p99 {:.2} ms", milliseconds(median), milliseconds(p99));
    }
    Ok(Measured { memory: resident_bytes(server.id())? })
}

fn waiting(size: usize) -> usize {
    WAITING.min(size / 2)
}

fn wait_until_complete(server: &RunningServer) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut client = Client::connect(&server.address)?;
    // While it reads it refuses to tell a part for the whole.
    while client.get("/api/applications")?.status != 200 {
        if Instant::now() > deadline {
            bail!("the read model is not complete");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn load(project: &Project, folder: &Path) -> Result<()> {
    let valuer = Valuer::start()?;
    let server = RunningServer::start_with(project, Mode::Release, folder, &["--valuation-service-url", &valuer.url])?;
    let rates = load::measure(&server.address, &valuer)?;
    let disk = synced_writes(project)?;
    println!(
        "submissions       {:>9.0} a second with 16 clients, {:.3} of a synced write; median {:.0} ms",
        rates.submissions,
        rates.submissions / disk,
        milliseconds(rates.median_submission)
    );
    println!(
        "callbacks         {:>9.0} a second with 16 clients, {:.3} of a synced write",
        rates.callbacks,
        rates.callbacks / disk
    );
    Ok(())
}

/// How often this disk can be waited for in a second.
fn synced_writes(project: &Project) -> Result<f64> {
    std::fs::create_dir_all(project.notes())?;
    let path = project.notes().join("bench-disk");
    let mut file = File::create(&path).context("a file to measure the disk")?;
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(2) {
        file.write_all(&[1; 8192])?;
        file.sync_data()?;
        count += 1;
    }
    std::fs::remove_file(path)?;
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

fn free_address() -> Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
