//! DynamoDB inside this process: the operations of the AWS JSON protocol on `dynoxide`.
//!
//! `dynoxide` commits each write by itself, and with SQLite's own settings waits for the disk each time. Here a commit
//! goes to SQLite's write-ahead log without waiting; then all requests that are under way wait together for one sync of
//! the log, before any of them is answered. What is answered is on disk, be it written or read.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io,
    path::Path,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use dynoxide::{
    DynoxideError,
    actions::{self, vector_lifecycle::VectorIndexLifecycle},
    storage::Storage,
};
use futures_util::FutureExt;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::Answer;

/// Kilobytes of SQLite's page cache: the pages of the tables that are written to most.
const CACHE: i64 = 16 * 1024;

/// Pages of the write-ahead log after which SQLite carries them over into the database: the more, the more often has a
/// page been changed that is carried over once.
const LOG_PAGES: i64 = 4_000;

/// How long a transaction with the same token is not done again: what AWS says.
const TOKENS: Duration = Duration::from_secs(600);

/// A database of `dynoxide`.
pub struct DynamoDb {
    storage: Mutex<Storage>,
    log: Log,
    vector_indexes: VectorIndexLifecycle,
    /// The transactions of the last ten minutes by their tokens.
    transactions: Mutex<HashMap<String, Transaction>>,
}

/// What a transaction asked for, and what it was answered.
struct Transaction {
    at: Instant,
    items: Value,
    answer: Vec<u8>,
}

impl DynamoDb {
    /// Opens the database at `path`, which is created when it is missing. Blocks on the disk.
    pub fn open(path: &str) -> Result<Self, DynoxideError> {
        let storage = Storage::new(path)?;
        let connection = storage.conn();
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "cache_size", -CACHE)?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        connection.set_prepared_statement_cache_capacity(64);
        let log = Log::open(Path::new(&format!("{path}-wal")));
        let log = log.map_err(|error| DynoxideError::InternalServerError(format!("{path}-wal: {error}")))?;
        Ok(Self {
            storage: Mutex::new(storage),
            log,
            vector_indexes: VectorIndexLifecycle::new(),
            transactions: Mutex::default(),
        })
    }

    /// Answers one request; `operation` is what stands behind `DynamoDB_20120810.` in `X-Amz-Target`. Blocks on the disk:
    /// call it off the async threads.
    pub fn answer(&self, operation: &str, body: &[u8]) -> Answer {
        let outcome = match operation {
            "BatchGetItem" => self.perform(body, |db, request| now(actions::batch_get_item::execute(db, request))),
            "BatchWriteItem" => self.perform(body, |db, request| now(actions::batch_write_item::execute(db, request))),
            "CreateTable" => self.perform(body, |db, request| now(actions::create_table::execute(db, request))),
            "DeleteItem" => self.perform(body, |db, request| now(actions::delete_item::execute(db, request))),
            "DeleteTable" => {
                self.perform(body, |db, request| now(actions::delete_table::execute(db, request, &self.vector_indexes)))
            }
            "DescribeTable" => self
                .perform(body, |db, request| now(actions::describe_table::execute(db, request, &self.vector_indexes))),
            "DescribeTimeToLive" => {
                self.perform(body, |db, request| now(actions::describe_time_to_live::execute(db, request)))
            }
            "ExecuteStatement" => {
                self.perform(body, |db, request| now(actions::execute_statement::execute(db, request)))
            }
            "GetItem" => self.perform(body, |db, request| now(actions::get_item::execute(db, request))),
            "ListTables" => self.perform(body, |db, request| now(actions::list_tables::execute(db, request))),
            "ListTagsOfResource" => {
                self.perform(body, |db, request| now(actions::list_tags_of_resource::execute(db, request)))
            }
            "PutItem" => self.perform(body, |db, request| now(actions::put_item::execute(db, request))),
            "Query" => self.perform(body, |db, request| now(actions::query::execute(db, request))),
            "Scan" => self.perform(body, |db, request| now(actions::scan::execute(db, request))),
            "TagResource" => self.perform(body, |db, request| now(actions::tag_resource::execute(db, request))),
            "TransactGetItems" => {
                self.perform(body, |db, request| now(actions::transact_get_items::execute(db, request)))
            }
            "TransactWriteItems" => self.transact(body),
            "UntagResource" => self.perform(body, |db, request| now(actions::untag_resource::execute(db, request))),
            "UpdateItem" => self.perform(body, |db, request| now(actions::update_item::execute(db, request))),
            "UpdateTable" => {
                self.perform(body, |db, request| now(actions::update_table::execute(db, request, &self.vector_indexes)))
            }
            "UpdateTimeToLive" => {
                self.perform(body, |db, request| now(actions::update_time_to_live::execute(db, request)))
            }
            _ => return Answer::error(400, "com.amazon.coral.service#UnknownOperationException", ""),
        };
        match outcome {
            Ok(body) => Answer { status: 200, body },
            Err(error) => Answer { status: error.status_code(), body: error.to_json().into_bytes() },
        }
    }

    /// Deletes what its time to live says has expired, and gives how many items that were. Blocks on the disk.
    pub fn delete_expired(&self) -> Result<usize, DynoxideError> {
        self.on_disk(|storage| now(dynoxide::ttl::sweep_expired_items(storage)))
    }

    fn perform<Request: DeserializeOwned, Response: Serialize>(
        &self,
        body: &[u8],
        operation: impl FnOnce(&Storage, Request) -> Result<Response, DynoxideError>,
    ) -> Result<Vec<u8>, DynoxideError> {
        let request =
            serde_json::from_slice(body).map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
        let response = self.on_disk(|storage| operation(storage, request))?;
        serde_json::to_vec(&response).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
    }

    /// Does it, and waits until everything that it wrote or saw is on disk.
    fn on_disk<T>(&self, work: impl FnOnce(&Storage) -> Result<T, DynoxideError>) -> Result<T, DynoxideError> {
        let storage = unpoisoned(&self.storage);
        let changes = storage.conn().total_changes();
        let done = work(&storage);
        let ticket = self.log.ticket(storage.conn().total_changes() != changes);
        drop(storage);
        // What was refused may have been refused for something that is not on disk yet.
        self.log.wait_for(ticket).map_err(|error| DynoxideError::InternalServerError(format!("the disk: {error}")))?;
        done
    }

    /// A transaction with a token is done once, as often as it is sent.
    fn transact(&self, body: &[u8]) -> Result<Vec<u8>, DynoxideError> {
        let mut asked: Value =
            serde_json::from_slice(body).map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
        let operation =
            |body: &[u8]| self.perform(body, |db, request| now(actions::transact_write_items::execute(db, request)));
        let Some(token) = asked["ClientRequestToken"].as_str().map(str::to_owned) else { return operation(body) };
        let items = asked["TransactItems"].take();
        // Held meanwhile, so that the same one that comes now waits.
        let mut transactions = unpoisoned(&self.transactions);
        transactions.retain(|_, done| done.at.elapsed() < TOKENS);
        match transactions.get(&token) {
            Some(done) if done.items == items => return Ok(done.answer.clone()),
            Some(_) => {
                let message = "An error occurred (IdempotentParameterMismatchException)".to_owned();
                return Err(DynoxideError::IdempotentParameterMismatchException(message));
            }
            None => {}
        }
        let answer = operation(body)?;
        transactions.insert(token, Transaction { at: Instant::now(), items, answer: answer.clone() });
        Ok(answer)
    }
}

/// The outcome of an operation, none of which waits for anything but the disk.
fn now<T>(operation: impl Future<Output = Result<T, DynoxideError>>) -> Result<T, DynoxideError> {
    let outcome = operation.now_or_never();
    outcome.unwrap_or_else(|| Err(DynoxideError::InternalServerError("the operation did not end".to_owned())))
}

/// SQLite undoes what a panic has broken off.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SQLite's write-ahead log, synced for all who wait at a time.
struct Log {
    file: File,
    state: Mutex<Synced>,
    changed: Condvar,
}

/// Commits are counted in their order.
#[derive(Default)]
struct Synced {
    committed: u64,
    synced: u64,
    is_syncing: bool,
}

impl Log {
    /// SQLite keeps the file for as long as the database is open.
    fn open(path: &Path) -> io::Result<Self> {
        // Some systems sync only what can be written to.
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self { file, state: Mutex::default(), changed: Condvar::new() })
    }

    /// What has to be on disk before that is answered which has just been done. To be called before anybody else writes.
    fn ticket(&self, has_written: bool) -> u64 {
        let mut state = unpoisoned(&self.state);
        state.committed += u64::from(has_written);
        state.committed
    }

    fn wait_for(&self, ticket: u64) -> io::Result<()> {
        let mut state = unpoisoned(&self.state);
        while state.synced < ticket {
            if state.is_syncing {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.is_syncing = true;
            let committed = state.committed;
            drop(state);
            let synced = self.file.sync_data();
            state = unpoisoned(&self.state);
            state.is_syncing = false;
            if synced.is_ok() {
                state.synced = state.synced.max(committed);
            }
            self.changed.notify_all();
            synced?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn ask(db: &DynamoDb, operation: &str, request: &Value) -> (u16, Value) {
        let answer = db.answer(operation, request.to_string().as_bytes());
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    fn open(folder: &Path) -> DynamoDb {
        let db = DynamoDb::open(folder.join("dynamodb.sqlite").to_str().unwrap()).unwrap();
        let table = json!({
            "TableName": "table", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{ "AttributeName": "key", "KeyType": "HASH" }],
            "AttributeDefinitions": [{ "AttributeName": "key", "AttributeType": "S" }],
        });
        assert_eq!(ask(&db, "CreateTable", &table).0, 200);
        db
    }

    fn put(key: &str) -> Value {
        json!({ "TableName": "table", "Item": { "key": { "S": key } } })
    }

    #[test]
    fn whatever_is_answered_has_been_synced() {
        let folder = tempfile::tempdir().unwrap();
        let db = Arc::new(open(folder.path()));
        let clients: Vec<_> = (0..8)
            .map(|client| {
                let db = db.clone();
                std::thread::spawn(move || {
                    for i in 0..20 {
                        let before = unpoisoned(&db.log.state).committed;
                        assert_eq!(ask(&db, "PutItem", &put(&format!("{client}-{i}"))).0, 200);
                        let state = unpoisoned(&db.log.state);
                        assert!(state.synced > before, "its own commit is among those that have been synced");
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        let state = unpoisoned(&db.log.state);
        assert_eq!((state.synced, state.is_syncing), (state.committed, false));
    }

    #[test]
    fn a_transaction_that_is_sent_again_is_done_once() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        let add = |token: &str, amount: &str| {
            let update = json!({
                "TableName": "table", "Key": { "key": { "S": "count" } }, "UpdateExpression": "ADD n :n",
                "ExpressionAttributeValues": { ":n": { "N": amount } },
            });
            json!({ "ClientRequestToken": token, "TransactItems": [{ "Update": update }] })
        };
        let count = || {
            let get = json!({ "TableName": "table", "Key": { "key": { "S": "count" } } });
            ask(&db, "GetItem", &get).1["Item"]["n"]["N"].as_str().map(str::to_owned)
        };
        assert_eq!(ask(&db, "TransactWriteItems", &add("a", "1")).0, 200);
        assert_eq!(ask(&db, "TransactWriteItems", &add("a", "1")).0, 200);
        assert_eq!(count().as_deref(), Some("1"));
        assert_eq!(ask(&db, "TransactWriteItems", &add("b", "1")).0, 200);
        assert_eq!(count().as_deref(), Some("2"));
        let (status, refusal) = ask(&db, "TransactWriteItems", &add("b", "2"));
        assert_eq!(status, 400);
        assert!(refusal["__type"].as_str().unwrap().ends_with("IdempotentParameterMismatchException"), "{refusal}");
    }
}
