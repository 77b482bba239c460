//! Opening the desk's AWS, embedded or not, and the services on it.

use std::{io, sync::Arc, time::Duration};

use asl_engine::{Options, endpoints::Endpoints};
use aws_sdk_sfn::config::SharedHttpClient;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    aws::{Aws, AwsError, ConfigurationError, Embedded, OpenError},
    clock::Clock,
    config::{Backend, Config},
    deploy::{self, DeployError, StateMachines},
    integrations::DeskIntegrations,
    outbound::{Network, Outbound},
    services::{Addresses, Services},
    supervision::supervised,
};

/// How often expired items are deleted from the embedded DynamoDB.
const EXPIRY: Duration = Duration::from_secs(3600);

/// How long the deletion of expired items rests after it panicked.
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
    #[error("cannot prepare the desk: {0}")]
    Aws(#[from] AwsError),
    #[error("cannot make an HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
}

/// What the desk reaches outside of itself. A test gives it its own clock, answers for the valuation service, and makes
/// calls of AWS fail.
pub struct Outside {
    pub clock: Clock,
    pub outbound: Arc<dyn Outbound>,
    /// Stands between the SDK's clients and the embedded AWS. Every call that the desk makes passes it.
    pub connector: Box<dyn FnOnce(SharedHttpClient) -> SharedHttpClient + Send>,
}

impl Outside {
    /// The machine's clock and the network, with nothing before the embedded AWS.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn real() -> reqwest::Result<Self> {
        let outbound = Arc::new(Network::new()?);
        Ok(Self { clock: Clock::system(), outbound, connector: Box::new(|connector| connector) })
    }
}

/// An open desk.
pub struct OpenDesk {
    pub services: Services,
    /// AWS, where it is inside this process.
    pub embedded: Option<Arc<Embedded>>,
}

impl OpenDesk {
    /// Opens the AWS that the configuration names. `closing` turns true when the desk closes.
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
        let Outside { clock, outbound, connector } = outside;
        let data_dir = config.data_dir.clone();
        let opened = tokio::task::spawn_blocking(move || Embedded::open(&data_dir, clock)).await;
        let embedded = opened.map_err(io::Error::other)??;
        let aws = Aws::over(connector(embedded.http_client()), &config.region, embedded.clock().clone());
        deploy::create_tables(&aws).await?;
        // Step Functions needs the functions when it opens, and the functions need the ARNs of its state machines: these
        // are known beforehand.
        let machines = StateMachines::to_be(config);
        let services = Services::build(&aws, outbound, machines, config, addresses, closing).await?;
        let integrations = DeskIntegrations {
            functions: services.functions.clone(),
            embedded: Arc::downgrade(&embedded),
            endpoints: Endpoints::new(config.endpoints.clone().into(), &config.region),
            changes: services.changes.clone(),
        };
        let options = Options::new(&config.account_id, &config.region);
        embedded.start_step_functions(&config.data_dir, options, Arc::new(integrations)).await?;
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

    /// Opens a desk on an AWS that holds its tables and state machines already.
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

    /// Starts what runs in the background for as long as the desk is open.
    pub fn run_in_background(&self, tasks: &mut JoinSet<()>) {
        self.services.run_in_background(tasks);
        if let Some(embedded) = self.embedded.clone() {
            tasks.spawn(supervised("expiry", embedded.clock().clone(), RESTART, move || {
                delete_expired(embedded.clone())
            }));
        }
    }

    /// Gives leases back, and lets the embedded AWS commit what is under way.
    pub async fn close(self) {
        self.services.reconciler.lease.release().await;
        if let Some(embedded) = self.embedded {
            embedded.shutdown().await;
        }
    }
}

/// Deletes what has expired; AWS does this by itself.
async fn delete_expired(embedded: Arc<Embedded>) {
    loop {
        embedded.clock().sleep(EXPIRY).await;
        match embedded.delete_expired().await {
            Ok(deleted) => tracing::debug!(deleted, "expired items deleted"),
            Err(error) => tracing::warn!(error, "expired items could not be deleted; will be tried again"),
        }
    }
}
