//! Parsing, and what AWS refuses before anything runs.

use jsonata_core::ast::{AstNode, PathStep, Stage};
use jsonata_core::parser::{self, ParserError};

use super::messages;

/// Why an expression is refused: AWS's code at CreateStateMachine, and its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `INVALID_JSONATA_EXPRESSION`: it does not parse.
    Invalid,
    /// `UNSUPPORTED_JSONATA_EXPRESSION`: it refers to something that AWS does not offer.
    Unsupported,
}

impl Refusal {
    /// As it stands in AWS's message.
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid => "INVALID_JSONATA_EXPRESSION",
            Self::Unsupported => "UNSUPPORTED_JSONATA_EXPRESSION",
        }
    }
}

/// Parses an expression and checks what it refers to.
pub(super) fn parse(source: &str) -> Result<AstNode, (Refusal, String)> {
    let ast = parser::parse(source).map_err(|error| (Refusal::Invalid, message(&error)))?;
    match top_level_reference(&ast, false) {
        Some(name) => Err((Refusal::Unsupported, format!("Reference to '{name}' at the top level is not supported."))),
        None => Ok(ast),
    }
}

/// The parser's message without its code, as AWS shows it.
fn message(error: &ParserError) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("Invalid syntax: ").or(text.strip_prefix("Invalid number: ")).unwrap_or(&text);
    match messages::code(text) {
        Some(code) => messages::of_parser(code, text[code.len() + 1..].trim_start()),
        None => text.to_owned(),
    }
}

/// The first name that is looked up where there is nothing to look it up in: outside of a path's later steps, its
/// filters and its groupings there is no context item. `$$` is nowhere.
fn top_level_reference(node: &AstNode, in_context: bool) -> Option<String> {
    let here = |node: &AstNode| top_level_reference(node, in_context);
    let within = |node: &AstNode| top_level_reference(node, true);
    let all = |nodes: &[AstNode]| nodes.iter().find_map(here);
    match node {
        AstNode::Name(name) => (!in_context).then(|| name.clone()),
        AstNode::Variable(name) if name.is_empty() => (!in_context).then(|| "$".to_owned()),
        AstNode::ParentVariable(_) => Some("$$".to_owned()),
        AstNode::Wildcard => (!in_context).then(|| "*".to_owned()),
        AstNode::Descendant => (!in_context).then(|| "**".to_owned()),
        AstNode::Path { steps } => {
            let mut steps = steps.iter();
            let first = steps.next()?;
            here(&first.node)
                .or_else(|| stages(first))
                .or_else(|| steps.find_map(|step| within(&step.node).or_else(|| stages(step))))
        }
        AstNode::Binary { lhs, rhs, .. } => here(lhs).or_else(|| here(rhs)),
        AstNode::Unary { operand, .. } => here(operand),
        AstNode::Function { args, .. } => all(args),
        AstNode::Call { procedure, args } => here(procedure).or_else(|| all(args)),
        AstNode::Lambda { body, .. } => here(body),
        AstNode::Array(items) | AstNode::ArrayGroup(items) | AstNode::Block(items) => all(items),
        AstNode::Object(pairs) => pairs.iter().find_map(|(key, value)| here(key).or_else(|| here(value))),
        AstNode::ObjectTransform { input, pattern } => {
            let pairs = || pattern.iter().find_map(|(key, value)| within(key).or_else(|| within(value)));
            here(input).or_else(pairs)
        }
        AstNode::Conditional { condition, then_branch, else_branch } => {
            here(condition).or_else(|| here(then_branch)).or_else(|| else_branch.as_deref().and_then(here))
        }
        AstNode::FunctionApplication(inner) => here(inner),
        AstNode::Sort { input, terms } => here(input).or_else(|| terms.iter().find_map(|(term, _)| within(term))),
        AstNode::Transform { location, update, delete } => {
            within(location).or_else(|| within(update)).or_else(|| delete.as_deref().and_then(within))
        }
        _ => None,
    }
}

fn stages(step: &PathStep) -> Option<String> {
    step.stages.iter().find_map(|stage| match stage {
        Stage::Filter(filter) => top_level_reference(filter, true),
        _ => None,
    })
}
