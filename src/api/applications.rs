//! `/api/applications`.

use app::{
    desk::Sort,
    domain::{ApplicationReference, ApplicationStatus, LoanApplication},
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

use super::JsonBody;
use crate::{
    applications::{Applications, Cursor, Record, SubmitError, Submitted},
    aws::AwsError,
    problem::Problem,
    timestamp,
};

/// Characters of a name, of a person or of a property.
const NAME_LIMIT: usize = 200;

pub fn router(applications: Applications) -> Router {
    Router::new()
        .route("/api/applications", get(list).post(submit))
        .route("/api/applications/{reference}", get(read))
        .layer(DefaultBodyLimit::max(64 * 1024))
        .with_state(applications)
}

/// What the types of an application leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("property.nameOrNumber: enter the property's name or number, at most 200 characters")]
    Property,
    #[error("applicant: leave it out, or enter a name of at most 200 characters")]
    Applicant,
    #[error("loanAmount: leave it out, or enter an amount above £0")]
    LoanAmount,
    #[error("estimatedValue: leave it out, or enter an amount above £0")]
    EstimatedValue,
    #[error("termYears: leave it out, or enter 1 to 40 years")]
    Term,
}

/// Checks an application that no form has checked.
pub fn check(application: &LoanApplication) -> Result<(), Wrong> {
    let named = |name: &str| !name.trim().is_empty() && name.chars().count() <= NAME_LIMIT;
    if !named(&application.property.name_or_number) {
        return Err(Wrong::Property);
    }
    if application.applicant.as_deref().is_some_and(|name| !named(name)) {
        return Err(Wrong::Applicant);
    }
    if application.loan_amount.is_some_and(|amount| amount.is_zero()) {
        return Err(Wrong::LoanAmount);
    }
    if application.estimated_value.is_some_and(|value| value.is_zero()) {
        return Err(Wrong::EstimatedValue);
    }
    if application.term_years.is_some_and(|years| !(1..=40).contains(&years)) {
        return Err(Wrong::Term);
    }
    Ok(())
}

async fn submit(
    State(applications): State<Applications>,
    JsonBody(application): JsonBody<LoanApplication>,
) -> Result<Response, Problem> {
    check(&application)
        .map_err(|wrong| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Not valid", wrong.to_string()))?;
    let status = match applications.submit(&application, None).await {
        Ok(Submitted::Now) => StatusCode::CREATED,
        Ok(Submitted::Before) => StatusCode::OK,
        Err(SubmitError::ReferenceTaken(reference)) => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "reference-taken",
                "Reference taken",
                format!(
                    "An application with reference {reference} exists already, with other details. Submit under another \
                     reference."
                ),
            ));
        }
        Err(SubmitError::Aws(error)) => return Err(unavailable(&error)),
    };
    let record = applications.get(&application.application_reference).await.map_err(|error| unavailable(&error))?;
    let record = record.ok_or_else(|| Problem::not_found("The application is gone again."))?;
    let mut response = (status, Json(show(&record))).into_response();
    // A reference is plain ASCII, so this is always a header.
    if let Ok(location) = HeaderValue::from_str(&path(&record)) {
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

async fn list(
    State(applications): State<Applications>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let bad = |kind, detail: String| Problem::new(StatusCode::BAD_REQUEST, kind, "Not a valid query", detail);
    let status = match query.status.as_str() {
        "" => None,
        key => Some(ApplicationStatus::from_key(key).ok_or_else(|| {
            let keys: Vec<_> = ApplicationStatus::ALL.iter().map(|status| status.key()).collect();
            bad("unknown-status", format!("status must be one of {}.", keys.join(", ")))
        })?),
    };
    let after = query.after.as_deref().map(Cursor::decode).transpose();
    let after = after.map_err(|error| bad("bad-cursor", error.to_string()))?;
    let page =
        applications.list(&query.search, status, Sort::Newest, after).await.map_err(|error| unavailable(&error))?;
    Ok(Json(json!({
        "applications": page.records.iter().map(show).collect::<Vec<_>>(),
        "next": page.next.map(|cursor| cursor.encode()),
    })))
}

async fn read(State(applications): State<Applications>, Path(reference): Path<String>) -> Result<Json<Value>, Problem> {
    let none = || Problem::not_found(format!("There is no application with reference {reference}."));
    let parsed: ApplicationReference = reference.parse().map_err(|_| none())?;
    let record = applications.get(&parsed).await.map_err(|error| unavailable(&error))?;
    record.map(|record| Json(show(&record))).ok_or_else(none)
}

fn unavailable(error: &AwsError) -> Problem {
    tracing::error!(%error, "the machine interface cannot reach its data");
    Problem::unavailable()
}

fn path(record: &Record) -> String {
    format!("/api/applications/{}", record.application.application_reference)
}

/// An application as machines read it: what was submitted, and where it stands in business words.
fn show(record: &Record) -> Value {
    let mut shown = serde_json::to_value(&record.application).unwrap_or_default();
    let Some(members) = shown.as_object_mut() else { return shown };
    let decision = match record.status {
        ApplicationStatus::Approved | ApplicationStatus::Referred | ApplicationStatus::Declined => {
            Some(record.status.key())
        }
        _ => None,
    };
    members.insert("status".into(), json!(record.status.to_string()));
    members.insert("statusKey".into(), json!(record.status.key()));
    members.insert("executionArn".into(), json!(record.execution_arn));
    members.insert("valuation".into(), json!(record.valuation.as_ref().map(valuation)));
    members.insert("loanToValue".into(), json!(record.loan_to_value));
    members.insert("decision".into(), json!(decision));
    members.insert("remark".into(), json!(record.remark));
    members.insert("submittedAt".into(), json!(timestamp::write(record.submitted_at)));
    members.insert("updatedAt".into(), json!(timestamp::write(record.updated_at)));
    members.insert("self".into(), json!(path(record)));
    shown
}

/// A valuation as whoever valued gave it, its value in pounds; but no float, which would invite rounding.
fn valuation(taken: &Value) -> Value {
    let mut shown = taken.clone();
    let is_float = taken["propertyValue"].as_number().is_some_and(serde_json::Number::is_f64);
    if let Some(value) = crate::callbacks::pounds(&taken["propertyValue"]).filter(|_| is_float) {
        shown["propertyValue"] = json!(value);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_as_it_was_given_and_never_as_a_float() {
        for (given, shown) in
            [(json!(666_000), json!(666_000)), (json!("1.50"), json!("1.50")), (json!(123456.7), json!("123456.70"))]
        {
            assert_eq!(valuation(&json!({ "propertyValue": given }))["propertyValue"], shown);
        }
    }

    #[test]
    fn what_no_form_has_checked_is_checked() {
        let seed = json!({"applicationReference": "a", "property": {"nameOrNumber": "999", "postcode": "PO1 1CE"}});
        let with = |name: &str, value: Value| -> LoanApplication {
            let mut application = seed.clone();
            application[name] = value;
            serde_json::from_value(application).unwrap()
        };
        assert_eq!(check(&serde_json::from_value(seed.clone()).unwrap()), Ok(()));
        let blank = json!({"nameOrNumber": " ", "postcode": "PO1 1CE"});
        assert_eq!(check(&with("property", blank)), Err(Wrong::Property));
        assert_eq!(check(&with("applicant", json!(""))), Err(Wrong::Applicant));
        assert_eq!(check(&with("loanAmount", json!("0"))), Err(Wrong::LoanAmount));
        assert_eq!(check(&with("estimatedValue", json!(0))), Err(Wrong::EstimatedValue));
        assert_eq!(check(&with("termYears", json!(41))), Err(Wrong::Term));
        assert_eq!(check(&with("termYears", json!(40))), Ok(()));
    }
}
