//! Batches of items: turning the items of a distributed Map into children.

use serde_json::{Value, json};

use super::{Payload, advance::Interpreter, failure::MAX_PAYLOAD, state::BranchId};
use crate::{
    definition::{Batching, Map, Number, State},
    query::QueryError,
};

/// The maximum size of all batches of a distributed Map in bytes, since an ItemSelector can turn small items into large
/// ones. Batches of items in the state's input are all in memory. Those of items that are read are stored as they fill
/// up.
const MAX_BATCH_BYTES: usize = 32 << 20;
const MAX_READ_BATCH_BYTES: usize = 256 << 20;

/// Progress in turning the items of a map run into children, in order.
#[derive(Debug, Clone)]
pub struct ItemProgress {
    pub items: usize,
    pub children: usize,
    batcher: Option<Batcher>,
    most_batched: usize,
}

impl ItemProgress {
    /// For items in the state's input.
    pub(super) fn for_given_items() -> Self {
        Self { items: 0, children: 0, batcher: None, most_batched: MAX_BATCH_BYTES }
    }

    /// For items that are read.
    #[must_use]
    pub fn for_read_items() -> Self {
        Self { most_batched: MAX_READ_BATCH_BYTES, ..Self::for_given_items() }
    }

    /// Whether each child processes a batch of items.
    #[must_use]
    pub fn are_batches(&self) -> bool {
        self.batcher.is_some()
    }

    /// The last batch, if it is not empty.
    pub fn last_batch(&mut self) -> Option<(Payload, usize)> {
        let last = self.batcher.as_mut().filter(|batcher| !batcher.batch.is_empty()).map(Batcher::take);
        self.children += usize::from(last.is_some());
        last
    }
}

/// Groups items into batches.
#[derive(Debug, Clone)]
struct Batcher {
    most_items: usize,
    most_bytes: usize,
    most_in_all: usize,
    /// BatchInput.
    common: Option<Value>,
    /// The items of the current batch.
    batch: Vec<Value>,
    /// The sizes in bytes of a batch without items, of the current batch, and of all batches.
    empty: usize,
    bytes: usize,
    all: usize,
}

impl Batcher {
    /// Adds an item. Returns the previous batch if the item did not fit into it.
    fn add(&mut self, item: &Payload) -> Result<Option<(Payload, usize)>, QueryError> {
        let size = item.size() + 1;
        let is_full = self.batch.len() == self.most_items || self.bytes.saturating_add(size) > self.most_bytes;
        let before = if is_full && !self.batch.is_empty() { Some(self.take()) } else { None };
        self.bytes += size;
        self.all += size + if self.batch.is_empty() { self.empty } else { 0 };
        if self.all > self.most_in_all {
            return Err(QueryError {
                error: "States.DataLimitExceeded",
                cause: format!("The batches of all items have more than {} bytes.", self.most_in_all),
                location: None,
            });
        }
        self.batch.push(item.value().clone());
        Ok(before)
    }

    fn take(&mut self) -> (Payload, usize) {
        let batch = self.envelope();
        self.batch.clear();
        self.bytes = self.empty;
        batch
    }

    /// The current batch as the input of its child, and the number of items in it.
    fn envelope(&self) -> (Payload, usize) {
        let batch = match &self.common {
            None => json!({ "Items": self.batch }),
            Some(common) => json!({ "Items": self.batch, "BatchInput": common }),
        };
        (Payload::from(batch), self.batch.len())
    }
}

impl Interpreter<'_> {
    /// Turns further items into children: one child for each item or, with an ItemBatcher, one for each full batch.
    pub fn next_children(
        &self,
        id: BranchId,
        state: &State,
        map: &Map,
        progress: &mut ItemProgress,
        items: impl IntoIterator<Item = Payload>,
    ) -> Result<Vec<(Payload, usize)>, QueryError> {
        let Some(batching) = &map.batching else {
            let children: Vec<_> = items.into_iter().map(|item| (item, 1)).collect();
            progress.items += children.len();
            progress.children += children.len();
            return Ok(children);
        };
        let batcher = match &mut progress.batcher {
            Some(batcher) => batcher,
            none => none.insert(self.batcher(id, state, batching, progress.most_batched)?),
        };
        // Computed once for all items, because it may be large.
        let input = self.effective_input(id, state)?;
        let mut full = Vec::new();
        for item in items {
            let item = match &map.item_selector {
                None => item,
                Some(selector) => {
                    self.apply_item_selector(id, state, selector, &input, (progress.items, item.value().clone()))?
                }
            };
            progress.items += 1;
            full.extend(batcher.add(&item)?);
        }
        progress.children += full.len();
        Ok(full)
    }

    fn batcher(
        &self,
        id: BranchId,
        state: &State,
        batching: &Batching,
        most_in_all: usize,
    ) -> Result<Batcher, QueryError> {
        let most = |number: &Option<Number>, field| match number {
            None => Ok(usize::MAX),
            Some(number) => self.count(id, state, number, field).map(|count| count.max(1)),
        };
        let most_items = most(&batching.max_items, "MaxItemsPerBatch")?;
        let most_bytes = most(&batching.max_bytes, "MaxInputBytesPerBatch")?.min(MAX_PAYLOAD);
        let common = match &batching.batch_input {
            None => None,
            template => Some(self.computed(id, state, template.as_ref(), "ItemBatcher/BatchInput")?),
        };
        let batch = Vec::new();
        let mut batcher = Batcher { most_items, most_bytes, most_in_all, common, batch, empty: 0, bytes: 0, all: 0 };
        batcher.empty = batcher.envelope().0.size();
        batcher.bytes = batcher.empty;
        Ok(batcher)
    }
}
