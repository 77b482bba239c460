//! Operation of the desk: flags and environment variables, health checks, shutdown, and locks.

use std::process::{Command, Output};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sfn::types::StateMachineType;
use serde_json::{Value, json};

use crate::support::{Browser, Desk, Setup, eventually, seed};

fn loan_desk(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_loan-desk")).args(arguments).output();
    output.expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_shows_each_flag_with_its_environment_variable_and_its_default() {
    let output = loan_desk(&["serve", "--help"]);
    assert!(output.status.success());
    let help = text(&output.stdout);
    // One entry for each flag with its description.
    let entries: Vec<_> = help.split("\n      --").skip(1).collect();
    assert!(entries.len() >= 19, "{help}");
    for entry in &entries {
        let name = entry.split([' ', '\n']).next().unwrap();
        let variable = format!("[env: LOAN_DESK_{}=]", name.to_uppercase().replace('-', "_"));
        assert!(entry.contains(&variable), "{variable}: {entry}");
    }
    for (flag, default) in [
        ("listen", "127.0.0.1:3000"),
        ("data-dir", "./data"),
        ("backend", "embedded"),
        ("valuation-timeout", "30s"),
        ("manual-valuation-timeout", "5d"),
        ("mock-valuer-delay", "6s"),
        ("mock-valuer-late-delay", "45s"),
    ] {
        let entry = entries.iter().find(|entry| entry.starts_with(&format!("{flag} "))).expect(flag);
        assert!(entry.contains(&format!("[default: {default}]")), "{entry}");
    }
    for (flag, otherwise) in [
        ("aws-endpoint", "Off by default"),
        ("public-url", "Default: http://<listen>"),
        ("valuation-service-url", "Default: the mock valuer inside this desk"),
    ] {
        let entry = entries.iter().find(|entry| entry.starts_with(&format!("{flag} "))).expect(flag);
        let words = entry.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(otherwise), "{entry}");
    }
}

#[test]
fn an_invalid_flag_is_refused_with_a_valid_example() {
    for (arguments, right) in [
        (["--valuation-timeout", "soon"], "write it like 30s, 5m or 5d"),
        (["--valuation-timeout", "500ms"], "whole seconds, from 1s to 99999999s"),
        (["--valuation-timeout", "30"], "it has no unit; write 30s for seconds, 30m for minutes"),
        (["--valuation-timeout", "-5s"], "it is negative; a duration is whole seconds"),
        (["--public-url", "desk.example"], "like https://desk.example"),
        (["--backend", "azure"], "[possible values: embedded, aws]"),
        (["--valuation-timout", "5s"], "a similar argument exists: '--valuation-timeout'"),
        (["--listen", "localhost"], "invalid socket address"),
        (["--listen", "localhost"], "like 127.0.0.1:3000, localhost:3000"),
        (["--region", "London"], "a region is named like eu-west-2"),
        (["--sqs-endpoint", "https://sqs.example"], "over http; write it like http://127.0.0.1:3001"),
    ] {
        let output = loan_desk(&[&["serve"], arguments.as_slice()].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.contains(right) && said.contains(arguments[0]), "{arguments:?}: {said}");
    }
    for (arguments, right) in [
        (["--aws-endpoint", "0.0.0.0:4566"], "use a loopback address like 127.0.0.1:4566, or add"),
        (["--approve-up-to-percent", "95"], "must not be above --refer-up-to-percent 90"),
        (["--log", "loan_desk=loud"], "--log loan_desk=loud: "),
        (["--log", "bogus"], "`bogus` is not a level; write off, error, warn, info, debug or trace"),
    ] {
        let output = loan_desk(&[&["serve"], arguments.as_slice()].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.contains(right), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn environment_variables_set_flags_and_flags_take_precedence() {
    let setup = Setup::new().without("--mock-valuer-delay").variable("LOAN_DESK_MOCK_VALUER_DELAY", "1s");
    let setup = setup.variable("LOAN_DESK_VALUATION_TIMEOUT", "90s");
    let setup = setup.variable("LOAN_DESK_MANUAL_VALUATION_TIMEOUT", "2d").with("--manual-valuation-timeout", "3d");
    let desk = setup.start().await;
    let page = Browser::new(&desk).open("/applications/new").await.words();
    assert!(page.contains("has 1 minute 30 seconds to answer"), "{page}");
    assert!(page.contains("values the property manually within 3 days"), "{page}");

    let output = Setup::new().variable("LOAN_DESK_VALUATION_TIMEOUT", "soon").command().output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("write it like 30s"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn an_empty_environment_variable_counts_as_unset() {
    let setup =
        ["LOG", "BACKEND", "VALUATION_TIMEOUT", "PUBLIC_URL", "REGION", "AWS_ENDPOINT_ALLOW_REMOTE", "WORKFLOW_DIR"]
            .into_iter()
            .fold(Setup::new(), |setup, name| setup.variable(&format!("LOAN_DESK_{name}"), ""));
    let desk = setup.start().await;
    let page = Browser::new(&desk).open("/applications/new").await.words();
    assert!(page.contains("has 30 seconds to answer"), "{page}");
}

#[test]
fn a_switch_accepts_the_usual_boolean_values() {
    for (value, refused) in [("1", false), ("yes", false), ("true", false), ("0", true), ("no", true)] {
        let setup = Setup::new().with("--aws-endpoint", "0.0.0.0:0").with("--workflow-dir", "/there/is/none");
        let setup = setup.variable("LOAN_DESK_AWS_ENDPOINT_ALLOW_REMOTE", value);
        let said = text(&setup.command().output().expect("it runs").stderr);
        assert_eq!(said.contains("can be reached by other machines"), refused, "{value}: {said}");
    }
}

#[test]
fn a_missing_aws_configuration_is_reported_in_one_line() {
    let setup = Setup::new().without("--aws-endpoint").with("--backend", "aws");
    let home = tempfile::tempdir().unwrap();
    let setup = setup.variable("HOME", home.path().display().to_string()).variable("AWS_EC2_METADATA_DISABLED", "true");
    let with_region = setup.clone().variable("AWS_REGION", "eu-west-2");
    let with_all = with_region.clone().variable("AWS_ACCESS_KEY_ID", "any").variable("AWS_SECRET_ACCESS_KEY", "any");
    let unreachable = with_all.variable("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    for (setup, missing) in [
        (setup, "no region is set; set AWS_REGION"),
        (with_region, "region eu-west-2: no credentials are found"),
        (
            unreachable,
            "region eu-west-2, at http://127.0.0.1:1: cannot prepare the list of tables: cannot be reached (",
        ),
    ] {
        let output = setup.command().output().expect("it runs");
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output.stderr);
        assert!(said.contains(missing), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[tokio::test]
async fn a_desk_without_its_static_files_warns_and_continues() {
    let desk = Setup::new().start().await;
    let site = tempfile::tempdir().unwrap();
    let warning = "pages will have no style and no script; set --site-root to the folder that";
    assert!(desk.log().contains(warning), "{}", desk.log());
    std::fs::create_dir(site.path().join("pkg")).unwrap();
    for name in ["loan-desk.css", "loan-desk.js", "loan-desk.wasm"] {
        std::fs::write(site.path().join("pkg").join(name), "").unwrap();
    }
    let desk = Setup::new().with("--site-root", site.path().display().to_string()).start().await;
    assert!(!desk.log().contains(warning), "{}", desk.log());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_desk_with_a_full_disk_is_not_ready_until_there_is_space() {
    let Some(setup) = Setup::new().on_a_small_disk() else {
        eprintln!("skipped: this system does not allow creating a small filesystem");
        return;
    };
    let desk = setup.start().await;
    assert_eq!(desk.get("/readyz").await.status, 200);
    let ballast = desk.data_dir().join("ballast");
    std::fs::write(&ballast, vec![0; 32 << 20]).expect_err("the disk is smaller");

    // The result of a check is cached for a second.
    eventually("it is not ready", async || {
        let ready = desk.get("/readyz").await;
        (ready.status == 503).then(|| assert_eq!(ready.json()["type"], "urn:loan-desk:problem:no-room"))
    })
    .await;
    assert_eq!(desk.get("/healthz").await.status, 200);
    // The database files still have some free space inside.
    let mut taken = 0;
    while desk.post("/api/applications", &seed(&format!("app-{taken}"), "No callback")).await.status != 503 {
        taken += 1;
        assert!(taken < 1_000, "the disk is never full");
    }
    assert!(!desk.log().contains("unable to mark the connection"), "{}", desk.log());

    std::fs::remove_file(&ballast).unwrap();
    eventually("it is ready again", async || (desk.get("/readyz").await.status == 200).then_some(())).await;
    desk.submit(&seed("there-is-room", "999")).await;
    desk.until("there-is-room", "Valued").await;
}

#[tokio::test]
async fn an_open_desk_is_healthy_and_ready() {
    let desk = Setup::new().start().await;
    let (health, ready) = (desk.get("/healthz").await, desk.get("/readyz").await);
    assert_eq!((health.status, health.body.as_str()), (200, "ok"));
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready"));
}

#[test]
fn a_log_to_a_file_is_plain_text_with_one_line_per_event() {
    let folder = tempfile::tempdir().unwrap();
    // The desk starts logging before it refuses this file.
    std::fs::write(folder.path().join("step-functions.sqlite"), "no database").unwrap();
    let setup = Setup::new().with("--data-dir", folder.path().display().to_string()).without("--log-format");
    let output = setup.with("--log", "debug").command().output().expect("it runs");
    let said = text(&output.stderr);
    assert!(said.contains(" DEBUG ") && !said.contains('\u{1b}'), "{said:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_desk_shuts_down_promptly_although_pages_are_listening() {
    let desk = Setup::new().start().await;
    let mut events = desk.events().await;
    desk.submit(&seed("app-ref", "999")).await;
    events.until_changed("app-ref").await;
    let (status, log) = desk.terminate().await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains(r#""message":"closed""#), "{log}");
    assert!(!log.contains("some requests were cut off"), "{log}");
    events.until_the_end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn waiting_tasks_survive_a_restart() {
    let desk = Setup::new().start().await;
    desk.submit(&seed("app-ref", "No callback")).await;
    desk.until("app-ref", "Waiting for valuation").await;
    let setup = desk.setup();
    desk.terminate().await;
    let desk = setup.start().await;
    assert_eq!(desk.application("app-ref").await["status"], "Waiting for valuation");
}

#[tokio::test]
async fn a_second_desk_on_the_same_data_folder_is_refused_and_the_first_keeps_running() {
    let desk = Setup::new().start().await;
    let output = desk.setup().command().output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    let last = said.lines().last().unwrap_or_default();
    assert!(last.contains("another process has it open; stop that one, or use another data folder"), "{said}");
    assert!(said.contains("another process has it open; waiting 2s for it to close"), "{said}");
    desk.submit(&seed("app-ref", "999")).await;
    desk.until("app-ref", "Valued").await;
}

#[cfg(unix)]
#[tokio::test]
async fn other_users_of_the_machine_cannot_read_the_data_folder() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Setup::new().start().await;
    desk.submit(&seed("app-ref", "999")).await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&desk.data_dir()), 0o700);
    let files: Vec<_> = std::fs::read_dir(desk.data_dir()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn hsts_is_sent_only_if_the_public_url_is_https() {
    let by_https = Setup::new().with("--public-url", "https://desk.example").start().await;
    let by_http = Setup::new().start().await;
    let sends_hsts = async |desk: &Desk| desk.get("/healthz").await.headers.contains_key("strict-transport-security");
    assert!(sends_hsts(&by_https).await && !sends_hsts(&by_http).await);
}

#[tokio::test]
async fn an_address_in_use_is_named_in_the_error() {
    let desk = Setup::new().start().await;
    let address = desk.url.trim_start_matches("http://");
    let output = Setup::new().with("--listen", address).command().output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains(&format!("cannot listen on {address}: ")), "{said}");
}

#[tokio::test]
async fn a_data_folder_with_foreign_files_is_refused_and_left_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["dynamodb.sqlite", "step-functions.sqlite"] {
        let data = folder.path().join(name.replace('.', "-"));
        std::fs::create_dir(&data).unwrap();
        let letters = "letters to the bank\n".repeat(500);
        std::fs::write(data.join(name), &letters).unwrap();
        let output = Setup::new().with("--data-dir", data.display().to_string()).command().output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{name}");
        let said = text(&output.stderr);
        assert!(said.contains(&format!("cannot open {}", data.join(name).display())), "{said}");
        assert!(said.contains("move it away, or use another data folder"), "{said}");
        assert_eq!(std::fs::read_to_string(data.join(name)).unwrap(), letters, "{name}");
    }
}

#[tokio::test]
async fn a_custom_workflow_is_run_and_an_unsupported_one_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let infra = concat!(env!("CARGO_MANIFEST_DIR"), "/infra");
    for name in ["loan-processing.asl.json", "mock-valuation.asl.json"] {
        std::fs::copy(format!("{infra}/{name}"), folder.path().join(name)).unwrap();
    }
    let file = folder.path().join("loan-processing.asl.json");
    let definition = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, definition.replace(r#""Valued""#, r#""Valued by us""#)).unwrap();
    let setup = Setup::new().with("--workflow-dir", folder.path().display().to_string());
    let desk = setup.clone().start().await;
    desk.submit(&seed("app-ref", "Early callback")).await;
    desk.until("app-ref", "Valued").await;
    let page = Browser::new(&desk).open("/applications/app-ref?tab=workflow").await.words();
    assert!(page.contains("Valued by us"), "{page}");
    drop(desk);

    std::fs::write(&file, definition.replace("${ValuationTimeoutSeconds}", "${Patience}")).unwrap();
    let output = setup.command().output().expect("it runs");
    let said = text(&output.stderr);
    assert!(
        said.contains("contains ${Patience}, which is not a substitution of the desk")
            && said.matches("ERROR").count() == 1,
        "{said}"
    );

    std::fs::write(&file, definition.replace("States.StringToJson", "States.StringToXml")).unwrap();
    let output = setup.command().output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("the state machine loan-processing was refused") && said.contains("valuationTimeoutSeconds.$"),
        "{said}"
    );
    assert!(said.contains(&format!("{}:8:7: ", file.display())), "{said}");
}

/// Why a desk refuses to start with this definition of the loan workflow.
fn refusal_of(change: impl Fn(&str) -> String) -> String {
    let folder = tempfile::tempdir().unwrap();
    let infra = concat!(env!("CARGO_MANIFEST_DIR"), "/infra");
    std::fs::copy(format!("{infra}/mock-valuation.asl.json"), folder.path().join("mock-valuation.asl.json")).unwrap();
    let definition = std::fs::read_to_string(format!("{infra}/loan-processing.asl.json")).unwrap();
    std::fs::write(folder.path().join("loan-processing.asl.json"), change(&definition)).unwrap();
    let setup = Setup::new().with("--workflow-dir", folder.path().display().to_string());
    let output = setup.command().output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    let line: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).expect("a line of JSON");
    let error = line["fields"]["error"].as_str().expect("an error");
    error.replace(&format!("{}/", folder.path().display()), "")
}

#[tokio::test]
async fn a_wrong_transition_is_one_problem_with_its_place_and_its_consequences_are_counted() {
    let said = refusal_of(|definition| definition.replacen(r#""Next": "RequestValuation""#, r#""Next": "Nowhere""#, 1));
    let problem = "loan-processing.asl.json:15:7: Missing 'Next' target: Nowhere (MISSING_TRANSITION_TARGET); 17 ";
    assert!(said.contains(problem) && said.contains("states can't be reached because of it"), "{said}");
    assert!(!said.contains("is not reachable"), "{said}");
    assert_eq!(said.matches("loan-processing.asl.json:").count(), 1, "{said}");
}

#[tokio::test]
async fn a_callback_task_that_passes_its_token_to_nobody_is_refused_with_the_remedy() {
    let said = refusal_of(|definition| definition.replacen(r#""taskToken.$": "$$.Task.Token","#, "", 1));
    assert!(
        said.contains("loan-processing.asl.json:17:5: the state \"RequestValuation\" waits for its task token")
            && said.contains(r#"add "taskToken.$": "$$.Task.Token" to the payload in its Parameters"#),
        "{said}"
    );
}

#[tokio::test]
async fn a_workflow_that_is_not_json_is_refused_with_the_place() {
    let said = refusal_of(|definition| definition.replacen(r#""StartAt": "Prepare","#, r#""StartAt" "Prepare","#, 1));
    assert!(said.contains("loan-processing.asl.json:3:13 is not JSON"), "{said}");
}

#[tokio::test]
async fn a_desk_reachable_from_other_machines_warns_that_it_has_no_sign_in() {
    let words = "the desk has no sign-in";
    assert!(!Setup::new().start().await.log().contains(words));
    let desk = Setup::new().with("--listen", "0.0.0.0:0").start().await;
    assert!(desk.log().contains(words), "{}", desk.log());
    assert_eq!(Browser::new(&desk).open("/").await.status, 200);
}

#[cfg(unix)]
#[tokio::test]
async fn a_shutdown_completes_running_requests_to_the_aws_endpoint() {
    let desk = Setup::new().start().await;
    let definition = json!({"StartAt": "Mark", "States": {
        "Mark": {
            "Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "Next": "Wait",
            "Parameters": {"TableName": "loan-desk-settings", "Item": {"name": {"S": "under-way"}, "value": {"S": "yes"}}},
        },
        "Wait": {"Type": "Wait", "Seconds": 1, "End": true},
    }});
    let create = desk.step_functions().create_state_machine().name("slow").r#type(StateMachineType::Express);
    let create = create.role_arn("arn:aws:iam::000000000000:role/test").definition(definition.to_string());
    let machine = create.send().await.expect("it is created").state_machine_arn;
    // Not with the SDK, which would prefix the host name with `sync-`.
    let request = desk.http.post(desk.aws_url()).header("x-amz-target", "AWSStepFunctions.StartSyncExecution");
    let answer = tokio::spawn(request.json(&json!({ "stateMachineArn": machine, "input": "{}" })).send());
    let dynamodb = aws_sdk_dynamodb::Client::new(&desk.aws());
    eventually("it is under way", async || {
        let mark = dynamodb.get_item().table_name("loan-desk-settings");
        let mark = mark.key("name", AttributeValue::S("under-way".to_owned())).send().await.expect("a table");
        mark.item
    })
    .await;
    let (status, log) = desk.terminate().await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("some requests were cut off"), "{log}");
    let answer: Value = answer.await.unwrap().expect("it is answered").json().await.expect("JSON");
    assert_eq!(answer["status"], "SUCCEEDED", "{answer}");
}

#[test]
fn a_log_in_json_reports_fatal_errors_in_json() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("step-functions.sqlite"), "no database").unwrap();
    let data_dir = folder.path().display().to_string();
    let flags: [&[&str]; 3] = [
        // Refused by the command line's parser, by the configuration, and at the start.
        &["--log-format=json", "--valuation-timeout", "soon"],
        &["--log-format", "json", "--approve-up-to-percent", "95"],
        &["--log-format", "json", "--listen", "127.0.0.1:0", "--data-dir", &data_dir],
    ];
    for (flags, why) in flags.into_iter().zip(["write it like 30s", "must not be above", "cannot open"]) {
        let output = loan_desk(&[&["serve"], flags].concat());
        assert!(!output.status.success(), "{flags:?}");
        let said = text(&output.stderr);
        let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
        let last = lines.last().expect("a line");
        assert_eq!(last["level"], "ERROR", "{said}");
        assert!(last["fields"]["error"].as_str().is_some_and(|error| error.contains(why)), "{said}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_log_says_at_the_start_what_was_opened_and_what_waits() {
    let desk = Setup::new().start().await;
    desk.submit(&seed("app-ref", "No callback")).await;
    desk.until("app-ref", "Waiting for valuation").await;
    // A task that the valuation service has not taken yet is not waiting for an answer.
    eventually("the valuation is requested", async || desk.log().contains("valuation requested").then_some(())).await;
    let desk = desk.kill_and_start_again().await;
    let log = desk.log();
    let opened = log.lines().find(|line| line.contains("the desk is open")).expect("a line");
    let opened: Value = serde_json::from_str(opened).expect("a line of JSON");
    let fields = &opened["fields"];
    assert_eq!(fields["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(fields["backend"], format!("embedded, in {}", desk.setup().data_dir().display()));
    assert_eq!((&fields["open_applications"], &fields["waiting"]), (&json!(1), &json!(1)), "{opened}");
    assert!(fields["next_deadline"].as_str().is_some_and(|deadline| deadline.starts_with("20")), "{opened}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_data_folder_with_one_database_restored_without_the_other_is_refused() {
    const HALVES: [&str; 2] = ["dynamodb.sqlite", "step-functions.sqlite"];
    let desk = Setup::new().start().await;
    let setup = desk.setup();
    let data_dir = setup.data_dir();
    desk.terminate().await;
    let backup = tempfile::tempdir().unwrap();
    for half in HALVES {
        std::fs::copy(data_dir.join(half), backup.path().join(half)).unwrap();
    }
    // The backup is one start older than the folder.
    setup.clone().start().await.terminate().await;
    let forget = |half: &str| {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(data_dir.join(format!("{half}{suffix}")));
        }
    };
    for half in HALVES {
        let latest = std::fs::read(data_dir.join(half)).unwrap();
        forget(half);
        let refused = text(&setup.command().output().expect("it runs").stderr);
        assert!(refused.contains("restore") && refused.contains("from the same backup"), "{half} missing: {refused}");
        forget(half);
        std::fs::copy(backup.path().join(half), data_dir.join(half)).unwrap();
        let refused = text(&setup.command().output().expect("it runs").stderr);
        assert!(refused.contains(&format!("{half} is older than")), "{half} restored: {refused}");
        forget(half);
        std::fs::write(data_dir.join(half), latest).unwrap();
    }
    setup.clone().start().await.terminate().await;
    for half in HALVES {
        forget(half);
        std::fs::copy(backup.path().join(half), data_dir.join(half)).unwrap();
    }
    setup.start().await.terminate().await;
}
