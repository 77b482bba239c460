//! `/healthz`: the process runs. `/readyz`: it can do its work, because DynamoDB and Step Functions answer and there is
//! room to write.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{
    aws::{Aws, AwsError},
    deploy::{self, StateMachines},
    problem::Problem,
};

const PATIENCE: Duration = Duration::from_secs(3);

/// Bytes that must fit into the data folder: what a handful of applications take in both databases.
const ROOM: usize = 1 << 20;

/// What is asked whether the desk is ready.
#[derive(Debug, Clone)]
pub struct Health {
    pub aws: Aws,
    pub machines: StateMachines,
    /// Where the embedded AWS writes; AWS itself looks after its own room.
    pub data_dir: Option<PathBuf>,
}

/// Why the desk is not ready.
#[derive(Debug, thiserror::Error)]
enum NotReady {
    #[error("{0}")]
    Aws(#[from] AwsError),
    #[error("nothing can be written to the data folder: {0}")]
    NoRoom(#[from] io::Error),
    #[error("no answer within {PATIENCE:?}")]
    Slow,
}

pub fn router(health: Health) -> Router {
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready)).with_state(health)
}

async fn ready(State(health): State<Health>) -> Response {
    let looked = tokio::time::timeout(PATIENCE, health.look()).await.unwrap_or(Err(NotReady::Slow));
    let Err(error) = looked else { return "ready".into_response() };
    tracing::warn!(%error, "not ready");
    match error {
        NotReady::NoRoom(_) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no-room",
            "Nothing can be written",
            "The desk can write nothing to its data folder. Its disk may be full: make room, and it goes on by itself.",
        ),
        NotReady::Aws(_) | NotReady::Slow => Problem::unavailable(),
    }
    .into_response()
}

impl Health {
    async fn look(&self) -> Result<(), NotReady> {
        deploy::reach(&self.aws, &self.machines).await?;
        if let Some(data_dir) = self.data_dir.clone() {
            tokio::task::spawn_blocking(move || room_in(&data_dir)).await.map_err(io::Error::other)??;
        }
        Ok(())
    }
}

/// Whether something can be written to `folder`: a file is, and deleted at once. It is never synced, so it costs memory
/// and not the disk; yet a file system that is full, read-only or gone refuses it.
fn room_in(folder: &Path) -> io::Result<()> {
    let path = folder.join(".room");
    let written = File::create(&path).and_then(|mut file| file.write_all(&vec![0; ROOM]));
    let deleted = match fs::remove_file(&path) {
        // Another one that looks at the same time has deleted it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        deleted => deleted,
    };
    // Why it could not be written says more than why it could not be deleted.
    written.and(deleted)
}
