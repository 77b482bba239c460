//! Unguessable names.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// 32 bytes from the operating system.
///
/// # Panics
/// Only where the operating system has no randomness to give: nothing that needs a secret may go on there.
pub fn bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

/// A new id of 22 letters, digits, `-` and `_`: 128 bits.
pub fn id() -> String {
    URL_SAFE_NO_PAD.encode(&bytes()[..16])
}
