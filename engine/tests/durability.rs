//! Everything acknowledged survives a power cut during any call to the disk, and a failure of any call. `kill -9` can't
//! show this, because the kernel's cache survives it.

#![cfg(unix)]

#[path = "support/disk.rs"]
mod disk;
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use asl_engine::{
    FunctionError, Integrations, Invocation, Invoked, OpenError, Options, ServiceAnswer, ServiceCall, ServiceError,
    StepFunctions,
};
use rusqlite::{Connection, ffi};
use serde_json::{Value, json};

use crate::{
    disk::{Disk, Fault},
    support::{ManualClock, ROLE, callback_machine},
};

/// SplitMix64: the same seed generates the same numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// The number of single-row commits that were reported as durable, and how many of them survive a power cut.
fn commits_kept(synchronous: &str, seed: u64) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::holding(folder.path());
    let path = folder.path().canonicalize().unwrap().join("db");
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.pragma_update(None, "synchronous", synchronous).unwrap();
    connection.execute_batch("CREATE TABLE entry (id INTEGER PRIMARY KEY)").unwrap();
    disk.plan(Fault::PowerCut { call: 60 });
    let mut committed = 0;
    while connection.execute("INSERT INTO entry DEFAULT VALUES", []).is_ok() {
        committed += 1;
    }
    drop(connection);
    let mut random = Random(seed);
    disk.restart(|| random.next());
    let connection = Connection::open(&path).unwrap();
    let kept = connection.query_row("SELECT count(*) FROM entry", [], |row| row.get(0)).unwrap_or(0);
    (committed, kept)
}

/// Tests the test: it detects a database that does not wait for the disk.
#[test]
fn the_disk_loses_what_was_not_synced_and_keeps_what_was() {
    for seed in 0..10 {
        let (committed, kept) = commits_kept("full", seed);
        assert!(committed > 5 && (kept == committed || kept == committed + 1), "{kept} of {committed}, seed {seed}");
    }
    assert!((0..10).any(|seed| {
        let (committed, kept) = commits_kept("off", seed);
        kept < committed
    }));
}

/// The functions that executions call. They record the tokens that they receive.
#[derive(Default)]
struct Tokens(Mutex<BTreeMap<String, String>>);

#[async_trait::async_trait]
impl Integrations for Tokens {
    async fn invoke_function(&self, invocation: Invocation) -> Result<Invoked, FunctionError> {
        let text = |name: &str| invocation.payload[name].as_str().expect("a text").to_owned();
        self.0.lock().unwrap().insert(text("question"), text("taskToken"));
        Ok(json!({}).into())
    }

    async fn call_service(&self, call: ServiceCall) -> Result<ServiceAnswer, ServiceError> {
        Err(ServiceError::new(call.action, "there are no services"))
    }
}

/// What clients requested and which answers they received, across all restarts of the engine.
#[derive(Default)]
struct Told {
    /// The executions whose start was requested, and whether the start was acknowledged.
    starts: BTreeMap<String, bool>,
    /// The answers that were sent to their tasks, and whether these were acknowledged.
    answers: BTreeMap<String, Vec<(u64, bool)>>,
    /// The executions whose stop was requested, and the stop date in the answer.
    stops: BTreeMap<String, Option<f64>>,
    /// The executions that were seen to have ended.
    ended: BTreeMap<String, Value>,
}

struct Life {
    engine: StepFunctions,
    told: Arc<Mutex<Told>>,
    tokens: Arc<Tokens>,
}

const MACHINE: &str = "arn:aws:states:eu-west-2:000000000000:stateMachine:m";

fn arn(name: &str) -> String {
    format!("arn:aws:states:eu-west-2:000000000000:execution:m:{name}")
}

async fn open(folder: &Path, tokens: &Arc<Tokens>) -> Result<StepFunctions, OpenError> {
    let options = Options::new("000000000000", "eu-west-2");
    let database = folder.canonicalize().unwrap().join("step-functions.sqlite");
    StepFunctions::open_with_clock(&database, options, tokens.clone(), ManualClock::new()).await
}

impl Life {
    async fn ask(&self, operation: &str, request: &Value) -> Result<Value, (u16, String)> {
        let answer = self.engine.handle(operation, request.to_string().as_bytes()).await;
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        if answer.status == 200 { Ok(body) } else { Err((answer.status, body["__type"].as_str().unwrap().to_owned())) }
    }

    async fn create_machine(&self) -> Result<Value, (u16, String)> {
        let definition = callback_machine().to_string();
        self.ask("CreateStateMachine", &json!({"name": "m", "definition": definition, "roleArn": ROLE})).await
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }

    async fn start(&self, name: &str) -> bool {
        self.told().starts.insert(name.to_owned(), false);
        let input = json!({"question": name, "text": "x".repeat(name.len() * 97 % 3_000)}).to_string();
        let started =
            self.ask("StartExecution", &json!({"stateMachineArn": MACHINE, "name": name, "input": input})).await;
        if started.is_ok() {
            self.told().starts.insert(name.to_owned(), true);
        }
        started.is_ok()
    }

    async fn answer(&self, name: &str, number: u64) {
        let Some(token) = self.tokens.0.lock().unwrap().get(name).cloned() else { return };
        self.told().answers.entry(name.to_owned()).or_default().push((number, false));
        let request = json!({"taskToken": token, "output": json!({"answer": number}).to_string()});
        if self.ask("SendTaskSuccess", &request).await.is_ok() {
            let mut told = self.told();
            let answers = told.answers.get_mut(name).expect("it was sent");
            answers.iter_mut().filter(|(known, _)| *known == number).for_each(|(_, acknowledged)| *acknowledged = true);
        }
    }

    async fn stop(&self, name: &str) {
        self.told().stops.entry(name.to_owned()).or_default();
        if let Ok(stopped) = self.ask("StopExecution", &json!({"executionArn": arn(name)})).await {
            self.told().stops.insert(name.to_owned(), stopped["stopDate"].as_f64());
        }
    }

    async fn look(&self, name: &str) {
        if let Ok(described) = self.ask("DescribeExecution", &json!({"executionArn": arn(name)})).await
            && described["status"] != "RUNNING"
        {
            self.told().ended.insert(name.to_owned(), described);
        }
    }

    /// Performs a random action.
    async fn act(&self, random: &mut Random) {
        let number = random.next();
        let known = self.told().starts.keys().nth(random.below(40) as usize).cloned();
        match (random.below(8), known) {
            (0..=2, _) | (_, None) => {
                self.start(&format!("{:02}-{number:016x}", random.below(100))).await;
            }
            (3..=5, Some(name)) => self.answer(&name, number).await,
            (6, Some(name)) => self.stop(&name).await,
            (_, Some(name)) => self.look(&name).await,
        }
    }

    /// Everything that the engine has lost, repeated or invented.
    async fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Err(error) = self.engine.check().await {
            faults.push(error.to_string());
        }
        let mut there = BTreeSet::new();
        let mut request = json!({"stateMachineArn": MACHINE, "maxResults": 1000});
        while let Ok(mut page) = self.ask("ListExecutions", &request).await {
            for listed in page["executions"].as_array().unwrap() {
                if !there.insert(listed["name"].as_str().unwrap().to_owned()) {
                    faults.push(format!("{} is there twice", listed["name"]));
                }
            }
            match page["nextToken"].take() {
                Value::Null => break,
                next => request["nextToken"] = next,
            }
        }
        let starts = self.told().starts.clone();
        faults.extend(
            there.iter().filter(|name| !starts.contains_key(*name)).map(|name| format!("nobody started {name}")),
        );
        for (name, acknowledged) in starts {
            if there.contains(&name) {
                faults.extend(self.faults_of(&name).await.into_iter().map(|fault| format!("{name}: {fault}")));
            } else if acknowledged {
                faults.push(format!("{name}: its start is lost"));
            }
        }
        faults
    }

    async fn faults_of(&self, name: &str) -> Option<String> {
        let is = self.ask("DescribeExecution", &json!({"executionArn": arn(name)})).await.expect("it was listed");
        let history = json!({"executionArn": arn(name), "maxResults": 1000});
        let history = self.ask("GetExecutionHistory", &history).await.expect("it was listed");
        let events = history["events"].as_array().unwrap();
        let count =
            |wanted: &str| events.iter().filter(|event| event["type"].as_str().unwrap().ends_with(wanted)).count();
        if events.iter().enumerate().any(|(at, event)| event["id"] != at + 1) || count("TaskScheduled") != 1 {
            return Some(format!("its history has gaps or doubles: {events:?}"));
        }
        let ends: usize = ["ExecutionSucceeded", "ExecutionAborted"].into_iter().map(count).sum();
        if ends != usize::from(is["status"] != "RUNNING") {
            return Some(format!("it is {} and has {ends} ends", is["status"]));
        }
        let told = self.told();
        if told.ended.get(name).is_some_and(|ended| *ended != is) {
            return Some(format!("it was seen to be over otherwise: {is}"));
        }
        let answers = told.answers.get(name).map_or(&[][..], Vec::as_slice);
        let acknowledged: Vec<u64> =
            answers.iter().filter(|(_, acknowledged)| *acknowledged).map(|(a, _)| *a).collect();
        let output: Value = serde_json::from_str(is["output"].as_str().unwrap_or("null")).unwrap();
        match (&*acknowledged, output["answer"].as_u64()) {
            ([_, _, ..], _) => return Some(format!("answers {acknowledged:?} were all acknowledged")),
            ([answer], output) if output != Some(*answer) => return Some(format!("answer {answer} is lost")),
            ([], Some(output)) if !answers.iter().any(|(answer, _)| *answer == output) => {
                return Some(format!("nobody sent answer {output}"));
            }
            _ => {}
        }
        match told.stops.get(name) {
            Some(Some(stopped)) if is["stopDate"].as_f64() != Some(*stopped) => Some("its stop is lost".into()),
            None if is["status"] == "ABORTED" => Some("nobody stopped it".into()),
            _ => None,
        }
    }
}

/// Runs clients until `enough` actions are done or the power fails.
async fn work(life: &Arc<Life>, disk: &Disk, seed: u64, actions: u64) {
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let (life, disk) = (life.clone(), disk.clone());
            let mut random = Random(seed ^ (client << 56));
            tokio::spawn(async move {
                for _ in 0..actions {
                    if !disk.has_power() {
                        return;
                    }
                    life.act(&mut random).await;
                }
            })
        })
        .collect();
    for client in clients {
        tokio::time::timeout(Duration::from_secs(60), client).await.expect("every request is answered").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_changes_survive_power_cuts_at_any_call() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::holding(folder.path());
    let mut random = Random(8);
    let (told, tokens) = (Arc::<Mutex<Told>>::default(), Arc::<Tokens>::default());
    for round in 0..40 {
        // The call is made while the engine opens, works or shuts down.
        let call = random.below(250) + 1;
        disk.plan(Fault::PowerCut { call });
        if let Ok(engine) = open(folder.path(), &tokens).await {
            let life = Arc::new(Life { engine, told: told.clone(), tokens: tokens.clone() });
            if life.create_machine().await.is_ok() {
                work(&life, &disk, random.next(), 12).await;
            }
            life.engine.shutdown().await;
        }
        disk.cut_power();
        disk.restart(|| random.next());

        let engine = open(folder.path(), &tokens).await.unwrap_or_else(|error| panic!("round {round}: {error}"));
        let life = Life { engine, told: told.clone(), tokens: tokens.clone() };
        life.create_machine().await.unwrap();
        let faults = life.faults().await;
        assert!(faults.is_empty(), "round {round}, call {call}:\n{}", faults.join("\n"));
        life.engine.shutdown().await;
    }
    let told = told.lock().unwrap();
    let acknowledged = told.answers.values().flatten().filter(|(_, acknowledged)| *acknowledged).count();
    assert!(told.starts.len() > 100 && acknowledged > 20 && told.stops.len() > 10, "there was hardly any load");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_disk_call_loses_nothing_and_the_engine_continues() {
    for (code, calls) in [(ffi::SQLITE_IOERR_WRITE, 1..40), (ffi::SQLITE_FULL, 1..20), (ffi::SQLITE_IOERR_FSYNC, 1..40)]
    {
        for call in calls {
            let folder = tempfile::tempdir().unwrap();
            let disk = Disk::holding(folder.path());
            let (told, tokens) = (Arc::<Mutex<Told>>::default(), Arc::<Tokens>::default());
            let mut random = Random(call);
            let engine = open(folder.path(), &tokens).await.unwrap();
            let life = Arc::new(Life { engine, told: told.clone(), tokens: tokens.clone() });
            life.create_machine().await.unwrap();
            disk.plan(Fault::Fails { call, code });
            work(&life, &disk, call, 10).await;
            assert!(life.start("afterwards").await, "call {call} with code {code}: the engine does not go on");
            let faults = life.faults().await;
            assert!(faults.is_empty(), "call {call} with code {code}:\n{}", faults.join("\n"));
            disk.cut_power();
            life.engine.shutdown().await;
            drop(life);
            disk.restart(|| random.next());

            let engine = open(folder.path(), &tokens).await.unwrap();
            let life = Life { engine, told, tokens };
            let faults = life.faults().await;
            assert!(faults.is_empty(), "after call {call} with code {code}:\n{}", faults.join("\n"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_file_is_refused_and_left_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::holding(folder.path());
    let tokens = Arc::<Tokens>::default();
    open(folder.path(), &tokens).await.unwrap().shutdown().await;
    let path = folder.path().join("step-functions.sqlite");
    let before = std::fs::read(&path).unwrap();
    disk.set_read_only(true);
    let refused = open(folder.path(), &tokens).await.err().expect("must be refused").to_string();
    assert!(refused.contains("the file is read-only"), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
