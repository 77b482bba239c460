//! `/api/applications`.

use std::sync::Arc;

use app::{
    desk::{Actor, ApplicationQuery, ApplicationRow, Desk, DeskError, Submission},
    domain::{ApplicationReference, ApplicationStatus},
};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{json::JsonObject, submission};
use crate::{clock::Clock, refusals::Problem, timestamp, valuation};

#[derive(Clone)]
struct Api {
    desk: Arc<dyn Desk>,
    clock: Clock,
}

pub fn router(desk: Arc<dyn Desk>, clock: Clock) -> Router {
    Router::new()
        .route("/api/applications", get(list).post(submit))
        .route("/api/applications/{reference}", get(read))
        .layer(DefaultBodyLimit::max(64 * 1024))
        .with_state(Api { desk, clock })
}

async fn submit(State(Api { desk, clock }): State<Api>, JsonObject(body): JsonObject) -> Result<Response, Problem> {
    let application = submission::read(body, clock.now())?;
    let reference = application.application_reference.clone();
    let status = match desk.submit(&Actor::Api, application).await? {
        Submission::Started => StatusCode::CREATED,
        Submission::AlreadyThere => StatusCode::OK,
    };
    let row = desk.application(&Actor::Api, &reference).await?;
    let row = row.ok_or_else(|| Problem::not_found("The application was not found after it was stored."))?;
    let mut response = (status, Json(show(&row))).into_response();
    // References are ASCII, so this is always a valid header.
    if let Ok(location) = HeaderValue::from_str(&path(&row)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

#[derive(Deserialize)]
struct ListQuery {
    #[serde(default)]
    search: String,
    #[serde(default)]
    status: String,
    after: Option<String>,
}

async fn list(State(Api { desk, .. }): State<Api>, Query(query): Query<ListQuery>) -> Result<Json<Value>, Problem> {
    let status = match query.status.as_str() {
        "" => None,
        key => Some(ApplicationStatus::from_key(key).ok_or_else(|| {
            let keys: Vec<_> = ApplicationStatus::ALL.iter().map(|status| status.key()).collect();
            let detail = format!("status must be one of {}.", keys.join(", "));
            Problem::new(StatusCode::BAD_REQUEST, "unknown-status", "Not a valid query", detail)
        })?),
    };
    let query = ApplicationQuery {
        search: query.search.trim().to_owned(),
        status,
        after: query.after,
        ..ApplicationQuery::default()
    };
    let page = desk.applications(&Actor::Api, &query).await?;
    if let Some(incomplete) = desk.incomplete() {
        return Err(Problem::incomplete(incomplete));
    }
    Ok(Json(json!({
        "applications": page.rows.iter().map(show).collect::<Vec<_>>(),
        "next": page.next,
    })))
}

async fn read(State(Api { desk, .. }): State<Api>, Path(reference): Path<String>) -> Result<Json<Value>, Problem> {
    let none = || Problem::not_found(format!("There is no application with reference {reference}."));
    let parsed: ApplicationReference = reference.parse().map_err(|_| none())?;
    let row = desk.application(&Actor::Api, &parsed).await?;
    row.map(|row| Json(show(&row))).ok_or_else(none)
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::ReferenceTaken(reference) => Self::new(
                StatusCode::CONFLICT,
                "reference-taken",
                "Reference taken",
                format!(
                    "An application with reference {reference} already exists with different details. Submit under another \
                     reference."
                ),
            ),
            DeskError::NotAPage => {
                let detail = "after must be the value of next in an earlier response.";
                Self::new(StatusCode::BAD_REQUEST, "bad-cursor", "Not a valid query", detail)
            }
            DeskError::NotFound => Self::not_found("This item does not exist."),
            DeskError::AlreadyAnswered { .. } | DeskError::TooLate => {
                let detail = "This was already answered, or its deadline has passed.";
                Self::new(StatusCode::CONFLICT, "too-late", "Too late", detail)
            }
            DeskError::CannotBeCorrected => {
                let detail = "The workflow has already gone on with the recorded answer; the correction was not used.";
                Self::new(StatusCode::CONFLICT, "too-late", "Too late", detail)
            }
            DeskError::NotUsed => {
                let detail = "The workflow was no longer waiting for this answer; it was kept but not used.";
                Self::new(StatusCode::CONFLICT, "not-used", "Not used", detail)
            }
            DeskError::Unconfirmed(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unconfirmed-value", "Unusual value", format!("{error}."))
            }
            DeskError::StepFunctions(_) | DeskError::Unavailable => Self::unavailable(),
        }
    }
}

fn path(row: &ApplicationRow) -> String {
    format!("/api/applications/{}", row.application.application_reference)
}

/// The JSON representation of an application: what was submitted, and its status.
fn show(row: &ApplicationRow) -> Value {
    let mut shown = serde_json::to_value(&row.application).unwrap_or_default();
    let Some(members) = shown.as_object_mut() else { return shown };
    let decision = match row.status {
        ApplicationStatus::Approved | ApplicationStatus::Referred | ApplicationStatus::Declined => {
            Some(row.status.key())
        }
        _ => None,
    };
    members.insert("status".into(), json!(row.status.to_string()));
    members.insert("statusKey".into(), json!(row.status.key()));
    members.insert("executionArn".into(), json!(row.execution_arn));
    members.insert("valuation".into(), json!(row.valuation.as_ref().map(valuation::show)));
    members.insert("loanToValue".into(), json!(row.loan_to_value));
    members.insert("decision".into(), json!(decision));
    members.insert("remark".into(), json!(row.remark));
    members.insert("submittedAt".into(), json!(timestamp::write(row.submitted_at)));
    members.insert("updatedAt".into(), json!(timestamp::write(row.updated_at)));
    members.insert("self".into(), json!(path(row)));
    shown
}
