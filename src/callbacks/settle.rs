//! Settling a callback: it is matched to its request, answers it, and gets its outcome.

use super::{
    Callback, Callbacks, Outcome, UrlSays, ValuationResponse, Verdict,
    matching::{self, Received},
    store,
};
use crate::{
    aws::AwsError,
    config::CallbackAuth,
    signing::SignedRequest,
    tasks::{Along, Answer, Answered, PausedTask, Requested, State},
};

impl Callbacks {
    /// Determines what a callback means and acts on it. This is idempotent.
    pub async fn settle(&self, mut callback: Callback) -> Result<Callback, AwsError> {
        if callback.outcome.is_final() {
            return Ok(callback);
        }
        let settled = match ValuationResponse::parse(&callback.body) {
            Ok(response) => self.act_on(&callback, &response).await?,
            Err(malformed) => Settled::new(Outcome::Malformed(malformed), None),
        };
        callback.application_reference = settled.task.as_ref().map(|task| task.application_reference.to_string());
        let is_news = settled.outcome != callback.outcome;
        callback.outcome = settled.outcome;
        if is_news && !settled.is_stored {
            self.put_outcome(&callback).await?;
        }
        let (id, outcome, application) =
            (&callback.id, callback.outcome.key(), callback.application_reference.as_deref());
        if callback.outcome.is_loss() {
            tracing::warn!(callback = id, outcome, application, "callback not used");
        } else {
            tracing::info!(callback = id, outcome, application, "callback settled");
        }
        match &settled.task {
            // The task has changed, and pages learn of that.
            Some(_) if callback.outcome == Outcome::Accepted => self.applications.nudge(),
            Some(task) => {
                let response = ValuationResponse::parse(&callback.body).ok();
                let reference = response.map(|response| response.valuation_reference);
                let other = reference.as_deref().filter(|_| reference != task.valuation_reference);
                if let Err(error) = self.applications.touch(task.awaited(), other).await {
                    // The outcome is stored, so open pages will show it later.
                    tracing::warn!(callback = callback.id, %error, "cannot notify open pages of a callback");
                }
            }
            None => {}
        }
        Ok(callback)
    }

    async fn act_on(&self, callback: &Callback, response: &ValuationResponse) -> Result<Settled, AwsError> {
        let (mut verdict, mut task) = self.find(callback, response).await?;
        let may_wait = match (verdict, &callback.request) {
            (Verdict::Park, _) => true,
            // The index of pending requests may be stale.
            (Verdict::Unknown, request) => *request == SignedRequest::Absent,
            _ => false,
        };
        if may_wait {
            // The reference may become known concurrently. The request stores the reference and then looks for parked
            // callbacks; this parks the callback and then looks for the reference. At least one of them finds the
            // other.
            let is_parked = self.park(callback, response).await?;
            (verdict, task) = self.find(callback, response).await?;
            if !is_parked && verdict == Verdict::Park {
                return Ok(Settled::new(Outcome::TooMany, task));
            }
        }
        match task {
            Some(task) if verdict == Verdict::Answer => self.answer(callback, response, &task).await,
            task => Ok(Settled::new(verdict.outcome(), task)),
        }
    }

    /// Answers the request with a callback.
    async fn answer(
        &self,
        callback: &Callback,
        response: &ValuationResponse,
        task: &PausedTask,
    ) -> Result<Settled, AwsError> {
        let answer = answer_of(callback, response);
        let along = Along { answered: store::accepted(task, &answer), refused: Some(store::late), ..Along::default() };
        Ok(match self.paused.answer(&task.id, answer, along).await? {
            Answered::Resumed(task) => Settled { is_stored: true, ..Settled::new(Outcome::Accepted, Some(task)) },
            Answered::Before(task, before) if before.callback.as_deref() == Some(&callback.id) => {
                Settled::new(Outcome::Accepted, Some(task))
            }
            Answered::Before(task, before) if before.says == response.says() => {
                Settled::new(Outcome::Duplicate, Some(task))
            }
            Answered::Before(task, _) => Settled::new(Outcome::Conflicting, Some(task)),
            Answered::TooLate(task) => Settled::new(Outcome::Late, Some(task)),
            // Either this callback or an earlier one is stored with the task.
            Answered::Pending(task) => match &task.state {
                State::Answering(claimed) if claimed.callback.as_deref() != Some(&callback.id) => {
                    let is_same = claimed.says == response.says();
                    Settled::new(if is_same { Outcome::Duplicate } else { Outcome::Conflicting }, Some(task))
                }
                _ => Settled::new(Outcome::Received, Some(task)),
            },
            Answered::NotYet(task) => Settled::new(Outcome::Parked, Some(task)),
            Answered::NotFound => Settled::new(Outcome::Unknown, None),
        })
    }

    /// Parks a callback until its reference is known: with the request that its address was signed for, or else with
    /// the reference. Returns false if too many are parked already.
    async fn park(&self, callback: &Callback, response: &ValuationResponse) -> Result<bool, AwsError> {
        match &callback.request {
            SignedRequest::Signed(request) => self.paused.park(request, &callback.id).await,
            _ => self.paused.park_by_reference(&response.valuation_reference, &callback.id).await,
        }
    }

    /// Settles the callbacks that arrived before the reference of their request was known. Repeating this changes
    /// nothing.
    pub async fn settle_parked(&self, request: &Requested) -> Result<(), AwsError> {
        let mut parked = self.paused.parked(&request.id).await?;
        if self.auth == CallbackAuth::Reference {
            parked.extend(self.paused.parked_by_reference(&request.valuation_reference).await?);
        }
        for id in parked {
            if let Some(callback) = self.get(&id).await? {
                self.settle(callback).await?;
            }
        }
        Ok(())
    }

    /// Sends the answer of a task again that a desk may not have sent before it stopped, and settles the callback that
    /// brought it.
    pub async fn send_again(&self, task: &PausedTask) -> Result<(), AwsError> {
        let State::Answering(answer) = &task.state else { return Ok(()) };
        let along = Along { answered: store::accepted(task, answer), refused: Some(store::late), ..Along::default() };
        self.paused.answer(&task.id, answer.clone(), along).await?;
        // Nothing else looks for a callback that was parked.
        let Some(callback) = &answer.callback else { return Ok(()) };
        if let Some(callback) = self.get(callback).await? {
            self.settle(callback).await?;
        }
        Ok(())
    }

    /// Finds the request of a callback and decides what to do with it.
    pub(super) async fn find(
        &self,
        callback: &Callback,
        response: &ValuationResponse,
    ) -> Result<(Verdict, Option<PausedTask>), AwsError> {
        let received = Received { id: &callback.id, at: callback.received_at, response };
        if !self.counts(&callback.request) {
            return Ok((matching::decide(received, UrlSays::Forged, None, false), None));
        }
        if let SignedRequest::Signed(id) = &callback.request {
            let task = self.paused.get(id).await?;
            let url = task.as_ref().map_or(UrlSays::NoSuchRequest, UrlSays::Request);
            return Ok((matching::decide(received, url, None, false), task));
        }
        let being_requested = self.paused.any_being_requested().await?;
        // Read this afterwards, so that a request whose reference becomes known in between is found by its reference.
        let by_reference = match self.paused.request_of(&response.valuation_reference).await? {
            Some(id) => self.paused.get(&id).await?,
            None => None,
        };
        let verdict = matching::decide(received, UrlSays::Nothing, by_reference.as_ref(), being_requested);
        // A callback from before the request does not belong to the application.
        Ok((verdict, by_reference.filter(|_| verdict != Verdict::Unknown)))
    }

    /// Whether a callback with such an address may be used.
    pub(super) fn counts(&self, request: &SignedRequest) -> bool {
        match request {
            SignedRequest::Signed(_) => true,
            SignedRequest::Absent => self.auth == CallbackAuth::Reference,
            SignedRequest::Forged => false,
        }
    }
}

pub(super) fn answer_of(callback: &Callback, response: &ValuationResponse) -> Answer {
    Answer {
        says: response.says(),
        by: None,
        callback: Some(callback.id.clone()),
        at: callback.received_at,
        versions: Vec::new(),
    }
}

/// What a callback came to.
struct Settled {
    outcome: Outcome,
    /// The request that it belongs to.
    task: Option<PausedTask>,
    /// Whether the outcome was already stored together with the answer.
    is_stored: bool,
}

impl Settled {
    fn new(outcome: Outcome, task: Option<PausedTask>) -> Self {
        Self { outcome, task, is_stored: false }
    }
}
