//! A valuation service for tests: it accepts every request and calls back only when a test does so.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router, extract,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};

use super::{Answer, Desk, eventually};

/// Runs for the duration of the test, even while a desk is down.
pub struct Valuer {
    /// The value for `--valuation-service-url`.
    pub url: String,
    state: State,
}

type Requests = Arc<Mutex<Vec<Request>>>;

#[derive(Clone, Default)]
struct State {
    requests: Requests,
    /// Becomes true when requests for [`HELD`] are to be answered.
    released: Arc<tokio::sync::watch::Sender<bool>>,
}

/// A request from a desk.
#[derive(Debug, Clone)]
pub struct Request {
    /// The body as received.
    pub body: Value,
    /// The reference that this service issued for it.
    pub reference: String,
    /// The header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
}

impl Valuer {
    pub async fn open() -> Self {
        let state = State::default();
        let router = Router::new().route("/requests", post(take)).with_state(state.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/requests", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    /// Answers all current and future requests for [`HELD`].
    pub fn release(&self) {
        self.state.released.send_replace(true);
    }

    pub fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Waits for a request for this property.
    pub async fn asked_for(&self, name_or_number: &str) -> Request {
        eventually(&format!("the value of {name_or_number} is asked for"), async || {
            self.requests_for(name_or_number).into_iter().next()
        })
        .await
    }

    /// Waits for a request for this property whose reference the desk has stored. (A desk that was killed before it did
    /// so has sent another request.)
    pub async fn known_to(&self, desk: &Desk, name_or_number: &str) -> Request {
        eventually(&format!("the desk knows its request for {name_or_number}"), async || {
            for request in self.requests_for(name_or_number) {
                let found = desk.get(&format!("/api/applications?search={}", request.reference)).await.json();
                if found["applications"].as_array().is_some_and(|found| !found.is_empty()) {
                    return Some(request);
                }
            }
            None
        })
        .await
    }

    fn requests_for(&self, name_or_number: &str) -> Vec<Request> {
        let is_for = |request: &Request| request.body["property"]["nameOrNumber"] == name_or_number;
        self.requests().into_iter().filter(is_for).collect()
    }
}

/// The name of a property whose request is accepted but never answered.
pub const SILENT: &str = "Silent";

/// The name of a property whose request gets the same reference as the previous request.
pub const SAME_REFERENCE: &str = "Same reference";

/// The name of a property whose request is accepted but answered only after [`Valuer::release`].
pub const HELD: &str = "Held";

/// The name of a property whose first request is answered with 503.
pub const BUSY: &str = "Busy";

async fn take(
    extract::State(state): extract::State<State>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let name = body["property"]["nameOrNumber"].as_str().unwrap_or_default().to_owned();
    let (reference, is_first) = keep(&state.requests, &headers, body);
    if name == SILENT {
        std::future::pending::<()>().await;
    }
    if name == HELD {
        // An error means that the test has ended.
        let _ = state.released.subscribe().wait_for(|released| *released).await;
    }
    if name == BUSY && is_first {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({})));
    }
    (StatusCode::CREATED, Json(json!({ "valuationReference": reference })))
}

/// Stores a request. Returns its reference, and whether it is the first one for its property.
fn keep(requests: &Requests, headers: &HeaderMap, body: Value) -> (String, bool) {
    let mut requests = requests.lock().unwrap();
    let name = &body["property"]["nameOrNumber"];
    let is_first = !requests.iter().any(|before| before.body["property"]["nameOrNumber"] == *name);
    // All references have the same length, so that a search for one does not match another.
    let reference = format!("V-{:04}", requests.len() + usize::from(name != SAME_REFERENCE));
    let key = headers.get("idempotency-key").map(|key| key.to_str().expect("plain ASCII").to_owned());
    requests.push(Request { body, reference: reference.clone(), idempotency_key: key });
    (reference, is_first)
}

impl Request {
    /// The path of the signed callback address.
    pub fn callback_path(&self) -> &str {
        let url = self.body["callbackUrl"].as_str().expect("a callback URL");
        &url[url.find("/api/").expect("an address of the desk's")..]
    }

    /// Calls back with a failure: the property could not be valued.
    pub async fn fails(&self, desk: &Desk) {
        let failed = json!({ "valuationReference": self.reference, "propertyValue": 0, "failed": true });
        let answer = desk.post(self.callback_path(), &failed).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Calls back with a value in pounds.
    pub async fn answer(&self, desk: &Desk, pounds: u32) -> Answer {
        desk.post(self.callback_path(), &json!({ "valuationReference": self.reference, "propertyValue": pounds })).await
    }
}
