//! The configuration: flags, each with an environment variable, validated before anything starts.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use app::domain::ValueAlert;
use asl_engine::endpoints::{Endpoint, EndpointUrls};
use clap::{
    Arg, Args, Command as ClapCommand, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
    builder::BoolishValueParser,
};
use url::Url;

/// A web dashboard for loan applications whose workflows wait for human callbacks.
#[derive(Debug, Parser)]
#[command(name = "loan-desk", version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the desk's pages and API, by default with an embedded AWS.
    Serve(Box<Config>),
}

impl Cli {
    /// Reads the command line and the environment. An empty variable counts as unset, so that a file of variables can
    /// leave one blank.
    ///
    /// # Errors
    /// When they are invalid, and when they ask for the help or the version.
    pub fn read() -> Result<Self, clap::Error> {
        let unset = |arg: Arg| if is_set_to_nothing(&arg) { arg.env(None::<&str>) } else { arg };
        let of_command = |command: ClapCommand| command.mut_args(unset);
        let mut command = Self::command().mut_subcommands(of_command);
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// Whether the command line or the environment asks for a log in JSON, for an error in either of them.
pub fn asks_for_json() -> bool {
    let is_json = |value: &str| value.eq_ignore_ascii_case("json");
    let arguments: Vec<String> = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let by_flag =
        arguments.iter().enumerate().find_map(|(place, argument)| match argument.strip_prefix("--log-format") {
            Some("") => arguments.get(place + 1).map(|value| is_json(value)),
            Some(rest) => rest.strip_prefix('=').map(is_json),
            None => None,
        });
    by_flag.unwrap_or_else(|| std::env::var("LOAN_DESK_LOG_FORMAT").is_ok_and(|value| is_json(&value)))
}

fn is_set_to_nothing(arg: &Arg) -> bool {
    arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty())
}

/// The configuration of `loan-desk serve`.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Address and port of the pages and the API.
    #[arg(long, env = "LOAN_DESK_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:3000", value_parser = address)]
    pub listen: SocketAddr,

    /// Folder of the embedded backend's databases and of the read model; created if missing.
    #[arg(long, env = "LOAN_DESK_DATA_DIR", value_name = "DIR", default_value = "./data")]
    pub data_dir: PathBuf,

    /// Which Step Functions and DynamoDB to use: embedded in this process, or those of the AWS SDK's configuration.
    #[arg(long, env = "LOAN_DESK_BACKEND", value_enum, default_value_t = Backend::Embedded)]
    pub backend: Backend,

    /// Open the embedded Step Functions and DynamoDB at this address, for the AWS CLI and SDKs. Off by default, because
    /// it checks no credentials.
    #[arg(long, env = "LOAN_DESK_AWS_ENDPOINT", value_name = "ADDR", value_parser = address)]
    pub aws_endpoint: Option<SocketAddr>,

    /// Allow --aws-endpoint at an address that other machines can reach.
    #[arg(long, env = "LOAN_DESK_AWS_ENDPOINT_ALLOW_REMOTE", value_parser = BoolishValueParser::new())]
    pub aws_endpoint_allow_remote: bool,

    #[command(flatten)]
    pub endpoints: EndpointFlags,

    /// Region in the ARNs of the embedded backend. (With --backend aws, the SDK's configuration sets the region.)
    #[arg(long, env = "LOAN_DESK_REGION", default_value = "eu-west-2", value_parser = region)]
    pub region: String,

    /// Account id in the ARNs of the embedded backend: twelve digits.
    #[arg(long, env = "LOAN_DESK_ACCOUNT_ID", default_value = "000000000000", value_parser = account_id)]
    pub account_id: String,

    /// URL at which others reach this desk; the valuation service calls back here. Default: http://<listen>.
    #[arg(long, env = "LOAN_DESK_PUBLIC_URL", value_name = "URL", value_parser = base_url)]
    pub public_url: Option<Url>,

    /// Time for the valuation service to call back.
    #[arg(long, env = "LOAN_DESK_VALUATION_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = seconds, allow_hyphen_values = true)]
    pub valuation_timeout: Duration,

    /// Time for staff to answer a manual valuation.
    #[arg(long, env = "LOAN_DESK_MANUAL_VALUATION_TIMEOUT", value_name = "DURATION", default_value = "5d", value_parser = seconds, allow_hyphen_values = true)]
    pub manual_valuation_timeout: Duration,

    /// URL to which valuation requests are sent. Default: the mock valuer inside this desk.
    #[arg(long, env = "LOAN_DESK_VALUATION_SERVICE_URL", value_name = "URL", value_parser = any_url)]
    pub valuation_service_url: Option<Url>,

    /// Which callbacks of the valuation service are accepted: only those at the signed address given to the service, or
    /// also those at the bare address with a known valuation reference.
    #[arg(long, env = "LOAN_DESK_CALLBACK_AUTH", value_enum, default_value_t = CallbackAuth::Signed)]
    pub callback_auth: CallbackAuth,

    /// Delay of the mock valuer's callback.
    #[arg(long, env = "LOAN_DESK_MOCK_VALUER_DELAY", value_name = "DURATION", default_value = "6s", value_parser = seconds, allow_hyphen_values = true)]
    pub mock_valuer_delay: Duration,

    /// Delay of the mock valuer's callback for a property named "Late callback".
    #[arg(long, env = "LOAN_DESK_MOCK_VALUER_LATE_DELAY", value_name = "DURATION", default_value = "45s", value_parser = seconds, allow_hyphen_values = true)]
    pub mock_valuer_late_delay: Duration,

    /// Loan-to-value, in per cent, up to which applications are approved.
    #[arg(long, env = "LOAN_DESK_APPROVE_UP_TO_PERCENT", value_name = "PERCENT", default_value = "75", value_parser = percent, allow_hyphen_values = true)]
    pub approve_up_to_percent: f64,

    /// Loan-to-value, in per cent, up to which applications are referred to an underwriter; above it they are declined.
    #[arg(long, env = "LOAN_DESK_REFER_UP_TO_PERCENT", value_name = "PERCENT", default_value = "90", value_parser = percent, allow_hyphen_values = true)]
    pub refer_up_to_percent: f64,

    /// Multiples of the estimate, of a late answer and of an earlier valuation between which a manual valuation is
    /// recorded at once. A value outside of them must be confirmed.
    #[arg(
        long,
        env = "LOAN_DESK_VALUE_ALERT",
        value_name = "FROM..TO",
        default_value = "0.5..2",
        allow_hyphen_values = true
    )]
    pub value_alert: ValueAlert,

    /// Time in which a manual valuation can be corrected before it is sent to its workflow. Default: it is sent at once.
    #[arg(long, env = "LOAN_DESK_CORRECTION_TIME", value_name = "DURATION", value_parser = seconds, allow_hyphen_values = true)]
    pub correction_time: Option<Duration>,

    /// Folder with loan-processing.asl.json and mock-valuation.asl.json. Default: the compiled-in files.
    #[arg(long, env = "LOAN_DESK_WORKFLOW_DIR", value_name = "DIR")]
    pub workflow_dir: Option<PathBuf>,

    /// Folder of the wasm, style sheet and static files.
    #[arg(long, env = "LOAN_DESK_SITE_ROOT", value_name = "DIR", default_value = "target/site")]
    pub site_root: PathBuf,

    /// Log filter, like `info,loan_desk=debug`.
    #[arg(long, env = "LOAN_DESK_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,

    /// Format of the log.
    #[arg(long, env = "LOAN_DESK_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// Endpoints of services that the embedded Step Functions calls.
#[derive(Debug, Clone, Default, Args)]
pub struct EndpointFlags {
    /// Lambda endpoint for functions other than the desk's own, for example of `sam local start-lambda`.
    #[arg(long, env = "LOAN_DESK_LAMBDA_ENDPOINT", value_name = "URL")]
    pub lambda_endpoint: Option<Endpoint>,

    /// SQS endpoint for workflows of the embedded Step Functions.
    #[arg(long, env = "LOAN_DESK_SQS_ENDPOINT", value_name = "URL")]
    pub sqs_endpoint: Option<Endpoint>,

    /// SNS endpoint for workflows of the embedded Step Functions.
    #[arg(long, env = "LOAN_DESK_SNS_ENDPOINT", value_name = "URL")]
    pub sns_endpoint: Option<Endpoint>,

    /// EventBridge endpoint for workflows of the embedded Step Functions.
    #[arg(long, env = "LOAN_DESK_EVENTS_ENDPOINT", value_name = "URL")]
    pub events_endpoint: Option<Endpoint>,

    /// S3 endpoint for workflows of the embedded Step Functions.
    #[arg(long, env = "LOAN_DESK_S3_ENDPOINT", value_name = "URL")]
    pub s3_endpoint: Option<Endpoint>,
}

impl EndpointFlags {
    /// The first of these flags that is set.
    fn any(&self) -> Option<&'static str> {
        [
            (&self.lambda_endpoint, "--lambda-endpoint"),
            (&self.sqs_endpoint, "--sqs-endpoint"),
            (&self.sns_endpoint, "--sns-endpoint"),
            (&self.events_endpoint, "--events-endpoint"),
            (&self.s3_endpoint, "--s3-endpoint"),
        ]
        .into_iter()
        .find_map(|(given, flag)| given.as_ref().map(|_| flag))
    }
}

impl From<EndpointFlags> for EndpointUrls {
    fn from(flags: EndpointFlags) -> Self {
        Self {
            lambda: flags.lambda_endpoint,
            sqs: flags.sqs_endpoint,
            sns: flags.sns_endpoint,
            events: flags.events_endpoint,
            s3: flags.s3_endpoint,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    Embedded,
    Aws,
}

/// How a callback is authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CallbackAuth {
    /// By its signed address.
    Signed,
    /// By its signed address or, at the bare address, by its valuation reference. Anybody who knows or guesses a
    /// reference can then set the value of a property.
    Reference,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// A combination of settings that is not valid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error(
        "--aws-endpoint {0} can be reached by other machines, and it checks no credentials; use a loopback address like \
         127.0.0.1:4566, or add --aws-endpoint-allow-remote"
    )]
    RemoteAwsEndpoint(SocketAddr),
    #[error("--aws-endpoint opens the embedded Step Functions and DynamoDB; with --backend aws there are none")]
    NoEmbeddedAws,
    #[error("{0} is for the embedded Step Functions; with --backend aws, workflows use the services of AWS")]
    NoEmbeddedStepFunctions(&'static str),
    #[error("--approve-up-to-percent {approve} must not be above --refer-up-to-percent {refer}")]
    LimitsCrossed { approve: String, refer: String },
}

impl Config {
    /// Checks combinations of flags.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self.aws_endpoint {
            Some(_) if self.backend == Backend::Aws => return Err(ConfigError::NoEmbeddedAws),
            Some(addr) if !addr.ip().is_loopback() && !self.aws_endpoint_allow_remote => {
                return Err(ConfigError::RemoteAwsEndpoint(addr));
            }
            _ => {}
        }
        if let Some(flag) = self.endpoints.any().filter(|_| self.backend == Backend::Aws) {
            return Err(ConfigError::NoEmbeddedStepFunctions(flag));
        }
        if self.approve_up_to_percent > self.refer_up_to_percent {
            return Err(ConfigError::LimitsCrossed {
                approve: self.approve_up_to_percent.to_string(),
                refer: self.refer_up_to_percent.to_string(),
            });
        }
        Ok(())
    }
}

/// Parses `127.0.0.1:3000` or `localhost:3000`.
fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.replacen("localhost:", "127.0.0.1:", 1);
    text.parse().map_err(|e| format!("{e}; write address and port, like 127.0.0.1:3000, localhost:3000 or [::1]:3000"))
}

/// Parses a duration like `1m 30s`. It must be whole seconds, because Amazon States Language has no fractions of a
/// second.
fn seconds(text: &str) -> Result<Duration, String> {
    /// The limit of `TimeoutSeconds`.
    const LONGEST: Duration = Duration::from_secs(99_999_999);
    const RIGHT: &str = "a duration is whole seconds, from 1s to 99999999s";
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("it has no unit; write {text}s for seconds, {text}m for minutes or {text}d for days"));
    }
    if text.strip_prefix('-').is_some_and(|rest| humantime::parse_duration(rest).is_ok()) {
        return Err(format!("it is negative; {RIGHT}"));
    }
    let duration = humantime::parse_duration(text).map_err(|e| format!("{e}; write it like 30s, 5m or 5d"))?;
    if duration.is_zero() {
        return Err(format!("it is zero; {RIGHT}"));
    }
    if duration < Duration::from_secs(1) {
        return Err(format!("it is shorter than a second; {RIGHT}"));
    }
    if duration > LONGEST {
        return Err(format!("it is longer than a workflow can wait; {RIGHT}"));
    }
    if duration.subsec_nanos() != 0 {
        return Err(format!("it has a fraction of a second; {RIGHT}"));
    }
    Ok(duration)
}

fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse::<f64>() {
        Ok(percent) if percent > 0.0 && percent <= 1000.0 => Ok(percent),
        _ => Err("a limit is a percentage above 0, like 75".to_owned()),
    }
}

fn any_url(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|e| format!("{e}; write it like https://desk.example"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("write a full http or https address, like https://desk.example".to_owned());
    }
    Ok(url)
}

fn base_url(text: &str) -> Result<Url, String> {
    let url = any_url(text)?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("write scheme, host and port only, like https://desk.example".to_owned());
    }
    Ok(url)
}

fn region(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=32).contains(&text.len()) && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("a region is named like eu-west-2".to_owned())
    }
}

fn account_id(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an account id has twelve digits".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Config, String> {
        let cli = Cli::try_parse_from(["loan-desk", "serve"].iter().chain(args)).map_err(|e| e.to_string())?;
        let Command::Serve(config) = cli.command;
        config.validate().map_err(|e| e.to_string())?;
        Ok(*config)
    }

    #[test]
    fn the_defaults_are_those_of_the_help() {
        let config = parse(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
        assert_eq!(config.valuation_timeout, Duration::from_secs(30));
        assert_eq!(config.manual_valuation_timeout, Duration::from_secs(5 * 24 * 3600));
        assert_eq!(config.backend, Backend::Embedded);
        assert_eq!(config.aws_endpoint, None);
        assert_eq!(config.callback_auth, CallbackAuth::Signed);
    }

    #[test]
    fn durations_are_whole_seconds_of_at_least_one() {
        assert_eq!(parse(&["--valuation-timeout", "1m 5s"]).unwrap().valuation_timeout, Duration::from_secs(65));
        for (wrong, why) in [
            ("0s", "it is zero"),
            ("500ms", "it is shorter than a second"),
            ("1500ms", "it has a fraction of a second"),
            ("soon", "write it like 30s"),
            ("10y", "it is longer than a workflow can wait"),
            ("30", "it has no unit; write 30s for seconds"),
            ("-5s", "it is negative"),
            ("", "write it like 30s"),
        ] {
            let refused = parse(&["--valuation-timeout", wrong]).unwrap_err();
            assert!(refused.contains(why), "{wrong}: {refused}");
        }
    }

    #[test]
    fn localhost_is_accepted_as_an_address() {
        assert_eq!(parse(&["--listen", "localhost:3001"]).unwrap().listen.to_string(), "127.0.0.1:3001");
        for wrong in ["localhost", "desk.example:3000", "3000", ":3000"] {
            let refused = parse(&["--listen", wrong]).unwrap_err();
            assert!(refused.contains("write address and port, like 127.0.0.1:3000"), "{wrong}: {refused}");
        }
    }

    #[test]
    fn the_aws_endpoint_must_be_local_unless_remote_access_is_allowed() {
        assert!(parse(&["--aws-endpoint", "127.0.0.1:4566"]).is_ok());
        assert!(parse(&["--aws-endpoint", "[::1]:4566"]).is_ok());
        let refused = parse(&["--aws-endpoint", "0.0.0.0:4566"]).unwrap_err();
        assert!(refused.contains("--aws-endpoint-allow-remote"), "{refused}");
        assert!(parse(&["--aws-endpoint", "0.0.0.0:4566", "--aws-endpoint-allow-remote"]).is_ok());
        assert!(parse(&["--aws-endpoint", "127.0.0.1:4566", "--backend", "aws"]).is_err());
    }

    #[test]
    fn endpoints_require_the_embedded_step_functions() {
        let config = parse(&["--lambda-endpoint", "http://127.0.0.1:3001/"]).unwrap();
        assert_eq!(config.endpoints.lambda_endpoint, "http://127.0.0.1:3001".parse().ok());
        let refused = parse(&["--sqs-endpoint", "127.0.0.1:9324"]).unwrap_err();
        assert!(refused.contains("write it like http://127.0.0.1:3001"), "{refused}");
        let refused = parse(&["--s3-endpoint", "http://127.0.0.1:9000", "--backend", "aws"]).unwrap_err();
        assert!(refused.starts_with("--s3-endpoint is for the embedded Step Functions"), "{refused}");
    }

    #[test]
    fn the_approval_limit_must_not_exceed_the_referral_limit() {
        assert!(parse(&["--approve-up-to-percent", "95"]).is_err());
        assert!(parse(&["--approve-up-to-percent", "95", "--refer-up-to-percent", "95"]).is_ok());
    }

    #[test]
    fn a_value_alert_is_a_range_of_multiples() {
        assert_eq!(parse(&[]).unwrap().value_alert.to_string(), "0.5..2");
        assert_eq!(parse(&["--value-alert", "0.8..1.25"]).unwrap().value_alert.to_string(), "0.8..1.25");
        for (wrong, why) in [("2", "like 0.5..2"), ("-1..2", "like 0.5..2"), ("2..3", "must be at most 1")] {
            let refused = parse(&["--value-alert", wrong]).unwrap_err();
            assert!(refused.contains(why), "{wrong}: {refused}");
        }
    }

    #[test]
    fn a_public_url_has_no_path() {
        assert!(parse(&["--public-url", "https://desk.example"]).is_ok());
        for wrong in ["desk.example", "ftp://desk.example", "https://desk.example/app", "https://desk.example/?a=b"] {
            assert!(parse(&["--public-url", wrong]).is_err(), "{wrong}");
        }
    }
}
