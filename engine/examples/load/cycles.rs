//! Complete callback cycles by concurrent clients: start, receive the task's token, answer it, and poll until the
//! execution has succeeded.

use std::{
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
};

/// An activity, and a state machine that waits for its workers.
#[derive(Clone)]
pub struct Machine {
    pub arn: String,
    pub activity_arn: String,
}

impl Machine {
    pub async fn create(client: &mut Client, name: &str) -> Result<Self, Failure> {
        let activity = client.must("CreateActivity", &json!({"name": name})).await?;
        let activity_arn = activity["activityArn"].as_str().unwrap_or_default().to_owned();
        let definition = json!({
            "StartAt": "Wait",
            "States": {
                "Wait": {"Type": "Task", "Resource": activity_arn, "Next": "Done"},
                "Done": {"Type": "Pass", "End": true}
            }
        });
        let role = "arn:aws:iam::000000000000:role/load";
        let machine = json!({"name": name, "definition": definition.to_string(), "roleArn": role});
        let machine = client.must("CreateStateMachine", &machine).await?;
        Ok(Self { arn: machine["stateMachineArn"].as_str().unwrap_or_default().to_owned(), activity_arn })
    }

    pub fn execution(&self, name: &str) -> String {
        format!("{}:{name}", self.arn.replacen(":stateMachine:", ":execution:", 1))
    }

    pub async fn start(&self, client: &mut Client, name: &str) -> Result<(), Failure> {
        let input = json!({"name": name, "loan": {"id": format!("L-{name}"), "amount": 250_000}});
        let request = json!({"stateMachineArn": self.arn, "name": name, "input": input.to_string()});
        client.must("StartExecution", &request).await.map(drop)
    }

    async fn take_task(&self, client: &mut Client) -> Result<Value, Failure> {
        client.must("GetActivityTask", &json!({"activityArn": self.activity_arn})).await
    }

    /// Answers the oldest task.
    pub async fn answer_any(&self, client: &mut Client) -> Result<(), Failure> {
        let task = self.take_task(client).await?;
        succeed(client, &task).await
    }

    /// Answers the oldest task and waits until its execution has succeeded. Returns how long that took.
    async fn answer_one(&self, client: &mut Client) -> Result<Duration, Failure> {
        let task = self.take_task(client).await?;
        let input: Value = serde_json::from_str(task["input"].as_str().unwrap_or_default())?;
        let execution = json!({"executionArn": self.execution(input["name"].as_str().unwrap_or_default())});
        let begun = Instant::now();
        succeed(client, &task).await?;
        loop {
            let described = client.must("DescribeExecution", &execution).await?;
            match described["status"].as_str() {
                Some("SUCCEEDED") => return Ok(begun.elapsed()),
                Some("RUNNING") => tokio::time::sleep(Duration::from_millis(1)).await,
                other => return Err(format!("an execution is {other:?}").into()),
            }
        }
    }
}

async fn succeed(client: &mut Client, task: &Value) -> Result<(), Failure> {
    let answer = json!({"taskToken": task["taskToken"], "output": r#"{"ok":true}"#});
    client.must("SendTaskSuccess", &answer).await.map(drop)
}

pub struct Cycles {
    pub per_second: f64,
    /// The times from the answer until the execution is seen to have succeeded, sorted.
    pub answered: Vec<Duration>,
    pub took: Duration,
}

/// Runs this many cycles.
pub async fn run(server: &Server, clients: usize, cycles: u64, name: &str) -> Result<Cycles, Failure> {
    let machine = Machine::create(&mut server.client().await?, name).await?;
    let next = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..clients {
        let (mut client, machine, next) = (server.client().await?, machine.clone(), next.clone());
        running.spawn(async move {
            let mut answered = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= cycles {
                    return Result::<_, Failure>::Ok(answered);
                }
                machine.start(&mut client, &format!("cycle-{number}")).await?;
                answered.push(machine.answer_one(&mut client).await?);
            }
        });
    }
    let answered = super::gather(running).await?;
    let took = begun.elapsed();
    Ok(Cycles { per_second: cycles as f64 / took.as_secs_f64(), answered, took })
}
