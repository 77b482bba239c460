//! Keeps expressions from exhausting memory.
//!
//! The library bounds time, recursion and the length of lists, but not the length of texts nor the size of values that
//! share their parts: `[$a,$a]` forty times over fits in a kilobyte and takes forever to print or compare, and a value
//! nested a million levels deep cannot even be dropped. So a parsed expression is rewritten: what goes into a list or
//! an object, and what goes into a function that walks through its argument or multiplies it, passes a host function
//! that weighs it.
//!
//! Each construction also pays for what it allocates, out of an allowance for the whole evaluation: small values that
//! are kept add up. What is dropped again is not paid back, because the host does not see that.

mod scales;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

use super::syntax::parts;

use scales::{
    FIND, KEEP, MATCH_IN, MATCH_WITH, PATTERN, REPLACE_BY, REPLACE_IN, REPLACE_WHAT, REPLACE_WITH, SCALES, SHORTEN,
    SPEND, WEIGH, WIDEN,
};
pub(super) use scales::{register, weigh};

/// Functions that walk through their arguments, or make text of them. The others look at the first level alone.
const WALKING: [&str; 32] = [
    "average",
    "base64decode",
    "base64encode",
    "boolean",
    "contains",
    "decodeUrl",
    "decodeUrlComponent",
    "distinct",
    "encodeUrl",
    "encodeUrlComponent",
    "hash",
    "join",
    "lowercase",
    "match",
    "max",
    "min",
    "number",
    "pad",
    "parse",
    "partition",
    "replace",
    "sort",
    "split",
    "string",
    "substring",
    "substringAfter",
    "substringBefore",
    "sum",
    "toMillis",
    "trim",
    "uppercase",
    "zip",
];

/// Functions whose result or time can be many times their arguments, and how many arguments they take.
const MULTIPLYING: [(&str, usize); 5] = [("contains", 2), ("match", 3), ("pad", 3), ("replace", 4), ("split", 3)];

/// Functions that give a new list or object, which is paid for.
const CONSTRUCTING: [&str; 19] = [
    "append",
    "distinct",
    "each",
    "filter",
    "keys",
    "lookup",
    "map",
    "match",
    "merge",
    "parse",
    "partition",
    "range",
    "reverse",
    "shuffle",
    "sift",
    "sort",
    "split",
    "spread",
    "zip",
];

/// What a construction costs for each of its members, in bytes.
const MEMBER: usize = 64;
/// What a function value costs for each node of its body, in bytes: it holds a copy of it.
const NODE: usize = 128;

pub(super) fn is_guard(node: &AstNode) -> bool {
    matches!(node, AstNode::Function { name, .. } if SCALES.contains(&name.as_str()))
}

/// The expression with its guards.
pub(super) fn guarded(node: AstNode) -> AstNode {
    let many = |nodes: Vec<AstNode>| nodes.into_iter().map(guarded).collect();
    let pairs = |pairs: Vec<(AstNode, AstNode)>| {
        pairs.into_iter().map(|(key, value)| (guarded(key), weighed(guarded(value), WEIGH))).collect()
    };
    let one = |node: Box<AstNode>| Box::new(guarded(*node));
    match direct(node) {
        AstNode::Array(items) => {
            let items = items.into_iter().map(|item| weighed(guarded(item), WEIGH)).collect();
            AstNode::Array(paid(items))
        }
        AstNode::ArrayGroup(items) => {
            let items = items.into_iter().map(|item| weighed(guarded(item), WEIGH)).collect();
            AstNode::ArrayGroup(paid(items))
        }
        AstNode::Block(items) => AstNode::Block(many(items)),
        AstNode::Object(fields) => AstNode::Object(paid_fields(pairs(fields))),
        AstNode::ObjectTransform { input, pattern } => {
            AstNode::ObjectTransform { input: one(input), pattern: pairs(pattern) }
        }
        AstNode::Function { name, args, is_builtin } => {
            let args = match name.as_str() {
                "replace" if args.len() > 2 => replacement(args),
                name if WALKING.contains(&name) => {
                    args.into_iter().enumerate().map(|(at, argument)| walked(name, at, searched(argument))).collect()
                }
                _ => many(args),
            };
            let keeps = CONSTRUCTING.contains(&name.as_str()) && !args.iter().any(is_placeholder);
            let function = AstNode::Function { name, args, is_builtin };
            if keeps { call(KEEP, function) } else { function }
        }
        AstNode::Call { procedure, args } => AstNode::Call { procedure: one(procedure), args: many(args) },
        AstNode::Binary { op, lhs, rhs } => {
            let (lhs, rhs) = operands(op, guarded(*lhs), guarded(*rhs));
            AstNode::Binary { op, lhs: Box::new(lhs), rhs: Box::new(rhs) }
        }
        AstNode::Unary { op, operand } => AstNode::Unary { op, operand: one(operand) },
        AstNode::Lambda { params, body, signature, thunk } => {
            AstNode::Lambda { params, body: Box::new(kept(guarded(*body))), signature, thunk }
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
        // Nothing is in these.
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
        // It may be called as a function, wherever it gets to.
        pattern @ AstNode::Regex { .. } => call(PATTERN, pattern),
    }
}

/// A function's body whose result is paid for, since the caller may keep it. What it calls last pays for itself, and
/// must stay last: the library then needs no stack for it.
fn kept(body: AstNode) -> AstNode {
    match body {
        AstNode::Conditional { condition, then_branch, else_branch } => AstNode::Conditional {
            condition,
            then_branch: Box::new(kept(*then_branch)),
            else_branch: else_branch.map(|branch| Box::new(kept(*branch))),
        },
        AstNode::Block(mut items) => {
            if let Some(last) = items.pop() {
                items.push(kept(last));
            }
            AstNode::Block(items)
        }
        body @ (AstNode::Path { .. }
        | AstNode::Array(_)
        | AstNode::Object(_)
        | AstNode::ObjectTransform { .. }
        | AstNode::Sort { .. }
        | AstNode::Binary { op: BinaryOp::ChainPipe, .. }) => call(KEEP, body),
        AstNode::Lambda { .. } => {
            let bytes = NODE * nodes(&body);
            charged(body, bytes)
        }
        other => other,
    }
}

/// An argument of a function that checks the pattern it is given together with the text.
fn searched(argument: AstNode) -> AstNode {
    match argument {
        pattern @ AstNode::Regex { .. } => pattern,
        argument => guarded(argument),
    }
}

/// How many nodes a tree has.
fn nodes(node: &AstNode) -> usize {
    1 + parts(node).into_iter().map(|(part, _)| nodes(part)).sum::<usize>()
}

/// The items of a list, which pay for the list. Only what stands in a list as a list keeps its brackets, so that an
/// item pays which is none; where there is no other, an item is added that gives nothing.
fn paid(mut items: Vec<AstNode>) -> Vec<AstNode> {
    let bytes = MEMBER * (items.len() + 1);
    let is_list = |item: &AstNode| matches!(item, AstNode::Array(_) | AstNode::ArrayGroup(_));
    match items.iter_mut().find(|item| !is_list(item) && !is_placeholder(item)) {
        Some(item) => *item = charged(std::mem::replace(item, AstNode::Null), bytes),
        None => items.push(charged(AstNode::Undefined, bytes)),
    }
    items
}

/// The fields of an object, which pay for it.
fn paid_fields(mut fields: Vec<(AstNode, AstNode)>) -> Vec<(AstNode, AstNode)> {
    let bytes = MEMBER * 2 * (fields.len() + 1);
    match fields.first_mut() {
        Some((key, _)) => *key = charged(std::mem::replace(key, AstNode::Null), bytes),
        None => fields.push((AstNode::String("none".into()), charged(AstNode::Undefined, bytes))),
    }
    fields
}

/// The node's value, for which so many bytes are paid.
fn charged(node: AstNode, bytes: usize) -> AstNode {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let bytes = AstNode::Number(bytes as f64);
    AstNode::Function { name: KEEP.to_owned(), args: vec![node, bytes], is_builtin: false }
}

/// Every way to call a function that matters here as a plain call, so that its arguments can be guarded: `$pad` as a
/// value and `$pad('x', ?)` as functions that call it, `$x ~> $pad(9)` as `$pad($x, 9)`.
fn direct(node: AstNode) -> AstNode {
    let arity = |name: &str| MULTIPLYING.iter().find(|(known, _)| *known == name).map(|(_, arity)| *arity);
    match node {
        AstNode::Variable(name) if arity(&name).is_some() => {
            let params: Vec<String> = (0..arity(&name).unwrap_or_default()).map(parameter).collect();
            let args = params.iter().cloned().map(AstNode::Variable).collect();
            lambda(params, AstNode::Function { name, args, is_builtin: true })
        }
        AstNode::Function { name, mut args, is_builtin }
            if arity(&name).is_some() && args.iter().any(is_placeholder) =>
        {
            let mut params = Vec::new();
            for (at, argument) in args.iter_mut().enumerate().filter(|(_, argument)| is_placeholder(argument)) {
                *argument = AstNode::Variable(parameter(at));
                params.push(parameter(at));
            }
            lambda(params, AstNode::Function { name, args, is_builtin })
        }
        AstNode::Binary { op: BinaryOp::ChainPipe, lhs, rhs } => match *rhs {
            AstNode::Function { name, mut args, is_builtin }
                if is_guarded(&name) && !args.iter().any(is_placeholder) =>
            {
                args.insert(0, *lhs);
                in_full(name, args, is_builtin)
            }
            // The left side may be a function, too.
            pattern @ AstNode::Regex { .. } => {
                let text = AstNode::Variable(parameter(0));
                let search = AstNode::Call { procedure: Box::new(pattern), args: vec![text] };
                let rhs = Box::new(lambda(vec![parameter(0)], search));
                AstNode::Binary { op: BinaryOp::ChainPipe, lhs, rhs }
            }
            rhs => AstNode::Binary { op: BinaryOp::ChainPipe, lhs, rhs: Box::new(rhs) },
        },
        AstNode::Function { name, args, is_builtin } => in_full(name, args, is_builtin),
        other => other,
    }
}

/// Whether a call of the function is changed, so that `~>` must not lead to it.
fn is_guarded(name: &str) -> bool {
    WALKING.contains(&name) || CONSTRUCTING.contains(&name)
}

/// A call with the context item as its first argument, where it is left out before a pattern.
fn in_full(name: String, mut args: Vec<AstNode>, is_builtin: bool) -> AstNode {
    let left_out = match name.as_str() {
        "replace" => args.len() == 2,
        "contains" | "match" | "split" => matches!(args.first(), Some(AstNode::Regex { .. })),
        _ => false,
    };
    if left_out {
        args.insert(0, AstNode::Variable(String::new()));
    }
    AstNode::Function { name, args, is_builtin }
}

/// No expression can spell this name: it has a space.
fn parameter(at: usize) -> String {
    format!("argument {at}")
}

fn lambda(params: Vec<String>, body: AstNode) -> AstNode {
    AstNode::Lambda { params, body: Box::new(body), signature: None, thunk: false }
}

/// An argument of a function that walks through it.
fn walked(function: &str, at: usize, argument: AstNode) -> AstNode {
    match (function, at) {
        ("pad", 1) => call(WIDEN, argument),
        // A match is an object, some hundred times as large as what it matches may be.
        ("match", 0) => call(MATCH_IN, call(SHORTEN, argument)),
        ("split" | "contains", 0) => call(MATCH_IN, argument),
        ("match" | "split", 1) => call(MATCH_WITH, argument),
        ("contains", 1) => call(FIND, argument),
        (_, 0) => weighed(argument, SPEND),
        _ => weighed(argument, WEIGH),
    }
}

/// The arguments of `$replace`: how often the second is in the first says how often the third is in the result.
fn replacement(args: Vec<AstNode>) -> Vec<AstNode> {
    let guard = |(at, argument)| {
        let argument = searched(argument);
        match (at, argument) {
            (0, argument) => call(REPLACE_IN, argument),
            (1, argument) => call(REPLACE_WHAT, argument),
            (2, AstNode::Lambda { params, body, signature, .. }) => {
                let body = Box::new(call(SPEND, *body));
                call(REPLACE_BY, AstNode::Lambda { params, body, signature, thunk: false })
            }
            (2, argument) => call(REPLACE_WITH, argument),
            (_, argument) => argument,
        }
    };
    args.into_iter().enumerate().map(guard).collect()
}

fn operands(op: BinaryOp, lhs: AstNode, rhs: AstNode) -> (AstNode, AstNode) {
    match op {
        BinaryOp::Concatenate => (weighed(lhs, SPEND), weighed(rhs, SPEND)),
        // A comparison with a literal ends at its first level.
        BinaryOp::Equal | BinaryOp::NotEqual | BinaryOp::In if !is_literal(&lhs) && !is_literal(&rhs) => {
            (weighed(lhs, WEIGH), weighed(rhs, WEIGH))
        }
        BinaryOp::ChainPipe => (weighed(lhs, WEIGH), rhs),
        BinaryOp::ColonEqual => (lhs, weighed(rhs, WEIGH)),
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

fn weighed(node: AstNode, scale: &str) -> AstNode {
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
    if passes || is_literal(&node) { node } else { call(scale, node) }
}

fn call(scale: &str, argument: AstNode) -> AstNode {
    AstNode::Function { name: scale.to_owned(), args: vec![argument], is_builtin: false }
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
