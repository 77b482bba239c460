//! Opening the desk's AWS, embedded or not, and the services on it.

use std::{io, sync::Arc, time::Duration};

use asl_engine::{Options, endpoints::Endpoints};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    aws::{Aws, ConfigurationError, Embedded, OpenError},
    clock::Clock,
    config::{Backend, Config},
    deploy::{self, DeployError},
    integrations::DeskIntegrations,
    services::{Addresses, BuildError, Services},
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
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
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
        clock: Clock,
        closing: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        match config.backend {
            Backend::Embedded => Self::open_embedded(config, addresses, clock, closing).await,
            Backend::Aws => Self::open_aws(config, addresses, clock, closing).await,
        }
    }

    async fn open_embedded(
        config: &Config,
        addresses: &Addresses,
        clock: Clock,
        closing: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let data_dir = config.data_dir.clone();
        let opened = tokio::task::spawn_blocking(move || Embedded::open(&data_dir, clock)).await;
        let embedded = opened.map_err(io::Error::other)??;
        let aws = Aws::inside(&embedded, &config.region);
        deploy::create_tables(&aws).await?;
        // Step Functions needs the functions when it opens, and the functions need the ARNs of its state machines: these
        // are known beforehand.
        let services = Services::build(&aws, deploy::state_machines_to_be(config), config, addresses, closing).await?;
        let integrations = DeskIntegrations {
            functions: services.functions.clone(),
            embedded: embedded.clone(),
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
        clock: Clock,
        closing: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let aws = Aws::ordinary(clock).await?;
        let found = deploy::find(&aws).await;
        let (region, endpoint) = (aws.region.clone(), aws.endpoint.clone());
        let machines = found.map_err(|source| StartError::Find { region, endpoint, source })?;
        let services = Services::build(&aws, machines, config, addresses, closing).await?;
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

    /// Lets the embedded AWS commit what is under way.
    pub async fn close(self) {
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
