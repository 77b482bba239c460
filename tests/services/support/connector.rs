//! Where faults are injected: between the desk and the embedded AWS, and between the embedded Step Functions and what its
//! workflows call.

use std::sync::{Arc, atomic::AtomicBool};

use asl_engine::{FunctionError, Integrations, Invocation, Invoked, ServiceAnswer, ServiceCall, ServiceError};
use async_trait::async_trait;
use aws_sdk_sfn::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::HttpRequest,
    result::ConnectorError,
};

use super::{Faults, faults::Lost};

tokio::task_local! {
    /// Set where calls are neither counted nor fail.
    static EXEMPT: ();
}

/// Does something whose calls are neither counted nor fail. The read model's are: it reads the tables on a timer of its
/// own, so that the numbers of other calls would change from run to run.
pub async fn exempt<T>(work: impl Future<Output = T>) -> T {
    EXEMPT.scope((), work).await
}

/// The way of one desk to AWS. `alive` turns false when that desk is stopped.
#[derive(Debug, Clone)]
pub struct Faulty<T> {
    pub inner: T,
    pub faults: Arc<Faults>,
    pub alive: Arc<AtomicBool>,
}

impl HttpClient for Faulty<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Faulty { inner, faults: self.faults.clone(), alive: self.alive.clone() })
    }
}

impl HttpConnector for Faulty<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            if EXEMPT.try_get().is_ok() {
                return this.inner.call(request).await;
            }
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
            match this.faults.call(operation, &this.alive, true, this.inner.call(request)).await {
                Ok(answer) => answer,
                Err(Lost) => Err(ConnectorError::io("a fault of the test's".into())),
            }
        })
    }
}

#[async_trait]
impl Integrations for Faulty<Arc<dyn Integrations>> {
    async fn invoke_function(&self, invocation: Invocation) -> Result<Invoked, FunctionError> {
        let function = invocation.function.rsplit(':').next().unwrap_or_default();
        let operation = format!("Invoke {function}");
        match self.faults.call(operation, &self.alive, false, self.inner.invoke_function(invocation)).await {
            Ok(answer) => answer,
            Err(Lost) => {
                let lost = ServiceError::new("Lambda.SdkClientException", "a fault of the test's");
                Err(FunctionError::Service(lost))
            }
        }
    }

    async fn call_service(&self, call: ServiceCall) -> Result<ServiceAnswer, ServiceError> {
        let operation = format!("workflow {}", call.action);
        match self.faults.call(operation, &self.alive, true, self.inner.call_service(call)).await {
            Ok(answer) => answer,
            Err(Lost) => Err(ServiceError::new("DynamoDB.SdkClientException", "a fault of the test's")),
        }
    }

    fn unavailable(&self, service: &str, action: &str) -> Option<String> {
        self.inner.unavailable(service, action)
    }
}
