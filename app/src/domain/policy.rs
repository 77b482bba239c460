/// The lending policy's limits, in per cent of the property's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Applications are approved up to and including this loan-to-value.
    pub approve_up_to: f64,
    /// Applications are referred to an underwriter up to and including this loan-to-value, and declined above it.
    pub refer_up_to: f64,
}
