//! The port, implemented: each operation of the desk by the module whose job it is.

mod applications;
mod figures;
mod manual_valuations;
mod waiting;
mod workflows;

use app::desk::{About, Desk, DeskError};

use crate::{
    applications::Applications, aws::AwsError, callbacks::Callbacks, clock::Clock, paused::PausedTasks,
    reconcile::Reconciler, work_items::WorkItems, workflow::Workflows,
};

pub struct LoanDesk {
    pub clock: Clock,
    pub about: About,
    pub applications: Applications,
    pub paused: PausedTasks,
    pub callbacks: Callbacks,
    pub work_items: WorkItems,
    pub workflows: Workflows,
    pub reconciler: Reconciler,
}

impl Desk for LoanDesk {
    fn about(&self) -> About {
        self.about.clone()
    }
}

/// Logs what happened; whoever asked learns no more than that the data cannot be reached.
fn unavailable(error: AwsError) -> DeskError {
    tracing::error!(%error, "the desk cannot reach its data");
    DeskError::Unavailable
}
