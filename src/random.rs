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

/// A number below `limit`, which is small: some numbers are likelier than others by as little as `limit` in 2³².
pub fn below(limit: u32) -> u32 {
    let [a, b, c, d, ..] = bytes();
    u32::from_le_bytes([a, b, c, d]) % limit.max(1)
}
