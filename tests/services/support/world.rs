//! A desk, and what is around it: its AWS, its clock, the valuation service, and the disk that survives it.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use app::{
    desk::{Actor, ApplicationView, DeskError, ManualValuationView, Person, WaitingItem},
    domain::{ApplicationReference, ManualValuationAnswer, WaitingOn},
};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sfn::{
    config::SharedHttpClient,
    types::{HistoryEvent, HistoryEventType},
};
use axum::Router;
use clap::Parser;
use http::StatusCode;
use loan_desk::{
    aws::{Aws, Embedded},
    clock::Clock,
    config::{Cli, Command, Config},
    opening::{OpenDesk, Outside},
    routes,
    services::Addresses,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinSet};

use super::{
    Faults, ManualClock, Valuer,
    connector::{Faulty, exempt},
    valuer::{Callback, post},
};

pub const REGION: &str = "eu-west-2";

/// How long the valuation service has.
pub const VALUATION_TIMEOUT: Duration = Duration::from_secs(120);

/// How long staff have.
pub const MANUAL_TIMEOUT: Duration = Duration::from_secs(3600);

/// How long anything may take in real time before a test gives up. Nothing waits this long, but a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder in memory where there is one: the tests do not measure how durable a disk is, and syncing is slow.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a folder")
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// A data folder in which a desk has been opened before. Copies of it open faster than an empty one.
pub struct Template(TempDir);

impl Template {
    pub async fn new() -> Self {
        let folder = folder();
        let world = World::open_in(folder, Valuer::new(super::Answers::Never)).await;
        Self(world.close().await)
    }

    fn copy(&self) -> TempDir {
        let copy = folder();
        for entry in std::fs::read_dir(self.0.path()).expect("a folder") {
            let entry = entry.expect("an entry");
            if entry.file_type().expect("a type").is_file() {
                std::fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("it can be copied");
            }
        }
        copy
    }
}

/// The settings of a desk with this data folder and these further flags.
pub fn settings(folder: &TempDir, flags: &[&str]) -> Config {
    let seconds = |duration: Duration| format!("{}s", duration.as_secs());
    let (valuation, manual) = (seconds(VALUATION_TIMEOUT), seconds(MANUAL_TIMEOUT));
    let own = [
        "loan-desk",
        "serve",
        "--data-dir",
        folder.path().to_str().expect("plain"),
        "--valuation-service-url",
        "http://valuer.test/requests",
        "--valuation-timeout",
        &valuation,
        "--manual-valuation-timeout",
        &manual,
    ];
    let Command::Serve(config) = Cli::parse_from(own.iter().chain(flags)).command;
    *config
}

/// Returns once a desk has made no call for a few milliseconds.
pub async fn rest(faults: &Faults) {
    let mut still = 0;
    poll("the desk makes no call", async || {
        still = if faults.under_way() == 0 { still + 1 } else { 0 };
        (still == 5).then_some(())
    })
    .await;
}

/// Looks once a millisecond until there is something. Gives up after [`PATIENCE`].
async fn poll<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let given_up = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < given_up, "this took too long: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub struct World {
    folder: Option<TempDir>,
    config: Config,
    pub addresses: Addresses,
    pub clock: Arc<ManualClock>,
    pub faults: Arc<Faults>,
    pub valuer: Arc<Valuer>,
    desk: Option<Running>,
}

struct Running {
    desk: OpenDesk,
    router: Router,
    alive: Arc<AtomicBool>,
    /// Keeps the read model up to date.
    follower: JoinSet<()>,
    /// AWS without faults, for what the test itself asks.
    aws: Aws,
    /// Keeps the receivers of the desk from believing that it closes.
    _closing: watch::Sender<bool>,
}

impl World {
    pub async fn open(template: &Template, valuer: Arc<Valuer>) -> Self {
        Self::open_in(template.copy(), valuer).await
    }

    /// A desk on an empty data folder.
    pub async fn new(valuer: Arc<Valuer>) -> Self {
        Self::open_in(folder(), valuer).await
    }

    async fn open_in(folder: TempDir, valuer: Arc<Valuer>) -> Self {
        let url: url::Url = "http://desk.test".parse().expect("a URL");
        let clock = ManualClock::new();
        let mut world = Self {
            config: settings(&folder, &[]),
            folder: Some(folder),
            addresses: Addresses { public_url: url.clone(), own_url: url },
            faults: Faults::new(clock.clone()),
            clock,
            valuer,
            desk: None,
        };
        world.start().await;
        world
    }

    /// Gives the desk these flags from its next start on.
    pub fn configure(&mut self, flags: &[&str]) {
        self.config = settings(self.folder.as_ref().expect("its folder"), flags);
    }

    /// Opens the desk on what is on the disk. A start that fails is tried again, as whatever starts the desk would do.
    async fn start(&mut self) {
        let running = poll("the desk opens", async || self.try_to_start().await).await;
        self.desk = Some(running);
    }

    async fn try_to_start(&self) -> Option<Running> {
        let alive = Arc::new(AtomicBool::new(true));
        let (sender, closing) = watch::channel(false);
        let opened = OpenDesk::open(&self.config, &self.addresses, self.outside(&alive), closing);
        // The test does not go on while the desk opens, so nobody else would release a call of it.
        let releasing = poll("the desk opens", async || {
            self.faults.release();
            None::<()>
        });
        tokio::select! {
            () = releasing => None,
            opened = opened => {
                let desk = opened.inspect_err(|error| eprintln!("the desk does not open: {error}")).ok()?;
                let router = routes::router(&desk.services, &self.config, &self.addresses);
                self.valuer.reaches(router.clone());
                let embedded = desk.embedded.as_ref().expect("it is embedded");
                let aws = Aws::inside(embedded, REGION);
                let mut follower = JoinSet::new();
                follower.spawn(exempt(desk.services.follower.clone().run()));
                Some(Running { desk, router, alive, follower, aws, _closing: sender })
            }
            () = self.faults.stop_wanted() => {
                alive.store(false, Ordering::SeqCst);
                self.faults.was_stopped();
                None
            }
        }
    }

    /// The clock, the valuation service and the faults, for a desk that runs while it is `alive`.
    fn outside(&self, alive: &Arc<AtomicBool>) -> Outside {
        let (faults, alive) = (self.faults.clone(), alive.clone());
        let (workflow_faults, workflow_alive) = (faults.clone(), alive.clone());
        Outside {
            clock: Clock::new(self.clock.clone()),
            outbound: self.valuer.clone(),
            connector: Box::new(move |inner| SharedHttpClient::new(Faulty { inner, faults, alive })),
            integrations: Box::new(move |inner| {
                Arc::new(Faulty { inner, faults: workflow_faults, alive: workflow_alive })
            }),
        }
    }

    /// Stops the desk as if it were killed, and opens it again.
    pub async fn restart(&mut self) {
        if let Some(mut running) = self.desk.take() {
            running.alive.store(false, Ordering::SeqCst);
            self.valuer.reaches_nobody();
            running.follower.shutdown().await;
            self.faults.was_stopped();
            // Releases the files. Nothing else of the desk gets a chance to finish.
            running.desk.embedded.as_ref().expect("it is embedded").shutdown().await;
        }
        self.start().await;
    }

    pub async fn close(mut self) -> TempDir {
        if let Some(mut running) = self.desk.take() {
            running.follower.shutdown().await;
            running.desk.close().await;
        }
        self.folder.take().expect("its folder")
    }

    pub fn embedded(&self) -> &Arc<Embedded> {
        self.running().desk.embedded.as_ref().expect("it is embedded")
    }

    /// What the desk does in the background to correct itself. It never returns.
    pub fn reconcile(&self) -> impl Future<Output = ()> + Send + use<> {
        self.running().desk.services.reconciler.clone().run()
    }

    fn running(&self) -> &Running {
        self.desk.as_ref().expect("the desk runs")
    }

    /// Does something with the desk. Returns `None` when the desk stops meanwhile, or a call of it is held back.
    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.faults.stop_wanted() => None,
            () = self.nothing_runs_for_long() => None,
        }
    }

    /// Returns once a call has been held back and nothing else has run for 20 polls.
    async fn nothing_runs_for_long(&self) {
        let mut polls = 0;
        poll("a call is held back", async || {
            polls = if self.faults.holds() && self.faults.under_way() == 0 { polls + 1 } else { 0 };
            (polls == 20).then_some(())
        })
        .await;
    }

    /// Submits an application by the API; whether the desk took it.
    pub async fn submit(&self, application: &Value) -> bool {
        let posted = self.unless_stopped(self.post("/api/applications", application)).await;
        posted.is_some_and(|(status, body)| match status {
            StatusCode::CREATED | StatusCode::OK => true,
            StatusCode::SERVICE_UNAVAILABLE => false,
            status => panic!("{status}: {body}"),
        })
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        post(self.running().router.clone(), path, body).await
    }

    /// The valuation service's callbacks reach the desk. Those that are not acknowledged stay due.
    pub async fn deliver(&self) {
        for callback in self.valuer.due() {
            self.call_back(&callback).await;
        }
    }

    /// Sends one callback. Returns what the desk answered, or `None` when it did not.
    pub async fn call_back(&self, callback: &Callback) -> Option<(StatusCode, Value)> {
        let (status, body) = self.unless_stopped(self.post(&callback.0, &callback.1)).await?;
        self.valuer.answered(callback, status, &body);
        Some((status, body))
    }

    /// What waits for staff.
    pub async fn staff_queue(&self) -> Vec<WaitingItem> {
        self.waiting(Some(WaitingOn::Staff)).await
    }

    /// What is listed as waiting; empty while the list cannot be read.
    pub async fn waiting(&self, on: Option<WaitingOn>) -> Vec<WaitingItem> {
        let desk = self.running().desk.services.desk.clone();
        let page = self.unless_stopped(async { desk.waiting(&Actor::Visitor, on, None, 50).await }).await;
        page.and_then(Result::ok).map(|page| page.items).unwrap_or_default()
    }

    pub async fn answer(&self, id: &str, answer: &ManualValuationAnswer) -> Option<Result<(), DeskError>> {
        let desk = self.running().desk.services.desk.clone();
        let ada = Person::named("Ada").expect("a name");
        let confirmed = match answer {
            ManualValuationAnswer::Value { value, .. } => Some(*value),
            ManualValuationAnswer::CannotValue { .. } => None,
        };
        let answering = async { desk.answer_manual_valuation(&ada, id, answer.clone(), confirmed).await };
        let answered = self.unless_stopped(answering).await;
        answered.map(|answered| answered.map(drop))
    }

    /// Corrects the recorded answer to a manual valuation.
    pub async fn correct(&self, id: &str, answer: &ManualValuationAnswer, why: &str) -> Option<Result<(), DeskError>> {
        let desk = self.running().desk.services.desk.clone();
        let ada = Person::named("Ada").expect("a name");
        let confirmed = match answer {
            ManualValuationAnswer::Value { value, .. } => Some(*value),
            ManualValuationAnswer::CannotValue { .. } => None,
        };
        let (answer, why) = (answer.clone(), why.to_owned());
        let correcting = async { desk.correct_manual_valuation(&ada, id, answer, why, confirmed).await };
        let corrected = self.unless_stopped(correcting).await;
        corrected.map(|corrected| corrected.map(drop))
    }

    /// What the page of a manual valuation shows.
    pub async fn manual_valuation(&self, id: &str) -> Option<ManualValuationView> {
        let desk = self.running().desk.services.desk.clone();
        self.unless_stopped(async { desk.manual_valuation(&Actor::Visitor, id).await }).await?.ok()?
    }

    /// One round of what the reconciler does every few seconds.
    pub async fn finish_steps(&self) {
        self.unless_stopped(self.running().desk.services.reconciler.finish_steps()).await;
    }

    /// Advances the clock in small steps, in which timers fire and the reconciler finishes steps.
    pub async fn seconds_pass(&mut self, seconds: u64) {
        for _ in 0..seconds.div_ceil(2) {
            self.clock.advance(Duration::from_secs(2));
            self.settle().await;
            self.finish_steps().await;
            self.settle().await;
        }
    }

    /// One round of what it does every minute. The clock moves on meanwhile: the reconciler rests between two calls.
    pub async fn sweep(&self) {
        let sweep = self.running().desk.services.reconciler.sweep();
        let moving = poll("the sweep ends", async || {
            self.clock.advance(Duration::from_millis(5));
            None::<()>
        });
        self.unless_stopped(async {
            tokio::select! {
                () = sweep => {}
                () = moving => {}
            }
        })
        .await;
    }

    /// Waits until everything waits: for a deadline, for somebody outside, or for a call that is held back. A desk that
    /// was stopped is started again first.
    pub async fn settle(&mut self) {
        let mut still = 0;
        poll("everything comes to rest", async || {
            if self.faults.wants_stop() {
                self.restart().await;
                still = 0;
            }
            let mut is_still = self.faults.under_way() == 0;
            if is_still && still == 2 && !self.faults.holds() {
                // This is asked last, because it takes long.
                is_still = self.engine_waits().await && self.faults.under_way() == 0;
            }
            still = if is_still { still + 1 } else { 0 };
            (still == 3).then_some(())
        })
        .await;
    }

    /// Whether every execution has ended, waits for its token, or waits to try again.
    async fn engine_waits(&self) -> bool {
        for arn in self.executions().await {
            let last = self.history(&arn, true).await.into_iter().next();
            let is_busy = last.is_some_and(|event| {
                matches!(event.r#type, HistoryEventType::TaskScheduled | HistoryEventType::TaskStarted)
            });
            if is_busy {
                return false;
            }
        }
        true
    }

    async fn executions(&self) -> Vec<String> {
        let machine = self.state_machine();
        let listed = self.running().aws.step_functions.list_executions().state_machine_arn(machine).send().await;
        listed.expect("they are listed").executions.into_iter().map(|execution| execution.execution_arn).collect()
    }

    fn state_machine(&self) -> String {
        format!("arn:aws:states:{REGION}:000000000000:stateMachine:loan-processing")
    }

    pub fn execution_arn(&self, reference: &str) -> String {
        format!("arn:aws:states:{REGION}:000000000000:execution:loan-processing:{reference}")
    }

    pub async fn history(&self, arn: &str, newest_first: bool) -> Vec<HistoryEvent> {
        let history = self.running().aws.step_functions.get_execution_history().execution_arn(arn);
        let history = history.max_results(1000).reverse_order(newest_first).send().await;
        history.map(|history| history.events).unwrap_or_default()
    }

    pub async fn execution_status(&self, reference: &str) -> Option<String> {
        let described = self.running().aws.step_functions.describe_execution();
        let described = described.execution_arn(self.execution_arn(reference)).send().await;
        described.ok().map(|described| described.status.as_str().to_owned())
    }

    /// Whether it ran.
    pub async fn stop_execution(&self, reference: &str) -> bool {
        let stop = self.running().aws.step_functions.stop_execution();
        stop.execution_arn(self.execution_arn(reference)).send().await.is_ok()
    }

    /// Whether it could be redriven.
    pub async fn redrive(&self, reference: &str) -> bool {
        let redrive = self.running().aws.step_functions.redrive_execution();
        redrive.execution_arn(self.execution_arn(reference)).send().await.is_ok()
    }

    /// Answers a task in Step Functions directly, as with the AWS CLI. Returns whether it waited.
    pub async fn answer_past_the_desk(&self, token: &str, output: &Value) -> bool {
        let succeed = self.running().aws.step_functions.send_task_success();
        succeed.task_token(token).output(output.to_string()).send().await.is_ok()
    }

    /// Sets a text attribute of an item, past the desk.
    pub async fn set(&self, table: &str, id: &str, attribute: &str, value: &str) {
        let update = self.running().aws.dynamodb.update_item().table_name(table).key("id", text(id));
        let update = update.update_expression("SET #attribute = :value");
        let update = update.expression_attribute_names("#attribute", attribute);
        update.expression_attribute_values(":value", text(value)).send().await.expect("it is set");
    }

    /// Everything in a table, read past the desk.
    pub async fn table(&self, name: &str) -> Vec<Value> {
        let items = self.running().aws.dynamodb.scan().table_name(name).consistent_read(true);
        let items = items.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.expect("a scan");
        let plain = |value: AttributeValue| match value {
            AttributeValue::S(text) => json!(text),
            AttributeValue::N(number) => json!(number.parse::<f64>().expect("a number")),
            other => json!(format!("{other:?}")),
        };
        items.into_iter().map(|item| item.into_iter().map(|(name, value)| (name, plain(value))).collect()).collect()
    }

    pub async fn application(&self, reference: &str) -> Option<ApplicationView> {
        let reference: ApplicationReference = reference.parse().expect("a reference");
        let desk = &self.running().desk.services.desk;
        // The test reads it, so it meets no fault.
        exempt(desk.application_with_story(&Actor::Visitor, &reference)).await.expect("it can be read")
    }
}
