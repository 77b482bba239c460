//! Every path of an application, run once for each call of AWS that the desk makes and each way in which it can fail.
//! However it fails, the application ends where it ends without faults.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, time::Duration};

use app::domain::{ManualValuationAnswer, Money, ValuationBasis};
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};

use crate::support::{Answers, Fault, MANUAL_TIMEOUT, Template, VALUATION_TIMEOUT, Valuer, World, on_a_deep_stack};

const REFERENCE: &str = "app-1";

/// Runs of one path at once.
const AT_ONCE: usize = 6;

/// What staff value the property at, in pounds. The valuation service says something else.
const STAFF_VALUE: u64 = 400_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Staff {
    Value,
    Decline,
    DoNothing,
}

/// Who does what to one application.
#[derive(Debug, Clone, Copy)]
struct Path {
    valuer: Answers,
    staff: Staff,
    /// The execution is stopped when the valuation service has been asked, and redriven later.
    stopped: bool,
}

const fn path(valuer: Answers, staff: Staff) -> Path {
    Path { valuer, staff, stopped: false }
}

/// Where an application ends.
#[derive(Debug, Clone, PartialEq)]
struct End {
    execution: Option<String>,
    status: String,
    loan_to_value: Option<f64>,
    value: Value,
    /// Callbacks that resumed the execution.
    accepted: usize,
}

fn application() -> Value {
    json!({
        "applicationReference": REFERENCE,
        "property": { "nameOrNumber": "1", "postcode": "PO1 1CE" },
        "loanAmount": 300_000,
    })
}

fn answer(staff: Staff) -> ManualValuationAnswer {
    match staff {
        Staff::Value => ManualValuationAnswer::Value {
            value: Money::from_pence(STAFF_VALUE * 100).unwrap(),
            valued_on: time::macros::date!(2026 - 11 - 20),
            basis: ValuationBasis::Desktop,
            comment: String::new(),
        },
        _ => ManualValuationAnswer::CannotValue { reason: "It was demolished".to_owned() },
    }
}

/// Runs a path to its end and returns it, with the calls that the desk made.
async fn run(template: &Template, path: Path, plan: Option<(usize, Fault)>) -> (End, Vec<String>) {
    let valuer = Valuer::new(if path.stopped { Answers::Never } else { path.valuer });
    let mut world = World::open(template, valuer.clone()).await;
    world.faults.count(plan);
    let (mut submitted, mut stopped, mut redriven) = (false, false, false);
    let mut rounds_at_rest = 0;
    for round in 0.. {
        assert!(round < 200, "it does not end: {:?}", world.table("loan-desk-applications").await);
        if !submitted {
            submitted = world.submit(&application()).await;
        }
        world.settle().await;
        if path.stopped && valuer.requests() > 0 && !stopped {
            assert!(world.stop_execution(REFERENCE).await, "it runs");
            stopped = true;
        } else if stopped && !redriven && round > 8 {
            valuer.answers(path.valuer);
            assert!(world.redrive(REFERENCE).await, "it was stopped");
            redriven = true;
        }
        world.deliver().await;
        world.settle().await;
        if path.staff != Staff::DoNothing {
            for item in world.staff_queue().await {
                // When this fails or is held back, the person tries again in the next round.
                let _ = world.answer(&item.id, &answer(path.staff)).await;
                world.settle().await;
            }
        }
        world.finish_steps().await;
        world.settle().await;
        if round % 3 == 2 {
            world.sweep().await;
            world.settle().await;
        }
        world.faults.release();
        world.settle().await;
        let has_ended = world.execution_status(REFERENCE).await.is_some_and(|status| status != "RUNNING");
        let is_over = has_ended && submitted && valuer.due().is_empty() && (redriven || !path.stopped);
        rounds_at_rest = if is_over { rounds_at_rest + 1 } else { 0 };
        if rounds_at_rest == 3 {
            // What the desk does from now on, it does in each round.
            world.faults.stop_counting();
        }
        if rounds_at_rest > 6 {
            break;
        }
        let is_waiting = !is_over && valuer.due().is_empty() && round > 12;
        world.clock.advance(match path.staff {
            _ if !is_waiting => Duration::from_secs(2),
            Staff::DoNothing if round > 24 => MANUAL_TIMEOUT,
            _ => VALUATION_TIMEOUT / 4,
        });
    }
    let end = end(&world).await;
    (end, world.faults.calls())
}

/// Reads where the application ended, and checks what must hold wherever that is.
async fn end(world: &World) -> End {
    let applications = world.table("loan-desk-applications").await;
    let [application] = applications.as_slice() else { panic!("not one application: {applications:?}") };
    let valuation: Value =
        application["valuation"].as_str().map_or(Value::Null, |text| serde_json::from_str(text).unwrap());

    let tasks = world.table("loan-desk-paused-tasks").await;
    let unfinished: Vec<_> =
        tasks.iter().filter(|task| ["requesting", "open", "answering"].iter().any(|s| task["state"] == *s)).collect();
    assert!(unfinished.is_empty(), "tasks that nobody waits for are left: {unfinished:?}");

    let callbacks = world.table("loan-desk-callbacks").await;
    let outcomes: Vec<_> = callbacks.iter().map(|callback| callback["outcome"].as_str().unwrap().to_owned()).collect();
    for outcome in &outcomes {
        let is_settled = ["accepted", "duplicate", "late", "conflicting"].contains(&outcome.as_str());
        assert!(is_settled, "a callback is left unsettled: {outcomes:?}");
    }
    let accepted = outcomes.iter().filter(|outcome| *outcome == "accepted").count();
    // What a callback's row says is what the execution's task was told.
    let answers: Vec<Value> = tasks
        .iter()
        .filter(|task| task["state"] == "answered")
        .map(|task| serde_json::from_str(task["answer"].as_str().unwrap()).unwrap())
        .collect();
    for callback in &callbacks {
        let used = answers.iter().any(|answer| answer["callback"] == callback["id"]);
        assert_eq!(callback["outcome"] == "accepted", used, "an untrue outcome: {callback} {answers:?}");
    }

    // The row keeps the task that it waited for last, and waits only where its status says so.
    let view = world.application(REFERENCE).await.expect("it is there");
    assert!(view.row.waiting.is_none(), "it waits although it has ended: {application}");
    let waiting = world.waiting(None).await;
    assert!(waiting.is_empty(), "it is listed as waiting although it has ended: {waiting:?}");

    let story = view.story;
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &story {
        *told.entry(entry.text.as_str()).or_default() += 1;
    }
    for (text, times) in &told {
        let may_repeat = text.starts_with("Valuation requested") || text.contains("kept, not used") || *times == 1;
        assert!(may_repeat, "told {times} times: {text}");
    }
    let any = |part: &str| told.keys().any(|text| text.contains(part));
    assert!(!any("did not come through this desk"), "a contradiction: {told:?}");
    if accepted == 1 {
        assert!(!any("did not answer in time"), "a contradiction: {told:?}");
    }

    End {
        execution: world.execution_status(REFERENCE).await,
        status: application["status"].as_str().unwrap().to_owned(),
        loan_to_value: application["loanToValue"].as_f64(),
        value: valuation["propertyValue"].clone(),
        accepted,
    }
}

/// How many faults a path meets by default, at calls that change something and at calls that only read. `FAULTS=all`
/// takes minutes for each path.
const CHANGES: usize = 25;
const READS: usize = 5;

/// Which calls meet which faults. `FAULTS=all` stands for each fault at each call, and `FAULTS=12,13` for each fault at
/// these calls. By default some calls, spread over the whole path, meet one fault each.
fn plans(calls: &[String]) -> Vec<(usize, Fault)> {
    let chosen = std::env::var("FAULTS").unwrap_or_default();
    let each = |number| Fault::ALL.map(|fault| (number, fault));
    match chosen.as_str() {
        "" => {
            let is_read = |call: &str| {
                ["Query", "GetItem", "BatchGetItem", "Describe", "GetExecution", "List"]
                    .iter()
                    .any(|read| call.starts_with(read))
            };
            let (reads, changes): (Vec<_>, Vec<_>) = (0..calls.len()).partition(|number| is_read(&calls[*number]));
            [spread(&changes, CHANGES), spread(&reads, READS)].concat()
        }
        "all" => (0..calls.len()).flat_map(each).collect(),
        chosen => chosen.split(',').flat_map(|number| each(number.parse().expect("numbers, or `all`"))).collect(),
    }
}

/// So many faults, in turn, at calls that lie evenly apart.
fn spread(calls: &[usize], count: usize) -> Vec<(usize, Fault)> {
    (0..count).map(|i| (calls[i * calls.len() / count], Fault::ALL[i % Fault::ALL.len()])).collect()
}

/// Runs a path without faults, and then with each fault at each call.
fn every_fault(path: Path, expected: &str) {
    on_a_deep_stack(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(compare_ends(path, expected));
    });
}

async fn compare_ends(path: Path, expected: &str) {
    let template = Template::new().await;
    let (without, calls) = run(&template, path, None).await;
    assert_eq!(without.status, expected, "{without:?}");
    let plans = plans(&calls);
    let runs = plans.len();
    eprintln!("{} calls, {runs} runs of {path:?}", calls.len());
    // A run mostly waits for one of its databases.
    let ends = futures_util::stream::iter(plans).map(async |(number, fault)| {
        let end = AssertUnwindSafe(run(&template, path, Some((number, fault)))).catch_unwind().await;
        let words = match end {
            Ok((end, _)) if end == without => return None,
            Ok((end, _)) => format!("{end:?}"),
            Err(panic) => panic.downcast_ref::<String>().map_or("panicked", String::as_str).to_owned(),
        };
        let wrong = format!("{fault:?} at call {number}, {}: {words}", calls[number]);
        eprintln!("{wrong}");
        Some(wrong)
    });
    let wrong: Vec<String> = ends.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
    assert!(
        wrong.is_empty(),
        "{} of {} runs of {path:?} do not end as {without:?}:\n{}",
        wrong.len(),
        runs,
        wrong.join("\n")
    );
}

#[test]
fn faults_do_not_change_how_an_answered_application_ends() {
    every_fault(path(Answers::Values, Staff::Value), "approved");
}

#[test]
fn faults_do_not_change_how_an_application_ends_whose_valuer_calls_twice() {
    every_fault(path(Answers::Twice, Staff::Value), "approved");
}

#[test]
fn faults_do_not_change_how_an_application_ends_whose_valuer_calls_early() {
    every_fault(path(Answers::Early, Staff::Value), "approved");
}

#[test]
fn faults_do_not_change_how_an_application_ends_whose_valuer_fails() {
    every_fault(path(Answers::Fails, Staff::Value), "approved");
}

#[test]
fn faults_do_not_change_how_an_application_ends_whose_valuer_refuses() {
    every_fault(path(Answers::Refuses, Staff::Decline), "declined");
}

#[test]
fn faults_do_not_change_how_an_application_ends_whose_valuer_never_answers() {
    every_fault(path(Answers::Never, Staff::Value), "approved");
}

#[test]
fn faults_do_not_change_how_an_application_ends_that_nobody_values() {
    every_fault(path(Answers::Never, Staff::DoNothing), "needs_attention");
}

#[test]
fn faults_do_not_change_how_an_application_ends_that_is_stopped_and_redriven() {
    every_fault(Path { stopped: true, ..path(Answers::Values, Staff::Value) }, "approved");
}
