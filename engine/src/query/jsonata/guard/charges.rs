//! Charges for the arrays, objects and functions that an expression creates.

use jsonata_core::ast::{AstNode, BinaryOp};

use super::{
    super::syntax::parts,
    checks::{self, CHARGE_VALUE},
    is_placeholder,
};

/// The charge for each member of an array or object, in bytes.
const MEMBER: usize = 64;
/// The charge for each node in the body of a function value, in bytes: the value holds a copy of the body.
const NODE: usize = 128;

/// A function body whose result is charged for, since the caller may keep it. A call in tail position pays for its own
/// result and must stay in tail position: the library then needs no stack for it.
pub(super) fn charged_result(body: AstNode) -> AstNode {
    match body {
        AstNode::Conditional { condition, then_branch, else_branch } => AstNode::Conditional {
            condition,
            then_branch: Box::new(charged_result(*then_branch)),
            else_branch: else_branch.map(|branch| Box::new(charged_result(*branch))),
        },
        AstNode::Block(mut items) => {
            if let Some(last) = items.pop() {
                items.push(charged_result(last));
            }
            AstNode::Block(items)
        }
        body @ (AstNode::Path { .. }
        | AstNode::Array(_)
        | AstNode::Object(_)
        | AstNode::ObjectTransform { .. }
        | AstNode::Sort { .. }
        | AstNode::Binary { op: BinaryOp::ChainPipe, .. }) => checks::call(CHARGE_VALUE, body),
        AstNode::Lambda { .. } => {
            let bytes = NODE * nodes(&body);
            charged(body, bytes)
        }
        other => other,
    }
}

/// The number of nodes in a tree.
fn nodes(node: &AstNode) -> usize {
    1 + parts(node).into_iter().map(|(part, _)| nodes(part)).sum::<usize>()
}

/// The items of an array, with the charge for the array. An item that is itself an array literal must stay one to keep
/// its brackets, so another item carries the charge. If there is no other, an item that evaluates to nothing is added.
pub(super) fn charged_items(mut items: Vec<AstNode>) -> Vec<AstNode> {
    let bytes = MEMBER * (items.len() + 1);
    let is_array = |item: &AstNode| matches!(item, AstNode::Array(_) | AstNode::ArrayGroup(_));
    match items.iter_mut().find(|item| !is_array(item) && !is_placeholder(item)) {
        Some(item) => *item = charged(std::mem::replace(item, AstNode::Null), bytes),
        None => items.push(charged(AstNode::Undefined, bytes)),
    }
    items
}

/// The fields of an object, with the charge for the object.
pub(super) fn charged_fields(mut fields: Vec<(AstNode, AstNode)>) -> Vec<(AstNode, AstNode)> {
    let bytes = MEMBER * 2 * (fields.len() + 1);
    match fields.first_mut() {
        Some((key, _)) => *key = charged(std::mem::replace(key, AstNode::Null), bytes),
        None => fields.push((AstNode::String("none".into()), charged(AstNode::Undefined, bytes))),
    }
    fields
}

/// Evaluates to the node's value and charges this many bytes.
fn charged(node: AstNode, bytes: usize) -> AstNode {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let bytes = AstNode::Number(bytes as f64);
    AstNode::Function { name: CHARGE_VALUE.to_owned(), args: vec![node, bytes], is_builtin: false }
}
