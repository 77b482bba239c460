//! The terms of the business as types, each valid by construction.

mod application;
mod loan_to_value;
mod money;
mod names;
mod policy;
mod postcode;
mod reference;
mod status;
mod task_kind;
mod term;
mod uk_time;
mod valuation;

pub use application::{LoanApplication, Property};
pub use loan_to_value::{loan_to_value, percent_in_words};
pub use money::{Money, MoneyError};
pub use names::{ApplicantName, ApplicantNameError, PropertyName, PropertyNameError};
pub use policy::Policy;
pub use postcode::{Postcode, PostcodeError};
pub use reference::{ApplicationReference, ReferenceError};
pub use status::{ApplicationStatus, Tone};
pub use task_kind::{TaskKind, TaskPage, WaitingOn};
pub use term::{TermError, TermYears};
pub use uk_time::{day_in_words, in_uk, iso_day, uk_clock, uk_day, uk_midnight, uk_today};
pub use valuation::{ManualValuationAnswer, Valuation, ValuationBasis, ValuationSource};
