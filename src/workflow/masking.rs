//! Hiding task tokens. Whoever can read a token in a history can answer its task, so none may reach a page.

use std::collections::BTreeSet;

use serde_json::Value;

const MASK: &str = "••••••••";

/// A token of AWS is several hundred characters of Base64 without a break; nothing a person wrote is.
const LIKE_A_TOKEN: usize = 200;

/// What is known of the tokens in one execution's history.
#[derive(Debug, Default)]
pub struct Mask {
    /// Members that hold a token, in lower case: `tasktoken`, and whatever the definition calls its.
    members: BTreeSet<String>,
    tokens: BTreeSet<String>,
}

impl Mask {
    /// Knows the members that this definition puts the token into.
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

    /// Takes note of the tokens in this, which may stand elsewhere under other names.
    pub fn learn(&mut self, value: &Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(token) if self.is_member(name) && !token.is_empty() => {
                            self.tokens.insert(token.clone());
                        }
                        value => self.learn(value),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            _ => {}
        }
    }

    fn is_member(&self, name: &str) -> bool {
        self.members.contains(&name.to_lowercase())
    }

    /// The same without tokens, wherever they stood.
    pub fn apply(&self, value: Value) -> Value {
        match value {
            Value::Object(members) => Value::Object(
                members
                    .into_iter()
                    .map(|(name, value)| {
                        let value =
                            if value.is_string() && self.is_member(&name) { MASK.into() } else { self.apply(value) };
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
        mask_alike(&masked)
    }
}

/// Masks what looks like a token, wherever it came from.
fn mask_alike(text: &str) -> String {
    if text.len() < LIKE_A_TOKEN {
        return text.to_owned();
    }
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_');
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.find(|c| !is_base64(c)).unwrap_or(rest.len());
        masked.push_str(if run >= LIKE_A_TOKEN { MASK } else { &rest[..run] });
        let gap = rest[run..].find(is_base64).unwrap_or(rest.len() - run);
        masked.push_str(&rest[run..run + gap]);
        rest = &rest[run + gap..];
    }
    masked
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_masked_under_whatever_name_the_definition_gives_it() {
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
    fn a_token_once_seen_is_masked_wherever_else_it_stands() {
        let mut mask = Mask::for_definition(&json!({}));
        mask.learn(&json!({"Payload": {"TaskToken": "secret"}}));
        let masked = mask.apply(json!({"cause": "cannot answer secret!", "list": ["secret"], "secret": 1}));
        assert_eq!(masked, json!({"cause": format!("cannot answer {MASK}!"), "list": [MASK], MASK: 1}));
    }

    #[test]
    fn what_looks_like_a_token_is_masked_even_in_the_middle_of_a_text() {
        let token = "AQC8".repeat(100);
        let masked = Mask::for_definition(&json!({})).apply(json!(format!("é before {token}, after")));
        assert_eq!(masked, json!(format!("é before {MASK}, after")));
    }
}
