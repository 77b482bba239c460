//! The folder of what the server serves besides pages.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::project::{Mode, OUTPUT_NAME, Project};
use crate::{compress, wasm};

/// Brings `<target>/site` up to date: wasm and script, the style sheet, static files.
pub fn build(project: &Project, mode: Mode) -> Result<()> {
    wasm::build(project, mode)?;
    let (site, pkg) = (project.site(), project.site_pkg());
    let public = project.root.join("public");
    remove_what_is_gone(&public, &site, &pkg)?;
    if public.is_dir() {
        copy_what_changed(&public, &site)?;
    }
    copy_if_changed(&project.root.join("style/main.css"), &pkg.join(format!("{OUTPUT_NAME}.css")))?;
    compress::files(&site, mode)
}

fn remove_what_is_gone(from: &Path, to: &Path, except: &Path) -> Result<()> {
    for entry in fs::read_dir(to).with_context(|| format!("cannot read {}", to.display()))? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        let source = from.join(name);
        if compress::is_of(&source) {
            continue;
        }
        if path == except {
            continue;
        }
        match (path.is_dir(), source.is_dir()) {
            (true, true) => remove_what_is_gone(&source, &path, except)?,
            (true, false) => fs::remove_dir_all(&path)?,
            (false, _) if !source.is_file() => fs::remove_file(&path)?,
            _ => {}
        }
    }
    Ok(())
}

fn copy_what_changed(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let source = entry?.path();
        let Some(name) = source.file_name() else { continue };
        let target = to.join(name);
        if source.is_dir() {
            copy_what_changed(&source, &target)?;
        } else {
            copy_if_changed(&source, &target)?;
        }
    }
    Ok(())
}

// An untouched file keeps its time, and so browsers keep their copy of it.
fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|is| is == content) {
        return Ok(());
    }
    fs::write(to, content).with_context(|| format!("cannot write {}", to.display()))
}
