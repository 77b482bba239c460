//! Logs each call of the embedded AWS with the DynamoDB write units that it took, at level `trace` of the target
//! `loan_desk::calls`. `cargo xtask bench --desk` counts these lines.

use bytes::Bytes;
use serde_json::{Value, json};
use tracing::Level;

use super::{Answer, Target};

const TARGET: &str = "loan_desk::calls";

/// Whether calls are logged.
pub fn are_logged() -> bool {
    tracing::enabled!(target: TARGET, Level::TRACE)
}

/// A call that is under way and will be logged.
pub struct Call {
    operation: String,
    items: usize,
}

impl Call {
    /// Takes note of a call. Returns the body to send instead, which asks DynamoDB for the capacity that the call takes.
    pub fn begin(target: Target<'_>, body: Bytes) -> (Self, Bytes) {
        let (Target::DynamoDb(operation) | Target::StepFunctions(operation)) = target;
        let of = |items| Self { operation: operation.to_owned(), items };
        let Ok(Value::Object(mut request)) = serde_json::from_slice(&body) else { return (of(0), body) };
        let items = if matches!(target, Target::DynamoDb(_)) { items_written(operation, &request) } else { 0 };
        if items == 0 {
            return (of(0), body);
        }
        request.insert("ReturnConsumedCapacity".to_owned(), json!("TOTAL"));
        (of(items), Bytes::from(Value::Object(request).to_string()))
    }

    pub fn log(self, answer: &Answer) {
        let (operation, items, status) = (self.operation, self.items, answer.status);
        let answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let write_units = if items > 0 { units(&answer["ConsumedCapacity"]) } else { 0.0 };
        tracing::trace!(target: TARGET, operation, status, items, write_units, "call");
    }
}

/// The items that a request writes to tables; those of indexes not among them.
fn items_written(operation: &str, request: &serde_json::Map<String, Value>) -> usize {
    let length = |list: Option<&Value>| list.and_then(Value::as_array).map_or(0, Vec::len);
    match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => 1,
        "TransactWriteItems" => length(request.get("TransactItems")),
        "BatchWriteItem" => {
            let tables = request.get("RequestItems").and_then(Value::as_object);
            tables.into_iter().flat_map(|tables| tables.values()).map(|requests| length(Some(requests))).sum()
        }
        _ => 0,
    }
}

/// The capacity that a write consumed: of one table, or of several.
fn units(consumed: &Value) -> f64 {
    match consumed {
        Value::Array(tables) => tables.iter().map(units).sum(),
        table => table["CapacityUnits"].as_f64().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_sent_so_that_its_capacity_comes_back_and_counts_its_items() {
        let transaction = json!({ "TransactItems": [{ "Put": {} }, { "Update": {} }] });
        let (call, body) = Call::begin(Target::DynamoDb("TransactWriteItems"), Bytes::from(transaction.to_string()));
        assert_eq!(call.items, 2);
        let sent: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(sent["ReturnConsumedCapacity"], "TOTAL");
        let read = Bytes::from_static(b"{\"Key\":{}}");
        assert_eq!(Call::begin(Target::DynamoDb("GetItem"), read.clone()).1, read);
        assert_eq!(Call::begin(Target::StepFunctions("StartExecution"), read.clone()).1, read);
    }

    #[test]
    fn units_of_several_tables_are_added_up() {
        assert_eq!(units(&json!({ "TableName": "a", "CapacityUnits": 2.0 })), 2.0);
        assert_eq!(units(&json!([{ "CapacityUnits": 2.0 }, { "CapacityUnits": 4.0 }])), 6.0);
        assert_eq!(units(&Value::Null), 0.0);
    }
}
