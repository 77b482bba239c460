//! Many waiting executions: the throughput of starts, their size, the cost of reads beside them, and how soon a killed
//! server is ready again.

use std::{
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    Failure,
    client::{Client, Server},
    cycles::Machine,
    percentile, process, usage,
};

/// The number of calls of each read operation.
const READS: usize = 300;

/// The results with this many stored executions.
pub struct Level {
    pub paused: u64,
    pub starts_per_second: f64,
    /// The median and the 99th percentile of ListExecutions with 100 items, DescribeExecution and GetExecutionHistory.
    pub reads: Vec<(&'static str, Duration, Duration)>,
}

pub struct Paused {
    pub levels: Vec<Level>,
    /// Resident memory per execution, in bytes.
    pub memory: f64,
    /// The size of all files per execution in bytes, including the write-ahead log.
    pub disk: f64,
    /// The time from starting the process to its first answer, after `kill -9`.
    pub ready_after: Duration,
}

/// `start` returns the command that serves this folder at an address.
pub async fn measure(
    server: impl Fn() -> Command,
    address: std::net::SocketAddr,
    folder: &Path,
    clients: usize,
    levels: &[u64],
) -> Result<Paused, Failure> {
    let mut running = process::Server::start(server(), address).await?;
    let target = Server::Http(address);
    // Create threads, caches and statements first, so that only executions are counted.
    super::cycles::run(&target, clients, 2_000, "warm-up").await?;
    let machine = Machine::create(&mut target.client().await?, "paused").await?;
    let memory_before = usage::memory(running.id())?;
    let disk_before = usage::disk(folder)?;
    let mut seen = Vec::new();
    let mut paused = 0;
    for level in levels {
        let starts_per_second = start(&target, clients, &machine, paused, *level).await?;
        paused = *level;
        let reads = read(&mut target.client().await?, &machine, paused).await?;
        seen.push(Level { paused, starts_per_second, reads });
    }
    let memory = usage::memory(running.id())?.saturating_sub(memory_before) as f64 / paused as f64;

    let before = ids(&mut target.client().await?, &machine).await?;
    running.kill();
    running = process::Server::start(server(), address).await?;
    let ready_after = running.ready_after;
    if ids(&mut target.client().await?, &machine).await? != before {
        return Err("other executions are running than before the kill".into());
    }
    let disk = usage::disk(folder)?.saturating_sub(disk_before) as f64 / paused as f64;
    Ok(Paused { levels: seen, memory, disk, ready_after })
}

/// Starts executions with these numbers. Returns the rate per second.
async fn start(server: &Server, clients: usize, machine: &Machine, from: u64, to: u64) -> Result<f64, Failure> {
    let next = Arc::new(AtomicU64::new(from));
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..clients {
        let (mut client, machine, next) = (server.client().await?, machine.clone(), next.clone());
        running.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= to {
                    return Result::<Vec<()>, Failure>::Ok(Vec::new());
                }
                machine.start(&mut client, &name(number)).await?;
            }
        });
    }
    super::gather(running).await?;
    Ok((to - from) as f64 / begun.elapsed().as_secs_f64())
}

fn name(number: u64) -> String {
    format!("paused-{number}")
}

async fn read(
    client: &mut Client,
    machine: &Machine,
    paused: u64,
) -> Result<Vec<(&'static str, Duration, Duration)>, Failure> {
    let mut seen = Vec::new();
    for operation in ["ListExecutions", "DescribeExecution", "GetExecutionHistory"] {
        let mut times = Vec::with_capacity(READS);
        for call in 0..READS as u64 {
            // Spread across all executions in no particular order.
            let execution = machine.execution(&name(call * 7919 % paused));
            let request = if operation == "ListExecutions" {
                json!({"stateMachineArn": machine.arn, "maxResults": 100, "statusFilter": "RUNNING"})
            } else {
                json!({"executionArn": execution})
            };
            let begun = Instant::now();
            client.must(operation, &request).await?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        seen.push((operation, percentile(&times, 50), percentile(&times, 99)));
    }
    Ok(seen)
}

/// The names of all running executions, in order.
async fn ids(client: &mut Client, machine: &Machine) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    let mut request = json!({"stateMachineArn": machine.arn, "maxResults": 1000, "statusFilter": "RUNNING"});
    loop {
        let mut page = client.must("ListExecutions", &request).await?;
        let listed = page["executions"].as_array().cloned().unwrap_or_default();
        names.extend(listed.iter().filter_map(|execution| execution["name"].as_str().map(str::to_owned)));
        match page["nextToken"].take() {
            Value::Null => return Ok(names),
            token => request["nextToken"] = token,
        }
    }
}
