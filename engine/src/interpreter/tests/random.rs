//! Random machines and answers. In every case the history stays consistent and the execution ends.

use super::*;

/// SplitMix64, so that a failure can be reproduced from its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }
}

/// A machine of one to three states in sequence, some of which contain machines.
fn machine_of(dice: &mut Dice, names: &mut usize, depth: usize) -> Value {
    let count = 1 + dice.roll(3);
    let mut states = serde_json::Map::new();
    let all: Vec<String> = (0..count)
        .map(|_| {
            *names += 1;
            format!("S{names}")
        })
        .collect();
    for (at, name) in all.iter().enumerate() {
        let mut state = state_of(dice, names, depth);
        let ends = matches!(state["Type"].as_str(), Some("Fail"));
        if ends && at + 1 < count {
            state = json!({"Type": "Pass"});
        }
        if !ends || at + 1 < count {
            match all.get(at + 1) {
                Some(next) => state["Next"] = json!(next),
                None => state["End"] = json!(true),
            }
        }
        if matches!(state["Type"].as_str(), Some("Task" | "Parallel" | "Map")) {
            if dice.one_in(3) {
                state["Retry"] = json!([{"ErrorEquals": ["E", "States.Timeout"], "MaxAttempts": 1 + dice.roll(2)}]);
            }
            if dice.one_in(3) {
                let next = all.get(at + 1).unwrap_or(name);
                if next != name {
                    state["Catch"] = json!([{"ErrorEquals": ["States.ALL"], "Next": next}]);
                }
            }
        }
        states.insert(name.clone(), state);
    }
    json!({ "StartAt": all[0], "States": states })
}

fn state_of(dice: &mut Dice, names: &mut usize, depth: usize) -> Value {
    match dice.roll(if depth == 0 { 6 } else { 10 }) {
        0 => json!({"Type": "Pass", "Result": [1, {"a": 2}, "three"]}),
        1 => json!({"Type": "Wait", "Seconds": dice.roll(5)}),
        2 => json!({"Type": "Fail", "Error": "E"}),
        3 => callback(&json!({"TimeoutSeconds": 5 + dice.roll(20), "HeartbeatSeconds": 1 + dice.roll(4)})),
        4 => {
            json!({"Type": "Task", "Resource": "arn:aws:states:eu-west-2:000000000000:activity:a", "TimeoutSeconds": 9})
        }
        5 => json!({"Type": "Pass", "InputPath": "$[1]", "Parameters": {"missing.$": "$.a"}, "ResultPath": "$.b"}),
        6 | 7 => {
            let branches: Vec<_> = (0..=dice.roll(3)).map(|_| machine_of(dice, names, depth - 1)).collect();
            json!({"Type": "Parallel", "Branches": branches})
        }
        _ => {
            let mut processor = machine_of(dice, names, depth - 1);
            if dice.one_in(3) {
                processor["ProcessorConfig"] = json!({"Mode": "DISTRIBUTED"});
            }
            let tolerated = dice.roll(2);
            json!({
                "Type": "Map", "MaxConcurrency": dice.roll(3), "ItemProcessor": processor,
                "ToleratedFailureCount": tolerated,
            })
        }
    }
}

/// Answers one of the calls, or advances the clock.
fn go_on(play: &mut Play, dice: &mut Dice) {
    if !play.map_runs.is_empty() && dice.one_in(2) {
        let (run, _) = play.map_runs.remove(dice.roll(play.map_runs.len()));
        let outcome = match dice.roll(4) {
            0 => MapRunOutcome::too_many_failed(),
            1 => MapRunOutcome::TooLarge,
            _ => MapRunOutcome::Succeeded { output: Payload::from_text("[1, {\"a\": 2}]") },
        };
        play.send(Event::MapRunEnded { run, outcome }).unwrap();
        return;
    }
    if play.calls.is_empty() || dice.one_in(4) {
        play.pass(1 + dice.roll(6) as i64);
        return;
    }
    let at = dice.roll(play.calls.len());
    let task = play.calls[at].0;
    let event = match dice.roll(6) {
        0 => Event::TaskSubmitted { task, output: Payload::from_text("{}") },
        1 => Event::ActivityStarted { task, worker_name: None },
        2 => Event::TaskHeartbeat { task },
        3 => Event::TaskFailed { task, error: Some("E".into()), cause: None },
        _ => Event::TaskSucceeded { task, output: Payload::from_text("[1, {\"a\": 2}]") },
    };
    let ends = matches!(event, Event::TaskFailed { .. } | Event::TaskSucceeded { .. });
    let taken = play.send(event);
    if ends {
        assert_eq!(taken, Ok(()), "an outstanding call was not waited for");
        play.calls.retain(|(call, _)| *call != task);
    }
}

fn check_history(play: &Play, seed: u64) {
    for (at, event) in play.history.iter().enumerate() {
        let id = event["id"].as_i64().unwrap();
        assert_eq!(id, at as i64 + 1, "seed {seed}");
        assert!((0..id).contains(&event["previousEventId"].as_i64().unwrap()), "seed {seed}: {event}");
    }
}

#[test]
fn any_execution_ends_and_leaves_a_sound_history() {
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let definition = machine_of(&mut dice, &mut 0, 3);
        let mut play = Play::start(&definition, &json!([1, {"a": 2}]));
        let mut redrives = 0;
        for turn in 0.. {
            if play.outcome.is_some() {
                if matches!(play.outcome, Some(Outcome::Succeeded { .. })) || redrives == 2 {
                    break;
                }
                redrives += 1;
                play.redrive();
                continue;
            }
            assert!(turn < 5_000, "seed {seed} does not end: {:?}", play.trace().last());
            if turn == 300 {
                play.send(Event::Stop { error: None, cause: None }).unwrap();
            } else {
                go_on(&mut play, &mut dice);
            }
        }
        check_history(&play, seed);
        assert!(play.calls.is_empty(), "seed {seed}: calls outlive the execution");
        assert!(play.map_runs.is_empty(), "seed {seed}: map runs outlive the execution");
    }
}

/// A definition with every field, as the basis for random damage.
fn rich() -> Value {
    json!({
        "Comment": "all of it", "Version": "1.0", "TimeoutSeconds": 600, "StartAt": "Set",
        "States": {
            "Set": {"Type": "Pass", "Result": {"n": 1}, "ResultPath": "$.r", "Assign": {"x.$": "$.n", "y": [1]}, "Next": "Which"},
            "Which": {
                "Type": "Choice", "InputPath": "$", "Default": "Rest", "Assign": {"way": "default"},
                "Choices": [
                    {"And": [{"Variable": "$.a", "IsPresent": true}, {"Not": {"Variable": "$x", "NumericEquals": 2}}], "Next": "Ask"},
                    {"Variable": "$.a", "StringMatches": "*b", "Assign": {"way": 1}, "Next": "Each"},
                ],
            },
            "Rest": {"Type": "Wait", "SecondsPath": "$.r.n", "Next": "Ask"},
            "Ask": {
                "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Parameters": {"FunctionName": "f", "Payload": {"t.$": "$$.Task.Token", "s.$": "States.Format('{}', $x)"}},
                "TimeoutSeconds": 30, "HeartbeatSecondsPath": "$.r.n", "ResultSelector": {"v.$": "$"}, "OutputPath": "$",
                "Credentials": {"RoleArn": "arn:aws:iam::1:role/r"},
                "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 1, "BackoffRate": 1.5, "MaxDelaySeconds": 9, "JitterStrategy": "FULL"}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "Each"}], "Next": "Each",
            },
            "Each": {
                "Type": "Map", "ItemsPath": "$.list", "MaxConcurrencyPath": "$.r.n", "Label": "each",
                "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"}, "ToleratedFailurePercentage": 50,
                "ItemBatcher": {"MaxItemsPerBatch": 2, "MaxInputBytesPerBatch": 1000, "BatchInput": {"x.$": "$x"}},
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "One",
                    "States": {"One": {"Type": "Succeed", "InputPath": "$.Items"}},
                },
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Stop"}], "ResultPath": "$.each", "Next": "Both",
            },
            "Both": {
                "Type": "Parallel", "Next": "Jsonata", "Parameters": {"x.$": "$x"},
                "Branches": [
                    {"StartAt": "L", "States": {"L": {"Type": "Pass", "End": true}}},
                    {"StartAt": "R", "States": {"R": {"Type": "Wait", "Timestamp": "2016-03-14T01:59:00Z", "End": true}}},
                ],
            },
            "Jsonata": {
                "Type": "Map", "QueryLanguage": "JSONata", "Items": "{% [1, $x] %}", "MaxConcurrency": "{% 1 %}",
                "ItemSelector": {"v": "{% $states.context.Map.Item.Value %}"}, "Output": {"all": "{% $states.result %}"},
                "Assign": {"z": "{% $count($states.result) %}"}, "Next": "Stop",
                "ItemProcessor": {"StartAt": "In", "States": {"In": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.v %}", "End": true}}},
            },
            "Stop": {"Type": "Fail", "ErrorPath": "$.all[0]", "CausePath": "States.Format('{}', $z)"},
        },
    })
}

/// Replaces one value of a document.
fn damage(value: &mut Value, dice: &mut Dice) {
    let others = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("$"),
        json!("$.x[*]"),
        json!("$$"),
        json!("{% $states %}"),
        json!("States.UUID()"),
        json!([]),
        json!({}),
        json!({"a.$": "$"}),
        json!("Rest"),
        json!("One"),
    ];
    match value {
        Value::Object(fields) if !fields.is_empty() && !dice.one_in(6) => {
            let key = fields.keys().nth(dice.roll(fields.len())).cloned().unwrap_or_default();
            match dice.roll(8) {
                0 => drop(fields.remove(&key)),
                1 => {
                    let moved = fields.remove(&key).unwrap_or_default();
                    let names = ["Next", "End", "Items", "InputPath", "Assign", "Catch", "Seconds", "Output", "x.$"];
                    fields.insert(names[dice.roll(names.len())].into(), moved);
                }
                _ => damage(&mut fields[&key], dice),
            }
        }
        Value::Array(items) if !items.is_empty() && !dice.one_in(6) => {
            let at = dice.roll(items.len());
            damage(&mut items[at], dice);
        }
        _ => *value = others[dice.roll(others.len())].clone(),
    }
}

#[test]
fn a_damaged_definition_is_refused_or_runs() {
    assert_eq!(Definition::parse(&rich().to_string()).err().map(|problems| problems.to_string()), None);
    let (mut refused, mut run) = (0, 0);
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let mut definition = rich();
        for _ in 0..=dice.roll(2) {
            damage(&mut definition, &mut dice);
        }
        if Definition::parse(&definition.to_string()).is_err() {
            refused += 1;
            continue;
        }
        run += 1;
        let mut play = Play::start(&definition, &json!({"a": "ab", "list": [1, 2, 3], "n": 1}));
        for _ in 0..40 {
            if play.outcome.is_none() {
                go_on(&mut play, &mut dice);
            }
        }
        check_history(&play, seed);
    }
    assert!(refused > 30 && run > 30, "{refused} refused, {run} run");
}
