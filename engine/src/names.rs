//! Names that AWS writes in two ways, such as `updateItem` and `UpdateItem`.

/// Converts `sendMessage` to `SendMessage`.
pub(crate) fn pascal_case(name: &str) -> String {
    with_first(name, char::to_ascii_uppercase)
}

/// Changes the first letter of a name.
pub(crate) fn with_first(name: &str, change: fn(&char) -> char) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| change(&first)).into_iter().chain(letters).collect()
}
