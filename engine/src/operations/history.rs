//! GetExecutionHistory.

use serde_json::Value;

use super::find_execution;
use crate::{
    engine::Engine,
    history::{MAX_EVENTS, without_execution_data},
    protocol::{ARN, Body, Fault, Fields, Page, Text},
    store::history,
};

const NEXT_TOKEN: Text = Text::length(1..=1024);

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
            let most = usize::try_from(page.probe()).unwrap_or(usize::MAX);
            // Ids count from 1 without gaps, so a place in the list is an id.
            let (mut events, first) = if reverse {
                let begin = begin.unwrap_or(MAX_EVENTS);
                (history::backwards(connection, execution.id, begin, most)?, begin)
            } else {
                let begin = begin.unwrap_or(1);
                (history::forwards(connection, execution.id, begin, most)?, begin)
            };
            let next_token = page.cut(&mut events, &signer, &request, |last| {
                if reverse { id_of(last).map_or(0, |id| id - 1) } else { first + page.most }
            });
            Ok(write(&events, with_data, next_token.as_deref()))
        })
        .await
}

/// The events are stored as they are sent: they are only strung together.
fn write(events: &[String], with_data: bool, next_token: Option<&str>) -> Body {
    let mut body = Vec::with_capacity(events.iter().map(|event| event.len() + 1).sum::<usize>() + 256);
    body.extend_from_slice(b"{\"events\":[");
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        match serde_json::from_str::<Value>(event) {
            Ok(mut value) if !with_data => {
                without_execution_data(&mut value);
                body.extend_from_slice(value.to_string().as_bytes());
            }
            _ => body.extend_from_slice(event.as_bytes()),
        }
    }
    body.push(b']');
    if let Some(token) = next_token {
        // A token is base64: it needs no escapes.
        body.extend_from_slice(format!(",\"nextToken\":\"{token}\"").as_bytes());
    }
    body.push(b'}');
    Body(body)
}

fn id_of(event: &str) -> Option<i64> {
    serde_json::from_str::<Value>(event).ok()?.get("id")?.as_i64()
}
