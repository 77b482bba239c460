//! Checking definitions without creating anything.

use serde_json::{Value, json};

use crate::{
    engine::Engine,
    protocol::{Body, DEFINITION, Fault, Fields},
};

pub(super) async fn validate(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let definition = fields.text("definition", DEFINITION)?;
    fields.optional_word("type", &["STANDARD", "EXPRESS"])?;
    fields.optional_word("severity", &["ERROR", "WARNING"])?;
    let most = fields.optional_int("maxResults", 0..=100)?.filter(|most| *most > 0).unwrap_or(100);
    fields.check()?;
    let Err(problems) = engine.read_definition(definition).await? else {
        return Ok(Body::json(&json!({"result": "OK", "diagnostics": [], "truncated": false})));
    };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let shown: Vec<Value> = problems
        .all()
        .iter()
        .take(most)
        .map(|problem| {
            let mut shown = json!({"severity": "ERROR", "code": problem.code.as_str(), "message": problem.message});
            if !problem.location.is_empty() {
                shown["location"] = problem.location.clone().into();
            }
            shown
        })
        .collect();
    let truncated = shown.len() < problems.all().len();
    Ok(Body::json(&json!({"result": "FAIL", "diagnostics": shown, "truncated": truncated})))
}
