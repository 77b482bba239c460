//! ItemReader: reads the items of a map run from S3 into the database, in batches.
//!
//! After a crash the items are read again from the start. The run does not start before the last item is stored.

use std::{ops::ControlFlow, sync::Arc};

use serde_json::Value;
use tokio::sync::mpsc;

use super::super::{calls::until_stored, services};
use crate::{
    Attempt, activation,
    dataset::{self, LONGEST_OBJECT},
    definition::DataSet,
    engine::Engine,
    execution::FollowUps,
    interpreter::{ItemProgress, ItemReading, Payload, TaskId},
    map_runs,
    store::ExecutionId,
};

/// The maximum number of items of one run. AWS allows 100,000,000.
const MOST_ITEMS: usize = 1_000_000;
/// The maximum size of all items of one run, in bytes. Each row of a CSV file counts with its headers.
const MOST_BYTES: usize = 256 << 20;
/// How much one change writes, so that other changes get their turn.
const SOME_ITEMS: usize = 500;
const SOME_BYTES: usize = 1 << 20;

/// Why reading stopped.
enum Stop {
    /// The items can't be read, with the cause.
    Failed(String),
    /// The run no longer waits for the items, or the engine closes.
    Void,
}

/// Reads the items and starts the run, or fails the run if they can't be read.
pub(in crate::tasks) async fn read(
    engine: &Arc<Engine>,
    whose: (ExecutionId, TaskId),
    reading: ItemReading,
    attempt: Attempt,
) {
    let taking = Taking { engine, whose, progress: ItemProgress::for_read_items() };
    let done = match reading.dataset {
        DataSet::Objects => list(engine, taking, reading, &attempt).await,
        _ => read_object(engine, taking, reading, attempt).await,
    };
    if let Err(Stop::Failed(cause)) = done {
        let (execution, task) = whose;
        until_stored(|| {
            let cause = cause.clone();
            engine.store.write(move |transaction| {
                let mut follow_ups = FollowUps::new();
                map_runs::fail_items(transaction, execution, task, &cause, &mut follow_ups)?;
                activation::deliver_follow_ups(transaction, follow_ups)
            })
        })
        .await;
    }
}

/// Reads the pages of ListObjectsV2.
async fn list(
    engine: &Arc<Engine>,
    mut taking: Taking<'_>,
    reading: ItemReading,
    attempt: &Attempt,
) -> Result<(), Stop> {
    let mut chunks = Chunks::new(reading.max_items);
    let mut parameters = reading.parameters;
    for number in 0.. {
        let page = services::call_s3(engine, "listObjectsV2", parameters.clone(), attempt.part(number));
        let mut page = page.await.map_err(Stop::Failed)?;
        let objects = page.get_mut("Contents").map(Value::take);
        for object in objects.as_ref().and_then(Value::as_array).into_iter().flatten() {
            if chunks.is_enough() {
                break;
            }
            if let Some(chunk) = chunks.add(&dataset::described(object.clone())).map_err(Stop::Failed)? {
                taking.take(chunk, false).await?;
            }
        }
        if page["IsTruncated"] != true || chunks.is_enough() {
            return taking.take(chunks.rest(), true).await;
        }
        let next = page["NextContinuationToken"].take();
        if next.is_null() || next == parameters["ContinuationToken"] {
            return Err(Stop::Failed("The list of objects does not say where it goes on".to_owned()));
        }
        match parameters.as_object_mut() {
            Some(parameters) => parameters.insert("ContinuationToken".to_owned(), next),
            None => return Err(Stop::Failed("The parameters of s3:listObjectsV2 must be an object".to_owned())),
        };
    }
    Ok(())
}

async fn read_object(
    engine: &Arc<Engine>,
    mut taking: Taking<'_>,
    reading: ItemReading,
    attempt: Attempt,
) -> Result<(), Stop> {
    let mut object = services::read_object(engine, reading.parameters, attempt).await.map_err(Stop::Failed)?;
    let Some(Value::String(text)) = object.get_mut("Body").map(Value::take) else {
        return Err(Stop::Failed("The object has no text".to_owned()));
    };
    if text.len() > LONGEST_OBJECT {
        return Err(Stop::Failed(format!("The object has more than {LONGEST_OBJECT} bytes")));
    }
    // One chunk is prepared while the previous one is written.
    let (sender, mut receiver) = mpsc::channel(1);
    let parsing = tokio::task::spawn_blocking(move || {
        let mut chunks = Chunks::new(reading.max_items);
        let mut problem = None;
        dataset::read(&text, &reading.dataset, &mut |item| {
            match chunks.add(&item) {
                Ok(None) => {}
                Ok(Some(chunk)) => {
                    // The receiver is gone: the run no longer waits for items.
                    if sender.blocking_send(chunk).is_err() {
                        return ControlFlow::Break(());
                    }
                }
                Err(why) => {
                    problem = Some(why);
                    return ControlFlow::Break(());
                }
            }
            if chunks.is_enough() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        problem.map_or_else(|| Ok(chunks.rest()), Err)
    });
    while let Some(chunk) = receiver.recv().await {
        taking.take(chunk, false).await?;
    }
    match parsing.await {
        Ok(Ok(rest)) => taking.take(rest, true).await,
        Ok(Err(why)) => Err(Stop::Failed(why)),
        // The panic hook has logged it.
        Err(_) => Err(Stop::Failed("The object could not be read".to_owned())),
    }
}

/// Writes items to the database.
struct Taking<'e> {
    engine: &'e Arc<Engine>,
    whose: (ExecutionId, TaskId),
    progress: ItemProgress,
}

impl Taking<'_> {
    async fn take(&mut self, items: Vec<Payload>, last: bool) -> Result<(), Stop> {
        let items = Arc::new(items);
        let taken = until_stored(|| {
            let (whose, progress, items) = (self.whose, self.progress.clone(), items.clone());
            self.engine.store.write(move |transaction| {
                let mut follow_ups = FollowUps::new();
                let progress = progress.clone();
                let progress = map_runs::add_items(transaction, whose, progress, &items, last, &mut follow_ups)?;
                activation::deliver_follow_ups(transaction, follow_ups)?;
                Ok(progress)
            })
        });
        match taken.await.flatten() {
            Some(progress) => self.progress = progress,
            None if last => {}
            None => return Err(Stop::Void),
        }
        Ok(())
    }
}

/// Collects items into batches for one change.
struct Chunks {
    /// The maximum number of items to read.
    most: usize,
    items: usize,
    bytes: usize,
    chunk: Vec<Payload>,
    chunk_bytes: usize,
}

impl Chunks {
    fn new(max_items: Option<usize>) -> Self {
        let most = max_items.unwrap_or(usize::MAX);
        Self { most, items: 0, bytes: 0, chunk: Vec::new(), chunk_bytes: 0 }
    }

    fn is_enough(&self) -> bool {
        self.items >= self.most
    }

    /// Adds an item. Returns the chunk if it is full.
    fn add(&mut self, item: &Value) -> Result<Option<Vec<Payload>>, String> {
        let item = Payload::from_text(item.to_string());
        self.items += 1;
        self.bytes += item.size();
        self.chunk_bytes += item.size();
        if self.items > MOST_ITEMS {
            return Err(format!("There are more than {MOST_ITEMS} items; MaxItems can limit them"));
        }
        if self.bytes > MOST_BYTES {
            return Err(format!("The items have more than {MOST_BYTES} bytes; MaxItems can limit them"));
        }
        self.chunk.push(item);
        let full = self.chunk.len() == SOME_ITEMS || self.chunk_bytes >= SOME_BYTES;
        Ok(full.then(|| self.rest()))
    }

    fn rest(&mut self) -> Vec<Payload> {
        self.chunk_bytes = 0;
        std::mem::take(&mut self.chunk)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn items_are_limited_in_number_and_in_bytes() {
        let mut chunks = Chunks::new(None);
        let short = json!(1);
        let mut chunk_sizes = Vec::new();
        for _ in 0..MOST_ITEMS {
            chunk_sizes.extend(chunks.add(&short).unwrap().map(|chunk| chunk.len()));
        }
        assert!(chunk_sizes.iter().all(|size| *size == SOME_ITEMS));
        assert_eq!(chunk_sizes.len(), MOST_ITEMS / SOME_ITEMS);
        assert!(chunks.add(&short).unwrap_err().starts_with("There are more than 1000000 items"));

        let mut chunks = Chunks::new(None);
        let long = json!("x".repeat(SOME_BYTES));
        for _ in 0..MOST_BYTES / SOME_BYTES - 1 {
            assert_eq!(chunks.add(&long).unwrap().map(|chunk| chunk.len()), Some(1));
        }
        assert!(chunks.add(&long).unwrap_err().starts_with("The items have more than 268435456 bytes"));
    }
}
