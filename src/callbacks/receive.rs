//! Receiving a callback: it is stored before it is acknowledged.

use super::{Callback, Callbacks, Malformed, Outcome, ValuationResponse, Verdict, settle::answer_of, store};
use crate::{
    aws::AwsError,
    random,
    signing::SignedRequest,
    tasks::{Along, Answered},
};

/// The number of slots for callbacks by unknown senders. A new one replaces a random other one.
const STRANGERS: u32 = 200;

/// The number of bytes kept of the body of such a callback.
const STRANGERS_BODY: usize = 1024;

impl Callbacks {
    /// Writes a callback down. From then on it is not lost: the reconciler settles it if nobody else does. A callback that
    /// answers its request is written together with the answer, and sent on at once.
    ///
    /// `unread` says why the body was not read, if it was not.
    pub async fn receive(
        &self,
        parameter: Option<&str>,
        mut body: String,
        unread: Option<Malformed>,
    ) -> Result<Callback, AwsError> {
        let request = self.urls.check(parameter);
        let malformed = unread.or_else(|| ValuationResponse::parse(&body).err());
        let outcome = match malformed {
            _ if !self.counts(&request) => Outcome::Refused,
            Some(malformed) => Outcome::Malformed(malformed),
            None => Outcome::Received,
        };
        let is_strangers = outcome.is_final() && !matches!(request, SignedRequest::Signed(_));
        let id = if is_strangers {
            body.truncate(body.floor_char_boundary(STRANGERS_BODY));
            format!("stranger-{}", random::below(STRANGERS))
        } else {
            random::id()
        };
        let received_at = self.aws.clock.now();
        let callback = Callback { id, received_at, body, request, outcome, application_reference: None };
        if callback.outcome == Outcome::Received {
            match self.answer_at_once(&callback).await {
                Ok(Some(accepted)) => return Ok(accepted),
                Ok(None) => {}
                Err(error) => tracing::warn!(callback = callback.id, %error, "cannot answer at once with a callback"),
            }
        }
        self.put(&callback).await?;
        Ok(callback)
    }

    /// Answers the request that a new callback is about, and writes the callback down in the same transaction. Returns
    /// `None` when it is to be written down and settled like any other: it answers nothing, or its answer was not taken.
    async fn answer_at_once(&self, callback: &Callback) -> Result<Option<Callback>, AwsError> {
        let Ok(response) = ValuationResponse::parse(&callback.body) else { return Ok(None) };
        let (Verdict::Answer, Some(task)) = self.find(callback, &response).await? else { return Ok(None) };
        let accepted = Callback {
            outcome: Outcome::Accepted,
            application_reference: Some(task.application_reference.to_string()),
            ..callback.clone()
        };
        let along = Along { claimed: Some(store::put(&accepted)), refused: Some(store::late), ..Along::default() };
        let answered = self.paused.answer(&task.id, answer_of(callback, &response), along).await?;
        self.applications.nudge();
        let Answered::Resumed(_) = answered else { return Ok(None) };
        tracing::info!(callback = callback.id, application = accepted.application_reference, "callback accepted");
        Ok(Some(accepted))
    }
}
