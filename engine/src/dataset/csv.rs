//! Items in delimited text. Each row is an item: an object that maps headers to fields.
//!
//! The rules are those of the developer guide, which CSV libraries do not implement: a backslash escapes inside and
//! outside of quotation marks.

use std::str::Chars;

use serde_json::{Map, Value};

use super::Take;
use crate::definition::MAX_HEADERS;

pub(super) fn read(text: &str, delimiter: char, headers: Option<&[String]>, take: &mut Take<'_>) -> Result<(), String> {
    let mut rows = Rows { rest: text.chars(), delimiter, number: 0 };
    let headers = match headers {
        Some(given) => given.to_vec(),
        None => rows.next().transpose()?.ok_or("The object is empty: its first row must contain the headers")?,
    };
    check(&headers)?;
    for row in rows {
        // Missing fields at the end of a row are empty; surplus fields are dropped.
        let mut fields = row?.into_iter();
        let item: Map<String, Value> =
            headers.iter().map(|header| (header.clone(), fields.next().unwrap_or_default().into())).collect();
        if take(item.into()).is_break() {
            break;
        }
    }
    Ok(())
}

fn check(headers: &[String]) -> Result<(), String> {
    if headers.iter().map(String::len).sum::<usize>() > MAX_HEADERS {
        return Err(format!("The headers have more than {MAX_HEADERS} bytes"));
    }
    for (at, header) in headers.iter().enumerate() {
        if headers[..at].contains(header) {
            return Err(format!("The header '{header}' occurs more than once: headers must be unique"));
        }
    }
    Ok(())
}

/// Iterates over rows, each a list of fields.
struct Rows<'t> {
    rest: Chars<'t>,
    delimiter: char,
    number: usize,
}

impl Iterator for Rows<'_> {
    type Item = Result<Vec<String>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.as_str().is_empty() {
                return None;
            }
            self.number += 1;
            match self.row() {
                // Empty lines are skipped.
                Ok(fields) if fields.len() == 1 && fields[0].is_empty() => {}
                row => return Some(row),
            }
        }
    }
}

impl Rows<'_> {
    fn row(&mut self) -> Result<Vec<String>, String> {
        let mut fields = Vec::new();
        let mut field = String::new();
        // Whether the field began with a quotation mark, and whether it is still open.
        let (mut quoted, mut open) = (false, false);
        while let Some(char) = self.rest.next() {
            match char {
                '\\' => match self.peek() {
                    Some(escaped) if escaped == '\\' || escaped == '"' || escaped == self.delimiter => {
                        field.push(escaped);
                        self.rest.next();
                    }
                    // AWS drops a backslash that escapes nothing.
                    _ => {}
                },
                '"' if open && self.peek() == Some('"') => {
                    field.push('"');
                    self.rest.next();
                }
                '"' if open => open = false,
                '"' if field.is_empty() && !quoted => (quoted, open) = (true, true),
                '\r' if !open && self.peek() == Some('\n') => {}
                '\n' if !open => break,
                _ if char == self.delimiter && !open => {
                    fields.push(std::mem::take(&mut field));
                    quoted = false;
                }
                _ => field.push(char),
            }
        }
        if open {
            return Err(format!("The quotation mark of a field in row {} is never closed", self.number));
        }
        fields.push(field);
        Ok(fields)
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::items;
    use super::*;
    use crate::definition::DataSet;

    fn commas(text: &str) -> Result<Vec<Value>, String> {
        items(text, &DataSet::Csv { delimiter: ',', headers: None })
    }

    #[test]
    fn a_row_is_an_object_of_strings() {
        assert_eq!(
            commas("id,name\r\n1,\"Ada, Countess\"\r\n\r\n2,\"two\nlines\"").unwrap(),
            [json!({"id": "1", "name": "Ada, Countess"}), json!({"id": "2", "name": "two\nlines"})]
        );
    }

    #[test]
    fn a_row_has_the_fields_named_by_the_headers() {
        assert_eq!(
            commas("a,b\n1\n1,2,3\n,\n").unwrap(),
            [json!({"a": "1", "b": ""}), json!({"a": "1", "b": "2"}), json!({"a": "", "b": ""})]
        );
    }

    #[test]
    fn quotation_marks_and_backslashes_are_escaped_as_on_aws() {
        assert_eq!(
            commas("path,size\nC:\\\\Program Files\\\\MyApp.exe,6534512\n").unwrap(),
            [json!({"path": "C:\\Program Files\\MyApp.exe", "size": "6534512"})]
        );
        assert_eq!(
            commas("v,w\n\"say \"\"hi\"\"\",\"{\\\"a\\\": 1}\"\na\\,b,\\n5\" long\n\"\",x\n").unwrap(),
            [
                json!({"v": "say \"hi\"", "w": "{\"a\": 1}"}),
                json!({"v": "a,b", "w": "n5\" long"}),
                json!({"v": "", "w": "x"}),
            ]
        );
    }

    #[test]
    fn headers_and_the_delimiter_can_be_configured() {
        for (delimiter, text) in [('|', "1|2"), (';', "1;2"), (' ', "1 2"), ('\t', "1\t2")] {
            let headers = Some(vec!["a".to_owned(), "b".to_owned()]);
            assert_eq!(items(text, &DataSet::Csv { delimiter, headers }).unwrap(), [json!({"a": "1", "b": "2"})]);
        }
    }

    #[test]
    fn invalid_headers_and_quotation_marks_are_reported() {
        assert_eq!(commas("").unwrap_err(), "The object is empty: its first row must contain the headers");
        assert!(commas("a,b,a\n1,2,3").unwrap_err().starts_with("The header 'a' occurs more than once"));
        assert_eq!(commas(&"h".repeat(MAX_HEADERS + 1)).unwrap_err(), "The headers have more than 10240 bytes");
        assert_eq!(commas("a\n1\n\"2\n3").unwrap_err(), "The quotation mark of a field in row 3 is never closed");
    }
}
