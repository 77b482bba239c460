//! SplitMix64: random choices that are the same whenever a step is repeated.

/// Draws a number from a seed and a nonce. It is well distributed, which is all that jitter and the ids of map runs need,
/// but not secret.
pub(crate) fn mixed(seed: u64, nonce: u64) -> u64 {
    let mut mixed = seed.wrapping_add(nonce.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers that the published generator draws from this seed.
    #[test]
    fn it_draws_what_the_published_generator_draws() {
        let drawn: Vec<u64> = (1..=3).map(|nonce| mixed(1_234_567, nonce)).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }
}
