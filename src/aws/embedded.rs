//! The AWS inside this process: an HTTP connector that passes the SDK's requests to DynamoDB and Step Functions on two
//! SQLite files instead of the network.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};

use asl_engine::{Integrations, Options, StepFunctions};
use aws_sdk_sfn::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use serde_json::json;
use tokio::sync::SetOnce;

use super::{calls, data_folder, dynamodb::DynamoDb};
use crate::clock::Clock;

/// A response in the AWS JSON 1.0 protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn error(status: u16, error_type: &str, message: &str) -> Self {
        let body = json!({ "__type": error_type, "message": message });
        Self { status, body: body.to_string().into_bytes() }
    }
}

/// The service and operation of a request, from its `X-Amz-Target` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    DynamoDb(&'a str),
    StepFunctions(&'a str),
}

impl<'a> Target<'a> {
    pub fn parse(header: &'a str) -> Option<Self> {
        let (service, operation) = header.split_once('.')?;
        match service {
            "DynamoDB_20120810" => Some(Self::DynamoDb(operation)),
            "AWSStepFunctions" => Some(Self::StepFunctions(operation)),
            _ => None,
        }
    }
}

/// Why the data folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot create the data folder {folder}: {source}")]
    Folder { folder: String, source: io::Error },
    #[error("the data folder {folder}: another process has it open; stop that one, or use another data folder")]
    InUse { folder: String },
    #[error("cannot lock the data folder {folder}: {source}")]
    Lock { folder: String, source: io::Error },
    #[error("the path of the data folder {0} is not valid Unicode")]
    NotUnicode(String),
    #[error("cannot open {0}: it is not a database of the desk's; move it away, or use another data folder")]
    Foreign(String),
    #[error(
        "the data folder {folder} holds step-functions.sqlite without dynamodb.sqlite; restore both files from the same \
         backup, or use an empty data folder"
    )]
    DynamoDbMissing { folder: String },
    #[error("cannot open {file}: {message}")]
    DynamoDb { file: String, message: String },
    #[error(transparent)]
    StepFunctions(#[from] asl_engine::OpenError),
}

/// The embedded DynamoDB and Step Functions.
pub struct Embedded {
    clock: Clock,
    dynamodb: Arc<DynamoDb>,
    /// The lock on the data folder, held while the databases are open.
    _lock: File,
    /// Set after construction, because Step Functions calls functions that call DynamoDB and Step Functions. Earlier
    /// calls wait.
    step_functions: SetOnce<StepFunctions>,
}

/// Omits the contents.
impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Embedded")
    }
}

impl Embedded {
    /// Opens DynamoDB in `data_dir`, which is created if it is missing. Blocks on the disk.
    ///
    /// Answered writes are on disk.
    pub fn open(data_dir: &Path, clock: Clock) -> Result<Arc<Self>, OpenError> {
        data_folder::create(data_dir)
            .map_err(|source| OpenError::Folder { folder: data_dir.display().to_string(), source })?;
        // Lock before opening the databases: SQLite allows several writing processes, but the desk does not.
        let lock = data_folder::lock(data_dir, data_folder::PATIENCE)?;
        let file = data_dir.join("dynamodb.sqlite");
        let step_functions = Self::step_functions_file(data_dir);
        if !file.exists() && StepFunctions::identity(&step_functions).is_some() {
            return Err(OpenError::DynamoDbMissing { folder: data_dir.display().to_string() });
        }
        let path = file.to_str().ok_or_else(|| OpenError::NotUnicode(data_dir.display().to_string()))?;
        if is_something_else(&file) {
            return Err(OpenError::Foreign(path.to_owned()));
        }
        let dynamodb = DynamoDb::open(path)
            .map_err(|error| OpenError::DynamoDb { file: path.to_owned(), message: error.to_string() })?;
        Ok(Arc::new(Self { clock, dynamodb: Arc::new(dynamodb), _lock: lock, step_functions: SetOnce::new() }))
    }

    /// The file of Step Functions in a data folder.
    pub fn step_functions_file(data_dir: &Path) -> PathBuf {
        data_dir.join("step-functions.sqlite")
    }

    /// Opens Step Functions in `data_dir`. Timers that came due while it was closed fire now, so everything that
    /// `integrations` needs must be ready. Must be called only once.
    pub async fn start_step_functions(
        &self,
        data_dir: &Path,
        options: Options,
        integrations: Arc<dyn Integrations>,
    ) -> Result<(), OpenError> {
        let file = Self::step_functions_file(data_dir);
        let engine = StepFunctions::open_with_clock(&file, options, integrations, self.clock.shared()).await?;
        if self.step_functions.set(engine).is_err() {
            tracing::error!("Step Functions was opened twice; the second one is ignored");
        }
        Ok(())
    }

    /// The clock of Step Functions. (DynamoDB uses the time only to delete expired items.)
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Waits for pending work to be committed, then closes.
    pub async fn shutdown(&self) {
        if let Some(engine) = self.step_functions.get() {
            engine.shutdown().await;
        }
    }

    /// Deletes items whose time to live has expired, and returns their number. AWS does this by itself.
    pub async fn delete_expired(&self) -> Result<usize, String> {
        let db = self.dynamodb.clone();
        match tokio::task::spawn_blocking(move || db.delete_expired()).await {
            Ok(deleted) => deleted.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Answers a request to either service.
    pub async fn answer(&self, target: Target<'_>, body: Bytes) -> Answer {
        if !calls::are_logged() {
            return self.perform(target, body).await;
        }
        let (call, body) = calls::Call::begin(target, body);
        let answer = self.perform(target, body).await;
        call.log(&answer);
        answer
    }

    async fn perform(&self, target: Target<'_>, body: Bytes) -> Answer {
        match target {
            Target::DynamoDb(operation) => {
                let (db, operation) = (self.dynamodb.clone(), operation.to_owned());
                tokio::task::spawn_blocking(move || db.answer(&operation, &body)).await.unwrap_or_else(|error| {
                    tracing::error!(%error, "DynamoDB failed");
                    Answer::error(500, "com.amazonaws.dynamodb.v20120810#InternalServerError", "Internal error")
                })
            }
            Target::StepFunctions(operation) => {
                let answer = self.step_functions.wait().await.handle(operation, &body).await;
                Answer { status: answer.status, body: answer.body }
            }
        }
    }

    /// The HTTP client with which SDK clients call the embedded services. It does not keep them open: calls fail once
    /// the last other owner has dropped them.
    pub fn http_client(self: &Arc<Self>) -> SharedHttpClient {
        SharedHttpClient::new(InProcess(Arc::downgrade(self)))
    }
}

/// Whether a file exists and is not an SQLite database. Unreadable files are left to SQLite to refuse.
fn is_something_else(file: &Path) -> bool {
    const HEAD: &[u8] = b"SQLite format 3\0";
    let mut head = Vec::new();
    let read = File::open(file).and_then(|file| file.take(HEAD.len() as u64).read_to_end(&mut head));
    read.is_ok() && !head.is_empty() && head != HEAD
}

#[derive(Debug, Clone)]
struct InProcess(Weak<Embedded>);

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let embedded = self.0.upgrade();
        HttpConnectorFuture::new(async move {
            let embedded = embedded.ok_or_else(|| ConnectorError::io("the embedded AWS is closed".into()))?;
            let header = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
            let target = Target::parse(&header).ok_or_else(|| not_for_us("X-Amz-Target names neither service"))?;
            let body = request.body().bytes().ok_or_else(|| not_for_us("the body is a stream"))?;
            let answer = embedded.answer(target, Bytes::copy_from_slice(body)).await;
            let status = StatusCode::try_from(answer.status).map_err(|e| ConnectorError::other(e.into(), None))?;
            Ok(HttpResponse::new(status, SdkBody::from(answer.body)))
        })
    }
}

fn not_for_us(why: &'static str) -> ConnectorError {
    ConnectorError::user(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_header_selects_the_service() {
        assert_eq!(Target::parse("DynamoDB_20120810.PutItem"), Some(Target::DynamoDb("PutItem")));
        assert_eq!(Target::parse("AWSStepFunctions.StartExecution"), Some(Target::StepFunctions("StartExecution")));
        assert_eq!(Target::parse("AmazonSQS.SendMessage"), None);
        assert_eq!(Target::parse(""), None);
    }
}
