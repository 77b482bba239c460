//! The names of executions in their rows, which are unique in a state machine, unlike those of EXPRESS executions and of
//! the children of map runs.

use super::Execution;
use crate::Options;

/// Separates the name of an EXPRESS execution, which need not be unique, from an id. Names can't contain it.
const EXPRESS: char = ':';
/// Separates the label of a map run from the name of its child. Names can't contain it.
const LABEL: char = '/';

impl Execution {
    /// The row name of an EXPRESS execution.
    pub fn express_name(name: &str, id: &str) -> String {
        format!("{name}{EXPRESS}{id}")
    }

    /// The row name of a child of a map run.
    pub fn child_name(label: &str, name: &str) -> String {
        format!("{label}{LABEL}{name}")
    }

    /// The name as clients know it.
    pub fn shown_name(&self) -> &str {
        let name = self.name.split_once(LABEL).map_or(&*self.name, |(_, name)| name);
        name.split(EXPRESS).next().unwrap_or(name)
    }

    /// The name of the state machine in ARNs and in the context object. For a child of a map run, it includes the label
    /// of the run.
    pub fn machine_name(&self, state_machine: &str) -> String {
        machine_name(state_machine, &self.name)
    }
}

fn machine_name(state_machine: &str, row_name: &str) -> String {
    match row_name.split_once(LABEL) {
        None => state_machine.to_owned(),
        Some((label, _)) => format!("{state_machine}{LABEL}{label}"),
    }
}

impl Options {
    pub(crate) fn arn_of(&self, execution: &Execution, state_machine: &str) -> String {
        self.row_arn(state_machine, &execution.name)
    }

    /// The ARN of the execution with this row name.
    pub(crate) fn row_arn(&self, state_machine: &str, row_name: &str) -> String {
        let machine = machine_name(state_machine, row_name);
        let name = row_name.split_once(LABEL).map_or(row_name, |(_, name)| name);
        match name.split_once(EXPRESS) {
            None => self.execution_arn(&machine, name),
            Some((name, id)) => self.express_arn(&machine, name, id),
        }
    }
}
