//! What can happen.

use std::time::Duration;

use proptest::{prelude::*, sample::Index};

use super::APPLICATIONS;
use crate::support::{Answers, Fault, MANUAL_TIMEOUT, VALUATION_TIMEOUT};

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Step {
    /// An application is submitted, perhaps again.
    Submit(usize),
    /// From now on the valuation service answers requests like this.
    ValuerWill(Answers),
    /// Somebody calls back about a request that the valuation service has accepted.
    Callback {
        request: Index,
        says: Says,
    },
    /// A member of staff answers an item, open or not.
    Staff {
        item: Index,
        is_declined: bool,
    },
    /// A task is answered in Step Functions directly.
    PastTheDesk(Index),
    Wait(Duration),
    /// The execution of an application is stopped.
    Stop(usize),
    Redrive(usize),
    /// The desk is killed and started again.
    Restart,
    /// The desk does what it does every minute.
    Reconcile,
    /// A call to AWS meets a fault: so many calls from now.
    Fault {
        after: usize,
        fault: Fault,
    },
    /// What is held back goes on.
    Release,
}

/// What a callback says, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// A value that nobody has sent before.
    Value,
    /// What was sent before for this request.
    Again,
    /// The property cannot be valued.
    Failure,
    /// A value under the reference of another request.
    OtherReference,
    Malformed,
    /// A value at an address with a wrong signature.
    Forged,
    /// A value at the address without a signature.
    Unsigned,
}

pub fn any_step() -> impl Strategy<Value = Step> {
    let application = 0..APPLICATIONS.len();
    let answers = prop_oneof![
        4 => Just(Answers::Never),
        2 => Just(Answers::Early),
        1 => Just(Answers::Refuses),
        1 => Just(Answers::Unavailable),
        1 => Just(Answers::BreaksOff),
        1 => Just(Answers::Reuses),
    ];
    let says = prop_oneof![
        4 => Just(Says::Value),
        2 => Just(Says::Again),
        1 => Just(Says::Failure),
        1 => Just(Says::OtherReference),
        1 => Just(Says::Malformed),
        1 => Just(Says::Forged),
        1 => Just(Says::Unsigned),
    ];
    let wait = prop_oneof![
        3 => Just(Duration::from_secs(2)),
        2 => Just(VALUATION_TIMEOUT),
        1 => Just(MANUAL_TIMEOUT),
    ];
    let fault = proptest::sample::select(Fault::ALL.as_slice());
    prop_oneof![
        6 => application.clone().prop_map(Step::Submit),
        2 => answers.prop_map(Step::ValuerWill),
        8 => (any::<Index>(), says).prop_map(|(request, says)| Step::Callback { request, says }),
        4 => (any::<Index>(), proptest::bool::weighted(0.2))
            .prop_map(|(item, is_declined)| Step::Staff { item, is_declined }),
        1 => any::<Index>().prop_map(Step::PastTheDesk),
        5 => wait.prop_map(Step::Wait),
        1 => application.clone().prop_map(Step::Stop),
        2 => application.prop_map(Step::Redrive),
        1 => Just(Step::Restart),
        3 => Just(Step::Reconcile),
        5 => (0..25_usize, fault).prop_map(|(after, fault)| Step::Fault { after, fault }),
        1 => Just(Step::Release),
    ]
}
