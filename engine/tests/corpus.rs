//! Runs the fuzz targets with every file of their corpus.

#[path = "../fuzz/feed.rs"]
mod feed;

use std::path::Path;

fn feed_all(target: &str, feed: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut fed = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let file = file.unwrap().path();
        // Shows which file caused a panic.
        println!("{}", file.display());
        feed(&std::fs::read(&file).unwrap());
        fed += 1;
    }
    assert!(fed > 0, "{} is empty", folder.display());
}

#[test]
fn no_definition_of_the_corpus_causes_a_panic() {
    feed_all("definition", feed::definition);
}

#[test]
fn no_path_of_the_corpus_causes_a_panic() {
    feed_all("path", feed::path);
}

#[test]
fn no_intrinsic_call_of_the_corpus_causes_a_panic() {
    feed_all("intrinsic", feed::intrinsic);
}

#[test]
fn every_request_of_the_corpus_is_answered_or_refused() {
    feed_all("protocol", feed::protocol);
}

#[test]
fn no_jsonata_expression_of_the_corpus_causes_a_panic() {
    feed_all("jsonata", feed::jsonata);
}
