//! AWS, and the one place that decides which: the ordinary one, or the one inside this process.
//!
//! All other code talks to Step Functions and DynamoDB through the SDK's clients and cannot tell the difference.

mod data_folder;
mod dynamodb;
mod embedded;
mod endpoint;
mod error;

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_sfn::config::{ProvideCredentials, SharedHttpClient, StalledStreamProtectionConfig};
use aws_smithy_types::retry::ReconnectMode;

pub use embedded::{Answer, Embedded, OpenError, Target};
pub use endpoint::router as endpoint;
pub use error::AwsError;

use crate::clock::Clock;

/// The two services, as the SDK's clients, and the clock that the desk goes by. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Aws {
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub step_functions: aws_sdk_sfn::Client,
    pub clock: Clock,
    /// The region that the clients speak to, `eu-west-2`.
    pub region: String,
    /// Where the clients were told to find AWS; `None` for where AWS has its own region.
    pub endpoint: Option<String>,
}

/// What the SDK's own configuration must name and does not.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    #[error(
        "--backend aws: no region is set; set AWS_REGION, like eu-west-2, or AWS_PROFILE to a profile that names one"
    )]
    NoRegion,
    #[error(
        "--backend aws, region {region}: no credentials are found ({why}); set AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run where a role gives them"
    )]
    NoCredentials { region: String, why: String },
}

impl Aws {
    /// AWS as the SDK's own configuration names it: environment, profile, instance role.
    pub async fn ordinary(clock: Clock) -> Result<Self, ConfigurationError> {
        let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
        let region = config.region().ok_or(ConfigurationError::NoRegion)?.to_string();
        let lacking = |why: String| ConfigurationError::NoCredentials { region: region.clone(), why };
        let credentials = config.credentials_provider().ok_or_else(|| lacking("none are configured".to_owned()))?;
        credentials.provide_credentials().await.map_err(|error| lacking(error::innermost(&error)))?;
        Ok(Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            step_functions: aws_sdk_sfn::Client::new(&config),
            clock,
            endpoint: config.endpoint_url().map(str::to_owned),
            region,
        })
    }

    /// The AWS inside this process.
    pub fn inside(embedded: &Arc<Embedded>, region: &str) -> Self {
        Self::over(embedded.http_client(), region, embedded.clock().clone())
    }

    /// Whatever AWS `connector` leads to. No signatures; an error is final, so nothing is tried again.
    pub fn over(connector: SharedHttpClient, region: &str, clock: Clock) -> Self {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .endpoint_url("http://embedded.invalid")
            .http_client(connector)
            // There is no connection to be closed after an error either.
            .retry_config(RetryConfig::disabled().with_reconnect_mode(ReconnectMode::ReuseAllConnections))
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&config).allow_no_auth().build();
        let step_functions = aws_sdk_sfn::config::Builder::from(&config).allow_no_auth().build();
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            step_functions: aws_sdk_sfn::Client::from_conf(step_functions),
            clock,
            region: region.to_owned(),
            endpoint: None,
        }
    }
}
