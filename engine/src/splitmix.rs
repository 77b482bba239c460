//! SplitMix64: pseudo-random numbers that are the same whenever a step is repeated.

/// Returns the `nonce`-th number of the sequence for a seed. The numbers are well distributed, as jitter and the ids of
/// map runs require, but not secret.
pub(crate) fn nth(seed: u64, nonce: u64) -> u64 {
    let mut bits = seed.wrapping_add(nonce.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers that the reference implementation generates from this seed.
    #[test]
    fn the_numbers_match_the_reference_implementation() {
        let drawn: Vec<u64> = (1..=3).map(|nonce| nth(1_234_567, nonce)).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }
}
