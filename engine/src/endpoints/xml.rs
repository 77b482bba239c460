//! XML answers of SNS and S3.

use roxmltree::{Document, Node};
use serde_json::{Map, Value};

use super::{http::Response, service::ErrorDocument};

/// The first element with this name at any depth.
pub(super) fn find<'a, 'input>(document: &'a Document<'input>, name: &str) -> Option<Node<'a, 'input>> {
    document.descendants().find(|node| node.is_element() && node.tag_name().name() == name)
}

pub(super) fn elements<'a, 'input>(node: Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(Node::is_element)
}

pub(super) fn text(node: Node<'_, '_>) -> String {
    node.text().unwrap_or_default().to_owned()
}

/// The text of a child element.
pub(super) fn child_text(node: Node<'_, '_>, name: &str) -> Option<String> {
    elements(node).find(|child| child.tag_name().name() == name).map(text)
}

/// Parses an error document, `<Error><Code>NoSuchKey</Code><Message>…</Message></Error>`, at any depth.
pub(super) fn error_document(response: &Response) -> ErrorDocument {
    let body = response.text();
    let Ok(document) = Document::parse(&body) else { return ErrorDocument::default() };
    let Some(error) = find(&document, "Error") else { return ErrorDocument::default() };
    ErrorDocument { exception: child_text(error, "Code"), code: None, message: child_text(error, "Message") }
}

/// More than the nesting of any answer from SNS.
const MAX_DEPTH: usize = 16;

/// Converts an element of the query protocol to JSON. Lists consist of `member`s and maps of `entry`s.
pub(super) fn value(node: Node<'_, '_>) -> Value {
    value_within(node, MAX_DEPTH)
}

fn value_within(node: Node<'_, '_>, depth: usize) -> Value {
    let mut children = elements(node).filter(|_| depth > 0).peekable();
    let value = |node| value_within(node, depth.saturating_sub(1));
    match children.peek().map(|child| child.tag_name().name()) {
        None => text(node).into(),
        Some("member") => children.map(value).collect(),
        Some("entry") => children
            .filter_map(|entry| {
                Some((child_text(entry, "key")?, child_text(entry, "value").unwrap_or_default().into()))
            })
            .collect::<Map<_, _>>()
            .into(),
        Some(_) => {
            let members = children.map(|child| (child.tag_name().name().to_owned(), value(child)));
            members.collect::<Map<_, _>>().into()
        }
    }
}
