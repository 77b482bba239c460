//! What the kinds of task have in common that members of staff answer: how they are asked for, answered and shown.

use std::time::Duration;

use app::{
    desk::TaskState,
    domain::{ApplicationReference, TaskKind},
};

use super::{Along, Answer, Answered, Correction, PausedTask, PausedTasks, Says, State};
use crate::{
    applications::Applications,
    aws::AwsError,
    clock::Clock,
    invocation::{Execution, FunctionFailure, PausedTaskId, TaskToken},
    writes::Write,
};

/// The typed answer to one kind of task.
pub trait StaffAnswer: Sized + PartialEq {
    const KIND: TaskKind;

    /// What Step Functions is told when the person named `by` gives this answer.
    fn says(&self, task: &PausedTask, by: &str) -> Says;

    /// Reads the answer back; `None` if it is not one that a person gave at the desk.
    fn read(says: &Says) -> Option<Self>;
}

/// The tasks that wait on staff.
#[derive(Clone)]
pub struct StaffTasks {
    pub clock: Clock,
    pub paused: PausedTasks,
    pub applications: Applications,
    /// How long an answer is held back before it is sent, so that it can be corrected.
    pub correction_time: Duration,
}

/// How long before the deadline of a task its answer is sent at once. The reconciler, which sends what is held back, looks
/// for it every few seconds.
const HURRY: Duration = Duration::from_secs(10);

impl StaffTasks {
    /// The tasks that this execution has asked for so far, oldest first.
    pub async fn before(
        &self,
        reference: &ApplicationReference,
        execution: &Execution,
    ) -> Result<Vec<PausedTask>, AwsError> {
        let mut tasks = self.paused.of_application(reference.as_str()).await?;
        tasks.retain(|task| task.execution_arn == execution.arn);
        Ok(tasks)
    }

    /// Opens a task for staff, and closes what the execution waited for `before`: tasks of other kinds as `ended_as`.
    pub async fn ask(
        &self,
        task: PausedTask,
        token: &TaskToken,
        execution: &Execution,
        before: &[PausedTask],
        ended_as: State,
    ) -> Result<PausedTaskId, FunctionFailure> {
        let kind = task.kind;
        let waits = |task: &PausedTask| self.applications.waits_for(task.awaited(), execution);
        let Some(task) = self.paused.open(task, token, execution.step.as_ref(), waits).await? else {
            return Err(FunctionFailure::InvalidApplication(format!(
                "the workflow has gone on since it asked for this task: {kind}"
            )));
        };
        self.applications.nudge();
        tracing::info!(application = %task.application_reference, task = %task.id, kind = kind.key(), "waiting on staff");
        // An execution waits for one task at a time. The reconciler closes what is left open when this fails.
        for other in before.iter().filter(|other| other.id != task.id) {
            if matches!(other.state, State::Requesting | State::Open) {
                let ended_as = if other.kind == kind { State::Abandoned } else { ended_as.clone() };
                self.paused.close(&other.id, ended_as).await?;
            }
        }
        Ok(task.id)
    }

    /// The task with this id, if `A` answers its kind.
    pub async fn get<A: StaffAnswer>(&self, id: &str) -> Result<Option<PausedTask>, AwsError> {
        let task = self.paused.get(&PausedTaskId::from_key(id)).await?;
        Ok(task.filter(|task| task.kind == A::KIND))
    }

    /// Answers a task, which resumes its execution once.
    pub async fn answer<A: StaffAnswer>(&self, task: &PausedTask, answer: &A, by: &str) -> Result<Answered, AwsError> {
        let says = answer.says(task, by);
        let answer =
            Answer { says, by: Some(by.to_owned()), callback: None, at: self.clock.now(), versions: Vec::new() };
        let claimed = Some(Write::Update(self.applications.waits_no_more(task.awaited())));
        let answered = if self.holds_back(task) {
            self.paused.hold(&task.id, &answer, claimed).await?
        } else {
            self.paused.answer(&task.id, answer, Along { claimed, ..Along::default() }).await?
        };
        self.applications.nudge();
        Ok(answered)
    }

    /// Corrects an answer that Step Functions has not taken yet. Whichever version it takes counts.
    pub async fn correct<A: StaffAnswer>(
        &self,
        task: &PausedTask,
        answer: &A,
        by: &str,
        reason: String,
    ) -> Result<Answered, AwsError> {
        let says = answer.says(task, by);
        let correction = Correction { says, by: by.to_owned(), at: self.clock.now(), reason };
        let corrected = match self.paused.correct(&task.id, correction).await? {
            Ok((task, _)) if self.holds_back(&task) => Answered::Pending(task),
            Ok((task, answer)) => self.paused.answer(&task.id, answer, Along::default()).await?,
            Err(otherwise) => otherwise,
        };
        self.applications.nudge();
        Ok(corrected)
    }

    fn holds_back(&self, task: &PausedTask) -> bool {
        !self.correction_time.is_zero() && self.clock.now() + self.correction_time + HURRY < task.deadline
    }
}

/// How far a task has come, as its page shows it.
pub fn state<A: StaffAnswer>(task: &PausedTask) -> TaskState<A> {
    match &task.state {
        State::Open | State::Requesting => TaskState::Open,
        State::Answering(answer) | State::Answered(answer) => {
            let Some(given) = A::read(&answer.says) else { return TaskState::Lapsed };
            let (by, at) = (answer.by.clone().unwrap_or_default(), answer.at);
            match task.state {
                State::Answering(_) => TaskState::Sending { by, at, answer: given },
                _ => TaskState::Answered { by, at, answer: given },
            }
        }
        State::TooLate(answer) => match (A::read(&answer.says), &answer.by) {
            (Some(given), Some(by)) if answer.at < task.deadline => {
                TaskState::NotUsed { by: by.clone(), at: answer.at, answer: given }
            }
            (Some(given), Some(by)) => TaskState::TooLate { by: by.clone(), at: answer.at, answer: given },
            _ => TaskState::Lapsed,
        },
        State::Lapsed | State::Failed => TaskState::Lapsed,
        State::Abandoned => TaskState::Abandoned,
    }
}
