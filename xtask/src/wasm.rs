//! The browser's half: compiled to wasm, bound to script, in release also optimised.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use wasm_bindgen_cli_support::Bindgen;

use crate::command::{cargo, run, say};
use crate::fingerprint::Fingerprint;
use crate::project::{Mode, OUTPUT_NAME, Project};
use crate::setup::{self, WASM_TARGET};

/// Cargo's arguments for the browser's half, the same for building and linting.
pub const CARGO_ARGUMENTS: [&str; 8] =
    ["-p", "loan-desk", "--lib", "--target", WASM_TARGET, "--no-default-features", "--features", "hydrate"];

/// What rustc may emit for this target; wasm-opt refuses what it is not told of.
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Builds the site's wasm and script, if their sources have changed.
pub fn build(project: &Project, mode: Mode) -> Result<()> {
    setup::wasm_target()?;
    say("compiling the browser's half");
    let (profile, folder) = match mode {
        Mode::Development => ("dev", "debug"),
        Mode::Release => ("wasm-release", "wasm-release"),
    };
    run(cargo(&project.root).arg("build").args(CARGO_ARGUMENTS).args(["--profile", profile]))?;

    let compiled = project.target.join(WASM_TARGET).join(folder).join("loan_desk.wasm");
    let tools = project.root.join("xtask");
    let (wasm, script) = (path(project), project.site_pkg().join(format!("{OUTPUT_NAME}.js")));
    Fingerprint::default().text(profile).file(&tools.join("package-lock.json"))?.file(&compiled)?.unless_done(
        &project.notes().join("wasm"),
        &[&wasm, &script],
        || {
            bind(project, mode, &compiled)?;
            match mode {
                Mode::Development => Ok(()),
                Mode::Release => optimise(&tools, &wasm),
            }
        },
    )
}

/// Where the site's wasm is.
pub fn path(project: &Project) -> PathBuf {
    project.site_pkg().join(format!("{OUTPUT_NAME}.wasm"))
}

/// Bytes of the site's wasm as a browser receives it.
pub fn gzipped_size(project: &Project) -> Result<usize> {
    let wasm = path(project);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&fs::read(&wasm).with_context(|| format!("cannot read {}", wasm.display()))?)?;
    Ok(encoder.finish()?.len())
}

fn bind(project: &Project, mode: Mode, compiled: &Path) -> Result<()> {
    say("binding wasm to script");
    let pkg = project.site_pkg();
    // Snippets of packages that are no longer used would stay otherwise.
    if pkg.exists() {
        fs::remove_dir_all(&pkg)?;
    }
    Bindgen::new()
        .input_path(compiled)
        .web(true)?
        .typescript(false)
        .remove_name_section(mode == Mode::Release)
        .remove_producers_section(mode == Mode::Release)
        .out_name(OUTPUT_NAME)
        .generate(&pkg)
        .context("wasm-bindgen")?;
    // Leptos asks for `<name>.wasm` where its output name was known at compile time.
    fs::rename(pkg.join(format!("{OUTPUT_NAME}_bg.wasm")), path(project)).context("the wasm that wasm-bindgen wrote")
}

fn optimise(tools: &Path, wasm: &Path) -> Result<()> {
    setup::npm_packages(tools)?;
    say("optimising wasm");
    run(Command::new("node")
        .arg(tools.join("node_modules/binaryen/bin/wasm-opt"))
        .arg("-Oz")
        .args(WASM_FEATURES)
        .arg(wasm)
        .arg("--output")
        .arg(wasm))
}
