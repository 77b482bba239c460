//! Text in addresses.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Text as one part of a path or as a value in a query: everything but letters, digits and `-_.~` is percent-encoded.
pub fn escape(text: &str) -> String {
    const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, &RESERVED).to_string()
}
