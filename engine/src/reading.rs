//! Items that are read for a map run: they become rows as they come, and the run begins with the last of them.

use rusqlite::Result;

use crate::{
    activation::Follows,
    interpreter::{self, MapRunOutcome, Payload, Portions, TaskId},
    store::{
        ExecutionId, Transaction, calls,
        map_runs::{self, MapRun, RunStatus},
    },
};

impl Transaction<'_> {
    /// The run that waits for its items; None when nobody waits any more.
    fn run_to_be_read(&self, execution: ExecutionId, task: TaskId) -> Result<Option<MapRun>> {
        if calls::find(self.connection, execution, task)?.is_none() {
            return Ok(None);
        }
        let run = map_runs::by_task(self.connection, execution, task)?;
        Ok(run.filter(|run| run.status == RunStatus::Running))
    }

    /// Makes children of some more items, and starts the run with the last of them. `portions` is how far the items
    /// before have come: the first of all take the place of what an earlier run of the engine has read. None when
    /// nobody waits for more.
    pub(crate) fn take_items(
        &mut self,
        (execution, task): (ExecutionId, TaskId),
        mut portions: Portions,
        items: &[Payload],
        last: bool,
    ) -> Result<Option<Portions>> {
        let Some(run) = self.run_to_be_read(execution, task)? else { return Ok(None) };
        let Some((parent, mut state)) = self.load(execution)? else { return Ok(None) };
        if portions.items == 0 {
            map_runs::drop_items(self.connection, run.id)?;
        }
        let from = portions.children;
        let children = self.with_facts(&parent, |facts| {
            let definition = &parent.runnable.definition;
            interpreter::more_children(definition, facts, &mut state, task, &mut portions, (items, last), self.now)
        });
        let mut follows = Follows::new();
        match children {
            Ok(None) => return Ok(None),
            Ok(Some(children)) => {
                let children = children.iter().map(|(input, items)| (input.text(), *items));
                map_runs::add_children(self.connection, run.id, from, children)?;
                if !last {
                    return Ok(Some(portions));
                }
                calls::remove(self.connection, execution, task)?;
                map_runs::set_size(self.connection, run.id, portions.items, portions.children)?;
                self.look_after(&map_runs::get(self.connection, run.id)?, &mut follows)?;
            }
            Err(error) => {
                calls::remove(self.connection, execution, task)?;
                self.end_run(&run, RunStatus::Failed, Some(MapRunOutcome::NoBatches(error)), &mut follows)?;
            }
        }
        self.follow(follows)?;
        Ok(None)
    }

    /// The items can't be read.
    pub(crate) fn give_up_items(&mut self, execution: ExecutionId, task: TaskId, cause: &str) -> Result<()> {
        let Some(run) = self.run_to_be_read(execution, task)? else { return Ok(()) };
        calls::remove(self.connection, execution, task)?;
        map_runs::drop_items(self.connection, run.id)?;
        let mut follows = Follows::new();
        let outcome = MapRunOutcome::NotRead { cause: cause.to_owned() };
        self.end_run(&run, RunStatus::Failed, Some(outcome), &mut follows)?;
        self.follow(follows)
    }
}
