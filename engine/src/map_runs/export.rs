//! The results of children in the formats of ResultWriter: see "ResultWriter (Map)" in the developer guide.

use rusqlite::{Connection, Result};
use serde_json::{Map, Value, json};

use crate::{
    Options,
    clock::from_millis,
    definition::Transformation,
    description::description,
    interpreter::{Payload, timestamp},
    names::pascal_case,
    store::{
        ExecutionId,
        executions::{self, Execution, Status},
        map_runs::{self, MapRun},
        state_machines,
    },
};

/// The number of children that are read at once. Each has up to 262,144 bytes of input, and as many of output.
const PAGE: i64 = 32;

/// Reads the results of a run's children.
pub(crate) struct Results<'a> {
    pub connection: &'a Connection,
    pub options: &'a Options,
    pub run: &'a MapRun,
    /// In milliseconds.
    pub now: i64,
}

impl Results<'_> {
    /// A page of the children that have ended, in order and after the given one, each with its results as JSON.
    pub fn page(&self, after: ExecutionId, transformation: Transformation) -> Result<Vec<(Execution, Vec<String>)>> {
        let machine = executions::state_machine(self.connection, self.run.execution)?;
        let machine = state_machines::name(self.connection, machine)?;
        let children = executions::ended_children(self.connection, self.run.id, after, PAGE)?;
        let told = children.into_iter().map(|child| {
            let results = self.results(&child, &machine, transformation)?;
            Ok((child, results))
        });
        told.collect()
    }

    fn results(&self, child: &Execution, machine: &str, transformation: Transformation) -> Result<Vec<String>> {
        let data = executions::data(self.connection, child.id)?;
        if child.status == Status::Succeeded {
            let output = data.output.clone().unwrap_or_else(|| "null".to_owned());
            match transformation {
                Transformation::None => {}
                Transformation::Compact => return Ok(vec![output]),
                Transformation::Flatten => {
                    return Ok(match serde_json::from_str(&output) {
                        Ok(Value::Array(items)) => items.iter().map(Value::to_string).collect(),
                        _ => vec![output],
                    });
                }
            }
        }
        let described = description(self.options, child, machine, data, None, true, self.now);
        Ok(vec![as_exported(described).to_string()])
    }

    /// All results as a JSON array, or `None` if it is longer than `most` bytes.
    pub fn list(&self, transformation: Transformation, most: usize) -> Result<Option<Payload>> {
        if transformation == Transformation::Compact
            && usize::try_from(map_runs::output_size(self.connection, self.run.id)?).is_ok_and(|bytes| bytes > most)
        {
            return Ok(None);
        }
        let (mut list, mut after) = ("[".to_owned(), ExecutionId(0));
        loop {
            let page = self.page(after, transformation)?;
            let Some((last, _)) = page.last() else { break };
            after = last.id;
            for result in page.iter().flat_map(|(_, results)| results) {
                if list.len() > 1 {
                    list.push(',');
                }
                list.push_str(result);
                if list.len() >= most {
                    return Ok(None);
                }
            }
        }
        list.push(']');
        Ok(Some(Payload::from_text(list)))
    }
}

/// The answer of DescribeExecution with the member names and time format of exported results.
fn as_exported(described: Map<String, Value>) -> Value {
    let mut members: Vec<(String, Value)> = described
        .into_iter()
        .map(|(name, value)| {
            let value = match value {
                Value::Number(seconds) if name.ends_with("Date") => {
                    #[expect(clippy::cast_possible_truncation, reason = "it was made of whole milliseconds")]
                    let millis = seconds.as_f64().map_or(0, |seconds| (seconds * 1000.0).round() as i64);
                    timestamp(from_millis(millis)).into()
                }
                Value::Object(details) if name.ends_with("Details") => as_exported(details),
                other => other,
            };
            (pascal_case(&name), value)
        })
        .collect();
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    members.into_iter().collect()
}

/// The result of a child that was never started.
pub(crate) fn pending(input: &str) -> String {
    json!({"Input": input, "InputDetails": {"Included": true}, "Status": "PENDING"}).to_string()
}
