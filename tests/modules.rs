//! The modules of the server do not import each other in circles.

#[path = "../engine/tests/support/imports.rs"]
mod imports;

use std::path::Path;

use imports::assert_no_circle;

#[test]
fn modules_do_not_import_each_other_in_circles() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_no_circle(&source, &[], 30);
    for folder in
        ["api", "applications", "callbacks", "deploy", "desk", "invocation", "read_model", "tasks", "workflow"]
    {
        assert_no_circle(&source.join(folder), &[folder], 2);
    }
}
