//! The story of an application: what happened to it, in sentences.
//!
//! Times are those of the events in the history of its execution, where they are known. Each event is one entry.

mod callbacks;
mod outcome;

#[cfg(test)]
mod tests;

use app::{
    desk::{StoryEntry, StoryKind},
    domain::ApplicationStatus,
};
use time::{Duration, OffsetDateTime};

use crate::{
    applications::Record,
    callbacks::Summary,
    tasks::{PausedTask, State},
    valuation,
    workflow::Timeline,
};

/// How soon after a deadline an application must end for the entry of its end to include the deadline.
const SOON: Duration = Duration::seconds(10);

/// Whether the story depends on the history of the execution. Most stories do not, and reading it is a call.
pub fn needs_timeline(record: &Record, tasks: &[PausedTask]) -> bool {
    let status = matches!(
        record.status,
        ApplicationStatus::InProgress | ApplicationStatus::NeedsAttention | ApplicationStatus::Stopped
    );
    status || tasks.iter().any(has_lapsed)
}

/// The story of one application, oldest first. Of an execution whose history is not known, `timeline` is empty.
pub fn tell(record: &Record, tasks: &[PausedTask], callbacks: &[Summary], timeline: &Timeline) -> Vec<StoryEntry> {
    let mut outcome = outcome::tell(record, timeline);
    let mut story = vec![StoryEntry::new(record.submitted_at, StoryKind::Submitted, submitted(record))];
    for task in tasks {
        let mut lapsed_at = lapsed_at(task, tasks, timeline);
        if let (Some(at), Some(end)) = (lapsed_at, &mut outcome)
            && is_end_of(task, at, end.at, record, tasks)
        {
            end.at = at;
            lapsed_at = None;
        }
        task.tell(lapsed_at, &mut story);
    }
    // Clocks differ a little, but nothing of a task happens after the outcome, except that answers are kept.
    let last = story.iter().filter(|entry| entry.kind != StoryKind::Kept).map(|entry| entry.at).max();
    let mut story: Vec<(OffsetDateTime, StoryEntry)> = story.into_iter().map(|entry| (entry.at, entry)).collect();
    let others = callbacks.iter().filter_map(|callback| callbacks::tell(callback, tasks));
    story.extend(others.chain(answer_without_the_desk(record, tasks)).map(|entry| (entry.at, entry)));
    story.extend(outcome.map(|end| (last.map_or(end.at, |last| last.max(end.at)), end)));
    // The sort is stable: entries of the same millisecond stay in the order of cause and effect.
    story.sort_by_key(|(at, _)| *at);
    story.into_iter().map(|(_, entry)| entry).collect()
}

fn submitted(record: &Record) -> String {
    match &record.submitted_by {
        Some(name) => format!("Application submitted by {name}"),
        None => "Application submitted".to_owned(),
    }
}

fn has_lapsed(task: &PausedTask) -> bool {
    match &task.state {
        State::Lapsed => true,
        State::TooLate(answer) => answer.at >= task.deadline,
        _ => false,
    }
}

/// When nobody had answered a task in time. `None` if that did not happen.
fn lapsed_at(task: &PausedTask, tasks: &[PausedTask], timeline: &Timeline) -> Option<OffsetDateTime> {
    if !has_lapsed(task) {
        return None;
    }
    let timed_out = timeline.timed_out.get(&task.id).copied();
    let was_stopped_before = timeline.failure.as_ref().is_some_and(|failure| failure.at < task.deadline - SOON);
    if timed_out.is_none() && was_stopped_before && is_last(task, tasks) {
        return None;
    }
    // The deadline in the row is by the desk's clock. The next task was asked for because of this one.
    let next = tasks.iter().filter(|next| is_after(next, task)).map(|next| next.since).min();
    let at = timed_out.unwrap_or(task.deadline);
    Some(next.map_or(at, |next| at.min(next)))
}

fn is_after(next: &PausedTask, task: &PausedTask) -> bool {
    next.execution_arn == task.execution_arn && next.since > task.since
}

fn is_last(task: &PausedTask, tasks: &[PausedTask]) -> bool {
    !tasks.iter().any(|next| is_after(next, task))
}

/// Whether an application needs attention because nobody answered this task in time.
fn is_end_of(
    task: &PausedTask,
    lapsed_at: OffsetDateTime,
    ended_at: OffsetDateTime,
    record: &Record,
    tasks: &[PausedTask],
) -> bool {
    record.status == ApplicationStatus::NeedsAttention
        && task.execution_arn == record.execution_arn
        && is_last(task, tasks)
        && (ended_at - lapsed_at).abs() < SOON
}

/// A valuation that the workflow used although none of the desk's tasks was answered with it: somebody used the task token.
fn answer_without_the_desk(record: &Record, tasks: &[PausedTask]) -> Option<StoryEntry> {
    let answers = |task: &PausedTask| {
        task.execution_arn == record.execution_arn && matches!(task.state, State::Answering(_) | State::Answered(_))
    };
    if tasks.iter().any(answers) {
        return None;
    }
    let value = valuation::pounds(&record.valuation.as_ref()?["propertyValue"])?;
    let text = format!("The property was valued at {value}, by an answer that did not come through this desk");
    Some(StoryEntry::new(record.decided_at?, StoryKind::Answered, text))
}
