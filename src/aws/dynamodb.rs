//! The embedded DynamoDB: the operations of the AWS JSON protocol on `dynoxide`.
//!
//! `dynoxide` commits each write by itself, and with SQLite's own settings each commit waits for the disk. Here a commit
//! goes to SQLite's write-ahead log without waiting. Then all requests that are under way wait together for one sync of
//! the log before any of them is answered. So everything that was answered, written or read, is on disk.

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use dynoxide::{
    DynoxideError,
    actions::{self, vector_lifecycle::VectorIndexLifecycle},
    storage::Storage,
};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Answer,
    transactions::{self, Transactions},
};

/// Kilobytes of SQLite's page cache: enough for the pages that are written most.
const CACHE: i64 = 16 * 1024;

/// Pages of the write-ahead log after which SQLite copies them into the database. A page that was changed many times is
/// copied once, so a longer log means fewer writes.
const LOG_PAGES: i64 = 4_000;

/// Steps of SQLite's machine that counting a table's items may take: a few milliseconds, a few thousand items.
const COUNTING: i32 = 20_000;

/// A DynamoDB on a `dynoxide` database.
pub struct DynamoDb {
    storage: Mutex<Storage>,
    log: Log,
    vector_indexes: VectorIndexLifecycle,
    transactions: Transactions,
}

impl DynamoDb {
    /// Opens the database at `path`, and creates it if it is missing. Blocks on the disk.
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
            transactions: Transactions::default(),
        })
    }

    /// Answers a request. `operation` is the part of `X-Amz-Target` after `DynamoDB_20120810.`. Blocks on the disk, so
    /// do not call it on async threads.
    pub fn answer(&self, operation: &str, body: &[u8]) -> Answer {
        let outcome = match operation {
            "BatchGetItem" => self.perform(body, |db, request| now(actions::batch_get_item::execute(db, request))),
            "BatchWriteItem" => self.perform(body, |db, request| now(actions::batch_write_item::execute(db, request))),
            "CreateTable" => self.perform(body, |db, request| now(actions::create_table::execute(db, request))),
            "DeleteItem" => self.perform(body, |db, request| now(actions::delete_item::execute(db, request))),
            "DeleteTable" => {
                self.perform(body, |db, request| now(actions::delete_table::execute(db, request, &self.vector_indexes)))
            }
            "DescribeTable" => self.describe_table(body),
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

    /// Deletes items whose time to live has expired, and returns their number. Blocks on the disk.
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

    /// Does the work, and waits until everything that it wrote or read is on disk.
    fn on_disk<T>(&self, work: impl FnOnce(&Storage) -> Result<T, DynoxideError>) -> Result<T, DynoxideError> {
        let storage = unpoisoned(&self.storage);
        let changes = storage.conn().total_changes();
        let done = work(&storage);
        let ticket = self.log.ticket(storage.conn().total_changes() != changes);
        drop(storage);
        // A refusal, too, may follow from something that is not on disk yet.
        self.log.wait_for(ticket).map_err(|error| DynoxideError::InternalServerError(format!("the disk: {error}")))?;
        done
    }

    /// Performs a transaction. One with a `ClientRequestToken` is performed once, however often it is sent.
    fn transact(&self, body: &[u8]) -> Result<Vec<u8>, DynoxideError> {
        let perform = || self.perform(body, |db, request| now(actions::transact_write_items::execute(db, request)));
        // What cannot be read so is refused by the operation itself.
        let Ok(Transact { client_request_token: Some(token) }) = serde_json::from_slice(body) else {
            return perform();
        };
        self.transactions.once(&token, body, perform).unwrap_or_else(|transactions::Mismatch| {
            let message = "An error occurred (IdempotentParameterMismatchException)".to_owned();
            Err(DynoxideError::IdempotentParameterMismatchException(message))
        })
    }

    /// Describes a table. Counting the items of a large one would take a second, so then their number and size are left
    /// out; AWS itself only knows them as of some hours ago.
    fn describe_table(&self, body: &[u8]) -> Result<Vec<u8>, DynoxideError> {
        self.perform(body, |db, request| {
            db.conn().progress_handler(COUNTING, Some(|| true));
            let described = now(actions::describe_table::execute(db, request, &self.vector_indexes));
            db.conn().progress_handler(0, None::<fn() -> bool>);
            described
        })
    }
}

/// As much of a transaction's request as tells whether it is sent again.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Transact {
    client_request_token: Option<String>,
}

/// The outcome of an operation. None of them waits for anything but the disk, so each is ready at once.
fn now<T>(operation: impl Future<Output = Result<T, DynoxideError>>) -> Result<T, DynoxideError> {
    let outcome = operation.now_or_never();
    outcome.unwrap_or_else(|| Err(DynoxideError::InternalServerError("the operation did not complete".to_owned())))
}

/// A panic leaves nothing behind it half done: SQLite rolls back what it broke off.
pub(super) fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SQLite's write-ahead log. One sync serves all requests that wait for it.
struct Log {
    file: File,
    state: Mutex<Synced>,
    changed: Condvar,
}

/// Numbers of commits, in the order of the log.
#[derive(Default)]
struct Synced {
    committed: u64,
    synced: u64,
    is_syncing: bool,
}

impl Log {
    /// Opens the log's file, which SQLite keeps for as long as the database is open.
    fn open(path: &Path) -> io::Result<Self> {
        // Some systems can sync only files that are open for writing.
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self { file, state: Mutex::default(), changed: Condvar::new() })
    }

    /// The number of the commit that has to be on disk before the work that has just been done is answered. Must be called
    /// before anybody else writes.
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

    use serde_json::{Value, json};

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
    fn an_answered_write_has_been_synced() {
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
                        assert!(state.synced > before, "its own commit has been synced");
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        let state = unpoisoned(&db.log.state);
        assert_eq!((state.synced, state.is_syncing), (state.committed, false));
    }

    #[test]
    fn a_repeated_transaction_is_executed_once() {
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

    #[test]
    fn a_small_table_is_described_with_its_counts_and_a_large_one_without_delay() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        let describe = || ask(&db, "DescribeTable", &json!({ "TableName": "table" })).1["Table"].take();
        assert_eq!(ask(&db, "PutItem", &put("one")).0, 200);
        assert_eq!(describe()["ItemCount"], 1);
        for batch in 0..400 {
            let puts: Vec<Value> = (0..25)
                .map(|i| json!({ "PutRequest": { "Item": { "key": { "S": format!("{batch}-{i}") } } } }))
                .collect();
            assert_eq!(ask(&db, "BatchWriteItem", &json!({ "RequestItems": { "table": puts } })).0, 200);
        }
        let described = describe();
        assert_eq!((&described["TableStatus"], &described["ItemCount"]), (&json!("ACTIVE"), &Value::Null));
        // Other operations are not cut short.
        let count = json!({ "TableName": "table", "Select": "COUNT", "FilterExpression": "attribute_exists(nothing)" });
        assert_eq!(ask(&db, "Scan", &count).1["ScannedCount"], 10_001);
    }
}
