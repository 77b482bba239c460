//! AWS, and the one place that decides which: the ordinary one, or the one inside this process.
//!
//! All other code talks to Step Functions and DynamoDB through the SDK's clients and cannot tell the difference.

mod dynamodb;
mod embedded;
mod endpoint;
mod error;

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_sfn::config::StalledStreamProtectionConfig;

pub use embedded::{Answer, Embedded, OpenError, Target};
pub use endpoint::router as endpoint;
pub use error::AwsError;

/// The two services, as the SDK's clients. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Aws {
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub step_functions: aws_sdk_sfn::Client,
    /// The region that the clients speak to, `eu-west-2`.
    pub region: String,
}

impl Aws {
    /// AWS as the SDK's own configuration names it: environment, profile, instance role.
    pub async fn ordinary() -> Self {
        let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            step_functions: aws_sdk_sfn::Client::new(&config),
            region: config.region().map(ToString::to_string).unwrap_or_else(|| "(no region)".to_owned()),
        }
    }

    /// The AWS inside this process. No socket, no signatures; an error is final, so nothing is tried again.
    pub fn inside(embedded: &Arc<Embedded>, region: &str) -> Self {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .endpoint_url("http://embedded.invalid")
            .http_client(embedded.http_client())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&config).allow_no_auth().build();
        let step_functions = aws_sdk_sfn::config::Builder::from(&config).allow_no_auth().build();
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            step_functions: aws_sdk_sfn::Client::from_conf(step_functions),
            region: region.to_owned(),
        }
    }
}
