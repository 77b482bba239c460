//! ARNs, in AWS's formats.

use crate::{Options, protocol::Fault};

/// The resource that an ARN of this account and region refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arn<'a> {
    StateMachine {
        name: &'a str,
    },
    Version {
        machine: &'a str,
        number: i64,
    },
    Alias {
        machine: &'a str,
        name: &'a str,
    },
    Execution {
        machine: &'a str,
        name: &'a str,
    },
    /// An execution of an EXPRESS state machine. Its name need not be unique; the last part of the ARN is.
    Express {
        machine: &'a str,
        name: &'a str,
        id: &'a str,
    },
    Activity {
        name: &'a str,
    },
    MapRun {
        machine: &'a str,
        label: &'a str,
        id: &'a str,
    },
    /// A well-formed ARN of another account or region, where this engine has nothing.
    Elsewhere,
}

impl Arn<'_> {
    /// Parses an ARN of Step Functions. Refuses anything else with AWS's message.
    pub fn parse<'a>(arn: &'a str, options: &Options) -> Result<Arn<'a>, Fault> {
        let invalid = || Fault::InvalidArn(format!("Invalid ARN prefix: {arn}"));
        let mut parts = arn.splitn(6, ':');
        let mut part = || parts.next().ok_or_else(invalid);
        let (scheme, partition, service, region, account, resource) =
            (part()?, part()?, part()?, part()?, part()?, part()?);
        if scheme != "arn" || !partition.starts_with("aws") || service != "states" {
            return Err(invalid());
        }
        let parts: Vec<&str> = resource.split(':').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(invalid());
        }
        let named = match parts[..] {
            ["stateMachine", name] => Arn::StateMachine { name },
            ["stateMachine", machine, qualifier] => match qualifier.parse() {
                Ok(number) => Arn::Version { machine, number },
                Err(_) => Arn::Alias { machine, name: qualifier },
            },
            ["execution", machine, name] => Arn::Execution { machine, name },
            ["express", machine, name, id] => Arn::Express { machine, name, id },
            ["activity", name] => Arn::Activity { name },
            ["mapRun", machine, id] => {
                let (machine, label) = machine.split_once('/').ok_or_else(invalid)?;
                Arn::MapRun { machine, label, id }
            }
            _ => return Err(invalid()),
        };
        Ok(if region == options.region && account == options.account_id { named } else { Arn::Elsewhere })
    }

    /// The resource type in the ARN.
    fn resource_type(&self) -> &'static str {
        match self {
            Arn::StateMachine { .. } | Arn::Version { .. } | Arn::Alias { .. } => "stateMachine",
            Arn::Execution { .. } => "execution",
            Arn::Express { .. } => "express",
            Arn::Activity { .. } => "activity",
            Arn::MapRun { .. } => "mapRun",
            Arn::Elsewhere => "resource",
        }
    }

    /// The error for an ARN of another resource type than the operation accepts.
    pub fn wrong_type(&self) -> Fault {
        Fault::InvalidArn(format!("Resource type not valid in this context: {}", self.resource_type()))
    }
}

impl Options {
    fn arn(&self, resource: std::fmt::Arguments<'_>) -> String {
        format!("arn:aws:states:{}:{}:{resource}", self.region, self.account_id)
    }

    pub(crate) fn state_machine_arn(&self, name: &str) -> String {
        self.arn(format_args!("stateMachine:{name}"))
    }

    /// The ARN of a version, by its number, or of an alias, by its name.
    pub(crate) fn qualified_arn(&self, machine: &str, qualifier: impl std::fmt::Display) -> String {
        self.arn(format_args!("stateMachine:{machine}:{qualifier}"))
    }

    pub(crate) fn execution_arn(&self, machine: &str, name: &str) -> String {
        self.arn(format_args!("execution:{machine}:{name}"))
    }

    pub(crate) fn express_arn(&self, machine: &str, name: &str, id: &str) -> String {
        self.arn(format_args!("express:{machine}:{name}:{id}"))
    }

    /// The ARN of an execution by TestState, as AWS shows it in the context object.
    pub(crate) fn test_arn(&self, machine: &str, name: &str) -> String {
        self.arn(format_args!("express:{machine}:{name}"))
    }

    pub(crate) fn activity_arn(&self, name: &str) -> String {
        self.arn(format_args!("activity:{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Options {
        Options::new("000000000000", "eu-west-2")
    }

    #[test]
    fn every_kind_of_arn_is_parsed() {
        let here = here();
        assert_eq!(Arn::parse(&here.state_machine_arn("m"), &here), Ok(Arn::StateMachine { name: "m" }));
        assert_eq!(Arn::parse(&here.qualified_arn("m", 3), &here), Ok(Arn::Version { machine: "m", number: 3 }));
        assert_eq!(Arn::parse(&here.qualified_arn("m", "live"), &here), Ok(Arn::Alias { machine: "m", name: "live" }));
        assert_eq!(Arn::parse(&here.execution_arn("m", "e"), &here), Ok(Arn::Execution { machine: "m", name: "e" }));
        assert_eq!(Arn::parse(&here.activity_arn("a"), &here), Ok(Arn::Activity { name: "a" }));
    }

    #[test]
    fn an_arn_of_another_region_is_recognized() {
        assert_eq!(Arn::parse("arn:aws:states:us-east-1:000000000000:stateMachine:m", &here()), Ok(Arn::Elsewhere));
    }

    #[test]
    fn an_invalid_arn_is_refused_with_the_message_of_aws() {
        for text in ["m", "arn:aws:s3:::bucket", "arn:aws:states:eu-west-2:000000000000:stateMachine:"] {
            let fault = Arn::parse(text, &here()).unwrap_err();
            assert_eq!(fault.to_string(), format!("Invalid Arn: 'Invalid ARN prefix: {text}'"));
        }
    }
}
