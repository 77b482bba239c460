//! The functions that the workflows call by `lambda:invoke`. The embedded Step Functions calls them directly. Nothing
//! serves them as Lambda functions yet.

use asl_engine::FunctionError;
use serde_json::{Value, json};

use crate::{
    callbacks::Callbacks,
    invocation::FunctionFailure,
    masking::without_tokens,
    mock_valuer::MockValuer,
    tasks::{ManualValuations, ValuationRequests},
};

pub const VALUATION_REQUEST: &str = "loan-desk-valuation-request";
pub const MANUAL_VALUATION: &str = "loan-desk-manual-valuation";
pub const SEND_VALUATION_RESPONSE: &str = "loan-desk-send-valuation-response";

/// The desk's functions by name.
#[derive(Clone)]
pub struct Functions {
    pub valuation_requests: ValuationRequests,
    pub callbacks: Callbacks,
    pub manual_valuations: ManualValuations,
    pub mock_valuer: MockValuer,
}

impl Functions {
    /// Whether a function, given by its name or its ARN, is the desk's own.
    pub fn has(function: &str) -> bool {
        [VALUATION_REQUEST, MANUAL_VALUATION, SEND_VALUATION_RESPONSE].contains(&name(function))
    }

    /// Runs a function, given by its name or its ARN.
    pub async fn invoke(&self, function: &str, payload: Value) -> Result<Value, FunctionError> {
        let caller = Caller::of(&payload);
        let outcome = match name(function) {
            VALUATION_REQUEST => self.request_valuation(payload).await,
            MANUAL_VALUATION => self.manual_valuations.open(payload).await,
            SEND_VALUATION_RESPONSE => self.mock_valuer.send_response(payload).await,
            _ => return Err(FunctionError::NotFound(function.to_owned())),
        };
        outcome.map_err(|failure| {
            tracing::warn!(
                function = name(function),
                application = caller.application,
                execution = caller.execution,
                error = failure.error_type(),
                %failure,
                "function failed"
            );
            FunctionError::Failed { error_type: failure.error_type().to_owned(), message: failure.to_string() }
        })
    }

    async fn request_valuation(&self, payload: Value) -> Result<Value, FunctionFailure> {
        let requested = self.valuation_requests.request(payload).await?;
        self.callbacks.settle_parked(&requested).await?;
        Ok(json!({ "valuationReference": requested.valuation_reference }))
    }
}

/// Who called a function, as far as its payload says so. The payload may be malformed.
#[derive(Debug, PartialEq, Eq)]
struct Caller {
    application: Option<String>,
    execution: Option<String>,
}

impl Caller {
    /// The longest reference or ARN that is logged, in characters.
    const LONGEST: usize = 300;

    fn of(payload: &Value) -> Self {
        // The workflow may have put a token anywhere.
        let text =
            |value: &Value| value.as_str().map(|text| without_tokens(text).chars().take(Self::LONGEST).collect());
        Self {
            application: text(&payload["loanApplication"]["applicationReference"]),
            execution: text(&payload["execution"]["arn"]),
        }
    }
}

/// `loan-desk-valuation-request` of a name, an ARN, or an ARN with a version.
fn name(function: &str) -> &str {
    match function.split_once(":function:") {
        Some((_, name)) => name.split(':').next().unwrap_or(name),
        None => function.split(':').next().unwrap_or(function),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_found_by_name_and_by_arn() {
        let arn = "arn:aws:lambda:eu-west-2:000000000000:function:loan-desk-manual-valuation";
        for function in [MANUAL_VALUATION, arn, &format!("{arn}:$LATEST"), "loan-desk-manual-valuation:3"] {
            assert_eq!(name(function), MANUAL_VALUATION, "{function}");
            assert!(Functions::has(function), "{function}");
        }
    }

    #[test]
    fn the_caller_is_read_from_a_malformed_payload_without_tokens() {
        let arn = "arn:aws:states:eu-west-2:000000000000:execution:loan-processing:typed";
        let payload = json!({
            "loanApplication": { "applicationReference": "typed", "loanAmount": "£1" }, "execution": { "arn": arn },
        });
        let caller = Caller { application: Some("typed".into()), execution: Some(arn.into()) };
        assert_eq!(Caller::of(&payload), caller);
        assert_eq!(Caller::of(&json!([1])), Caller { application: None, execution: None });
        let token = "A".repeat(300);
        let masked = Caller::of(&json!({ "execution": { "arn": token } })).execution.unwrap();
        assert!(!masked.contains('A'), "{masked}");
    }

    #[test]
    fn a_function_of_another_name_is_not_the_desks() {
        assert!(!Functions::has("loan-desk"));
        assert!(!Functions::has("arn:aws:lambda:eu-west-2:000000000000:function:greet:loan-desk-manual-valuation"));
    }
}
