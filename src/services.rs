//! The desk's services, and the function that builds them.

use std::{sync::Arc, time::Duration};

use app::{
    desk::{About, Desk},
    domain::Policy,
};
use tokio::{sync::watch, task::JoinSet};
use url::Url;

use crate::{
    applications::Applications,
    aws::{Aws, AwsError},
    callbacks::Callbacks,
    changes::Changes,
    clock::Clock,
    config::{Backend, Config},
    deploy::{self, StateMachines, Workflow},
    desk::LoanDesk,
    functions::Functions,
    health::Health,
    lease::Lease,
    live::Live,
    mock_valuer::{self, MockValuer},
    orphans::{self, Orphans},
    outbound::Outbound,
    read_model::{Follower, Place, ReadModel},
    reconcile::Reconciler,
    sessions::Sessions,
    settings::Settings,
    signing::CallbackUrls,
    supervision::supervised,
    tasks::{ManualValuations, PausedTasks, StaffTasks, ValuationRequests},
    workflow::{Arns, Workflows},
};

/// The pause before a background task is restarted after a panic.
const RESTART: Duration = Duration::from_secs(1);

/// The URLs of the desk.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// For other machines. The valuation service calls back here.
    pub public_url: Url,
    /// For this machine itself. The mock valuer is called here.
    pub own_url: Url,
}

/// All services of the desk. Each is cheap to clone, and clones share their state.
#[derive(Clone)]
pub struct Services {
    /// The clock.
    pub clock: Clock,
    /// Wakes the task that notifies open pages of changes.
    pub changes: Changes,
    /// Stores, starts and finds applications.
    pub applications: Applications,
    /// Keeps the read model up to date while it runs.
    pub follower: Follower,
    /// Lists, counts and figures.
    pub read_model: ReadModel,
    /// The location of the read model's file, locked against other desks.
    pub place: Arc<Place>,
    /// Compares the desk's tables with Step Functions and repairs inconsistencies after outages.
    pub reconciler: Reconciler,
    /// Looks for failed executions that belong to no application.
    pub orphan_watch: orphans::Watch,
    /// Receives, matches and settles callbacks of the valuation service.
    pub callbacks: Callbacks,
    /// The functions that the workflows invoke.
    pub functions: Functions,
    /// The port that pages, CSV and API call.
    pub desk: Arc<dyn Desk>,
    /// The event stream for open pages.
    pub live: Live,
    /// The session store.
    pub sessions: Sessions,
    /// The health checks.
    pub health: Health,
}

impl Services {
    /// Builds the services on an AWS that has the tables. The state machines may not exist yet, because the embedded
    /// Step Functions starts after the functions that it calls. `closing` becomes true when the desk closes.
    pub async fn build(
        aws: &Aws,
        outbound: Arc<dyn Outbound>,
        machines: StateMachines,
        config: &Config,
        addresses: &Addresses,
        closing: watch::Receiver<bool>,
    ) -> Result<Self, AwsError> {
        let clock = aws.clock.clone();
        let changes = Changes::default();
        let arn = |workflow: &Workflow| machines.arn(workflow).map(str::to_owned);
        let loan_processing = arn(&deploy::LOAN_PROCESSING)
            .ok_or_else(|| AwsError::missing(format_args!("state machine {}", deploy::LOAN_PROCESSING.name)))?;
        let settings = Settings::new(aws.clone());
        let urls = CallbackUrls::load(&settings, &clock, &addresses.public_url, config.valuation_timeout).await?;
        let paused = PausedTasks::new(aws.clone());
        let place = Place::take(&config.data_dir)
            .map_err(|error| AwsError::corrupt(format_args!("cannot open the read model: {error}")))?;
        let (read_model, follower) = ReadModel::open(aws.clone(), &place.file, changes.clone()).await?;
        let workflows = Workflows { aws: aws.clone(), arns: Arns::beside(&loan_processing) };
        let applications = Applications::new(aws.clone(), loan_processing.clone(), changes.clone());
        let callbacks =
            Callbacks::new(aws.clone(), urls.clone(), config.callback_auth, paused.clone(), applications.clone());
        let reconciler = Reconciler {
            clock: clock.clone(),
            applications: applications.clone(),
            read_model: read_model.clone(),
            paused: paused.clone(),
            callbacks: callbacks.clone(),
            workflows: workflows.clone(),
            correction_time: config.correction_time.unwrap_or_default(),
            lease: Lease::new(aws.clone(), "reconciler", config.backend == Backend::Embedded),
            pace: match config.backend {
                Backend::Embedded => Duration::from_millis(5),
                Backend::Aws => Duration::from_millis(200),
            },
        };
        let orphans = Orphans::new(aws.clone());
        let orphan_watch = orphans::Watch {
            clock: clock.clone(),
            aws: aws.clone(),
            state_machine_arn: loan_processing,
            applications: applications.clone(),
            orphans: orphans.clone(),
            lease: reconciler.lease.clone(),
            interval: match config.backend {
                Backend::Embedded => Duration::from_secs(5),
                Backend::Aws => Duration::from_secs(60),
            },
            pace: reconciler.pace,
        };
        let staff = StaffTasks {
            clock: clock.clone(),
            paused: paused.clone(),
            applications: applications.clone(),
            correction_time: config.correction_time.unwrap_or_default(),
        };
        let functions = Functions {
            valuation_requests: ValuationRequests {
                clock: clock.clone(),
                paused: paused.clone(),
                applications: applications.clone(),
                urls,
                outbound: outbound.clone(),
                service_url: valuation_service_url(config, &addresses.own_url),
            },
            callbacks: callbacks.clone(),
            manual_valuations: ManualValuations { staff: staff.clone() },
            mock_valuer: MockValuer {
                aws: aws.clone(),
                settings,
                outbound,
                state_machine_arn: arn(&deploy::MOCK_VALUATION),
                delay: config.mock_valuer_delay,
                late_delay: config.mock_valuer_late_delay,
                public_url: addresses.public_url.clone(),
            },
        };
        let desk = Arc::new(LoanDesk {
            clock: clock.clone(),
            about: about(aws, config),
            applications: applications.clone(),
            read_model: read_model.clone(),
            paused,
            callbacks: callbacks.clone(),
            staff,
            workflows,
            orphans,
            reconciler: reconciler.clone(),
        });
        Ok(Self {
            live: Live::new(clock.clone(), read_model.clone(), closing),
            read_model,
            sessions: Sessions::new(aws.clone()),
            health: Health::new(aws.clone(), (config.backend == Backend::Embedded).then(|| config.data_dir.clone())),
            follower,
            place: Arc::new(place),
            clock,
            changes,
            applications,
            reconciler,
            orphan_watch,
            callbacks,
            functions,
            desk,
        })
    }

    /// Starts the background tasks, which run as long as the desk is open.
    pub fn run_in_background(&self, tasks: &mut JoinSet<()>) {
        let urls = self.functions.valuation_requests.urls.clone();
        let (reconciler, follower) = (self.reconciler.clone(), self.follower.clone());
        let orphan_watch = self.orphan_watch.clone();
        let clock = || self.clock.clone();
        tasks.spawn(supervised("reconciler", clock(), RESTART, move || reconciler.clone().run()));
        tasks.spawn(supervised("orphan watch", clock(), RESTART, move || orphan_watch.clone().run()));
        tasks.spawn(supervised("read model", clock(), RESTART, move || follower.clone().run()));
        tasks.spawn(supervised("callback keys", clock(), RESTART, move || urls.clone().keep_keys()));
    }
}

fn about(aws: &Aws, config: &Config) -> About {
    About {
        data_location: match config.backend {
            Backend::Embedded => "Embedded".to_owned(),
            Backend::Aws => format!("AWS {}", aws.region),
        },
        valuation_timeout: config.valuation_timeout,
        manual_valuation_timeout: config.manual_valuation_timeout,
        policy: Policy { approve_up_to: config.approve_up_to_percent, refer_up_to: config.refer_up_to_percent },
        value_alert: config.value_alert,
        correction_time: config.correction_time,
    }
}

fn valuation_service_url(config: &Config, own_url: &Url) -> Url {
    config.valuation_service_url.clone().unwrap_or_else(|| {
        let mut url = own_url.clone();
        url.set_path(mock_valuer::PATH);
        url
    })
}
