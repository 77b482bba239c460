//! Keeps expressions from exhausting memory.
//!
//! The library bounds time, recursion and the length of lists, but not the length of texts nor the size of values that
//! share their parts: `[$a,$a]` forty times over fits in a kilobyte and takes forever to print or compare, and a value
//! nested a million levels deep cannot even be dropped. So a parsed expression is rewritten: what goes into a list or
//! an object, and what goes into a function that walks through its argument, passes a host function that weighs it.

use std::cell::Cell;
use std::rc::Rc;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};
use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::value::JValue;

use super::messages::{MEMORY, STACK};

/// How much one value may weigh, in bytes, its shared parts counted each time. AWS's limit lies near 7 MB.
const MAX_WEIGHT: usize = 7_000_000;

/// How deep one value may nest.
const MAX_NESTING: usize = 200;

/// How many bytes of text an expression may make in all.
const MAX_TEXT: usize = 256_000_000;

/// The names of the host functions. No expression can spell them: a name has no space.
const WEIGH: &str = "weigh value";
const SPEND: &str = "spend text";

/// Functions that look at their arguments' first level alone, and make no text of them.
const SHALLOW: [&str; 21] = [
    "append", "count", "each", "error", "exists", "filter", "keys", "length", "lookup", "map", "merge", "not", "now",
    "millis", "reduce", "reverse", "shuffle", "sift", "single", "spread", "type",
];

pub(super) fn is_guard(node: &AstNode) -> bool {
    matches!(node, AstNode::Function { name, .. } if name == WEIGH || name == SPEND)
}

/// The expression with its guards.
pub(super) fn guarded(node: AstNode) -> AstNode {
    let many = |nodes: Vec<AstNode>| nodes.into_iter().map(guarded).collect();
    let pairs = |pairs: Vec<(AstNode, AstNode)>| {
        pairs.into_iter().map(|(key, value)| (guarded(key), weighed(guarded(value), WEIGH))).collect()
    };
    let one = |node: Box<AstNode>| Box::new(guarded(*node));
    match node {
        AstNode::Array(items) => AstNode::Array(items.into_iter().map(|item| weighed(guarded(item), WEIGH)).collect()),
        AstNode::ArrayGroup(items) => AstNode::ArrayGroup(many(items)),
        AstNode::Block(items) => AstNode::Block(many(items)),
        AstNode::Object(fields) => AstNode::Object(pairs(fields)),
        AstNode::ObjectTransform { input, pattern } => {
            AstNode::ObjectTransform { input: one(input), pattern: pairs(pattern) }
        }
        AstNode::Function { name, args, is_builtin } => {
            let walks = is_builtin && !SHALLOW.contains(&name.as_str());
            let guard = |(at, argument)| {
                let argument = guarded(argument);
                match (name.as_str(), at) {
                    _ if !walks => argument,
                    // The width of what is made, the second argument, weighs as much as it makes.
                    ("pad", 1) => call(SPEND, argument),
                    _ => weighed(argument, if at == 0 { SPEND } else { WEIGH }),
                }
            };
            let args = args.into_iter().enumerate().map(guard).collect();
            AstNode::Function { name, args, is_builtin }
        }
        AstNode::Call { procedure, args } => AstNode::Call { procedure: one(procedure), args: many(args) },
        AstNode::Binary { op, lhs, rhs } => {
            let (lhs, rhs) = (guarded(*lhs), guarded(*rhs));
            let (lhs, rhs) = match op {
                BinaryOp::Concatenate => (weighed(lhs, SPEND), weighed(rhs, SPEND)),
                // A comparison with a literal ends at its first level.
                BinaryOp::Equal | BinaryOp::NotEqual | BinaryOp::In if !is_literal(&lhs) && !is_literal(&rhs) => {
                    (weighed(lhs, WEIGH), weighed(rhs, WEIGH))
                }
                BinaryOp::ChainPipe => (weighed(lhs, SPEND), rhs),
                BinaryOp::ColonEqual => (lhs, weighed(rhs, WEIGH)),
                _ => (lhs, rhs),
            };
            AstNode::Binary { op, lhs: Box::new(lhs), rhs: Box::new(rhs) }
        }
        AstNode::Unary { op, operand } => AstNode::Unary { op, operand: one(operand) },
        AstNode::Lambda { params, body, signature, thunk } => {
            AstNode::Lambda { params, body: one(body), signature, thunk }
        }
        AstNode::Conditional { condition, then_branch, else_branch } => AstNode::Conditional {
            condition: one(condition),
            then_branch: one(then_branch),
            else_branch: else_branch.map(one),
        },
        AstNode::FunctionApplication(inner) => AstNode::FunctionApplication(one(inner)),
        AstNode::Sort { input, terms } => AstNode::Sort {
            input: one(input),
            terms: terms.into_iter().map(|(term, descending)| (guarded(term), descending)).collect(),
        },
        AstNode::Transform { location, update, delete } => {
            AstNode::Transform { location: one(location), update: one(update), delete: delete.map(one) }
        }
        AstNode::Path { steps } => AstNode::Path { steps: steps.into_iter().map(step).collect() },
        other => other,
    }
}

fn step(step: PathStep) -> PathStep {
    let stage = |stage| match stage {
        Stage::Filter(filter) => Stage::Filter(Box::new(guarded(*filter))),
        other => other,
    };
    PathStep { node: guarded(step.node), stages: step.stages.into_iter().map(stage).collect(), ..step }
}

fn weighed(node: AstNode, guard: &str) -> AstNode {
    // What is no value, or whose size stands in the source, passes as it is; and a list within a list keeps its own
    // brackets only where it stands there as such.
    let passes = matches!(
        node,
        AstNode::Placeholder
            | AstNode::Lambda { .. }
            | AstNode::Transform { .. }
            | AstNode::Array(_)
            | AstNode::ArrayGroup(_)
    );
    if passes || is_literal(&node) { node } else { call(guard, node) }
}

fn call(guard: &str, argument: AstNode) -> AstNode {
    AstNode::Function { name: guard.to_owned(), args: vec![argument], is_builtin: false }
}

fn is_literal(node: &AstNode) -> bool {
    matches!(
        node,
        AstNode::String(_)
            | AstNode::Number(_)
            | AstNode::Boolean(_)
            | AstNode::Null
            | AstNode::Undefined
            | AstNode::Regex { .. }
    )
}

/// Gives the evaluator the functions that guarded expressions call.
pub(super) fn register(evaluator: &mut Evaluator) -> Result<(), EvaluatorError> {
    evaluator.register_fn(WEIGH, |arguments: &[JValue]| {
        let value = arguments.first().cloned().unwrap_or(JValue::Undefined);
        weigh(&value).map(|_| value)
    })?;
    let spent = Rc::new(Cell::new(0_usize));
    evaluator.register_fn(SPEND, move |arguments: &[JValue]| {
        let value = arguments.first().cloned().unwrap_or(JValue::Undefined);
        let weight = match value {
            // A text's width to come.
            JValue::Number(number) => number.abs().min(1e18) as usize,
            _ => weigh(&value)?,
        };
        spent.set(spent.get().saturating_add(weight));
        if spent.get() > MAX_TEXT {
            return Err(EvaluatorError::EvaluationError(MEMORY.to_owned()));
        }
        Ok(value)
    })
}

/// What a value weighs, if that is within bounds.
pub(super) fn weigh(value: &JValue) -> Result<usize, EvaluatorError> {
    let mut weight = 0_usize;
    let mut pending = vec![(value, 0)];
    while let Some((value, depth)) = pending.pop() {
        weight += 8;
        match value {
            JValue::String(text) => weight += text.len(),
            JValue::Array(items) => pending.extend(items.iter().map(|item| (item, depth + 1))),
            JValue::Object(fields) => pending.extend(fields.iter().map(|(name, value)| {
                weight += name.len();
                (value, depth + 1)
            })),
            _ => {}
        }
        if weight + 8 * pending.len() > MAX_WEIGHT {
            return Err(EvaluatorError::EvaluationError(MEMORY.to_owned()));
        }
        if depth > MAX_NESTING {
            return Err(EvaluatorError::EvaluationError(STACK.to_owned()));
        }
    }
    Ok(weight)
}
