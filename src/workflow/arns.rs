//! The ARNs of state machines and executions in the desk's account and region.

use app::desk::StepFunctionsName;

use crate::aws::AwsError;

#[derive(Debug, Clone)]
pub struct Arns {
    /// `arn:aws:states:eu-west-2:000000000000`
    account: String,
}

impl Arns {
    /// Those beside this state machine.
    pub fn beside(state_machine_arn: &str) -> Self {
        let account = state_machine_arn.split(":stateMachine:").next().unwrap_or_default();
        Self { account: account.to_owned() }
    }

    /// A state machine, or a version of it.
    pub fn state_machine(&self, name: &StepFunctionsName, version: Option<u64>) -> String {
        let version = version.map(|number| format!(":{number}")).unwrap_or_default();
        format!("{}:stateMachine:{name}{version}", self.account)
    }

    pub fn execution(&self, state_machine: &StepFunctionsName, name: &StepFunctionsName) -> String {
        format!("{}:execution:{state_machine}:{name}", self.account)
    }
}

/// The name in the ARN of a state machine. The state machine inside a distributed map, `name/label`, has the name of the
/// whole.
pub fn state_machine_name(arn: &str) -> Result<StepFunctionsName, AwsError> {
    let name = last(arn).split('/').next().unwrap_or_default();
    read_name(name)
}

pub fn execution_name(arn: &str) -> Result<StepFunctionsName, AwsError> {
    read_name(last(arn))
}

/// The name of the state machine in the ARN of an execution.
pub fn state_machine_of_execution(arn: &str) -> Result<StepFunctionsName, AwsError> {
    state_machine_name(arn.rsplit_once(':').map_or(arn, |(machine, _)| machine))
}

pub fn read_name(name: &str) -> Result<StepFunctionsName, AwsError> {
    name.parse().map_err(|_| AwsError::corrupt(format_args!("the name {name}")))
}

/// The last part of an ARN, such as the number of a version.
pub fn last(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_in_the_account_and_region_of_the_desk() {
        let arns = Arns::beside("arn:aws:states:eu-west-2:000000000000:stateMachine:loan-processing");
        let (other, run) = ("other".parse().unwrap(), "run-1".parse().unwrap());
        assert_eq!(arns.state_machine(&other, None), "arn:aws:states:eu-west-2:000000000000:stateMachine:other");
        assert_eq!(arns.state_machine(&other, Some(3)), "arn:aws:states:eu-west-2:000000000000:stateMachine:other:3");
        assert_eq!(arns.execution(&other, &run), "arn:aws:states:eu-west-2:000000000000:execution:other:run-1");
        let inside = "arn:aws:states:eu-west-2:000000000000:stateMachine:other/Each";
        assert_eq!(state_machine_name(inside), Ok(other.clone()));
        let execution = arns.execution(&other, &run);
        assert_eq!((state_machine_of_execution(&execution), execution_name(&execution)), (Ok(other), Ok(run)));
    }
}
