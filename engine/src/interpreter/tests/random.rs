//! Machines and fates drawn at random: whatever happens, the history stays a history, and the execution ends.

use super::*;

/// SplitMix64, so that a failure can be played again from its seed.
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

/// A machine of one to three states in a row, some of which hold machines.
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

/// Answers one of the calls, or lets time pass.
fn go_on(play: &mut Play, dice: &mut Dice) {
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
    let taken = play.tell(event);
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
                play.tell(Event::Stop { error: None, cause: None }).unwrap();
            } else {
                go_on(&mut play, &mut dice);
            }
        }
        check_history(&play, seed);
        assert!(play.calls.is_empty(), "seed {seed}: calls outlive the execution");
    }
}
