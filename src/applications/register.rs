//! The register: every application in memory, for what no index answers: a search, another order, the figures.
//!
//! It is a copy, and this is what keeps it right. Before each look at it, whatever changed since the last look is read.
//! A workflow stamps its outcome with the time at which it began to write it, which is long ago when it was held up; so
//! the applications that are open here are also compared with those that are open in the table. And everything is read
//! anew at the start and once an hour, for what was deleted or changed by other hands than a desk's.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use app::domain::{ApplicationReference, ApplicationStatus};
use aws_sdk_dynamodb::types::KeysAndAttributes;
use time::OffsetDateTime;
use tokio::sync::Mutex;

use super::{Applications, Record, TABLE, property, record};
use crate::{
    aws::AwsError,
    item::{Item, Read, read_all, text},
    live::Seen,
};

/// How long an outcome that was held up may go unnoticed.
const COMPARE: Duration = Duration::from_secs(10);

const ANEW: Duration = Duration::from_secs(3600);

/// After how long reading anew is tried again when it failed.
const RETRY: Duration = Duration::from_secs(5);

/// Items that BatchGetItem takes.
const BATCH: usize = 100;

/// How long to leave DynamoDB alone when it has not given all that it was asked for.
const BACK_OFF: Duration = Duration::from_millis(100);

/// None until it has been read for the first time.
pub(super) type Shared = Arc<Mutex<Option<Register>>>;

#[derive(Debug)]
pub(super) struct Register {
    entries: HashMap<String, Entry>,
    seen: Seen,
    /// When the open ones were compared last.
    compared: OffsetDateTime,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub record: Record,
    /// Everything it is searched by, in lower case.
    pub search_text: String,
    pub names: Names,
}

/// What applications are sorted by whatever its case, in lower case.
#[derive(Debug)]
pub(super) struct Names {
    pub reference: String,
    pub applicant: Option<String>,
    pub property: String,
}

impl Register {
    /// Empty, and ready to learn what changes from now on.
    fn new(now: OffsetDateTime) -> Self {
        Self { entries: HashMap::new(), seen: Seen::new(now), compared: now }
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub fn get(&self, reference: &str) -> Option<&Entry> {
        self.entries.get(reference)
    }

    /// Enters an item as it stands in the table. One that cannot be read is left out, and all others stay of use.
    fn enter(&mut self, item: &Item) {
        match Entry::read(item) {
            Ok(entry) => {
                self.entries.insert(entry.record.application.application_reference.to_string(), entry);
            }
            Err(error) => tracing::error!(application = item.text(TABLE.key), %error, "left out of lists and figures"),
        }
    }

    /// The applications that do not stand here as they stand among all open ones.
    fn differing(&self, open: &HashMap<String, ApplicationStatus>) -> Vec<String> {
        let status_here = |reference: &str| self.entries.get(reference).map(|entry| entry.record.status);
        let unknown_here = open.iter().filter(|(reference, status)| status_here(reference) != Some(**status));
        let open_here = self.entries.iter().filter(|(_, entry)| entry.record.status.is_open());
        let over_there = open_here.filter(|(reference, _)| !open.contains_key(*reference));
        unknown_here
            .map(|(reference, _)| reference)
            .chain(over_there.map(|(reference, _)| reference))
            .cloned()
            .collect()
    }
}

impl Entry {
    fn read(item: &Item) -> Result<Self, AwsError> {
        Ok(Self::new(record::read(item)?, item.require("searchText")?.to_owned()))
    }

    pub fn new(record: Record, search_text: String) -> Self {
        let application = &record.application;
        let names = Names {
            reference: application.application_reference.as_str().to_lowercase(),
            applicant: application.applicant.as_ref().map(|name| name.as_str().to_lowercase()),
            property: application.property.name_or_number.as_str().to_lowercase(),
        };
        Self { record, search_text, names }
    }
}

impl Applications {
    /// Lets `look` see every application as it is now.
    pub(super) async fn look<T>(&self, look: impl FnOnce(&Register) -> T) -> Result<T, AwsError> {
        let mut shared = self.register.lock().await;
        let register = match shared.as_mut() {
            Some(register) => {
                self.catch_up(register).await?;
                register
            }
            None => shared.insert(self.read_all().await?.0),
        };
        Ok(look(register))
    }

    /// Keeps the register for as long as the desk is open.
    pub async fn keep_register(self) {
        loop {
            let wait = match self.read_anew().await {
                Ok(()) => ANEW,
                Err(error) => {
                    tracing::warn!(%error, "cannot read all applications; will be tried again");
                    RETRY
                }
            };
            self.aws.clock.sleep(wait).await;
        }
    }

    async fn read_anew(&self) -> Result<(), AwsError> {
        let (register, without_property) = self.read_all().await?;
        *self.register.lock().await = Some(register);
        self.enter_properties(&without_property).await
    }

    /// All applications, and those among them that are not in the index by property.
    async fn read_all(&self) -> Result<(Register, Vec<ApplicationReference>), AwsError> {
        // What changes while it is read counts as not seen yet.
        let (mut register, mut without_property) = (Register::new(self.aws.clock.now()), Vec::new());
        let scan = self.aws.dynamodb.scan().table_name(TABLE.name).consistent_read(true);
        let mut items = scan.into_paginator().items().send();
        while let Some(item) = items.next().await {
            let item = item?;
            register.enter(&item);
            if item.text(property::KEY).is_none() {
                without_property.extend(item.parse(TABLE.key).ok());
            }
        }
        Ok((register, without_property))
    }

    /// Reads what changed since the last look. When that fails, or is broken off, the register stays as it was.
    async fn catch_up(&self, register: &mut Register) -> Result<(), AwsError> {
        let now = self.aws.clock.now();
        let is_time_to_compare = now - register.compared >= COMPARE;
        let mut seen = register.seen.clone();
        let news = seen.news(self.changed_since(seen.since()).await?, now);
        let mut references: HashSet<String> = news.into_iter().collect();
        if is_time_to_compare {
            references.extend(register.differing(&self.open().await?));
        }
        let items = self.get_all(references.iter()).await?;
        for reference in &references {
            register.entries.remove(reference);
        }
        for item in &items {
            register.enter(item);
        }
        register.seen = seen;
        if is_time_to_compare {
            register.compared = now;
        }
        Ok(())
    }

    /// Which applications are open, and where each stands.
    async fn open(&self) -> Result<HashMap<String, ApplicationStatus>, AwsError> {
        let mut open = HashMap::new();
        for status in ApplicationStatus::ALL.into_iter().filter(|status| status.is_open()) {
            let query = self.aws.dynamodb.query().table_name(TABLE.name).index_name(TABLE.indexes[1].name);
            let query = query
                .key_condition_expression("#status = :status")
                .projection_expression("applicationReference")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":status", text(status.key()));
            open.extend(read_all(query, |item| Ok((item.require(TABLE.key)?.to_owned(), status))).await?);
        }
        Ok(open)
    }

    /// The items of these applications, as far as there are any.
    async fn get_all(&self, references: impl Iterator<Item = &String>) -> Result<Vec<Item>, AwsError> {
        let keys: Vec<Item> =
            references.map(|reference| Item::from([(TABLE.key.to_owned(), text(reference))])).collect();
        let mut items = Vec::new();
        for keys in keys.chunks(BATCH) {
            let keys = KeysAndAttributes::builder().set_keys(Some(keys.to_vec())).consistent_read(true);
            let keys = keys.build().map_err(AwsError::corrupt)?;
            let mut asked = HashMap::from([(TABLE.name.to_owned(), keys)]);
            loop {
                let answer = self.aws.dynamodb.batch_get_item().set_request_items(Some(asked)).send().await?;
                items.extend(answer.responses.unwrap_or_default().remove(TABLE.name).unwrap_or_default());
                asked = answer.unprocessed_keys.unwrap_or_default();
                if asked.is_empty() {
                    break;
                }
                self.aws.clock.sleep(BACK_OFF).await;
            }
        }
        Ok(items)
    }
}
