//! Opening a task, after which it can be found and answered.

use aws_sdk_dynamodb::types::{Put, Update, builders::UpdateBuilder};

use super::{
    PausedTask, PausedTasks, State, TABLE,
    row::{self, Queue},
};
use crate::{
    aws::AwsError,
    invocation::{Step, TaskToken},
    item::{Item, Read, number, text, time},
    writes::{NotWritten, Write, write_all, write_one},
};

/// The number of attempts to open a task that other calls change at the same time.
const LOOKS: usize = 4;

impl PausedTasks {
    /// Stores a task with its token, and makes the application wait for it, in one transaction. Returns the task as it is
    /// stored now, or `None` if the workflow has continued since the call, so that nothing waits for an answer.
    ///
    /// Repeating a call with the same token changes nothing. A retry, which has another token, updates the row of the
    /// earlier call, so that nobody is asked twice. If that task is over, the retry gets a row of its own.
    ///
    /// `application` is the write that makes the application wait for the task. If its condition fails because the
    /// application belongs to another execution now, only the task is stored.
    pub async fn open(
        &self,
        mut task: PausedTask,
        token: &TaskToken,
        step: Option<&Step>,
        application: impl Fn(&PausedTask) -> UpdateBuilder,
    ) -> Result<Option<PausedTask>, AwsError> {
        for _ in 0..LOOKS {
            let (refused_task, refused_application) = match self.put(&task, token, step, Some(application(&task))).await
            {
                Ok(()) => return Ok(Some(task)),
                Err(NotWritten::Refused(refused)) => both(refused),
                Err(NotWritten::Aws(error)) => return Err(error),
            };
            let known = match (refused_task, refused_application) {
                (Some(known), _) => known,
                (None, Some(now)) if now.text("executionArn") == Some(&task.execution_arn) => return Ok(None),
                (None, _) => match self.put(&task, token, step, None).await {
                    Ok(()) => return Ok(Some(task)),
                    Err(NotWritten::Refused(refused)) => both(refused).0.unwrap_or_default(),
                    Err(NotWritten::Aws(error)) => return Err(error),
                },
            };
            let mut before = row::read(&known)?;
            if row::read_token(&known)? == *token {
                return Ok(Some(before));
            }
            let Some(step) = step else { return Ok(Some(before)) };
            if step.retries < before.retries {
                return Ok(None);
            }
            if !self.is_still_asked(&before) {
                task.id = step.retry_id(&task.execution_arn);
                continue;
            }
            before.deadline = task.deadline;
            before.retries = step.retries;
            let was = before.state.clone();
            if matches!(was, State::Failed) {
                before.state = task.state.clone();
            }
            match self.ask_again(&before, &was, token, application(&before)).await {
                Ok(()) => return Ok(Some(before)),
                Err(NotWritten::Refused(refused)) => match both(refused) {
                    // It changed in the meantime. Look again.
                    (Some(_), _) => {}
                    (None, Some(now)) if now.text("executionArn") == Some(&task.execution_arn) => return Ok(None),
                    (None, _) => {
                        write_one(&self.aws, self.new_token(&before, &was, token)).await?;
                        return Ok(Some(before));
                    }
                },
                Err(NotWritten::Aws(error)) => return Err(error),
            }
        }
        Err(AwsError::missing("a task that stays as it is while it is opened"))
    }

    /// Whether a retry can share the row of the task: it is open, or its answer is being sent.
    fn is_still_asked(&self, task: &PausedTask) -> bool {
        match task.state {
            State::Requesting | State::Open | State::Failed => self.aws.clock.now() < task.deadline,
            State::Answering(_) => true,
            State::Answered(_) | State::Lapsed | State::TooLate(_) | State::Abandoned => false,
        }
    }

    async fn put(
        &self,
        task: &PausedTask,
        token: &TaskToken,
        step: Option<&Step>,
        application: Option<UpdateBuilder>,
    ) -> Result<(), NotWritten> {
        let mut item = row::write(task, token, Queue::of(&task.state), self.aws.clock.now());
        if let Some(step) = step {
            item.insert("retries".to_owned(), number(step.retries));
        }
        let put = Put::builder().table_name(TABLE.name).set_item(Some(item));
        let put = Write::Put(put.condition_expression("attribute_not_exists(id)"));
        write_all(&self.aws, [put].into_iter().chain(application.map(Write::Update))).await
    }

    /// Stores the new token of a task that is asked for again.
    async fn ask_again(
        &self,
        task: &PausedTask,
        was: &State,
        token: &TaskToken,
        application: UpdateBuilder,
    ) -> Result<(), NotWritten> {
        write_all(&self.aws, [Write::Update(self.new_token(task, was, token)), Write::Update(application)]).await
    }

    fn new_token(&self, task: &PausedTask, was: &State, token: &TaskToken) -> UpdateBuilder {
        let queue = Queue::of(&task.state).map(Queue::key).unwrap_or_default();
        Update::builder()
            .table_name(TABLE.name)
            .key("id", text(task.id.as_str()))
            .update_expression(
                "SET #token = :token, #state = :state, queue = :queue, deadline = :deadline, retries = :retries, \
                 updatedAt = :now",
            )
            // An earlier call that arrives late must not replace the token of a later call.
            .condition_expression("#state = :was AND (attribute_not_exists(retries) OR retries < :retries)")
            .expression_attribute_names("#token", "token")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":token", text(token.reveal()))
            .expression_attribute_values(":state", text(task.state.key()))
            .expression_attribute_values(":was", text(was.key()))
            .expression_attribute_values(":queue", text(queue))
            .expression_attribute_values(":deadline", time(task.deadline))
            .expression_attribute_values(":retries", number(task.retries))
            .expression_attribute_values(":now", time(self.aws.clock.now()))
    }
}

/// The items for which the conditions of the first and the second write failed.
fn both(refused: Vec<Option<Item>>) -> (Option<Item>, Option<Item>) {
    let mut refused = refused.into_iter();
    (refused.next().flatten(), refused.next().flatten())
}

#[cfg(test)]
mod tests;
