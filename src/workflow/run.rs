//! What an execution did in a state: progress, attempts, errors, and what it waits for now.

use app::desk::{ExecutionStatus, FailedAttempt, PauseReason, RunningPause, StateProgress, StateRun};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::{
    history::{Event, History},
    pretty,
};
use crate::timestamp;

/// The timeout that Step Functions uses for "no limit", in seconds.
const NO_LIMIT: i64 = 99_999_999;

/// `state` is the state's definition.
pub fn run_of(name: &str, state: &Value, history: &History<'_>, status: ExecutionStatus) -> StateRun {
    let visits: Vec<usize> = history.visits().of_state(name).collect();
    let is_running = |visit: &&usize| progress(history, **visit, status) == StateProgress::Current;
    // Of several iterations of a Map state, one that is still running says more than one that has ended.
    let Some(&visit) = visits.iter().rfind(is_running).or(visits.last()) else { return StateRun::default() };
    let progress = progress(history, visit, status);
    let (entered, exited) = (history.visits().get(visit).entered, history.visits().get(visit).exited);
    let (entered, exited) = (history.at(entered), exited.map(|exited| history.at(exited)));
    let document = |event: Event<'_>, name: &str| event.details()?.get(name).map(pretty);
    let failures = failures(history, visit);
    StateRun {
        progress,
        visits: visits.len(),
        attempts: events(history, visit).filter(|event| begins_an_attempt(event.kind())).count(),
        failures,
        entered_at: Some(entered.at()),
        exited_at: exited.map(Event::at),
        input: document(entered, "input"),
        output: exited.and_then(|exited| document(exited, "output")),
        pause: (progress == StateProgress::Current).then(|| pause(state, history, visit)).flatten(),
    }
}

fn events<'a>(history: &'a History<'a>, visit: usize) -> impl Iterator<Item = Event<'a>> {
    history.visits().events(visit).map(|at| history.at(at))
}

fn progress(history: &History<'_>, visit: usize, status: ExecutionStatus) -> StateProgress {
    if let Some(exited) = history.visits().get(visit).exited {
        return if history.at(exited).was_caught() { StateProgress::Caught } else { StateProgress::Done };
    }
    let is_aborted = events(history, visit).last().is_some_and(|event| event.kind().ends_with("Aborted"));
    if is_aborted || history.visits().is_cut_off(visit) {
        return StateProgress::Aborted;
    }
    match status {
        ExecutionStatus::Running => StateProgress::Current,
        ExecutionStatus::Succeeded => StateProgress::Done,
        ExecutionStatus::Aborted => StateProgress::Aborted,
        ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::PendingRedrive => StateProgress::Failed,
    }
}

/// Each attempt of a Task is scheduled anew, and each attempt of a Parallel or Map state starts anew.
fn begins_an_attempt(kind: &str) -> bool {
    kind.ends_with("Scheduled") || matches!(kind, "ParallelStateStarted" | "MapStateStarted")
}

/// The failures of attempts. An error that ends the execution without one, as in a Fail state, is the failure of the
/// only attempt.
fn failures(history: &History<'_>, visit: usize) -> Vec<FailedAttempt> {
    let read = |event: Event<'_>| Some(FailedAttempt { at: event.at(), failure: event.failure()? });
    let of_attempts: Vec<_> =
        events(history, visit).filter(|event| ends_an_attempt(event.kind())).filter_map(read).collect();
    if !of_attempts.is_empty() {
        return of_attempts;
    }
    events(history, visit).filter(|event| event.kind() == "ExecutionFailed").filter_map(read).collect()
}

/// Whether an event of this type is the failure of a whole attempt, and not of a part of it or of the execution.
fn ends_an_attempt(kind: &str) -> bool {
    let is_whole = ["Execution", "MapIteration", "MapRun"].iter().all(|part| !kind.starts_with(part));
    is_whole && (kind.ends_with("Failed") || kind.ends_with("TimedOut"))
}

/// What a running state waits for. `None` if it waits for states inside it.
fn pause(state: &Value, history: &History<'_>, visit: usize) -> Option<RunningPause> {
    let last = events(history, visit).last()?;
    let kind = last.kind();
    if kind == "WaitStateEntered" {
        let input = last.details().map_or(&Value::Null, |details| &details["input"]);
        return Some(RunningPause {
            reason: PauseReason::Time,
            since: last.at(),
            deadline: wait_ends(state, input, last.at()),
        });
    }
    if ends_an_attempt(kind) {
        return Some(RunningPause { reason: PauseReason::Retry, since: last.at(), deadline: None });
    }
    if !["Scheduled", "Started", "Submitted"].iter().any(|end| kind.ends_with(end)) {
        return None;
    }
    let scheduled = events(history, visit).filter(|event| event.kind().ends_with("Scheduled")).last()?;
    let detail = |name: &str| scheduled.details().map_or(&Value::Null, |details| &details[name]);
    let waits_for_token = detail("resource").as_str().is_some_and(|resource| resource.ends_with(".waitForTaskToken"));
    let timeout = detail("timeoutInSeconds").as_i64().filter(|seconds| *seconds < NO_LIMIT);
    Some(RunningPause {
        reason: if waits_for_token { PauseReason::Answer } else { PauseReason::Work },
        since: scheduled.at(),
        deadline: timeout.and_then(|seconds| scheduled.at().checked_add(Duration::seconds(seconds))),
    })
}

/// When a Wait state that was entered at `entered` ends. Paths are read if they only name members; JSONata is not
/// evaluated.
fn wait_ends(state: &Value, input: &Value, entered: OffsetDateTime) -> Option<OffsetDateTime> {
    let at_path = |name: &str| {
        let path = state[name].as_str()?.strip_prefix("$.")?;
        path.split('.').try_fold(input, |value, member| value.get(member))
    };
    let seconds = state["Seconds"].as_f64().or_else(|| at_path("SecondsPath")?.as_f64());
    let until = state["Timestamp"].as_str().or_else(|| at_path("TimestampPath")?.as_str());
    match (seconds, until) {
        (Some(seconds), _) => entered.checked_add(Duration::checked_seconds_f64(seconds)?),
        (None, Some(until)) => timestamp::read(until),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use app::desk::Failure;
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn run(state: &Value, events: &[Value], status: ExecutionStatus) -> StateRun {
        run_of("Ask", state, &History::new(events), status)
    }

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    /// A task that failed twice and waits for a token, with a timeout of one minute.
    fn retried() -> Vec<Value> {
        let scheduled = |id: i64, seconds: i64| {
            json!({"id": id, "previousEventId": id - 1, "type": "TaskScheduled", "timestamp": seconds,
                   "taskScheduledEventDetails": {"resource": "invoke.waitForTaskToken", "timeoutInSeconds": 60}})
        };
        let failed = |id: i64, seconds: i64, error: &str| {
            json!({"id": id, "previousEventId": id - 1, "type": "TaskFailed", "timestamp": seconds,
                   "taskFailedEventDetails": {"error": error, "cause": "busy"}})
        };
        vec![
            json!({"id": 1, "previousEventId": 0, "type": "TaskStateEntered", "timestamp": 10,
                   "stateEnteredEventDetails": {"name": "Ask"}}),
            scheduled(2, 10),
            failed(3, 11, "First"),
            scheduled(4, 12),
            failed(5, 13, "Second"),
            scheduled(6, 15),
            json!({"id": 7, "previousEventId": 6, "type": "TaskSubmitted", "timestamp": 16}),
        ]
    }

    #[test]
    fn every_attempt_of_a_retried_state_is_counted_and_its_error_listed() {
        let run = run(&json!({"Type": "Task"}), &retried(), ExecutionStatus::Running);
        assert_eq!((run.progress, run.visits, run.attempts), (StateProgress::Current, 1, 3));
        let errors: Vec<_> = run.failures.iter().map(|failed| (failed.at, failed.failure.error.as_deref())).collect();
        assert_eq!(errors, [(at(11), Some("First")), (at(13), Some("Second"))]);
        let answer = RunningPause { reason: PauseReason::Answer, since: at(15), deadline: Some(at(75)) };
        assert_eq!(run.pause, Some(answer));
    }

    #[test]
    fn between_two_attempts_a_state_waits_for_its_next_one() {
        let run = run(&json!({"Type": "Task"}), &retried()[..5], ExecutionStatus::Running);
        assert_eq!(run.attempts, 2);
        assert_eq!(run.pause, Some(RunningPause { reason: PauseReason::Retry, since: at(13), deadline: None }));
    }

    #[test]
    fn an_ended_execution_waits_for_nothing() {
        for (status, progress) in [
            (ExecutionStatus::Aborted, StateProgress::Aborted),
            (ExecutionStatus::TimedOut, StateProgress::Failed),
            (ExecutionStatus::Failed, StateProgress::Failed),
        ] {
            let run = run(&json!({"Type": "Task"}), &retried(), status);
            assert_eq!((run.progress, run.pause), (progress, None));
        }
    }

    #[test]
    fn a_task_without_a_limit_has_no_deadline() {
        let mut events = retried();
        events[5]["taskScheduledEventDetails"] = json!({"resource": "invoke", "timeoutInSeconds": NO_LIMIT});
        let pause = run(&json!({"Type": "Task"}), &events, ExecutionStatus::Running).pause.unwrap();
        assert_eq!((pause.reason, pause.deadline), (PauseReason::Work, None));
    }

    #[test]
    fn a_wait_state_ends_at_the_time_of_its_definition_or_its_input() {
        let entered = |input: Value| {
            vec![json!({"id": 1, "previousEventId": 0, "type": "WaitStateEntered", "timestamp": 100,
                        "stateEnteredEventDetails": {"name": "Ask", "input": input}})]
        };
        let noon = "2026-11-25T12:00:00Z";
        for (state, input, deadline) in [
            (json!({"Seconds": 20}), json!({}), Some(at(120))),
            (json!({"SecondsPath": "$.a.b"}), json!({"a": {"b": 5}}), Some(at(105))),
            (json!({"Timestamp": noon}), json!({}), Some(datetime!(2026-11-25 12:00 UTC))),
            (json!({"TimestampPath": "$.until"}), json!({"until": noon}), Some(datetime!(2026-11-25 12:00 UTC))),
            (json!({"Seconds": "{% $states.input.n %}"}), json!({}), None),
            (json!({"SecondsPath": "$.missing"}), json!({}), None),
        ] {
            let pause = run(&state, &entered(input), ExecutionStatus::Running).pause.unwrap();
            assert_eq!((pause.reason, pause.deadline), (PauseReason::Time, deadline), "{state}");
        }
    }

    #[test]
    fn the_error_of_a_fail_state_is_that_of_the_execution() {
        let events = [
            json!({"id": 1, "previousEventId": 0, "type": "FailStateEntered", "timestamp": 1,
                   "stateEnteredEventDetails": {"name": "Ask"}}),
            json!({"id": 2, "previousEventId": 1, "type": "ExecutionFailed", "timestamp": 2,
                   "executionFailedEventDetails": {"error": "Wrong", "cause": "why"}}),
        ];
        let run = run(&json!({"Type": "Fail"}), &events, ExecutionStatus::Failed);
        let failure = Failure { error: Some("Wrong".into()), cause: Some("why".into()) };
        assert_eq!(run.failures, [FailedAttempt { at: at(2), failure }]);
        assert_eq!(run.progress, StateProgress::Failed);
    }
}
