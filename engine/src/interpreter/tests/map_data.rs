//! Distributed Maps with an ItemReader or a ResultWriter: their plans, and how they handle outcomes.

use super::*;
use crate::{
    definition::{DataSet, ResultForm, Transformation},
    query::QueryError,
};

fn each(more: &Value) -> Value {
    let mut map = json!({
        "Type": "Map", "Label": "each", "End": true,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "One", "States": {"One": {"Type": "Pass", "End": true}}
        },
    });
    for (field, value) in more.as_object().unwrap() {
        map[field] = value.clone();
    }
    machine(&json!({ "Each": map }))
}

fn reads(more: &Value) -> Value {
    let mut fields = json!({"ItemReader": {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON", "ItemsPointer": "/a", "MaxItemsPath": "$.most"},
        "Parameters": {"Bucket": "b", "Key.$": "$.key"},
    }});
    for (field, value) in more.as_object().unwrap() {
        fields[field] = value.clone();
    }
    each(&fields)
}

fn input() -> Value {
    json!({"key": "k.json", "most": 7})
}

fn not_read() -> MapRunOutcome {
    MapRunOutcome::NotRead { cause: "No such key".into() }
}

#[test]
fn the_parameters_of_an_item_reader_are_evaluated_once_and_passed_with_the_run() {
    let mut play = Play::start(&reads(&json!({})), &input());
    let plan = play.end_map_run(MapRunOutcome::Succeeded { output: Payload::from_text("[1]") });
    assert_eq!(
        plan.children,
        Children::ToRead(ItemReading {
            dataset: DataSet::Json { pointer: "/a".into() },
            parameters: json!({"Bucket": "b", "Key": "k.json"}),
            max_items: Some(7),
        })
    );
    assert_eq!(play.history[2]["mapStateStartedEventDetails"]["length"], 0);
    assert_eq!(
        play.trace()[2..],
        [
            "3<-2 MapStateStarted",
            "4<-3 MapRunStarted",
            "5<-4 MapRunSucceeded",
            "6<-5 MapStateSucceeded",
            "7<-5 MapStateExited",
            "8<-7 ExecutionSucceeded"
        ]
    );
}

#[test]
fn parameters_that_cannot_be_evaluated_fail_the_state_before_a_run_starts() {
    let play = Play::start(&reads(&json!({})), &json!({"most": 7}));
    assert_eq!(play.types()[2..], ["ExecutionFailed"]);
    assert_eq!(play.error().0, Some("States.Runtime"));
    let play = Play::start(&reads(&json!({})), &json!({"key": "k", "most": "many"}));
    let (error, cause) = play.error();
    assert_eq!(error, Some("States.Runtime"));
    assert!(cause.unwrap().contains("MaxItemsPath field refers to value \"many\""), "{cause:?}");
    let play = Play::start(&reads(&json!({})), &json!({"key": "k", "most": 0}));
    assert!(play.error().1.unwrap().ends_with("MaxItems must be greater than 0."), "{:?}", play.error());
}

#[test]
fn unreadable_items_can_be_caught_retried_and_redriven_in_a_new_run() {
    let mut play = Play::start(&reads(&json!({})), &input());
    let first = play.map_runs[0].0;
    play.end_map_run(not_read());
    assert_eq!(play.trace()[4..], ["5<-4 MapRunFailed", "6<-5 MapStateFailed", "7<-6 ExecutionFailed"]);
    assert_eq!(
        play.history[4]["mapRunFailedEventDetails"],
        json!({"error": "States.ItemReaderFailed", "cause": "No such key"})
    );
    assert_eq!(play.error(), (Some("States.ItemReaderFailed"), Some("No such key")));
    play.redrive();
    assert_eq!(play.types()[7..], ["ExecutionRedriven", "MapStateStarted", "MapRunStarted"]);
    let (again, plan) = &play.map_runs[0];
    assert!(*again != first && plan.is_some(), "the items are read once more");

    let retries = json!({"Retry": [{"ErrorEquals": ["States.ItemReaderFailed"], "MaxAttempts": 1}]});
    let mut play = Play::start(&reads(&retries), &input());
    play.end_map_run(not_read());
    play.pass(1);
    play.end_map_run(MapRunOutcome::Succeeded { output: Payload::from_text("[]") });
    assert_eq!(play.output(), json!([]));
}

#[test]
fn items_that_cannot_be_batched_fail_the_run_like_any_failed_query() {
    let mut play = Play::start(&reads(&json!({})), &input());
    play.end_map_run(MapRunOutcome::NoBatches(QueryError::runtime("Nothing there.")));
    assert_eq!(play.types()[4..], ["MapRunFailed", "ExecutionFailed"]);
    play.redrive();
    assert!(matches!(&play.map_runs[0], (_, Some(plan)) if matches!(plan.children, Children::ToRead(_))));
}

#[test]
fn the_destination_of_results_is_evaluated_once_and_passed_with_the_run() {
    let writer = |more: Value| {
        let mut writer = json!({
            "Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket.$": "$.bucket", "Prefix": "p/"}
        });
        for (field, value) in more.as_object().unwrap() {
            writer[field] = value.clone();
        }
        each(&json!({"ItemsPath": "$.items", "ResultWriter": writer}))
    };
    let input = json!({"items": [1], "bucket": "b"});
    let mut play = Play::start(&writer(json!({})), &input);
    let plan = play.end_map_run(MapRunOutcome::not_written("Access denied".into()));
    let destination = Some(Destination { bucket: "b".into(), prefix: "p/".into() });
    let form = ResultForm { transformation: Transformation::None, lines: false };
    assert_eq!(plan.writing, Some(ResultWriting { form, destination }));
    assert_eq!(play.types()[4..], ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]);
    assert_eq!(play.error(), (Some("States.ResultWriterFailed"), Some("Access denied")));
    // The children have finished, so a redrive continues the run.
    play.redrive();
    assert_eq!(play.types()[7..], ["ExecutionRedriven", "MapRunRedriven"]);

    let config = json!({"WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSONL"}});
    let plan = Play::start(&writer(config), &input).map_runs.remove(0).1.unwrap();
    assert_eq!(plan.writing.unwrap().form, ResultForm { transformation: Transformation::Flatten, lines: true });

    let nowhere = Play::start(&writer(json!({})), &json!({"items": [1], "bucket": ""}));
    assert_eq!(nowhere.types()[2..], ["MapStateStarted", "ExecutionFailed"]);
    assert!(nowhere.error().1.unwrap().contains("The value for the field 'Bucket' must be a STRING"));
}

#[test]
fn items_that_arrive_in_parts_form_the_same_batches() {
    let more = json!({
        "ItemBatcher": {"MaxItemsPerBatch": 3, "BatchInput": {"k.$": "$.key"}},
        "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"},
    });
    let play = Play::start(&reads(&more), &input());
    let run = play.map_runs[0].0;
    let facts = ExecutionFacts {
        execution_arn: "arn",
        execution_name: "app-1",
        machine: play.definition.root(),
        timeout_seconds: None,
        state_machine_arn: "arn",
        state_machine_name: "loan",
        state_machine_version_arn: None,
        state_machine_alias_arn: None,
        role_arn: "arn",
        started: STARTED,
        input: &play.input,
        redrive_count: 0,
        redriven: None,
        seed: 42,
        nonce: &|| NONCE,
        token: &|_| String::new(),
        has_activity: &|_| false,
        out_of_time: &|| false,
        stored: &NothingStored,
        budget: Arc::default(),
        probe: None,
    };
    let items: Vec<Payload> = (0..8).map(|n| Payload::from(json!(n * 10))).collect();
    let batches_of = |chunks: &[&[Payload]]| {
        let (mut state, mut progress, mut children) = (play.state.clone(), ItemProgress::for_read_items(), Vec::new());
        for (at, chunk) in chunks.iter().enumerate() {
            let some = (*chunk, at + 1 == chunks.len());
            let more = more_children(&play.definition, &facts, &mut state, run, &mut progress, some, STARTED);
            children.extend(more.unwrap().unwrap());
            assert_eq!(progress.children, children.len());
        }
        assert_eq!(progress.items, items.len());
        children
    };
    let whole = batches_of(&[&items]);
    assert_eq!(whole.iter().map(|(_, items)| *items).collect::<Vec<_>>(), [3, 3, 2]);
    let last = json!({"Items": [{"i": 6, "v": 60}, {"i": 7, "v": 70}], "BatchInput": {"k": "k.json"}});
    assert_eq!(*whole[2].0.value(), last);
    assert_eq!(batches_of(&[&items[..1], &items[1..7], &items[7..], &[]]), whole);
    // No branch waits for another run.
    let (mut state, mut progress) = (play.state.clone(), ItemProgress::for_read_items());
    let none = (&items[..], true);
    let made = more_children(&play.definition, &facts, &mut state, task_id(99), &mut progress, none, STARTED);
    assert_eq!(made, Ok(None));
}
