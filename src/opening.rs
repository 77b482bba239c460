//! Opens the desk: its AWS, embedded or real, and the services on it.

use std::{io, sync::Arc, time::Duration};

use asl_engine::{Integrations, Options, endpoints::Endpoints};
use aws_sdk_sfn::config::SharedHttpClient;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    aws::{Aws, AwsError, ConfigurationError, Embedded, OpenError},
    clock::Clock,
    config::{Backend, Config},
    deploy::{self, DeployError, StateMachines},
    integrations::DeskIntegrations,
    outbound::{Network, Outbound},
    pairing::{self, PairingError},
    services::{Addresses, Services},
    settings::Settings,
    supervision::supervised,
};

/// The interval at which expired items are deleted from the embedded DynamoDB.
const EXPIRY: Duration = Duration::from_secs(3600);

/// The pause before the deletion of expired items is restarted after a panic.
const RESTART: Duration = Duration::from_secs(1);

/// Why the desk cannot open.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Deploy(#[from] DeployError),
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error("AWS, region {region}{}: {source}", endpoint.as_ref().map(|url| format!(", at {url}")).unwrap_or_default())]
    Find { region: String, endpoint: Option<String>, source: DeployError },
    #[error(transparent)]
    Pairing(#[from] PairingError),
    #[error("cannot prepare the desk: {0}")]
    Aws(#[from] AwsError),
    #[error("cannot make an HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
}

/// Puts something around a value.
pub type Wrap<T> = Box<dyn FnOnce(T) -> T + Send>;

/// What the desk reaches outside of itself. Tests supply their own clock and valuation service, and make calls to AWS
/// fail.
pub struct Outside {
    pub clock: Clock,
    pub outbound: Arc<dyn Outbound>,
    /// Wraps the connection from the SDK's clients to the embedded AWS. Every call that the desk makes goes through it.
    pub connector: Wrap<SharedHttpClient>,
    /// Wraps what the embedded Step Functions calls: functions, and the DynamoDB writes that the workflow makes itself. On
    /// AWS these calls never touch the desk's SDK, so they do not go through `connector`.
    pub integrations: Wrap<Arc<dyn Integrations>>,
}

impl Outside {
    /// The system clock and the network, with nothing around the embedded AWS.
    ///
    /// # Errors
    /// Fails if the HTTP client cannot be created.
    pub fn real() -> reqwest::Result<Self> {
        let outbound = Arc::new(Network::new()?);
        Ok(Self {
            clock: Clock::system(),
            outbound,
            connector: Box::new(|connector| connector),
            integrations: Box::new(|integrations| integrations),
        })
    }
}

/// An open desk.
pub struct OpenDesk {
    pub services: Services,
    /// The embedded AWS, if the desk uses it.
    pub embedded: Option<Arc<Embedded>>,
}

impl OpenDesk {
    /// Opens the AWS that the configuration selects. `closing` becomes true when the desk closes.
    pub async fn open(
        config: &Config,
        addresses: &Addresses,
        outside: Outside,
        closing: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        match config.backend {
            Backend::Embedded => Self::open_embedded(config, addresses, outside, closing).await,
            Backend::Aws => Self::open_aws(config, addresses, outside, closing).await,
        }
    }

    async fn open_embedded(
        config: &Config,
        addresses: &Addresses,
        outside: Outside,
        closing: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let Outside { clock, outbound, connector, integrations } = outside;
        let data_dir = config.data_dir.clone();
        let opened = tokio::task::spawn_blocking(move || Embedded::open(&data_dir, clock)).await;
        let embedded = opened.map_err(io::Error::other)??;
        let aws = Aws::over(connector(embedded.http_client()), &config.region, embedded.clock().clone());
        deploy::create_tables(&aws).await?;
        // Step Functions needs the functions when it starts, and the functions need the ARNs of its state machines,
        // which are known in advance.
        let machines = StateMachines::to_be(config);
        let services = Services::build(&aws, outbound, machines, config, addresses, closing).await?;
        let integrations = integrations(Arc::new(DeskIntegrations {
            functions: services.functions.clone(),
            embedded: Arc::downgrade(&embedded),
            endpoints: Endpoints::new(config.endpoints.clone().into(), &config.region),
            changes: services.changes.clone(),
        }));
        let options = Options::new(&config.account_id, &config.region);
        let (settings, database) = (Settings::new(aws.clone()), Embedded::step_functions_file(&config.data_dir));
        pairing::check(&settings, &database).await?;
        embedded.start_step_functions(&config.data_dir, options, integrations).await?;
        pairing::opened(&settings, &database).await?;
        deploy::deploy_state_machines(&aws, config).await?;
        Ok(Self { services, embedded: Some(embedded) })
    }

    async fn open_aws(
        config: &Config,
        addresses: &Addresses,
        outside: Outside,
        closing: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let aws = Aws::ordinary(outside.clock).await?;
        Self::open_on(aws, config, addresses, outside.outbound, closing).await
    }

    /// Opens a desk on an AWS that already has its tables and state machines.
    pub async fn open_on(
        aws: Aws,
        config: &Config,
        addresses: &Addresses,
        outbound: Arc<dyn Outbound>,
        closing: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let found = deploy::find(&aws).await;
        let (region, endpoint) = (aws.region.clone(), aws.endpoint.clone());
        let machines = found.map_err(|source| StartError::Find { region, endpoint, source })?;
        let services = Services::build(&aws, outbound, machines, config, addresses, closing).await?;
        Ok(Self { services, embedded: None })
    }

    /// Starts the background tasks, which run as long as the desk is open.
    pub fn run_in_background(&self, tasks: &mut JoinSet<()>) {
        self.services.run_in_background(tasks);
        if let Some(embedded) = self.embedded.clone() {
            tasks.spawn(supervised("expiry", embedded.clock().clone(), RESTART, move || {
                delete_expired(embedded.clone())
            }));
        }
    }

    /// Releases leases, and waits for the embedded AWS to commit pending work.
    pub async fn close(self) {
        self.services.reconciler.lease.release().await;
        if let Some(embedded) = self.embedded {
            embedded.shutdown().await;
        }
    }
}

/// Deletes expired items, which AWS does by itself.
async fn delete_expired(embedded: Arc<Embedded>) {
    loop {
        embedded.clock().sleep(EXPIRY).await;
        match embedded.delete_expired().await {
            Ok(deleted) => tracing::debug!(deleted, "expired items deleted"),
            Err(error) => tracing::warn!(error, "cannot delete expired items; trying again later"),
        }
    }
}
