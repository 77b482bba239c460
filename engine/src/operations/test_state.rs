//! TestState: one state, run once outside of any execution.
//!
//! The state is put into a definition of its own, where every state it may lead to only waits: where that one is
//! entered, the test is over.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::start::MAX_DATA;
use crate::{
    Options,
    definition::Definition,
    engine::Engine,
    history::EventKind,
    interpreter::{Command, Event, ExecutionFacts, ExecutionState, Outcome, Payload, Step, TaskId, Work, advance},
    protocol::{ARN, Body, DATA, DEFINITION, Fault, Fields, NAME},
    tasks,
};

/// What the stand-ins of following states are called: no name of a state begins with a control character.
const NEXT: &str = "\u{1}next ";
const CAUGHT: &str = "\u{1}caught ";
/// The stand-in that sets the given variables.
const BEFORE: &str = "\u{1}before";

pub(super) async fn test_state(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let definition = fields.text("definition", DEFINITION)?;
    let role_arn = fields.optional_text("roleArn", ARN)?;
    let input = fields.optional_text("input", DATA)?.unwrap_or_else(|| "{}".to_owned());
    let level = fields.optional_word("inspectionLevel", &["INFO", "DEBUG", "TRACE"])?.unwrap_or("INFO");
    fields.optional_bool("revealSecrets")?;
    let variables = fields.optional_text("variables", DATA)?;
    let state_name = fields.optional_text("stateName", NAME)?;
    let mock = fields.optional_object("mock")?.map(Mock::read).transpose()?;
    for unsupported in ["context", "stateConfiguration"] {
        if fields.has(unsupported) {
            return Err(Fault::Validation(format!("'{unsupported}' is not supported here")));
        }
    }
    fields.check()?;
    if input.len() > MAX_DATA {
        return Err(Fault::InvalidExecutionInput(format!("the input is longer than {MAX_DATA} bytes")));
    }
    let input = Payload::parse(input).map_err(|error| Fault::InvalidExecutionInput(error.to_string()))?;
    let (name, definition) = alone(&definition, state_name.as_deref(), variables.as_deref(), mock.is_some())?;
    let now = engine.clock.now();
    let facts = Facts::new(&engine.options, role_arn, input, now);
    let mut test = Test { name, facts, state: ExecutionState::new(), seen: Step::default() };
    test.take(&definition, Event::Start, now);
    while let Some(event) = test.next_event(engine, mock.as_ref()).await? {
        test.take(&definition, event, engine.clock.now());
    }
    Ok(Body::json(&test.answer(level)))
}

/// What stands in for the call of a task.
enum Mock {
    Result(Payload),
    Failure { error: Option<String>, cause: Option<String> },
}

impl Mock {
    fn read(mut given: Map<String, Value>) -> Result<Self, Fault> {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        match (given.remove("result"), given.remove("errorOutput")) {
            (Some(Value::String(result)), None | Some(Value::Null)) => Payload::parse(result)
                .map(Mock::Result)
                .map_err(|error| Fault::Validation(format!("The mock's result is not JSON: {error}"))),
            (None | Some(Value::Null), Some(Value::Object(failure))) => {
                Ok(Mock::Failure { error: text(failure.get("error")), cause: text(failure.get("cause")) })
            }
            _ => Err(Fault::Validation("A mock must have either a result or an errorOutput".into())),
        }
    }
}

/// The state to test in a definition of its own, and its name.
fn alone(
    text: &str,
    state_name: Option<&str>,
    variables: Option<&str>,
    mocked: bool,
) -> Result<(String, Definition), Fault> {
    let invalid = |what: &str| Fault::InvalidDefinition(format!("SCHEMA_VALIDATION_FAILED: {what}"));
    let mut given: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| Fault::InvalidDefinition(format!("INVALID_JSON_DESCRIPTION: {error}")))?;
    let mut whole = Map::new();
    let name = state_name.unwrap_or("TestState").to_owned();
    let mut state = match given.remove("States") {
        Some(Value::Object(mut states)) => {
            if let Some(language) = given.remove("QueryLanguage") {
                whole.insert("QueryLanguage".into(), language);
            }
            let state = state_name.and_then(|name| states.remove(name));
            state.ok_or_else(|| Fault::Validation("stateName must name one of the definition's states".into()))?
        }
        Some(_) => return Err(invalid("States must be an object")),
        None => Value::Object(given),
    };
    let kind = state["Type"].as_str().unwrap_or_default().to_owned();
    if matches!(&*kind, "Map" | "Parallel") {
        return Err(Fault::Validation(format!("A {kind} state can't be tested here")));
    }
    let resource = state["Resource"].as_str().unwrap_or_default();
    let calls_back =
        resource.contains(".waitForTaskToken") || resource.contains(".sync") || resource.contains(":activity:");
    if calls_back && !mocked {
        return Err(Fault::Validation(format!("A state with the resource {resource} can only be tested with a mock")));
    }
    let mut states = Map::new();
    for (follower, place) in followers(&mut state) {
        let standing_in = format!("{place}{follower}");
        states.insert(standing_in, json!({"Type": "Pass", "End": true}));
    }
    states.insert(name.clone(), state);
    let start = match variables {
        None => name.clone(),
        Some(variables) => {
            let variables: Value = serde_json::from_str(variables)
                .map_err(|error| Fault::Validation(format!("The variables are not JSON: {error}")))?;
            let before = json!({"Type": "Pass", "QueryLanguage": "JSONata", "Assign": variables, "Next": name});
            states.insert(BEFORE.into(), before);
            BEFORE.to_owned()
        }
    };
    whole.insert("StartAt".into(), start.into());
    whole.insert("States".into(), states.into());
    let definition = Definition::parse(&Value::Object(whole).to_string())
        .map_err(|problems| Fault::InvalidDefinition(problems.to_string()))?;
    Ok((name, definition))
}

/// The names of the states that may follow, each replaced by that of its stand-in.
fn followers(state: &mut Value) -> Vec<(String, &'static str)> {
    fn replace(value: Option<&mut Value>, place: &'static str, found: &mut Vec<(String, &'static str)>) {
        if let Some(Value::String(name)) = value {
            found.push((name.clone(), place));
            *name = format!("{place}{name}");
        }
    }
    let mut found = Vec::new();
    replace(state.get_mut("Next"), NEXT, &mut found);
    replace(state.get_mut("Default"), NEXT, &mut found);
    for (list, place) in [("Choices", NEXT), ("Catch", CAUGHT)] {
        for item in state.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            replace(item.get_mut("Next"), place, &mut found);
        }
    }
    found
}

struct Facts {
    machine_arn: String,
    arn: String,
    name: String,
    role_arn: String,
    input: Payload,
    started: OffsetDateTime,
}

impl Facts {
    fn new(options: &Options, role_arn: Option<String>, input: Payload, started: OffsetDateTime) -> Self {
        let name = Uuid::new_v4().to_string();
        let role_arn = role_arn.unwrap_or_else(|| format!("arn:aws:iam::{}:role/TestState", options.account_id));
        let (machine_arn, arn) = (options.state_machine_arn("TestState"), options.execution_arn("TestState", &name));
        Self { machine_arn, arn, name, role_arn, input, started }
    }

    fn advance(&self, definition: &Definition, state: &mut ExecutionState, event: Event, now: OffsetDateTime) -> Step {
        let token = |task: TaskId| format!("TestState-{}", task.0);
        let facts = ExecutionFacts {
            execution_arn: &self.arn,
            execution_name: &self.name,
            machine: definition.root(),
            state_machine_arn: &self.machine_arn,
            state_machine_name: "TestState",
            state_machine_version_arn: None,
            state_machine_alias_arn: None,
            role_arn: &self.role_arn,
            started: self.started,
            input: &self.input,
            redrive_count: 0,
            redriven: None,
            seed: u64::from_be_bytes(std::array::from_fn(|at| Uuid::new_v4().as_bytes()[at % 4])),
            token: &token,
            is_late: &|| false,
        };
        // Only events that the commands before have asked for are given: none is late.
        advance(definition, &facts, state, event, now).unwrap_or_default()
    }
}

/// A test under way: what it has seen, and what it waits for.
struct Test {
    name: String,
    facts: Facts,
    state: ExecutionState,
    seen: Step,
}

impl Test {
    fn take(&mut self, definition: &Definition, event: Event, now: OffsetDateTime) {
        let step = self.facts.advance(definition, &mut self.state, event, now);
        self.seen.events.extend(step.events);
        // The commands of steps before have been done.
        self.seen.commands = step.commands;
    }

    /// What comes next: a task's answer, or the end of a wait, which is not waited for. None when the test is over.
    async fn next_event(&self, engine: &Engine, mock: Option<&Mock>) -> Result<Option<Event>, Fault> {
        if self.failed_event().is_some() {
            return Ok(None);
        }
        for command in &self.seen.commands {
            match command {
                Command::Perform { task, work } => return Ok(Some(self.call(engine, *task, work, mock).await)),
                Command::Finish(_) => return Ok(None),
                _ => {}
            }
        }
        Ok(self.seen.commands.iter().find_map(|command| match command {
            Command::SetTimer { timer, .. } => Some(Event::TimerFired { timer: *timer }),
            _ => None,
        }))
    }

    async fn call(&self, engine: &Engine, task: TaskId, work: &Work, mock: Option<&Mock>) -> Event {
        match mock {
            Some(Mock::Result(output)) => Event::TaskSucceeded { task, output: output.clone() },
            Some(Mock::Failure { error, cause }) => {
                Event::TaskFailed { task, error: error.clone(), cause: cause.clone() }
            }
            None => match tasks::call_once(engine, work.clone()).await {
                Ok(output) => Event::TaskSucceeded { task, output },
                Err((error, cause)) => Event::TaskFailed { task, error: Some(error), cause: Some(cause) },
            },
        }
    }

    /// The failure of the state's task, when that is the last thing that happened: a Retrier waits to run it again.
    fn failed_event(&self) -> Option<(Option<String>, Option<String>)> {
        use EventKind as K;
        let failure = match &self.seen.events.last()?.kind {
            K::TaskFailed(details) | K::TaskTimedOut(details) => &details.failure,
            K::LambdaFunctionFailed(failure)
            | K::LambdaFunctionTimedOut(failure)
            | K::ActivityFailed(failure)
            | K::ActivityTimedOut(failure) => failure,
            _ => return None,
        };
        Some((failure.error.clone(), failure.cause.clone()))
    }

    fn answer(&self, level: &str) -> Value {
        let mut answer = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                answer.insert(name.to_owned(), value);
            }
        };
        let follower = self.seen.events.iter().find_map(|event| match &event.kind {
            EventKind::StateEntered(_, entered) => follower(&entered.name),
            _ => None,
        });
        let output = self.seen.events.iter().find_map(|event| match &event.kind {
            EventKind::StateExited(_, exited) if exited.name == self.name => Some(exited.output.text().to_owned()),
            _ => None,
        });
        let failed = self.seen.commands.iter().find_map(|command| match command {
            Command::Finish(Outcome::Failed { error, cause }) => Some((error.clone(), cause.clone())),
            _ => None,
        });
        let status = match (&failed, &follower) {
            (Some(_), _) => "FAILED",
            (None, _) if self.failed_event().is_some() => "RETRIABLE",
            (None, Some((CAUGHT, _))) => "CAUGHT_ERROR",
            (None, _) => "SUCCEEDED",
        };
        let failure = failed.or_else(|| self.failed_event());
        if let Some((error, cause)) = failure {
            put("error", error.map(Value::from));
            put("cause", cause.map(Value::from));
        }
        put("output", output.map(Value::from));
        put("nextState", follower.map(|(_, name)| name.into()));
        if level != "INFO" {
            put("inspectionData", Some(self.inspection()));
        }
        put("status", Some(status.into()));
        Value::Object(answer)
    }

    /// What the history tells of how the data went: what came in, what the call was given, and what it gave.
    fn inspection(&self) -> Value {
        use EventKind as K;
        let mut seen = json!({"input": self.facts.input.text()});
        for event in &self.seen.events {
            match &event.kind {
                K::TaskScheduled(task) => seen["afterParameters"] = task.parameters.text().into(),
                K::LambdaFunctionScheduled(task) => seen["afterParameters"] = task.input.text().into(),
                K::TaskSucceeded(task) => seen["result"] = task.output.output.text().into(),
                K::LambdaFunctionSucceeded(output) => seen["result"] = output.output.text().into(),
                _ => {}
            }
        }
        seen
    }
}

/// The state that a stand-in stands for, and how it was reached.
fn follower(name: &str) -> Option<(&'static str, String)> {
    [NEXT, CAUGHT].into_iter().find_map(|place| Some((place, name.strip_prefix(place)?.to_owned())))
}
