//! JSONata's error messages as its reference implementation words them, which AWS shows. The library has the same codes
//! but shorter messages.

use jsonata_core::ast::{AstNode, BinaryOp, UnaryOp};
use jsonata_core::value::JValue;

use super::guard;

/// AWS's message for an evaluation that does not end or exceeds a limit.
pub(super) const STACK: &str =
    "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive.";
pub(super) const TIME: &str = "Expression evaluation timeout: Check for infinite loop";
pub(super) const MEMORY: &str = "Expression evaluation memory limit exceeded: Check for excessive memory usage";
/// AWS has no such limit.
pub(super) const SEARCH: &str = "Expression evaluation timeout: A regular expression takes too long for the text it is \
     matched with. Simplify the expression, or shorten the text";

/// The code that a message begins with, for example `T2001`.
pub(super) fn code(message: &str) -> Option<&str> {
    jsonata_core::evaluator::error_code_prefix(message)
}

/// Converts a message of the parser.
pub(super) fn of_parser(code: &str, message: &str) -> String {
    let tail = |lead: &str| message.strip_prefix(lead).map(str::to_owned).unwrap_or_default();
    match code {
        "S0201" => format!("Syntax error: {}", symbol(&tail("Syntax error: "))),
        "S0202" => match tail("Expected ").split_once(", got ") {
            Some((expected, got)) => format!("Expected {}, got {}", symbol(expected), symbol(got)),
            None => message.to_owned(),
        },
        "S0203" => match tail("Expected ").strip_suffix(" before end of expression") {
            Some(expected) => format!("Expected {} before end of expression", symbol(expected)),
            None => message.to_owned(),
        },
        "S0211" => match tail("The symbol ").strip_suffix(" cannot be used as a unary operator") {
            Some(sign) => format!("The symbol {} cannot be used as a unary operator", symbol(sign)),
            None => message.to_owned(),
        },
        "S0204" => format!("Unknown operator: {}", quoted(&tail("Unknown operator: "))),
        _ => message.to_owned(),
    }
}

/// Formats a token of the library's parser (`RightBracket`, `Number(2.0)`) as it is written in an expression, in
/// quotes.
fn symbol(token: &str) -> String {
    let sign = match token {
        "LeftParen" => "(",
        "RightParen" => ")",
        "LeftBracket" => "[",
        "RightBracket" => "]",
        "LeftBrace" => "{",
        "RightBrace" => "}",
        "Comma" => ",",
        "Colon" => ":",
        "Semicolon" => ";",
        "Dot" => ".",
        "Question" => "?",
        "Equal" => "=",
        "NotEqual" => "!=",
        "LessThan" => "<",
        "LessThanOrEqual" => "<=",
        "GreaterThan" => ">",
        "GreaterThanOrEqual" => ">=",
        "Plus" => "+",
        "Minus" => "-",
        "Star" => "*",
        "StarStar" => "**",
        "Slash" => "/",
        "Percent" => "%",
        "Caret" => "^",
        "Ampersand" => "&",
        "Pipe" => "|",
        "At" => "@",
        "Hash" => "#",
        "ColonEqual" => ":=",
        "TildeArrow" | "ChainPipe" => "~>",
        "Range" | "DotDot" => "..",
        other => {
            // `Identifier("b")` or `Number(2.0)`.
            let inner = other.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')')).unwrap_or(other);
            return match inner.parse::<f64>() {
                Ok(number) => number.to_string(),
                Err(_) => quoted(inner.trim_matches('"')),
            };
        }
    };
    quoted(sign)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Evaluates a part of the expression separately, and returns its value or its error message.
pub(super) type Rerun<'a> = &'a mut dyn FnMut(&AstNode) -> Result<JValue, String>;

/// Converts a message of the library to the rest of "threw an error during evaluation". `rerun` finds out what the
/// message lacks: which call failed, and with which values.
pub(super) fn of_evaluation(ast: &AstNode, message: &str, rerun: Rerun) -> String {
    let Some(code) = code(message) else {
        // This is not an error of JSONata itself, but for example of one of AWS's functions.
        return format!(": {message}");
    };
    let said = message[code.len() + 1..].trim_start();
    let limit = match code {
        "D1011" | "U1001" => Some(STACK),
        "D1012" => Some(TIME),
        "D2014" | "D2015" => Some(MEMORY),
        _ => None,
    };
    if let Some(limit) = limit {
        return format!(": {limit}");
    }
    let text = match code {
        "T1006" => Some("Attempted to invoke a non-function".to_owned()),
        "T0410" | "T0412" => of_argument(code, said, ast, message, rerun),
        "T2001" | "T2002" => of_operator(said),
        "T2003" => Some("The left side of the range operator (..) must evaluate to an integer".to_owned()),
        "T2004" => Some("The right side of the range operator (..) must evaluate to an integer".to_owned()),
        "T2009" | "T2010" => of_comparison(code, ast, message, rerun),
        "D1002" => of_negation(ast, message, rerun),
        "D3030" => said
            .strip_prefix("Cannot convert '")
            .and_then(|rest| rest.strip_suffix("' to number"))
            .map(|text| format!("Unable to cast value to a number: {}", quoted(text))),
        "D3001" => Some("Attempting to invoke string function on Infinity or NaN".to_owned()),
        "D3010" => Some("Second argument of replace function cannot be an empty string".to_owned()),
        "D3020" => Some("Third argument of split function must evaluate to a positive number".to_owned()),
        "D3081" => Some(
            "The sub-picture must not contain more than one instance of the 'decimal-separator' character".to_owned(),
        ),
        "D3086" => Some(
            "The sub-picture must not contain a passive character that is preceded by an active character and that is \
             followed by another active character"
                .to_owned(),
        ),
        "D3100" => said.rsplit_once("got ").map(|(_, radix)| {
            format!("The radix of the formatBase function must be between 2 and 36.  It was given {radix}")
        }),
        "D3132" => Some(format!("Unknown component specifier {} in date/time picture string", quoted(said))),
        "D3135" => Some("No matching closing bracket ']' in date/time picture string".to_owned()),
        "D3136" => {
            Some("The date/time picture string is missing specifiers required to parse the timestamp".to_owned())
        }
        "D3138" => said.split_once(" (").map(|(sentence, _)| sentence.to_owned()),
        _ => None,
    };
    format!(". {code}: {}", text.unwrap_or_else(|| said.to_owned()))
}

/// Converts `The left side of the + operator must …`, whose operator belongs in quotes.
fn of_operator(said: &str) -> Option<String> {
    let (before, rest) = said.split_once("side of the ")?;
    let (operator, after) = rest.split_once(' ')?;
    Some(format!("{before}side of the {} {after}", quoted(operator)))
}

/// Converts `Argument 1 of function "sum" must be an array of "numbers"`.
fn of_argument(code: &str, said: &str, ast: &AstNode, message: &str, rerun: Rerun) -> Option<String> {
    let position = match said.strip_prefix("Argument count mismatch: expected ") {
        Some(counts) => {
            let (expected, got) = counts.split_once(", got ")?;
            expected.parse::<usize>().ok()?.min(got.parse().ok()?) + 1
        }
        None => said.strip_prefix("Argument ")?.split(' ').next()?.parse().ok()?,
    };
    let name = match culprit(ast, message, rerun) {
        Some(AstNode::Function { name, .. }) => name.clone(),
        // Parts of a function or a path can't be evaluated separately. Use the first call of the function.
        _ => nodes(ast).into_iter().find_map(|node| match node {
            AstNode::Function { name, is_builtin: true, .. } => Some(name.clone()),
            _ => None,
        })?,
    };
    let name = quoted(&name);
    if code == "T0410" {
        return Some(format!("Argument {position} of function {name} does not match function signature"));
    }
    let items = match said.rsplit_once("array of ")?.1 {
        "Number" => "numbers",
        "String" => "strings",
        "Object" => "objects",
        "Boolean" => "booleans",
        "Array" => "arrays",
        _ => "functions",
    };
    Some(format!("Argument {position} of function {name} must be an array of {}", quoted(items)))
}

fn of_comparison(code: &str, ast: &AstNode, message: &str, rerun: Rerun) -> Option<String> {
    let Some(AstNode::Binary { op, lhs, rhs }) = culprit(ast, message, rerun) else { return None };
    let operator = match op {
        BinaryOp::LessThan => "<",
        BinaryOp::LessThanOrEqual => "<=",
        BinaryOp::GreaterThan => ">",
        BinaryOp::GreaterThanOrEqual => ">=",
        _ => return None,
    };
    if code == "T2010" {
        let operator = quoted(operator);
        return Some(format!(
            "The expressions either side of operator {operator} must evaluate to numeric or string values"
        ));
    }
    let (left, right) = (json(&rerun(lhs).ok()?)?, json(&rerun(rhs).ok()?)?);
    let operator = quoted(operator);
    Some(format!("The values {left} and {right} either side of operator {operator} must be of the same data type"))
}

fn of_negation(ast: &AstNode, message: &str, rerun: Rerun) -> Option<String> {
    let Some(AstNode::Unary { op: UnaryOp::Negate, operand }) = culprit(ast, message, rerun) else { return None };
    let value = json(&rerun(operand).ok()?)?;
    Some(format!("Cannot negate a non-numeric value: {value}"))
}

fn json(value: &JValue) -> Option<String> {
    value.to_json_string().ok()
}

/// Finds the innermost part whose separate evaluation fails with the same message.
fn culprit<'a>(ast: &'a AstNode, message: &str, rerun: Rerun) -> Option<&'a AstNode> {
    /// The maximum number of parts to try.
    const TRIES: usize = 50;
    let candidates = nodes(ast)
        .into_iter()
        .filter(|node| matches!(node, AstNode::Function { .. } | AstNode::Binary { .. } | AstNode::Unary { .. }));
    candidates.take(TRIES).find(|node| rerun(node).is_err_and(|said| said == message))
}

/// The parts of an expression that can be evaluated separately, inner ones first.
fn nodes(ast: &AstNode) -> Vec<&AstNode> {
    fn collect<'a>(node: &'a AstNode, found: &mut Vec<&'a AstNode>) {
        match node {
            AstNode::Binary { lhs, rhs, .. } => {
                collect(lhs, found);
                collect(rhs, found);
            }
            AstNode::Unary { operand, .. } => collect(operand, found),
            AstNode::Function { args, .. } => args.iter().for_each(|argument| collect(argument, found)),
            AstNode::Call { procedure, args } => {
                collect(procedure, found);
                args.iter().for_each(|argument| collect(argument, found));
            }
            AstNode::Lambda { body, .. } => collect(body, found),
            AstNode::Array(items) | AstNode::ArrayGroup(items) | AstNode::Block(items) => {
                items.iter().for_each(|item| collect(item, found));
            }
            AstNode::Object(pairs) => pairs.iter().for_each(|(key, value)| {
                collect(key, found);
                collect(value, found);
            }),
            AstNode::Conditional { condition, then_branch, else_branch } => {
                collect(condition, found);
                collect(then_branch, found);
                if let Some(otherwise) = else_branch {
                    collect(otherwise, found);
                }
            }
            AstNode::Path { steps } => steps.iter().for_each(|step| collect(&step.node, found)),
            AstNode::FunctionApplication(inner) => collect(inner, found),
            _ => {}
        }
        if !guard::is_guard(node) {
            found.push(node);
        }
    }
    let mut found = Vec::new();
    collect(ast, &mut found);
    found
}
