//! What must hold: after each step, that the desk tells nothing untrue; and at rest, that it agrees with Step Functions.

use std::collections::HashMap;

use aws_sdk_sfn::types::{HistoryEvent, HistoryEventType};
use serde_json::Value;

use super::{APPLICATIONS, Model, NEVER, PAST_THE_DESK, property_of};

/// The rows of the desk's tables.
struct Rows {
    applications: Vec<Value>,
    tasks: Vec<Value>,
    callbacks: Vec<Value>,
}

/// A task of a workflow that pauses on a token, as its history tells it.
#[derive(Debug)]
struct Task {
    token: String,
    /// The function has returned, and the execution waits for an answer.
    waits: bool,
    end: Option<End>,
}

#[derive(Debug, Clone, PartialEq)]
enum End {
    Succeeded(Value),
    Failed(String),
    TimedOut,
    /// Its execution was stopped.
    Stopped,
}

/// The execution of an application.
struct Execution {
    status: String,
    tasks: Vec<Task>,
}

impl Execution {
    fn runs(&self) -> bool {
        self.status == "RUNNING"
    }

    fn task(&self, token: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.token == token)
    }

    /// The tasks that the execution waits for an answer to.
    fn waits_for(&self) -> Vec<&Task> {
        self.tasks.iter().filter(|task| self.runs() && task.waits && task.end.is_none()).collect()
    }

    fn answers(&self) -> Vec<&Value> {
        let answers = self.tasks.iter().filter_map(|task| match &task.end {
            Some(End::Succeeded(output)) => Some(output),
            _ => None,
        });
        answers.collect()
    }
}

impl Model {
    /// What must hold at any time, also in the middle of a fault.
    pub(super) async fn check_truth(&self) {
        let rows = self.rows().await;
        for reference in APPLICATIONS {
            let Some(execution) = self.execution(reference).await else { continue };
            self.check_answers(reference, &execution);
            let record = rows.applications.iter().find(|row| row["applicationReference"] == reference);
            if let Some(valuation) = record.and_then(|row| row["valuation"].as_str()) {
                let valuation: Value = serde_json::from_str(valuation).expect("JSON");
                assert_eq!(execution.answers(), [&valuation], "{reference} was decided by another valuation");
            }
            for row in rows.tasks.iter().filter(|row| row["applicationReference"] == reference) {
                check_task(row, &execution);
            }
        }
        self.check_callbacks(&rows);
    }

    /// One answer wins, and it is one that may be used.
    fn check_answers(&self, reference: &str, execution: &Execution) {
        let answers = execution.answers();
        assert!(answers.len() <= 1, "{reference} went on with two answers: {answers:?}");
        for answer in answers {
            if answer["valuationReference"] == PAST_THE_DESK {
                continue;
            }
            let value = answer["propertyValue"].as_u64().expect("pounds");
            assert!(value < NEVER, "{reference} went on with what nobody may use: {answer}");
            let is_early = value == u64::from(crate::support::VALUE);
            let is_honest = is_early || self.honest.get(&value) == Some(&property_of(reference));
            assert!(is_honest, "{reference} went on with what was not given for it: {answer}");
        }
    }

    fn check_callbacks(&self, rows: &Rows) {
        let mut accepted: HashMap<&str, usize> = HashMap::new();
        for callback in &rows.callbacks {
            if callback["outcome"] != "accepted" {
                continue;
            }
            assert!(callback["request"].is_string(), "an unsigned callback was accepted: {callback}");
            // It is accepted in the transaction that reserves its task for it. If Step Functions then refuses it, it becomes
            // late in the transaction that says so of the task.
            let task = rows.task_of(callback).unwrap_or_else(|| panic!("no task is answered with {callback}"));
            let may_be = ["answering", "answered"].iter().any(|state| task["state"] == *state);
            assert!(may_be, "accepted for a task that was not answered: {callback} {task}");
            *accepted.entry(task["id"].as_str().expect("an id")).or_default() += 1;
        }
        assert!(accepted.values().all(|count| *count == 1), "a task accepted two callbacks: {accepted:?}");
        for ((path, body), id) in self.world.valuer.acknowledged() {
            let kept = rows.callbacks.iter().find(|callback| callback["id"] == id);
            if self.strangers.contains(&id) {
                // Only so many of these are kept: a later one may have taken its place.
                assert_eq!(kept.expect("a place")["outcome"], "refused");
            } else {
                let kept = kept.unwrap_or_else(|| panic!("a callback was acknowledged and is missing: {path} {body}"));
                assert_eq!(kept["body"], body.to_string(), "a callback was changed: {path}");
            }
        }
    }

    /// What must hold once everything has come to rest and the desk has compared itself with Step Functions.
    pub(super) async fn check_agreement(&self) {
        let rows = self.rows().await;
        let listed = self.world.waiting(None).await;
        for reference in APPLICATIONS {
            let record = rows.applications.iter().find(|row| row["applicationReference"] == reference);
            let Some(execution) = self.execution(reference).await else {
                assert_eq!(record, None, "{reference} was stored and never started");
                continue;
            };
            let record = record.unwrap_or_else(|| panic!("{reference} runs and is not there"));
            let status = record["status"].as_str().expect("a status");
            let queued: Vec<_> = rows
                .tasks
                .iter()
                .filter(|task| task["applicationReference"] == reference && task["queue"].is_string())
                .collect();
            let listed: Vec<_> =
                listed.iter().filter(|item| item.application_reference.as_str() == reference).collect();
            if !execution.runs() {
                assert!(queued.is_empty(), "nobody waits for these tasks of {reference}: {queued:?}");
                assert!(listed.is_empty(), "{reference} is listed as waiting: {listed:?}");
                let may_be: &[&str] = match execution.status.as_str() {
                    "SUCCEEDED" => &["approved", "referred", "declined", "valued"],
                    // It may have been stopped after it had decided.
                    "ABORTED" => &["stopped", "approved", "referred", "declined", "needs_attention"],
                    _ => &["needs_attention"],
                };
                assert!(may_be.contains(&status), "{reference} is {status} and its execution {}", execution.status);
                continue;
            }
            let waits_for = execution.waits_for();
            let [task] = waits_for.as_slice() else {
                panic!("{reference} waits for {waits_for:?}: {:?}", execution.tasks)
            };
            let [row] = queued.as_slice() else { panic!("{reference} waits for {task:?}, the desk for {queued:?}") };
            assert_eq!(row["token"], task.token, "the desk waits for another task: {row}");
            assert_eq!(row["state"], "open", "{row}");
            assert_eq!(record["waitingId"], row["id"], "{record}");
            let is_valuer = row["kind"] == "valuation";
            let expected = if is_valuer { "waiting_for_valuation" } else { "waiting_for_manual_valuation" };
            assert_eq!(status, expected);
            let ids: Vec<_> = listed.iter().map(|item| item.id.as_str()).collect();
            assert_eq!(ids, [row["id"].as_str().expect("an id")], "what is listed of {reference}");
        }
        for callback in &rows.callbacks {
            let outcome = callback["outcome"].as_str().expect("an outcome");
            assert!(!["received", "parked"].contains(&outcome), "a callback is left unsettled: {callback}");
            if outcome == "accepted" {
                let task = rows.task_of(callback);
                assert!(task.is_some_and(|task| task["state"] == "answered"), "no task was answered with {callback}");
            }
        }
        if !self.is_answered_past_the_desk {
            for row in &rows.applications {
                let view = self.world.application(row["applicationReference"].as_str().expect("a reference")).await;
                let story: Vec<_> = view.expect("it is there").story.into_iter().map(|entry| entry.text).collect();
                let is_contradicted = story.iter().any(|text| text.contains("did not come through this desk"));
                assert!(!is_contradicted, "everything came through this desk: {story:?}");
            }
        }
    }

    async fn rows(&self) -> Rows {
        Rows {
            applications: self.world.table("loan-desk-applications").await,
            tasks: self.world.table("loan-desk-paused-tasks").await,
            callbacks: self.world.table("loan-desk-callbacks").await,
        }
    }

    async fn execution(&self, reference: &str) -> Option<Execution> {
        let status = self.world.execution_status(reference).await?;
        let history = self.world.history(&self.world.execution_arn(reference), false).await;
        Some(Execution { status, tasks: tasks(&history) })
    }
}

impl Rows {
    /// The task whose answer is this callback.
    fn task_of(&self, callback: &Value) -> Option<&Value> {
        let is_answer = |task: &&Value| answer(task).is_some_and(|answer| answer["callback"] == callback["id"]);
        self.tasks.iter().find(is_answer)
    }
}

/// A task's row says of its end what the history says.
fn check_task(row: &Value, execution: &Execution) {
    let token = row["token"].as_str().expect("a token");
    let task = execution.task(token);
    let end = task.and_then(|task| task.end.clone());
    let is_waited_for = execution.waits_for().iter().any(|task| task.token == token);
    match row["state"].as_str().expect("a state") {
        "answered" => {
            let says = &answer(row).expect("an answer")["says"];
            let told = match (&says["success"]["output"], &says["failure"]["error"]) {
                (Value::Null, error) => End::Failed(error.as_str().expect("an error").to_owned()),
                (output, _) => End::Succeeded(output.clone()),
            };
            assert_eq!(end, Some(told), "the desk says that it was answered: {row}");
        }
        "lapsed" | "abandoned" | "too_late" => {
            assert!(!is_waited_for, "the desk says that this is over: {row}");
        }
        _ => {}
    }
    if row["state"] == "too_late" {
        let output = &answer(row).expect("an answer")["says"]["success"]["output"];
        let is_used = matches!(&end, Some(End::Succeeded(used)) if used == output);
        assert!(!is_used, "the desk says that this answer was not used: {row}");
    }
}

/// What a task was or is being answered with.
fn answer(task: &Value) -> Option<Value> {
    task["answer"].as_str().map(|text| serde_json::from_str(text).expect("JSON"))
}

/// The tasks with a token in a history, oldest first.
fn tasks(history: &[HistoryEvent]) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::new();
    // By event: the task that it belongs to.
    let mut task_of: HashMap<i64, usize> = HashMap::new();
    for event in history {
        if let Some(token) = event.task_scheduled_event_details.as_ref().and_then(|details| {
            let parameters: Value = serde_json::from_str(&details.parameters).ok()?;
            Some(parameters["Payload"]["taskToken"].as_str()?.to_owned())
        }) {
            task_of.insert(event.id, tasks.len());
            tasks.push(Task { token, waits: false, end: None });
            continue;
        }
        if event.r#type == HistoryEventType::ExecutionAborted {
            tasks.iter_mut().for_each(|task| task.end = task.end.take().or(Some(End::Stopped)));
        }
        let Some(at) = task_of.get(&event.previous_event_id).copied() else { continue };
        let text = |text: Option<&String>| text.cloned().unwrap_or_default();
        let end = match event.r#type {
            HistoryEventType::TaskStarted => None,
            HistoryEventType::TaskSubmitted => {
                tasks[at].waits = true;
                None
            }
            HistoryEventType::TaskSucceeded => {
                let details = event.task_succeeded_event_details.as_ref();
                let output = details.and_then(|details| details.output.as_deref()).unwrap_or_default();
                Some(End::Succeeded(serde_json::from_str(output).unwrap_or_default()))
            }
            HistoryEventType::TaskFailed => {
                let details = event.task_failed_event_details.as_ref();
                Some(End::Failed(text(details.and_then(|details| details.error.as_ref()))))
            }
            HistoryEventType::TaskTimedOut => Some(End::TimedOut),
            _ => continue,
        };
        if end.is_some() {
            tasks[at].end = end;
        } else {
            task_of.insert(event.id, at);
        }
    }
    tasks
}
