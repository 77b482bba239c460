//! The clients. Each repeats its requests until they are answered, over as many connections as necessary, and records
//! the answers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    Field,
    machines::{Kind, text},
    model::{Fate, Key, now},
    random::Random,
};
use crate::http::{Answer, Connection};

/// Numbers names and answers.
static NEXT: AtomicUsize = AtomicUsize::new(0);

fn next() -> usize {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub fn spawn(clients: &mut JoinSet<()>, field: &Arc<Field>, many: usize, random: &mut Random) {
    for _ in 0..many {
        clients.spawn(start_executions(Client::new(field), random.split()));
        clients.spawn(work(Client::new(field), random.split()));
    }
    clients.spawn(stop_executions(Client::new(field), random.split()));
    clients.spawn(read(Client::new(field), random.split()));
    clients.spawn(read(Client::new(field), random.split()));
}

struct Client {
    field: Arc<Field>,
    connection: Option<Connection>,
}

impl Client {
    fn new(field: &Arc<Field>) -> Self {
        Self { field: field.clone(), connection: None }
    }

    /// Repeats a request until it is answered. Also returns whether the connection broke during an earlier attempt,
    /// which may have been processed.
    async fn settle(&mut self, operation: &str, request: &Value) -> (Answer, bool) {
        let mut in_doubt = false;
        loop {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => self.field.connect().await,
            };
            match connection.ask(operation, request).await {
                Ok(answer) => {
                    self.connection = Some(connection);
                    return (answer, in_doubt);
                }
                Err(_) => in_doubt = true,
            }
        }
    }

    fn violation(&self, what: String) {
        self.field.model().violations.push(what);
    }
}

async fn start_executions(mut client: Client, mut random: Random) {
    loop {
        let kind = Kind::ALL[random.below(Kind::ALL.len())];
        let name = format!("{}", next());
        let input = json!({"name": name, "seconds": random.below(3) + 1});
        let key = (kind, name);
        client.field.model().execution(&key);
        let request = json!({
            "stateMachineArn": client.field.machines.arn(kind), "name": key.1, "input": input.to_string()
        });
        match client.settle("StartExecution", &request).await {
            (Ok(_), _) => client.field.model().acknowledge_start(&key),
            // The earlier attempt started it, and it has already ended.
            (Err(fault), true) if fault.code == "ExecutionAlreadyExists" => {
                client.field.model().acknowledge_start(&key);
            }
            (Err(fault), _) => client.violation(format!("{key:?} could not be started: {fault}")),
        }
        tokio::time::sleep(random.duration(Duration::from_millis(40))).await;
    }
}

/// Takes tasks and answers them in every possible way.
async fn work(mut client: Client, mut random: Random) {
    let request = json!({"activityArn": client.field.machines.activity, "workerName": "worker"});
    loop {
        let (task, _) = client.settle("GetActivityTask", &request).await;
        let task = match task {
            Ok(task) if task["taskToken"].is_string() => task,
            Ok(_) => continue,
            Err(fault) => {
                client.violation(format!("no task was given: {fault}"));
                continue;
            }
        };
        let input: Value = serde_json::from_str(task["input"].as_str().unwrap_or_default()).unwrap_or_default();
        let name = text(&input, "name");
        let own = ((Kind::Working, name.clone()), text(&task, "taskToken"));
        if let Some(token) = input["callback"].as_str() {
            handle(&mut client, &mut random, &((Kind::Calling, name), token.to_owned())).await;
        }
        handle(&mut client, &mut random, &own).await;
    }
}

/// A task and its token.
type Task = (Key, String);

async fn handle(client: &mut Client, random: &mut Random, task: &Task) {
    match random.below(12) {
        // Not answered: it times out.
        0 => {}
        1 => {
            for _ in 0..3 {
                beat(client, task).await;
                tokio::time::sleep(random.duration(Duration::from_millis(700))).await;
            }
            answer(client, task, true).await;
        }
        2 => answer(client, task, false).await,
        3 => {
            // Two answers at once, of which one is accepted.
            let mut other = Client::new(&client.field);
            tokio::join!(answer(client, task, true), answer(&mut other, task, random.one_in(2)));
        }
        4 => {
            answer(client, task, true).await;
            answer(client, task, true).await;
        }
        _ => answer(client, task, true).await,
    }
}

async fn answer(client: &mut Client, (key, token): &Task, success: bool) {
    let number = next();
    client.field.model().begin_answer(key, number);
    let (operation, request) = if success {
        ("SendTaskSuccess", json!({"taskToken": token, "output": json!({"answer": number}).to_string()}))
    } else {
        ("SendTaskFailure", json!({"taskToken": token, "error": "Refused", "cause": number.to_string()}))
    };
    let fate = match client.settle(operation, &request).await {
        (Ok(_), _) => Fate::Acknowledged,
        (Err(fault), in_doubt) => {
            if fault.code != "TaskTimedOut" {
                client.violation(format!("{key:?} could not be answered: {fault}"));
            }
            if in_doubt { Fate::InDoubt } else { Fate::Refused }
        }
    };
    client.field.model().end_answer(key, number, fate);
}

async fn beat(client: &mut Client, (key, token): &Task) {
    let sent = now();
    let (answer, _) = client.settle("SendTaskHeartbeat", &json!({"taskToken": token})).await;
    let mut model = client.field.model();
    match answer {
        Ok(_) => {
            model.heartbeats += 1;
            model.execution(key).heartbeat = Some(sent);
        }
        Err(fault) if fault.code == "TaskTimedOut" => {}
        Err(fault) => model.violations.push(format!("{key:?} took no heartbeat: {fault}")),
    }
}

async fn stop_executions(mut client: Client, mut random: Random) {
    loop {
        tokio::time::sleep(random.duration(Duration::from_millis(200))).await;
        let Some(key) = client.field.model().draw(&mut random) else { continue };
        client.field.model().execution(&key).stop_tried = true;
        let arn = client.field.machines.execution(key.0, &key.1);
        match client.settle("StopExecution", &json!({"executionArn": arn})).await.0 {
            Ok(answer) => client.field.model().execution(&key).stop_date = answer["stopDate"].as_f64(),
            Err(fault) => client.violation(format!("{key:?} could not be stopped: {fault}")),
        }
    }
}

/// Reads histories and results. What has been seen once must not change.
async fn read(mut client: Client, mut random: Random) {
    loop {
        tokio::time::sleep(random.duration(Duration::from_millis(20))).await;
        let Some(key) = client.field.model().draw(&mut random) else { continue };
        let arn = client.field.machines.execution(key.0, &key.1);
        match client.settle("GetExecutionHistory", &json!({"executionArn": arn, "maxResults": 1000})).await.0 {
            Ok(mut answer) => {
                let Value::Array(events) = answer["events"].take() else { continue };
                client.field.model().see_history(&key, events);
            }
            Err(fault) => client.violation(format!("{key:?} has no history: {fault}")),
        }
        match client.settle("DescribeExecution", &json!({"executionArn": arn})).await.0 {
            Ok(answer) if answer["status"] != "RUNNING" => client.field.model().execution(&key).ended = Some(answer),
            Ok(_) => {}
            Err(fault) => client.violation(format!("{key:?} is gone: {fault}")),
        }
    }
}
