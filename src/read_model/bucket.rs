//! Buckets of durations that are about the same. By their counts a median is found without reading every duration.

/// Buckets for each doubling of a duration: each is 4 % wide.
const BUCKETS: f64 = 16.0;

/// The bucket of a duration in milliseconds. Durations that are about the same share a bucket.
pub fn bucket(took: i64) -> i64 {
    if took < 1 { 0 } else { (((took as f64).log2() + 1.0) * BUCKETS) as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_that_are_about_the_same_share_a_bucket() {
        assert_eq!([-5, 0].map(bucket), [0, 0]);
        assert_eq!(bucket(1_000), bucket(1_010));
        assert!(bucket(1_000) < bucket(1_100) && bucket(1) < bucket(2));
    }
}
