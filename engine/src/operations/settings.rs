//! The settings of state machines and activities that are only stored.

use serde_json::{Map, Value, json};

use crate::protocol::{Fault, Fields};

/// loggingConfiguration, tracingConfiguration and encryptionConfiguration, in the form in which AWS returns them.
///
/// They are stored and returned, but have no effect: the engine does not use CloudWatch, X-Ray or KMS.
pub(super) struct Settings {
    logging: Option<Value>,
    tracing: Option<Value>,
    encryption: Option<Value>,
}

impl Settings {
    pub fn read(fields: &mut Fields) -> Result<Self, Fault> {
        let logging = fields.optional_object("loggingConfiguration")?.map(logging).transpose()?;
        let tracing = fields.optional_object("tracingConfiguration")?.map(|given| {
            let enabled = given.get("enabled").and_then(Value::as_bool).unwrap_or(false);
            json!({"enabled": enabled})
        });
        let encryption = fields.optional_object("encryptionConfiguration")?.map(check_encryption).transpose()?;
        Ok(Self { logging, tracing, encryption })
    }

    pub fn any(&self) -> bool {
        self.logging.is_some() || self.tracing.is_some() || self.encryption.is_some()
    }

    /// Merges the given values into the previous ones.
    pub fn over(&self, before: &Value) -> String {
        fn keep<'a>(given: &'a Option<Value>, before: &'a Value) -> &'a Value {
            given.as_ref().unwrap_or(before)
        }
        json!({
            "loggingConfiguration": keep(&self.logging, &before["loggingConfiguration"]),
            "tracingConfiguration": keep(&self.tracing, &before["tracingConfiguration"]),
            "encryptionConfiguration": keep(&self.encryption, &before["encryptionConfiguration"]),
        })
        .to_string()
    }
}

/// AWS's defaults.
pub(super) fn default_settings() -> Value {
    json!({
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": false},
        "tracingConfiguration": {"enabled": false},
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
    })
}

fn logging(mut given: Map<String, Value>) -> Result<Value, Fault> {
    let invalid = |what: &str| Fault::InvalidLoggingConfiguration(format!("Invalid Logging Configuration: {what}"));
    let level = match given.remove("level") {
        None | Some(Value::Null) => "OFF".to_owned(),
        Some(Value::String(level)) if matches!(&*level, "ALL" | "ERROR" | "FATAL" | "OFF") => level,
        Some(_) => return Err(invalid("level must be one of ALL, ERROR, FATAL and OFF.")),
    };
    let with_data = given.get("includeExecutionData").and_then(Value::as_bool).unwrap_or(false);
    let destinations = match given.remove("destinations") {
        Some(Value::Array(destinations)) => destinations,
        _ => Vec::new(),
    };
    if level != "OFF" && destinations.len() != 1 {
        return Err(invalid("Must specify exactly one Log Destination."));
    }
    let mut all = json!({"level": level, "includeExecutionData": with_data});
    if !destinations.is_empty() {
        all["destinations"] = destinations.into();
    }
    Ok(all)
}

fn check_encryption(given: Map<String, Value>) -> Result<Value, Fault> {
    let invalid =
        |what: &str| Fault::InvalidEncryptionConfiguration(format!("Invalid Encryption Configuration: {what}"));
    let key = given.get("kmsKeyId").is_some_and(|key| !key.is_null());
    match given.get("type").and_then(Value::as_str) {
        Some("AWS_OWNED_KEY") if key => Err(invalid("kmsKeyId is not allowed with type AWS_OWNED_KEY")),
        Some("AWS_OWNED_KEY") => Ok(given.into()),
        Some("CUSTOMER_MANAGED_KMS_KEY") => Err(invalid("keys of KMS are not supported here; use type AWS_OWNED_KEY")),
        _ => Err(invalid("type must be AWS_OWNED_KEY or CUSTOMER_MANAGED_KMS_KEY")),
    }
}

/// The encryptionConfiguration of a request, or AWS's default.
pub(super) fn encryption(fields: &mut Fields) -> Result<Value, Fault> {
    match fields.optional_object("encryptionConfiguration")? {
        Some(given) => check_encryption(given),
        None => Ok(default_settings()["encryptionConfiguration"].clone()),
    }
}
