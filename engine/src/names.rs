//! Names that AWS spells in two ways: `updateItem` and `UpdateItem`.

/// `SendMessage` of `sendMessage`.
pub(crate) fn pascal_case(name: &str) -> String {
    with_first(name, char::to_ascii_uppercase)
}

/// The name with its first letter changed.
pub(crate) fn with_first(name: &str, change: fn(&char) -> char) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| change(&first)).into_iter().chain(letters).collect()
}
