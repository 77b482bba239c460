#![no_main]

#[path = "../feed.rs"]
#[allow(dead_code, reason = "each target uses one function")]
mod feed;

libfuzzer_sys::fuzz_target!(|input: &[u8]| feed::path(input));
