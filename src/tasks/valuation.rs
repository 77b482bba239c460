//! Asking the valuation service: the function behind the workflow's `RequestValuation`.

use std::{sync::Arc, time::Duration};

use app::domain::{LoanApplication, TaskKind};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{PausedTask, PausedTasks, State};
use crate::{
    applications::Applications,
    callbacks::{self, Callbacks, ReferenceError},
    clock::Clock,
    invocation::{self, ExecutionPayload, FunctionFailure, PausedTaskId, StatePayload, TaskToken},
    outbound::Outbound,
    signing::CallbackUrls,
};

#[derive(Clone)]
pub struct ValuationRequests {
    pub clock: Clock,
    pub paused: PausedTasks,
    pub applications: Applications,
    pub callbacks: Callbacks,
    pub urls: CallbackUrls,
    pub outbound: Arc<dyn Outbound>,
    pub service_url: Url,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    task_token: TaskToken,
    loan_application: LoanApplication,
    execution: ExecutionPayload,
    state: Option<StatePayload>,
    timeout_seconds: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    valuation_reference: String,
}

impl ValuationRequests {
    /// Keeps the token, then asks for a valuation, then keeps the reference that the service gives it. The service sees
    /// neither the token nor anything it could be guessed from.
    pub async fn request(&self, payload: Value) -> Result<Value, FunctionFailure> {
        let payload: Payload = invocation::read(payload)?;
        if let Some(before) = self.applications.get(&payload.loan_application.application_reference).await?
            && before.application != payload.loan_application
        {
            return Err(FunctionFailure::InvalidApplication(format!(
                "an application with reference {} already exists with different details",
                before.application.application_reference
            )));
        }
        let execution = payload.execution.at(payload.state);
        let timeout = Duration::from_secs(payload.timeout_seconds.into());
        let now = self.clock.now();
        let task = PausedTask {
            id: PausedTaskId::of(execution.step.as_ref(), &execution.arn, &payload.task_token),
            kind: TaskKind::Valuation,
            application_reference: payload.loan_application.application_reference.clone(),
            execution_arn: execution.arn.clone(),
            application: payload.loan_application,
            since: now,
            deadline: now + timeout,
            timeout,
            retries: execution.step.as_ref().map_or(0, |step| step.retries),
            valuation_reference: None,
            failure: None,
            state: State::Requesting,
        };
        let waits = |task: &PausedTask| self.applications.waits_for(task, &execution);
        let Some(task) = self.paused.open(task, &payload.task_token, execution.step.as_ref(), waits).await? else {
            return Err(FunctionFailure::ValuationServiceUnavailable(
                "the workflow has gone on since it asked for this valuation".to_owned(),
            ));
        };
        self.applications.nudge();
        let reference = match (&task.valuation_reference, &task.state) {
            // The service is not asked twice; but what follows from its answer may not have been done.
            (Some(reference), _) => reference.clone(),
            (None, State::Requesting) => self.ask_or_give_up(&task).await?,
            (None, _) => {
                return Err(FunctionFailure::ValuationServiceUnavailable(
                    "the request was given up before the valuation service had taken it".to_owned(),
                ));
            }
        };
        match self.callbacks.reference_known(&reference, &task).await {
            Err(ReferenceError::Reused) => {
                self.give_up(&task).await?;
                return Err(FunctionFailure::ValuationServiceRefused(ReferenceError::Reused.to_string()));
            }
            Err(ReferenceError::Aws(error)) => return Err(error.into()),
            Ok(()) => {}
        }
        // Without the reference, which is all that an unsigned callback needs.
        tracing::info!(application = %task.application_reference, request = %task.id, "valuation requested");
        Ok(json!({ "valuationReference": reference }))
    }

    async fn ask_or_give_up(&self, task: &PausedTask) -> Result<String, FunctionFailure> {
        let asked = self.ask(task).await;
        if asked.is_err() {
            self.give_up(task).await?;
        }
        asked
    }

    async fn give_up(&self, task: &PausedTask) -> Result<(), FunctionFailure> {
        self.paused.close(&task.id, State::Failed).await?;
        self.applications.nudge();
        Ok(())
    }

    async fn ask(&self, task: &PausedTask) -> Result<String, FunctionFailure> {
        let property = &task.application.property;
        let body = json!({
            "property": { "nameOrNumber": &property.name_or_number, "postcode": &property.postcode },
            "callbackUrl": self.urls.sign(&task.id, task.since + task.timeout).as_str(),
        });
        let answer =
            self.outbound.post(self.service_url.clone(), idempotency_key(&task.id), &body).await.map_err(|error| {
                FunctionFailure::ValuationServiceUnavailable(format!("the valuation service {error}"))
            })?;
        let status = answer.status;
        match status {
            StatusCode::CREATED => {}
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => return Err(unavailable(status)),
            status if status.is_server_error() => return Err(unavailable(status)),
            status => {
                return Err(FunctionFailure::ValuationServiceRefused(format!(
                    "the valuation service answered {status} instead of 201"
                )));
            }
        }
        match serde_json::from_slice::<Taken>(&answer.body) {
            Ok(taken) if callbacks::is_reference(&taken.valuation_reference) => Ok(taken.valuation_reference),
            _ => Err(FunctionFailure::ValuationServiceRefused(
                "the valuation service answered 201 without a valuationReference".to_owned(),
            )),
        }
    }
}

/// The same for every request for the same valuation, so that a service which remembers keys gives one answer to all.
fn idempotency_key(id: &PausedTaskId) -> HeaderMap {
    // An id is letters, digits, `-` and `_`, so this is always a header.
    let value = HeaderValue::from_str(id.as_str()).ok();
    value.map(|value| (HeaderName::from_static("idempotency-key"), value)).into_iter().collect()
}

fn unavailable(status: StatusCode) -> FunctionFailure {
    FunctionFailure::ValuationServiceUnavailable(format!("the valuation service answered {status}"))
}
