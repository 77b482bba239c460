//! Generated references, for applications submitted without one.

use std::sync::atomic::{AtomicU64, Ordering};

use time::OffsetDateTime;

use super::ApplicationReference;

/// The time of the last reference that this process generated, in milliseconds since the epoch.
static LAST: AtomicU64 = AtomicU64::new(0);

impl ApplicationReference {
    /// A new reference: `LN-`, the time in milliseconds, and three random characters, so that two desks do not generate
    /// the same one in the same millisecond. Later references sort after earlier ones.
    pub fn generate(at: OffsetDateTime) -> Self {
        let millis = u64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
        let after = |last: u64| millis.max(last + 1);
        let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last)));
        let mut random = [0; 2];
        // Without randomness the reference is still unique to this desk.
        let _ = getrandom::fill(&mut random);
        let random = u64::from(u16::from_be_bytes(random)) % (1 << 15);
        // The closure always returns `Some`; both variants hold the previous value.
        let (Ok(last) | Err(last)) = last;
        Self(format!("LN-{}{:0>3}", in_crockfords_alphabet(after(last)), in_crockfords_alphabet(random)))
    }
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

    #[test]
    fn a_generated_reference_is_valid_and_later_ones_sort_after_it() {
        let earlier = ApplicationReference::generate(datetime!(2026-11-22 10:20:30.123 UTC));
        let later = ApplicationReference::generate(datetime!(2026-11-22 10:20:30.124 UTC));
        assert!(earlier < later, "{earlier} {later}");
        assert_eq!(earlier.as_str().parse(), Ok(earlier.clone()));
    }

    #[test]
    fn references_generated_in_one_millisecond_differ() {
        let at = datetime!(2026-11-22 10:20:30.123 UTC);
        let generated: std::collections::BTreeSet<_> = (0..1_000).map(|_| ApplicationReference::generate(at)).collect();
        assert_eq!(generated.len(), 1_000);
        let lengths: std::collections::BTreeSet<_> =
            generated.iter().map(|reference| reference.as_str().len()).collect();
        assert_eq!(lengths.len(), 1);
    }
}
