//! Where everything stands, and for how long.

use time::Date;

use super::{Age, Stage};
use crate::domain::WaitingOn;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// In the order of [`Stage::ALL`].
    pub stages: Vec<StageCount>,
    /// In the order of [`WaitingOn::ALL`].
    pub times_to_answer: [TimeToAnswer; 2],
    /// The last [`Overview::DAYS`] days, oldest first.
    pub valuer: Vec<ValuerDay>,
}

impl Overview {
    pub const DAYS: usize = 30;
}

/// The number of applications in a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageCount {
    pub stage: Stage,
    /// In the order of [`Age::ALL`].
    pub by_age: [usize; Age::ALL.len()],
    /// The number of them whose task is past its deadline.
    pub overdue: usize,
}

impl StageCount {
    pub fn all(&self) -> usize {
        self.by_age.iter().sum()
    }
}

/// How long answers took, as a part of the time that there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeToAnswer {
    pub waits_on: WaitingOn,
    /// The number of answers by tenths of the time limit that had passed.
    pub in_time: [usize; 10],
    /// The number of tasks that were not answered before their deadline.
    pub not_in_time: usize,
}

impl TimeToAnswer {
    pub fn none(waits_on: WaitingOn) -> Self {
        Self { waits_on, in_time: [0; 10], not_in_time: 0 }
    }

    pub fn all(&self) -> usize {
        self.in_time.iter().sum::<usize>() + self.not_in_time
    }

    /// The part of the time limit, in per cent, within which half of all tasks were answered. `None` if half were not
    /// answered in time, and if there were no tasks.
    pub fn half_within(&self) -> Option<usize> {
        let all = self.all();
        let mut answered = 0;
        for (tenth, count) in self.in_time.iter().enumerate() {
            answered += count;
            if answered > 0 && answered * 2 >= all {
                return Some((tenth + 1) * 10);
            }
        }
        None
    }
}

/// What became of the requests to the valuation service on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValuerDay {
    pub day: Date,
    pub on_time: usize,
    /// It did not take the request, or answered that it could not value the property.
    pub failed: usize,
    pub late: usize,
    pub unanswered: usize,
    /// Callbacks with a reference that belongs to no request.
    pub unknown: usize,
}

impl ValuerDay {
    pub fn none(day: Date) -> Self {
        Self { day, on_time: 0, failed: 0, late: 0, unanswered: 0, unknown: 0 }
    }

    pub fn all(&self) -> usize {
        self.on_time + self.failed + self.late + self.unanswered + self.unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_half_that_was_answered_first_is_told_by_tenths() {
        let time = |in_time: [usize; 10], not_in_time| TimeToAnswer {
            in_time,
            not_in_time,
            ..TimeToAnswer::none(WaitingOn::Staff)
        };
        assert_eq!(time([0; 10], 0).half_within(), None);
        assert_eq!(time([2, 0, 1, 0, 0, 0, 0, 0, 0, 0], 1).half_within(), Some(10));
        assert_eq!(time([1, 0, 1, 0, 0, 0, 0, 0, 0, 1], 0).half_within(), Some(30));
        assert_eq!(time([1, 0, 0, 0, 0, 0, 0, 0, 0, 0], 2).half_within(), None);
    }
}
