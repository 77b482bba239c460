//! Map runs: their children are started some at a time, so that a run of very many leaves room for everything else.

use std::sync::Arc;

use super::AGAIN;
use crate::{engine::Engine, protocol::Fault, store::StorageError};

/// Starts children wherever a run has room for them, and first those that an earlier run of the engine has left.
pub(crate) async fn start_children(engine: Arc<Engine>) {
    // The run that was served last: the next one's turn comes first.
    let mut served = 0;
    loop {
        match engine.store.write(move |transaction| Ok(transaction.start_some_children(served)?)).await {
            Ok(Some(run)) => served = run,
            Ok(None) => engine.reactions.map_runs.notified().await,
            Err(Fault::Storage(StorageError::Closed)) => return,
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}
