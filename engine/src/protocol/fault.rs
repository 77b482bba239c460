//! The errors of AWS Step Functions, with AWS's names and texts.

/// Why a request was refused. `Display` is AWS's message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("Activity Already Exists: '{0}'")]
    ActivityAlreadyExists(String),
    #[error("Activity Does Not Exist: '{0}'")]
    ActivityDoesNotExist(String),
    #[error("{0}")]
    Conflict(String),
    #[error("Execution Already Exists: '{0}'")]
    ExecutionAlreadyExists(String),
    #[error("Execution Does Not Exist: '{0}'")]
    ExecutionDoesNotExist(String),
    #[error("{0}")]
    ExecutionNotRedrivable(String),
    #[error("Invalid Arn: '{0}'")]
    InvalidArn(String),
    #[error("Invalid State Machine Definition: '{0}'")]
    InvalidDefinition(String),
    #[error("{0}")]
    InvalidEncryptionConfiguration(String),
    #[error("Invalid State Machine Execution Input: '{0}'")]
    InvalidExecutionInput(String),
    #[error("{0}")]
    InvalidLoggingConfiguration(String),
    #[error("Invalid Name: '{0}'")]
    InvalidName(String),
    #[error("Invalid Output: '{0}'")]
    InvalidOutput(String),
    #[error("Invalid Token: 'Invalid token'")]
    InvalidToken,
    #[error("Invalid Role Arn: '{0}'")]
    InvalidRoleArn(String),
    #[error("{0}")]
    MissingRequiredParameter(String),
    #[error("Resource not found: '{0}'")]
    ResourceNotFound(String),
    /// The body is no JSON object, or a member has the wrong type.
    #[error("{0}")]
    Serialization(String),
    #[error("{0}")]
    ServiceQuotaExceeded(String),
    #[error("State Machine Already Exists: '{0}'")]
    StateMachineAlreadyExists(String),
    #[error("State Machine is deleting: '{0}'")]
    StateMachineDeleting(String),
    #[error("State Machine Does Not Exist: '{0}'")]
    StateMachineDoesNotExist(String),
    #[error("This operation is not supported by this type of state machine")]
    StateMachineTypeNotSupported,
    #[error("Task Timed Out: 'Provided task does not exist anymore'")]
    TaskTimedOut,
    #[error("Too many tags: at most 50 on a resource")]
    TooManyTags,
    #[error("Unknown operation: {0}")]
    UnknownOperation(String),
    #[error("{0}")]
    Validation(String),
    /// Nothing was changed; the request can be retried.
    #[error("{0}")]
    Storage(StorageError),
}

impl Fault {
    /// The value of `__type`.
    pub fn code(&self) -> &'static str {
        match self {
            Fault::ActivityAlreadyExists(_) => "ActivityAlreadyExists",
            Fault::ActivityDoesNotExist(_) => "ActivityDoesNotExist",
            Fault::Conflict(_) => "ConflictException",
            Fault::ExecutionAlreadyExists(_) => "ExecutionAlreadyExists",
            Fault::ExecutionDoesNotExist(_) => "ExecutionDoesNotExist",
            Fault::ExecutionNotRedrivable(_) => "ExecutionNotRedrivable",
            Fault::InvalidArn(_) | Fault::InvalidRoleArn(_) => "InvalidArn",
            Fault::InvalidDefinition(_) => "InvalidDefinition",
            Fault::InvalidEncryptionConfiguration(_) => "InvalidEncryptionConfiguration",
            Fault::InvalidExecutionInput(_) => "InvalidExecutionInput",
            Fault::InvalidLoggingConfiguration(_) => "InvalidLoggingConfiguration",
            Fault::InvalidName(_) => "InvalidName",
            Fault::InvalidOutput(_) => "InvalidOutput",
            Fault::InvalidToken => "InvalidToken",
            Fault::MissingRequiredParameter(_) => "MissingRequiredParameter",
            Fault::ResourceNotFound(_) => "ResourceNotFound",
            Fault::Serialization(_) => "SerializationException",
            Fault::ServiceQuotaExceeded(_) => "ServiceQuotaExceededException",
            Fault::StateMachineAlreadyExists(_) => "StateMachineAlreadyExists",
            Fault::StateMachineDeleting(_) => "StateMachineDeleting",
            Fault::StateMachineDoesNotExist(_) => "StateMachineDoesNotExist",
            Fault::StateMachineTypeNotSupported => "StateMachineTypeNotSupported",
            Fault::TaskTimedOut => "TaskTimedOut",
            Fault::TooManyTags => "TooManyTags",
            Fault::UnknownOperation(_) => "UnknownOperationException",
            Fault::Validation(_) => "ValidationException",
            Fault::Storage(_) => "InternalServerException",
        }
    }

    /// The HTTP status: 400 for the client's faults and 500 for the engine's, which SDKs retry.
    pub fn status(&self) -> u16 {
        if matches!(self, Fault::Storage(_)) { 500 } else { 400 }
    }
}

/// The database failed. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    #[error("the disk is full: nothing was changed; repeat the request when there is room")]
    Full,
    #[error("the database is damaged: nothing was changed; stop the engine and restore a backup of the data folder")]
    Damaged,
    #[error("the engine is shut down")]
    Closed,
    /// The details are in the log.
    #[error("internal error: nothing was changed")]
    Internal,
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        Fault::Storage(error)
    }
}

impl From<crate::token::InvalidToken> for Fault {
    fn from(_: crate::token::InvalidToken) -> Self {
        Fault::InvalidToken
    }
}
