//! Changes the colour theme and keeps the choice in a cookie.

use axum::http::header;
use leptos::prelude::*;

use crate::{request, theme::Theme};

#[server(prefix = "/desk", endpoint = "choose-theme")]
pub async fn choose_theme(
    #[server(default)] theme: String,
    /// The page to return to.
    #[server(default)]
    back: String,
) -> Result<(), ServerFnError> {
    request::add_header(header::SET_COOKIE, &Theme::from_key(&theme).unwrap_or_default().cookie());
    request::see_other(if is_own_path(&back) { &back } else { "/" });
    Ok(())
}

/// Whether the path leads to a page of this desk. `//example.com` is another site. To a browser, so are `/\example.com`
/// and `/<tab>/example.com`, because browsers remove tabs and line breaks from addresses.
fn is_own_path(path: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && c != '\\';
    path.starts_with('/') && !path.starts_with("//") && path.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_desk_are_returned_to() {
        assert!(is_own_path("/applications?q=PO1&status=approved"));
        for elsewhere in [
            "",
            "https://example.com",
            "//example.com",
            "/\\example.com",
            "/a\r\nSet-Cookie: x",
            "/\t/example.com",
            "/\n/example.com",
            "/\u{0}/example.com",
            "/\u{7f}/example.com",
        ] {
            assert!(!is_own_path(elsewhere), "{elsewhere}");
        }
    }
}
