//! Measures the engine, and the limits of the machine that it runs on.
//!
//! ```sh
//! cargo build --release -p asl-engine --example server --example load
//! target/release/examples/load bench --server target/release/examples/server
//! ```

mod client;
mod common;
mod crash;
mod cycles;
mod http;
mod limits;
mod paused;
mod process;
mod scale;
mod usage;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::Arc,
    time::Duration,
};

use asl_engine::{Options, StepFunctions};
use clap::{Parser, Subcommand, ValueEnum};
use common::{Failure, Nothing, gather, on_all_processors, percentile};

#[derive(Parser)]
#[command(about = "Measures the engine under load")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measures throughput and latency
    Bench(Bench),
    /// Measures with many paused and closed executions
    Scale(Scale),
    /// Kills a loaded server at random instants and checks that it has lost and repeated nothing
    Crash(Crash),
    /// Prints the number of durable single-row SQLite commits per second on this disk
    Commits {
        /// Folder for the data, in which a temporary folder is created
        #[arg(long, default_value = "target")]
        folder: PathBuf,
    },
    /// Returns the body of every request
    #[command(hide = true)]
    Echo { address: SocketAddr },
}

#[derive(clap::Args)]
struct Bench {
    /// The compiled example `server`
    #[arg(long)]
    server: PathBuf,
    /// Folder for the data, in which a temporary folder is created. Its disk determines the speed of durable writes
    #[arg(long, default_value = "target")]
    folder: PathBuf,
    /// Number of concurrent clients
    #[arg(long, default_value_t = 32)]
    clients: usize,
    /// Number of callback cycles over HTTP, and in-process
    #[arg(long, default_value_t = 30_000)]
    cycles: u64,
    /// Numbers of paused executions with which reads are measured
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000")]
    paused: Vec<u64>,
    /// Measurements to run [default: all]
    #[arg(value_enum)]
    parts: Vec<Part>,
}

#[derive(clap::Args)]
struct Scale {
    /// The compiled example `server`
    #[arg(long)]
    server: PathBuf,
    /// Folder for the data, in which a temporary folder is created. A million executions of each kind take about 10 GB
    #[arg(long, default_value = "target")]
    folder: PathBuf,
    /// Numbers of paused executions, and of closed ones, at each level
    #[arg(long, value_delimiter = ',', default_value = "1000,100000,1000000")]
    levels: Vec<u64>,
    /// Number of executions to start and answer at each level, to measure throughput
    #[arg(long, default_value_t = 8_000)]
    measured: u64,
    /// Number of concurrent clients
    #[arg(long, default_value_t = 32)]
    clients: usize,
}

#[derive(clap::Args)]
struct Crash {
    /// The compiled example `server`
    #[arg(long)]
    server: PathBuf,
    /// Folder for the data, in which a folder is created. It is removed if the test passes
    #[arg(long, default_value = "target")]
    folder: PathBuf,
    /// Number of kills
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// Number of clients that start executions, and of clients that answer tasks
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// Seed for the random actions of the clients
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Http,
    InProcess,
    Paused,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Task::Bench(bench) => on_one_thread(measure(&bench)),
        Task::Scale(scale) => on_one_thread(measure_scale(&scale)),
        Task::Crash(crash) => on_one_thread(kill(&crash)),
        Task::Commits { folder } => print_commits(&folder),
        Task::Echo { address } => on_all_processors(limits::serve_echoes(address)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Clients share one thread, so that they take little processor time from the server.
fn on_one_thread(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

async fn measure_scale(scale: &Scale) -> Result<(), Failure> {
    let folder = own_folder(&scale.folder)?;
    let (data, address) = (folder.join("scale"), process::free_address()?);
    let plan = scale::Plan { levels: scale.levels.clone(), measured: scale.measured, clients: scale.clients };
    let done = scale::measure(|| server(&scale.server, &data, address), address, &data, &plan, show_level).await;
    std::fs::remove_dir_all(&folder)?;
    let levels = done?;
    let Some(first) = levels.first() else { return Ok(()) };
    heading(&format!("compared with {} of each", first.stored));
    for level in &levels[1..] {
        print_figure("stored executions of each kind", level.stored as f64, "");
        print_figure("  starts", level.starts_per_second / first.starts_per_second, "times the rate");
        print_figure("  answers", level.answers_per_second / first.answers_per_second, "times the rate");
        print_figure("  single-row commits", level.single_row_commits / first.single_row_commits, "times the rate");
        print_figure("  memory", level.memory as f64 / first.memory as f64, "times as much");
    }
    Ok(())
}

fn show_level(level: &scale::Level) {
    heading(&format!("with {0} paused and {0} closed", level.stored));
    print_figure("ready after", milliseconds(level.ready_after), "ms");
    for (what, (median, worst)) in [("list 100 paused", level.list_running), ("list 100 closed", level.list_closed)] {
        print_figure(what, milliseconds(median), &format!("ms, 99 % within {:.2} ms", milliseconds(worst)));
    }
    print_figure("memory", level.memory as f64 / 1e6, "MB");
    print_figure("disk per paused execution", level.disk_paused, "bytes");
    print_figure("disk per closed execution", level.disk_closed, "bytes");
    print_figure("starts per second", level.starts_per_second, "");
    print_figure("answers per second", level.answers_per_second, "taken and answered");
    print_figure("SQLite commits per second", level.single_row_commits, "durable, one row each");
}

fn print_commits(folder: &Path) -> Result<(), Failure> {
    let folder = own_folder(folder)?;
    let commits = limits::commits(&folder.join("single.sqlite"), 1);
    std::fs::remove_dir_all(&folder)?;
    println!("{:.0}", commits?);
    Ok(())
}

async fn kill(crash: &Crash) -> Result<(), Failure> {
    let folder = own_folder(&crash.folder)?;
    let plan = crash::Plan {
        kills: crash.kills,
        longest_life: Duration::from_millis(800),
        clients: crash.clients,
        seed: crash.seed,
    };
    let address = process::free_address()?;
    let report = crash::run(|| server(&crash.server, &folder, address), address, &plan).await?;
    println!("{report}");
    if report.violations.is_empty() {
        std::fs::remove_dir_all(&folder)?;
        return Ok(());
    }
    Err(format!("the data is in {}", folder.display()).into())
}

/// Creates a folder for this process.
fn own_folder(within: &Path) -> std::io::Result<PathBuf> {
    let folder = within.join(format!("load-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The command for the example server with this data and address.
fn server(program: &Path, data: &Path, address: SocketAddr) -> Command {
    let mut command = Command::new(program);
    command.args(["--listen", &address.to_string(), "--data-dir"]).arg(data).env("RUST_LOG", "warn");
    command
}

async fn measure(bench: &Bench) -> Result<(), Failure> {
    let folder = own_folder(&bench.folder)?;
    let done = measure_in(bench, &folder).await;
    std::fs::remove_dir_all(&folder)?;
    done
}

async fn measure_in(bench: &Bench, folder: &Path) -> Result<(), Failure> {
    let wanted = |part| bench.parts.is_empty() || bench.parts.contains(&part);
    let clients = bench.clients;
    let processors = std::thread::available_parallelism()?;
    println!("{clients} clients, {processors} processors for them and the engine");
    let limits = limits::measure(folder, clients).await?;
    heading("this machine's limits");
    print_figure("SQLite commits per second", limits.single_row_commits, "durable, one row each");
    print_figure("SQLite rows per second", limits.grouped_rows, "durable, 64 rows in a commit");
    print_figure("HTTP echoes per second", limits.echoes, "axum without a database");

    if wanted(Part::Http) {
        heading("callback cycles over HTTP");
        let data = folder.join("http");
        let address = process::free_address()?;
        let running = process::Server::start(server(&bench.server, &data, address), address).await?;
        // The first cycles fill caches and are not counted.
        let target = client::Server::Http(address);
        cycles::run(&target, clients, bench.cycles / 10, "warm-up").await?;
        let (own, its) = (usage::processor_time(std::process::id())?, usage::processor_time(running.id())?);
        let done = cycles::run(&target, clients, bench.cycles, "measured").await?;
        let its = usage::processor_time(running.id())? - its;
        let own = usage::processor_time(std::process::id())? - own;
        show(&done, &limits);
        // A cycle consists of four requests.
        print_figure("  requests to echoes", 4.0 * done.per_second / limits.echoes, "");
        let each = |time: Duration| time.as_secs_f64() * 1e6 / bench.cycles as f64;
        print_figure("processor time, server", each(its), "µs per cycle");
        print_figure("processor time, client", each(own), "µs per cycle");
    }
    if wanted(Part::InProcess) {
        heading("callback cycles in-process");
        let (folder, clients, cycles) = (folder.join("inside"), clients, bench.cycles);
        let done = tokio::task::spawn_blocking(move || {
            let mut done = None;
            on_all_processors(async {
                let database = folder.join("step-functions.sqlite");
                let options = Options::new("000000000000", "eu-west-2");
                let engine = StepFunctions::open(&database, options, Arc::new(Nothing)).await?;
                let target = client::Server::Inside(engine.clone());
                cycles::run(&target, clients, cycles / 10, "warm-up").await?;
                done = Some(cycles::run(&target, clients, cycles, "measured").await?);
                engine.shutdown().await;
                Ok(())
            })?;
            Result::<_, Failure>::Ok(done)
        })
        .await??;
        done.iter().for_each(|done| show(done, &limits));
    }
    if wanted(Part::Paused) {
        let data = folder.join("paused");
        let address = process::free_address()?;
        let command = || server(&bench.server, &data, address);
        let paused = paused::measure(command, address, &data, clients, &bench.paused).await?;
        for level in &paused.levels {
            heading(&format!("with {} paused", level.paused));
            print_figure("starts per second", level.starts_per_second, "");
            print_figure("  to single-row commits", level.starts_per_second / limits.single_row_commits, "");
            for (operation, median, worst) in &level.reads {
                let text = format!("ms, 99 % within {:.2} ms", milliseconds(*worst));
                print_figure(operation, milliseconds(*median), &text);
            }
        }
        print_figure("memory per execution", paused.memory, "bytes");
        print_figure("disk per execution", paused.disk, "bytes, including the log");
        print_figure("ready after kill -9 in", milliseconds(paused.ready_after), "ms");
    }
    Ok(())
}

/// Prints a heading with the load of the machine at the start of the measurement.
fn heading(text: &str) {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("\n{text} (load average {})", load.split(' ').next().unwrap_or("unknown"));
}

fn print_figure(what: &str, number: f64, unit: &str) {
    let number = if number < 10.0 { format!("{number:.2}") } else { format!("{number:.0}") };
    println!("  {what:<30}{number:>10}  {unit}");
}

fn show(cycles: &cycles::Cycles, limits: &limits::Limits) {
    print_figure("cycles per second", cycles.per_second, &format!("in {:.1} s", cycles.took.as_secs_f64()));
    print_figure("  to single-row commits", cycles.per_second / limits.single_row_commits, "");
    print_figure("answered to succeeded, p50", milliseconds(percentile(&cycles.answered, 50)), "ms");
    print_figure("answered to succeeded, p99", milliseconds(percentile(&cycles.answered, 99)), "ms");
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
