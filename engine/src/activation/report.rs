//! What a `.sync` task learns about the execution that it waited for.

use serde_json::{Map, Value, json};

use crate::{
    Options,
    execution::Loaded,
    interpreter::{Event, Payload},
    store::{
        calls::Waiting,
        executions::{End, Status},
    },
};

/// The event for a task that waits for this execution.
pub(super) fn of_end(options: &Options, loaded: &Loaded, end: &End<'_>, waiting: &Waiting) -> Event {
    let task = waiting.task;
    let description = describe(options, loaded, end, waiting.second_form);
    if end.status == Status::Succeeded {
        return Event::TaskSucceeded { task, output: description };
    }
    let (error, cause) = ("States.TaskFailed".to_owned(), description.text().to_owned());
    Event::TaskFailed { task, error: Some(error), cause: Some(cause) }
}

/// Describes the execution as AWS does. Input and output are strings for `.sync`, and JSON for `.sync:2`.
fn describe(options: &Options, loaded: &Loaded, end: &End<'_>, second_form: bool) -> Payload {
    let Loaded { execution, input, runnable, .. } = loaded;
    let machine = &runnable.state_machine_name;
    let document =
        |text: &str| -> Value { if second_form { Payload::from_text(text).into_value() } else { text.into() } };
    let mut all = Map::new();
    if let Some(cause) = end.cause {
        all.insert("Cause".into(), cause.into());
    }
    if let Some(error) = end.error {
        all.insert("Error".into(), error.into());
    }
    all.insert("ExecutionArn".into(), options.arn_of(execution, machine).into());
    all.insert("Input".into(), document(input.text()));
    all.insert("InputDetails".into(), json!({"Included": true}));
    all.insert("Name".into(), execution.shown_name().into());
    if let Some(output) = end.output {
        all.insert("Output".into(), document(output));
        all.insert("OutputDetails".into(), json!({"Included": true}));
    }
    all.insert("StartDate".into(), execution.started.into());
    all.insert("StateMachineArn".into(), options.state_machine_arn(machine).into());
    all.insert("Status".into(), end.status.word().into());
    all.insert("StopDate".into(), end.stopped.into());
    Payload::from(Value::Object(all))
}
