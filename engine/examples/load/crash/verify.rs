//! The final comparison of the server's data with what was acknowledged.

use std::{
    collections::{HashMap, HashSet},
    io,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    Field,
    machines::{HEARTBEAT, Kind, TIMEOUT, must, text},
    model::{Execution, Fate, Key, Model},
};
use crate::http::Connection;

/// The timeout for the last executions to end. Every task has a timeout, so they all do.
const PATIENCE: Duration = Duration::from_secs(90);
/// How late a timer may be on a busy machine, in seconds.
const LATE: f64 = 10.0;

#[derive(Default)]
pub struct Findings {
    /// The number of timers that fired.
    pub count: usize,
    pub latest: Duration,
    pub violations: Vec<String>,
}

pub async fn verify(connection: &mut Connection, field: &Field) -> io::Result<Findings> {
    let mut found = Findings { violations: std::mem::take(&mut field.model().violations), ..Findings::default() };
    let begun = Instant::now();
    while let Some(kind) = still_running(connection, field).await? {
        if begun.elapsed() > PATIENCE {
            found.violations.push(format!("{kind:?}: some still run, whose timers must have fired long ago"));
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut stored = HashMap::new();
    for kind in Kind::ALL {
        for name in names(connection, field, kind).await? {
            let arn = field.machines.execution(kind, &name);
            let key = (kind, name);
            let described = must(connection, "DescribeExecution", &json!({"executionArn": arn})).await?;
            let history = json!({"executionArn": arn, "maxResults": 1000});
            let Value::Array(events) = must(connection, "GetExecutionHistory", &history).await?["events"].take() else {
                return Err(io::Error::other("a history without events"));
            };
            if stored.insert(key.clone(), Stored { described, events }).is_some() {
                found.violations.push(format!("{key:?} is there twice"));
            }
        }
    }
    let model = field.model();
    let judge = Judge { model: &model, stored: &stored };
    for (key, execution) in &model.executions {
        match stored.get(key) {
            None if execution.started => found.violations.push(format!("{key:?}: its start is lost")),
            None => {}
            Some(is) => found.violations.extend(judge.wrong_with(key, execution, is)),
        }
    }
    for (key, is) in &stored {
        judge.timers(key, is, &mut found);
        if !judge.was_asked_for(key) {
            found.violations.push(format!("{key:?}: nobody started it"));
        }
    }
    Ok(found)
}

async fn still_running(connection: &mut Connection, field: &Field) -> io::Result<Option<Kind>> {
    for kind in Kind::ALL {
        let request = json!({"stateMachineArn": field.machines.arn(kind), "statusFilter": "RUNNING", "maxResults": 1});
        let running = must(connection, "ListExecutions", &request).await?;
        if running["executions"] != json!([]) {
            return Ok(Some(kind));
        }
    }
    Ok(None)
}

async fn names(connection: &mut Connection, field: &Field, kind: Kind) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    let mut request = json!({"stateMachineArn": field.machines.arn(kind), "maxResults": 1000});
    loop {
        let mut page = must(connection, "ListExecutions", &request).await?;
        names.extend(page["executions"].as_array().into_iter().flatten().map(|listed| text(listed, "name")));
        match page["nextToken"].take() {
            Value::Null => return Ok(names),
            token => request["nextToken"] = token,
        }
    }
}

/// An execution in the server's data.
struct Stored {
    described: Value,
    events: Vec<Value>,
}

impl Stored {
    fn status(&self) -> &str {
        self.described["status"].as_str().unwrap_or_default()
    }

    fn output(&self) -> Value {
        serde_json::from_str(self.described["output"].as_str().unwrap_or_default()).unwrap_or_default()
    }

    fn time_of(&self, event: &str) -> Option<f64> {
        self.events.iter().find(|known| known["type"] == event).and_then(|event| event["timestamp"].as_f64())
    }
}

struct Judge<'a> {
    model: &'a Model,
    stored: &'a HashMap<Key, Stored>,
}

impl Judge<'_> {
    fn was_asked_for(&self, key: &Key) -> bool {
        let parent = |kind: Kind| kind.child() == Some(key.0) && self.stored.contains_key(&(kind, key.1.clone()));
        self.model.executions.contains_key(key) || Kind::ALL.into_iter().any(parent)
    }

    /// The violations of an execution that exists.
    fn wrong_with(&self, key: &Key, known: &Execution, is: &Stored) -> Vec<String> {
        let mut wrong = history_faults(&is.events);
        if !is.events.starts_with(&known.events) {
            wrong.push("events that were seen are lost or changed".into());
        }
        if known.ended.as_ref().is_some_and(|ended| *ended != is.described) {
            wrong.push("it ended otherwise than was seen".into());
        }
        if known.stop_date.is_some() && known.stop_date != is.described["stopDate"].as_f64() {
            wrong.push("StopExecution told another end".into());
        }
        wrong.extend(match is.status() {
            "ABORTED" => self.aborted(key, known),
            "SUCCEEDED" => match key.0 {
                Kind::Working | Kind::Calling => answered(known, is),
                Kind::Sleeping => {
                    (is.described["input"] != is.described["output"]).then(|| "its output is not its input".into())
                }
                Kind::Awaiting => self.awaited(key, is),
            },
            other => Some(format!("it is {other}")),
        });
        wrong.into_iter().map(|what| format!("{key:?}: {what}")).collect()
    }

    fn aborted(&self, key: &Key, known: &Execution) -> Option<String> {
        if let Some(answer) = known.answers.iter().find(|answer| answer.fate == Fate::Acknowledged) {
            return Some(format!("it was stopped although answer {} was acknowledged", answer.number));
        }
        let parent = self.model.executions.get(&(Kind::Awaiting, key.1.clone()));
        let tried = known.stop_tried || key.0 == Kind::Sleeping && parent.is_some_and(|parent| parent.stop_tried);
        (!tried).then(|| "nobody has stopped it".into())
    }

    fn awaited(&self, key: &Key, is: &Stored) -> Option<String> {
        let child = self.stored.get(&(Kind::Sleeping, key.1.clone()));
        let output = is.output();
        let ok = match child.map(Stored::status) {
            Some("SUCCEEDED") => output["slept"].is_number(),
            Some("ABORTED") => output["Error"] == "States.TaskFailed",
            _ => false,
        };
        (!ok).then(|| format!("its child is {:?}, its output {output}", child.map(Stored::status)))
    }

    /// Checks that a Wait ends when it is due, or when the server is up again.
    fn timers(&self, key: &Key, is: &Stored, found: &mut Findings) {
        let (Some(began), Some(ended)) = (is.time_of("WaitStateEntered"), is.time_of("WaitStateExited")) else {
            return;
        };
        let input: Value = serde_json::from_str(is.described["input"].as_str().unwrap_or_default()).unwrap_or_default();
        let due = began + input["seconds"].as_f64().unwrap_or_default();
        let late = self.model.uptime(due, ended);
        // The times of events are truncated to milliseconds.
        if ended < due - 0.002 || late > LATE {
            found.violations.push(format!("{key:?}: its timer was due at {due:.3} and fired at {ended:.3}"));
        }
        found.count += 1;
        found.latest = found.latest.max(Duration::try_from_secs_f64(late).unwrap_or_default());
    }
}

/// Checks that the history has one start, one end, and each event exactly once.
fn history_faults(events: &[Value]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut once = HashSet::new();
    for (at, event) in events.iter().enumerate() {
        if event["id"] != at + 1 {
            faults.push(format!("event {} is number {}", event["id"], at + 1));
        }
        let what = (text(event, "type"), text(&event["stateEnteredEventDetails"], "name"));
        let what = (what.0, what.1, text(&event["stateExitedEventDetails"], "name"));
        if !once.insert(what.clone()) {
            faults.push(format!("{} is there twice", what.0));
        }
    }
    let ends = ["ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"];
    let last = events.last().map(|event| text(event, "type")).unwrap_or_default();
    if !ends.contains(&last.as_str()) {
        faults.push(format!("its last event is {last}"));
    }
    faults
}

/// Checks that a task ends with the accepted answer or a timeout.
fn answered(known: &Execution, is: &Stored) -> Option<String> {
    let output = is.output();
    let number = output["answer"].as_u64().or_else(|| {
        let refused = output["Error"] == "Refused";
        refused.then(|| output["Cause"].as_str().and_then(|cause| cause.parse().ok())).flatten()
    });
    let of = |fate| known.answers.iter().filter(move |answer| answer.fate == fate).map(|answer| answer.number as u64);
    let acknowledged: Vec<u64> = of(Fate::Acknowledged).collect();
    match (acknowledged[..].as_ref(), number) {
        ([_, _, ..], _) => Some(format!("answers {acknowledged:?} were all acknowledged")),
        ([one], number) if number != Some(*one) => {
            Some(format!("answer {one} was acknowledged, its output is {output}"))
        }
        ([], Some(number)) if !of(Fate::InDoubt).any(|in_doubt| in_doubt == number) => {
            Some(format!("answer {number} was refused and taken"))
        }
        (_, Some(_)) => None,
        (_, None) => too_early(known, is, output["Error"].as_str().unwrap_or_default()),
    }
}

/// Checks that the timeout or the heartbeat interval had elapsed if no answer was accepted.
fn too_early(known: &Execution, is: &Stored, error: &str) -> Option<String> {
    if error != "States.Timeout" {
        return Some(format!("it failed with {error:?}"));
    }
    let Some(ended) = is.time_of("ActivityTimedOut").or(is.time_of("TaskTimedOut")) else {
        return Some("it timed out without an event".into());
    };
    let began = is.time_of("ActivityScheduled").or(is.time_of("TaskScheduled")).unwrap_or(f64::INFINITY);
    let beat = known.heartbeat.or(is.time_of("ActivityStarted")).unwrap_or(f64::INFINITY);
    let due = (began + TIMEOUT as f64).min(beat + HEARTBEAT as f64);
    (ended < due - 0.002).then(|| format!("{error} at {ended:.3}, though it had until {due:.3}"))
}
