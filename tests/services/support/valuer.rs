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
    /// It accepts requests and never calls back.
    Never,
    /// It rejects requests.
    Refuses,
    /// It answers requests with 503.
    Unavailable,
    /// It accepts requests, but its answer is lost.
    BreaksOff,
    /// It gives each request the reference of the first.
    Reuses,
}

/// A callback: path with query, and body.
pub type Callback = (String, Value);

/// A valuation request that the service has accepted.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The name or number of the property.
    pub property: String,
    /// The signed path to call back at.
    pub path: String,
    pub reference: String,
}

pub struct Valuer {
    state: Mutex<State>,
}

struct State {
    answers: Answers,
    requests: usize,
    /// Accepted requests by idempotency key: a request that is repeated gets the answer that it got before.
    known: HashMap<String, Accepted>,
    /// The same requests, oldest first.
    accepted: Vec<Accepted>,
    /// Callbacks that the desk has not acknowledged yet.
    due: Vec<Callback>,
    /// Callbacks that the desk has acknowledged, with the id that it gave each.
    acknowledged: Vec<(Callback, String)>,
    /// Where early callbacks go.
    desk: Option<Router>,
}

/// What it values every property at, in pounds.
pub const VALUE: u32 = 500_000;

impl Valuer {
    pub fn new(answers: Answers) -> Arc<Self> {
        let state = State {
            answers,
            requests: 0,
            known: HashMap::new(),
            accepted: Vec::new(),
            due: Vec::new(),
            acknowledged: Vec::new(),
            desk: None,
        };
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

    pub fn due(&self) -> Vec<Callback> {
        self.state.lock().unwrap().due.clone()
    }

    /// The requests that it has accepted, oldest first.
    pub fn accepted(&self) -> Vec<Accepted> {
        self.state.lock().unwrap().accepted.clone()
    }

    /// The callbacks that the desk has acknowledged, with the id that it gave each.
    pub fn acknowledged(&self) -> Vec<(Callback, String)> {
        self.state.lock().unwrap().acknowledged.clone()
    }

    /// The desk has answered a callback. Unless it failed, the callback need not be sent again.
    pub fn answered(&self, callback: &Callback, status: StatusCode, body: &Value) {
        if status.is_server_error() {
            return;
        }
        let mut state = self.state.lock().unwrap();
        if let Some(at) = state.due.iter().position(|other| other == callback) {
            state.due.remove(at);
        }
        if let Some(id) = body["callback"].as_str() {
            state.acknowledged.push((callback.clone(), id.to_owned()));
        }
    }
}

/// Posts JSON to a desk in this process.
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
            match state.answers {
                Answers::Refuses => {
                    return Ok(Answer { status: StatusCode::UNPROCESSABLE_ENTITY, body: "{}".into() });
                }
                Answers::Unavailable => {
                    return Ok(Answer { status: StatusCode::SERVICE_UNAVAILABLE, body: "{}".into() });
                }
                _ => {}
            }
            let known = key.as_ref().and_then(|key| state.known.get(key)).cloned();
            let is_repeated = known.is_some();
            let accepted = known.unwrap_or_else(|| Accepted {
                property: body["property"]["nameOrNumber"].as_str().unwrap_or_default().to_owned(),
                path: path.clone(),
                reference: match state.accepted.first() {
                    Some(first) if state.answers == Answers::Reuses => first.reference.clone(),
                    _ => format!("V-{:04}", state.requests),
                },
            });
            let reference = accepted.reference.clone();
            if !is_repeated {
                state.accepted.push(accepted.clone());
                state.known.extend(key.map(|key| (key, accepted)));
            }
            let value = json!({ "valuationReference": reference, "propertyValue": VALUE });
            let failure = json!({ "valuationReference": reference, "failed": true });
            match state.answers {
                _ if is_repeated => {}
                Answers::Values => state.due.push((path.clone(), value)),
                Answers::Twice => state.due.extend([(path.clone(), value.clone()), (path.clone(), value)]),
                Answers::Fails => state.due.push((path.clone(), failure)),
                Answers::Early => state.due.push((path.clone(), value)),
                _ => {}
            }
            (state.answers, reference, state.desk.clone())
        };
        match (answers, desk) {
            (Answers::Early, Some(desk)) => {
                // When the desk fails, the callback stays due.
                let callback = (path, json!({ "valuationReference": reference, "propertyValue": VALUE }));
                let (status, body) = post(desk, &callback.0, &callback.1).await;
                self.answered(&callback, status, &body);
            }
            (Answers::BreaksOff, _) => return Err(NoAnswer::BrokeOff("a fault of the test's".to_owned())),
            _ => {}
        }
        let body = json!({ "valuationReference": reference }).to_string();
        Ok(Answer { status: StatusCode::CREATED, body: body.into() })
    }
}
