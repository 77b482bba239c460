//! Paging: `maxResults` and `nextToken`.

use serde_json::{Value, json};

use super::{Body, Fault, Fields, Text};
use crate::token::Signer;

/// The part of a list that a request asks for.
pub(crate) struct Page {
    /// The maximum number of items.
    pub most: i64,
    token: Option<String>,
}

/// AWS's default page size.
const DEFAULT: i64 = 100;

impl Page {
    /// Reads `maxResults` (0 to 1000; 0 stands for the default) and `nextToken`.
    pub fn read(fields: &mut Fields, token: Text) -> Result<Self, Fault> {
        let most = fields.optional_int("maxResults", 0..=1000)?.filter(|most| *most > 0).unwrap_or(DEFAULT);
        Ok(Self { most, token: fields.optional_text("nextToken", token)? })
    }

    /// Where the page begins; `None` for the first page. `request` identifies the request: a token is only valid for the
    /// list that it was issued for.
    pub fn begin(&self, signer: &Signer, request: &str) -> Result<Option<i64>, Fault> {
        self.token.as_deref().map(|token| Ok(signer.read_page_token(request, token)?)).transpose()
    }

    /// The maximum number of items, as `usize`.
    pub fn size(&self) -> usize {
        usize::try_from(self.most).unwrap_or(usize::MAX)
    }

    /// One more than the maximum, to find out whether there is another page.
    pub fn probe(&self) -> i64 {
        self.most + 1
    }

    /// Truncates the items found with [`Page::probe`] to the page. Returns the token for the next page, which begins at the
    /// `place` of the last item kept.
    pub fn cut<T>(
        &self,
        items: &mut Vec<T>,
        signer: &Signer,
        request: &str,
        place: impl Fn(&T) -> i64,
    ) -> Option<String> {
        if items.len() <= self.size() {
            return None;
        }
        items.truncate(self.size());
        items.last().map(|last| signer.page_token(request, place(last)))
    }

    /// The answer: a member with the items of the page, and the token for the next one.
    pub fn body(member: &str, items: impl Iterator<Item = Value>, next: Option<String>) -> Body {
        let mut answer = json!({ member: items.collect::<Vec<_>>() });
        if let Some(next) = next {
            answer["nextToken"] = next.into();
        }
        Body::json(&answer)
    }
}
