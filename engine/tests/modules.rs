//! The modules of the crate do not import each other in circles.

#[path = "support/imports.rs"]
mod imports;

use std::{collections::BTreeSet, path::Path};

use imports::{Imports, assert_no_circle, circle, imported, root_names};

#[test]
fn modules_do_not_import_each_other_in_circles() {
    assert_no_circle(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &[], 11);
}

#[test]
fn the_stored_rows_do_not_import_each_other_in_circles() {
    assert_no_circle(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store"), &["store"], 11);
}

#[test]
fn a_circle_is_found_through_groups_reexports_and_other_modules() {
    let files = [
        ("lib", "mod a;\npub use b::{Thing, Other};\nuse a::x;"),
        ("a", "use crate::{\n    Thing,\n    d::{self, E},\n};"),
        ("b", "// crate::a is only mentioned here.\nfn f() { crate::c::call() }"),
        ("c", "use crate::a::x;\n"),
        ("d", "#[cfg(test)]\nmod tests {\n    use crate::a::x;\n}\n"),
    ];
    let roots = root_names(files[0].1);
    let imports: Imports =
        files[1..].iter().map(|(module, text)| ((*module).to_owned(), imported(text, "crate", &roots))).collect();
    assert_eq!(imports["a"], BTreeSet::from(["b".to_owned(), "d".to_owned()]));
    assert_eq!(imports["d"], BTreeSet::new());
    assert_eq!(circle(&imports).unwrap(), ["a", "b", "c", "a"]);
}
