//! The terms of the business as types, each valid by construction.
//!
//! The browser compiles what it needs to show the effect of a value while it is typed. The rest is for the server only.

mod loan_to_value;
mod money;
mod policy;
mod value_alert;

#[cfg(feature = "ssr")]
mod application;
#[cfg(feature = "ssr")]
mod names;
#[cfg(feature = "ssr")]
mod postcode;
#[cfg(feature = "ssr")]
mod reference;
#[cfg(feature = "ssr")]
mod status;
#[cfg(feature = "ssr")]
mod task_kind;
#[cfg(feature = "ssr")]
mod term;
#[cfg(feature = "ssr")]
mod uk_time;
#[cfg(feature = "ssr")]
mod valuation;

pub use loan_to_value::{loan_to_value, percent_in_words};
pub use money::{Money, MoneyError};
pub use policy::{Decision, Policy};
pub use value_alert::{KnownSource, KnownValue, Unusual, ValueAlert, ValueAlertError};

#[cfg(feature = "ssr")]
pub use application::{LoanApplication, Property};
#[cfg(feature = "ssr")]
pub use money::grouped;
#[cfg(feature = "ssr")]
pub use names::{ApplicantName, ApplicantNameError, PropertyName, PropertyNameError};
#[cfg(feature = "ssr")]
pub use postcode::{Postcode, PostcodeError};
#[cfg(feature = "ssr")]
pub use reference::{ApplicationReference, ReferenceError};
#[cfg(feature = "ssr")]
pub use status::{ApplicationStatus, Tone};
#[cfg(feature = "ssr")]
pub use task_kind::{TaskKind, TaskPage, WaitingOn};
#[cfg(feature = "ssr")]
pub use term::{TermError, TermYears};
#[cfg(feature = "ssr")]
pub use uk_time::{day_in_words, in_uk, iso_day, read_iso_day, uk_clock, uk_day, uk_midnight, uk_today};
#[cfg(feature = "ssr")]
pub use valuation::{ManualValuationAnswer, Valuation, ValuationBasis, ValuationSource, oldest_valuation_day};
