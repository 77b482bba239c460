//! The style sheet: combines the sections that `style/main.css` imports, in that order.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Concatenates the sections that `main` imports. `main` itself must not contain rules, so that every rule is in a
/// section.
pub fn join(main: &Path) -> Result<String> {
    let folder = main.parent().unwrap_or(Path::new(""));
    let mut joined = String::new();
    for line in without_comments(&read(main)?).lines().map(str::trim).filter(|line| !line.is_empty()) {
        let section = line.strip_prefix("@import \"").and_then(|rest| rest.strip_suffix("\";"));
        let section = section.with_context(|| {
            format!("{}: `{line}` is not an import; write @import \"section.css\";", main.display())
        })?;
        joined.push_str(&read(&folder.join(section))?);
        joined.push('\n');
    }
    for section in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let name = section?.file_name().to_string_lossy().into_owned();
        let is_used = !name.ends_with(".css") || Some(name.as_str()) == main.file_name().and_then(|name| name.to_str());
        let import = format!("@import \"{name}\";");
        ensure!(is_used || read(main)?.contains(&import), "{}: add {import}, or delete the section", main.display());
    }
    Ok(joined)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn without_comments(css: &str) -> String {
    let mut rest = css;
    let mut left = String::new();
    while let Some((before, comment)) = rest.split_once("/*") {
        left.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    left + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    #[test]
    fn sections_are_concatenated_in_the_order_of_their_imports() {
        let main = "/* a\n   comment */\n@import \"b.css\";\n@import \"a.css\";\n";
        let style = folder(&[("main.css", main), ("a.css", "a {}\n"), ("b.css", "b {}\n")]);
        assert_eq!(join(&style.path().join("main.css")).unwrap(), "b {}\n\na {}\n\n");
    }

    #[test]
    fn rules_outside_of_sections_and_unused_sections_are_refused() {
        let ruled = folder(&[("main.css", "a {}\n")]);
        assert!(join(&ruled.path().join("main.css")).unwrap_err().to_string().contains("`a {}` is not an import"));
        let forgotten = folder(&[("main.css", ""), ("a.css", "a {}\n")]);
        let refused = join(&forgotten.path().join("main.css")).unwrap_err().to_string();
        assert!(refused.contains("add @import \"a.css\";"), "{refused}");
    }

    #[test]
    fn the_desks_own_sections_are_valid() {
        let main = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("style/main.css");
        assert!(join(&main).unwrap().contains(".gauge"));
    }
}
