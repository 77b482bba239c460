//! Valuations: the function behind the workflow's `RequestValuation`, which asks the valuation service, and the story of
//! such a request. The service answers by a callback (see [`crate::callbacks`]).

use std::{sync::Arc, time::Duration};

use app::{
    desk::{StoryEntry, StoryKind},
    domain::{LoanApplication, TaskKind},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use url::Url;

use super::{Answer, PausedTask, PausedTasks, ReferenceError, Says, State};
use crate::{
    applications::Applications,
    clock::Clock,
    invocation::{self, ExecutionPayload, FunctionFailure, PausedTaskId, StatePayload, TaskToken},
    outbound::Outbound,
    signing::CallbackUrls,
    valuation,
};

#[derive(Clone)]
pub struct ValuationRequests {
    pub clock: Clock,
    pub paused: PausedTasks,
    pub applications: Applications,
    pub urls: CallbackUrls,
    pub outbound: Arc<dyn Outbound>,
    pub service_url: Url,
}

/// A request that the valuation service has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    pub id: PausedTaskId,
    pub valuation_reference: String,
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

/// What the service answers to a request that it accepts.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    valuation_reference: String,
}

impl ValuationRequests {
    /// Stores the token, asks the valuation service, and stores the reference that the service gives to the request. The
    /// service learns neither the token nor anything from which it could be guessed.
    ///
    /// Callbacks that named the reference before it was known are settled by the caller.
    pub async fn request(&self, payload: Value) -> Result<Requested, FunctionFailure> {
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
        let task = PausedTask::new(
            TaskKind::Valuation,
            payload.loan_application,
            &execution,
            &payload.task_token,
            self.clock.now(),
            Duration::from_secs(payload.timeout_seconds.into()),
        );
        let waits = |task: &PausedTask| self.applications.waits_for(task.awaited(), &execution);
        let Some(task) = self.paused.open(task, &payload.task_token, execution.step.as_ref(), waits).await? else {
            return Err(FunctionFailure::ValuationServiceUnavailable(
                "the workflow has gone on since it asked for this valuation".to_owned(),
            ));
        };
        self.applications.nudge();
        let reference = match (&task.valuation_reference, &task.state) {
            // The service is not asked twice. What follows from its answer may still be missing.
            (Some(reference), _) => reference.clone(),
            (None, State::Requesting) => self.ask_or_give_up(&task).await?,
            (None, _) => {
                return Err(FunctionFailure::ValuationServiceUnavailable(
                    "the request was given up before the valuation service accepted it".to_owned(),
                ));
            }
        };
        match self.paused.reference_known(&reference, &task.id).await {
            Err(ReferenceError::Reused) => {
                self.give_up(&task).await?;
                return Err(FunctionFailure::ValuationServiceRefused(ReferenceError::Reused.to_string()));
            }
            Err(ReferenceError::Aws(error)) => return Err(error.into()),
            Ok(()) => {}
        }
        self.applications.nudge();
        // The reference is not logged: with `--callback-auth reference` it is what a callback needs to be accepted.
        tracing::info!(application = %task.application_reference, request = %task.id, "valuation requested");
        Ok(Requested { id: task.id, valuation_reference: reference })
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
        match serde_json::from_slice::<Accepted>(&answer.body) {
            Ok(accepted) if valuation::is_reference(&accepted.valuation_reference) => Ok(accepted.valuation_reference),
            _ => Err(FunctionFailure::ValuationServiceRefused(
                "the valuation service answered 201 without a valuationReference".to_owned(),
            )),
        }
    }
}

/// The same key for every attempt to make the same request: a service that remembers keys answers all alike.
fn idempotency_key(id: &PausedTaskId) -> HeaderMap {
    // An id consists of letters, digits, `-` and `_`, so it is always a valid header.
    let value = HeaderValue::from_str(id.as_str()).ok();
    value.map(|value| (HeaderName::from_static("idempotency-key"), value)).into_iter().collect()
}

fn unavailable(status: StatusCode) -> FunctionFailure {
    FunctionFailure::ValuationServiceUnavailable(format!("the valuation service answered {status}"))
}

/// Adds the request and its answer to the story of the application.
pub fn tell(task: &PausedTask, lapsed_at: Option<OffsetDateTime>, story: &mut Vec<StoryEntry>) {
    let again = match task.retries {
        0 => String::new(),
        1 => " after a failed attempt".to_owned(),
        n => format!(" after {n} failed attempts"),
    };
    story.push(match (&task.valuation_reference, &task.state) {
        (_, State::Failed) => StoryEntry::new(
            task.since,
            StoryKind::Failed,
            "Valuation requested; the valuation service could not take the request",
        ),
        (Some(reference), _) => task.asked(format!("Valuation requested{again}, reference {reference}, answer due by")),
        (None, _) => task.asked(format!("Valuation requested{again}, answer due by")),
    });
    match &task.state {
        State::Answering(answer) | State::Answered(answer) => {
            story.push(StoryEntry::new(answer.at, answer.says.story_kind(), service_said(answer)));
        }
        // A callback that came too late has an entry of its own.
        State::Lapsed | State::TooLate(_) => {
            let text = "The valuation service did not answer in time";
            story.extend(lapsed_at.map(|at| StoryEntry::new(at, StoryKind::Lapsed, text)));
        }
        // The next task tells what happened instead.
        State::Requesting | State::Open | State::Failed | State::Abandoned => {}
    }
}

/// The answer in a few words, for a list.
pub fn in_a_few_words(answer: &Answer) -> String {
    match &answer.says {
        Says::Success { output } => match valuation::pounds(&output["propertyValue"]) {
            Some(value) => format!("Valued at {value}"),
            None => "Answered".to_owned(),
        },
        Says::Failure { .. } => "The valuation failed".to_owned(),
    }
}

fn service_said(answer: &Answer) -> String {
    match &answer.says {
        Says::Success { output } => match valuation::pounds(&output["propertyValue"]) {
            Some(value) => format!("The valuation service valued the property at {value}"),
            None => "The valuation service answered".to_owned(),
        },
        Says::Failure { .. } => "The valuation service answered that the valuation failed".to_owned(),
    }
}
