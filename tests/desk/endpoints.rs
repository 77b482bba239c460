//! The embedded Step Functions as an SDK sees it: service endpoints in addition to the desk's own functions and tables,
//! and what the API reports of definitions.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{Router, extract::State, http::Uri};
use serde_json::{Value, json};

use crate::support::{Desk, Setup};

/// A minimal Lambda API whose functions return their own names. Returns its URL and the list of requested paths.
async fn lambda() -> (String, Arc<Mutex<Vec<String>>>) {
    async fn answer(State(asked): State<Arc<Mutex<Vec<String>>>>, uri: Uri) -> String {
        asked.lock().unwrap().push(uri.path().to_owned());
        json!(uri.path().split('/').nth(3)).to_string()
    }
    let asked = Arc::default();
    let router = Router::new().fallback(answer).with_state(Arc::clone(&asked));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

fn one_task(resource: &str) -> String {
    json!({"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": resource, "End": true}}}).to_string()
}

/// Creates a state machine with one Task state. Returns its ARN, or the reason why it was refused.
async fn create(desk: &Desk, name: &str, resource: &str) -> Result<String, String> {
    let create = desk.step_functions().create_state_machine().name(name).definition(one_task(resource));
    let created = create.role_arn("arn:aws:iam::000000000000:role/test").send().await;
    created.map(|created| created.state_machine_arn).map_err(|error| {
        let error = error.into_service_error();
        error.meta().message().unwrap_or_default().to_owned()
    })
}

#[tokio::test]
async fn the_desks_own_functions_take_precedence_over_the_endpoint() {
    let (url, asked) = lambda().await;
    let desk = Setup::new().with("--lambda-endpoint", url).start().await;
    for (name, function) in [("other", "greet"), ("own", "loan-desk-manual-valuation")] {
        let resource = format!("arn:aws:lambda:eu-west-2:000000000000:function:{function}");
        let machine = create(&desk, name, &resource).await.expect("a function is taken");
        let start = desk.step_functions().start_execution().state_machine_arn(machine).input("{}");
        let execution = start.send().await.expect("it is started").execution_arn;
        let end = desk.ended(&execution).await;
        if name == "other" {
            assert_eq!(end.output.as_deref(), Some(r#""greet""#));
        } else {
            // The desk's function rejects an empty payload, and the endpoint is not called instead.
            assert_eq!(end.error.as_deref(), Some("InvalidApplication"));
            let cause: Value = serde_json::from_str(end.cause.as_deref().unwrap_or_default()).expect("JSON");
            assert_eq!(cause["errorType"], "InvalidApplication");
        }
    }
    assert_eq!(*asked.lock().unwrap(), ["/2015-03-31/functions/greet/invocations"]);
}

#[tokio::test]
async fn a_workflow_that_needs_an_endpoint_is_refused_with_the_name_of_the_flag() {
    let desk = Setup::new().start().await;
    let refused = create(&desk, "queue", "arn:aws:states:::sqs:sendMessage").await.expect_err("it has no endpoint");
    assert!(refused.contains("SQS needs --sqs-endpoint. at /States/Call/Resource"), "{refused}");
    // DynamoDB is embedded.
    create(&desk, "table", "arn:aws:states:::dynamodb:getItem").await.expect("it is taken");
}

#[tokio::test]
async fn a_state_machine_reports_the_variables_that_its_states_refer_to() {
    let desk = Setup::new().start().await;
    let definition = json!({"StartAt": "Set", "States": {
        "Set": {"Type": "Pass", "Assign": {"amount": 1, "rate": 2}, "Next": "Choose"},
        "Choose": {"Type": "Choice", "Choices": [{"Variable": "$rate", "NumericLessThanPath": "$amount", "Next": "End"}],
                   "Default": "End"},
        "End": {"Type": "Succeed"},
    }});
    let client = desk.step_functions();
    let request = client.create_state_machine().name("variables").definition(definition.to_string());
    let created = request.role_arn("arn:aws:iam::000000000000:role/test").send().await.expect("it is created");
    let expected = HashMap::from([("Choose".to_owned(), vec!["amount".to_owned(), "rate".to_owned()])]);

    let machine = created.state_machine_arn();
    let described = client.describe_state_machine().state_machine_arn(machine).send().await.expect("it is described");
    assert_eq!(described.variable_references, Some(expected.clone()));
    let start = client.start_execution().state_machine_arn(machine).input("{}");
    let execution = start.send().await.expect("it is started").execution_arn;
    let of_execution = client.describe_state_machine_for_execution().execution_arn(&execution);
    let described = of_execution.send().await.expect("it is described");
    assert_eq!(described.variable_references, Some(expected));

    let function = "arn:aws:lambda:eu-west-2:000000000000:function:greet";
    let plain = create(&desk, "plain", function).await.expect("it is created");
    let described = client.describe_state_machine().state_machine_arn(plain).send().await.expect("it is described");
    assert_eq!(described.variable_references, None);
}
