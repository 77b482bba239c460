//! Crash tests: a server that is killed or whose disk is full must not lose or repeat anything.

#[path = "../examples/load/crash/mod.rs"]
mod crash;
#[path = "../examples/load/http.rs"]
mod http;
#[path = "../examples/load/process.rs"]
mod process;
#[path = "../examples/server.rs"]
#[allow(dead_code, reason = "its main is not ours")]
mod server;

use std::{
    io::Write,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use clap::Parser;
use serde_json::{Value, json};

use crate::{http::Connection, process::Server};

/// Starts this test binary as a server.
fn serve_in(data: &Path, address: SocketAddr) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test binary has a path"));
    command.args(["--exact", "a_server_for_the_other_tests", "--ignored", "--nocapture"]);
    command.env("ASL_ENGINE_LISTEN", address.to_string()).env("ASL_ENGINE_DATA_DIR", data);
    command.stdout(Stdio::null());
    command
}

#[test]
#[ignore = "serves until it is killed: the other tests start it in a process of its own"]
fn a_server_for_the_other_tests() {
    if std::env::var_os("ASL_ENGINE_DATA_DIR").is_some() {
        let settings = server::Settings::parse_from(["server"]);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(server::serve(settings)).unwrap();
    }
}

#[tokio::test]
async fn a_server_killed_under_load_loses_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let address = process::free_address().unwrap();
    let plan = crash::Plan { kills: 4, longest_life: Duration::from_millis(900), clients: 6, seed: 7 };
    let report = crash::run(|| serve_in(folder.path(), address), address, &plan).await.unwrap();
    assert!(report.violations.is_empty(), "{report}");
    // Without load, the test would prove nothing.
    assert!(report.started > 20 && report.answered > 5 && report.timers > 5, "{report}");
}

/// Starts the server with a filesystem of 4 MB that only it can see. Returns `None` if the system does not allow that.
fn serve_on_a_small_disk(data: &Path, address: SocketAddr) -> Option<Command> {
    let small = |then: &str| {
        let mut command = Command::new("unshare");
        let mount = format!("mount -t tmpfs -o size=4m tmpfs \"$0\" && exec {then}");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount]).arg(data);
        command
    };
    let possible = small("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    let server = serve_in(data, address);
    let mut command = small("\"$@\"");
    command.arg(server.get_program()).args(server.get_args()).stdout(Stdio::null());
    command.envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))));
    possible.then_some(command)
}

#[tokio::test]
async fn a_full_disk_fails_requests_until_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let address = process::free_address().unwrap();
    let Some(command) = serve_on_a_small_disk(folder.path(), address) else {
        let skipped = "a full disk is not tested: this system lets nobody make a small filesystem (`unshare`)";
        // Written past the test harness, which hides the output of tests that pass.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {skipped}");
        return;
    };
    let server = Server::start(command, address).await.unwrap();
    let seen_from_here = Path::new("/proc").join(server.id().to_string()).join("root");
    let data = seen_from_here.join(folder.path().strip_prefix("/").unwrap());
    std::fs::write(data.join("ballast"), vec![0; 1 << 20]).unwrap();
    let mut connection = Connection::open(address).await.unwrap();
    let machine = machine(&mut connection).await;

    let mut acknowledged = Vec::new();
    let refusal = loop {
        let name = format!("e-{}", acknowledged.len());
        match start(&mut connection, &machine, &name).await {
            Ok(answer) => acknowledged.push(answer["executionArn"].as_str().unwrap().to_owned()),
            Err(fault) => break fault,
        }
        assert!(acknowledged.len() < 10_000, "the disk is never full");
    };
    assert_eq!((refusal.status, refusal.code.as_str()), (500, "InternalServerException"));
    assert!(refusal.message.starts_with("the disk is full: nothing was changed"), "{refusal}");
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    assert_all_waiting(&mut connection, &acknowledged).await;

    std::fs::remove_file(data.join("ballast")).unwrap();
    let answer = start(&mut connection, &machine, "there-is-room").await.unwrap();
    acknowledged.push(answer["executionArn"].as_str().unwrap().to_owned());
    assert_all_waiting(&mut connection, &acknowledged).await;

    // The data on disk is complete: a copy of it, as the next start would find it, has everything.
    let copy = tempfile::tempdir().unwrap();
    for file in ["step-functions.sqlite", "step-functions.sqlite-wal"] {
        std::fs::copy(data.join(file), copy.path().join(file)).unwrap();
    }
    server.kill();
    let _server = Server::start(serve_in(copy.path(), address), address).await.unwrap();
    assert_all_waiting(&mut Connection::open(address).await.unwrap(), &acknowledged).await;
}

/// A state machine whose executions wait for an hour.
async fn machine(connection: &mut Connection) -> String {
    let definition = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}}});
    let role = "arn:aws:iam::000000000000:role/test";
    let request = json!({"name": "m", "definition": definition.to_string(), "roleArn": role});
    let answer = connection.ask("CreateStateMachine", &request).await.unwrap().unwrap();
    answer["stateMachineArn"].as_str().unwrap().to_owned()
}

async fn start(connection: &mut Connection, machine: &str, name: &str) -> http::Answer {
    let input = json!({"letter": "x".repeat(10_000)}).to_string();
    let request = json!({"stateMachineArn": machine, "name": name, "input": input});
    connection.ask("StartExecution", &request).await.unwrap()
}

async fn assert_all_waiting(connection: &mut Connection, executions: &[String]) {
    for execution in executions {
        let answer: Value =
            connection.ask("DescribeExecution", &json!({"executionArn": execution})).await.unwrap().unwrap();
        assert_eq!(answer["status"], "RUNNING", "{execution}");
    }
}
