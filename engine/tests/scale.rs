//! The measurement of many stored executions, at a hundredth of its size. It must run, and the stored data must stay
//! small. Its times have no meaning here: see `cargo xtask bench --scale`.

#[path = "../examples/load/client.rs"]
mod client;
#[path = "../examples/load/common.rs"]
mod common;
#[path = "../examples/load/cycles.rs"]
#[allow(dead_code, reason = "the measurement uses a part")]
mod cycles;
#[path = "../examples/load/http.rs"]
mod http;
#[path = "../examples/load/limits.rs"]
#[allow(dead_code, reason = "the measurement uses a part")]
mod limits;
#[path = "../examples/load/process.rs"]
mod process;
#[path = "../examples/load/scale.rs"]
#[allow(dead_code, reason = "times mean nothing here")]
mod scale;
#[path = "../examples/server.rs"]
#[allow(dead_code, reason = "its main is not ours")]
mod server;
#[path = "../examples/load/usage.rs"]
#[allow(dead_code, reason = "the measurement uses a part")]
mod usage;

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use clap::Parser;
use common::{Failure, Nothing, gather, on_all_processors, percentile};

/// Starts this test binary as a server.
fn serve_in(data: &Path, address: SocketAddr) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test binary has a path"));
    command.args(["--exact", "a_server_for_the_other_test", "--ignored", "--nocapture"]);
    command.env("ASL_ENGINE_LISTEN", address.to_string()).env("ASL_ENGINE_DATA_DIR", data);
    command.stdout(Stdio::null());
    command
}

#[test]
#[ignore = "serves until it is killed: the other test starts it in a process of its own"]
fn a_server_for_the_other_test() {
    if std::env::var_os("ASL_ENGINE_DATA_DIR").is_some() {
        let settings = server::Settings::parse_from(["server"]);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(server::serve(settings)).unwrap();
    }
}

#[tokio::test]
async fn stored_executions_are_measured_and_small() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let address = process::free_address().unwrap();
    let plan = scale::Plan { levels: vec![100, 2_000], measured: 100, clients: 4 };
    let levels = scale::measure(|| serve_in(&data, address), address, &data, &plan, |_| {}).await.unwrap();
    let last = levels.last().unwrap();

    assert_eq!(last.stored, 2_000);
    assert!(last.starts_per_second > 0.0 && last.answers_per_second > 0.0 && last.memory > 0);
    assert!((300.0..800.0).contains(&last.disk_paused), "{} bytes of each paused", last.disk_paused);
    assert!((300.0..1_200.0).contains(&last.disk_closed), "{} bytes of each closed", last.disk_closed);
}
