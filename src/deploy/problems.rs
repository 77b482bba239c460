//! The problems of a workflow's definition, as they are reported to whoever edits its file.

use std::fmt;

use aws_sdk_sfn::types::{
    ValidateStateMachineDefinitionDiagnostic as Diagnostic, ValidateStateMachineDefinitionSeverity as Severity,
};

use super::positions::{Position, position};

/// A problem and its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `None` for the file as a whole.
    pub position: Option<Position>,
    pub message: String,
}

/// The problems of one file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    file: String,
    problems: Vec<Problem>,
}

impl Problems {
    /// `None` if there are no problems.
    pub fn of(file: &str, problems: Vec<Problem>) -> Option<Self> {
        if problems.is_empty() { None } else { Some(Self { file: file.to_owned(), problems }) }
    }

    /// The errors that Step Functions has found in a definition. `json` is the text of its file.
    pub fn found(file: &str, json: &str, diagnostics: &[Diagnostic]) -> Option<Self> {
        let errors = diagnostics.iter().filter(|diagnostic| *diagnostic.severity() == Severity::Error);
        let (unreachable, causes): (Vec<_>, Vec<_>) = errors.partition(|diagnostic| is_unreachable(diagnostic));
        // A state that nothing leads to makes those that follow it unreachable, too. If something else is wrong, all of
        // them are most likely a consequence of it.
        let shown = if causes.is_empty() { &unreachable } else { &causes };
        let mut problems: Vec<Problem> = shown.iter().map(|diagnostic| Problem::of(json, diagnostic)).collect();
        problems.sort_by_key(|problem| problem.position);
        if !causes.is_empty() && !unreachable.is_empty() {
            let states =
                if unreachable.len() == 1 { "1 state".to_owned() } else { format!("{} states", unreachable.len()) };
            let reason = if causes.len() == 1 { "it" } else { "these problems" };
            let last = problems.len() - 1;
            problems[last].message += &format!("; {states} can't be reached because of {reason}");
        }
        Self::of(file, problems)
    }
}

fn is_unreachable(diagnostic: &Diagnostic) -> bool {
    diagnostic.code() == "MISSING_TRANSITION_TARGET" && diagnostic.message().ends_with("is not reachable.")
}

impl Problem {
    fn of(json: &str, diagnostic: &Diagnostic) -> Self {
        let location = diagnostic.location().unwrap_or_default();
        let message = format!("{} ({})", diagnostic.message().trim_end_matches('.'), diagnostic.code());
        Self { position: position(json, location), message }
    }
}

/// One line for each problem, in the form that editors and terminals recognize.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Problem { position, message } in &self.problems {
            match position {
                Some(position) => write!(f, "\n  {}:{position}: {message}", self.file)?,
                None => write!(f, "\n  {}: {message}", self.file)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{
  "StartAt": "A",
  "States": {
    "A": {"Type": "Pass", "Next": "Bee"},
    "B": {"Type": "Pass", "Next": "C"},
    "C": {"Type": "Succeed"}
  }
}"#;

    fn diagnostic(code: &str, message: &str, location: &str) -> Diagnostic {
        let diagnostic = Diagnostic::builder().severity(Severity::Error).code(code).message(message);
        diagnostic.location(location).build().unwrap()
    }

    fn unreachable(name: &str) -> Diagnostic {
        let message = format!("State \"{name}\" is not reachable.");
        diagnostic("MISSING_TRANSITION_TARGET", &message, &format!("/States/{name}"))
    }

    fn shown(diagnostics: &[Diagnostic]) -> String {
        Problems::found("loan.asl.json", JSON, diagnostics).unwrap().to_string()
    }

    #[test]
    fn a_problem_names_its_file_line_and_column() {
        let missing = diagnostic("MISSING_TRANSITION_TARGET", "Missing 'Next' target: Bee", "/States/A/Next");
        assert_eq!(shown(&[missing]), "\n  loan.asl.json:4:27: Missing 'Next' target: Bee (MISSING_TRANSITION_TARGET)");
    }

    #[test]
    fn states_that_cannot_be_reached_because_of_another_problem_are_only_counted() {
        let missing = diagnostic("MISSING_TRANSITION_TARGET", "Missing 'Next' target: Bee", "/States/A/Next");
        let one = "\n  loan.asl.json:4:27: Missing 'Next' target: Bee (MISSING_TRANSITION_TARGET); \
                   2 states can't be reached because of it";
        assert_eq!(shown(&[missing.clone(), unreachable("B"), unreachable("C")]), one);
        let other = diagnostic("SCHEMA_VALIDATION_FAILED", "Field is not supported", "/States/A/Type");
        let two = "\n  loan.asl.json:4:11: Field is not supported (SCHEMA_VALIDATION_FAILED)\
                   \n  loan.asl.json:4:27: Missing 'Next' target: Bee (MISSING_TRANSITION_TARGET); \
                   1 state can't be reached because of these problems";
        assert_eq!(shown(&[missing, unreachable("C"), other]), two);
    }

    #[test]
    fn states_that_cannot_be_reached_for_no_other_reason_are_listed() {
        let listed = shown(&[unreachable("B"), unreachable("C")]);
        assert_eq!(listed.lines().count(), 3, "{listed}");
        assert!(
            listed.contains("loan.asl.json:5:5: State \"B\" is not reachable (MISSING_TRANSITION_TARGET)"),
            "{listed}"
        );
    }

    #[test]
    fn warnings_are_no_problems() {
        let warning = Diagnostic::builder().severity(Severity::Warning).code("W").message("Unwise").build().unwrap();
        assert_eq!(Problems::found("f", JSON, &[warning]), None);
    }
}
