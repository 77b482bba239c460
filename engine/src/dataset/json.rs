//! Items in JSON: an array, or one document per line.

use std::{fmt, ops::ControlFlow};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::Take;

/// Reads the elements of the array at a JSON Pointer.
pub(super) fn read(text: &str, pointer: &str, take: &mut Take<'_>) -> Result<(), String> {
    let way: Vec<String> = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    let mut found = Found { any: false, enough: false };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Place { way: &way, take, found: &mut found }.deserialize(&mut deserializer);
    match read.and_then(|()| deserializer.end()) {
        // Text after the last requested item is not checked.
        _ if found.enough => Ok(()),
        Err(error) => Err(format!("The object is not usable JSON: {error}")),
        Ok(()) if !found.any => Err(format!("The object has nothing at the ItemsPointer '{pointer}'")),
        Ok(()) => Ok(()),
    }
}

/// Reads one document per line. Empty lines are skipped.
pub(super) fn read_lines(text: &str, take: &mut Take<'_>) -> Result<(), String> {
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let item: Value =
            serde_json::from_str(line).map_err(|error| format!("Line {} is not JSON: {error}", index + 1))?;
        if take(item).is_break() {
            break;
        }
    }
    Ok(())
}

struct Found {
    any: bool,
    enough: bool,
}

/// A step on the path to the array. Values beside the path are not kept in memory.
struct Place<'p, 't> {
    way: &'p [String],
    take: &'p mut Take<'t>,
    found: &'p mut Found,
}

impl<'de> DeserializeSeed<'de> for Place<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.way.is_empty() {
            "an array of items"
        } else {
            "an object or an array on the path of ItemsPointer"
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { way, take, found } = self;
        let Some((step, rest)) = way.split_first() else {
            found.any = true;
            while let Some(item) = items.next_element::<Value>()? {
                if let ControlFlow::Break(()) = take(item) {
                    found.enough = true;
                    return Err(A::Error::custom("enough"));
                }
            }
            return Ok(());
        };
        let wanted = step.parse::<usize>().ok();
        let mut index = 0;
        loop {
            let more = if wanted == Some(index) {
                items.next_element_seed(Place { way: rest, take: &mut *take, found: &mut *found })?.is_some()
            } else {
                items.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let Self { way, take, found } = self;
        let Some((step, rest)) = way.split_first() else {
            return Err(A::Error::custom(
                "expected an array of items, found an object; set ItemsPointer to its location",
            ));
        };
        while let Some(name) = fields.next_key::<String>()? {
            if name == *step {
                fields.next_value_seed(Place { way: rest, take: &mut *take, found: &mut *found })?;
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::items;
    use crate::definition::DataSet;

    fn json_at(pointer: &str) -> DataSet {
        DataSet::Json { pointer: pointer.to_owned() }
    }

    #[test]
    fn an_array_yields_its_elements() {
        assert_eq!(items(" [1, {\"a\": [2]}] ", &json_at("")).unwrap(), [json!(1), json!({"a": [2]})]);
        assert!(items("[]", &json_at("")).unwrap().is_empty());
    }

    #[test]
    fn a_pointer_can_refer_into_objects_and_arrays() {
        let text = r#"{"x": [9], "a/b": [0, {"m~n": ["p", "q"]}], "y": {"deep": []}}"#;
        assert_eq!(items(text, &json_at("/a~1b/1/m~0n")).unwrap(), [json!("p"), json!("q")]);
    }

    #[test]
    fn a_value_that_is_not_an_array_is_refused_and_described() {
        let refused = |text: &str, pointer: &str| items(text, &json_at(pointer)).unwrap_err();
        assert!(
            refused(r#"{"a": 1}"#, "").contains("expected an array of items, found an object"),
            "{}",
            refused("{}", "")
        );
        assert!(refused("7", "").contains("invalid type: integer `7`, expected an array of items"));
        assert_eq!(refused(r#"{"a": [1]}"#, "/b"), "The object has nothing at the ItemsPointer '/b'");
        assert!(refused(r#"{"a": 1}"#, "/a/b").contains("expected an object or an array on the path of ItemsPointer"));
        assert!(refused("[1, 2", "").contains("EOF while parsing"));
        assert!(refused("[1] 2", "").contains("trailing characters"));
        assert!(refused(&("[".repeat(1_000) + &"]".repeat(1_000)), "").contains("recursion limit"));
    }

    #[test]
    fn each_line_is_a_document() {
        assert_eq!(
            items("{\"a\": 1}\r\n\n\"x\"\n[2]", &DataSet::JsonLines).unwrap(),
            [json!({"a": 1}), json!("x"), json!([2])]
        );
        let refused = items("{}\n{\"a\": \n", &DataSet::JsonLines).unwrap_err();
        assert!(refused.starts_with("Line 2 is not JSON: "), "{refused}");
    }
}
