//! Lists of state machines, versions, aliases and executions.

use std::collections::BTreeMap;

use app::desk::{
    AliasRow, ExecutionPage, ExecutionQuery, ExecutionRow, ExecutionStatus, NewestExecutions, StateMachineKind,
    StateMachinePage, StateMachineRow, StateMachineView, StepFunctionsError, StepFunctionsName, VersionRow,
};
use aws_sdk_sfn::types::{ExecutionListItem, StateMachineListItem, StateMachineType};
use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::{
    Workflows,
    arns::{last, read_name},
    call::{CallError, During},
    cursor::{Cursor, select},
    graph::Graph,
    pretty, read_status, sdk_time,
};
use crate::{aws::AwsError, masking::Mask};

/// The number of state machines on a page. Each takes one call of `ListExecutions`.
const MACHINES: i32 = 25;
/// How many of these calls are made at the same time.
const AT_ONCE: usize = 4;
/// The number of executions on a page.
const ROWS: usize = 50;
/// The number of executions that a search reads with one call, which is the most that Step Functions returns.
const SEARCHED_AT_ONCE: i32 = 1000;
/// The number of calls that a search makes for one page.
const SEARCH_CALLS: usize = 5;
/// The number of versions, and of aliases, that are shown.
const VERSIONS: i32 = 100;

impl Workflows {
    /// A page of state machines. An `after` that has expired gives the first page.
    pub async fn state_machines(&self, after: Option<&str>) -> Result<StateMachinePage, CallError> {
        let list = self.aws.step_functions.list_state_machines().max_results(MACHINES);
        let page = list.set_next_token(after.map(str::to_owned)).send().await.during("ListStateMachines");
        let page = match page {
            Err(error) if after.is_some() && is_bad_token(&error) => {
                return Box::pin(self.state_machines(None)).await;
            }
            page => page?,
        };
        let rows = stream::iter(page.state_machines).map(|machine| self.row(machine)).buffered(AT_ONCE);
        let rows = rows.collect::<Vec<_>>().await;
        Ok(StateMachinePage {
            machines: rows.into_iter().collect::<Result<_, _>>().during("ListStateMachines")?,
            next: page.next_token,
            is_first: after.is_none(),
        })
    }

    async fn row(&self, machine: StateMachineListItem) -> Result<StateMachineRow, AwsError> {
        let kind = kind_of(&machine.r#type);
        let newest = match kind {
            StateMachineKind::Standard => Some(shown(self.newest(&machine.state_machine_arn).await)),
            StateMachineKind::Express => None,
        };
        let created_at = sdk_time(&machine.creation_date);
        Ok(StateMachineRow { name: read_name(&machine.name)?, kind, created_at, newest })
    }

    async fn newest(&self, arn: &str) -> Result<NewestExecutions, CallError> {
        let list = self.aws.step_functions.list_executions().state_machine_arn(arn);
        let list = list.max_results(NewestExecutions::AT_MOST as i32).send().await.during("ListExecutions")?;
        let mut counts = BTreeMap::new();
        for execution in &list.executions {
            *counts.entry(read_status(&execution.status).during("ListExecutions")?).or_default() += 1;
        }
        Ok(NewestExecutions { counts: counts.into_iter().collect(), has_more: list.next_token.is_some() })
    }

    /// A state machine, or a version of it, with its executions. Returns `None` if it does not exist.
    pub async fn state_machine(
        &self,
        name: &StepFunctionsName,
        version: Option<u64>,
        query: &ExecutionQuery,
    ) -> Result<Option<StateMachineView>, CallError> {
        let (arn, shown_arn) = (self.arns.state_machine(name, None), self.arns.state_machine(name, version));
        let describe = self.aws.step_functions.describe_state_machine().state_machine_arn(shown_arn);
        let described = match describe.send().await.during("DescribeStateMachine") {
            Err(error) if error.is("StateMachineDoesNotExist") => return Ok(None),
            described => described?,
        };
        let definition: Value = serde_json::from_str(&described.definition)
            .map_err(|error| AwsError::corrupt(format_args!("definition: {error}")))
            .during("DescribeStateMachine")?;
        // Only tokens that somebody wrote into the definition. Where the definition passes one on, it names it.
        let definition = Mask::default().apply(definition);
        let kind = kind_of(&described.r#type);
        let executions = async {
            match kind {
                StateMachineKind::Standard => Some(shown(self.executions(name, query).await)),
                StateMachineKind::Express => None,
            }
        };
        let (versions, aliases, executions) = tokio::join!(self.versions(&arn), self.aliases(&arn), executions);
        Ok(Some(StateMachineView {
            name: name.clone(),
            kind,
            status: described.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            created_at: sdk_time(&described.creation_date),
            version,
            graph: Graph::read(&definition).view(),
            definition: pretty(&definition),
            versions: shown(versions),
            aliases: shown(aliases),
            executions,
            arn,
        }))
    }

    async fn versions(&self, arn: &str) -> Result<Vec<VersionRow>, CallError> {
        let list = self.aws.step_functions.list_state_machine_versions().state_machine_arn(arn);
        let list = list.max_results(VERSIONS).send().await.during("ListStateMachineVersions")?;
        let versions = list.state_machine_versions.iter().filter_map(|version| {
            let number = last(&version.state_machine_version_arn).parse().ok()?;
            Some(VersionRow { number, created_at: sdk_time(&version.creation_date) })
        });
        Ok(versions.collect())
    }

    async fn aliases(&self, arn: &str) -> Result<Vec<AliasRow>, CallError> {
        let list = self.aws.step_functions.list_state_machine_aliases().state_machine_arn(arn);
        let list = list.max_results(VERSIONS).send().await.during("ListStateMachineAliases")?;
        let aliases = list.state_machine_aliases.iter().map(|alias| AliasRow {
            name: last(&alias.state_machine_alias_arn).to_owned(),
            created_at: sdk_time(&alias.creation_date),
        });
        Ok(aliases.collect())
    }

    /// A page of executions. A position that has expired or is not one gives the first page.
    async fn executions(&self, of: &StepFunctionsName, query: &ExecutionQuery) -> Result<ExecutionPage, CallError> {
        let from = query.after.as_deref().and_then(Cursor::decode);
        let is_first = from.is_none();
        let page = if query.search.is_empty() {
            self.listed(of, query.status, from.unwrap_or_default()).await
        } else {
            self.found(of, query, from).await
        };
        match page {
            Err(error) if !is_first && is_bad_token(&error) => {
                let first = ExecutionQuery { after: None, ..query.clone() };
                Box::pin(self.executions(of, &first)).await
            }
            page => Ok(ExecutionPage { is_first, ..page? }),
        }
    }

    async fn listed(
        &self,
        of: &StepFunctionsName,
        status: Option<ExecutionStatus>,
        from: Cursor,
    ) -> Result<ExecutionPage, CallError> {
        let (rows, token) = self.list(of, status, from.token, ROWS as i32).await?;
        let next = token.map(|token| Cursor { token: Some(token), skip: 0 }.encode());
        Ok(ExecutionPage { rows, next, is_first: true, searched: None })
    }

    /// The executions whose names contain the search text. The execution of exactly that name comes first, however old it
    /// is.
    async fn found(
        &self,
        of: &StepFunctionsName,
        query: &ExecutionQuery,
        from: Option<Cursor>,
    ) -> Result<ExecutionPage, CallError> {
        let exact = match (&from, query.search.parse()) {
            (None, Ok(name)) => self.named(of, &name).await?,
            _ => None,
        };
        let exact = exact.filter(|row| query.status.is_none_or(|status| status == row.status));
        let mut page =
            ExecutionPage { rows: exact.iter().cloned().collect(), next: None, is_first: true, searched: Some(0) };
        let searched_for = query.search.to_lowercase();
        let is_match = |row: &ExecutionRow| {
            row.name.as_str().to_lowercase().contains(&searched_for) && exact.as_ref() != Some(row)
        };
        let mut at = from.unwrap_or_default();
        for _ in 0..SEARCH_CALLS {
            let (rows, token) = self.list(of, query.status, at.token.clone(), SEARCHED_AT_ONCE).await?;
            let selected = select(&rows, at.skip, ROWS - page.rows.len().min(ROWS), is_match);
            page.rows.extend(selected.rows.into_iter().cloned());
            page.searched = page.searched.map(|before| before + selected.compared);
            let next = match (selected.stopped_at, token) {
                (Some(skip), _) => Some(Cursor { skip, ..at.clone() }),
                (None, Some(token)) => Some(Cursor { token: Some(token), skip: 0 }),
                (None, None) => None,
            };
            page.next = next.as_ref().map(Cursor::encode);
            match next {
                Some(next) if next.skip == 0 => at = next,
                _ => break,
            }
        }
        Ok(page)
    }

    async fn named(&self, of: &StepFunctionsName, name: &StepFunctionsName) -> Result<Option<ExecutionRow>, CallError> {
        let described = match self.describe(&self.arns.execution(of, name)).await.during("DescribeExecution") {
            Err(error) if error.is("ExecutionDoesNotExist") => return Ok(None),
            described => described?,
        };
        Ok(Some(ExecutionRow {
            name: name.clone(),
            status: read_status(&described.status).during("DescribeExecution")?,
            started_at: sdk_time(&described.start_date),
            stopped_at: described.stop_date.as_ref().map(sdk_time),
            redrives: described.redrive_count.unwrap_or_default(),
        }))
    }

    async fn list(
        &self,
        of: &StepFunctionsName,
        status: Option<ExecutionStatus>,
        token: Option<String>,
        at_most: i32,
    ) -> Result<(Vec<ExecutionRow>, Option<String>), CallError> {
        let list = self.aws.step_functions.list_executions().state_machine_arn(self.arns.state_machine(of, None));
        let list = list.set_status_filter(status.map(|status| status.key().into())).set_next_token(token);
        let page = list.max_results(at_most).send().await.during("ListExecutions")?;
        let rows = page.executions.iter().map(row_of).collect::<Result<_, _>>().during("ListExecutions")?;
        Ok((rows, page.next_token))
    }
}

fn row_of(execution: &ExecutionListItem) -> Result<ExecutionRow, AwsError> {
    Ok(ExecutionRow {
        name: read_name(&execution.name)?,
        status: read_status(&execution.status)?,
        started_at: sdk_time(&execution.start_date),
        stopped_at: execution.stop_date.as_ref().map(sdk_time),
        redrives: execution.redrive_count.unwrap_or_default(),
    })
}

fn kind_of(kind: &StateMachineType) -> StateMachineKind {
    match kind {
        StateMachineType::Express => StateMachineKind::Express,
        _ => StateMachineKind::Standard,
    }
}

fn is_bad_token(error: &CallError) -> bool {
    // Step Functions also refuses a token that is too long, or has other characters, as not valid.
    error.is("InvalidToken") || error.is("ValidationException")
}

/// A failed part of a page, which the page shows in its place.
fn shown<T>(part: Result<T, CallError>) -> Result<T, StepFunctionsError> {
    part.map_err(|error| {
        tracing::warn!(%error, "Step Functions refused a call for a page");
        error.shown()
    })
}
