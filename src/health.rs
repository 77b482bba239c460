//! Health checks. `/healthz`: the process is running. `/readyz`: the desk can work, because DynamoDB answers and the
//! disk has free space.
//!
//! Step Functions is not checked. AWS limits calls that describe state machines for the whole account, and while Step
//! Functions is unavailable the desk still accepts applications and callbacks and forwards them later.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use time::OffsetDateTime;
use tokio::sync::Mutex;

use crate::{
    aws::{Aws, AwsError},
    refusals::Problem,
    settings::Settings,
};

const TIMEOUT: Duration = Duration::from_secs(3);

/// How long the result of `/readyz` is cached, which limits how often the desk checks.
const CACHED_FOR: Duration = Duration::from_secs(1);

/// The free space required in the data folder, in bytes: enough for a few applications in both databases.
const MIN_FREE: u64 = 1 << 20;

/// The health checks. Clones share the cached result.
#[derive(Debug, Clone)]
pub struct Health {
    aws: Aws,
    /// The data folder of the embedded backend, or `None` on AWS.
    data_dir: Option<PathBuf>,
    last: Arc<Mutex<Option<Checked>>>,
}

#[derive(Debug, Clone)]
struct Checked {
    at: OffsetDateTime,
    result: Result<(), NotReady>,
}

/// Why the desk is not ready.
#[derive(Debug, Clone, thiserror::Error)]
enum NotReady {
    #[error("{0}")]
    Aws(#[from] AwsError),
    #[error("cannot write to the data folder: {0}")]
    NoRoom(String),
    #[error("no answer within {TIMEOUT:?}")]
    Slow,
}

impl Health {
    pub fn new(aws: Aws, data_dir: Option<PathBuf>) -> Self {
        Self { aws, data_dir, last: Arc::default() }
    }

    pub fn router(self) -> Router {
        Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready)).with_state(self)
    }

    /// The result of a check at most [`CACHED_FOR`] ago. Concurrent callers wait for the same check.
    async fn check(&self) -> Result<(), NotReady> {
        let mut last = self.last.lock().await;
        let now = self.aws.clock.now();
        if let Some(checked) = &*last
            && (checked.at..checked.at + CACHED_FOR).contains(&now)
        {
            return checked.result.clone();
        }
        let result = tokio::time::timeout(TIMEOUT, self.check_now()).await.unwrap_or(Err(NotReady::Slow));
        if let Err(error) = &result {
            tracing::warn!(%error, "not ready");
        }
        last.insert(Checked { at: now, result }).result.clone()
    }

    async fn check_now(&self) -> Result<(), NotReady> {
        Settings::new(self.aws.clone()).reach().await?;
        if let Some(data_dir) = self.data_dir.clone() {
            let result = tokio::task::spawn_blocking(move || room_in(&data_dir)).await;
            result.map_err(io::Error::other).flatten().map_err(|error| NotReady::NoRoom(error.to_string()))?;
        }
        Ok(())
    }
}

async fn ready(State(health): State<Health>) -> Response {
    let Err(error) = health.check().await else { return "ready".into_response() };
    match error {
        NotReady::NoRoom(_) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no-room",
            "Cannot write data",
            "The desk cannot write to its data folder. Its disk may be full: free some space, and the desk continues by itself.",
        ),
        NotReady::Aws(_) | NotReady::Slow => Problem::unavailable(),
    }
    .into_response()
}

/// Whether the filesystem of `folder` is writable and has space. This writes nothing.
#[cfg(unix)]
fn room_in(folder: &std::path::Path) -> io::Result<()> {
    let stats = rustix::fs::statvfs(folder)?;
    if stats.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        return Err(io::ErrorKind::ReadOnlyFilesystem.into());
    }
    if stats.f_bavail.saturating_mul(stats.f_frsize) < MIN_FREE {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

#[cfg(not(unix))]
fn room_in(folder: &std::path::Path) -> io::Result<()> {
    std::fs::metadata(folder).map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as StdMutex;

    use time::macros::datetime;

    use super::*;
    use crate::{aws::Embedded, clock::Clock, deploy};

    struct Still(StdMutex<OffsetDateTime>);

    #[async_trait::async_trait]
    impl asl_engine::Clock for Still {
        fn now(&self) -> OffsetDateTime {
            *self.0.lock().unwrap()
        }

        async fn sleep_until(&self, _: OffsetDateTime) {
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn the_result_of_a_check_is_cached_for_a_second() {
        let time = Arc::new(Still(StdMutex::new(datetime!(2026-11-22 8:00 UTC))));
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(folder.path(), Clock::new(time.clone())).unwrap();
        let health = Health::new(Aws::inside(&embedded, "eu-west-2"), Some(folder.path().to_owned()));
        assert!(matches!(health.check().await, Err(NotReady::Aws(_))), "there is no table yet");
        deploy::create_tables(&health.aws).await.unwrap();
        assert!(health.clone().check().await.is_err());
        *time.0.lock().unwrap() += CACHED_FOR;
        assert!(health.check().await.is_ok());
    }

    #[test]
    fn a_missing_folder_has_no_space() {
        let folder = tempfile::tempdir().unwrap();
        assert!(room_in(folder.path()).is_ok());
        assert!(room_in(&folder.path().join("gone")).is_err());
    }
}
