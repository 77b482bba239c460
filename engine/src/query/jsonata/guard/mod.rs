//! Keeps expressions from exhausting memory.
//!
//! The library bounds time, recursion and the length of arrays, but neither the length of strings nor the size of values
//! that share parts. `[$a,$a]`, nested forty times, fits in a kilobyte and takes forever to print or compare, and a value
//! nested a million levels deep cannot even be dropped. So a parsed expression is rewritten. A value passes through a
//! host function that checks its size before it becomes a member of an array or object, and before it reaches a function
//! that walks its argument or multiplies it.
//!
//! Each construction is also charged for what it allocates, against an allowance for the whole evaluation, because small
//! values that are kept add up. Nothing is refunded when a value is dropped, since the host does not see that.

mod charges;
mod checks;
mod functions;
mod plain_calls;
mod usage;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

use charges::{charged_fields, charged_items, charged_result};
pub(super) use checks::register;
use checks::{
    CHARGE_TEXT, CHARGE_VALUE, CHARGE_WIDTH, CHECK_LENGTH, CHECK_SIZE, CHECKS, PATTERN_VALUE, REPLACE_BY_FUNCTION,
    REPLACE_PATTERN, REPLACE_TEXT, REPLACE_WITH, SEARCH_ALL, SEARCH_ONCE, SEARCH_TEXT,
};
use functions::{constructs, walks_its_argument};
use plain_calls::plain_call;
pub(super) use usage::size_of;

/// Whether a node is a call that [`guarded`] has added.
pub(super) fn is_guard(node: &AstNode) -> bool {
    matches!(node, AstNode::Function { name, .. } if CHECKS.contains(&name.as_str()))
}

/// The expression with guards added.
pub(super) fn guarded(node: AstNode) -> AstNode {
    let many = |nodes: Vec<AstNode>| nodes.into_iter().map(guarded).collect();
    let pairs = |pairs: Vec<(AstNode, AstNode)>| {
        pairs.into_iter().map(|(key, value)| (guarded(key), checked(guarded(value), CHECK_SIZE))).collect()
    };
    let one = |node: Box<AstNode>| Box::new(guarded(*node));
    match plain_call(node) {
        AstNode::Array(items) => {
            let items = items.into_iter().map(|item| checked(guarded(item), CHECK_SIZE)).collect();
            AstNode::Array(charged_items(items))
        }
        AstNode::ArrayGroup(items) => {
            let items = items.into_iter().map(|item| checked(guarded(item), CHECK_SIZE)).collect();
            AstNode::ArrayGroup(charged_items(items))
        }
        AstNode::Block(items) => AstNode::Block(many(items)),
        AstNode::Object(fields) => AstNode::Object(charged_fields(pairs(fields))),
        AstNode::ObjectTransform { input, pattern } => {
            AstNode::ObjectTransform { input: one(input), pattern: pairs(pattern) }
        }
        AstNode::Function { name, args, is_builtin } => {
            let args = match name.as_str() {
                "replace" if args.len() > 2 => replace_arguments(args),
                name if walks_its_argument(name) => {
                    let guard = |(at, argument)| walked_argument(name, at, unless_pattern(argument));
                    args.into_iter().enumerate().map(guard).collect()
                }
                _ => many(args),
            };
            let is_charged = constructs(&name) && !args.iter().any(is_placeholder);
            let function = AstNode::Function { name, args, is_builtin };
            if is_charged { checks::call(CHARGE_VALUE, function) } else { function }
        }
        AstNode::Call { procedure, args } => AstNode::Call { procedure: one(procedure), args: many(args) },
        AstNode::Binary { op, lhs, rhs } => {
            let (lhs, rhs) = operands(op, guarded(*lhs), guarded(*rhs));
            AstNode::Binary { op, lhs: Box::new(lhs), rhs: Box::new(rhs) }
        }
        AstNode::Unary { op, operand } => AstNode::Unary { op, operand: one(operand) },
        AstNode::Lambda { params, body, signature, thunk } => {
            AstNode::Lambda { params, body: Box::new(charged_result(guarded(*body))), signature, thunk }
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
        // These have no children.
        leaf @ (AstNode::String(_)
        | AstNode::Name(_)
        | AstNode::Number(_)
        | AstNode::Boolean(_)
        | AstNode::Null
        | AstNode::Undefined
        | AstNode::Placeholder
        | AstNode::Variable(_)
        | AstNode::ParentVariable(_)
        | AstNode::Wildcard
        | AstNode::Descendant
        | AstNode::Parent(_)) => leaf,
        // A pattern can be called as a function, wherever it is passed to.
        pattern @ AstNode::Regex { .. } => checks::call(PATTERN_VALUE, pattern),
    }
}

/// Guards an argument of a function that checks a literal pattern together with the text it searches.
fn unless_pattern(argument: AstNode) -> AstNode {
    match argument {
        pattern @ AstNode::Regex { .. } => pattern,
        argument => guarded(argument),
    }
}

/// An argument of a function that walks it.
fn walked_argument(function: &str, at: usize, argument: AstNode) -> AstNode {
    match (function, at) {
        ("pad", 1) => checks::call(CHARGE_WIDTH, argument),
        // A match is an object, which can be a hundred times as large as the text that it matches.
        ("match", 0) => checks::call(SEARCH_TEXT, checks::call(CHECK_LENGTH, argument)),
        ("split" | "contains", 0) => checks::call(SEARCH_TEXT, argument),
        ("match" | "split", 1) => checks::call(SEARCH_ALL, argument),
        ("contains", 1) => checks::call(SEARCH_ONCE, argument),
        (_, 0) => checked(argument, CHARGE_TEXT),
        _ => checked(argument, CHECK_SIZE),
    }
}

/// The arguments of `$replace`. The result contains the replacement as many times as the text contains the pattern.
fn replace_arguments(args: Vec<AstNode>) -> Vec<AstNode> {
    let guard = |(at, argument)| {
        let argument = unless_pattern(argument);
        match (at, argument) {
            (0, argument) => checks::call(REPLACE_TEXT, argument),
            (1, argument) => checks::call(REPLACE_PATTERN, argument),
            (2, AstNode::Lambda { params, body, signature, .. }) => {
                let body = Box::new(checks::call(CHARGE_TEXT, *body));
                let replacement = AstNode::Lambda { params, body, signature, thunk: false };
                checks::call(REPLACE_BY_FUNCTION, replacement)
            }
            (2, argument) => checks::call(REPLACE_WITH, argument),
            (_, argument) => argument,
        }
    };
    args.into_iter().enumerate().map(guard).collect()
}

fn operands(op: BinaryOp, lhs: AstNode, rhs: AstNode) -> (AstNode, AstNode) {
    match op {
        BinaryOp::Concatenate => (checked(lhs, CHARGE_TEXT), checked(rhs, CHARGE_TEXT)),
        // A comparison with a literal ends at the first level.
        BinaryOp::Equal | BinaryOp::NotEqual | BinaryOp::In if !is_literal(&lhs) && !is_literal(&rhs) => {
            (checked(lhs, CHECK_SIZE), checked(rhs, CHECK_SIZE))
        }
        BinaryOp::ChainPipe => (checked(lhs, CHECK_SIZE), rhs),
        BinaryOp::ColonEqual => (lhs, checked(rhs, CHECK_SIZE)),
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::In
        | BinaryOp::Add
        | BinaryOp::Subtract
        | BinaryOp::Multiply
        | BinaryOp::Divide
        | BinaryOp::Modulo
        | BinaryOp::LessThan
        | BinaryOp::LessThanOrEqual
        | BinaryOp::GreaterThan
        | BinaryOp::GreaterThanOrEqual
        | BinaryOp::And
        | BinaryOp::Or
        | BinaryOp::Range
        | BinaryOp::FocusBind
        | BinaryOp::IndexBind
        | BinaryOp::Coalesce
        | BinaryOp::Default => (lhs, rhs),
    }
}

fn step(step: PathStep) -> PathStep {
    let stage = |stage| match stage {
        Stage::Filter(filter) => Stage::Filter(Box::new(guarded(*filter))),
        other @ (Stage::KeepArray | Stage::Index(_)) => other,
    };
    PathStep { node: guarded(step.node), stages: step.stages.into_iter().map(stage).collect(), ..step }
}

/// The node wrapped in a check, unless it needs none.
fn checked(node: AstNode, check: &str) -> AstNode {
    // Functions have no size, and array literals must stay array literals to keep their brackets within another array.
    let is_exempt = matches!(
        node,
        AstNode::Placeholder
            | AstNode::Lambda { .. }
            | AstNode::Transform { .. }
            | AstNode::Array(_)
            | AstNode::ArrayGroup(_)
    );
    if is_exempt || is_literal(&node) { node } else { checks::call(check, node) }
}

fn is_placeholder(node: &AstNode) -> bool {
    matches!(node, AstNode::Placeholder)
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
