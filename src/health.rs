//! `/healthz`: the process runs. `/readyz`: it can do its work, because DynamoDB and Step Functions answer.

use std::time::Duration;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{
    aws::Aws,
    deploy::{self, StateMachines},
    problem::Problem,
};

const PATIENCE: Duration = Duration::from_secs(3);

pub fn router(aws: Aws, machines: StateMachines) -> Router {
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready)).with_state((aws, machines))
}

async fn ready(State((aws, machines)): State<(Aws, StateMachines)>) -> Response {
    match tokio::time::timeout(PATIENCE, deploy::reach(&aws, &machines)).await {
        Ok(Ok(())) => "ready".into_response(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            Problem::unavailable().into_response()
        }
        Err(_) => {
            tracing::warn!("not ready: no answer within {PATIENCE:?}");
            Problem::unavailable().into_response()
        }
    }
}
