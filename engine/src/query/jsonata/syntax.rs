//! Parsing, and the checks that AWS performs before evaluation.

use std::collections::BTreeSet;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};
use jsonata_core::parser::{self, ParserError};

use super::messages;

/// Why an expression is refused, with AWS's code and message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `INVALID_JSONATA_EXPRESSION`: the expression does not parse.
    Invalid,
    /// `UNSUPPORTED_JSONATA_EXPRESSION`: the expression refers to something that AWS does not offer.
    Unsupported,
}

impl Refusal {
    /// The code in AWS's message.
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid => "INVALID_JSONATA_EXPRESSION",
            Self::Unsupported => "UNSUPPORTED_JSONATA_EXPRESSION",
        }
    }
}

/// Parses an expression and checks the names that it refers to.
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

/// The first name that is looked up without a context item, which only the later steps of a path and its filters and
/// groupings have. `$$` is never available.
fn top_level_reference(node: &AstNode, in_context: bool) -> Option<String> {
    match node {
        AstNode::Name(name) => (!in_context).then(|| name.clone()),
        AstNode::Variable(name) if name.is_empty() => (!in_context).then(|| "$".to_owned()),
        AstNode::ParentVariable(_) => Some("$$".to_owned()),
        AstNode::Wildcard => (!in_context).then(|| "*".to_owned()),
        AstNode::Descendant => (!in_context).then(|| "**".to_owned()),
        _ => parts(node).into_iter().find_map(|(part, within)| top_level_reference(part, in_context || within)),
    }
}

/// Whether the expression contains `$states.<field>`.
pub(super) fn reads_of_states(node: &AstNode, field: &str) -> bool {
    if let AstNode::Path { steps } = node
        && let [first, second, ..] = &steps[..]
        && matches!(&first.node, AstNode::Variable(name) if name == "states")
        && matches!(&second.node, AstNode::Name(name) if name == field)
    {
        return true;
    }
    parts(node).into_iter().any(|(part, _)| reads_of_states(part, field))
}

/// The variables that a node refers to, without those that are bound anywhere in it.
pub(super) fn variables(node: &AstNode) -> BTreeSet<String> {
    let (mut used, mut bound) = (BTreeSet::new(), BTreeSet::new());
    let mut pending = vec![node];
    while let Some(node) = pending.pop() {
        match node {
            AstNode::Variable(name) => {
                used.insert(name.clone());
            }
            AstNode::Lambda { params, .. } => bound.extend(params.iter().cloned()),
            AstNode::Binary { op: BinaryOp::ColonEqual, lhs: name, .. }
            | AstNode::Binary { op: BinaryOp::FocusBind | BinaryOp::IndexBind, rhs: name, .. } => {
                if let AstNode::Variable(name) = &**name {
                    bound.insert(name.clone());
                }
            }
            _ => {}
        }
        pending.extend(parts(node).into_iter().map(|(part, _)| part));
    }
    used.retain(|name| !bound.contains(name));
    used
}

/// The children of a node, and whether the node gives each of them a context item.
pub(super) fn parts(node: &AstNode) -> Vec<(&AstNode, bool)> {
    fn pairs(pairs: &[(AstNode, AstNode)], within: bool) -> impl Iterator<Item = (&AstNode, bool)> {
        pairs.iter().flat_map(move |(key, value)| [(key, within), (value, within)])
    }
    fn all(nodes: &[AstNode]) -> impl Iterator<Item = (&AstNode, bool)> {
        nodes.iter().map(|node| (node, false))
    }
    fn stages(step: &PathStep) -> impl Iterator<Item = (&AstNode, bool)> {
        step.stages.iter().filter_map(|stage| match stage {
            Stage::Filter(filter) => Some((&**filter, true)),
            _ => None,
        })
    }
    match node {
        AstNode::Path { steps } => {
            let steps = steps.iter().enumerate();
            steps.flat_map(|(at, step)| std::iter::once((&step.node, at > 0)).chain(stages(step))).collect()
        }
        AstNode::Binary { lhs, rhs, .. } => vec![(lhs, false), (rhs, false)],
        AstNode::Unary { operand, .. } => vec![(operand, false)],
        AstNode::Function { args, .. } => all(args).collect(),
        AstNode::Call { procedure, args } => std::iter::once((&**procedure, false)).chain(all(args)).collect(),
        AstNode::Lambda { body, .. } => vec![(body, false)],
        AstNode::Array(items) | AstNode::ArrayGroup(items) | AstNode::Block(items) => all(items).collect(),
        AstNode::Object(fields) => pairs(fields, false).collect(),
        AstNode::ObjectTransform { input, pattern } => {
            std::iter::once((&**input, false)).chain(pairs(pattern, true)).collect()
        }
        AstNode::Conditional { condition, then_branch, else_branch } => {
            let branches = std::iter::once(then_branch).chain(else_branch);
            std::iter::once(condition).chain(branches).map(|part| (&**part, false)).collect()
        }
        AstNode::FunctionApplication(inner) => vec![(inner, false)],
        AstNode::Sort { input, terms } => {
            std::iter::once((&**input, false)).chain(terms.iter().map(|(term, _)| (term, true))).collect()
        }
        AstNode::Transform { location, update, delete } => {
            [location, update].into_iter().chain(delete).map(|part| (&**part, true)).collect()
        }
        _ => Vec::new(),
    }
}
