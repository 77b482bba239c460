//! When callbacks arrived whose reference belongs to no request.

use std::sync::{Arc, Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

use super::{BY_OUTCOME, Callbacks, Outcome, TABLE};
use crate::{
    aws::AwsError,
    item::{Read, read_all, text, time},
};

/// How long an answer is used again. Pages show these callbacks by day, so a minute does not matter.
const KEPT: Duration = Duration::MINUTE;

/// The last answer.
#[derive(Clone, Default)]
pub(super) struct Known(Arc<Mutex<Option<Answer>>>);

#[derive(Clone)]
struct Answer {
    read_at: OffsetDateTime,
    arrived: Arc<[OffsetDateTime]>,
}

impl Callbacks {
    /// When each callback arrived, since a time, whose reference belongs to no request: at most a minute old.
    pub async fn unknown_since(&self, since: OffsetDateTime) -> Result<Arc<[OffsetDateTime]>, AwsError> {
        let now = self.aws.clock.now();
        let known = self.unknown.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|known| now - known.read_at < KEPT) {
            return Ok(known.arrived);
        }
        let query = self.aws.dynamodb.query().table_name(TABLE.name).index_name(BY_OUTCOME.name);
        let query = query
            .key_condition_expression("outcome = :outcome AND receivedAt >= :since")
            .expression_attribute_values(":outcome", text(Outcome::Unknown.key()))
            .expression_attribute_values(":since", time(since));
        let arrived: Arc<[OffsetDateTime]> = read_all(query, |item| item.time("receivedAt")).await?.into();
        *self.unknown.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Answer { read_at: now, arrived: arrived.clone() });
        Ok(arrived)
    }
}
