//! Task states: scheduling the call, and what comes back.

use serde_json::Value;
use time::Duration;

use super::{
    Command, NotPending, Pattern, Payload, TaskId, TimerId, Work,
    data::{Outgoing, Way},
    failure::{Failure, MAX_PAYLOAD, RUNTIME},
    run::Run,
    simple::seconds_of,
    state::{BranchId, Heartbeat, Pending, Phase},
};
use crate::{
    definition::{Body, Number, Resource, State, Task},
    history::{
        ActivityScheduled, ActivityStarted, EventKind, LambdaScheduled, Output, TaskCredentials, TaskFailure,
        TaskOutput, TaskRef, TaskScheduled,
    },
    query::QueryError,
};

/// What a task is scheduled with.
struct Plan {
    arguments: Payload,
    timeout: Option<i64>,
    heartbeat: Option<i64>,
    credentials: Option<TaskCredentials>,
}

impl Run<'_> {
    pub fn schedule(&mut self, id: BranchId, state: &State, task: &Task) -> Result<(), Failure> {
        let before = self.before(id);
        let task_id = self.next_task();
        let plan = self.plan(id, state, task, task_id).map_err(|error| self.query_failed(id, error, before))?;
        if plan.arguments.size() > MAX_PAYLOAD {
            return Err(Failure::too_large(&state.name));
        }
        let Plan { arguments, timeout, heartbeat, credentials } = plan;
        let work = match &task.resource {
            Resource::Lambda { arn } => {
                self.tell(
                    id,
                    EventKind::LambdaFunctionScheduled(LambdaScheduled {
                        resource: arn.clone(),
                        input: arguments.clone(),
                        timeout_in_seconds: timeout,
                        task_credentials: credentials,
                    }),
                );
                self.tell(id, EventKind::LambdaFunctionStarted);
                Work::Function { function: arn.clone(), payload: arguments.value().clone() }
            }
            Resource::Activity { arn } => {
                if !(self.facts.has_activity)(arn) {
                    let failure = Failure::new(RUNTIME, format!("The activity {arn} does not exist"));
                    self.tell(id, EventKind::ActivityScheduleFailed(failure.details()));
                    return Err(failure);
                }
                self.tell(
                    id,
                    EventKind::ActivityScheduled(ActivityScheduled {
                        resource: arn.clone(),
                        input: arguments.clone(),
                        timeout_in_seconds: timeout,
                        heartbeat_in_seconds: heartbeat,
                    }),
                );
                Work::Activity { activity_arn: arn.clone(), input: arguments.value().clone() }
            }
            Resource::Service { service, action, pattern } => {
                let reference = reference(service, action, *pattern);
                self.tell(
                    id,
                    EventKind::TaskScheduled(TaskScheduled {
                        task: reference.clone(),
                        region: self.facts.region().to_owned(),
                        parameters: arguments.clone(),
                        timeout_in_seconds: timeout,
                        heartbeat_in_seconds: heartbeat,
                        task_credentials: credentials,
                    }),
                );
                self.tell(id, EventKind::TaskStarted(reference));
                Work::Service {
                    service: service.clone(),
                    action: action.clone(),
                    pattern: *pattern,
                    parameters: self.sent(service, action, arguments.value().clone()),
                }
            }
        };
        // AWS's default timeout of 99,999,999 seconds is longer than an execution may last: no timer for it.
        let due = timeout.map(|seconds| self.now.saturating_add(Duration::seconds(seconds)));
        let timeout = due.map(|due| self.set_timer(due));
        // An activity's heartbeat only counts from when a worker has taken the task.
        let heartbeat = match task.resource {
            Resource::Activity { .. } => None,
            _ => heartbeat.map(|seconds| self.heartbeat(seconds)),
        };
        let pending = Pending { task: task_id, timeout, heartbeat, under_way: false };
        self.change(id, |branch| branch.phase = Phase::Task(pending));
        let attempt = 1 + self.branch(id).attempts.iter().sum::<u32>();
        self.command(Command::Perform { task: task_id, attempt, due, work });
        Ok(())
    }

    /// The parameters as the service gets them: to EventBridge's entries AWS adds, unseen in the history, the ARNs of
    /// the state machine and the execution.
    fn sent(&self, service: &str, action: &str, mut parameters: Value) -> Value {
        let entries = match (service, action, parameters.get_mut("Entries")) {
            ("events", "putEvents", Some(Value::Array(entries))) => entries,
            _ => return parameters,
        };
        let origin = [self.facts.execution_arn, self.facts.state_machine_arn];
        for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
            let resources = entry.entry("Resources").or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(resources) = resources {
                resources.extend(origin.map(Value::from));
            }
        }
        parameters
    }

    fn plan(&self, id: BranchId, state: &State, task: &Task, task_id: TaskId) -> Result<Plan, QueryError> {
        let callback = matches!(task.resource, Resource::Service { pattern: Pattern::WaitForTaskToken, .. });
        let arguments = self.arguments(id, state, task.arguments.as_ref(), callback.then_some(task_id))?;
        if let Some(why) = unusable(&task.resource, arguments.value()) {
            let cause = format!("The Parameters '{arguments}' could not be used to start the Task: [{why}]");
            return Err(QueryError::runtime(cause));
        }
        Ok(Plan {
            arguments,
            timeout: self.seconds(id, state, task.timeout.as_ref(), "TimeoutSeconds")?,
            heartbeat: self.seconds(id, state, task.heartbeat.as_ref(), "HeartbeatSeconds")?,
            credentials: self.credentials(id, state, task)?,
        })
    }

    fn seconds(
        &self,
        id: BranchId,
        state: &State,
        number: Option<&Number>,
        field: &str,
    ) -> Result<Option<i64>, QueryError> {
        let Some(number) = number else { return Ok(None) };
        if let Number::Literal(_) = number {
            return seconds_of(&self.view(id, state, None), &Payload::from(Value::Null), number, field).map(Some);
        }
        let input = self.effective_input(id, state)?;
        seconds_of(&self.view(id, state, None), &input, number, field).map(Some)
    }

    /// Credentials are accepted and shown; there is no role to take on here.
    fn credentials(&self, id: BranchId, state: &State, task: &Task) -> Result<Option<TaskCredentials>, QueryError> {
        let Some(credentials) = &task.credentials else { return Ok(None) };
        let input = self.effective_input(id, state)?;
        let view = self.view(id, state, None);
        let credentials = credentials.evaluate(&view.scope(input.value()), "Credentials")?;
        let role_arn = credentials.get("RoleArn").and_then(Value::as_str);
        Ok(role_arn.map(|role_arn| TaskCredentials { role_arn: role_arn.to_owned() }))
    }

    fn heartbeat(&mut self, seconds: i64) -> Heartbeat {
        Heartbeat { seconds, timer: self.set_timer_in(seconds.saturating_mul(1000)) }
    }

    /// The branch that waits for a task, and what the task is.
    fn pending(&self, task: TaskId) -> Result<(BranchId, Pending), NotPending> {
        let found = self.state.branches.iter().find_map(|(id, branch)| match &branch.phase {
            Phase::Task(pending) if pending.task == task => Some((*id, pending.clone())),
            _ => None,
        });
        found.ok_or(NotPending)
    }

    /// Takes a task's answer: nothing waits for it any more.
    fn settle(&mut self, id: BranchId, pending: &Pending, fired: Option<TimerId>) {
        self.clear_timers(pending, fired);
        self.change(id, |branch| branch.phase = Phase::Settled);
    }

    pub fn activity_started(&mut self, task: TaskId, worker_name: Option<String>) -> Result<(), NotPending> {
        let (id, mut pending) = self.pending(task)?;
        let state = self.current(id);
        let Body::Task(task) = &state.body else { return Err(NotPending) };
        if pending.under_way || !matches!(task.resource, Resource::Activity { .. }) {
            return Err(NotPending);
        }
        self.tell(id, EventKind::ActivityStarted(ActivityStarted { worker_name }));
        pending.under_way = true;
        // It was computed without an error when the task was scheduled, of the same input.
        let seconds = self.seconds(id, state, task.heartbeat.as_ref(), "HeartbeatSeconds").ok().flatten();
        pending.heartbeat = seconds.map(|seconds| self.heartbeat(seconds));
        self.change(id, |branch| branch.phase = Phase::Task(pending));
        Ok(())
    }

    pub fn task_submitted(&mut self, task: TaskId, output: Payload) -> Result<(), NotPending> {
        let (id, mut pending) = self.pending(task)?;
        let Some(task) = self.reference_of(id) else { return Err(NotPending) };
        if pending.under_way {
            return Err(NotPending);
        }
        self.tell(id, EventKind::TaskSubmitted(TaskOutput { task, output: Output { output } }));
        pending.under_way = true;
        self.change(id, |branch| branch.phase = Phase::Task(pending));
        Ok(())
    }

    pub fn task_heartbeat(&mut self, task: TaskId) -> Result<(), NotPending> {
        let (id, mut pending) = self.pending(task)?;
        if let Some(Heartbeat { seconds, timer }) = pending.heartbeat {
            self.command(Command::ClearTimer { timer });
            pending.heartbeat = Some(self.heartbeat(seconds));
            self.change(id, |branch| branch.phase = Phase::Task(pending));
        }
        Ok(())
    }

    pub fn task_succeeded(&mut self, task: TaskId, output: Payload) -> Result<(), NotPending> {
        let (id, pending) = self.pending(task)?;
        self.settle(id, &pending, None);
        let state = self.current(id);
        let Body::Task(task) = &state.body else { return Err(NotPending) };
        let resource = resource_of(&task.resource);
        let refused = if output.size() > MAX_PAYLOAD {
            Some(Failure::too_large(resource))
        } else if output.is_too_deep() {
            Some(Failure::too_deep(resource))
        } else {
            None
        };
        if let Some(failure) = refused {
            self.task_ended_badly(id, failure);
            return Ok(());
        }
        let details = Output { output: output.clone() };
        let event = match (&task.resource, self.reference_of(id)) {
            (Resource::Lambda { .. }, _) => EventKind::LambdaFunctionSucceeded(details),
            (Resource::Activity { .. }, _) | (_, None) => EventKind::ActivitySucceeded(details),
            (Resource::Service { .. }, Some(task)) => EventKind::TaskSucceeded(TaskOutput { task, output: details }),
        };
        let event = self.tell(id, event);
        let way = Way::with_result(state, task.result_selector.as_ref(), &task.result_path, task.then);
        if let Err(failure) = self.leave(id, state, Outgoing::Result(output), &way, event) {
            self.fail_state(id, failure);
        }
        Ok(())
    }

    pub fn task_failed(
        &mut self,
        task: TaskId,
        error: Option<String>,
        cause: Option<String>,
    ) -> Result<(), NotPending> {
        let (id, pending) = self.pending(task)?;
        self.settle(id, &pending, None);
        self.task_ended_badly(id, Failure { error, cause, by_heartbeat: false });
        Ok(())
    }

    fn task_ended_badly(&mut self, id: BranchId, failure: Failure) {
        let details = failure.details();
        let event = match (&self.current(id).body, self.reference_of(id)) {
            (_, Some(task)) => EventKind::TaskFailed(TaskFailure { task, failure: details }),
            (Body::Task(task), None) if matches!(task.resource, Resource::Lambda { .. }) => {
                EventKind::LambdaFunctionFailed(details)
            }
            _ => EventKind::ActivityFailed(details),
        };
        self.tell(id, event);
        self.fail_state(id, failure);
    }

    /// `timer` is the one that has fired: the task's timeout or its heartbeat.
    pub fn task_timed_out(&mut self, id: BranchId, timer: TimerId, by_heartbeat: bool) {
        let Phase::Task(pending) = self.branch(id).phase.clone() else { return };
        self.settle(id, &pending, Some(timer));
        self.abandon(id, &pending);
        let failure = Failure::timeout(by_heartbeat);
        let details = failure.details();
        let event = match (&self.current(id).body, self.reference_of(id)) {
            (_, Some(task)) => EventKind::TaskTimedOut(TaskFailure { task, failure: details }),
            (Body::Task(task), None) if matches!(task.resource, Resource::Lambda { .. }) => {
                EventKind::LambdaFunctionTimedOut(details)
            }
            _ => EventKind::ActivityTimedOut(details),
        };
        self.tell(id, event);
        self.fail_state(id, failure);
    }

    /// Nobody waits for a branch's current task any more.
    pub fn abandon(&mut self, id: BranchId, pending: &Pending) {
        let offered_to = match &self.current(id).body {
            Body::Task(task) if !pending.under_way => match &task.resource {
                Resource::Activity { arn } => Some(arn.clone()),
                Resource::Lambda { .. } | Resource::Service { .. } => None,
            },
            _ => None,
        };
        self.command(Command::Abandon { task: pending.task, offered_to });
    }

    /// How events name the integrated service of a branch's current task.
    fn reference_of(&self, id: BranchId) -> Option<TaskRef> {
        match &self.current(id).body {
            Body::Task(task) => match &task.resource {
                Resource::Service { service, action, pattern } => Some(reference(service, action, *pattern)),
                Resource::Lambda { .. } | Resource::Activity { .. } => None,
            },
            _ => None,
        }
    }
}

fn reference(service: &str, action: &str, pattern: Pattern) -> TaskRef {
    TaskRef { resource_type: service.to_owned(), resource: Resource::action_with_pattern(action, pattern) }
}

/// What AWS names in "The state/task '…' returned a result with a size exceeding …".
fn resource_of(resource: &Resource) -> &str {
    match resource {
        Resource::Lambda { arn } | Resource::Activity { arn } => arn,
        Resource::Service { service, .. } => service,
    }
}

/// Why an integrated service cannot be called with these parameters.
fn unusable(resource: &Resource, parameters: &Value) -> Option<String> {
    let Resource::Service { service, action, .. } = resource else { return None };
    if let Some(field) = unresolved(parameters) {
        return Some(format!(
            "The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call"
        ));
    }
    // A payload is text, or JSON that is made text; but of a number or a boolean AWS makes none.
    let is_scalar = matches!(parameters.get("Payload"), Some(Value::Number(_) | Value::Bool(_)));
    (service == "lambda" && action == "invoke" && is_scalar)
        .then(|| "The value for the field 'Payload' must be a STRING".to_owned())
}

/// A field that still ends in `.$` once everything has been computed: it was written with `.$` twice.
fn unresolved(value: &Value) -> Option<&str> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .find_map(|(name, value)| if name.ends_with(".$") { Some(name.as_str()) } else { unresolved(value) }),
        Value::Array(items) => items.iter().find_map(unresolved),
        _ => None,
    }
}
