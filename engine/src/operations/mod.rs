//! The operations of AWS Step Functions, as in the API reference. Each checks the request, does one thing and answers.

mod activities;
mod aliases;
#[cfg(test)]
mod cost;
mod definitions;
mod executions;
mod history;
mod map_runs;
mod redrive;
mod settings;
mod start;
mod state_machines;
mod sync;
mod tags;
mod task_answers;
mod test_state;
mod versions;

use std::borrow::Cow;

use rusqlite::Connection;
pub(crate) use start::{StartRequest, admit};

use crate::{
    Options,
    arn::Arn,
    engine::Engine,
    protocol::{Body, Fault, Fields},
    store::{
        Stop,
        executions::Execution,
        state_machines::{self as machines, StateMachine},
    },
};

/// The longest request, in bytes: a definition of 1 MiB whose every character is escaped has room.
const MAX_REQUEST: usize = 8 << 20;

/// Carries out one operation.
pub(crate) async fn answer(engine: &Engine, operation: &str, body: &[u8]) -> Result<Body, Fault> {
    if body.len() > MAX_REQUEST {
        return Err(Fault::Serialization(format!("The request is longer than {MAX_REQUEST} bytes")));
    }
    let mut fields = Fields::parse(body)?;
    let fields = &mut fields;
    match operation {
        // The four operations of a callback cycle come first.
        "StartExecution" => start::start_execution(engine, fields).await,
        "GetActivityTask" => activities::get_activity_task(engine, fields).await,
        "SendTaskSuccess" => task_answers::send_task_success(engine, fields).await,
        "DescribeExecution" => executions::describe_execution(engine, fields).await,

        "SendTaskFailure" => task_answers::send_task_failure(engine, fields).await,
        "SendTaskHeartbeat" => task_answers::send_task_heartbeat(engine, fields).await,
        "ListExecutions" => executions::list_executions(engine, fields).await,
        "StopExecution" => executions::stop_execution(engine, fields).await,
        "GetExecutionHistory" => history::get_execution_history(engine, fields).await,
        "RedriveExecution" => redrive::redrive_execution(engine, fields).await,
        "DescribeStateMachineForExecution" => state_machines::describe_for_execution(engine, fields).await,
        "StartSyncExecution" => sync::start_sync_execution(engine, fields).await,

        "ListMapRuns" => map_runs::list(engine, fields).await,
        "DescribeMapRun" => map_runs::describe(engine, fields).await,
        "UpdateMapRun" => map_runs::update(engine, fields).await,

        "CreateStateMachine" => state_machines::create_state_machine(engine, fields).await,
        "UpdateStateMachine" => state_machines::update_state_machine(engine, fields).await,
        "DescribeStateMachine" => state_machines::describe_state_machine(engine, fields).await,
        "ListStateMachines" => state_machines::list_state_machines(engine, fields).await,
        "DeleteStateMachine" => state_machines::delete_state_machine(engine, fields).await,
        "TestState" => test_state::test_state(engine, fields).await,
        "ValidateStateMachineDefinition" => definitions::validate(engine, fields).await,

        "CreateActivity" => activities::create_activity(engine, fields).await,
        "DescribeActivity" => activities::describe_activity(engine, fields).await,
        "ListActivities" => activities::list_activities(engine, fields).await,
        "DeleteActivity" => activities::delete_activity(engine, fields).await,

        "TagResource" => tags::tag_resource(engine, fields).await,
        "UntagResource" => tags::untag_resource(engine, fields).await,
        "ListTagsForResource" => tags::list_tags(engine, fields).await,

        "PublishStateMachineVersion" => versions::publish(engine, fields).await,
        "ListStateMachineVersions" => versions::list(engine, fields).await,
        "DeleteStateMachineVersion" => versions::delete(engine, fields).await,
        "CreateStateMachineAlias" => aliases::create(engine, fields).await,
        "DescribeStateMachineAlias" => aliases::describe(engine, fields).await,
        "UpdateStateMachineAlias" => aliases::update(engine, fields).await,
        "ListStateMachineAliases" => aliases::list(engine, fields).await,
        "DeleteStateMachineAlias" => aliases::delete(engine, fields).await,
        _ => Err(Fault::UnknownOperation(operation.to_owned())),
    }
}

/// A name as AWS allows it for state machines, executions and activities.
fn check_name(name: &str) -> Result<(), Fault> {
    let forbidden = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(letter)
            || matches!(letter, '\u{fffe}' | '\u{ffff}' | '\u{10ffff}')
    };
    if name.is_empty() || name.chars().any(forbidden) { Err(Fault::InvalidName(name.to_owned())) } else { Ok(()) }
}

/// The state machine that an unqualified ARN names.
fn find_machine(connection: &Connection, options: &Options, arn: &str) -> Result<StateMachine, Stop> {
    let missing = || Fault::StateMachineDoesNotExist(arn.to_owned());
    match Arn::parse(arn, options)? {
        Arn::StateMachine { name } => Ok(machines::by_name(connection, name)?.ok_or_else(missing)?),
        Arn::Elsewhere => Err(missing().into()),
        other => Err(other.wrong_type().into()),
    }
}

/// The execution that an ARN names, and the name of its state machine.
fn find_execution(connection: &Connection, options: &Options, arn: &str) -> Result<(Execution, String), Stop> {
    let missing = || Fault::ExecutionDoesNotExist(arn.to_owned());
    let (machine, name) = match Arn::parse(arn, options)? {
        Arn::Execution { machine, name } => match machine.split_once('/') {
            None => (machine, Cow::Borrowed(name)),
            // The ARN of a map run's child also has the run's label.
            Some((machine, label)) => (machine, Cow::Owned(Execution::child_name(label, name))),
        },
        Arn::Elsewhere => return Err(missing().into()),
        other => return Err(other.wrong_type().into()),
    };
    let found = machines::by_name(connection, machine)?.ok_or_else(missing)?;
    let execution = crate::store::executions::by_name(connection, found.id, &name)?.ok_or_else(missing)?;
    Ok((execution, found.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_as_aws_does() {
        for good in ["a", "loan-processing", "A.b_c-9", "ä", "+=@!()'"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "a b", "a:b", "a/b", "<a>", "a\u{7}", "a*", "\"", "$"] {
            assert_eq!(check_name(bad), Err(Fault::InvalidName(bad.to_owned())), "{bad}");
        }
    }
}
