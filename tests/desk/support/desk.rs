//! A desk process with free ports and its own data folder, which tests start, kill, restart, and call over HTTP.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::Arc,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sfn::config::{Credentials, SharedCredentialsProvider};
use reqwest::{Method, RequestBuilder, header::HeaderMap, redirect::Policy};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{PATIENCE, Process, eventually};

/// The region of all desks in the tests.
pub const REGION: &str = "eu-west-2";

/// A minimal application with this reference. The property's name selects the behaviour of the mock valuer.
pub fn seed(reference: &str, name_or_number: &str) -> Value {
    json!({
        "applicationReference": reference,
        "property": { "nameOrNumber": name_or_number, "postcode": "PO1 1CE" },
    })
}

/// The flags and environment of a desk. Anything not set has the binary's default.
#[derive(Clone)]
pub struct Setup {
    /// Deleted with the last desk that uses it.
    data: Arc<TempDir>,
    flags: Vec<(String, String)>,
    variables: Vec<(String, String)>,
    on_a_small_disk: bool,
}

impl Setup {
    /// Free ports, an empty data folder, an open endpoint of the embedded AWS, and the shortest possible delay of the
    /// mock valuer.
    pub fn new() -> Self {
        let data = Arc::new(tempfile::tempdir().expect("a folder for the data"));
        let site = data.path().join("site");
        Self { data, flags: Vec::new(), variables: Vec::new(), on_a_small_disk: false }
            .with("--listen", "127.0.0.1:0")
            .with("--site-root", site.display().to_string())
            .with("--log-format", "json")
            .with("--mock-valuer-delay", "1s")
            .with("--aws-endpoint", "127.0.0.1:0")
    }

    /// A desk without an embedded AWS, which uses that of `other` like it would use the real one.
    pub fn beside(other: &Desk) -> Self {
        Self::new()
            .without("--aws-endpoint")
            .with("--backend", "aws")
            .variable("AWS_ENDPOINT_URL", other.aws_url())
            .variable("AWS_REGION", REGION)
            .variable("AWS_ACCESS_KEY_ID", "any")
            .variable("AWS_SECRET_ACCESS_KEY", "any")
    }

    /// Sets a flag, replacing any previous value.
    pub fn with(self, flag: &str, value: impl Into<String>) -> Self {
        let mut setup = self.without(flag);
        setup.flags.push((flag.to_owned(), value.into()));
        setup
    }

    pub fn without(mut self, flag: &str) -> Self {
        self.flags.retain(|(name, _)| name != flag);
        self
    }

    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Puts the data folder on a filesystem of 24 MB that only the desk sees. Returns `None` if the system does not
    /// allow creating one.
    pub fn on_a_small_disk(mut self) -> Option<Self> {
        std::fs::create_dir_all(self.data_dir()).expect("a folder for the disk");
        let mut attempt = on_a_small_disk(&Command::new("true"), &self.data_dir());
        let possible = attempt.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        self.on_a_small_disk = true;
        possible.then_some(self)
    }

    pub fn data_dir(&self) -> PathBuf {
        self.data.path().join("desk")
    }

    /// `loan-desk serve` with this setup, isolated from the environment of the test run.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loan-desk"));
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("LOAN_DESK_") || name.starts_with("AWS_")) {
                command.env_remove(name);
            }
        }
        command.arg("serve").envs(self.variables.iter().cloned());
        command.args(self.flags.iter().flat_map(|(name, value)| [name, value]));
        if self.flags.iter().all(|(name, _)| name != "--data-dir") {
            command.env("LOAN_DESK_DATA_DIR", self.data_dir());
        }
        if self.on_a_small_disk { on_a_small_disk(&command, &self.data_dir()) } else { command }
    }

    /// Starts the desk and waits until it is open.
    pub async fn start(self) -> Desk {
        let mut process = Process::start(self.command());
        let said = |log: &[String], message: &str| {
            let events = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut fields = events.map(|mut event| event["fields"].take());
            fields
                .find(|fields| fields["message"] == message)
                .map(|fields| format!("http://{}", fields["addr"].as_str().unwrap()))
        };
        let url = eventually("the desk opens", async || {
            let log = process.log();
            if let Some(status) = process.has_ended() {
                panic!("the desk exited immediately ({status}): {log:?}");
            }
            said(&log, "the desk is open")
        })
        .await;
        let aws_url = said(&process.log(), "Step Functions and DynamoDB are open to the AWS CLI and SDKs");
        // reqwest needs a TLS provider even though the tests use plain HTTP. An error means that one is already
        // installed.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).timeout(PATIENCE);
        Desk { setup: self, process, url, aws_url, http: http.build().expect("an HTTP client") }
    }
}

/// Wraps a command so that it sees a small filesystem at `folder`.
fn on_a_small_disk(command: &Command, folder: &Path) -> Command {
    let mut small = Command::new("unshare");
    let mount = "mount -t tmpfs -o size=24m tmpfs \"$0\" && exec \"$@\"";
    small.args(["--user", "--map-root-user", "--mount", "sh", "-c", mount]).arg(folder);
    small.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => small.env(name, value),
            None => small.env_remove(name),
        };
    }
    small
}

/// A running desk.
pub struct Desk {
    setup: Setup,
    process: Process,
    /// `http://127.0.0.1:34567`
    pub url: String,
    aws_url: Option<String>,
    pub http: reqwest::Client,
}

/// A response of the desk.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("plain ASCII")).unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The status, the last part of the type, and the detail of a problem. Panics unless the response is a complete
    /// problem+json.
    pub fn problem(&self) -> (u16, String, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.body);
        let problem = self.json();
        let text = |name: &str| problem[name].as_str().unwrap_or_else(|| panic!("no {name}: {problem}")).to_owned();
        assert_eq!(problem["status"], self.status, "{problem}");
        assert!(!text("title").is_empty(), "{problem}");
        let kind = text("type").strip_prefix("urn:loan-desk:problem:").expect("a type of the desk's").to_owned();
        (self.status, kind, text("detail"))
    }
}

/// The event stream for open pages.
pub struct Events {
    stream: reqwest::Response,
    received: String,
}

impl Events {
    /// Waits for an event about this application.
    pub async fn until_changed(&mut self, reference: &str) {
        while !self.received.contains(&format!("\"{reference}\"")) {
            assert!(self.next().await, "the stream ended: {}", self.received);
        }
    }

    pub async fn until_the_end(&mut self) {
        while self.next().await {}
    }

    async fn next(&mut self) -> bool {
        let chunk = self.stream.chunk().await.expect("the stream is not broken off");
        self.received.push_str(&String::from_utf8_lossy(chunk.as_deref().unwrap_or_default()));
        chunk.is_some()
    }
}

impl Desk {
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.expect("the desk answers");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, body: answer.text().await.expect("the desk answers to the end") }
    }

    /// Submits an application, which must be new. Returns the desk's response.
    pub async fn submit(&self, application: &Value) -> Value {
        let answer = self.post("/api/applications", application).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()
    }

    pub async fn application(&self, reference: &str) -> Value {
        let answer = self.get(&format!("/api/applications/{reference}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// The references of all applications, newest first.
    pub async fn references(&self) -> Vec<String> {
        let (mut references, mut path) = (Vec::new(), "/api/applications".to_owned());
        loop {
            let page = self.get(&path).await.json();
            let applications = page["applications"].as_array().expect("a list");
            references.extend(applications.iter().map(|one| one["applicationReference"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { return references };
            path = format!("/api/applications?after={next}");
        }
    }

    /// Waits until an application has a status such as `Waiting for valuation`.
    pub async fn until(&self, reference: &str, status: &str) -> Value {
        eventually(&format!("{reference}: {status}"), async || {
            let answer = self.get(&format!("/api/applications/{reference}")).await;
            // An application started in Step Functions appears after a moment.
            (answer.status == 200).then(|| answer.json()).filter(|application| application["status"] == status)
        })
        .await
    }

    /// The endpoint of the desk's embedded AWS.
    pub fn aws_url(&self) -> &str {
        self.aws_url.as_deref().expect("a desk with an AWS inside")
    }

    /// The SDK configuration for that endpoint.
    pub fn aws(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .endpoint_url(self.aws_url())
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("any", "any", None, None, "tests")))
            .build()
    }

    /// The outcomes and bodies of all callbacks that the desk has kept.
    pub async fn kept_callbacks(&self) -> Vec<(String, String)> {
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.aws());
        let items = dynamodb.scan().table_name("loan-desk-callbacks").send().await.expect("a table of callbacks");
        let text = |item: &std::collections::HashMap<_, aws_sdk_dynamodb::types::AttributeValue>, name: &str| {
            item[name].as_s().expect("text").clone()
        };
        items.items().iter().map(|item| (text(item, "outcome"), text(item, "body"))).collect()
    }

    /// Opens the event stream for pages.
    pub async fn events(&self) -> Events {
        let stream = self.request(Method::GET, "/events").timeout(PATIENCE).send().await.expect("a stream of events");
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
        Events { stream, received: String::new() }
    }

    /// The data folder as the desk sees it, which may be on its own filesystem.
    pub fn data_dir(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.process.id()));
        root.join(self.setup.data_dir().strip_prefix("/").expect("an absolute path"))
    }

    pub fn setup(&self) -> Setup {
        self.setup.clone()
    }

    pub fn log(&self) -> String {
        self.process.log().join("\n")
    }

    /// Kills the desk with `kill -9`. Returns the setup with the same data folder and addresses.
    pub fn kill(mut self) -> Setup {
        self.process.kill();
        let address = |url: &str| url.trim_start_matches("http://").to_owned();
        let setup = self.setup.with("--listen", address(&self.url));
        match &self.aws_url {
            Some(url) => setup.with("--aws-endpoint", address(url)),
            None => setup,
        }
    }

    pub async fn kill_and_start_again(self) -> Self {
        self.kill().start().await
    }

    /// Shuts down the desk with SIGTERM and waits until it has exited.
    pub async fn terminate(self) -> (ExitStatus, String) {
        self.process.terminate();
        let (status, log) = self.process.ended().await;
        (status, log.join("\n"))
    }
}
