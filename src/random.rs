//! Random bytes and ids.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// 32 random bytes from the operating system.
///
/// # Panics
/// Panics if the operating system provides no randomness, because secrets would be guessable.
pub fn bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

/// A random id with 128 bits: 22 letters, digits, `-` and `_`.
pub fn id() -> String {
    URL_SAFE_NO_PAD.encode(&bytes()[..16])
}

/// A random number below `limit`, which must be small: the bias is at most `limit` in 2³².
pub fn below(limit: u32) -> u32 {
    let [a, b, c, d, ..] = bytes();
    u32::from_le_bytes([a, b, c, d]) % limit.max(1)
}
