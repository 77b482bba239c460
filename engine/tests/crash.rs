//! An engine that is killed in the middle of its work loses nothing that it has acknowledged, and doubles nothing.
//!
//! The engine runs in a process of its own, this test's own binary, under load. It says on its standard output what
//! has been acknowledged; that is the model. The test kills it at random instants, opens the file and compares.
//! `ASL_ENGINE_KILLS` sets how often (5 by default).

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use asl_engine::SystemClock;
use serde_json::{Value, json};
use support::Desk;

const FOLDER: &str = "ASL_ENGINE_CRASH_FOLDER";
const ACTIVITY: &str = "arn:aws:states:eu-west-2:000000000000:activity:work";
const MACHINE: &str = "arn:aws:states:eu-west-2:000000000000:stateMachine:crash";
const CLIENTS: usize = 8;

/// A task for a worker, then a wait that often ends only after the engine was killed.
fn definition() -> Value {
    json!({
        "StartAt": "Work",
        "States": {
            "Work": {"Type": "Task", "Resource": ACTIVITY, "Next": "Rest"},
            "Rest": {"Type": "Wait", "Seconds": 1, "End": true}
        }
    })
}

/// What the killed processes have said.
#[derive(Default)]
struct Acknowledged {
    started: BTreeSet<String>,
    /// With their tokens.
    taken: BTreeMap<String, String>,
    /// Answers that were sent, acknowledged or not.
    sent: BTreeSet<String>,
    answered: BTreeSet<String>,
}

impl Acknowledged {
    fn read(&mut self, line: &str) {
        let mut words = line.split(' ');
        let (Some(what), Some(name)) = (words.next(), words.next()) else { return };
        let name = name.to_owned();
        match what {
            "started" => drop(self.started.insert(name)),
            "taken" => {
                let token = words.next().expect("a token").to_owned();
                assert!(self.taken.insert(name.clone(), token).is_none(), "{name} was given to two workers");
            }
            "sent" => drop(self.sent.insert(name)),
            "answered" => drop(self.answered.insert(name)),
            _ => {}
        }
    }
}

#[test]
fn a_killed_engine_loses_nothing_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let kills = std::env::var("ASL_ENGINE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(5);
    let mut acknowledged = Acknowledged::default();
    for _ in 0..kills {
        run_and_kill(folder.path(), &mut acknowledged);
    }
    assert!(acknowledged.answered.len() > kills, "there was hardly any load");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(compare(folder.path(), &acknowledged));
}

fn run_and_kill(folder: &Path, acknowledged: &mut Acknowledged) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "work_until_killed", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    for line in lines.by_ref() {
        acknowledged.read(&line);
        if line.contains("answered") {
            break;
        }
    }
    let instant = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
    std::thread::sleep(Duration::from_millis(50 + 2 * instant));
    child.kill().unwrap();
    child.wait().unwrap();
    // A line is shorter than what a pipe takes at once: none is cut in two.
    lines.for_each(|line| acknowledged.read(&line));
}

async fn compare(folder: &Path, acknowledged: &Acknowledged) {
    let desk = Desk::open(folder, Arc::new(SystemClock)).await;
    for name in &acknowledged.answered {
        desk.until(&execution(name), "ExecutionSucceeded").await;
        let end = desk.describe(&execution(name)).await;
        assert_eq!(end["output"], format!("\"{name}\""), "the answer is its own");
    }
    for name in &acknowledged.started {
        let history = desk.history(&execution(name)).await;
        let counted = |event: &str| history.iter().filter(|known| *known == event).count();
        assert_eq!(counted("ExecutionStarted"), 1, "{name}: {history:?}");
        assert!(counted("ActivitySucceeded") <= 1, "{name}: {history:?}");
        if !acknowledged.sent.contains(name) {
            assert_eq!(desk.status(&execution(name)).await, "RUNNING", "{name} was answered by nobody");
        }
    }
    for (name, token) in &acknowledged.taken {
        let again = desk.succeed(token, &json!(name)).await;
        if acknowledged.answered.contains(name) {
            assert_eq!(again.unwrap_err().0, "TaskTimedOut", "{name} can be answered once only");
        } else if !acknowledged.sent.contains(name) {
            assert_eq!(again, Ok(json!({})), "{name} still waits");
        }
    }
}

fn execution(name: &str) -> String {
    format!("{}:{name}", MACHINE.replace(":stateMachine:", ":execution:"))
}

/// Not a test: the process that is killed.
#[test]
#[ignore = "it is run, and killed, by the test"]
fn work_until_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let desk = Arc::new(Desk::open(Path::new(&folder), Arc::new(SystemClock)).await);
        desk.ask("CreateActivity", json!({"name": "work"})).await;
        desk.machine("crash", &definition()).await;
        let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(work(desk.clone()))).collect();
        for client in clients {
            client.await.unwrap();
        }
    });
}

async fn work(desk: Arc<Desk>) {
    loop {
        let name = uuid::Uuid::new_v4().simple().to_string();
        desk.start(MACHINE, &name, &json!(name)).await;
        println!("started {name}");
        let task = desk.ask("GetActivityTask", json!({"activityArn": ACTIVITY})).await;
        let (Some(token), Some(input)) = (task["taskToken"].as_str(), task["input"].as_str()) else { continue };
        let name: String = serde_json::from_str(input).unwrap();
        println!("taken {name} {token}");
        // Some stay paused.
        if !name.starts_with(['0', '1', '2']) {
            println!("sent {name}");
            desk.succeed(token, &json!(name)).await.unwrap();
            println!("answered {name}");
        }
    }
}
