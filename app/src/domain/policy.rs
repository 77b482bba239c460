//! The lending policy.

/// The lending policy's limits, in per cent of the property's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Up to and including this loan-to-value an application is approved.
    pub approve_up_to: f64,
    /// Up to and including this it is referred to an underwriter; above it is declined.
    pub refer_up_to: f64,
}
