//! SQS.

use serde_json::Value;

use super::{
    aws_json,
    service::{Kind, Service, stringify},
};
use crate::{ServiceAnswer, ServiceError, names::pascal_case};

pub(super) static KIND: Kind = Kind {
    name: "SQS",
    flag: "--sqs-endpoint",
    actions: &[
        "sendMessage",
        "sendMessageBatch",
        "receiveMessage",
        "deleteMessage",
        "deleteMessageBatch",
        "changeMessageVisibility",
        "changeMessageVisibilityBatch",
        "createQueue",
        "deleteQueue",
        "getQueueUrl",
        "getQueueAttributes",
        "setQueueAttributes",
        "listQueues",
        "purgeQueue",
    ],
    signing: "sqs",
    prefix: "SQS",
    unmodelled: "AmazonSQSException",
    codes: &[
        ("QueueDoesNotExist", "QueueDoesNotExistException"),
        ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExistException"),
        ("QueueNameExists", "QueueNameExistsException"),
        ("QueueDeletedRecently", "QueueDeletedRecentlyException"),
        ("InvalidMessageContents", "InvalidMessageContentsException"),
        ("InvalidAttributeName", "InvalidAttributeNameException"),
        ("InvalidAttributeValue", "InvalidAttributeValueException"),
        ("InvalidAddress", "InvalidAddressException"),
        ("InvalidSecurity", "InvalidSecurityException"),
        ("InvalidIdFormat", "InvalidIdFormatException"),
        ("InvalidBatchEntryId", "InvalidBatchEntryIdException"),
        ("BatchEntryIdsNotDistinct", "BatchEntryIdsNotDistinctException"),
        ("BatchRequestTooLong", "BatchRequestTooLongException"),
        ("EmptyBatchRequest", "EmptyBatchRequestException"),
        ("TooManyEntriesInBatchRequest", "TooManyEntriesInBatchRequestException"),
        ("MessageNotInflight", "MessageNotInflightException"),
        ("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalidException"),
        ("PurgeQueueInProgress", "PurgeQueueInProgressException"),
        ("OverLimit", "OverLimitException"),
        ("RequestThrottled", "RequestThrottledException"),
        ("UnsupportedOperation", "UnsupportedOperationException"),
    ],
};

pub(super) async fn call(
    service: &Service,
    action: &str,
    mut parameters: Value,
) -> Result<ServiceAnswer, ServiceError> {
    stringify(&mut parameters, "MessageBody");
    for entry in parameters.get_mut("Entries").and_then(Value::as_array_mut).into_iter().flatten() {
        stringify(entry, "MessageBody");
    }
    // The only member of this API that is not in Pascal case.
    if let Some(parameters) = parameters.as_object_mut()
        && let Some(tags) = parameters.remove("Tags")
    {
        parameters.insert("tags".into(), tags);
    }
    aws_json::call(service, "1.0", &format!("AmazonSQS.{}", pascal_case(action)), &parameters).await
}
