//! Rewrites every way to call a guarded function as a plain call, so that its arguments can be guarded.

use jsonata_core::ast::{AstNode, BinaryOp};

use super::{
    functions::{arity_if_multiplying, is_guarded},
    is_placeholder,
};

/// Turns `$pad` as a value and `$pad('x', ?)` into functions that call `$pad`, and `$x ~> $pad(9)` into `$pad($x, 9)`.
pub(super) fn plain_call(node: AstNode) -> AstNode {
    match node {
        AstNode::Variable(name) => match arity_if_multiplying(&name) {
            None => AstNode::Variable(name),
            Some(arity) => {
                let params: Vec<String> = (0..arity).map(parameter).collect();
                let args = params.iter().cloned().map(AstNode::Variable).collect();
                lambda(params, AstNode::Function { name, args, is_builtin: true })
            }
        },
        AstNode::Function { name, mut args, is_builtin }
            if arity_if_multiplying(&name).is_some() && args.iter().any(is_placeholder) =>
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
                with_text_argument(name, args, is_builtin)
            }
            // The left side can be a function, too.
            pattern @ AstNode::Regex { .. } => {
                let text = AstNode::Variable(parameter(0));
                let search = AstNode::Call { procedure: Box::new(pattern), args: vec![text] };
                let rhs = Box::new(lambda(vec![parameter(0)], search));
                AstNode::Binary { op: BinaryOp::ChainPipe, lhs, rhs }
            }
            rhs => AstNode::Binary { op: BinaryOp::ChainPipe, lhs, rhs: Box::new(rhs) },
        },
        AstNode::Function { name, args, is_builtin } => with_text_argument(name, args, is_builtin),
        other => other,
    }
}

/// Adds the context item as the first argument if the call omits the text to search.
fn with_text_argument(name: String, mut args: Vec<AstNode>, is_builtin: bool) -> AstNode {
    let is_omitted = match name.as_str() {
        "replace" => args.len() == 2,
        "contains" | "match" | "split" => matches!(args.first(), Some(AstNode::Regex { .. })),
        _ => false,
    };
    if is_omitted {
        args.insert(0, AstNode::Variable(String::new()));
    }
    AstNode::Function { name, args, is_builtin }
}

/// A parameter name that no expression can contain, because it has a space.
fn parameter(at: usize) -> String {
    format!("argument {at}")
}

fn lambda(params: Vec<String>, body: AstNode) -> AstNode {
    AstNode::Lambda { params, body: Box::new(body), signature: None, thunk: false }
}
