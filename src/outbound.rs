//! Requests that the desk sends to other programs.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use reqwest::redirect::Policy;
use serde_json::Value;
use url::Url;

/// How long the other side may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of an answer that are read. The rest is left unread.
const ANSWER_LIMIT: usize = 64 * 1024;

/// What the other side answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    /// The first [`ANSWER_LIMIT`] bytes, or a little more.
    pub body: Bytes,
}

/// Why there is no answer. The request may have arrived all the same. The text never contains the address, which may
/// hold a password or a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    #[error("broke off: {0}")]
    BrokeOff(String),
}

/// Posts JSON to an address. Tests answer in-process instead of opening a socket.
#[async_trait]
pub trait Outbound: Send + Sync + 'static {
    async fn post(&self, url: Url, headers: HeaderMap, body: &Value) -> Result<Answer, NoAnswer>;
}

/// Over the network.
pub struct Network(reqwest::Client);

impl Network {
    /// # Errors
    /// When the system's root certificates cannot be used.
    pub fn new() -> reqwest::Result<Self> {
        // The one that the SDK uses. An error says that there is one already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            // A proxy that the environment names for other programs would see the signed callback addresses, and could
            // not lead back to this machine, which most requests go to.
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
