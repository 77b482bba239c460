//! The kinds of task that an execution can be paused on, and everything that follows from a kind.

use std::fmt;

use super::ApplicationStatus;
use crate::address;

/// What an execution asks for while it is paused on a task token.
///
/// A new kind is a variant, its place in [`TaskKind::ALL`] and its description. `ARCHITECTURE.md` lists what else it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskKind {
    /// The valuation service values the property and calls back.
    Valuation,
    /// A member of staff values the property, or says why it cannot be valued.
    ManualValuation,
}

/// Who can answer a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitingOn {
    /// The valuation service, by a callback.
    ValuationService,
    /// A member of staff, at the page of the task's kind.
    Staff,
}

/// The page on which a member of staff answers a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskPage {
    /// `/manual-valuations`; the id of the task follows.
    path: &'static str,
    /// The link in a list of tasks: "Value it".
    pub verb: &'static str,
    /// The link on the page of the application: "Value the property".
    pub action: &'static str,
}

struct Description {
    key: &'static str,
    name: &'static str,
    waiting_for: &'static str,
    waits_on: WaitingOn,
    status: ApplicationStatus,
    page: Option<TaskPage>,
}

impl TaskKind {
    pub const ALL: [Self; 2] = [Self::Valuation, Self::ManualValuation];

    const fn description(self) -> Description {
        match self {
            Self::Valuation => Description {
                key: "valuation",
                name: "Valuation",
                waiting_for: "Waiting for the valuation service",
                waits_on: WaitingOn::ValuationService,
                status: ApplicationStatus::WaitingForValuation,
                page: None,
            },
            Self::ManualValuation => Description {
                key: "manual_valuation",
                name: "Manual valuation",
                waiting_for: "Waiting for a manual valuation",
                waits_on: WaitingOn::Staff,
                status: ApplicationStatus::WaitingForManualValuation,
                page: Some(TaskPage { path: "/manual-valuations", verb: "Value it", action: "Value the property" }),
            },
        }
    }

    /// The stored name, `manual_valuation`.
    pub const fn key(self) -> &'static str {
        self.description().key
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }

    /// Who can answer.
    pub const fn waits_on(self) -> WaitingOn {
        self.description().waits_on
    }

    /// The status of an application while its execution is paused on such a task.
    pub const fn status(self) -> ApplicationStatus {
        self.description().status
    }

    /// The kind of task that an application with this status waits for.
    pub fn of_status(status: ApplicationStatus) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.status() == status)
    }

    /// The page that answers it, for kinds that wait on staff.
    pub const fn page(self) -> Option<TaskPage> {
        self.description().page
    }

    /// The last line of an application's story while it waits: "Waiting for a manual valuation".
    pub const fn waiting_for(self) -> &'static str {
        self.description().waiting_for
    }
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description().name)
    }
}

impl TaskPage {
    /// The address of the page for one task.
    pub fn address(&self, id: &str) -> String {
        format!("{}/{}", self.path, address::escape(id))
    }
}

impl WaitingOn {
    pub const ALL: [Self; 2] = [Self::ValuationService, Self::Staff];

    /// The stored name, `valuation_service`, also used in query strings.
    pub const fn key(self) -> &'static str {
        match self {
            Self::ValuationService => "valuation_service",
            Self::Staff => "staff",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|on| on.key() == key)
    }

    /// The name of the count of tasks that wait on it, in events and attributes of pages.
    pub const fn count_name(self) -> &'static str {
        match self {
            Self::ValuationService => "waiting_on_valuation_service",
            Self::Staff => "waiting_on_staff",
        }
    }
}

impl fmt::Display for WaitingOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ValuationService => "Valuation service",
            Self::Staff => "Staff",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_its_key_and_by_its_status() {
        for kind in TaskKind::ALL {
            assert_eq!(TaskKind::from_key(kind.key()), Some(kind));
            assert_eq!(TaskKind::of_status(kind.status()), Some(kind));
            assert!(kind.status().is_open(), "{kind}");
        }
        assert_eq!(TaskKind::from_key("staff"), None);
        assert_eq!(TaskKind::of_status(ApplicationStatus::Approved), None);
    }

    #[test]
    fn staff_answer_every_kind_that_waits_on_them_at_a_page_of_its_own() {
        for kind in TaskKind::ALL {
            assert_eq!(kind.page().is_some(), kind.waits_on() == WaitingOn::Staff, "{kind}");
        }
        let page = TaskKind::ManualValuation.page().unwrap();
        assert_eq!(page.address("a-b_1"), "/manual-valuations/a-b_1");
        assert_eq!(page.address("../x"), "/manual-valuations/..%2Fx");
    }
}
