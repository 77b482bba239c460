//! The implementation of the port. Each operation calls the module that does the work.

mod applications;
mod figures;
mod manual_valuations;
mod orphans;
mod staff;
mod waiting;
mod workflows;

use std::fmt::Display;

use app::desk::{About, Desk, DeskError, Incomplete};

use crate::{
    applications::Applications,
    callbacks::Callbacks,
    clock::Clock,
    orphans::Orphans,
    read_model::ReadModel,
    reconcile::Reconciler,
    tasks::{PausedTasks, StaffTasks},
    workflow::Workflows,
};

pub struct LoanDesk {
    pub clock: Clock,
    pub about: About,
    pub applications: Applications,
    pub read_model: ReadModel,
    pub paused: PausedTasks,
    pub callbacks: Callbacks,
    pub staff: StaffTasks,
    pub workflows: Workflows,
    pub orphans: Orphans,
    pub reconciler: Reconciler,
}

impl Desk for LoanDesk {
    fn about(&self) -> About {
        self.about.clone()
    }

    fn incomplete(&self) -> Option<Incomplete> {
        self.read_model.incomplete()
    }
}

/// Logs the error. The caller only learns that the data cannot be reached.
fn unavailable(error: impl Display) -> DeskError {
    tracing::error!(%error, "the desk cannot reach its data");
    DeskError::Unavailable
}
