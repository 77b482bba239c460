//! Callbacks of the valuation service: written down before they are acknowledged, whatever they say; matched to the
//! request they answer; and each left with an outcome that a person can see.

mod endpoint;
mod matching;
mod outcome;
mod references;
mod response;
mod store;

use time::OffsetDateTime;

use crate::{
    applications::Applications,
    aws::{Aws, AwsError},
    paused::{Answer, Answered, PausedTask, PausedTasks},
    random,
    signing::{CallbackUrls, SignedRequest},
    tables::{Index, Shows, Table},
};

pub use endpoint::router;
pub use matching::{UrlSays, Verdict};
pub use outcome::Outcome;
pub use references::{ReferenceError, TABLE as REFERENCES};
pub use response::{Malformed, Valuation, ValuationResponse, is_reference};

pub const TABLE: Table = Table {
    name: "loan-desk-callbacks",
    key: "id",
    indexes: &[
        Index {
            name: "by-application",
            partition: "applicationReference",
            sort: "receivedAt",
            shows: Shows::Everything,
        },
        Index { name: "by-outcome", partition: "outcome", sort: "receivedAt", shows: Shows::KeysOnly },
    ],
    time_to_live: None,
};

/// One callback as it was received.
#[derive(Debug, Clone, PartialEq)]
pub struct Callback {
    pub id: String,
    pub received_at: OffsetDateTime,
    /// The body as text, up to [`response::LIMIT`] bytes of it.
    pub body: String,
    pub request: SignedRequest,
    pub outcome: Outcome,
    /// Of the application it concerns, where that is known.
    pub application_reference: Option<String>,
}

/// The desk's side of the valuation service's webhook.
#[derive(Clone)]
pub struct Callbacks {
    aws: Aws,
    urls: CallbackUrls,
    paused: PausedTasks,
    applications: Applications,
}

impl Callbacks {
    pub fn new(aws: Aws, urls: CallbackUrls, paused: PausedTasks, applications: Applications) -> Self {
        Self { aws, urls, paused, applications }
    }

    /// Takes a callback in. Once this has written it down it is not lost: after an error the reconciler settles it.
    pub async fn receive(&self, parameter: Option<&str>, body: String, outcome: Outcome) -> Result<Callback, AwsError> {
        let callback = Callback {
            id: random::id(),
            received_at: self.aws.clock.now(),
            body,
            request: self.urls.check(parameter),
            outcome,
            application_reference: None,
        };
        self.put(&callback).await?;
        Ok(callback)
    }

    /// Finds out what a callback means and acts on it. Settling it again comes to the same.
    pub async fn settle(&self, mut callback: Callback) -> Result<Callback, AwsError> {
        if callback.outcome.is_final() {
            return Ok(callback);
        }
        let (outcome, task) = match ValuationResponse::parse(&callback.body) {
            Ok(response) => self.act_on(&callback, &response).await?,
            Err(malformed) => (Outcome::Malformed(malformed), None),
        };
        callback.application_reference = task.as_ref().map(|task| task.application_reference.to_string());
        if outcome != callback.outcome {
            callback.outcome = outcome;
            self.put_outcome(&callback).await?;
        }
        tracing::info!(
            callback = callback.id,
            outcome = callback.outcome.key(),
            application = callback.application_reference,
            "callback settled"
        );
        if let Some(task) = task {
            if callback.outcome == Outcome::Accepted {
                self.applications.goes_on(&task).await;
            } else if let Err(error) = self.applications.touch(&task).await {
                // The outcome is stored. Open pages learn of it later.
                tracing::warn!(callback = callback.id, %error, "cannot tell open pages of a callback");
            }
        }
        Ok(callback)
    }

    async fn act_on(
        &self,
        callback: &Callback,
        response: &ValuationResponse,
    ) -> Result<(Outcome, Option<PausedTask>), AwsError> {
        let (verdict, task) = self.find(callback, response).await?;
        let (verdict, task) = match verdict {
            // The reference may become known at this very moment. Whoever makes it known writes first and looks for
            // parked callbacks then; this parks first and looks again then. One of the two finds the other.
            Verdict::Park | Verdict::Unknown => {
                self.park(&response.valuation_reference, &callback.id).await?;
                self.find(callback, response).await?
            }
            found => (found, task),
        };
        let Some(task) = task else { return Ok((verdict.outcome(), None)) };
        if verdict != Verdict::Answer {
            return Ok((verdict.outcome(), Some(task)));
        }
        let answer =
            Answer { says: response.says(), by: None, callback: Some(callback.id.clone()), at: callback.received_at };
        Ok(match self.paused.answer(&task.id, answer).await? {
            Answered::Resumed(task) => (Outcome::Accepted, Some(task)),
            Answered::Before(task, before) if before.callback.as_deref() == Some(&callback.id) => {
                (Outcome::Accepted, Some(task))
            }
            Answered::Before(task, before) if before.says == response.says() => (Outcome::Duplicate, Some(task)),
            Answered::Before(task, _) => (Outcome::Conflicting, Some(task)),
            Answered::TooLate(task) => (Outcome::Late, Some(task)),
            Answered::NotYet(task) => (Outcome::Parked, Some(task)),
            Answered::NotFound => (Outcome::Unknown, None),
        })
    }

    /// The request that a callback is about, and what is to be done.
    async fn find(
        &self,
        callback: &Callback,
        response: &ValuationResponse,
    ) -> Result<(Verdict, Option<PausedTask>), AwsError> {
        let signed = match &callback.request {
            SignedRequest::Signed(id) => self.paused.get(id).await?,
            SignedRequest::Absent | SignedRequest::Forged => None,
        };
        let url = match (&callback.request, &signed) {
            (SignedRequest::Absent, _) => UrlSays::Nothing,
            (SignedRequest::Forged, _) => UrlSays::Forged,
            (SignedRequest::Signed(_), None) => UrlSays::NoSuchRequest,
            (SignedRequest::Signed(_), Some(task)) => UrlSays::Request(task),
        };
        let by_reference = match self.request_of(&response.valuation_reference).await? {
            Some(id) => self.paused.get(&id).await?,
            None => None,
        };
        let being_requested =
            url == UrlSays::Nothing && by_reference.is_none() && self.paused.any_being_requested().await?;
        let verdict = matching::decide(&callback.id, url, by_reference.as_ref(), response, being_requested);
        Ok((verdict, signed.or(by_reference)))
    }

    /// The valuation service has told its reference of a request. Callbacks that came before are settled now.
    ///
    /// # Errors
    /// [`ReferenceError::Reused`] when the service gave another request the same reference before: a callback that names
    /// it could then be about either.
    pub async fn reference_known(&self, valuation_reference: &str, task: &PausedTask) -> Result<(), ReferenceError> {
        self.keep_reference(valuation_reference, &task.id).await?;
        self.paused.requested(&task.id, valuation_reference).await?;
        for id in self.parked(valuation_reference).await? {
            if let Some(callback) = self.get(&id).await? {
                self.settle(callback).await?;
            }
        }
        Ok(())
    }
}
