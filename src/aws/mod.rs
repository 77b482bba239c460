//! AWS: the module that selects the real or the embedded one.
//!
//! All other code uses the SDK's clients for Step Functions and DynamoDB, and does not depend on which one it is.

mod calls;
mod data_folder;
mod dynamodb;
mod embedded;
mod endpoint;
mod error;
mod transactions;

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_sfn::config::{ProvideCredentials, SharedHttpClient, StalledStreamProtectionConfig};
use aws_smithy_types::retry::ReconnectMode;

pub use embedded::{Answer, Embedded, OpenError, Target};
pub use endpoint::router as endpoint;
pub use error::AwsError;

use crate::clock::Clock;

/// The SDK clients of both services, and the desk's clock. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Aws {
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub step_functions: aws_sdk_sfn::Client,
    pub clock: Clock,
    /// The region of the clients, such as `eu-west-2`.
    pub region: String,
    /// The configured endpoint, or `None` for the region's own.
    pub endpoint: Option<String>,
}

/// An incomplete configuration of the SDK.
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
    /// AWS as configured for the SDK: environment, profile, instance role.
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

    /// The embedded AWS.
    pub fn inside(embedded: &Arc<Embedded>, region: &str) -> Self {
        Self::over(embedded.http_client(), region, embedded.clock().clone())
    }

    /// The AWS that `connector` leads to, without signatures and retries.
    pub fn over(connector: SharedHttpClient, region: &str, clock: Clock) -> Self {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .endpoint_url("http://embedded.invalid")
            .http_client(connector)
            // There are no connections to close after an error.
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
