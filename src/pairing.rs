//! Whether the two databases of a data folder belong together.
//!
//! DynamoDB holds the tasks that Step Functions waits for. If one of the two files is restored from a backup without the
//! other, the desk would show tasks that no execution has, and report wrong reasons when they are answered. So DynamoDB
//! remembers which Step Functions database it was last used with, and how often that had been opened by then.

use std::path::Path;

use asl_engine::{Identity, StepFunctions};
use serde::{Deserialize, Serialize};

use crate::{aws::AwsError, settings::Settings};

/// The setting that holds [`Partner`] as JSON.
const SETTING: &str = "step-functions-database";

/// The databases of the data folder do not belong together.
#[derive(Debug, thiserror::Error)]
#[error(
    "the two databases in the data folder {folder} do not belong together: {mismatch}; restore dynamodb.sqlite and \
     step-functions.sqlite from the same backup, or use an empty data folder"
)]
pub struct Unpaired {
    folder: String,
    mismatch: Mismatch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Mismatch {
    #[error("step-functions.sqlite is missing")]
    StepFunctionsMissing,
    #[error("step-functions.sqlite belongs to another data folder")]
    OtherDatabase,
    #[error("step-functions.sqlite is older than dynamodb.sqlite")]
    StepFunctionsOlder,
    #[error("dynamodb.sqlite is older than step-functions.sqlite")]
    DynamoDbOlder,
}

/// Why the databases could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum PairingError {
    #[error(transparent)]
    Unpaired(#[from] Unpaired),
    #[error("cannot compare the databases: {0}")]
    Aws(#[from] AwsError),
}

/// The Step Functions database that DynamoDB was last used with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Partner {
    id: String,
    openings: u64,
    /// A desk was about to open it. Whether it did is not known, so it may have been opened more often than `openings`.
    opening: bool,
}

/// Compares the databases. Call it while Step Functions is closed, before [`opened`].
///
/// # Errors
/// [`PairingError::Unpaired`] when they do not belong together. Nothing has been changed then.
pub async fn check(settings: &Settings, database: &Path) -> Result<(), PairingError> {
    let partner = settings.get(SETTING).await?;
    let partner: Option<Partner> = partner.and_then(|partner| serde_json::from_str(&partner).ok());
    let found = StepFunctions::identity(database);
    if let Some(mismatch) = mismatch(partner.as_ref(), found.as_ref()) {
        let folder = database.parent().unwrap_or(database).display().to_string();
        return Err(Unpaired { folder, mismatch }.into());
    }
    match found {
        Some(found) => remember(settings, found, true).await,
        None => Ok(()),
    }
}

/// Remembers the database that has been opened.
///
/// # Errors
/// When DynamoDB cannot be written.
pub async fn opened(settings: &Settings, database: &Path) -> Result<(), PairingError> {
    match StepFunctions::identity(database) {
        Some(found) => remember(settings, found, false).await,
        None => Ok(()),
    }
}

async fn remember(settings: &Settings, found: Identity, opening: bool) -> Result<(), PairingError> {
    let partner = Partner { id: found.id, openings: found.openings, opening };
    // A struct of plain members always has a JSON text.
    let text = serde_json::to_string(&partner).unwrap_or_default();
    Ok(settings.set(SETTING, text).await?)
}

fn mismatch(partner: Option<&Partner>, found: Option<&Identity>) -> Option<Mismatch> {
    match (partner, found) {
        // Both are new, or the desk that used them last did not remember its partner yet.
        (None, _) => None,
        (Some(_), None) => Some(Mismatch::StepFunctionsMissing),
        (Some(partner), Some(found)) if partner.id != found.id => Some(Mismatch::OtherDatabase),
        (Some(partner), Some(found)) if found.openings < partner.openings => Some(Mismatch::StepFunctionsOlder),
        (Some(partner), Some(found)) if found.openings > partner.openings && !partner.opening => {
            Some(Mismatch::DynamoDbOlder)
        }
        (Some(_), Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partner(id: &str, openings: u64, opening: bool) -> Partner {
        Partner { id: id.to_owned(), openings, opening }
    }

    /// What an engine would report, which alone can make an identity.
    async fn identity(openings: u64) -> (tempfile::TempDir, Identity) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("step-functions.sqlite");
        for _ in 0..openings {
            let options = asl_engine::Options::new("000000000000", "eu-west-2");
            StepFunctions::open(&path, options, std::sync::Arc::new(NoIntegrations)).await.unwrap().shutdown().await;
        }
        let identity = StepFunctions::identity(&path).unwrap();
        (folder, identity)
    }

    struct NoIntegrations;

    #[async_trait::async_trait]
    impl asl_engine::Integrations for NoIntegrations {
        async fn invoke_function(
            &self,
            _: asl_engine::Invocation,
        ) -> Result<asl_engine::Invoked, asl_engine::FunctionError> {
            unreachable!("no state machine is created")
        }

        async fn call_service(
            &self,
            _: asl_engine::ServiceCall,
        ) -> Result<asl_engine::ServiceAnswer, asl_engine::ServiceError> {
            unreachable!("no state machine is created")
        }
    }

    #[tokio::test]
    async fn databases_that_were_used_together_belong_together() {
        let (_folder, found) = identity(3).await;
        assert_eq!(mismatch(None, None), None);
        assert_eq!(mismatch(None, Some(&found)), None);
        assert_eq!(mismatch(Some(&partner(&found.id, 3, false)), Some(&found)), None);
        // The desk was killed before it opened Step Functions, and after.
        assert_eq!(mismatch(Some(&partner(&found.id, 3, true)), Some(&found)), None);
        assert_eq!(mismatch(Some(&partner(&found.id, 2, true)), Some(&found)), None);
    }

    #[tokio::test]
    async fn a_database_restored_without_the_other_is_noticed() {
        let (_folder, found) = identity(3).await;
        let of = |partner: Partner| mismatch(Some(&partner), Some(&found));
        assert_eq!(of(partner(&found.id, 4, false)), Some(Mismatch::StepFunctionsOlder));
        assert_eq!(of(partner(&found.id, 4, true)), Some(Mismatch::StepFunctionsOlder));
        assert_eq!(of(partner(&found.id, 2, false)), Some(Mismatch::DynamoDbOlder));
        assert_eq!(of(partner("another", 3, false)), Some(Mismatch::OtherDatabase));
        assert_eq!(mismatch(Some(&partner(&found.id, 3, false)), None), Some(Mismatch::StepFunctionsMissing));
    }
}
