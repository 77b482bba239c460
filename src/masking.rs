//! Masks task tokens. Anybody who can read a token in a history can answer its task, so no token may reach a page.

use std::collections::BTreeSet;

use serde_json::Value;

const MASK: &str = "••••••••";

/// The length from which any run of characters of the token alphabet is masked. People do not write such text, and the
/// tokens of AWS have several hundred characters. Tokens of the embedded Step Functions are shorter and are recognized
/// by their shape.
const SURELY_A_TOKEN: usize = 200;

/// What is known about the tokens in the history of an execution.
#[derive(Debug, Default)]
pub struct Mask {
    /// The names, in lower case, of members that contain a token: `tasktoken`, and the names that the definition uses.
    /// (`Task.Token` of the context object is recognized by its position.)
    members: BTreeSet<String>,
    tokens: BTreeSet<String>,
}

impl Mask {
    /// A mask for the members into which this definition puts the token.
    pub fn for_definition(definition: &Value) -> Self {
        let mut mask = Self::default();
        mask.members.insert("tasktoken".to_owned());
        mask.learn_members(definition);
        mask
    }

    fn learn_members(&mut self, definition: &Value) {
        match definition {
            Value::Object(members) => {
                for (name, value) in members {
                    let is_token = value.as_str().is_some_and(|text| {
                        text.contains("$$.Task.Token") || text.contains("$states.context.Task.Token")
                    });
                    if is_token {
                        self.members.insert(name.trim_end_matches(".$").to_lowercase());
                    }
                    self.learn_members(value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn_members(item)),
            _ => {}
        }
    }

    /// Remembers the tokens in this value, which may appear elsewhere under other names.
    pub fn learn(&mut self, value: &Value) {
        self.learn_below("", value);
    }

    fn learn_below(&mut self, parent: &str, value: &Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(token) if self.is_token(parent, name) && !token.is_empty() => {
                            self.tokens.insert(token.clone());
                        }
                        value => self.learn_below(name, value),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn_below("", item)),
            _ => {}
        }
    }

    fn is_token(&self, parent: &str, name: &str) -> bool {
        self.members.contains(&name.to_lowercase()) || (parent, name) == ("Task", "Token")
    }

    /// Masks all tokens in the value.
    pub fn apply(&self, value: Value) -> Value {
        self.apply_below("", value)
    }

    /// Masks all tokens in a text that is not JSON.
    pub fn apply_to_text(&self, text: &str) -> String {
        self.mask_text(text)
    }

    fn apply_below(&self, parent: &str, value: Value) -> Value {
        match value {
            Value::Object(members) => Value::Object(
                members
                    .into_iter()
                    .map(|(name, value)| {
                        let hide = value.is_string() && self.is_token(parent, &name);
                        let value = if hide { MASK.into() } else { self.apply_below(&name, value) };
                        (self.mask_text(&name), value)
                    })
                    .collect(),
            ),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.apply(item)).collect()),
            Value::String(text) => Value::String(self.mask_text(&text)),
            other => other,
        }
    }

    fn mask_text(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for token in &self.tokens {
            if masked.contains(token.as_str()) {
                masked = masked.replace(token.as_str(), MASK);
            }
        }
        without_tokens(&masked)
    }
}

/// Masks everything in the text that looks like a token.
pub fn without_tokens(text: &str) -> String {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_');
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.find(|c| !is_base64(c)).unwrap_or(rest.len());
        masked.push_str(if is_like_a_token(&rest[..run]) { MASK } else { &rest[..run] });
        let gap = rest[run..].find(is_base64).unwrap_or(rest.len() - run);
        masked.push_str(&rest[run..run + gap]);
        rest = &rest[run + gap..];
    }
    masked
}

/// Whether this run of characters of the token alphabet is or contains a token, by its length or its shape. Randomness
/// is no criterion, because ordinary ids and digests look as random as tokens.
fn is_like_a_token(run: &str) -> bool {
    let holds = |(length, start): (usize, &str)| run.match_indices(start).any(|(at, _)| run.len() - at >= length);
    run.len() >= SURELY_A_TOKEN || asl_engine::TASK_TOKEN_SHAPES.into_iter().any(holds)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_masked_under_any_name_that_the_definition_uses() {
        let definition = json!({"States": {
            "A": {"Parameters": {"Payload": {"answerWith.$": "$$.Task.Token"}}},
            "B": {"Arguments": {"handle": "{% $states.context.Task.Token %}"}},
        }});
        let mask = Mask::for_definition(&definition);
        let masked =
            mask.apply(json!({"Payload": {"answerWith": "t-1", "handle": "t-2", "taskToken": "t-3", "other": "x"}}));
        assert_eq!(masked, json!({"Payload": {"answerWith": MASK, "handle": MASK, "taskToken": MASK, "other": "x"}}));
    }

    #[test]
    fn a_known_token_is_masked_everywhere() {
        let mut mask = Mask::for_definition(&json!({}));
        mask.learn(&json!({"Payload": {"TaskToken": "secret"}}));
        let masked = mask.apply(json!({"cause": "cannot answer secret!", "list": ["secret"], "secret": 1}));
        assert_eq!(masked, json!({"cause": format!("cannot answer {MASK}!"), "list": [MASK], MASK: 1}));
    }

    #[test]
    fn text_that_looks_like_a_token_is_masked_within_other_text() {
        let token = "AQC8".repeat(100);
        let masked = Mask::for_definition(&json!({})).apply(json!(format!("é before {token}, after")));
        assert_eq!(masked, json!(format!("é before {MASK}, after")));
    }

    #[test]
    fn a_token_of_the_embedded_step_functions_is_masked_by_its_shape_in_any_context() {
        // A signature of letters only.
        let letters = "abcdefghijklmnopqrstuvwxyz".repeat(3);
        let mask = Mask::for_definition(&json!({}));
        for (length, start) in asl_engine::TASK_TOKEN_SHAPES {
            let token = format!("{start}{}", &letters[..length - start.len()]);
            for (text, masked) in [
                (token.clone(), MASK.to_owned()),
                (format!("answer with {token}."), format!("answer with {MASK}.")),
                (format!("answer=x-{token}"), MASK.to_owned()),
                (format!(r#"{{"handle":"{token}"}}"#), format!(r#"{{"handle":"{MASK}"}}"#)),
            ] {
                assert_eq!(mask.apply(json!({"note": [text]})), json!({"note": [masked]}));
            }
        }
    }

    #[test]
    fn ids_digests_and_urls_are_not_masked() {
        for ordinary in [
            "arn:aws:states:eu-west-2:000000000000:execution:loan-processing:Application-2026-11-22-Rose-Cottage-PO1-1CE",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
            "APP-550e8400-e29b-41d4-a716-446655440000_550e8400-e29b-41d4-a716-446655440000",
            "LoanApplicationForMortgageValuationOfPropertiesInPortsmouth2026November",
            "http://127.0.0.1:3000/api/valuations?request=mFiZxQ0vJrE2tXk1Yw9aBg.0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1",
            "/aws/states/loan-desk/Production/2026/11/22/Executions/Application-1/Output",
            "dGhpcyBpcyBhIGRpZ2VzdCBvZiBhIGZpbGUgYW5kIG5vdCBhIHRhc2sgdG9rZW4=",
            "----------------------------------------------------------------------",
        ] {
            assert_eq!(without_tokens(ordinary), ordinary);
        }
    }

    #[test]
    fn the_token_of_the_context_object_is_masked_there_and_everywhere_else() {
        let definition = json!({"States": {"A": {"Parameters": {"Payload": {"everything.$": "$$"}}}}});
        let mut mask = Mask::for_definition(&definition);
        let seen =
            json!({"Payload": {"everything": {"Task": {"Token": "t-1"}, "State": {"Token": "none"}}}, "x": "t-1"});
        mask.learn(&seen);
        let masked =
            json!({"Payload": {"everything": {"Task": {"Token": MASK}, "State": {"Token": "none"}}}, "x": MASK});
        assert_eq!(mask.apply(seen), masked);
    }
}
