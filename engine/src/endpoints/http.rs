//! Requests over HTTP/1.1 to local services.

use std::time::Duration;

use ::http::{HeaderMap, Method, Request, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use time::{OffsetDateTime, macros::format_description};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection is kept for the next request: local servers are quick to close theirs, and a request that meets
/// with that gets no answer.
const KEEP: Duration = Duration::from_secs(2);

pub(super) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    region: String,
}

/// What is asked of a service; `path` is the whole URL.
pub(super) struct Ask<'a> {
    pub method: Method,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// As signatures name the service.
    pub signing: &'a str,
    pub patience: Duration,
    /// The longest answer that is read, in bytes.
    pub longest: usize,
}

/// What a service answered.
pub(super) struct Reply {
    pub status: u16,
    headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The headers whose names begin with a prefix, and what follows it.
    pub fn headers_after(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .filter_map(move |(name, value)| Some((name.as_str().strip_prefix(prefix)?, value.to_str().ok()?)))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The service's, or one of our own where it gave none.
    pub fn request_id(&self) -> String {
        let given = ["x-amzn-requestid", "x-amz-request-id"].into_iter().find_map(|name| self.header(name));
        given.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
    }
}

impl Http {
    pub fn new(region: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_nodelay(true);
        Self {
            client: Client::builder(TokioExecutor::new()).pool_idle_timeout(KEEP).build(connector),
            region: region.to_owned(),
        }
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// When no answer came: why, in words that tell nothing of the request.
    pub async fn send(&self, ask: Ask<'_>) -> Result<Reply, String> {
        let (patience, longest) = (ask.patience, ask.longest);
        let exchange = async {
            let request = self.request(ask)?;
            let answer = self.client.request(request).await.map_err(|error| reason(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, longest).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    format!("The answer is longer than {longest} bytes")
                } else {
                    "The connection ended in the middle of the answer".to_owned()
                }
            })?;
            Ok(Reply { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() })
        };
        let answered = tokio::time::timeout(patience, exchange).await;
        answered.unwrap_or_else(|_| Err(format!("No answer within {} seconds", patience.as_secs_f32())))
    }

    fn request(&self, ask: Ask<'_>) -> Result<Request<Full<Bytes>>, String> {
        let now = OffsetDateTime::now_utc();
        let day = now.format(format_description!("[year][month][day]")).unwrap_or_default();
        let time = now.format(format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap_or_default();
        // Some emulators read region and service in it; none can check it.
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=local/{day}/{}/{}/aws4_request, SignedHeaders=host;x-amz-date, Signature={}",
            self.region,
            ask.signing,
            "0".repeat(64)
        );
        let mut request = Request::builder()
            .method(ask.method)
            .uri(ask.url)
            .header(header::AUTHORIZATION, authorization)
            .header("x-amz-date", time);
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        request
            .body(Full::new(Bytes::from(ask.body)))
            .map_err(|_| "A parameter can't be sent in a header or an address".to_owned())
    }
}

/// Why there is no connection: the innermost cause, which is the operating system's.
fn reason(error: &hyper_util::client::legacy::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if error.is_connect() { format!("Connect failed: {innermost}") } else { innermost.to_string() }
}
