//! HTTP requests that the desk sends to other programs.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use reqwest::redirect::Policy;
use serde_json::Value;
use url::Url;

/// The timeout of a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// The number of bytes of a response that are read. The rest is ignored.
const ANSWER_LIMIT: usize = 64 * 1024;

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    /// The body, truncated after about [`ANSWER_LIMIT`] bytes.
    pub body: Bytes,
}

/// Why there is no response. The request may have arrived nevertheless. The message does not contain the address, which
/// may contain a password or a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    #[error("broke off: {0}")]
    BrokeOff(String),
}

/// Sends JSON in POST requests. Tests implement it in-process, without a socket.
#[async_trait]
pub trait Outbound: Send + Sync + 'static {
    async fn post(&self, url: Url, headers: HeaderMap, body: &Value) -> Result<Answer, NoAnswer>;
}

/// Sends requests over the network.
pub struct Network(reqwest::Client);

impl Network {
    /// # Errors
    /// Fails if the system's root certificates cannot be used.
    pub fn new() -> reqwest::Result<Self> {
        // Use the same provider as the SDK. An error means that one is already installed.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            // A proxy from the environment would see the signed callback addresses, and could not connect to this
            // machine, which is the target of most requests.
            .no_proxy()
            .timeout(PATIENCE)
            .build()?;
        Ok(Self(client))
    }
}

#[async_trait]
impl Outbound for Network {
    async fn post(&self, url: Url, headers: HeaderMap, body: &Value) -> Result<Answer, NoAnswer> {
        let sent = self.0.post(url).headers(headers).json(body).send().await;
        let mut answer = sent.map_err(|error| NoAnswer::Unreachable(error.without_url().to_string()))?;
        let status = answer.status();
        let mut body = BytesMut::new();
        while let Some(chunk) =
            answer.chunk().await.map_err(|error| NoAnswer::BrokeOff(error.without_url().to_string()))?
        {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_LIMIT {
                break;
            }
        }
        Ok(Answer { status, body: body.freeze() })
    }
}
