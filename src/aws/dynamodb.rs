//! DynamoDB inside this process: the operations of the AWS JSON protocol on `dynoxide`.

use dynoxide::{Database, DynoxideError};
use serde::{Serialize, de::DeserializeOwned};

use super::Answer;

/// Answers one request; `operation` is what stands behind `DynamoDB_20120810.` in `X-Amz-Target`. Blocks on the disk:
/// call it off the async threads.
pub fn answer(db: &Database, operation: &str, body: &[u8]) -> Answer {
    let outcome = match operation {
        "BatchGetItem" => perform(body, |request| db.batch_get_item(request)),
        "BatchWriteItem" => perform(body, |request| db.batch_write_item(request)),
        "CreateTable" => perform(body, |request| db.create_table(request)),
        "DeleteItem" => perform(body, |request| db.delete_item(request)),
        "DeleteTable" => perform(body, |request| db.delete_table(request)),
        "DescribeTable" => perform(body, |request| db.describe_table(request)),
        "DescribeTimeToLive" => perform(body, |request| db.describe_time_to_live(request)),
        "ExecuteStatement" => perform(body, |request| db.execute_statement(request)),
        "GetItem" => perform(body, |request| db.get_item(request)),
        "ListTables" => perform(body, |request| db.list_tables(request)),
        "ListTagsOfResource" => perform(body, |request| db.list_tags_of_resource(request)),
        "PutItem" => perform(body, |request| db.put_item(request)),
        "Query" => perform(body, |request| db.query(request)),
        "Scan" => perform(body, |request| db.scan(request)),
        "TagResource" => perform(body, |request| db.tag_resource(request)),
        "TransactGetItems" => perform(body, |request| db.transact_get_items(request)),
        "TransactWriteItems" => perform(body, |request| db.transact_write_items(request)),
        "UntagResource" => perform(body, |request| db.untag_resource(request)),
        "UpdateItem" => perform(body, |request| db.update_item(request)),
        "UpdateTable" => perform(body, |request| db.update_table(request)),
        "UpdateTimeToLive" => perform(body, |request| db.update_time_to_live(request)),
        _ => return Answer::error(400, "com.amazon.coral.service#UnknownOperationException", ""),
    };
    match outcome {
        Ok(body) => Answer { status: 200, body },
        Err(error) => Answer { status: error.status_code(), body: error.to_json().into_bytes() },
    }
}

fn perform<Request: DeserializeOwned, Response: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Request) -> Result<Response, DynoxideError>,
) -> Result<Vec<u8>, DynoxideError> {
    let request =
        serde_json::from_slice(body).map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
    let response = operation(request)?;
    serde_json::to_vec(&response).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}
