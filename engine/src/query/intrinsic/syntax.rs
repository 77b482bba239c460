//! Parses calls by AWS's rules: strings are in single quotes, and `\` in them only escapes `'`, `{`, `}` and `\`.

use serde_json::Value;

use super::super::path::{Path, shortened};
use super::functions::Function;
use super::{Argument, Call};

/// The maximum nesting of calls. AWS allows ten.
const MAX_NESTING: usize = 10;
/// The maximum length of a call, in bytes.
const MAX_LENGTH: usize = 100_000;

/// The error for a text that is not a call of an intrinsic function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{call}' is not a call of an intrinsic function: {reason}")]
pub struct CallError {
    pub call: String,
    /// A sentence that describes the problem.
    pub reason: String,
}

pub(super) fn parse(text: &str) -> Result<Call, CallError> {
    let text = text.trim();
    let error = |reason: String| CallError { call: shortened(text), reason };
    if text.len() > MAX_LENGTH {
        return Err(CallError { call: shortened(text), reason: format!("it is longer than {MAX_LENGTH} bytes") });
    }
    let mut reader = Reader { text, at: 0 };
    let call = reader.call(0).map_err(error)?;
    reader.spaces();
    if reader.at < text.len() {
        return Err(error("more text follows the call".into()));
    }
    Ok(call)
}

/// Resolves the escapes of a string.
pub(super) fn unescape(quoted: &str) -> String {
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(c) = characters.next() {
        text.push(if c == '\\' { characters.next().unwrap_or(c) } else { c });
    }
    text
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, sign: char) -> bool {
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len_utf8();
        }
        found
    }

    /// Takes the text up to the first character for which `ends` returns `true`.
    fn until(&mut self, ends: impl Fn(char) -> bool) -> &'t str {
        let length = self.rest().find(ends).unwrap_or(self.rest().len());
        let found = &self.rest()[..length];
        self.at += length;
        found
    }

    fn call(&mut self, nesting: usize) -> Result<Call, String> {
        if nesting == MAX_NESTING {
            return Err(format!("calls are nested deeper than {MAX_NESTING} levels"));
        }
        let start = self.at;
        let name = self.until(|c| c == '(' || c.is_whitespace() || c == ',' || c == ')');
        let function = Function::named(name).ok_or_else(|| format!("there is no function '{name}'"))?;
        self.spaces();
        if !self.take('(') {
            return Err("'(' is missing".into());
        }
        let mut arguments = Vec::new();
        self.spaces();
        if !self.take(')') {
            loop {
                self.spaces();
                arguments.push(self.argument(nesting)?);
                self.spaces();
                if self.take(')') {
                    break;
                }
                if !self.take(',') {
                    return Err("expected ',' or ')' after an argument".into());
                }
            }
        }
        let takes = function.arity();
        if !takes.contains(&arguments.len()) {
            return Err(format!("{name} does not take {} arguments", arguments.len()));
        }
        Ok(Call { source: self.text[start..self.at].to_owned(), function, arguments })
    }

    fn argument(&mut self, nesting: usize) -> Result<Argument, String> {
        match self.rest().chars().next() {
            Some('\'') => self.quoted().map(Argument::Text),
            Some('$') => {
                let path = self.path()?;
                Path::parse(path).map(Argument::Path).map_err(|error| error.to_string())
            }
            Some(_) if self.rest().starts_with("States.") => self.call(nesting + 1).map(Argument::Call),
            _ => {
                let word = self.until(|c| c == ',' || c == ')').trim_end();
                match serde_json::from_str(word) {
                    Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => Ok(Argument::Literal(value)),
                    _ => Err(format!("'{word}' is not an argument: enclose strings in single quotes")),
                }
            }
        }
    }

    /// Takes a string in single quotes. Its escapes are checked but not resolved.
    fn quoted(&mut self) -> Result<String, String> {
        self.take('\'');
        let start = self.at;
        loop {
            let rest = self.rest();
            match rest.chars().next() {
                None => return Err("a string in single quotes is not closed".into()),
                Some('\'') => {
                    let text = self.text[start..self.at].to_owned();
                    self.take('\'');
                    return Ok(text);
                }
                Some('\\') => match rest.chars().nth(1) {
                    Some('\'' | '{' | '}' | '\\') => self.at += 2,
                    _ => return Err("a backslash can only precede ', {, } and \\".into()),
                },
                Some(c) => self.at += c.len_utf8(),
            }
        }
    }

    /// Takes a path, which ends at a comma or at a closing parenthesis that is not part of it.
    fn path(&mut self) -> Result<&'t str, String> {
        let start = self.at;
        let mut depth = 0_usize;
        let mut quote = None;
        let mut characters = self.rest().char_indices();
        let mut length = self.rest().len();
        while let Some((at, c)) = characters.next() {
            match (quote, c) {
                (Some(_), '\\') => {
                    characters.next();
                }
                (Some(open), c) if c == open => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') if depth > 0 => quote = Some(c),
                (None, '[' | '(') => depth += 1,
                (None, ',' | ')') if depth == 0 => {
                    length = at;
                    break;
                }
                (None, ']' | ')') => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        self.at += length;
        Ok(self.text[start..self.at].trim_end())
    }
}
