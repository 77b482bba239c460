//! The crash test. Clients put load on a server that is killed at random instants and restarted, and record what was
//! acknowledged to them. In the end the server must have all of it, exactly once.

mod actors;
mod machines;
mod model;
mod random;
mod verify;

use std::{
    fmt, io,
    net::SocketAddr,
    process::Command,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::task::JoinSet;

use self::{machines::Machines, model::Model, random::Random};
use super::{http::Connection, process::Server};

/// The parameters of the test.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How often the server is killed.
    pub kills: u32,
    /// The maximum time between two kills.
    pub longest_life: Duration,
    /// The number of clients that start executions, and of those that answer tasks. Further clients stop executions and
    /// read.
    pub clients: usize,
    /// The same seed generates the same random numbers, though not the same interleaving.
    pub seed: u64,
}

/// The results of the test.
#[derive(Debug)]
pub struct Report {
    pub kills: u32,
    pub started: usize,
    pub answered: usize,
    pub heartbeats: usize,
    pub stopped: usize,
    pub events_seen: usize,
    pub timers: usize,
    /// The maximum time that the server was ready without firing a timer that was due.
    pub latest_timer: Duration,
    pub slowest_start: Duration,
    /// What the server has lost, repeated or forgotten. Empty if the test passed.
    pub violations: Vec<String>,
}

/// Shared by the clients.
struct Field {
    server: SocketAddr,
    machines: Machines,
    model: Mutex<Model>,
}

impl Field {
    fn model(&self) -> MutexGuard<'_, Model> {
        // Every change to the model is complete, even if its client was aborted.
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects as soon as the server accepts connections.
    async fn connect(&self) -> Connection {
        loop {
            match Connection::open(self.server).await {
                Ok(connection) => return connection,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }
}

/// Runs the test. `command` returns a command that serves the same data at the address.
///
/// # Errors
/// When the server can't be started or contacted at all. What it did wrong is in the report.
pub async fn run(command: impl Fn() -> Command, address: SocketAddr, plan: &Plan) -> io::Result<Report> {
    let mut random = Random::new(plan.seed);
    let mut server = Server::start(command(), address).await?;
    let machines = Machines::create(&mut Connection::open(address).await?).await?;
    let field = Arc::new(Field { server: address, machines, model: Mutex::default() });
    field.model().ready();
    let mut clients = JoinSet::new();
    actors::spawn(&mut clients, &field, plan.clients, &mut random);

    let mut slowest_start = server.ready_after;
    for _ in 0..plan.kills {
        tokio::time::sleep(random.duration(plan.longest_life)).await;
        server.kill();
        field.model().killed();
        // Sometimes the server stays down long enough for timers to come due.
        if random.one_in(5) {
            tokio::time::sleep(random.duration(Duration::from_millis(1500))).await;
        }
        server = Server::start(command(), address).await?;
        field.model().ready();
        slowest_start = slowest_start.max(server.ready_after);
    }
    clients.shutdown().await;

    let mut connection = Connection::open(address).await?;
    let timers = verify::verify(&mut connection, &field).await?;
    let model = field.model();
    Ok(Report {
        kills: plan.kills,
        started: model.started(),
        answered: model.answered(),
        heartbeats: model.heartbeats,
        stopped: model.stopped(),
        events_seen: model.events_seen(),
        timers: timers.count,
        latest_timer: timers.latest,
        slowest_start,
        violations: timers.violations,
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} kills: {} starts, {} answers, {} heartbeats, {} stops and {} events of history were acknowledged",
            self.kills, self.started, self.answered, self.heartbeats, self.stopped, self.events_seen
        )?;
        writeln!(
            f,
            "{} timers fired, the latest after {:.0} ms in which it was due and the server ready; ready after {:.0} ms at most",
            self.timers,
            self.latest_timer.as_secs_f64() * 1e3,
            self.slowest_start.as_secs_f64() * 1e3
        )?;
        for violation in &self.violations {
            writeln!(f, "WRONG: {violation}")?;
        }
        write!(f, "{} violations", self.violations.len())
    }
}
