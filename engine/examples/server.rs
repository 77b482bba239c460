//! A local Step Functions: the engine behind HTTP, for the AWS CLI and SDKs.
//!
//! ```sh
//! cargo run -p asl-engine --example server -- --listen 127.0.0.1:4566 --data-dir ./data
//! aws --endpoint-url http://127.0.0.1:4566 stepfunctions list-state-machines
//! ```
//!
//! Task states can call Step Functions itself, and the services at the addresses of the `--…-endpoint` options.

use std::{convert::Infallible, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use asl_engine::{
    Answer, Options, StepFunctions,
    endpoints::{Endpoint, EndpointUrls, Endpoints},
};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use clap::Parser;
use tower::make::Shared;

#[derive(Parser)]
#[command(about = "A local AWS Step Functions")]
pub struct Settings {
    /// Address to listen on. Requests are not authenticated, so use a loopback address
    #[arg(long, env = "ASL_ENGINE_LISTEN", default_value = "127.0.0.1:4566")]
    listen: SocketAddr,
    /// Folder for the database
    #[arg(long, env = "ASL_ENGINE_DATA_DIR", default_value = "./data")]
    data_dir: PathBuf,
    /// Region in ARNs
    #[arg(long, env = "ASL_ENGINE_REGION", default_value = "eu-west-2")]
    region: String,
    /// Account in ARNs, twelve digits
    #[arg(long, env = "ASL_ENGINE_ACCOUNT", default_value = "000000000000")]
    account: String,
    /// Days that an execution is kept after it has ended. 0 keeps executions forever
    #[arg(long, env = "ASL_ENGINE_RETENTION_DAYS", value_name = "DAYS", default_value_t = 90)]
    retention_days: u32,
    /// Endpoint of Lambda, for example that of `sam local start-lambda`
    #[arg(long, env = "ASL_ENGINE_LAMBDA_ENDPOINT", value_name = "URL")]
    lambda_endpoint: Option<Endpoint>,
    /// Endpoint of SQS
    #[arg(long, env = "ASL_ENGINE_SQS_ENDPOINT", value_name = "URL")]
    sqs_endpoint: Option<Endpoint>,
    /// Endpoint of SNS
    #[arg(long, env = "ASL_ENGINE_SNS_ENDPOINT", value_name = "URL")]
    sns_endpoint: Option<Endpoint>,
    /// Endpoint of EventBridge
    #[arg(long, env = "ASL_ENGINE_EVENTS_ENDPOINT", value_name = "URL")]
    events_endpoint: Option<Endpoint>,
    /// Endpoint of S3
    #[arg(long, env = "ASL_ENGINE_S3_ENDPOINT", value_name = "URL")]
    s3_endpoint: Option<Endpoint>,
}

impl Settings {
    fn retention(&self) -> Option<Duration> {
        (self.retention_days > 0).then(|| Duration::from_secs(u64::from(self.retention_days) * 24 * 60 * 60))
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()))
        .init();
    serve(Settings::parse()).await
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Serves until a signal arrives.
pub async fn serve(settings: Settings) -> Result<(), Failure> {
    let database = settings.data_dir.join("step-functions.sqlite");
    let retention = settings.retention();
    let urls = EndpointUrls {
        lambda: settings.lambda_endpoint,
        sqs: settings.sqs_endpoint,
        sns: settings.sns_endpoint,
        events: settings.events_endpoint,
        s3: settings.s3_endpoint,
    };
    let endpoints = Endpoints::new(urls, &settings.region);
    let options = Options::new(&settings.account, &settings.region).with_retention(retention);
    let engine = StepFunctions::open(&database, options, Arc::new(endpoints)).await?;
    let service = {
        let engine = engine.clone();
        tower::service_fn(move |request| {
            let engine = engine.clone();
            async move { Ok::<_, Infallible>(answer(&engine, request).await) }
        })
    };
    let listener = tokio::net::TcpListener::bind(settings.listen).await?;
    tracing::info!(address = %listener.local_addr()?, data = %settings.data_dir.display(), "listening");
    let listener = axum::serve::ListenerExt::tap_io(listener, |connection| {
        // Answers are small, so waiting to fill a packet only delays them.
        let _ = connection.set_nodelay(true);
    });
    let stop = async move {
        stop_signal().await;
        // This also ends long polls, so that their connections can close.
        engine.shutdown().await;
    };
    axum::serve(listener, Shared::new(service)).with_graceful_shutdown(stop).await?;
    Ok(())
}

/// Waits for Ctrl-C or SIGTERM. Killing the process is safe as well.
async fn stop_signal() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// The largest valid request contains a definition of 1 MB, which JSON escapes can make up to six times as large.
const BODY_LIMIT: usize = 8 << 20;

/// Answers a request. There is only one path and one method, so this needs no router.
async fn answer(engine: &StepFunctions, request: Request) -> Response {
    if request.method() != Method::POST {
        return "Step Functions\n".into_response();
    }
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.strip_prefix("AWSStepFunctions.").unwrap_or(target);
    let Answer { status, body, .. } = engine.handle(operation, &body).await;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    if let Ok(id) = HeaderValue::try_from(uuid::Uuid::new_v4().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
