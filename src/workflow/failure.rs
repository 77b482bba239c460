//! Errors of executions and states.

use app::desk::Failure;
use serde_json::Value;

/// The cause of a failed function is a JSON object. Of that, only the message is for people to read.
pub fn failure(error: Option<String>, cause: Option<String>) -> Failure {
    let message = |cause: &str| {
        let cause: Value = serde_json::from_str(cause).ok()?;
        cause["errorMessage"].as_str().map(str::to_owned)
    };
    Failure { error, cause: cause.map(|cause| message(&cause).unwrap_or(cause)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_of_a_failed_function_is_its_message() {
        let cause = |text: &str| failure(None, Some(text.to_owned())).cause.unwrap();
        assert_eq!(cause(r#"{"errorMessage":"no amount","errorType":"Invalid"}"#), "no amount");
        for other in ["plain", r#"{"errorMessage":1}"#, "[1]", ""] {
            assert_eq!(cause(other), other);
        }
    }
}
