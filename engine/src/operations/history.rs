//! GetExecutionHistory.

use std::{borrow::Cow, ops::ControlFlow};

use serde_json::Value;

use super::find_execution;
use crate::{
    engine::Engine,
    history::{MAX_EVENTS, without_execution_data},
    protocol::{ARN, Body, Fault, Fields, Page, Text},
    store::history,
};

const NEXT_TOKEN: Text = Text::length(1..=1024);
/// The maximum size of the events on a page, in bytes. A page ends before the event that would exceed it, but contains
/// at least one event. AWS has an undocumented limit of this kind.
const MAX_PAGE: usize = 1 << 20;

pub(super) async fn get_execution_history(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("executionArn", ARN)?;
    let reverse = fields.optional_bool("reverseOrder")?.unwrap_or(false);
    let with_data = fields.optional_bool("includeExecutionData")?.unwrap_or(true);
    let page = Page::read(fields, NEXT_TOKEN)?;
    fields.check()?;
    let request = format!("GetExecutionHistory {arn} {reverse} {with_data}");
    let begin = page.begin(engine.store.signer(), &request)?;
    let (options, signer) = (engine.options.clone(), engine.store.signer().clone());
    engine
        .store
        .read(move |connection| {
            let (execution, _) = find_execution(connection, &options, &arn)?;
            let mut events = Events { body: Vec::from(b"{\"events\":["), count: 0, most: page.size(), more: false };
            let see = |event: &[u8]| events.add(event, with_data);
            // Ids count from 1 without gaps, so an id is also an index.
            let begin = begin.unwrap_or(if reverse { MAX_EVENTS } else { 1 });
            if reverse {
                history::backwards(connection, execution.id, begin, see)?;
            } else {
                history::forwards(connection, execution.id, begin, see)?;
            }
            let last = i64::try_from(events.count).unwrap_or(i64::MAX);
            let first = if reverse { events.first_id().unwrap_or(begin) } else { begin };
            let next = if reverse { first - last } else { first + last };
            let token = events.more.then(|| signer.page_token(&request, next));
            Ok(events.finish(token.as_deref()))
        })
        .await
}

/// The answer while it is built. Events are stored in the form in which they are sent.
struct Events {
    body: Vec<u8>,
    count: usize,
    most: usize,
    /// Whether an event did not fit on the page.
    more: bool,
}

impl Events {
    fn add(&mut self, event: &[u8], with_data: bool) -> ControlFlow<()> {
        let event = if with_data { Cow::Borrowed(event) } else { without_data(event) };
        if self.count > 0 && (self.count == self.most || self.body.len() + event.len() > MAX_PAGE) {
            self.more = true;
            return ControlFlow::Break(());
        }
        if self.count > 0 {
            self.body.push(b',');
        }
        self.body.extend_from_slice(&event);
        self.count += 1;
        ControlFlow::Continue(())
    }

    /// The id of the first event on the page.
    fn first_id(&self) -> Option<i64> {
        let events = self.body.get(b"{\"events\":[".len()..)?;
        let first = serde_json::Deserializer::from_slice(events).into_iter::<Value>().next()?.ok()?;
        first.get("id")?.as_i64()
    }

    fn finish(mut self, next_token: Option<&str>) -> Body {
        self.body.push(b']');
        if let Some(token) = next_token {
            // A token is base64 and needs no escaping.
            self.body.extend_from_slice(format!(",\"nextToken\":\"{token}\"").as_bytes());
        }
        self.body.push(b'}');
        Body(self.body)
    }
}

fn without_data(event: &[u8]) -> Cow<'_, [u8]> {
    match serde_json::from_slice::<Value>(event) {
        Ok(mut value) => {
            without_execution_data(&mut value);
            Cow::Owned(value.to_string().into_bytes())
        }
        // The engine wrote this JSON, so it can be parsed.
        Err(_) => Cow::Borrowed(event),
    }
}
