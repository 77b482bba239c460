//! Reads Retry and Catch.

use serde_json::Value;

use super::{
    Catcher, Jitter, QueryLanguage, ResultPlace, Retrier, Template,
    fields::Fields,
    read::{MAX_SECONDS, StateFields},
};

impl StateFields<'_, '_> {
    pub fn retry(&mut self) -> Vec<Retrier> {
        let Some(list) = self.fields.list("Retry") else { return Vec::new() };
        let mut retriers = Vec::with_capacity(list.len());
        for (index, value) in list.iter().enumerate() {
            let location = self.fields.location_of(&format!("Retry[{index}]"));
            let Some(mut fields) = Fields::of(value, location, self.fields.problems()) else { continue };
            let errors = error_equals(&mut fields, index + 1 == list.len());
            let jitter = match fields.text("JitterStrategy") {
                None | Some("NONE") => Jitter::None,
                Some("FULL") => Jitter::Full,
                Some(_) => {
                    fields.wrong("JitterStrategy", "Value is not valid. Allowed values are FULL, NONE");
                    Jitter::None
                }
            };
            let interval_seconds = fields.integer("IntervalSeconds", 1, MAX_SECONDS).unwrap_or(1);
            let max_delay_seconds = fields.integer("MaxDelaySeconds", 1, 31_622_400);
            if max_delay_seconds.is_some_and(|most| most <= interval_seconds) {
                fields.wrong("MaxDelaySeconds", "MaxDelaySeconds must be greater than IntervalSeconds");
            }
            let backoff_rate = fields.number("BackoffRate").unwrap_or(2.0);
            if backoff_rate < 1.0 {
                fields.wrong("BackoffRate", "Expected value to be greater than or equal to 1.0");
            }
            let max_attempts = fields.integer("MaxAttempts", 0, MAX_SECONDS).unwrap_or(3);
            retriers.push(Retrier {
                errors,
                interval_seconds,
                max_attempts: u32::try_from(max_attempts).unwrap_or(u32::MAX),
                backoff_rate,
                max_delay_seconds,
                jitter,
            });
            fields.finish();
        }
        retriers
    }

    pub fn catch(&mut self) -> Vec<Catcher> {
        let Some(list) = self.fields.list("Catch") else { return Vec::new() };
        let mut catchers = Vec::with_capacity(list.len());
        for (index, value) in list.iter().enumerate() {
            let location = self.fields.location_of(&format!("Catch[{index}]"));
            let Some(fields) = Fields::of(value, location, self.fields.problems()) else { continue };
            let mut fields = fields.of_catcher();
            let errors = error_equals(&mut fields, index + 1 == list.len());
            let (result_path, output) = match self.language {
                QueryLanguage::JsonPath => (ResultPlace::parse(&mut fields, "ResultPath"), None),
                QueryLanguage::Jsonata => (ResultPlace::Whole, Template::parse(&mut fields, "Output", self.language)),
            };
            let assign = Template::parse_assign(&mut fields, self.language);
            let next = fields.require_text("Next").and_then(|next| self.context.target(&fields, "Next", next));
            if let Some(next) = next {
                catchers.push(Catcher { errors, result_path, assign, output, next });
            }
            fields.finish_in(self.language);
        }
        catchers
    }
}

/// Reads ErrorEquals. States.ALL must be alone, and in the last Retrier or Catcher.
fn error_equals(fields: &mut Fields<'_>, last: bool) -> Vec<String> {
    fields.require("ErrorEquals");
    let Some(list) = fields.list("ErrorEquals") else { return Vec::new() };
    if list.is_empty() {
        fields.wrong("ErrorEquals", "There must be at least one error name");
    }
    let errors: Vec<String> = list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if errors.len() < list.len() {
        fields.wrong("ErrorEquals", "Expected value of type String");
    }
    if errors.iter().any(|error| error == "States.ALL") && (errors.len() > 1 || !last) {
        fields.wrong(
            "ErrorEquals",
            "States.ALL must appear alone in the ErrorEquals, and in the last Retrier or Catcher",
        );
    }
    errors
}
