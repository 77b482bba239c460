//! A mock valuation service: its webhook, and the function with which its workflow calls back after a delay. The
//! property's name selects its behaviour, see `infra/mock-valuation.asl.json`.

use std::{sync::Arc, time::Duration};

use app::domain::Property;
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;
use url::Url;

use crate::{
    api::JsonBody,
    aws::{Aws, AwsError},
    invocation::{self, FunctionFailure},
    outbound::Outbound,
    random,
    refusals::Problem,
    settings::Settings,
    signing::callback_endpoint,
};

/// The path of the mock valuer.
pub const PATH: &str = "/mock-valuer/valuation-requests";

/// The value that it gives every property, in pounds.
const VALUE: u32 = 666_000;

/// The header by which a request is recognized when it is sent again.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The setting with the secret from which references are derived.
const SECRET: &str = "mock-valuer-secret";

#[derive(Clone)]
pub struct MockValuer {
    pub aws: Aws,
    pub settings: Settings,
    pub outbound: Arc<dyn Outbound>,
    /// `None` if the workflow is not deployed.
    pub state_machine_arn: Option<String>,
    pub delay: Duration,
    pub late_delay: Duration,
    /// The mock valuer calls back only to this desk, so that nobody can direct it elsewhere.
    pub public_url: Url,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValuationRequest {
    property: Property,
    callback_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SendResponse {
    callback_url: String,
    response: Value,
}

pub fn router(valuer: MockValuer) -> Router {
    Router::new().route(PATH, post(take)).layer(DefaultBodyLimit::max(16 * 1024)).with_state(valuer)
}

async fn take(
    State(valuer): State<MockValuer>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<ValuationRequest>,
) -> Response {
    valuer
        .take(headers.get(IDEMPOTENCY_KEY).map(HeaderValue::as_bytes), request)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

impl MockValuer {
    /// Accepts a request with 201 and a reference. The callback follows later.
    ///
    /// A request that is sent again with the same `Idempotency-Key` gets the same reference and no second callback.
    async fn take(&self, key: Option<&[u8]>, request: ValuationRequest) -> Result<Response, Problem> {
        let callback_url = self.allowed(&request.callback_url)?;
        if request.property.name_or_number.as_str() == "Service error" && self.is_to_fail(&request.property).await? {
            return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
        }
        let valuation_reference = match key {
            Some(key) => self.reference_of(key).await.map_err(|error| unavailable(&error))?,
            None => random::id(),
        };
        if request.property.name_or_number.as_str() == "Early callback" {
            self.call_back_early(callback_url, &valuation_reference).await.map_err(|error| unavailable(&error))?;
        } else {
            let input = json!({
                "valuationReference": valuation_reference,
                "property": request.property,
                "callbackUrl": callback_url.as_str(),
                "delaySeconds": self.delay.as_secs(),
                "lateDelaySeconds": self.late_delay.as_secs(),
            });
            self.start(&valuation_reference, input).await.map_err(|error| unavailable(&error))?;
        }
        Ok((StatusCode::CREATED, Json(json!({ "valuationReference": valuation_reference }))).into_response())
    }

    /// The reference for requests with this key. It is derived from the key, so nothing has to be stored, and from a
    /// secret, because a callback with `--callback-auth reference` must not be guessable.
    async fn reference_of(&self, key: &[u8]) -> Result<String, AwsError> {
        let secret = self.settings.get_or_keep(SECRET, random::id()).await?;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(AwsError::corrupt)?;
        mac.update(key);
        Ok(URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..16]))
    }

    /// Starts the workflow that calls back. Its execution has the name of the reference, so it starts once.
    async fn start(&self, valuation_reference: &str, input: Value) -> Result<(), AwsError> {
        let arn = self.state_machine_arn.as_deref().ok_or_else(|| AwsError::missing("state machine mock-valuation"))?;
        let start = self.aws.step_functions.start_execution().state_machine_arn(arn).name(valuation_reference);
        match start.input(input.to_string()).send().await.map_err(AwsError::from) {
            // The signature in the callback address differs after a rotation of keys.
            Err(error) if error.is("ExecutionAlreadyExists") => Ok(()),
            started => started.map(drop),
        }
    }

    /// Calls back before the request is answered, unless an earlier request with this reference did so.
    async fn call_back_early(&self, url: Url, valuation_reference: &str) -> Result<(), AwsError> {
        if self.settings.count(&format!("mock-valuer-early-callbacks {valuation_reference}")).await? > 1 {
            return Ok(());
        }
        let response = json!({ "valuationReference": valuation_reference, "propertyValue": VALUE });
        if let Err(failure) = self.call_back(url, &response).await {
            tracing::warn!(%failure, "the mock valuer's early callback did not arrive");
        }
        Ok(())
    }

    /// Fails two of three requests for a property.
    async fn is_to_fail(&self, property: &Property) -> Result<bool, Problem> {
        let requests = self.settings.count(&format!("mock-valuer-requests {}", property.postcode)).await;
        requests.map(|n| !n.is_multiple_of(3)).map_err(|error| unavailable(&error))
    }

    fn allowed(&self, callback_url: &str) -> Result<Url, Problem> {
        match callback_url.parse::<Url>() {
            Ok(url) if is_callback_url(&url, &self.public_url) => Ok(url),
            _ => Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "callback-url",
                "Not a callback URL",
                format!(
                    "callbackUrl: the mock valuer calls back to this desk only, at an address that begins with {}. If \
                     the desk has another public address, set it with --public-url.",
                    callback_endpoint(&self.public_url)
                ),
            )),
        }
    }

    /// The function that the `SendResponse` state of the mock workflow invokes.
    pub async fn send_response(&self, payload: Value) -> Result<Value, FunctionFailure> {
        let send: SendResponse = invocation::read(payload)?;
        let url = self
            .allowed(&send.callback_url)
            .map_err(|_| FunctionFailure::InvalidApplication("callbackUrl is not this desk's".to_owned()))?;
        let status = self.call_back(url, &send.response).await?;
        Ok(json!({ "statusCode": status.as_u16() }))
    }

    /// Sends a callback. Refusals count as delivered; only server errors and lost responses are retried.
    async fn call_back(&self, url: Url, response: &Value) -> Result<StatusCode, FunctionFailure> {
        match self.outbound.post(url, HeaderMap::new(), response).await {
            Ok(answer) if answer.status.is_server_error() => {
                Err(FunctionFailure::CallbackNotDelivered(format!("the callback was answered {}", answer.status)))
            }
            Ok(answer) => Ok(answer.status),
            Err(error) => Err(FunctionFailure::CallbackNotDelivered(format!("the callback's receiver {error}"))),
        }
    }
}

fn unavailable(error: &AwsError) -> Problem {
    tracing::error!(%error, "the mock valuer cannot take a request");
    Problem::unavailable()
}

/// Whether the URL is the desk's callback endpoint.
fn is_callback_url(url: &Url, public_url: &Url) -> bool {
    let endpoint = callback_endpoint(public_url);
    url.origin() == endpoint.origin() && url.path() == endpoint.path()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_calls_back_only_to_the_desk() {
        let is_own = |url: &str| is_callback_url(&url.parse().unwrap(), &"http://127.0.0.1:3000".parse().unwrap());
        assert!(is_own("http://127.0.0.1:3000/api/valuations?request=a.b"));
        for other in [
            "http://127.0.0.1:3001/api/valuations",
            "http://localhost:3000/api/valuations",
            "https://127.0.0.1:3000/api/valuations",
            "http://127.0.0.1:3000@evil.example/api/valuations",
            "http://127.0.0.1:3000/api/applications",
            "http://127.0.0.1:3000/api/valuations/../applications",
            "file:///api/valuations",
        ] {
            assert!(!is_own(other), "{other}");
        }
    }
}
