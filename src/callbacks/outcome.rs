//! The outcome of a callback, and the response to the valuation service.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::Malformed;
use crate::refusals::Problem;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Stored but not settled yet.
    Received,
    /// It is the answer to its request, and its execution has gone on with it or is about to: the task says which.
    Accepted,
    /// Parked until its reference is known.
    Parked,
    /// The same answer was already accepted.
    Duplicate,
    /// A different answer was already accepted.
    Conflicting,
    /// The execution continued without it.
    Late,
    /// Its reference belongs to no request, or not to the one that its address was signed for.
    Unknown,
    /// Its address has no valid signature.
    Refused,
    /// Its reference was not known yet, and too many callbacks were parked already.
    TooMany,
    /// Its body is not valid, for this reason.
    Malformed(Malformed),
}

impl Outcome {
    /// The stored name.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Accepted => "accepted",
            Self::Parked => "parked",
            Self::Duplicate => "duplicate",
            Self::Conflicting => "conflicting",
            Self::Late => "late",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::TooMany => "too_many",
            Self::Malformed(_) => "malformed",
        }
    }

    pub fn from_key(key: &str, detail: Option<&str>) -> Option<Self> {
        Some(match key {
            "received" => Self::Received,
            "accepted" => Self::Accepted,
            "parked" => Self::Parked,
            "duplicate" => Self::Duplicate,
            "conflicting" => Self::Conflicting,
            "late" => Self::Late,
            "unknown" => Self::Unknown,
            "refused" => Self::Refused,
            "too_many" => Self::TooMany,
            "malformed" => Self::Malformed(Malformed::from_key(detail?)?),
            _ => return None,
        })
    }

    /// Whether the outcome cannot change any more. An unknown reference may still become known.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Received | Self::Parked | Self::Unknown)
    }

    /// Whether the callback holds an answer that will not be used. A duplicate holds nothing new.
    pub fn is_loss(&self) -> bool {
        match self {
            Self::Received | Self::Accepted | Self::Parked | Self::Duplicate => false,
            Self::Conflicting | Self::Late | Self::Unknown | Self::Refused | Self::TooMany | Self::Malformed(_) => true,
        }
    }

    /// The response to the valuation service. `callback` is the id of the stored callback.
    pub fn respond(&self, callback: &str) -> Response {
        let said = |status: StatusCode, detail: &str| {
            (status, Json(json!({ "outcome": self.key(), "detail": detail, "callback": callback }))).into_response()
        };
        let problem = |status: StatusCode, kind: &'static str, title: &'static str, detail: &str| {
            Problem::new(status, kind, title, detail).with("callback", callback).into_response()
        };
        match self {
            Self::Accepted => said(StatusCode::OK, "The valuation was accepted."),
            Self::Received => said(StatusCode::ACCEPTED, "The callback was stored and will be used."),
            Self::Parked => said(
                StatusCode::ACCEPTED,
                "The callback was stored. It will be used once the response to the valuation request gives this reference.",
            ),
            Self::Duplicate => problem(
                StatusCode::CONFLICT,
                "duplicate-callback",
                "Duplicate callback",
                "This valuation had been received and used before; the callback was kept, not used. \
                 Task Timed Out: 'Provided task does not exist anymore'",
            ),
            Self::Conflicting => problem(
                StatusCode::CONFLICT,
                "conflicting-callback",
                "Conflicting callback",
                "Another answer to this valuation request was already used; the callback was kept, not used.",
            ),
            Self::Late => problem(
                StatusCode::CONFLICT,
                "late-callback",
                "Late callback",
                "Task Timed Out: 'Provided task does not exist anymore'. The application has gone on without this \
                 valuation; the callback was kept, not used.",
            ),
            Self::Unknown => problem(
                StatusCode::NOT_FOUND,
                "unknown-valuation-reference",
                "Unknown valuation reference",
                "Unknown valuation reference. The valuation request that this callback answers was not given it; the \
                 callback was kept, not used.",
            ),
            Self::Refused => {
                let refused = problem(
                    StatusCode::UNAUTHORIZED,
                    "forged-callback-url",
                    "Not this desk's callback URL",
                    "The callback's address carries no valid signature of this desk; the callback was not used. Call back \
                     at exactly the callbackUrl of the valuation request, with its query string.",
                );
                ([(header::WWW_AUTHENTICATE, "Callback-URL")], refused).into_response()
            }
            Self::TooMany => {
                let refused = problem(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "too-many-callbacks",
                    "Too many callbacks",
                    "Too many callbacks wait for the answer to this valuation request already; this one was not used. \
                     Call back again after the valuation request has been answered.",
                );
                ([(header::RETRY_AFTER, "10")], refused).into_response()
            }
            Self::Malformed(why) => {
                let status = match why {
                    Malformed::NotJson => StatusCode::BAD_REQUEST,
                    Malformed::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                    Malformed::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    _ => StatusCode::UNPROCESSABLE_ENTITY,
                };
                problem(status, "malformed-callback", "Malformed callback", &format!("{why}. The callback was kept."))
            }
        }
    }
}
