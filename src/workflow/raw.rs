//! Captures the raw JSON of a response, because the SDK has more than sixty types of history events and cannot
//! serialize them.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sfn::config::{
    ConfigBag, Intercept, RuntimeComponents, interceptors::AfterDeserializationInterceptorContextRef,
};
use aws_smithy_runtime_api::box_error::BoxError;
use serde_json::Value;

/// An interceptor for one call, which then holds the response.
#[derive(Debug, Clone, Default)]
pub struct RawAnswer(Arc<Mutex<Value>>);

impl RawAnswer {
    /// The response, or null if there was none.
    pub fn take(&self) -> Value {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for RawAnswer {
    fn name(&self) -> &'static str {
        "RawAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = serde_json::from_slice(body).unwrap_or_default();
        Ok(())
    }
}
