//! A callback as it is stored, and what a story needs of it.

use std::time::Duration;

use app::domain::Money;
use time::OffsetDateTime;

use super::{Outcome, Valuation, ValuationResponse};
use crate::{signing::SignedRequest, valuation};

/// How long a callback is kept that belongs to no application.
const KEPT_UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);

/// A callback as received.
#[derive(Debug, Clone, PartialEq)]
pub struct Callback {
    pub id: String,
    pub received_at: OffsetDateTime,
    /// The body as text, up to [`response::LIMIT`] bytes.
    pub body: String,
    pub request: SignedRequest,
    pub outcome: Outcome,
    /// The reference of its application, if it is known.
    pub application_reference: Option<String>,
}

/// What a story needs of a callback.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    pub received_at: OffsetDateTime,
    pub outcome: Outcome,
    /// The value that it gives.
    pub value: Option<Money>,
}

impl Callback {
    /// The value that it gives. `None` when it says that the valuation failed, and when it is malformed.
    pub(super) fn value(&self) -> Option<Money> {
        match ValuationResponse::parse(&self.body).ok()?.valuation {
            Valuation::Value(value) => valuation::pounds(&value),
            Valuation::Failed => None,
        }
    }

    /// When it may be deleted. One that concerns an application is part of its story and stays.
    pub(super) fn expires_at(&self) -> Option<OffsetDateTime> {
        let is_about_nothing = self.application_reference.is_none()
            && matches!(
                self.outcome,
                Outcome::Refused | Outcome::Malformed(_) | Outcome::Unknown | Outcome::TooMany | Outcome::Parked
            );
        is_about_nothing.then(|| self.received_at + KEPT_UNUSED)
    }
}
