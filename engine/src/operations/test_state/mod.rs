//! TestState: runs a single state outside of any execution.
//!
//! The state is placed into a definition of its own, in which a placeholder replaces every state that may follow. The
//! test ends when a placeholder is entered.

mod answers;
mod context;
mod inspection;
mod items;
mod mock;
mod stage;

use std::{cell::RefCell, sync::Arc, time::Duration};

use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use self::{
    inspection::{Failure, Inspection},
    mock::Mock,
    stage::{Staged, Target, Via, follower},
};
use super::start::MAX_DATA;
use crate::{
    Options,
    definition::{Definition, State},
    engine::Engine,
    history::EventKind,
    interpreter::{
        Children, Command, Event, ExecutionFacts, ExecutionState, MapRunOutcome, Nonce, NothingStored, Outcome,
        Payload, Probe, Step, TaskId, Work, advance, child_input,
    },
    protocol::{ARN, Body, DATA, DEFINITION, Fault, Fields, NAME},
    query::Budget,
};

pub(super) async fn test_state(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let definition = fields.text("definition", DEFINITION)?;
    let role_arn = fields.optional_text("roleArn", ARN)?;
    let input = fields.optional_text("input", DATA)?.unwrap_or_else(|| "{}".to_owned());
    let level = fields.optional_word("inspectionLevel", &["INFO", "DEBUG", "TRACE"])?.unwrap_or("INFO");
    fields.optional_bool("revealSecrets")?;
    let variables = fields.optional_text("variables", DATA)?;
    let state_name = fields.optional_text("stateName", NAME)?;
    let mock = fields.optional_object("mock")?.map(Mock::read).transpose()?;
    let context = fields.optional_text("context", DATA)?;
    let configuration = fields.optional_object("stateConfiguration")?.map(Configuration::read).transpose()?;
    fields.check()?;
    if mock.is_none() && (context.is_some() || configuration.is_some()) {
        return Err(Fault::Validation("context and stateConfiguration can only be given along with a mock".into()));
    }
    if input.len() > MAX_DATA {
        return Err(Fault::InvalidExecutionInput(format!("the input is longer than {MAX_DATA} bytes")));
    }
    let input = Payload::parse(input).map_err(|error| Fault::InvalidExecutionInput(error.to_string()))?;
    let context = context.as_deref().map(context::read).transpose()?;
    let target = Target {
        definition: &definition,
        state_name: state_name.as_deref(),
        variables: variables.as_deref(),
        mock: mock.as_ref(),
    };
    let Staged { name, kind, definition } = stage::set(engine, &target).await?;
    let now = engine.clock.now();
    let facts = Facts::new(&engine.options, role_arn, input, context, now);
    let Configuration { retried, failed_items, item_data } = configuration.unwrap_or_default();
    if item_data.is_some() && !definition.states().any(|state| state.name == name && items::are_read(state)) {
        let message = "stateConfiguration.mapItemReaderData can only be given for a Map state with an ItemReader";
        return Err(Fault::Validation(message.into()));
    }
    let inspection = RefCell::new(Inspection::new(name.clone(), kind, &facts.input, variables.as_deref()));
    let test = Test {
        name,
        definition,
        facts,
        state: ExecutionState::new(),
        seen: Step::default(),
        retried,
        retries_left: retried,
        failed_items,
        item_data,
        unreadable: None,
        inspection,
    };
    let run = async {
        let mut test = take(engine, test, Event::Start).await?;
        while let Some(event) = test.next_event(engine, mock.as_ref()).await? {
            test = take(engine, test, event).await?;
        }
        Ok(Body::json(&test.answer(level)))
    };
    let too_late = |_| Err(Fault::Validation(format!("The test takes longer than {} seconds", LONGEST.as_secs())));
    tokio::time::timeout(LONGEST, run).await.unwrap_or_else(too_late)
}

/// AWS's limit on the duration of a test.
const LONGEST: Duration = Duration::from_secs(300);

async fn take(engine: &Engine, mut test: Test, event: Event) -> Result<Test, Fault> {
    let now = engine.clock.now();
    let taken = engine.compute(move || {
        test.take(event, now);
        test
    });
    Ok(taken.await?)
}

/// The maximum number of earlier retries, each of which is simulated. AWS has no limit.
const MAX_RETRIES: i64 = 1_000;

/// The supported members of stateConfiguration.
#[derive(Default)]
struct Configuration {
    /// How many times a Retrier has already retried the state.
    retried: u32,
    /// The number of items of a Map that have failed.
    failed_items: usize,
    /// The content that replaces the object that an ItemReader reads.
    item_data: Option<String>,
}

impl Configuration {
    fn read(given: Map<String, Value>) -> Result<Self, Fault> {
        let mut fields = Fields::of(given);
        let retried = fields.optional_int("retrierRetryCount", 0..=MAX_RETRIES)?.unwrap_or(0);
        // A Map or Parallel handles an error in the same way, whichever inner state it comes from.
        fields.optional_text("errorCausedByState", NAME)?;
        let item_data = fields.optional_text("mapItemReaderData", DATA)?;
        let failed_items = fields.optional_int("mapIterationFailureCount", 0..=i64::from(i32::MAX))?.unwrap_or(0);
        fields.check()?;
        Ok(Self {
            retried: u32::try_from(retried).unwrap_or(0),
            failed_items: usize::try_from(failed_items).unwrap_or(0),
            item_data,
        })
    }
}

struct Facts {
    machine_arn: String,
    arn: String,
    name: String,
    role_arn: String,
    input: Payload,
    /// Replaces the context object, if given.
    context: Option<Map<String, Value>>,
    started: OffsetDateTime,
    seed: u64,
    /// Limits what the whole test may compute.
    budget: Arc<Budget>,
}

impl Facts {
    fn new(
        options: &Options,
        role_arn: Option<String>,
        input: Payload,
        context: Option<Map<String, Value>>,
        started: OffsetDateTime,
    ) -> Self {
        let id = Uuid::new_v4();
        let name = id.to_string();
        let role_arn = role_arn.unwrap_or_else(|| format!("arn:aws:iam::{}:role/TestState", options.account_id));
        // The ARN of an EXPRESS execution, but without the id after its name.
        let (machine_arn, arn) = (options.state_machine_arn("TestState"), options.test_arn("TestState", &name));
        let (seed, budget) = (id.as_u64_pair().0, Arc::default());
        Self { machine_arn, arn, name, role_arn, input, context, started, seed, budget }
    }

    fn with<T>(&self, definition: &Definition, probe: &Probe<'_>, run: impl FnOnce(&ExecutionFacts<'_>) -> T) -> T {
        let token = |task: TaskId| format!("TestState-{}", task.event);
        run(&ExecutionFacts {
            execution_arn: &self.arn,
            execution_name: &self.name,
            machine: definition.root(),
            timeout_seconds: None,
            state_machine_arn: &self.machine_arn,
            state_machine_name: "TestState",
            state_machine_version_arn: None,
            state_machine_alias_arn: None,
            role_arn: &self.role_arn,
            started: self.started,
            input: &self.input,
            redrive_count: 0,
            redriven: None,
            seed: self.seed,
            nonce: &|| Nonce(1),
            token: &token,
            // The mock takes the place of the workers.
            has_activity: &|_| true,
            out_of_time: &|| false,
            stored: &NothingStored,
            budget: self.budget.clone(),
            probe: Some(probe),
        })
    }
}

/// A running test: what it has seen, and what it waits for.
struct Test {
    name: String,
    definition: Definition,
    facts: Facts,
    state: ExecutionState,
    seen: Step,
    /// How many times the state has been retried before the test.
    retried: u32,
    /// How many of these retries have yet to be simulated.
    retries_left: u32,
    /// The number of items of a Map that have failed.
    failed_items: usize,
    item_data: Option<String>,
    /// Why `item_data` can't be read.
    unreadable: Option<String>,
    inspection: RefCell<Inspection>,
}

impl Test {
    fn take(&mut self, event: Event, now: OffsetDateTime) {
        let Self { definition, facts, state, inspection, item_data, unreadable, .. } = self;
        let inspect =
            |state: &State, stage: &'static str, value: &Payload| inspection.borrow_mut().note(state, stage, value);
        let probe = Probe { inspect: &inspect, context: facts.context.as_ref() };
        // Every event answers an earlier command, so none of them is late.
        let step = facts.with(definition, &probe, |facts| advance(definition, facts, state, event, now));
        let mut step = step.unwrap_or_default();
        for command in &mut step.commands {
            if let Command::StartMapRun { run, plan } = command {
                if let (Children::ToRead(reading), Some(data)) = (&plan.children, item_data.as_deref()) {
                    let children = items::read(data, reading).and_then(|items| {
                        facts.with(definition, &probe, |facts| {
                            items::children(definition, facts, state, *run, &items, now)
                        })
                    });
                    match children {
                        Ok(children) => plan.children = children,
                        Err(cause) => *unreadable = Some(cause),
                    }
                }
                let inputs = plan.children.inputs(|item| {
                    facts.with(definition, &probe, |facts| child_input(definition, facts, state, *run, item, now))
                });
                inspection.borrow_mut().map(definition, plan, inputs.ok());
            }
        }
        self.seen.events.extend(step.events);
        // The commands of earlier steps have been carried out.
        self.seen.commands = step.commands;
    }

    /// The next event: the answer of a task, or the end of a wait, which is not waited for. Returns `None` if the test
    /// is over.
    async fn next_event(&mut self, engine: &Engine, mock: Option<&Mock>) -> Result<Option<Event>, Fault> {
        let failed = self.failed_event().is_some();
        if failed && self.retries_left == 0 {
            return Ok(None);
        }
        if failed {
            self.retries_left -= 1;
        }
        for command in &self.seen.commands {
            match (command, mock) {
                (Command::Perform { task, .. }, Some(mock)) => return Ok(Some(mock.answer(*task))),
                (Command::Perform { task, work, .. }, None) => return Ok(Some(call(engine, *task, work).await)),
                (Command::StartMapRun { run, plan }, Some(mock)) => {
                    if let Some(cause) = self.unreadable.take() {
                        let outcome = MapRunOutcome::NotRead { cause };
                        return Ok(Some(Event::MapRunEnded { run: *run, outcome }));
                    }
                    return Ok(Some(mock.map_answer(*run, plan, self.failed_items)));
                }
                (Command::Finish(_), _) => return Ok(None),
                _ => {}
            }
        }
        Ok(self.seen.commands.iter().find_map(|command| match command {
            Command::SetTimer { timer, .. } => Some(Event::TimerFired { timer: *timer }),
            _ => None,
        }))
    }

    /// The failure of the state, if it is the last event and a Retrier is about to retry it.
    fn failed_event(&self) -> Option<Failure> {
        let last = self.seen.events.iter().rev().find(|event| !matches!(event.kind, EventKind::MapStateFailed))?;
        Failure::of(&last.kind)
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
        let exited = self.seen.events.iter().find_map(|event| match &event.kind {
            EventKind::StateExited(_, exited) if exited.name == self.name => Some(exited),
            _ => None,
        });
        let failed = self.seen.commands.iter().find_map(|command| match command {
            Command::Finish(Outcome::Failed { error, cause }) => {
                Some(Failure { error: error.clone(), cause: cause.clone() })
            }
            _ => None,
        });
        let retriable = self.failed_event();
        let (status, failure) = match (failed, &follower) {
            (Some(failure), _) => ("FAILED", Some(failure)),
            (None, _) if retriable.is_some() => ("RETRIABLE", retriable),
            (None, Some((Via::Caught, _))) => {
                ("CAUGHT_ERROR", self.seen.events.iter().rev().find_map(|event| Failure::of(&event.kind)))
            }
            (None, _) => ("SUCCEEDED", None),
        };
        if level != "INFO" {
            let mut inspection = self.inspection.borrow().clone();
            if let (Some(failure), Some(state)) = (&failure, self.definition.states().find(|s| s.name == self.name)) {
                inspection.failed(state, failure, status, self.retried);
            }
            inspection.left(exited);
            put("inspectionData", Some(inspection.into_value()));
        }
        if let Some(Failure { error, cause }) = failure {
            put("error", error.map(Value::from));
            put("cause", cause.map(Value::from));
        }
        put("output", exited.map(|exited| exited.output.text().into()));
        put("nextState", follower.map(|(_, name)| name.into()));
        put("status", Some(status.into()));
        Value::Object(answer)
    }
}

async fn call(engine: &Engine, task: TaskId, work: &Work) -> Event {
    match (engine.call_once)(engine, work.clone()).await {
        Ok(output) => Event::TaskSucceeded { task, output },
        Err((error, cause)) => Event::TaskFailed { task, error: Some(error), cause: Some(cause) },
    }
}
