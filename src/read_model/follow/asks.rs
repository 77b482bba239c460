//! Requests to bring the read model up to date.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, watch};

use super::PATIENCE;
use crate::aws::AwsError;

/// Numbered requests that everything written so far be in the read model. One round of the follower serves all requests
/// that were made before it began.
#[derive(Default)]
pub struct Asks {
    asked: AtomicU64,
    notify: Notify,
    /// The last request that has been served, and the error if that failed.
    served: watch::Sender<(u64, Option<AwsError>)>,
}

impl Asks {
    /// Waits until everything that was written before this call is in the read model, for [`PATIENCE`] at most.
    pub async fn catch_up(&self) -> Result<(), AwsError> {
        let mut served = self.served.subscribe();
        let mine = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.notify.notify_one();
        match tokio::time::timeout(PATIENCE, served.wait_for(|(served, _)| *served >= mine)).await {
            Ok(Ok(served)) => served.1.clone().map_or(Ok(()), Err),
            // It took too long, or the desk closes. The caller reads what there is.
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }

    /// The number of the latest request.
    pub(super) fn latest(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// Answers all requests up to `number`.
    pub(super) fn serve(&self, number: u64, error: Option<AwsError>) {
        self.served.send_replace((number, error));
    }

    /// Waits for a request.
    pub(super) async fn wait(&self) {
        self.notify.notified().await;
    }
}
