//! The client: compiled to wasm, with JavaScript bindings, and optimised in release builds.

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

/// Cargo's arguments for the client, the same for building and linting.
pub const CARGO_ARGUMENTS: [&str; 8] =
    ["-p", "loan-desk", "--lib", "--target", WASM_TARGET, "--no-default-features", "--features", "hydrate"];

/// The wasm features that rustc enables for this target. wasm-opt refuses features that it is not given.
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Builds the site's wasm and script if their sources have changed.
pub fn build(project: &Project, mode: Mode) -> Result<()> {
    setup::wasm_target()?;
    say("compiling the client");
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

/// The path of the site's wasm.
pub fn path(project: &Project) -> PathBuf {
    project.site_pkg().join(format!("{OUTPUT_NAME}.wasm"))
}

/// The compressed size of the site's wasm in bytes.
pub fn gzipped_size(project: &Project) -> Result<usize> {
    let wasm = path(project);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&fs::read(&wasm).with_context(|| format!("cannot read {}", wasm.display()))?)?;
    Ok(encoder.finish()?.len())
}

fn bind(project: &Project, mode: Mode, compiled: &Path) -> Result<()> {
    say("generating JavaScript bindings");
    let pkg = project.site_pkg();
    // Remove snippets of packages that are no longer used.
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
    // Leptos requests `<name>.wasm` if its output name was known at compile time.
    fs::rename(pkg.join(format!("{OUTPUT_NAME}_bg.wasm")), path(project))
        .context("cannot rename the wasm that wasm-bindgen wrote")
}

fn optimise(tools: &Path, wasm: &Path) -> Result<()> {
    setup::npm_packages(tools)?;
    say("optimising the wasm");
    run(Command::new("node")
        .arg(tools.join("node_modules/binaryen/bin/wasm-opt"))
        .arg("-Oz")
        .args(WASM_FEATURES)
        .arg(wasm)
        .arg("--output")
        .arg(wasm))
}
