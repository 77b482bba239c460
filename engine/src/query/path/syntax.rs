//! The grammar of paths, as Jayway parses them.

use serde_json::Value;

use super::filter::Filter;
use super::function::Function;

/// The maximum nesting of filters and of the paths in them.
pub(super) const MAX_NESTING: usize = 16;
/// The maximum length of a path, in bytes.
pub(super) const MAX_LENGTH: usize = 16_384;
/// The maximum number of steps in a path and of terms in its filters. The paths in its filters count as well.
const MAX_STEPS: usize = 256;
const MAX_TERMS: usize = 256;

/// The error for a text that is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{path}' is not a path: {reason}")]
pub struct PathError {
    pub path: String,
    /// A sentence that says what is wrong and where.
    pub reason: String,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// `.a` or `['a']`. Several names (`['a','b']`) select a sub-object at the end of a path, and branch elsewhere.
    Properties(Vec<String>),
    /// `[0]`, `[-1]` or `[0,2]`.
    Indexes(Vec<i64>),
    /// `[from:to]`.
    Slice(Option<i64>, Option<i64>),
    /// `.*` or `[*]`.
    Wildcard,
    /// `..`: applies the next step at every level from here.
    Scan,
    /// `[?(…)]`.
    Filter(Box<Filter>),
}

/// The steps after the root.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Steps {
    pub steps: Vec<Step>,
    /// Functions such as `.length()` at the end, innermost first.
    pub functions: Vec<Function>,
    /// Whether the steps can match at most one value.
    pub definite: bool,
}

impl Steps {
    /// Whether the path evaluates to a single value. A function on an indefinite path takes the whole array and returns
    /// one value.
    pub fn is_definite(&self) -> bool {
        self.definite || !self.functions.is_empty()
    }
}

impl Steps {
    /// The first step without a match, if all steps are single names and indexes.
    pub fn first_missing(&self, document: &Value) -> Option<String> {
        let mut place = document;
        for step in &self.steps {
            let (name, next) = match step {
                Step::Properties(names) if names.len() == 1 => (names[0].clone(), place.get(&names[0])),
                Step::Indexes(indexes) => match indexes[..] {
                    [index] => (index.to_string(), usize::try_from(index).ok().and_then(|index| place.get(index))),
                    _ => return None,
                },
                _ => return None,
            };
            let Some(next) = next else { return Some(name) };
            place = next;
        }
        None
    }
}

/// Formats steps in the normal form of Jayway's messages: `['a'][0]`.
pub(super) fn render(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Properties(names) => {
                let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
                text += &format!("[{}]", names.join(","));
            }
            Step::Indexes(indexes) => {
                let indexes: Vec<String> = indexes.iter().map(i64::to_string).collect();
                text += &format!("[{}]", indexes.join(","));
            }
            Step::Slice(from, to) => {
                let bound = |bound: &Option<i64>| bound.map(|bound| bound.to_string()).unwrap_or_default();
                text += &format!("[{}:{}]", bound(from), bound(to));
            }
            Step::Wildcard => text += "[*]",
            Step::Scan => text += "..",
            Step::Filter(_) => text += "[?]",
        }
    }
    text
}

/// Shortens a text for an error message.
pub(in super::super) fn shortened(text: &str) -> String {
    const SHOWN: usize = 1_000;
    if text.len() <= SHOWN { text.to_owned() } else { format!("{}...", &text[..text.floor_char_boundary(SHOWN)]) }
}

/// Reads the text of a path. Filters and function parameters use it as well, because they contain paths.
pub(super) struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// The number of filters, brackets and calls that the reader is in.
    pub nesting: usize,
    steps: usize,
    terms: usize,
}

impl<'t> Reader<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0, nesting: 0, steps: 0, terms: 0 }
    }

    fn count_step(&mut self) -> Result<(), PathError> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(self.error(format_args!("the path has more than {MAX_STEPS} steps")));
        }
        Ok(())
    }

    /// Counts a term of a filter.
    pub fn count_term(&mut self) -> Result<(), PathError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(self.error(format_args!("the filters have more than {MAX_TERMS} terms")));
        }
        Ok(())
    }

    pub fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    pub fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub fn looking_at(&self, expected: &str) -> bool {
        self.text[self.at..].starts_with(expected)
    }

    pub fn take(&mut self, expected: &str) -> bool {
        let found = self.looking_at(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    pub fn skip_spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    pub fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let start = self.at;
        while self.peek().is_some_and(&wanted) {
            self.next();
        }
        &self.text[start..self.at]
    }

    pub fn at_end(&self) -> bool {
        self.at == self.text.len()
    }

    pub fn error(&self, reason: impl std::fmt::Display) -> PathError {
        PathError { path: shortened(self.text), reason: format!("{reason}, at position {}", self.at) }
    }

    pub fn expect(&mut self, expected: &str) -> Result<(), PathError> {
        if self.take(expected) { Ok(()) } else { Err(self.error(format_args!("expected '{expected}'"))) }
    }

    /// Runs `inner` one level deeper, up to [`MAX_NESTING`].
    pub fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, PathError>) -> Result<T, PathError> {
        if self.nesting == MAX_NESTING {
            return Err(self.error(format_args!("nested deeper than {MAX_NESTING} levels")));
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    /// Reads `'…'` or `"…"`, with Java's escapes.
    pub fn quoted(&mut self) -> Result<String, PathError> {
        let quote = self.next().filter(|c| matches!(c, '\'' | '"')).ok_or_else(|| self.error("expected a quote"))?;
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(self.error("the quoted text does not end")),
                Some('\\') => match self.next().ok_or_else(|| self.error("nothing follows the backslash"))? {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    'b' => text.push('\u{8}'),
                    'f' => text.push('\u{c}'),
                    'u' => {
                        let digits = self.text.get(self.at..self.at + 4);
                        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                        let code = code.and_then(char::from_u32).ok_or_else(|| self.error("no such character"))?;
                        self.at += 4;
                        text.push(code);
                    }
                    other => text.push(other),
                },
                Some(c) if c == quote => return Ok(text),
                Some(c) => text.push(c),
            }
        }
    }

    pub fn integer(&mut self) -> Result<i64, PathError> {
        let digits = self.take_while(|c| c.is_ascii_digit() || c == '-');
        digits.parse().map_err(|_| self.error(format_args!("'{digits}' is not an index")))
    }

    /// Reads as many steps as possible. `inside` is `true` within a filter or a call, where a space, an operator, `,`
    /// or `)` ends the path.
    pub fn steps(&mut self, inside: bool) -> Result<Steps, PathError> {
        let mut read = Steps::default();
        loop {
            if matches!(self.peek(), Some('.' | '[')) {
                self.count_step()?;
            }
            match self.peek() {
                None => break,
                Some('.') if self.take("..") => {
                    if read.steps.last() == Some(&Step::Scan) {
                        return Err(self.error("'..' follows '..'"));
                    }
                    read.steps.push(Step::Scan);
                    if self.peek() == Some('[') {
                        continue;
                    }
                    self.dotted(&mut read, inside)?;
                }
                Some('.') => {
                    self.next();
                    if self.peek() == Some('[') {
                        continue;
                    }
                    self.dotted(&mut read, inside)?;
                }
                Some('[') => {
                    self.next();
                    self.skip_spaces();
                    let step = self.bracket()?;
                    self.skip_spaces();
                    self.expect("]")?;
                    self.push(&mut read, step)?;
                }
                Some(_) if inside => break,
                Some(c) => return Err(self.error(format_args!("illegal character '{c}', expected '.' or '['"))),
            }
        }
        if read.steps.last() == Some(&Step::Scan) {
            return Err(self.error("the path must not end with '..'"));
        }
        read.definite = read.steps.iter().enumerate().all(|(at, step)| match step {
            // Several names at the end select one object.
            Step::Properties(names) => names.len() == 1 || at + 1 == read.steps.len(),
            Step::Indexes(indexes) => indexes.len() == 1,
            Step::Slice(..) | Step::Wildcard | Step::Scan | Step::Filter(_) => false,
        });
        Ok(read)
    }

    fn push(&self, read: &mut Steps, step: Step) -> Result<(), PathError> {
        if !read.functions.is_empty() {
            return Err(self.error("nothing may follow a function"));
        }
        read.steps.push(step);
        Ok(())
    }

    fn dotted(&mut self, read: &mut Steps, inside: bool) -> Result<(), PathError> {
        if self.take("*") {
            return self.push(read, Step::Wildcard);
        }
        let ends = |c: char| {
            matches!(c, '.' | '[' | '(')
                || c.is_whitespace()
                || (inside && matches!(c, ')' | ',' | '=' | '!' | '<' | '>' | '&' | '|' | ']' | '~'))
        };
        let name = self.take_while(|c| !ends(c));
        if name.is_empty() {
            return Err(self.error("a property name is missing"));
        }
        match self.peek() {
            Some('(') => {
                self.next();
                let function = self.nested(|reader| Function::read(reader, name))?;
                read.functions.push(function);
                Ok(())
            }
            Some(c) if c.is_whitespace() && !inside => {
                Err(self.error("use bracket notation ['my prop'] if your property contains blank characters"))
            }
            _ => self.push(read, Step::Properties(vec![name.to_owned()])),
        }
    }

    fn bracket(&mut self) -> Result<Step, PathError> {
        match self.peek() {
            Some('*') => {
                self.next();
                Ok(Step::Wildcard)
            }
            Some('?') => {
                self.next();
                self.skip_spaces();
                self.expect("(")?;
                let filter = self.nested(Filter::read)?;
                self.expect(")")?;
                Ok(Step::Filter(Box::new(filter)))
            }
            Some('\'' | '"') => {
                let mut names = vec![self.quoted()?];
                loop {
                    self.skip_spaces();
                    if !self.take(",") {
                        break Ok(Step::Properties(names));
                    }
                    self.skip_spaces();
                    names.push(self.quoted()?);
                }
            }
            Some(c) if c.is_ascii_digit() || matches!(c, '-' | ':') => {
                let from = if c == ':' { None } else { Some(self.integer()?) };
                self.skip_spaces();
                if self.take(":") {
                    let bound = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit() || c == '-');
                    let to = if bound(self.peek()) { Some(self.integer()?) } else { None };
                    // Jayway accepts a third part, the step size, and ignores it.
                    if self.take(":") && bound(self.peek()) {
                        self.integer()?;
                    }
                    return if from.is_none() && to.is_none() {
                        Err(self.error("a slice needs a bound"))
                    } else {
                        Ok(Step::Slice(from, to))
                    };
                }
                let mut indexes: Vec<i64> = from.into_iter().collect();
                while self.take(",") {
                    self.skip_spaces();
                    indexes.push(self.integer()?);
                    self.skip_spaces();
                }
                Ok(Step::Indexes(indexes))
            }
            _ => Err(self.error("the content of the brackets is not valid")),
        }
    }
}
