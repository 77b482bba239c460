//! A substitute for services that records requests and answers with what a test has prepared, in the format of each
//! service.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response, Uri},
};
use serde_json::{Value, json};

/// A recorded request.
pub struct Asked {
    pub method: Method,
    pub uri: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("UTF-8")
    }
}

/// A prepared answer.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Reply {
    pub fn ok(body: impl ToString) -> Self {
        Self::with(200, body)
    }

    pub fn with(status: u16, body: impl ToString) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string() }
    }

    pub fn and(mut self, header: &'static str, value: &str) -> Self {
        self.headers.push((header, value.to_owned()));
        self
    }

    /// SQS's acknowledgement of a message, byte for byte.
    pub fn message_sent() -> Self {
        let body = json!({
            "MD5OfMessageBody": "0123456789abcdef0123456789abcdef",
            "MessageId": "01234567-89ab-cdef-0123-456789abcdef",
        });
        Self::ok(body).and("x-amzn-requestid", "request-1")
    }
}

#[derive(Default)]
struct Log {
    asked: Mutex<VecDeque<Asked>>,
    replies: Mutex<VecDeque<Reply>>,
}

pub struct Services {
    pub url: String,
    log: Arc<Log>,
}

impl Services {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let log = Arc::new(Log::default());
        let router = Router::new().fallback(answer).with_state(log.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, log }
    }

    /// Answers the next request that has no answer yet.
    pub fn will(&self, reply: Reply) -> &Self {
        self.log.replies.lock().expect("not poisoned").push_back(reply);
        self
    }

    /// The first request that has not been inspected yet.
    pub fn asked(&self) -> Asked {
        self.log.asked.lock().expect("not poisoned").pop_front().expect("a request")
    }

    pub fn was_asked_nothing(&self) -> bool {
        self.log.asked.lock().expect("not poisoned").is_empty()
    }
}

async fn answer(
    State(log): State<Arc<Log>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    log.asked.lock().expect("not poisoned").push_back(Asked { method, uri: uri.to_string(), headers, body });
    let reply = log.replies.lock().expect("not poisoned").pop_front();
    let Some(reply) = reply else {
        // No answer was prepared, so the request is never answered.
        return std::future::pending().await;
    };
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).expect("a response")
}
