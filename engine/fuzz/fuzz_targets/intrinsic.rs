#![no_main]

#[path = "../feed.rs"]
#[allow(dead_code, reason = "each target feeds one thing")]
mod feed;

libfuzzer_sys::fuzz_target!(|input: &[u8]| feed::intrinsic(input));
