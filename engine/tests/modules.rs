//! The modules of the crate have no circular imports.
//!
//! The test reads the `crate::` paths in the sources. Test code (`#[cfg(test)]`, files and folders named `tests`) may
//! import anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The modules that each module imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn modules_do_not_import_each_other_in_circles() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let imports = imports(&source, &[]);
    assert!(imports.len() > 10, "few modules found: {:?}", imports.keys());
    assert_eq!(circle(&imports), None);
}

#[test]
fn the_stored_rows_do_not_import_each_other_in_circles() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let imports = imports(&source, &["store"]);
    assert!(imports.len() > 10, "few modules found: {:?}", imports.keys());
    assert_eq!(circle(&imports), None);
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

/// The modules in a folder, and which of the others each imports. `inside` is the path of the folder in the crate.
fn imports(folder: &Path, inside: &[&str]) -> Imports {
    let root = if inside.is_empty() { "lib.rs" } else { "mod.rs" };
    let roots = root_names(&fs::read_to_string(folder.join(root)).unwrap());
    let mut imports = Imports::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.ends_with(root) {
            continue;
        }
        let prefix: Vec<&str> = std::iter::once("crate").chain(inside.iter().copied()).collect();
        let of_module = imports.entry(module.clone()).or_default();
        for file in source_files(&path) {
            let text = fs::read_to_string(&file).unwrap();
            of_module.extend(imported(&text, &prefix.join("::"), &roots));
            if !inside.is_empty() && path.is_file() {
                of_module.extend(imported(&text, "super", &roots));
            }
        }
        of_module.remove(&module);
    }
    let known: BTreeSet<String> = imports.keys().cloned().collect();
    imports.values_mut().for_each(|of_module| of_module.retain(|module| known.contains(module)));
    imports
}

/// The source files of a module, except those that contain tests.
fn source_files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return Vec::from([path.to_owned()]);
    }
    let mut files = Vec::new();
    let main = fs::read_to_string(path.join("mod.rs"))
        .or_else(|_| fs::read_to_string(path.with_extension("rs")))
        .unwrap_or_default();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_test = name == "tests" || main.contains(&format!("#[cfg(test)]\nmod {name};"));
        if !is_test && (path.is_dir() || path.extension().is_some_and(|extension| extension == "rs")) {
            files.extend(source_files(&path));
        }
    }
    files
}

/// The module that each re-export of the root comes from.
fn root_names(text: &str) -> BTreeMap<String, String> {
    let text = code(text);
    text.split("use ")
        .skip(1)
        .filter_map(|rest| rest.split(';').next())
        .flat_map(expanded)
        .filter_map(|path| {
            let path = path.trim_start_matches("self::");
            let (module, _) = path.split_once("::")?;
            Some((path.rsplit("::").next()?.to_owned(), module.to_owned()))
        })
        .collect()
}

/// The modules that a source file refers to with paths that begin with the prefix.
fn imported(text: &str, prefix: &str, roots: &BTreeMap<String, String>) -> BTreeSet<String> {
    let text = code(text);
    let mut modules = BTreeSet::new();
    for (at, _) in text.match_indices(&format!("{prefix}::")) {
        if text[..at].ends_with(|before: char| before.is_alphanumeric() || matches!(before, '_' | ':')) {
            continue;
        }
        let rest = &text[at + prefix.len() + 2..];
        let end = if rest.starts_with('{') {
            rest.find(';')
        } else {
            rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))
        };
        for path in expanded(&rest[..end.unwrap_or(rest.len())]) {
            let first = path.split("::").next().unwrap_or_default();
            modules.insert(roots.get(first).map_or(first, String::as_str).to_owned());
        }
    }
    modules
}

/// The source without comments and without test modules at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .fold(String::new(), |code, line| code + line + "\n")
}

/// Expands the groups of a `use`: `a::{b, c::{d}}` becomes `a::b` and `a::c::d`.
fn expanded(path: &str) -> Vec<String> {
    let path: String = path.split_whitespace().collect::<Vec<_>>().join("");
    let Some((before, group)) = path.split_once('{') else { return vec![path] };
    let group = group.strip_suffix('}').unwrap_or(group);
    let (mut members, mut depth) = (vec![String::new()], 0);
    for letter in group.chars() {
        match letter {
            ',' if depth == 0 => {
                members.push(String::new());
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if let Some(member) = members.last_mut() {
            member.push(letter);
        }
    }
    let members = members.iter().filter(|member| !member.is_empty());
    members.flat_map(|member| expanded(&format!("{before}{member}"))).collect()
}

/// Modules of which each imports the next, and the last is the same as the first.
fn circle(imports: &Imports) -> Option<Vec<String>> {
    fn search(imports: &Imports, path: &mut Vec<String>, done: &mut BTreeSet<String>) -> Option<Vec<String>> {
        let last = path.last()?.clone();
        for next in imports.get(&last).into_iter().flatten() {
            if let Some(at) = path.iter().position(|module| module == next) {
                return Some(path[at..].iter().chain([next]).cloned().collect());
            }
            if !done.contains(next) {
                path.push(next.clone());
                if let Some(circle) = search(imports, path, done) {
                    return Some(circle);
                }
                path.pop();
            }
        }
        done.insert(last);
        None
    }
    let mut done = BTreeSet::new();
    imports.keys().find_map(|module| search(imports, &mut vec![module.clone()], &mut done))
}
