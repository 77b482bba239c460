use serde_json::{Value, json};

use super::*;

fn problems(definition: &Value) -> String {
    Definition::parse(&definition.to_string()).err().map(|problems| problems.to_string()).unwrap_or_default()
}

/// The problems of a machine with these states.
fn problems_of(states: &Value) -> String {
    let first = states.as_object().unwrap().keys().next().unwrap();
    problems(&json!({ "StartAt": first, "States": states }))
}

#[test]
fn a_valid_definition_has_no_problems() {
    let definition = json!({
        "Comment": "all is well", "Version": "1.0", "TimeoutSeconds": 60, "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}},
                "TimeoutSecondsPath": "$.limit", "HeartbeatSeconds": 5, "Credentials": {"RoleArn": "arn:aws:iam::1:role/r"},
                "Retry": [{"ErrorEquals": ["E"], "MaxDelaySeconds": 9, "JitterStrategy": "FULL", "Comment": "twice"}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Assign": {"x": 1}, "Next": "Stop"}],
                "Next": "Each",
            },
            "Each": {
                "Type": "Map", "ItemsPath": "$.items", "MaxConcurrencyPath": "$.most", "Label": "each",
                "ItemSelector": {"v.$": "$$.Map.Item.Value"}, "ToleratedFailurePercentage": 5,
                "ItemBatcher": {"MaxItemsPerBatch": 2},
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "One", "States": {"One": {"Type": "Succeed"}},
                },
                "End": true,
            },
            "Stop": {"Type": "Fail", "ErrorPath": "$.e.Error", "CausePath": "States.Format('{}', $.e.Cause)"},
        },
    });
    assert_eq!(problems(&definition), "");
}

#[test]
fn missing_targets_and_unreachable_states_are_reported_with_the_messages_of_aws() {
    let states = json!({"pass1": {"Type": "Pass", "Next": "pass3"}, "pass2": {"Type": "Pass", "End": true}});
    assert!(
        problems_of(&states)
            .starts_with("MISSING_TRANSITION_TARGET: Missing 'Next' target: pass3 at /States/pass1/Next")
    );
    let states = json!({"pass1": {"Type": "Pass", "End": true}, "pass2": {"Type": "Pass", "End": true}});
    assert_eq!(problems_of(&states), "MISSING_TRANSITION_TARGET: State \"pass2\" is not reachable. at /States/pass2");
}

/// Measured on AWS: floci-io/floci issue 2735 and pull request 2786.
#[test]
fn a_workflow_must_have_an_end_and_all_missing_targets_are_reported_as_next() {
    let pass = |next: &str| json!({"Type": "Pass", "Next": next});
    let no_end = "MISSING_END_STATE: Workflow has no terminal state at null";
    assert_eq!(problems_of(&json!({"A": pass("B"), "B": pass("A")})), no_end);
    assert_eq!(problems_of(&json!({"A": pass("B"), "B": pass("A"), "C": pass("A")})), no_end);
    assert_eq!(
        problems_of(&json!({"A": pass("B"), "B": pass("A"), "C": {"Type": "Pass", "End": true}})),
        "MISSING_TRANSITION_TARGET: State \"C\" is not reachable. at /States/C"
    );
    assert_eq!(
        problems_of(&json!({"A": pass("NOPE")})),
        format!("MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Next, {no_end}")
    );
    let choice = json!({"Type": "Choice", "Default": "X", "Choices": [
        {"Variable": "$.a", "IsNull": true, "Next": "Y"}, {"Variable": "$.a", "IsNull": false, "Next": "Z"},
    ]});
    assert_eq!(
        problems_of(&json!({"C": choice, "Z": {"Type": "Succeed"}})),
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: Y at /States/C/Choices[0]/Next, \
         MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/C/Default"
    );
}

/// Measured on AWS: floci-io/floci issue 2968.
#[test]
fn a_field_of_the_other_query_language_is_reported_as_such() {
    let only = |set: &str, field: &str, other: &str| {
        format!(
            "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to '{set}', but field '{field}' is only supported for \
             the '{other}' QueryLanguage at /States/A"
        )
    };
    let states = json!({"A": {"Type": "Pass", "Output": 1, "End": true}});
    assert_eq!(problems_of(&states), only("JSONPath", "Output", "JSONata"));
    let states = json!({"A": {"Type": "Pass", "QueryLanguage": "JSONata", "InputPath": "$", "End": true}});
    assert_eq!(problems_of(&states), only("JSONata", "InputPath", "JSONPath"));
    let definition = json!({
        "QueryLanguage": "JSONata", "StartAt": "A",
        "States": {"A": {"Type": "Pass", "QueryLanguage": "JSONPath", "End": true}},
    });
    assert_eq!(
        problems(&definition),
        "SCHEMA_VALIDATION_FAILED: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at \
         /States/A"
    );
    let states = json!({"M": {"Type": "Map", "QueryLanguage": "JSONata", "End": true, "ItemProcessor": {
        "QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "Output": 1, "End": true}},
    }}});
    let problems = problems_of(&states);
    assert!(problems.contains("Field 'QueryLanguage' is not supported at /States/M/ItemProcessor"), "{problems}");
    assert!(problems.contains("field 'Output' is only supported for the 'JSONata' QueryLanguage"), "{problems}");
}

/// Measured on AWS: anomalyco/sst issue 6110.
#[test]
fn only_a_catcher_can_read_the_error_output() {
    let refused = |place: &str| {
        format!("UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.errorOutput' does not exist. at /States/{place}")
    };
    let expression = "{% {'e': $states.errorOutput.Error} %}";
    let task = |more: Value| {
        let mut task = json!({
            "Type": "Task", "QueryLanguage": "JSONata", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
        });
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        problems_of(&json!({ "T": task }))
    };
    assert_eq!(task(json!({"Arguments": {"a": [1, expression]}})), refused("T/Arguments/a[1]"));
    assert_eq!(task(json!({"TimeoutSeconds": expression})), refused("T/TimeoutSeconds"));
    assert_eq!(task(json!({"Output": "{% '$states.errorOutput' %}"})), "");
    let catch =
        json!([{"ErrorEquals": ["States.ALL"], "Output": expression, "Assign": {"e": expression}, "Next": "T"}]);
    assert_eq!(task(json!({ "Catch": catch })), "");
    let choice = json!({"Type": "Choice", "QueryLanguage": "JSONata", "Choices": [
        {"Condition": "{% $states.errorOutput.Error = 'E' %}", "Next": "S"},
    ]});
    assert_eq!(problems_of(&json!({"C": choice, "S": {"Type": "Succeed"}})), refused("C/Choices[0]/Condition"));
}

#[test]
fn every_problem_is_reported_with_its_location() {
    let states = json!({
        "A": {"Type": "Pass", "Timeout": 3, "Next": "B"},
        "B": {"Type": "Task", "Resource": "nothing", "InputPath": "x", "Next": "C"},
        "C": {"Type": "Wait", "Seconds": 1, "Timestamp": "2026-01-01T00:00:00Z", "Next": "D"},
        "D": {"Type": "Sleep"},
    });
    let problems = problems_of(&states);
    for expected in [
        "Field 'Timeout' is not supported at /States/A",
        "Value is not a valid resource ARN at /States/B/Resource",
        "The value for the field 'InputPath' must be a valid JSONPath at /States/B/InputPath",
        "Exactly one of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath] at /States/C",
        "Value is not valid. Allowed values are Task, Pass, Choice, Wait, Succeed, Fail, Parallel, Map at /States/D/Type",
    ] {
        assert!(problems.contains(expected), "{expected:?} is not in {problems}");
    }
}

#[test]
fn unsupported_features_are_refused_by_name() {
    let resource = |resource: &str| problems_of(&json!({"T": {"Type": "Task", "Resource": resource, "End": true}}));
    assert!(
        resource("arn:aws:states:::ecs:runTask.sync").contains("arn:aws:states:::ecs:runTask.sync is not recognized")
    );
    assert!(resource("arn:aws:states:::dynamodb:putItem.sync").contains("is not recognized"));
    let map = json!({"M": {
        "Type": "Map", "ItemReader": {}, "End": true,
        "ItemProcessor": {"StartAt": "One", "States": {"One": {"Type": "Succeed"}}},
    }});
    assert!(problems_of(&map).contains("ItemReader can only be set if the Mode of ProcessorConfig is DISTRIBUTED"));
}

/// The problems of a distributed Map with these additional fields.
fn problems_of_map(fields: &Value) -> String {
    let config = json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"});
    let one = json!({"One": {"Type": "Succeed"}});
    let mut map = json!({
        "Type": "Map", "End": true, "ItemProcessor": {"ProcessorConfig": config, "StartAt": "One", "States": one},
    });
    for (field, value) in fields.as_object().unwrap() {
        map[field] = value.clone();
    }
    problems_of(&json!({ "M": map }))
}

#[test]
fn items_can_be_read_from_s3_in_several_formats() {
    let of = |config: Value| {
        problems_of_map(&json!({"ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key.$": "$.key"},
            "ReaderConfig": config,
        }}))
    };
    for good in [
        json!({"InputType": "JSON"}),
        json!({"InputType": "JSON", "ItemsPointer": "/a/b", "MaxItems": 5}),
        json!({"InputType": "JSONL", "MaxItemsPath": "$.most"}),
        json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "CSVDelimiter": "TAB"}),
        json!({"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a", "b"], "Transformation": "NONE"}),
    ] {
        assert_eq!(of(good.clone()), "", "{good}");
    }
    for (bad, why) in [
        (json!({}), "These fields are required: [InputType] at /States/M/ItemReader/ReaderConfig"),
        (json!({"InputType": "YAML"}), "Allowed values are CSV, JSON, JSONL, MANIFEST, PARQUET"),
        (json!({"InputType": "MANIFEST"}), "MANIFEST is not supported by this engine; use JSON, JSONL or CSV"),
        (json!({"InputType": "JSON", "ItemsPointer": "a"}), "Value is not a JSON Pointer"),
        (json!({"InputType": "JSON", "MaxItems": 0}), "greater than or equal to 1"),
        (json!({"InputType": "JSON", "CSVDelimiter": "TAB"}), "Field 'CSVDelimiter' is not supported"),
        (json!({"InputType": "CSV"}), "These fields are required: [CSVHeaderLocation]"),
        (json!({"InputType": "CSV", "CSVHeaderLocation": "GIVEN"}), "These fields are required: [CSVHeaders]"),
        (
            json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "CSVHeaders": ["a"]}),
            "CSVHeaders can only be set if CSVHeaderLocation is GIVEN",
        ),
        (json!({"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": [1]}), "values of type String"),
        (json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "CSVDelimiter": "X"}), "COMMA, PIPE, SEMICOLON"),
        (json!({"InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN"}), "LOAD_AND_FLATTEN is not supported"),
    ] {
        assert!(of(bad.clone()).contains(why), "{bad}: {}", of(bad.clone()));
    }
    let listed =
        json!({"ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b"}}});
    assert_eq!(problems_of_map(&listed), "");
    let mut both = listed.clone();
    both["ItemsPath"] = "$.items".into();
    assert!(problems_of_map(&both).contains("ItemReader and ItemsPath can't both be set"));
    let other = json!({"ItemReader": {"Resource": "arn:aws:states:::dynamodb:scan", "Parameters": {}}});
    assert!(problems_of_map(&other).contains("s3:getObject, arn:aws:states:::s3:listObjectsV2"));
    let nowhere = json!({"ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Arguments": {}}});
    assert!(problems_of_map(&nowhere).contains("These fields are required: [Parameters]"));
    assert!(problems_of_map(&nowhere).contains("field 'Arguments' is only supported for the 'JSONata' QueryLanguage"));
}

#[test]
fn results_can_be_written_to_s3_in_several_formats() {
    let of = |writer: Value| problems_of_map(&json!({ "ResultWriter": writer }));
    let config = json!({"Transformation": "FLATTEN", "OutputType": "JSONL"});
    let to = "arn:aws:states:::s3:putObject";
    for good in [
        json!({"Resource": to, "Parameters": {"Bucket": "b", "Prefix": "p"}}),
        json!({"Resource": to, "Parameters": {"Bucket": "b", "Prefix": "p"}, "WriterConfig": config}),
        json!({"WriterConfig": {"Transformation": "NONE", "OutputType": "JSON"}}),
    ] {
        assert_eq!(of(good.clone()), "", "{good}");
    }
    for (bad, why) in [
        (json!({}), "One of these fields is required: [Resource, WriterConfig]"),
        (json!({"Resource": to}), "These fields are required: [Parameters]"),
        (json!({"Parameters": {"Bucket": "b"}}), "These fields are required: [Resource]"),
        (json!({"Resource": "arn:aws:states:::s3:getObject", "Parameters": {}}), "arn:aws:states:::s3:putObject"),
        (json!({"WriterConfig": {"Transformation": "X"}}), "Allowed values are NONE, COMPACT, FLATTEN"),
        (json!({"WriterConfig": config}), "JSONL requires a Resource"),
    ] {
        assert!(of(bad.clone()).contains(why), "{bad}: {}", of(bad.clone()));
    }
}

#[test]
fn without_s3_readers_and_writers_are_refused_with_the_flag_that_enables_it() {
    let definition = json!({"StartAt": "M", "States": {"M": {
        "Type": "Map", "End": true,
        "ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b"}},
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}},
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "One", "States": {"One": {"Type": "Succeed"}}
        },
    }}});
    let unavailable = |resource: &Resource| match resource {
        Resource::Service { service, .. } if service == "aws-sdk:s3" => Some("S3 needs --s3-endpoint".to_owned()),
        _ => None,
    };
    let problems = Definition::parse_where(&definition.to_string(), &unavailable).unwrap_err().to_string();
    for (field, action) in [("ItemReader", "listObjectsV2"), ("ResultWriter", "putObject")] {
        let expected = format!(
            "The resource provided arn:aws:states:::s3:{action} is not available here: S3 needs --s3-endpoint. at \
             /States/M/{field}/Resource"
        );
        assert!(problems.contains(&expected), "{problems}");
    }
}

#[test]
fn the_known_integrations_are_accepted() {
    for resource in [
        "arn:aws:states:::lambda:invoke",
        "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "arn:aws:states:::states:startExecution.sync:2",
        "arn:aws:states:::aws-sdk:dynamodb:updateItem",
        "arn:aws:states:::dynamodb:updateItem",
        "arn:aws:lambda:eu-west-2:000000000000:function:f",
        "arn:aws:states:eu-west-2:000000000000:activity:a",
    ] {
        assert_eq!(problems_of(&json!({"T": {"Type": "Task", "Resource": resource, "End": true}})), "", "{resource}");
    }
}

#[test]
fn states_all_must_be_alone_and_last() {
    let task = |retry: Value| {
        problems_of(&json!({"T": {
            "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Retry": retry, "End": true,
        }}))
    };
    let all = json!({"ErrorEquals": ["States.ALL"]});
    assert_eq!(task(json!([{"ErrorEquals": ["E"]}, all])), "");
    assert!(task(json!([all, {"ErrorEquals": ["E"]}])).contains("States.ALL must appear alone"));
    assert!(task(json!([{"ErrorEquals": ["States.ALL", "E"]}])).contains("States.ALL must appear alone"));
}

#[test]
fn state_names_are_unique_in_the_whole_definition() {
    let states = json!({"P": {
        "Type": "Parallel", "End": true,
        "Branches": [{"StartAt": "P", "States": {"P": {"Type": "Succeed"}}}],
    }});
    assert!(problems_of(&states).contains("DUPLICATE_STATE_NAME"));
}

#[test]
fn an_invalid_query_is_reported_with_its_field() {
    let states = json!({"A": {"Type": "Pass", "Parameters": {"token.$": "not a path"}, "End": true}});
    assert_eq!(
        problems_of(&states),
        "SCHEMA_VALIDATION_FAILED: The value for the field 'token.$' must be a valid JSONPath or a valid intrinsic \
         function call at /States/A/Parameters"
    );
}

#[test]
fn text_that_is_not_a_definition_is_refused() {
    let code = |text: &str| Definition::parse(text).unwrap_err().all()[0].code;
    assert_eq!(code(""), Code::MissingDescription);
    assert_eq!(code("{"), Code::InvalidJsonDescription);
    assert_eq!(code("[]"), Code::SchemaValidationFailed);
    assert_eq!(code(&"[".repeat(100_000)), Code::InvalidJsonDescription);
    assert_eq!(code(&" ".repeat(MAX_DEFINITION + 1)), Code::SchemaValidationFailed);
}

#[test]
fn the_nesting_of_machines_is_limited() {
    let mut inner = json!({"StartAt": "S0", "States": {"S0": {"Type": "Succeed"}}});
    for depth in 1..20 {
        let name = format!("S{depth}");
        let state = json!({"Type": "Parallel", "Branches": [inner], "End": true});
        inner = json!({ "StartAt": name.clone(), "States": { name: state } });
    }
    assert_eq!(problems(&inner), "");
    for depth in 20..40 {
        let name = format!("S{depth}");
        let state = json!({"Type": "Parallel", "Branches": [inner], "End": true});
        inner = json!({ "StartAt": name.clone(), "States": { name: state } });
    }
    assert_ne!(problems(&inner), "");
}

#[test]
fn delays_grow_up_to_their_limit_and_jitter_shortens_them() {
    let retrier = |jitter| Retrier {
        errors: vec![],
        interval_seconds: 3,
        max_attempts: 9,
        backoff_rate: 1.5,
        max_delay_seconds: Some(6),
        jitter,
    };
    let delays: Vec<_> = (0..4).map(|attempts| retrier(Jitter::None).delay_milliseconds(attempts, 0.5)).collect();
    assert_eq!(delays, [3000, 4500, 6000, 6000]);
    assert_eq!(retrier(Jitter::Full).delay_milliseconds(0, 0.5), 1500);
    let endless = Retrier { max_delay_seconds: None, ..retrier(Jitter::None) };
    assert_eq!(endless.delay_milliseconds(u32::MAX, 0.0), 99_999_999_000);
}

#[test]
fn wildcards_match_as_on_aws() {
    let matches = |pattern: &str, error| matches_error(&[pattern.to_owned()], error, false);
    assert!(matches("States.ALL", None));
    assert!(matches("States.ALL", Some("States.Timeout")));
    assert!(matches("States.ALL", Some("States.DataLimitExceeded")));
    assert!(!matches("States.TaskFailed", Some("States.DataLimitExceeded")));
    assert!(!matches("States.Runtime", Some("States.Runtime")));
    assert!(!matches("States.ALL", Some("States.Runtime")));
    assert!(matches("States.TaskFailed", Some("Custom")));
    assert!(!matches("States.TaskFailed", Some("States.Timeout")));
    assert!(matches("States.DataLimitExceeded", Some("States.DataLimitExceeded")));
    assert!(!matches("Custom", None));
}

#[test]
fn the_names_of_variables_are_checked() {
    let assign = |assign: Value| problems_of(&json!({"A": {"Type": "Pass", "Assign": assign, "End": true}}));
    assert_eq!(assign(json!({"x": 1, "_y.$": "$", "zähler2": {}})), "");
    for name in ["2x", "a-b", "states", "", &"x".repeat(81)] {
        assert!(assign(json!({ name: 1 })).contains("is not a valid variable name"), "{name}");
    }
    assert!(assign(json!([1])).contains("Expected value of type Object"));
}

#[test]
fn a_label_must_be_valid_in_an_arn() {
    let label = |label: &str| {
        problems_of(&json!({"A": {"Type": "Map", "Label": label, "End": true, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "One", "States": {"One": {"Type": "Succeed"}},
        }}}))
    };
    assert_eq!(label("all-of_them.2"), "");
    for bad in ["", "a b", "a:b", "a/b", "x\u{7}", &"x".repeat(41)] {
        assert!(label(bad).contains("A Label must have"), "{bad}");
    }
}

#[test]
fn credentials_without_a_role_and_a_wrong_timestamp_are_refused_in_the_words_of_aws() {
    let task = |credentials: Value| {
        let resource = "arn:aws:states:::lambda:invoke";
        let state = json!({"Type": "Task", "Resource": resource, "Credentials": credentials, "End": true});
        problems_of(&json!({"Call": state}))
    };
    let missing =
        "SCHEMA_VALIDATION_FAILED: The field 'RoleArn' is required but was missing at /States/Call/Credentials";
    assert_eq!(task(json!({})), missing);
    assert_eq!(task(json!({"RoleArn.$": "$.role"})), "");
    assert_eq!(task(json!({"RoleArn": "arn:aws:iam::1:role/r"})), "");
    let wait = json!({"Type": "Wait", "Timestamp": "2016-12-05", "End": true});
    let wrong = "SCHEMA_VALIDATION_FAILED: String does not match RFC3339 timestamp at /States/Until/Timestamp";
    assert_eq!(problems_of(&json!({"Until": wait})), wrong);
}

/// AWS accepts it as well, and the task times out.
#[test]
fn a_callback_task_need_not_pass_on_its_token() {
    let resource = "arn:aws:states:::lambda:invoke.waitForTaskToken";
    let parameters = json!({"FunctionName": "f", "Payload": {}});
    let ask = json!({"Type": "Task", "Resource": resource, "Parameters": parameters, "End": true});
    assert_eq!(problems_of(&json!({"Ask": ask})), "");
}

#[test]
fn an_express_child_cannot_wait_for_a_callback() {
    let each = |kind: &str, state: Value| {
        let config = json!({"Mode": "DISTRIBUTED", "ExecutionType": kind});
        let processor = json!({"ProcessorConfig": config, "StartAt": "Work", "States": {"Work": state}});
        problems_of(&json!({"Each": {"Type": "Map", "ItemProcessor": processor, "End": true}}))
    };
    let task = |resource: &str| json!({"Type": "Task", "Resource": resource, "End": true});
    for (resource, what) in [
        ("arn:aws:states:::lambda:invoke.waitForTaskToken", "'.waitForTaskToken' service integration"),
        ("arn:aws:states:::states:startExecution.sync", "'.sync' service integration"),
        ("arn:aws:states:eu-west-2:000000000000:activity:work", "activities"),
    ] {
        let refused = format!(
            "SCHEMA_VALIDATION_FAILED: Express state machine does not support {what} at \
             /States/Each/ItemProcessor/States/Work/Resource"
        );
        assert_eq!(each("EXPRESS", task(resource)), refused, "{resource}");
        assert_eq!(each("STANDARD", task(resource)), "", "{resource}");
        let within = json!({"StartAt": "Inner", "States": {"Inner": task(resource)}});
        let parallel = json!({"Type": "Parallel", "Branches": [within], "End": true});
        assert!(
            each("EXPRESS", parallel).contains("at /States/Each/ItemProcessor/States/Work/Branches[0]/States/Inner")
        );
    }
    assert_eq!(each("EXPRESS", task("arn:aws:states:::lambda:invoke")), "");
}
