//! What unit tests of several modules share.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use time::{OffsetDateTime, macros::datetime};

use crate::{
    Clock, FunctionError, Integrations, Invocation, Invoked, ServiceAnswer, ServiceCall, ServiceError,
    store::{AfterCommit, Effects},
};

/// Has no functions and no services, and does nothing after a commit.
pub(crate) struct Nothing;

#[async_trait]
impl Integrations for Nothing {
    async fn invoke_function(&self, invocation: Invocation) -> Result<Invoked, FunctionError> {
        Err(FunctionError::NotFound(invocation.function))
    }

    async fn call_service(&self, call: ServiceCall) -> Result<ServiceAnswer, ServiceError> {
        Err(ServiceError::new(call.action, ""))
    }
}

impl AfterCommit for Nothing {
    fn perform(&self, _: Effects) {}
}

/// A clock that stands still until a test moves it.
pub(crate) struct ManualClock(Mutex<OffsetDateTime>);

impl ManualClock {
    pub fn new() -> Self {
        Self(Mutex::new(datetime!(2026-11-22 10:00 UTC)))
    }

    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap()
    }

    /// Nobody sleeps in the tests that use this clock.
    async fn sleep_until(&self, _: OffsetDateTime) {
        std::future::pending().await
    }
}
