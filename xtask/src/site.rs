//! The site: the folder of the server's static files.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::project::{Mode, OUTPUT_NAME, Project};
use crate::{compress, style, wasm};

/// Updates `<target>/site`: wasm, script, style sheet and static files.
pub fn build(project: &Project, mode: Mode) -> Result<()> {
    wasm::build(project, mode)?;
    let (site, pkg) = (project.site(), project.site_pkg());
    let public = project.root.join("public");
    remove_what_is_gone(&public, &site, &pkg)?;
    if public.is_dir() {
        copy_what_changed(&public, &site)?;
    }
    let style = style::join(&project.root.join("style/main.css"))?;
    fs::create_dir_all(project.joined_style().parent().unwrap_or(&project.target))?;
    write_if_changed(style.as_bytes(), &project.joined_style())?;
    write_if_changed(style.as_bytes(), &pkg.join(format!("{OUTPUT_NAME}.css")))?;
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

fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    write_if_changed(&fs::read(from).with_context(|| format!("cannot read {}", from.display()))?, to)
}

// An unchanged file keeps its modification time, so browsers keep their cached copy.
fn write_if_changed(content: &[u8], to: &Path) -> Result<()> {
    if fs::read(to).is_ok_and(|is| is == content) {
        return Ok(());
    }
    fs::write(to, content).with_context(|| format!("cannot write {}", to.display()))
}
