//! The modules of the crate do not import each other in circles.

#[path = "../../engine/tests/support/imports.rs"]
mod imports;

use std::path::Path;

use imports::assert_no_circle;

#[test]
fn modules_do_not_import_each_other_in_circles() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_no_circle(&source, &[], 10);
    for folder in ["components", "desk", "domain", "islands", "pages"] {
        assert_no_circle(&source.join(folder), &[folder], 4);
    }
}
