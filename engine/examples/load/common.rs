//! Shared by the measurements.

use std::time::Duration;

use asl_engine::{FunctionError, Integrations, Invocation, Invoked, ServiceAnswer, ServiceCall, ServiceError};
use tokio::task::JoinSet;

/// An error that ends a measurement.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

pub fn on_all_processors(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// The percentile of sorted times.
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Collects and sorts the results of all tasks. The first failure is returned.
pub async fn gather<T: Ord + 'static>(mut running: JoinSet<Result<Vec<T>, Failure>>) -> Result<Vec<T>, Failure> {
    let mut all = Vec::new();
    while let Some(one) = running.join_next().await {
        all.extend(one??);
    }
    all.sort_unstable();
    Ok(all)
}

/// Activities need nothing outside the engine.
pub struct Nothing;

#[async_trait::async_trait]
impl Integrations for Nothing {
    async fn invoke_function(&self, invocation: Invocation) -> Result<Invoked, FunctionError> {
        Err(FunctionError::NotFound(invocation.function))
    }

    async fn call_service(&self, call: ServiceCall) -> Result<ServiceAnswer, ServiceError> {
        Err(ServiceError::new(format!("{}.NotSupported", call.service), call.action))
    }
}
