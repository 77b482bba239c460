//! Counts of applications and tasks.

use time::OffsetDateTime;

use super::WaitingCount;
use crate::domain::{ApplicationStatus, WaitingOn};

/// The numbers of applications and tasks at one point in time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    by_status: [usize; ApplicationStatus::ALL.len()],
    pub waiting: WaitingCount,
}

impl Counts {
    /// Creates counts. `by_status` is in the order of [`ApplicationStatus::ALL`].
    pub fn new(by_status: [usize; ApplicationStatus::ALL.len()], waiting: WaitingCount) -> Self {
        Self { by_status, waiting }
    }

    /// The number of all applications.
    pub fn all(&self) -> usize {
        self.by_status.iter().sum()
    }

    /// The number of applications with a status.
    pub fn at(&self, status: ApplicationStatus) -> usize {
        let place = ApplicationStatus::ALL.iter().position(|one| *one == status);
        place.map_or(0, |place| self.by_status[place])
    }

    /// The number of applications whose workflow is still running.
    pub fn open(&self) -> usize {
        ApplicationStatus::ALL.into_iter().filter(|status| status.is_open()).map(|status| self.at(status)).sum()
    }

    /// Each count with its name: `all`, `waiting`, `waiting_on_staff` and the like, and the stored name of each status.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, usize)> {
        let by_status = ApplicationStatus::ALL.into_iter().map(ApplicationStatus::key).zip(self.by_status);
        let waiting = self.waiting;
        let by_party = WaitingOn::ALL.into_iter().map(move |on| (on.count_name(), waiting.on(on)));
        [("all", self.all()), ("waiting", waiting.all())].into_iter().chain(by_party).chain(by_status)
    }
}

/// Why lists, searches, counts and figures may lack something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incomplete {
    /// The desk is reading its tables for the first time.
    CatchingUp {
        /// The number of items that have been read so far.
        read: u64,
    },
    /// The desk cannot write its copy of the tables.
    OutOfDate {
        /// When the copy last had everything.
        since: OffsetDateTime,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_names() {
        let mut by_status = [0; ApplicationStatus::ALL.len()];
        (by_status[0], by_status[5]) = (2, 3);
        let counts = Counts::new(by_status, WaitingCount { on_staff: 1, on_valuation_service: 6 });
        assert_eq!((counts.all(), counts.at(ApplicationStatus::Approved)), (5, 3));
        let named: Vec<_> = counts.named().filter(|(_, count)| *count > 0).collect();
        let waiting = [("waiting", 7), ("waiting_on_valuation_service", 6), ("waiting_on_staff", 1)];
        assert_eq!(named, [&[("all", 5)], &waiting[..], &[("submitted", 2), ("approved", 3)]].concat());
    }
}
