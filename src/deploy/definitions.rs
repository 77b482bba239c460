//! The definitions of the workflows, with their `${…}` substitutions filled in.

use std::{fmt, fs, io, path::Path};

use serde_json::Value;

use super::{problems::Problems, task_tokens};

/// A workflow: a file in `infra/`, deployed as a state machine of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workflow {
    pub name: &'static str,
    /// Whether the desk requires it.
    pub is_required: bool,
    compiled_in: &'static str,
}

pub const LOAN_PROCESSING: Workflow = Workflow {
    name: "loan-processing",
    is_required: true,
    compiled_in: include_str!("../../infra/loan-processing.asl.json"),
};

/// Only deployed where the mock valuer is used.
pub const MOCK_VALUATION: Workflow = Workflow {
    name: "mock-valuation",
    is_required: false,
    compiled_in: include_str!("../../infra/mock-valuation.asl.json"),
};

/// All workflows of the desk. To add one, add a file in `infra/` and an entry here.
pub static WORKFLOWS: [Workflow; 2] = [LOAN_PROCESSING, MOCK_VALUATION];

/// The definition of a state machine, ready to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    pub workflow: &'static Workflow,
    pub text: String,
    /// The file that it was read from, and its text with the substitutions as they stand there.
    pub file: String,
    pub source: String,
}

/// Why a workflow's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    #[error("cannot read {file}: {source}")]
    Unreadable { file: String, source: io::Error },
    #[error("{file}:{}:{} is not JSON: {source}", .source.line(), .source.column())]
    NotJson { file: String, source: serde_json::Error },
    #[error("the state machine {name} was refused:{problems}")]
    Wrong { name: &'static str, problems: Problems },
    #[error("{file} contains ${{{name}}}, which is not a substitution of the desk; those are {known}")]
    UnknownSubstitution { file: String, name: String, known: String },
}

/// The values of the substitutions by name.
pub type Substitutions = [(&'static str, String)];

/// Loads all definitions, from `folder` or the compiled-in files.
pub fn load(folder: Option<&Path>, substitutions: &Substitutions) -> Result<Vec<Definition>, DefinitionError> {
    WORKFLOWS.iter().map(|workflow| read(workflow, folder, substitutions)).collect()
}

fn read(
    workflow: &'static Workflow,
    folder: Option<&Path>,
    substitutions: &Substitutions,
) -> Result<Definition, DefinitionError> {
    let name = format!("{}.asl.json", workflow.name);
    let (file, source) = match folder {
        None => (name, workflow.compiled_in.to_owned()),
        Some(folder) => {
            let path = folder.join(name);
            let file = path.display().to_string();
            match fs::read_to_string(&path) {
                Ok(text) => (file, text),
                Err(source) => return Err(DefinitionError::Unreadable { file, source }),
            }
        }
    };
    let value = serde_json::from_str::<Value>(&source)
        .map_err(|source| DefinitionError::NotJson { file: file.clone(), source })?;
    if let Some(problems) = Problems::of(&file, task_tokens::never_passed_on(&source, &value)) {
        return Err(DefinitionError::Wrong { name: workflow.name, problems });
    }
    let text = substitute(&source, substitutions).map_err(|unknown| DefinitionError::UnknownSubstitution {
        file: file.clone(),
        name: unknown.0,
        known: Names(substitutions).to_string(),
    })?;
    Ok(Definition { workflow, text, file, source })
}

#[derive(Debug, PartialEq, Eq)]
struct Unknown(String);

/// Replaces every `${Name}`, like CloudFormation's definition substitutions. The values are escaped, because they are
/// used inside JSON strings.
fn substitute(text: &str, substitutions: &Substitutions) -> Result<String, Unknown> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        let name = after.split_once('}').filter(|(name, _)| is_name(name));
        let Some((name, after)) = name else {
            filled.push_str("${");
            rest = after;
            continue;
        };
        let value = substitutions.iter().find(|(known, _)| *known == name);
        let (_, value) = value.ok_or_else(|| Unknown(name.to_owned()))?;
        let quoted = Value::from(value.as_str()).to_string();
        filled.push_str(&quoted[1..quoted.len() - 1]);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric())
}

struct Names<'a>(&'a Substitutions);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|(name, _)| *name).collect();
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workflow_in_infra_is_deployed() {
        let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("infra");
        let files = fs::read_dir(infra).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut named: Vec<_> = files.filter_map(|file| file.strip_suffix(".asl.json").map(str::to_owned)).collect();
        named.sort();
        assert_eq!(named, WORKFLOWS.map(|workflow| workflow.name));
    }

    #[test]
    fn all_substitutions_are_replaced() {
        let substitutions = [("Seconds", "30".to_owned()), ("Arn", "arn:aws:lambda".to_owned())];
        let text = r#"{"a": "${Seconds}", "b": "f('${Seconds}') ${Arn}", "c": "$.x", "d": "$${"}"#;
        let filled = r#"{"a": "30", "b": "f('30') arn:aws:lambda", "c": "$.x", "d": "$${"}"#;
        assert_eq!(substitute(text, &substitutions).unwrap(), filled);
    }

    #[test]
    fn substituted_values_are_escaped() {
        let substitutions = [("Name", r#"a"b\c"#.to_owned())];
        assert_eq!(substitute(r#"{"a": "${Name}"}"#, &substitutions).unwrap(), r#"{"a": "a\"b\\c"}"#);
    }

    #[test]
    fn an_unknown_substitution_is_named() {
        assert_eq!(substitute("${Nothing}", &[]), Err(Unknown("Nothing".to_owned())));
    }
}
