//! Task states: scheduling the call and processing its answer.

use serde_json::Value;
use time::Duration;

use super::{
    Command, NotPending, Pattern, Payload, TaskId, TimerId, Work,
    advance::Interpreter,
    data_flow::{Outgoing, OutputRules},
    failure::{Failure, MAX_PAYLOAD, RUNTIME},
    simple::seconds_of,
    state::{BranchId, Heartbeat, Pending, Phase},
    stored::Awaited,
};
use crate::{
    definition::{Body, Number, Resource, State, Task},
    history::{
        ActivityScheduled, ActivityStarted, EventKind, LambdaScheduled, Output, TaskCredentials, TaskFailure,
        TaskOutput, TaskRef, TaskScheduled,
    },
    query::QueryError,
};

/// The evaluated fields of a task.
struct Plan {
    arguments: Payload,
    timeout: Option<i64>,
    heartbeat: Option<i64>,
    credentials: Option<TaskCredentials>,
}

impl Interpreter<'_> {
    pub fn schedule(&mut self, id: BranchId, state: &State, task: &Task) -> Result<(), Failure> {
        let before = self.event_before(id);
        let task_id = self.next_task();
        let plan = self.plan(id, state, task, task_id).map_err(|error| self.query_failed(id, error, before))?;
        if plan.arguments.size() > MAX_PAYLOAD {
            return Err(Failure::too_large(&state.name));
        }
        let Plan { arguments, timeout, heartbeat, credentials } = plan;
        let work = match &task.resource {
            Resource::Lambda { arn } => {
                self.record(
                    id,
                    EventKind::LambdaFunctionScheduled(LambdaScheduled {
                        resource: arn.clone(),
                        input: arguments.clone(),
                        timeout_in_seconds: timeout,
                        task_credentials: credentials,
                    }),
                );
                self.record(id, EventKind::LambdaFunctionStarted);
                Work::Function { function: arn.clone(), payload: arguments }
            }
            Resource::Activity { arn } => {
                if !(self.facts.has_activity)(arn) {
                    let failure = Failure::new(RUNTIME, format!("The activity {arn} does not exist"));
                    self.record(id, EventKind::ActivityScheduleFailed(failure.details()));
                    return Err(failure);
                }
                self.record(
                    id,
                    EventKind::ActivityScheduled(ActivityScheduled {
                        resource: arn.clone(),
                        input: arguments.clone(),
                        timeout_in_seconds: timeout,
                        heartbeat_in_seconds: heartbeat,
                    }),
                );
                Work::Activity { activity_arn: arn.clone(), input: arguments }
            }
            Resource::Service { service, action, pattern } => {
                let reference = reference(service, action, *pattern);
                self.record(
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
                self.record(id, EventKind::TaskStarted(reference));
                Work::Service {
                    service: service.clone(),
                    action: action.clone(),
                    pattern: *pattern,
                    parameters: self.request_parameters(service, action, arguments),
                }
            }
        };
        // AWS's default timeout of 99,999,999 seconds exceeds the maximum duration of an execution, so it needs no
        // timer.
        let due = timeout.map(|seconds| self.now.saturating_add(Duration::seconds(seconds)));
        let timeout = due.map(|due| self.set_timer(due));
        // The heartbeat of an activity begins when a worker takes the task.
        let heartbeat = match task.resource {
            Resource::Activity { .. } => None,
            _ => heartbeat.map(|seconds| self.heartbeat(seconds)),
        };
        let pending = Pending { task: task_id, timeout, heartbeat, acknowledged: false };
        self.change(id, |branch| branch.phase = Phase::Task(pending));
        let attempt = 1 + self.branch(id).attempts.iter().sum::<u32>();
        self.command(Command::Perform { task: task_id, attempt, due, work });
        Ok(())
    }

    /// The parameters that the service receives. AWS adds the ARNs of the state machine and the execution to
    /// EventBridge entries, without showing them in the history.
    fn request_parameters(&self, service: &str, action: &str, arguments: Payload) -> Payload {
        if (service, action) != ("events", "putEvents") {
            return arguments;
        }
        let mut parameters = arguments.into_value();
        let entries = parameters.get_mut("Entries").and_then(Value::as_array_mut).into_iter().flatten();
        let origin = [self.facts.execution_arn, self.facts.state_machine_arn];
        for entry in entries.filter_map(Value::as_object_mut) {
            let resources = entry.entry("Resources").or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(resources) = resources {
                resources.extend(origin.map(Value::from));
            }
        }
        parameters.into()
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

    /// Evaluates Credentials. They only appear in the history, since there are no roles to assume.
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

    /// The branch that waits for a task, with the task's details.
    fn pending(&mut self, task: TaskId) -> Result<(BranchId, Pending), NotPending> {
        let id = self.branch_awaiting(Awaited::Task(task)).ok_or(NotPending)?;
        match &self.branch(id).phase {
            Phase::Task(pending) => Ok((id, pending.clone())),
            _ => Err(NotPending),
        }
    }

    /// Ends the wait for a task.
    fn settle(&mut self, id: BranchId, pending: &Pending, fired: Option<TimerId>) {
        self.clear_timers(pending, fired);
        self.change(id, |branch| branch.phase = Phase::Settled);
    }

    pub fn activity_started(&mut self, task: TaskId, worker_name: Option<String>) -> Result<(), NotPending> {
        let (id, mut pending) = self.pending(task)?;
        let state = self.current(id);
        let Body::Task(task) = &state.body else { return Err(NotPending) };
        if pending.acknowledged || !matches!(task.resource, Resource::Activity { .. }) {
            return Err(NotPending);
        }
        self.record(id, EventKind::ActivityStarted(ActivityStarted { worker_name }));
        pending.acknowledged = true;
        // The same computation succeeded when the task was scheduled.
        let seconds = self.seconds(id, state, task.heartbeat.as_ref(), "HeartbeatSeconds").ok().flatten();
        pending.heartbeat = seconds.map(|seconds| self.heartbeat(seconds));
        self.change(id, |branch| branch.phase = Phase::Task(pending));
        Ok(())
    }

    pub fn task_submitted(&mut self, task: TaskId, output: Payload) -> Result<(), NotPending> {
        let (id, mut pending) = self.pending(task)?;
        let Some(task) = self.reference_of(id) else { return Err(NotPending) };
        if pending.acknowledged {
            return Err(NotPending);
        }
        self.record(id, EventKind::TaskSubmitted(TaskOutput { task, output: Output { output } }));
        pending.acknowledged = true;
        self.change(id, |branch| branch.phase = Phase::Task(pending));
        Ok(())
    }

    /// Postpones the timer of the heartbeat. The state does not change, so a heartbeat does not invalidate a concurrent
    /// computation.
    pub fn task_heartbeat(&mut self, task: TaskId) -> Result<(), NotPending> {
        let (_, pending) = self.pending(task)?;
        if let Some(Heartbeat { seconds, timer }) = pending.heartbeat {
            let due = self.now.saturating_add(Duration::seconds(seconds));
            self.command(Command::PostponeTimer { timer, due });
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
            self.fail_task(id, failure);
            return Ok(());
        }
        let details = Output { output: output.clone() };
        let event = match (&task.resource, self.reference_of(id)) {
            (Resource::Lambda { .. }, _) => EventKind::LambdaFunctionSucceeded(details),
            (Resource::Activity { .. }, _) | (_, None) => EventKind::ActivitySucceeded(details),
            (Resource::Service { .. }, Some(task)) => EventKind::TaskSucceeded(TaskOutput { task, output: details }),
        };
        let event = self.record(id, event);
        let rules = OutputRules::with_result(state, task.result_selector.as_ref(), &task.result_path, task.then);
        if let Err(failure) = self.leave_state(id, state, Outgoing::Result(output), &rules, event) {
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
        self.fail_task(id, Failure { error, cause, by_heartbeat: false });
        Ok(())
    }

    fn fail_task(&mut self, id: BranchId, failure: Failure) {
        let details = failure.details();
        let event = match (&self.current(id).body, self.reference_of(id)) {
            (_, Some(task)) => EventKind::TaskFailed(TaskFailure { task, failure: details }),
            (Body::Task(task), None) if matches!(task.resource, Resource::Lambda { .. }) => {
                EventKind::LambdaFunctionFailed(details)
            }
            _ => EventKind::ActivityFailed(details),
        };
        self.record(id, event);
        self.fail_state(id, failure);
    }

    /// `timer` is the timer that fired: the task's timeout or its heartbeat.
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
        self.record(id, event);
        self.fail_state(id, failure);
    }

    /// Stops waiting for a branch's current task.
    pub fn abandon(&mut self, id: BranchId, pending: &Pending) {
        let offered_to = match &self.current(id).body {
            Body::Task(task) if !pending.acknowledged => match &task.resource {
                Resource::Activity { arn } => Some(arn.clone()),
                Resource::Lambda { .. } | Resource::Service { .. } => None,
            },
            _ => None,
        };
        self.command(Command::Abandon { task: pending.task, offered_to });
    }

    /// How events identify the integrated service of a branch's current task.
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

/// The name that AWS uses in "The state/task '…' returned a result with a size exceeding …".
fn resource_of(resource: &Resource) -> &str {
    match resource {
        Resource::Lambda { arn } | Resource::Activity { arn } => arn,
        Resource::Service { service, .. } => service,
    }
}

/// Why an integrated service can't be called with these parameters.
fn unusable(resource: &Resource, parameters: &Value) -> Option<String> {
    let Resource::Service { service, action, .. } = resource else { return None };
    if let Some(field) = unresolved(parameters) {
        return Some(format!(
            "The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call"
        ));
    }
    // A payload is a string, or JSON that AWS converts to one. AWS does not convert numbers and booleans.
    let is_scalar = matches!(parameters.get("Payload"), Some(Value::Number(_) | Value::Bool(_)));
    (service == "lambda" && action == "invoke" && is_scalar)
        .then(|| "The value for the field 'Payload' must be a STRING".to_owned())
}

/// A field whose name still ends in `.$` after evaluation, because it was written with `.$` twice.
fn unresolved(value: &Value) -> Option<&str> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .find_map(|(name, value)| if name.ends_with(".$") { Some(name.as_str()) } else { unresolved(value) }),
        Value::Array(items) => items.iter().find_map(unresolved),
        _ => None,
    }
}
