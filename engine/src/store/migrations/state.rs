//! The states of executions in schemas 3 and 4.
//!
//! Schema 3 stored the current state of a branch and the processor of a map run's children as indexes, which depend on
//! how the definition is read. Schema 4 stores the names of states.

use std::collections::HashMap;

use rusqlite::{Connection, Result};
use serde_json::{Value, json};

use super::{PAGE, unreadable};

/// Rewrites the states of all executions.
pub(super) fn name_states(connection: &Connection) -> Result<()> {
    let mut read = connection.prepare(
        "SELECT s.execution, r.definition, s.state FROM execution_state s
         JOIN execution e ON e.id = s.execution JOIN revision r ON r.id = e.revision
         WHERE s.execution > ? ORDER BY s.execution LIMIT ?",
    )?;
    let mut write = connection.prepare("UPDATE execution_state SET state = ? WHERE execution = ?")?;
    let mut keep = connection.prepare("INSERT INTO kept (execution, branch, part, text) VALUES (?, ?, ?, ?)")?;
    let mut definitions = Definitions::new(connection);
    let mut after = 0;
    loop {
        let page: Vec<(i64, i64, Vec<u8>)> =
            read.query_map((after, PAGE), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<Result<_>>()?;
        let Some((last, ..)) = page.last() else { return Ok(()) };
        after = *last;
        for (execution, definition, state) in page {
            let places = definitions.places(definition)?;
            let mut state: Value = match serde_json::from_slice(&state) {
                Ok(state) => state,
                Err(error) => {
                    // Schema 3 could not read it either. It must not prevent the others from being migrated.
                    tracing::warn!(execution, %error, "the state of an execution can't be read; it is left as it is");
                    continue;
                }
            };
            for (id, branch) in state["b"].as_object_mut().into_iter().flatten() {
                let name = places.states.get(number(&branch["s"])?).ok_or_else(|| unreadable(MISSING.into()))?;
                branch["s"] = name.as_str().into();
                add_nonce(branch);
                let id: u32 = id.parse().map_err(|_| unreadable(MISSING.into()))?;
                for (part, text) in take_parts(branch) {
                    keep.execute((execution, id, part, text))?;
                }
            }
            write.execute((state.to_string().into_bytes(), execution))?;
        }
    }
}

/// Rewrites the processors of all map runs.
pub(super) fn name_processors(connection: &Connection) -> Result<()> {
    let mut read = connection.prepare(
        "SELECT m.id, r.definition, m.processor FROM map_run m
         JOIN execution e ON e.id = m.execution JOIN revision r ON r.id = e.revision
         WHERE m.id > ? ORDER BY m.id LIMIT ?",
    )?;
    let mut write = connection.prepare("UPDATE map_run SET processor = ? WHERE id = ?")?;
    let mut definitions = Definitions::new(connection);
    let mut after = 0;
    loop {
        let page: Vec<(i64, i64, String)> =
            read.query_map((after, PAGE), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<Result<_>>()?;
        let Some((last, ..)) = page.last() else { return Ok(()) };
        after = *last;
        for (run, definition, processor) in page {
            let machine: usize = processor.parse().map_err(|_| unreadable(MISSING.into()))?;
            let name = definitions.places(definition)?.containers.get(machine).cloned().flatten();
            write.execute((name.ok_or_else(|| unreadable(MISSING.into()))?, run))?;
        }
    }
}

/// Converts a task or map run that a branch waits for from `5` to `[5, 0]`: the event, without a nonce.
fn add_nonce(branch: &mut Value) {
    for phase in ["t", "d"] {
        if let Some(task) = branch.pointer_mut(&format!("/ph/{phase}/k")) {
            *task = json!([task.take(), 0]);
        }
    }
}

/// Removes the data that schema 4 stores apart from the state: the outputs of a Map or Parallel by index, and the items
/// of a Map as -1. The state only records whether there are items.
fn take_parts(branch: &mut Value) -> Vec<(i64, String)> {
    let mut parts = Vec::new();
    for (phase, outputs) in [("m", "o"), ("p", "outputs")] {
        let Some(phase) = branch.pointer_mut(&format!("/ph/{phase}")).and_then(Value::as_object_mut) else { continue };
        if let Some(Value::Array(outputs)) = phase.remove(outputs) {
            let texts = (0..).zip(outputs).filter_map(|(index, output)| Some((index, output.as_str()?.to_owned())));
            parts.extend(texts);
        }
        if let Some(Value::String(items)) = phase.get_mut("v").map(Value::take) {
            parts.push((-1, items));
            phase.insert("v".to_owned(), true.into());
        }
    }
    parts
}

/// A cache of definitions.
struct Definitions<'c> {
    connection: &'c Connection,
    known: HashMap<i64, Places>,
}

impl<'c> Definitions<'c> {
    fn new(connection: &'c Connection) -> Self {
        Self { connection, known: HashMap::new() }
    }

    fn places(&mut self, definition: i64) -> Result<&Places> {
        if !self.known.contains_key(&definition) {
            let text: String = self
                .connection
                .prepare_cached("SELECT text FROM definition WHERE id = ?")?
                .query_row([definition], |row| row.get(0))?;
            let value: Value = serde_json::from_str(&text).map_err(|error| unreadable(error.into()))?;
            let mut places = Places::default();
            places.read(None, &value);
            self.known.insert(definition, places);
        }
        Ok(&self.known[&definition])
    }
}

/// The meaning of schema 3's indexes: the order in which its releases read a definition.
#[derive(Debug, Default, PartialEq)]
struct Places {
    /// The names of states.
    states: Vec<String>,
    /// The name of the state that contains each machine.
    containers: Vec<Option<String>>,
}

impl Places {
    /// The states of a machine are numbered before those of the machines within it.
    fn read(&mut self, container: Option<&str>, machine: &Value) {
        self.containers.push(container.map(str::to_owned));
        let states = || machine["States"].as_object().into_iter().flatten();
        self.states.extend(states().map(|(name, _)| name.clone()));
        for (name, state) in states() {
            match state["Type"].as_str() {
                Some("Parallel") => {
                    let branches = state["Branches"].as_array().into_iter().flatten();
                    branches.for_each(|branch| self.read(Some(name), branch));
                }
                Some("Map") => {
                    let field = if state.get("Iterator").is_some() { "Iterator" } else { "ItemProcessor" };
                    self.read(Some(name), &state[field]);
                }
                _ => {}
            }
        }
    }
}

const MISSING: &str = "it refers to a state that its definition does not have";

fn number(value: &Value) -> Result<usize> {
    value.as_u64().and_then(|number| usize::try_from(number).ok()).ok_or_else(|| unreadable(MISSING.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_that_schema_3_gave() {
        let inner = json!({"StartAt": "D", "States": {"D": {"Type": "Pass"}, "C": {"Type": "Pass"}}});
        let other = json!({"StartAt": "E", "States": {"E": {"Type": "Pass"}}});
        let definition = json!({"StartAt": "B", "States": {
            "B": {"Type": "Parallel", "Branches": [inner, other]},
            "A": {"Type": "Map", "ItemProcessor": {"StartAt": "F", "States": {"F": {"Type": "Pass"}}}}
        }});
        let mut places = Places::default();
        places.read(None, &definition);
        assert_eq!(places.states, ["B", "A", "D", "C", "E", "F"]);
        let container = |name: &str| Some(name.to_owned());
        assert_eq!(places.containers, [None, container("B"), container("B"), container("A")]);
    }
}
