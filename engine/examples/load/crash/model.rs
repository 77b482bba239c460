//! What was acknowledged to the clients, and what they can't know.

use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use super::{machines::Kind, random::Random};

/// The name of an execution. A child has the name of the execution that started it.
pub type Key = (Kind, String);

#[derive(Default)]
pub struct Model {
    pub executions: HashMap<Key, Execution>,
    /// The executions whose start was acknowledged, to choose from.
    known: Vec<Key>,
    /// When the server was ready and when it was killed, in seconds since 1970.
    lives: Vec<(f64, f64)>,
    pub heartbeats: usize,
    /// The violations found while the clients ran.
    pub violations: Vec<String>,
}

/// What is known about an execution.
#[derive(Default)]
pub struct Execution {
    /// Whether StartExecution was acknowledged. Otherwise the execution may or may not exist.
    pub started: bool,
    /// The answers to its task, from the worker or to its own token.
    pub answers: Vec<Answer>,
    /// Whether a client tried to stop it.
    pub stop_tried: bool,
    /// The answer of StopExecution.
    pub stop_date: Option<f64>,
    /// When the last acknowledged heartbeat was sent.
    pub heartbeat: Option<f64>,
    /// The longest history seen.
    pub events: Vec<Value>,
    /// The answer of DescribeExecution after the end.
    pub ended: Option<Value>,
}

/// An answer to a task. Each has a different number.
pub struct Answer {
    pub number: usize,
    pub fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The connection broke, so the answer may have been accepted.
    InDoubt,
    Acknowledged,
    Refused,
}

impl Model {
    pub fn ready(&mut self) {
        self.lives.push((now(), f64::INFINITY));
    }

    pub fn killed(&mut self) {
        if let Some(life) = self.lives.last_mut() {
            life.1 = now();
        }
    }

    /// How long the server was ready in this period, in seconds. A timer is only late if the server had time to fire
    /// it.
    pub fn uptime(&self, from: f64, until: f64) -> f64 {
        self.lives.iter().map(|(ready, killed)| (until.min(*killed) - from.max(*ready)).max(0.0)).sum()
    }

    pub fn execution(&mut self, key: &Key) -> &mut Execution {
        self.executions.entry(key.clone()).or_default()
    }

    pub fn acknowledge_start(&mut self, key: &Key) {
        self.execution(key).started = true;
        self.known.push(key.clone());
    }

    /// A random execution among the latest.
    pub fn draw(&self, random: &mut Random) -> Option<Key> {
        let back = random.below(self.known.len().min(500));
        self.known.len().checked_sub(back + 1).map(|at| self.known[at].clone())
    }

    /// Adds an answer whose outcome is not known yet.
    pub fn begin_answer(&mut self, key: &Key, number: usize) {
        self.execution(key).answers.push(Answer { number, fate: Fate::InDoubt });
    }

    pub fn end_answer(&mut self, key: &Key, number: usize, fate: Fate) {
        if let Some(answer) = self.execution(key).answers.iter_mut().find(|answer| answer.number == number) {
            answer.fate = fate;
        }
    }

    /// Checks that the history seen before is a prefix of the history seen now.
    pub fn see_history(&mut self, key: &Key, events: Vec<Value>) {
        let seen = &mut self.execution(key).events;
        let agree = seen.iter().zip(&events).all(|(before, now)| before == now);
        if events.len() >= seen.len() && agree {
            *seen = events;
            return;
        }
        // Two readers can read at the same time, and the one that saw more can report first.
        if !agree {
            self.violations.push(format!("{key:?}: an event that was seen has changed or is gone"));
        }
    }

    pub fn started(&self) -> usize {
        self.known.len()
    }

    pub fn answered(&self) -> usize {
        let answers = self.executions.values().flat_map(|execution| &execution.answers);
        answers.filter(|answer| answer.fate == Fate::Acknowledged).count()
    }

    pub fn stopped(&self) -> usize {
        self.executions.values().filter(|execution| execution.stop_date.is_some()).count()
    }

    pub fn events_seen(&self) -> usize {
        self.executions.values().map(|execution| execution.events.len()).sum()
    }
}

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
