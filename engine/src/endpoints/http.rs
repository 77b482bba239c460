//! HTTP/1.1 requests to local services.

use std::time::Duration;

use ::http::{HeaderMap, Method, Request, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use time::{OffsetDateTime, macros::format_description};

/// The timeout for establishing a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept. Local servers close idle connections early, and a request on a closed
/// connection gets no answer.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    region: String,
}

/// A request to a service. `path` is the whole URL.
pub(super) struct ServiceRequest<'a> {
    pub method: Method,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The service's name in signatures.
    pub signing: &'a str,
    pub timeout: Duration,
    /// The maximum size of the answer, in bytes.
    pub max_response: usize,
}

/// A service's answer.
pub(super) struct Response {
    pub status: u16,
    headers: HeaderMap,
    pub body: Bytes,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The headers whose names begin with a prefix, with the rest of their names.
    pub fn headers_after(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .filter_map(move |(name, value)| Some((name.as_str().strip_prefix(prefix)?, value.to_str().ok()?)))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The request id from the service, or a generated one.
    pub fn request_id(&self) -> String {
        let given = ["x-amzn-requestid", "x-amz-request-id"].into_iter().find_map(|name| self.header(name));
        given.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
    }
}

impl Http {
    pub fn new(region: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        Self {
            client: Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE_TIMEOUT).build(connector),
            region: region.to_owned(),
        }
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// When no answer arrives. The reason contains nothing of the request.
    pub async fn send(&self, request: ServiceRequest<'_>) -> Result<Response, String> {
        let (timeout, max_response) = (request.timeout, request.max_response);
        let exchange = async {
            let request = self.signed_request(request)?;
            let answer = self.client.request(request).await.map_err(|error| reason(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, max_response).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    format!("The answer is longer than {max_response} bytes")
                } else {
                    "The connection ended in the middle of the answer".to_owned()
                }
            })?;
            Ok(Response { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() })
        };
        let answered = tokio::time::timeout(timeout, exchange).await;
        answered.unwrap_or_else(|_| Err(format!("No answer within {} seconds", timeout.as_secs_f32())))
    }

    fn signed_request(&self, request: ServiceRequest<'_>) -> Result<Request<Full<Bytes>>, String> {
        let now = OffsetDateTime::now_utc();
        let day = now.format(format_description!("[year][month][day]")).unwrap_or_default();
        let time = now.format(format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap_or_default();
        // Some emulators read the region and the service from it. None can verify it.
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=local/{day}/{}/{}/aws4_request, SignedHeaders=host;x-amz-date, Signature={}",
            self.region,
            request.signing,
            "0".repeat(64)
        );
        let mut signed = Request::builder()
            .method(request.method)
            .uri(request.url)
            .header(header::AUTHORIZATION, authorization)
            .header("x-amz-date", time);
        for (name, value) in request.headers {
            signed = signed.header(name, value);
        }
        signed
            .body(Full::new(Bytes::from(request.body)))
            .map_err(|_| "A parameter can't be sent in a header or an address".to_owned())
    }
}

/// The reason for a failed connection: the innermost cause, which is that of the operating system.
fn reason(error: &hyper_util::client::legacy::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if error.is_connect() { format!("Connect failed: {innermost}") } else { innermost.to_string() }
}
