//! What unit tests of several modules share.

use async_trait::async_trait;

use crate::{
    FunctionError, Integrations, Invocation, Invoked, ServiceAnswer, ServiceCall, ServiceError,
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
