//! The stock of a desk: applications and tasks as weeks of work would leave them, written to its tables directly.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::http::Client;

/// Items that one BatchWriteItem call may write.
const BATCH: usize = 25;

const CLIENTS: usize = 2;

/// The applications were submitted over this many days.
const DAYS: usize = 60;

/// What is stored.
#[derive(Clone, Copy)]
pub struct Stock {
    pub applications: usize,
    /// How many of them wait for a valuation: the newest ones, half of them on staff.
    pub waiting: usize,
    /// Now, in seconds since 1970.
    pub now: u64,
}

impl Stock {
    /// Writes everything to the DynamoDB at `address`.
    pub fn store(&self, address: &str) -> Result<()> {
        let applications = (0..self.applications).map(|number| ("loan-desk-applications", self.application(number)));
        let tasks = (0..self.waiting).map(|number| ("loan-desk-paused-tasks", self.task(number)));
        let items: Vec<(&str, Value)> = applications.chain(tasks).collect();
        let batches: Vec<&[(&str, Value)]> = items.chunks(BATCH).collect();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| write(address, &batches, &next))).collect();
            let join = |client: ScopedJoinHandle<Result<()>>| {
                client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            clients.into_iter().try_for_each(join)
        })
    }

    /// Number 0 is the newest.
    fn application(&self, number: usize) -> Value {
        let submitted = self.now - 60 - (number * DAYS * 24 * 3600 / self.applications) as u64;
        let mut item = json!({
            "applicationReference": { "S": reference(number) },
            "kind": { "S": "application" },
            "application": { "S": application(number).to_string() },
            "submittedAt": { "S": time(submitted) },
            "executionArn": { "S": arn(number) },
        });
        if number < self.waiting {
            let status =
                if number.is_multiple_of(2) { "waiting_for_manual_valuation" } else { "waiting_for_valuation" };
            item["status"] = json!({ "S": status });
            item["updatedAt"] = json!({ "S": time(submitted) });
            item["waitingId"] = json!({ "S": task_id(number) });
            item["waitingSince"] = json!({ "S": time(submitted) });
            item["waitingUntil"] = json!({ "S": time(self.deadline(number)) });
        } else {
            // A minute to two days later.
            let decided = (submitted + 60 + (number * 7919 % (48 * 3600)) as u64).min(self.now - 30);
            let valuation = json!({ "valuationReference": format!("V-{number:08}"), "propertyValue": 400_000 });
            let status = ["approved", "referred", "declined", "approved"][number % 4];
            item["status"] = json!({ "S": status });
            item["valuation"] = json!({ "S": valuation.to_string() });
            item["loanToValue"] = json!({ "N": format!("{}.{:02}", 40 + number % 55, number % 100) });
            item["decidedAt"] = json!({ "S": time(decided) });
            item["updatedAt"] = json!({ "S": time(decided) });
        }
        item
    }

    fn task(&self, number: usize) -> Value {
        let mut item = json!({
            "id": { "S": task_id(number) },
            "token": { "S": format!("token-{number}") },
            "feed": { "S": "task" },
            "queue": { "S": "open" },
            "state": { "S": "open" },
            "kind": { "S": if number.is_multiple_of(2) { "manual_valuation" } else { "valuation" } },
            "applicationReference": { "S": reference(number) },
            "executionArn": { "S": arn(number) },
            "application": { "S": application(number).to_string() },
            "since": { "S": time(self.now - 60) },
            "updatedAt": { "S": time(self.now - 60) },
            "deadline": { "S": time(self.deadline(number)) },
        });
        if number % 2 == 1 {
            item["valuationReference"] = json!({ "S": format!("V-{number:08}") });
        }
        item
    }

    fn deadline(&self, number: usize) -> u64 {
        self.now + 24 * 3600 + (number * 97) as u64
    }
}

fn write(address: &str, batches: &[&[(&str, Value)]], next: &AtomicUsize) -> Result<()> {
    let mut client = Client::connect(address)?;
    let headers =
        [("X-Amz-Target", "DynamoDB_20120810.BatchWriteItem"), ("Content-Type", "application/x-amz-json-1.0")];
    while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
        let mut tables = json!({});
        for (table, item) in *batch {
            if tables[table].is_null() {
                tables[table] = json!([]);
            }
            if let Some(requests) = tables[table].as_array_mut() {
                requests.push(json!({ "PutRequest": { "Item": item } }));
            }
        }
        let body = json!({ "RequestItems": tables }).to_string();
        let answer = client.post("/", &headers, body.as_bytes())?;
        if answer.status != 200 {
            bail!("BatchWriteItem: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
    }
    Ok(())
}

pub fn reference(number: usize) -> String {
    format!("LN-{number:08}")
}

/// Even numbers wait on staff.
pub fn task_id(number: usize) -> String {
    format!("bench-task-{number:08}")
}

fn arn(number: usize) -> String {
    format!("arn:aws:states:eu-west-2:000000000000:execution:loan-processing:{}", reference(number))
}

/// An application as somebody submits it.
pub fn application(number: usize) -> Value {
    const NAMES: [&str; 6] = ["Ada Byron", "Alan Turing", "Grace Hopper", "Zoë Łuczak", "Mary Shaw", "Tony Hoare"];
    json!({
        "applicationReference": reference(number),
        "applicant": NAMES[number % NAMES.len()],
        "property": { "nameOrNumber": format!("{} Mill Lane", number % 997), "postcode": "PO1 1CE" },
        "loanAmount": format!("{}.00", 100_000 + number * 37 % 400_000),
    })
}

/// Seconds since 1970 as the desk writes a time: `2026-11-22T10:20:30.000Z`.
fn time(seconds: u64) -> String {
    let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= if is_leap(year) { 366 } else { 365 } {
        days -= if is_leap(year) { 366 } else { 365 };
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.000Z", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_desk_writes_them() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(1_795_544_445), "2026-11-24T18:20:45.000Z");
        assert_eq!(time(951_782_400), "2000-02-29T00:00:00.000Z");
    }
}
