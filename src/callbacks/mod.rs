//! Callbacks of the valuation service. Each callback is stored before it is acknowledged, matched to its request, and
//! given an outcome that people can see.
//!
//! A callback is accepted if its address was signed by this desk. With `--callback-auth reference`, a callback at the
//! bare address is also accepted if it has a known valuation reference and came after the request was made. All others
//! are answered with 401, kept temporarily in a limited number of slots, and do not affect any application.

mod address;
mod callback;
mod endpoint;
mod limit;
mod matching;
mod outcome;
mod receive;
mod response;
mod settle;
mod store;
mod unknown;

use crate::{
    applications::Applications,
    aws::Aws,
    config::CallbackAuth,
    signing::CallbackUrls,
    tables::{Index, Shows, Table},
    tasks::PausedTasks,
};

pub use callback::{Callback, Summary};
pub use endpoint::router;
pub use matching::{UrlSays, Verdict};
pub use outcome::Outcome;
pub use response::{Malformed, Valuation, ValuationResponse};

pub const TABLE: Table = Table {
    name: "loan-desk-callbacks",
    key: "id",
    indexes: &[BY_APPLICATION, BY_OUTCOME],
    retired_indexes: &[],
    time_to_live: Some("expiresAt"),
};

pub const BY_APPLICATION: Index =
    Index { name: "by-application", partition: "applicationReference", sort: "receivedAt", shows: Shows::Everything };
const BY_OUTCOME: Index =
    Index { name: "by-outcome", partition: "outcome", sort: "receivedAt", shows: Shows::KeysOnly };

/// The service that receives and settles callbacks.
#[derive(Clone)]
pub struct Callbacks {
    aws: Aws,
    urls: CallbackUrls,
    auth: CallbackAuth,
    paused: PausedTasks,
    applications: Applications,
    unknown: unknown::Known,
}

impl Callbacks {
    pub fn new(
        aws: Aws,
        urls: CallbackUrls,
        auth: CallbackAuth,
        paused: PausedTasks,
        applications: Applications,
    ) -> Self {
        Self { aws, urls, auth, paused, applications, unknown: unknown::Known::default() }
    }
}
