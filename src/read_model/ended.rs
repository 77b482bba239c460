//! How a task ended: in time or not, and after which part of the time that it had.

use app::domain::uk_day;
use time::Date;

use crate::tasks::{PausedTask, Says, State};

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub day: Date,
    pub way: EndedAs,
    /// How many tenths of the time until the deadline had passed: 10 if all of it had.
    pub tenths: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedAs {
    Value,
    /// The answer was that there is no value.
    Failure,
    /// The answer came after the deadline.
    Late,
    Unanswered,
    /// The valuation service did not take the request.
    NotTaken,
}

impl EndedAs {
    const ALL: [Self; 5] = [Self::Value, Self::Failure, Self::Late, Self::Unanswered, Self::NotTaken];

    pub fn key(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Failure => "failure",
            Self::Late => "late",
            Self::Unanswered => "unanswered",
            Self::NotTaken => "not_taken",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.key() == key)
    }
}

/// How a task ended. `None` while it is open, and for one that nobody waited for any more.
pub fn ended(task: &PausedTask) -> Option<Ended> {
    let at_deadline = |way| Some(Ended { day: uk_day(task.deadline), way, tenths: 10 });
    match &task.state {
        State::Answered(answer) => {
            let (passed, limit) = (answer.at - task.since, task.deadline - task.since);
            let tenths = (passed.as_seconds_f64() / limit.as_seconds_f64().max(0.001) * 10.0).clamp(0.0, 9.0);
            let way = match answer.says {
                Says::Success { .. } => EndedAs::Value,
                Says::Failure { .. } => EndedAs::Failure,
            };
            Some(Ended { day: uk_day(answer.at), way, tenths: tenths as i64 })
        }
        State::TooLate(answer) if answer.at < task.deadline => None,
        State::TooLate(_) => at_deadline(EndedAs::Late),
        State::Lapsed => at_deadline(EndedAs::Unanswered),
        State::Failed => Some(Ended { day: uk_day(task.since), way: EndedAs::NotTaken, tenths: 0 }),
        State::Requesting | State::Open | State::Answering(_) | State::Abandoned => None,
    }
}
