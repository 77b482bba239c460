//! Strict parsing of JSON bodies with clear errors.

use axum::{
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::refusals::Problem;

/// A JSON body of type `T`; anything else is a [`Problem`] that says what is wrong, and where.
pub struct JsonBody<T>(pub T);

/// Whether the body is declared as JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// A JSON body that is an object, whose members the handler reads itself.
pub struct JsonObject(pub Map<String, Value>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let JsonObject(members) = JsonObject::from_request(request, state).await?;
        parse(Value::Object(members)).map(Self)
    }
}

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                "Not JSON",
                "Send the body as application/json.",
            ));
        }
        let body = Bytes::from_request(request, state).await.map_err(|error| Problem::of_status(error.status()))?;
        object(&body).map(Self)
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let json: Value = serde_json::from_slice(body).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "not-json", "Not JSON", format!("The body is not JSON: {error}"))
    })?;
    match json {
        Value::Object(members) => Ok(members),
        // serde would accept an array as the values of the fields in order.
        _ => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            "Not valid",
            "The body must be a JSON object.",
        )),
    }
}

fn parse<T: DeserializeOwned>(json: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(json).map_err(|error| {
        let path = error.path().to_string();
        let detail = if path == "." { error.inner().to_string() } else { format!("{path}: {}", error.inner()) };
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Not valid", detail)
    })
}

#[cfg(test)]
mod tests {
    use app::domain::LoanApplication;
    use axum::{http::HeaderValue, response::IntoResponse};

    use super::*;

    fn refused(body: &str) -> (u16, String) {
        let read = object(body.as_bytes()).and_then(|members| parse::<LoanApplication>(Value::Object(members)));
        let problem = read.unwrap_err();
        let text = format!("{problem:?}");
        (problem.into_response().status().as_u16(), text)
    }

    #[test]
    fn invalid_json_is_distinguished_from_invalid_values() {
        assert_eq!(refused("{").0, 400);
        assert_eq!(refused("{} {}").0, 400);
        let (status, text) =
            refused(r#"{"applicationReference": "a", "property": {"nameOrNumber": "1", "postcode": "nowhere"}}"#);
        assert_eq!(status, 422);
        assert!(text.contains("property.postcode: enter a full UK postcode"), "{text}");
        let (status, text) = refused(r#"["a", {"nameOrNumber": "1", "postcode": "PO1 1CE"}, null, null, null, null]"#);
        assert_eq!(status, 422);
        assert!(text.contains("must be a JSON object"), "{text}");
        let (_, text) = refused(r#"{"applicationReference": "a", "loanAmout": "1"}"#);
        assert!(text.contains("unknown field `loanAmout`"), "{text}");
    }

    #[test]
    fn the_content_type_determines_whether_a_body_is_json() {
        let kind = |kind: &str| HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_str(kind).unwrap())]);
        assert!(is_json(&kind("application/json")));
        assert!(is_json(&kind("Application/JSON; charset=utf-8")));
        assert!(is_json(&kind("application/vnd.valuer+json")));
        assert!(!is_json(&kind("text/plain")));
        assert!(!is_json(&HeaderMap::new()));
    }
}
