//! Generated references, for applications submitted without one.

use std::sync::atomic::{AtomicU64, Ordering};

use time::OffsetDateTime;

/// The time of the last reference that this process suggested, in milliseconds since the epoch.
static LAST: AtomicU64 = AtomicU64::new(0);

/// A unique reference: `LN-`, the time in milliseconds, and three random characters, which keep references of several
/// desks apart. References sort by the time of suggestion.
pub fn suggest_reference(at: OffsetDateTime) -> String {
    let millis = u64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
    let after = |last: u64| millis.max(last + 1);
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last)));
    let mut random = [0; 2];
    // Without randomness the reference is still unique to this desk.
    let _ = getrandom::fill(&mut random);
    let random = u64::from(u16::from_be_bytes(random)) % (1 << 15);
    // The closure always returns `Some`; both variants hold the previous value.
    let (Ok(last) | Err(last)) = last;
    format!("LN-{}{:0>3}", in_crockfords_alphabet(after(last)), in_crockfords_alphabet(random))
}

/// Crockford's base 32. It has no letters that look like digits, so a reference can be read out on the phone.
fn in_crockfords_alphabet(mut number: u64) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut digits = Vec::new();
    while number > 0 {
        digits.push(char::from(ALPHABET[(number % 32) as usize]));
        number /= 32;
    }
    digits.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::domain::ApplicationReference;

    #[test]
    fn suggested_references_are_valid_and_sort_by_time() {
        let earlier = suggest_reference(datetime!(2026-11-22 10:20:30.123 UTC));
        let later = suggest_reference(datetime!(2026-11-22 10:20:30.124 UTC));
        assert!(earlier < later, "{earlier} {later}");
        assert!(earlier.parse::<ApplicationReference>().is_ok(), "{earlier}");
    }

    #[test]
    fn references_suggested_in_the_same_millisecond_differ() {
        let at = datetime!(2026-11-22 10:20:30.123 UTC);
        let suggested: std::collections::BTreeSet<_> = (0..1_000).map(|_| suggest_reference(at)).collect();
        assert_eq!(suggested.len(), 1_000);
        let lengths: std::collections::BTreeSet<_> = suggested.iter().map(String::len).collect();
        assert_eq!(lengths.len(), 1);
    }
}
