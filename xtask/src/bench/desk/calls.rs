//! What one application costs in calls of AWS, from its submission to its decision. The desk logs each call of the AWS
//! inside it; those that it makes at rest are subtracted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::load::{self, Valuer};
use super::server::{Desk, until};
use super::stock;
use crate::command::say;
use crate::project::Project;

/// Applications that are taken from submission to decision.
const APPLICATIONS: usize = 100;

/// How long the desk is watched at rest.
const REST: Duration = Duration::from_secs(10);

/// Averages for one application.
#[derive(Debug, Default, PartialEq)]
pub struct Cost {
    /// Calls by the name of the operation.
    pub calls: BTreeMap<String, f64>,
    /// Items written to tables, those of indexes not counted.
    pub items: f64,
    /// Write units as AWS bills them, indexes included; transactional writes count twice.
    pub write_units: f64,
}

impl Cost {
    fn scaled(mut self, by: f64) -> Self {
        self.calls.values_mut().for_each(|calls| *calls *= by);
        Self { items: self.items * by, write_units: self.write_units * by, ..self }
    }

    fn minus(mut self, other: &Self) -> Self {
        for (operation, calls) in &other.calls {
            *self.calls.entry(operation.clone()).or_default() -= calls;
        }
        Self { items: self.items - other.items, write_units: self.write_units - other.write_units, ..self }
    }
}

/// Measures a desk that has nothing else to do.
pub fn measure(project: &Project) -> Result<Cost> {
    say("calls of AWS for each application");
    let data = project.notes().join("bench-data");
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    let valuer = Valuer::start()?;
    let flags = ["--valuation-service-url", &valuer.url];
    let desk = Desk::start(project, &data, &flags, "loan_desk::calls=trace,loan_desk::read_model=debug")?;
    desk.until_the_pass_is_over()?;

    let before = desk.log()?.len();
    let begun = Instant::now();
    std::thread::sleep(REST);
    let at_rest = read(&desk.log()?[before..])?.scaled(1.0 / begun.elapsed().as_secs_f64());

    let before = desk.log()?.len();
    let begun = Instant::now();
    let mut client = desk.client()?;
    for number in 0..APPLICATIONS {
        load::submit(&mut client, number)?;
    }
    valuer.until_asked(APPLICATIONS)?;
    for request in valuer.requests() {
        request.call_back(&mut client)?;
    }
    // Each look reads the application once.
    let mut looks = 0;
    for number in 0..APPLICATIONS {
        let path = format!("/api/applications/{}", stock::reference(number));
        until("every application is decided", || {
            looks += 1;
            let answer = client.get(&path)?;
            let answer: serde_json::Value = serde_json::from_slice(&answer.body)?;
            Ok(answer["status"]
                .as_str()
                .is_some_and(|status| ["Approved", "Declined"].contains(&status) || status.starts_with("Referred")))
        })?;
    }
    let mut cost = read(&desk.log()?[before..])?.minus(&at_rest.scaled(begun.elapsed().as_secs_f64()));
    *cost.calls.entry("GetItem".to_owned()).or_default() -= f64::from(looks);
    Ok(cost.scaled(1.0 / APPLICATIONS as f64))
}

/// Adds up the calls in a log.
fn read(log: &str) -> Result<Cost> {
    let mut cost = Cost::default();
    for line in log.lines().filter(|line| line.contains(" call operation=")) {
        let field = |name: &str| {
            let value = line.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
            value.map(|value| value.trim_matches('"'))
        };
        let (Some(operation), Some(items), Some(units), Some(status)) =
            (field("operation"), field("items"), field("write_units"), field("status"))
        else {
            bail!("not a call: {line}");
        };
        *cost.calls.entry(operation.to_owned()).or_default() += 1.0;
        // What was refused has written nothing.
        if status == "200" {
            cost.items += items.parse::<f64>()?;
            cost.write_units += units.parse::<f64>()?;
        }
    }
    Ok(cost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_in_a_log_are_added_up() {
        let log = "\
            2026-11-24T22:09:08Z  WARN something else\n\
            2026-11-24T22:09:08Z TRACE call operation=\"PutItem\" status=200 items=1 write_units=2.0\n\
            2026-11-24T22:09:08Z TRACE call operation=\"TransactWriteItems\" status=400 items=2 write_units=0.0\n\
            2026-11-24T22:09:08Z TRACE call operation=\"TransactWriteItems\" status=200 items=2 write_units=8.0\n\
            2026-11-24T22:09:08Z TRACE call operation=\"StartExecution\" status=200 items=0 write_units=0.0\n";
        let cost = read(log).unwrap();
        assert_eq!((cost.items, cost.write_units), (3.0, 10.0));
        let calls: Vec<_> = cost.calls.iter().map(|(operation, calls)| (operation.as_str(), *calls)).collect();
        assert_eq!(calls, [("PutItem", 1.0), ("StartExecution", 1.0), ("TransactWriteItems", 2.0)]);
        assert!(read("x TRACE call operation=\"PutItem\"").is_err());
    }
}
