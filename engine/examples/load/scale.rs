//! The cost of an engine with many stored executions. Each level has as many paused executions as closed ones.
//!
//! The executions are stored in-process, which is fast. All measurements use a freshly started server in a process of
//! its own, so that levels differ only in what is stored.

use std::{
    future::Future,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use asl_engine::{Options, StepFunctions};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    Failure, Nothing,
    client::{Client, Server},
    cycles::Machine,
    limits, percentile, process, usage,
};

/// The number of timed calls of ListExecutions.
const LISTS: usize = 300;
const STARTS: usize = 3;

pub struct Plan {
    /// The number of paused executions, and of closed ones, at each level, in ascending order.
    pub levels: Vec<u64>,
    /// The number of executions to start and answer at each level, to measure throughput.
    pub measured: u64,
    /// The number of clients over HTTP.
    pub clients: usize,
}

/// The results at a level.
pub struct Level {
    pub stored: u64,
    /// The median time from starting the process to its first answer.
    pub ready_after: Duration,
    /// The median and the 99th percentile of listing 100 running executions, and 100 that have succeeded.
    pub list_running: (Duration, Duration),
    pub list_closed: (Duration, Duration),
    /// Resident memory in bytes after all of that and the measured executions.
    pub memory: u64,
    /// The size of all files per execution stored since the previous level, in bytes.
    pub disk_paused: f64,
    pub disk_closed: f64,
    pub starts_per_second: f64,
    /// Tasks taken and answered per second, which is two requests each.
    pub answers_per_second: f64,
    /// Durable single-row commits per second: the mean of the rates immediately before and after.
    pub single_row_commits: f64,
}

/// `server` returns the command that serves this folder at an address.
pub async fn measure(
    server: impl Fn() -> Command,
    address: std::net::SocketAddr,
    folder: &Path,
    plan: &Plan,
    mut seen: impl FnMut(&Level),
) -> Result<Vec<Level>, Failure> {
    let mut levels = Vec::new();
    let mut stored = 0;
    for level in plan.levels.iter().copied() {
        let added = (level - stored) as f64;
        // Moves the write-ahead log of a killed server into the database.
        store(folder, Kind::Paused, stored, stored).await?;
        let before = usage::disk(folder)?;
        store(folder, Kind::Paused, stored, level).await?;
        let between = usage::disk(folder)?;
        store(folder, Kind::Closed, stored, level).await?;
        let after = usage::disk(folder)?;
        stored = level;

        let mut ready = Vec::new();
        let mut running = process::Server::start(server(), address).await?;
        for _ in 1..STARTS {
            ready.push(running.ready_after);
            running.kill();
            running = process::Server::start(server(), address).await?;
        }
        ready.push(running.ready_after);
        ready.sort_unstable();

        let target = Server::Http(address);
        let mut client = target.client().await?;
        let list_running = list(&mut client, Kind::Paused, "RUNNING").await?;
        let list_closed = list(&mut client, Kind::Closed, "SUCCEEDED").await?;
        // Create threads, caches and statements first.
        super::cycles::run(&target, plan.clients, plan.measured / 4, &format!("warm-up-{level}")).await?;
        let commits_before = limits::commits(&scratch(folder, level, "before"), 1)?;
        let machine = Machine::create(&mut client, &format!("measured-{level}")).await?;
        let starts_per_second = repeat(&target, plan, start_one, &machine).await?;
        let answers_per_second = repeat(&target, plan, answer_any, &machine).await?;
        let commits_after = limits::commits(&scratch(folder, level, "after"), 1)?;
        let memory = usage::memory(running.id())?;
        running.kill();
        let level = Level {
            stored,
            ready_after: percentile(&ready, 50),
            list_running,
            list_closed,
            memory,
            disk_paused: between.saturating_sub(before) as f64 / added,
            disk_closed: after.saturating_sub(between) as f64 / added,
            starts_per_second,
            answers_per_second,
            single_row_commits: f64::midpoint(commits_before, commits_after),
        };
        seen(&level);
        levels.push(level);
    }
    Ok(levels)
}

/// Next to the data folder, so that it is not counted as the engine's.
fn scratch(folder: &Path, level: u64, when: &str) -> PathBuf {
    folder.with_extension(format!("commits-{level}-{when}"))
}

#[derive(Clone, Copy)]
enum Kind {
    Paused,
    Closed,
}

impl Kind {
    fn machine(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Closed => "closed",
        }
    }
}

/// The number of concurrent requests while executions are stored.
const AT_ONCE: usize = 256;

/// Stores executions with these numbers in-process, and closes the database.
async fn store(folder: &Path, kind: Kind, from: u64, to: u64) -> Result<(), Failure> {
    let database = folder.join("step-functions.sqlite");
    let work = move || {
        super::on_all_processors(async {
            let options = Options::new("000000000000", "eu-west-2");
            let engine = StepFunctions::open(&database, options, Arc::new(Nothing)).await?;
            let target = Server::Inside(engine.clone());
            let machine = Machine::create(&mut target.client().await?, kind.machine()).await?;
            let next = Arc::new(AtomicU64::new(from));
            let mut storing = JoinSet::new();
            for _ in 0..AT_ONCE {
                let (mut client, machine, next) = (target.client().await?, machine.clone(), next.clone());
                storing.spawn(async move {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= to {
                            return Result::<Vec<()>, Failure>::Ok(Vec::new());
                        }
                        machine.start(&mut client, &format!("{}-{number}", kind.machine())).await?;
                        if matches!(kind, Kind::Closed) {
                            machine.answer_any(&mut client).await?;
                        }
                    }
                });
            }
            super::gather(storing).await?;
            engine.shutdown().await;
            Ok(())
        })
    };
    tokio::task::spawn_blocking(work).await?
}

async fn start_one(machine: Machine, mut client: Client, number: u64) -> Result<Client, Failure> {
    machine.start(&mut client, &format!("measured-{number}")).await?;
    Ok(client)
}

async fn answer_any(machine: Machine, mut client: Client, _: u64) -> Result<Client, Failure> {
    machine.answer_any(&mut client).await?;
    Ok(client)
}

/// Repeats an action as often as planned with all clients. Returns the rate per second.
async fn repeat<F>(
    server: &Server,
    plan: &Plan,
    act: impl Fn(Machine, Client, u64) -> F + Copy + Send + 'static,
    machine: &Machine,
) -> Result<f64, Failure>
where
    F: Future<Output = Result<Client, Failure>> + Send + 'static,
{
    let (next, last) = (Arc::new(AtomicU64::new(0)), plan.measured);
    let mut acting = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..plan.clients {
        let (mut client, machine, next) = (server.client().await?, machine.clone(), next.clone());
        acting.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= last {
                    return Result::<Vec<()>, Failure>::Ok(Vec::new());
                }
                client = act(machine.clone(), client, number).await?;
            }
        });
    }
    super::gather(acting).await?;
    Ok(last as f64 / begun.elapsed().as_secs_f64())
}

async fn list(client: &mut Client, kind: Kind, status: &str) -> Result<(Duration, Duration), Failure> {
    let machine = format!("arn:aws:states:eu-west-2:000000000000:stateMachine:{}", kind.machine());
    let request = json!({"stateMachineArn": machine, "maxResults": 100, "statusFilter": status});
    let mut times = Vec::with_capacity(LISTS);
    for _ in 0..LISTS {
        let begun = Instant::now();
        let page = client.must("ListExecutions", &request).await?;
        times.push(begun.elapsed());
        if page["executions"].as_array().is_none_or(|listed| listed.len() != 100) {
            return Err(format!("a list of {status} has not 100 executions").into());
        }
    }
    times.sort_unstable();
    Ok((percentile(&times, 50), percentile(&times, 99)))
}
