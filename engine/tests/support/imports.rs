//! Finds modules that import each other in circles, by the `crate::` paths in their sources. Code for tests
//! (`#[cfg(test)]`, files and folders named `tests`) may import any module.
//!
//! The other crates of the workspace include this file by its path, because a crate for one file of test code would be
//! more than it is worth.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The modules that each module imports.
pub type Imports = BTreeMap<String, BTreeSet<String>>;

/// Fails if the modules in a folder import each other in a circle. `inside` is the path of the folder in the crate. Fewer
/// than `at_least` modules mean that the search itself is broken.
pub fn assert_no_circle(folder: &Path, inside: &[&str], at_least: usize) {
    let imports = imports(folder, inside);
    assert!(imports.len() >= at_least, "few modules found in {}: {:?}", folder.display(), imports.keys());
    assert_eq!(circle(&imports), None, "in {}", folder.display());
}

/// The modules in a folder, and which of the others each imports. `inside` is the path of the folder in the crate.
pub fn imports(folder: &Path, inside: &[&str]) -> Imports {
    let root = if inside.is_empty() { "lib.rs" } else { "mod.rs" };
    let roots = root_names(&fs::read_to_string(folder.join(root)).unwrap());
    let mut imports = Imports::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let is_source = path.is_dir() || path.extension().is_some_and(|extension| extension == "rs");
        if path.ends_with(root) || !is_source || module == "tests" {
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
pub fn root_names(text: &str) -> BTreeMap<String, String> {
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
pub fn imported(text: &str, prefix: &str, roots: &BTreeMap<String, String>) -> BTreeSet<String> {
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
pub fn circle(imports: &Imports) -> Option<Vec<String>> {
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
