//! The state machines under load. Their executions end without help, because every task has a timeout.

use std::io;

use serde_json::{Value, json};

use crate::http::Connection;

/// The heartbeat interval of tasks, in seconds.
pub const HEARTBEAT: i64 = 2;
/// The timeout of tasks, in seconds.
pub const TIMEOUT: i64 = 5;

/// What an execution does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Waits for a worker of the activity.
    Working,
    /// Waits for some seconds.
    Sleeping,
    /// Starts a `Working` execution and waits for its own token, which the worker also receives.
    Calling,
    /// Starts a `Sleeping` execution and waits for its end.
    Awaiting,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Working, Self::Sleeping, Self::Calling, Self::Awaiting];

    fn name(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Sleeping => "sleeping",
            Self::Calling => "calling",
            Self::Awaiting => "awaiting",
        }
    }

    /// The kind of execution that this one starts under its own name.
    pub fn child(self) -> Option<Self> {
        match self {
            Self::Calling => Some(Self::Working),
            Self::Awaiting => Some(Self::Sleeping),
            Self::Working | Self::Sleeping => None,
        }
    }
}

/// The ARNs of the state machines.
pub struct Machines {
    pub activity: String,
    prefix: String,
}

impl Machines {
    pub async fn create(connection: &mut Connection) -> io::Result<Self> {
        let activity = must(connection, "CreateActivity", &json!({"name": "work"})).await?;
        let activity = text(&activity, "activityArn");
        let mut machines = Self { activity, prefix: String::new() };
        // The machines that others start come first.
        for kind in Kind::ALL {
            let definition = machines.definition(kind).to_string();
            let role = "arn:aws:iam::000000000000:role/load";
            let request = json!({"name": kind.name(), "definition": definition, "roleArn": role});
            let arn = text(&must(connection, "CreateStateMachine", &request).await?, "stateMachineArn");
            machines.prefix = arn.trim_end_matches(kind.name()).to_owned();
        }
        Ok(machines)
    }

    pub fn arn(&self, kind: Kind) -> String {
        format!("{}{}", self.prefix, kind.name())
    }

    pub fn execution(&self, kind: Kind, name: &str) -> String {
        format!("{}:{name}", self.arn(kind).replacen(":stateMachine:", ":execution:", 1))
    }

    fn definition(&self, kind: Kind) -> Value {
        let (state, timeout) = match kind {
            Kind::Sleeping => {
                return json!({
                    "StartAt": "Sleep",
                    "States": {
                        "Sleep": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "Done"},
                        "Done": {"Type": "Pass", "End": true}
                    }
                });
            }
            Kind::Working => (json!({"Resource": self.activity, "HeartbeatSeconds": HEARTBEAT}), TIMEOUT),
            Kind::Calling => {
                let input = json!({"name.$": "$.name", "callback.$": "$$.Task.Token"});
                let parameters =
                    json!({"StateMachineArn": self.arn(Kind::Working), "Name.$": "$.name", "Input": input});
                (
                    json!({
                        "Resource": "arn:aws:states:::states:startExecution.waitForTaskToken", "Parameters": parameters
                    }),
                    TIMEOUT,
                )
            }
            Kind::Awaiting => {
                let parameters = json!({
                    "StateMachineArn": self.arn(Kind::Sleeping), "Name.$": "$.name", "Input.$": "$"
                });
                let result = json!({"slept.$": "$.Output.seconds"});
                (
                    json!({
                        "Resource": "arn:aws:states:::states:startExecution.sync:2",
                        "Parameters": parameters,
                        "ResultSelector": result
                    }),
                    30,
                )
            }
        };
        let mut task = json!({
            "Type": "Task",
            "TimeoutSeconds": timeout,
            // The caught error becomes the output and shows how the task ended.
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
            "Next": "Done"
        });
        if let (Value::Object(task), Value::Object(state)) = (&mut task, state) {
            task.extend(state);
        }
        let done = json!({"Type": "Pass", "End": true});
        json!({"StartAt": "Task", "States": {"Task": task, "Done": done, "Caught": done}})
    }
}

/// Sends a request that must succeed.
pub async fn must(connection: &mut Connection, operation: &str, request: &Value) -> io::Result<Value> {
    let answer = connection.ask(operation, request).await?;
    answer.map_err(|fault| io::Error::other(format!("{operation}: {fault}")))
}

pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
