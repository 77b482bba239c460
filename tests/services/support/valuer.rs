//! A valuation service that a test scripts. It answers in-process, and the test delivers its callbacks.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use axum::{Router, body::Body};
use http::{HeaderMap, Request, StatusCode};
use loan_desk::outbound::{Answer, NoAnswer, Outbound};
use serde_json::{Value, json};
use tower::ServiceExt;
use url::Url;

/// How the valuation service behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// It calls back with a value.
    Values,
    /// It calls back with the same value twice.
    Twice,
    /// It calls back before it has answered the request.
    Early,
    /// It calls back that the property cannot be valued.
    Fails,
    /// It takes requests and never calls back.
    Never,
    /// It does not take requests.
    Refuses,
}

pub struct Valuer {
    state: Mutex<State>,
}

struct State {
    answers: Answers,
    requests: usize,
    /// References by idempotency key: a request that is repeated gets the answer that it got before.
    known: HashMap<String, String>,
    /// Callbacks that the desk has not acknowledged yet: path and body.
    due: Vec<(String, Value)>,
    /// Where early callbacks go.
    desk: Option<Router>,
}

/// What it values every property at, in pounds.
const VALUE: u32 = 500_000;

impl Valuer {
    pub fn new(answers: Answers) -> Arc<Self> {
        let state = State { answers, requests: 0, known: HashMap::new(), due: Vec::new(), desk: None };
        Arc::new(Self { state: Mutex::new(state) })
    }

    pub fn answers(&self, answers: Answers) {
        self.state.lock().unwrap().answers = answers;
    }

    pub fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    pub fn reaches(&self, desk: Router) {
        self.state.lock().unwrap().desk = Some(desk);
    }

    /// The desk is not there, so that early callbacks are sent later.
    pub fn reaches_nobody(&self) {
        self.state.lock().unwrap().desk = None;
    }

    pub fn due(&self) -> Vec<(String, Value)> {
        self.state.lock().unwrap().due.clone()
    }

    /// The desk has acknowledged one of its callbacks.
    pub fn delivered(&self, callback: &(String, Value)) {
        let due = &mut self.state.lock().unwrap().due;
        if let Some(at) = due.iter().position(|other| other == callback) {
            due.remove(at);
        }
    }
}

/// Posts JSON to a desk in this process; `None` when it never answers.
pub async fn post(desk: Router, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = Request::post(path)
        .header("host", "desk.test")
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .expect("a request");
    let response = desk.oneshot(request).await.expect("an answer");
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[async_trait]
impl Outbound for Valuer {
    async fn post(&self, _: Url, headers: HeaderMap, body: &Value) -> Result<Answer, NoAnswer> {
        let url: Url = body["callbackUrl"].as_str().expect("a callback URL").parse().expect("a URL");
        let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
        let (answers, reference, desk) = {
            let mut state = self.state.lock().unwrap();
            state.requests += 1;
            let number = state.requests;
            let known = key.as_ref().and_then(|key| state.known.get(key)).cloned();
            let is_repeated = known.is_some();
            let reference = known.unwrap_or_else(|| format!("V-{number:04}"));
            if let Some(key) = key {
                state.known.insert(key, reference.clone());
            }
            let value = json!({ "valuationReference": reference, "propertyValue": VALUE });
            let failure = json!({ "valuationReference": reference, "failed": true });
            match state.answers {
                _ if is_repeated => {}
                Answers::Values => state.due.push((path.clone(), value)),
                Answers::Twice => state.due.extend([(path.clone(), value.clone()), (path.clone(), value)]),
                Answers::Fails => state.due.push((path.clone(), failure)),
                Answers::Early | Answers::Never | Answers::Refuses => {}
            }
            (state.answers, reference, state.desk.clone())
        };
        if answers == Answers::Refuses {
            return Ok(Answer { status: StatusCode::UNPROCESSABLE_ENTITY, body: "{}".into() });
        }
        if answers == Answers::Early {
            let callback = (path, json!({ "valuationReference": reference, "propertyValue": VALUE }));
            let is_taken = match desk {
                Some(desk) => !post(desk, &callback.0, &callback.1).await.0.is_server_error(),
                None => false,
            };
            if !is_taken {
                self.state.lock().unwrap().due.push(callback);
            }
        }
        let body = json!({ "valuationReference": reference }).to_string();
        Ok(Answer { status: StatusCode::CREATED, body: body.into() })
    }
}
