//! A minimal HTML reader for the desk's pages: text, links and forms.

use std::collections::BTreeMap;

#[derive(Debug)]
pub struct Tag<'a> {
    /// `input`, or `/form`.
    pub name: &'a str,
    pub attributes: BTreeMap<&'a str, String>,
    /// The text between this tag and the next one.
    pub text: &'a str,
}

impl Tag<'_> {
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// All tags in order, without comments.
pub fn tags(html: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let name_ends = rest.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(rest.len());
        let (name, attributes) = rest.split_at(name_ends);
        let (attributes, after) = read_attributes(attributes);
        rest = after;
        let text = &rest[..rest.find('<').unwrap_or(rest.len())];
        tags.push(Tag { name: name.trim_end_matches('/'), attributes, text });
    }
    tags
}

/// Reads attributes up to the end of the tag. Returns them and the remaining text.
fn read_attributes(mut rest: &str) -> (BTreeMap<&str, String>, &str) {
    let mut attributes = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return (attributes, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (attributes, after);
        }
        let name_ends = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(name_ends);
        let (value, after) = match after.strip_prefix("=\"") {
            Some(quoted) => quoted.split_once('"').expect("a quote that ends"),
            None => ("", after),
        };
        attributes.insert(name, unescape(value));
        rest = after;
    }
}

/// The visible text, with whitespace collapsed to single spaces.
pub fn words(html: &str) -> String {
    let mut words = String::new();
    let mut hidden = false;
    for tag in tags(html) {
        match tag.name {
            "script" | "style" => hidden = true,
            "/script" | "/style" => hidden = false,
            _ => {}
        }
        if !hidden {
            words.push_str(&unescape(tag.text));
            words.push(' ');
        }
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub fn unescape(text: &str) -> String {
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    plain.iter().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}
