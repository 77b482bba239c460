//! Visits: what the desk remembers of a browser between two requests.

use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use time::OffsetDateTime;
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store::{Error, Result},
};

use crate::{
    aws::{Aws, AwsError},
    item::{Read, number, text},
    tables::Table,
};

pub const TABLE: Table = Table { name: "loan-desk-sessions", key: "id", indexes: &[], time_to_live: Some("expiresAt") };

/// Ids that are tried when one is taken: with 128 random bits not even one ever is.
const ATTEMPTS: usize = 3;

#[derive(Debug, Clone)]
pub struct Sessions {
    aws: Aws,
}

impl Sessions {
    pub fn new(aws: Aws) -> Self {
        Self { aws }
    }

    fn put(&self, record: &Record) -> Result<PutItemFluentBuilder> {
        let data = serde_json::to_string(&record.data).map_err(|error| Error::Encode(error.to_string()))?;
        let put = self.aws.dynamodb.put_item().table_name(TABLE.name);
        Ok(put
            .item(TABLE.key, text(record.id.to_string()))
            .item("data", text(data))
            .item("expiresAt", number(record.expiry_date.unix_timestamp())))
    }
}

/// Says it once for all: the session layer and whoever asks for a session only pass it on.
fn backend(error: impl Into<AwsError>) -> Error {
    let error = error.into();
    tracing::error!(%error, "a visit cannot be read or written");
    Error::Backend(error.to_string())
}

fn corrupt(error: impl std::fmt::Display) -> Error {
    tracing::error!(%error, "a visit cannot be read");
    Error::Decode(error.to_string())
}

#[async_trait::async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let put = self.put(record)?.condition_expression("attribute_not_exists(id)");
            match put.send().await.map_err(AwsError::from) {
                Ok(_) => return Ok(()),
                Err(error) if error.is_condition() => record.id = Id::default(),
                Err(error) => return Err(backend(error)),
            }
        }
        Err(Error::Backend("no free session id".to_owned()))
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.put(record)?.send().await.map_err(backend)?;
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let answer = self.aws.dynamodb.get_item().table_name(TABLE.name).key(TABLE.key, text(id.to_string()));
        let Some(item) = answer.consistent_read(true).send().await.map_err(backend)?.item else { return Ok(None) };
        let expires = item.number("expiresAt").unwrap_or_default() as i64;
        let expiry_date = OffsetDateTime::from_unix_timestamp(expires).map_err(corrupt)?;
        // What has expired may still be there: the table deletes it in its own time.
        if expiry_date <= self.aws.clock.now() {
            return Ok(None);
        }
        let data = item.text("data").unwrap_or_default();
        let data = serde_json::from_str(data).map_err(corrupt)?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        let delete = self.aws.dynamodb.delete_item().table_name(TABLE.name).key(TABLE.key, text(id.to_string()));
        delete.send().await.map_err(backend)?;
        Ok(())
    }
}
