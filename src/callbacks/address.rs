//! The address of a callback.

use url::form_urlencoded;

/// The `request` parameter of a query. A query with two different values was not signed by a desk, but the callback
/// must still be stored.
pub fn request_in(query: &str) -> Option<String> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "request");
    let (_, first) = values.next()?;
    let first = first.into_owned();
    if values.all(|(_, value)| value == first) { Some(first) } else { Some(String::new()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_request_parameter_counts_once_and_different_values_are_invalid() {
        assert_eq!(request_in("a=b"), None);
        assert_eq!(request_in("request=a.b&x=y").as_deref(), Some("a.b"));
        assert_eq!(request_in("request=a.b&request=a%2Eb").as_deref(), Some("a.b"));
        assert_eq!(request_in("request=a.b&request=c.d").as_deref(), Some(""));
        assert!(request_in("request=%FF").is_some());
    }
}
