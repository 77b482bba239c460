//! Callers that wait for the end of an EXPRESS execution.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tokio::sync::oneshot;

use crate::store::Ended;

/// The callers that wait, by the name of the execution's row, which is known before the execution starts.
#[derive(Default)]
pub(crate) struct Endings {
    waiting: Mutex<HashMap<String, oneshot::Sender<Ended>>>,
}

impl Endings {
    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Ended>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a caller. Must be called before the execution starts, because it may end at once.
    pub fn of(&self, name: &str) -> oneshot::Receiver<Ended> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting();
        // Callers that are gone leave their entries behind.
        waiting.retain(|_, sender| !sender.is_closed());
        waiting.insert(name.to_owned(), sender);
        receiver
    }

    /// Removes all callers.
    pub fn forget(&self) {
        self.waiting().clear();
    }

    pub fn notify(&self, ended: Ended) {
        if let Some(sender) = self.waiting().remove(&ended.name) {
            let _ = sender.send(ended);
        }
    }
}
