//! What became of a callback, and what the valuation service is told of it.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::Malformed;
use crate::problem::Problem;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Written down, not settled yet.
    Received,
    /// It resumed its execution.
    Accepted,
    /// It waits for the valuation service to tell its reference.
    Parked,
    /// The same had been accepted before.
    Duplicate,
    /// Another had been accepted before.
    Conflicting,
    /// The execution has gone on without it.
    Late,
    /// It names a reference that no request has, or not the request that its address was signed for.
    Unknown,
    /// Its address carries no signature that counts.
    Refused,
    /// It came before its reference was known, when too many others waited for that already.
    TooMany,
    /// It says nothing that can be used; this is why.
    Malformed(Malformed),
}

impl Outcome {
    /// The name it is kept under.
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

    /// Whether nothing that is learnt later can change it. An unknown reference may be told yet.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Received | Self::Parked | Self::Unknown)
    }

    /// The answer to the valuation service. `callback` is the id the callback is kept under.
    pub fn respond(&self, callback: &str) -> Response {
        let said = |status: StatusCode, detail: &str| {
            (status, Json(json!({ "outcome": self.key(), "detail": detail, "callback": callback }))).into_response()
        };
        let problem = |status: StatusCode, kind: &'static str, title: &'static str, detail: &str| {
            Problem::new(status, kind, title, detail).with("callback", callback).into_response()
        };
        match self {
            Self::Accepted => said(StatusCode::OK, "The valuation was taken."),
            Self::Received => said(StatusCode::ACCEPTED, "The callback was kept and will be used."),
            Self::Parked => said(
                StatusCode::ACCEPTED,
                "The callback was kept. It will be used when the answer to the valuation request names this reference.",
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
                "Another answer to this valuation request had been used before; the callback was kept, not used.",
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
