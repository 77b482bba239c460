//! Failures: retrying, catching, and failing the enclosing states.

use serde_json::{Map, Value, json};

use super::{
    Outcome, Payload,
    advance::Interpreter,
    items::NOT_AN_ARRAY,
    state::{BranchId, Phase},
};
use crate::{
    definition::{Body, Catcher, QueryLanguage, State, Transition, matches_error},
    history::{self, EvaluationFailed, EventKind},
    query::{MAX_DEPTH, QueryError},
    splitmix,
};

/// AWS's limit on a state's input, output and result, in bytes of UTF-8.
pub(super) const MAX_PAYLOAD: usize = 262_144;

/// The error of failures that no service or function reports, such as a path without a match.
pub(super) const RUNTIME: &str = "States.Runtime";

/// Why a state failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub error: Option<String>,
    pub cause: Option<String>,
    /// Whether a heartbeat timed out. The history reports States.Timeout, but ErrorEquals can also match
    /// States.HeartbeatTimeout.
    pub by_heartbeat: bool,
}

impl Failure {
    pub fn new(error: &str, cause: impl Into<String>) -> Self {
        Self { error: Some(error.to_owned()), cause: Some(cause.into()), by_heartbeat: false }
    }

    /// AWS's error for a result that is too large. `what` is the name of a state or the resource of a task.
    pub fn too_large(what: &str) -> Self {
        let cause = format!(
            "The state/task '{what}' returned a result with a size exceeding the maximum number of bytes service limit."
        );
        Self::new("States.DataLimitExceeded", cause)
    }

    /// A result that is nested too deeply to be stored. `what` is the resource of a task. AWS documents no such limit,
    /// so the text is not AWS's.
    pub fn too_deep(what: &str) -> Self {
        let cause = format!("The state/task '{what}' returned a result that is nested deeper than {MAX_DEPTH} levels.");
        Self::new("States.DataLimitExceeded", cause)
    }

    /// AWS's error for a task that timed out. It has no cause in the history and an empty one for Catch.
    pub fn timeout(by_heartbeat: bool) -> Self {
        Self { error: Some("States.Timeout".to_owned()), cause: None, by_heartbeat }
    }

    pub fn history_is_full() -> Self {
        Self::new(RUNTIME, "The execution reached the maximum number of history events (25000).")
    }

    pub fn details(&self) -> history::Failure {
        history::Failure { error: self.error.clone(), cause: self.cause.clone() }
    }

    /// Whether it fails the execution immediately. States.Runtime is neither retried nor caught, not even by a Catch
    /// that names it.
    pub fn is_fatal(&self) -> bool {
        self.error.as_deref() == Some(RUNTIME)
    }

    /// Whether an ErrorEquals list matches the error.
    fn matches(&self, errors: &[String]) -> bool {
        matches_error(errors, self.error.as_deref(), self.by_heartbeat)
    }

    /// The error output of a Catch. Error and Cause are null if SendTaskFailure did not set them, but the cause of a
    /// timeout is empty.
    fn output(&self) -> Value {
        let timed_out = self.error.as_deref() == Some("States.Timeout");
        let cause = self.cause.as_deref().or(timed_out.then_some(""));
        json!({"Error": self.error, "Cause": cause})
    }
}

impl Interpreter<'_> {
    /// Converts the failure of a query to that of the state, with the prefix that AWS adds. A JSONata failure is also
    /// recorded as an event, which follows `previous`.
    pub fn query_failed(&mut self, id: BranchId, error: QueryError, previous: i64) -> Failure {
        let state = self.current(id);
        // TestState reports an ItemsPath that does not select an array without the prefix.
        let is_bare_in_test = self.facts.probe.is_some() && error.cause.starts_with(NOT_AN_ARRAY);
        if error.error == "States.ReferencePathConflict" || is_bare_in_test {
            return Failure::new(error.error, error.cause);
        }
        let entered = self.branch(id).entered;
        let cause = format!(
            "An error occurred while executing the state '{}' (entered at the event id #{entered}). {}",
            state.name, error.cause
        );
        if error.error == "States.QueryEvaluationError" {
            let failed = EvaluationFailed {
                error: error.error.to_owned(),
                cause: cause.clone(),
                location: error.location,
                state: state.name.clone(),
            };
            let event = self.record_after(previous, EventKind::EvaluationFailed(failed));
            self.change(id, |branch| branch.previous = event);
        }
        Failure::new(error.error, cause)
    }

    /// The failure of a state that an earlier release stored and this release can't read.
    pub fn unreadable(&self, id: BranchId, reason: &str) -> Failure {
        let name = &self.branch(id).state;
        Failure::new(RUNTIME, format!("The state '{name}' cannot be read by this version of the engine: {reason}"))
    }

    /// Retries or catches a failure, or fails the branch and its parent.
    pub fn fail_state(&mut self, id: BranchId, failure: Failure) {
        let (mut id, mut failure) = (id, failure);
        self.aborted.clear();
        if failure.is_fatal() {
            self.fail_execution(self.branch(id).previous, failure);
            return;
        }
        // Recorded only if the state is not retried.
        let mut state_failed = None;
        while !self.state.over {
            if self.retry(id, &failure) {
                return;
            }
            if let Some(event) = state_failed.take() {
                self.record(id, event);
            }
            failure = match self.catch(id, failure) {
                None => return,
                Some(failure) => failure,
            };
            let branch = self.branch(id);
            let (parent, index, previous) = (branch.parent, branch.index, branch.previous);
            let Some(parent) = parent else {
                self.fail_execution(previous, failure);
                return;
            };
            match &self.current(parent).body {
                Body::Map(_) => {
                    self.iteration_failed(parent, id, index);
                    state_failed = Some(EventKind::MapStateFailed);
                }
                _ => {
                    self.abort_children(parent, Some(id));
                    self.change(parent, |branch| branch.previous = previous);
                    self.record(parent, EventKind::ParallelStateFailed);
                }
            }
            id = parent;
        }
    }

    pub fn fail_execution(&mut self, previous: i64, failure: Failure) {
        self.record_end(previous, EventKind::ExecutionFailed(failure.details()));
        self.finish(Outcome::Failed { error: failure.error, cause: failure.cause });
    }

    /// Schedules another attempt at a branch's current state if one of its Retriers matches the failure.
    fn retry(&mut self, id: BranchId, failure: &Failure) -> bool {
        let (retriers, _) = self.current(id).body.handlers();
        let Some((at, retrier)) = retriers.iter().enumerate().find(|(_, retrier)| failure.matches(&retrier.errors))
        else {
            return false;
        };
        let used = self.branch(id).attempts.get(at).copied().unwrap_or(0);
        if used >= retrier.max_attempts {
            return false;
        }
        let delay = retrier.delay_milliseconds(used, self.random_fraction());
        let timer = self.set_timer_in(delay);
        self.change(id, |branch| {
            branch.attempts.resize(retriers.len(), 0);
            branch.attempts[at] += 1;
            branch.phase = Phase::BackingOff { timer };
        });
        true
    }

    /// Leaves a branch's current state through a Catcher. Returns the failure that remains if no Catcher matches.
    fn catch(&mut self, id: BranchId, failure: Failure) -> Option<Failure> {
        let state = self.current(id);
        let (_, catchers) = state.body.handlers();
        let catcher = catchers.iter().enumerate().find(|(_, catcher)| failure.matches(&catcher.errors));
        let Some((at, catcher)) = catcher else { return Some(failure) };
        match self.caught(id, state, at, catcher, &failure) {
            Ok((output, assigned)) if self.exceeds_limits(id, &output, &assigned) => {
                Some(Failure::too_large(&state.name))
            }
            Ok((output, assigned)) => {
                self.exit_state(id, output, assigned, Transition::Next(catcher.next));
                None
            }
            Err(error) => Some(self.query_failed(id, error, self.branch(id).previous)),
        }
    }

    /// Computes the output and the variables of a Catcher.
    fn caught(
        &self,
        id: BranchId,
        state: &State,
        at: usize,
        catcher: &Catcher,
        failure: &Failure,
    ) -> Result<(Payload, Map<String, Value>), QueryError> {
        let view = self.view(id, state, None);
        let input = self.input(id);
        let error = failure.output();
        let assigned = |scope| match &catcher.assign {
            None => Ok(Map::new()),
            Some(assign) => assign.evaluate(&scope, &format!("Catch[{at}]/Assign")).map(into_object),
        };
        match state.language {
            QueryLanguage::JsonPath => {
                let assigned = assigned(view.scope(&error))?;
                let output = catcher.result_path.apply(&input, Payload::from(error.clone()))?;
                Ok((output, assigned))
            }
            QueryLanguage::Jsonata => {
                let scope = crate::query::Scope { error_output: Some(&error), ..view.scope(input.value()) };
                let assigned = assigned(scope)?;
                let output = match &catcher.output {
                    None => error.clone(),
                    Some(output) => output.evaluate(&scope, &format!("Catch[{at}]/Output"))?,
                };
                Ok((Payload::from(output), assigned))
            }
        }
    }

    /// A number in [0, 1) for the jitter of a retry.
    fn random_fraction(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
        let fraction = (self.random(self.state.next_timer) >> 11) as f64 / (1_u64 << 53) as f64;
        fraction
    }

    /// A pseudo-random number that is the same whenever this step is repeated. Each use has its own `nonce`.
    pub fn random(&self, nonce: i64) -> u64 {
        splitmix::nth(self.facts.seed, nonce.cast_unsigned())
    }
}

/// Converts evaluated variables to an object. Assign is always an object in a valid definition.
pub(super) fn into_object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
