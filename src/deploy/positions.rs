//! Where the values of a JSON text stand, by line and column.

use std::fmt;

/// A place in a text. Both numbers start at 1, and columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Finds the field or element at a location as Step Functions writes it, for example `/States/Ask/Retry[0]/ErrorEquals`.
/// If there is none, because a required field is missing for example, this is the innermost one that encloses it.
///
/// `json` must be valid. `None` if the location leads nowhere at all.
pub fn position(json: &str, location: &str) -> Option<Position> {
    let mut found = Found { location, length: 0, at: None };
    Scanner { json, at: 0 }.value(Some(0), &mut found);
    let before = json.get(..found.at?)?;
    let line = before.rsplit('\n').next().unwrap_or_default();
    Some(Position { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 })
}

/// The innermost match so far.
struct Found<'l> {
    location: &'l str,
    /// How much of the location it matches, in bytes.
    length: usize,
    /// Its offset in the text.
    at: Option<usize>,
}

impl Found<'_> {
    /// Whether `step` continues the location after `matched` bytes. Returns how many bytes match then.
    fn step(&mut self, matched: usize, step: &str, at: usize) -> Option<usize> {
        let rest = self.location[matched..].strip_prefix(step)?;
        // Names of states can contain `/` and `[`, so a longer match of another field may follow.
        if !(rest.is_empty() || rest.starts_with(['/', '['])) {
            return None;
        }
        let length = matched + step.len();
        // If a field occurs twice, the last one counts.
        if length >= self.length {
            (self.length, self.at) = (length, Some(at));
        }
        Some(length)
    }
}

/// Reads valid JSON. Anything else is skipped without an error.
struct Scanner<'j> {
    json: &'j str,
    /// The offset of the next byte.
    at: usize,
}

impl Scanner<'_> {
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.json.as_bytes();
        while bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Skips a value. `matched` is how much of the location leads to it, or `None` if the location does not.
    fn value(&mut self, matched: Option<usize>, found: &mut Found<'_>) {
        match self.peek() {
            Some(b'{') => self.elements(b'}', matched, found),
            Some(b'[') => self.elements(b']', matched, found),
            Some(b'"') => drop(self.string()),
            _ => {
                let rest = self.json.get(self.at..).unwrap_or_default();
                self.at += rest.find([',', '}', ']']).unwrap_or(rest.len());
            }
        }
    }

    /// Skips an object or an array.
    fn elements(&mut self, end: u8, matched: Option<usize>, found: &mut Found<'_>) {
        self.at += 1;
        for index in 0.. {
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(next) if next != end => {}
                _ => break,
            }
            self.peek();
            let at = self.at;
            let step = if end == b'}' {
                let name = self.string();
                self.peek();
                self.at += 1;
                format!("/{name}")
            } else {
                format!("[{index}]")
            };
            let matched = matched.and_then(|matched| found.step(matched, &step, at));
            let before = self.at;
            self.value(matched, found);
            if self.at == before {
                return;
            }
        }
        self.at = (self.at + 1).min(self.json.len());
    }

    /// Skips and returns a string.
    fn string(&mut self) -> String {
        let begin = self.at;
        let bytes = self.json.as_bytes();
        self.at += 1;
        while let Some(byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => self.at += 1,
                _ => {}
            }
        }
        self.at = self.at.min(self.json.len());
        self.json.get(begin..self.at).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{
  "StartAt": "Ask",
  "States": {
    "Ask": {"Type": "Task", "Retry": [{"a": 1}, {"ErrorEquals": []}]},
    "Ask/Next": {"Größe": "ü", "Next": "\"A\""}
  }
}"#;

    fn at(location: &str) -> Option<String> {
        position(JSON, location).map(|position| position.to_string())
    }

    #[test]
    fn fields_and_elements_have_positions() {
        for (location, expected) in [
            ("/StartAt", "2:3"),
            ("/States/Ask", "4:5"),
            ("/States/Ask/Type", "4:13"),
            ("/States/Ask/Retry[1]", "4:49"),
            ("/States/Ask/Retry[1]/ErrorEquals", "4:50"),
            ("/States/Ask/Next", "5:5"),
            ("/States/Ask/Next/Next", "5:32"),
        ] {
            assert_eq!(at(location).as_deref(), Some(expected), "{location}");
        }
    }

    #[test]
    fn a_missing_field_is_where_its_object_is() {
        assert_eq!(at("/States/Ask/Resource").as_deref(), Some("4:5"));
        assert_eq!(at("/States/Ask/Retry[7]/ErrorEquals").as_deref(), Some("4:29"));
        assert_eq!(at("/States/Other").as_deref(), Some("3:3"));
        assert_eq!(at("/Nothing"), None);
        assert_eq!(at(""), None);
    }

    #[test]
    fn text_that_is_not_json_causes_no_panic() {
        for text in ["", "{", "[", "{\"a", "{\"a\\", "[1,", "{\"a\":}", "nonsense", "{]}", "[}", "[,,]"] {
            let _ = position(text, "/a[0]/b");
        }
    }
}
