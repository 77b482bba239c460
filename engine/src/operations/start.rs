//! StartExecution, and what it shares with the other ways to start an execution.

use serde::Serialize;
use uuid::Uuid;

use super::{check_name, versions};
use crate::{
    Options, activation,
    arn::Arn,
    clock::{epoch_seconds, millis},
    engine::Engine,
    interpreter::{Event, Payload},
    protocol::{ARN, Body, DATA, Fault, Fields, NAME, Text},
    store::{
        ExecutionId, Stop, Transaction,
        executions::{self, Execution, NewExecution, Status},
        state_machines::{self as machines, StateMachine},
    },
};

/// AWS allows ASCII only, and shows it as `\p{ASCII}*`.
pub(super) const TRACE_HEADER: Text = Text::length(0..=256);

/// A request to start an execution.
#[derive(Debug, Clone)]
pub(crate) struct StartRequest {
    /// The ARN of a state machine, a version or an alias.
    pub state_machine_arn: String,
    /// Defaults to a UUID.
    pub name: Option<String>,
    pub input: String,
    pub trace_header: Option<String>,
    /// Distinguishes an EXPRESS execution from others of the same name. `None` if the state machine may be STANDARD; then a
    /// UUID is used.
    pub express_id: Option<String>,
}

impl StartRequest {
    pub fn read(fields: &mut Fields) -> Result<Self, Fault> {
        Ok(Self {
            state_machine_arn: fields.text("stateMachineArn", ARN)?,
            name: fields.optional_text("name", NAME)?,
            input: fields.optional_text("input", DATA)?.unwrap_or_else(|| "{}".to_owned()),
            trace_header: fields.optional_text("traceHeader", TRACE_HEADER)?,
            express_id: None,
        })
    }

    /// Checks what does not depend on stored data.
    pub fn check(&self, options: &Options) -> Result<(), Fault> {
        match Arn::parse(&self.state_machine_arn, options)? {
            Arn::StateMachine { .. } | Arn::Version { .. } | Arn::Alias { .. } | Arn::Elsewhere => {}
            other => return Err(other.wrong_type()),
        }
        if let Some(name) = &self.name {
            check_name(name)?;
        }
        if self.input.len() > MAX_DATA {
            return Err(Fault::InvalidExecutionInput(format!("the input is longer than {MAX_DATA} bytes")));
        }
        Payload::parse(self.input.as_str()).map_err(|error| Fault::InvalidExecutionInput(error.to_string()))?;
        Ok(())
    }
}

/// The maximum size of an input or output, in bytes of UTF-8.
pub(super) const MAX_DATA: usize = 262_144;

/// An execution whose row has been written.
pub(crate) struct Admitted {
    pub id: ExecutionId,
    pub arn: String,
    /// In milliseconds.
    pub started: i64,
    /// False if an identical request has started it before.
    fresh: bool,
}

impl Admitted {
    /// Starts it, unless it was started before.
    pub fn begin(&self, transaction: &mut Transaction<'_>) -> Result<(), Stop> {
        if self.fresh {
            let _ = activation::deliver(transaction, self.id, Event::Start)?;
        }
        Ok(())
    }
}

/// Writes the row of a new execution, or finds the one that an identical request has started.
pub(crate) fn admit(transaction: &mut Transaction<'_>, request: &StartRequest) -> Result<Admitted, Stop> {
    let connection = transaction.connection;
    let target = target(transaction, &request.state_machine_arn)?;
    let machine = &target.machine;
    let name = request.name.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let name = match (&request.express_id, machine.express) {
        (None, false) => name,
        (Some(_), false) => return Err(Fault::StateMachineTypeNotSupported.into()),
        (Some(id), true) => Execution::express_name(&name, id),
        (None, true) => Execution::express_name(&name, &Uuid::new_v4().to_string()),
    };
    if let Some(before) = executions::by_name(connection, machine.id, &name)? {
        let arn = transaction.options.arn_of(&before, &machine.name);
        let same = before.status == Status::Running
            && executions::data(connection, before.id)?.input == request.input
            && before.version == target.version
            && before.alias == target.alias;
        return if same {
            Ok(Admitted { id: before.id, arn, started: before.started, fresh: false })
        } else {
            Err(Fault::ExecutionAlreadyExists(arn).into())
        };
    }
    let started = millis(transaction.now);
    let new = NewExecution {
        state_machine: machine.id,
        revision: target.revision,
        name: &name,
        input: &request.input,
        trace_header: request.trace_header.as_deref(),
        version: target.version,
        alias: target.alias.as_deref(),
        started,
        child: None,
    };
    let id = executions::insert(connection, &new)?;
    let arn = transaction.options.row_arn(&machine.name, &name);
    Ok(Admitted { id, arn, started, fresh: true })
}

/// What an ARN refers to.
struct Target {
    machine: StateMachine,
    revision: i64,
    version: Option<i64>,
    alias: Option<String>,
}

fn target(transaction: &Transaction<'_>, arn: &str) -> Result<Target, Stop> {
    let connection = transaction.connection;
    let missing = || Fault::StateMachineDoesNotExist(arn.to_owned());
    let parsed = Arn::parse(arn, transaction.options)?;
    let name = match parsed {
        Arn::StateMachine { name } | Arn::Version { machine: name, .. } | Arn::Alias { machine: name, .. } => name,
        Arn::Elsewhere => return Err(missing().into()),
        other => return Err(other.wrong_type().into()),
    };
    let machine = machines::by_name(connection, name)?.ok_or_else(missing)?;
    if machine.deleting {
        return Err(Fault::StateMachineDeleting(arn.to_owned()).into());
    }
    let (version, alias) = match parsed {
        Arn::Version { number, .. } => (Some(number), None),
        Arn::Alias { name, .. } => {
            let number = versions::routed(connection, machine.id, name)?.ok_or_else(missing)?;
            (Some(number), Some(name.to_owned()))
        }
        _ => (None, None),
    };
    let revision = match version {
        None => machine.revision,
        Some(number) => versions::revision_of(connection, machine.id, number)?.ok_or_else(missing)?,
    };
    Ok(Target { machine, revision, version, alias })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    execution_arn: String,
    start_date: f64,
}

pub(super) async fn start_execution(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let request = StartRequest::read(fields)?;
    fields.check()?;
    request.check(&engine.options)?;
    let started = engine
        .store
        .write(move |transaction| {
            let admitted = admit(transaction, &request)?;
            admitted.begin(transaction)?;
            Ok(admitted)
        })
        .await?;
    Ok(Body::json(&Started { execution_arn: started.arn, start_date: epoch_seconds(started.started) }))
}
