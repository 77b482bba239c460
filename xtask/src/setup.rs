//! Installs what a fresh machine lacks.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::command::{run, say, succeeds};
use crate::fingerprint::Fingerprint;

pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Ensures that rustc can compile to wasm.
pub fn wasm_target() -> Result<()> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", WASM_TARGET])
        .output()
        .context("cannot run rustc")?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && Path::new(&folder).exists() {
        return Ok(());
    }
    say(format_args!("adding the Rust target {WASM_TARGET}"));
    if run(Command::new("rustup").args(["target", "add", WASM_TARGET])).is_ok() {
        return Ok(());
    }
    bail!(
        "rustc has no standard library for {WASM_TARGET}, and `rustup target add {WASM_TARGET}` did not bring one.\n\
         If your Rust comes from a Linux distribution, install its package for that target and run this again: \n\
         Debian and Ubuntu `libstd-rust-dev-wasm32`, Fedora `rust-std-static-{WASM_TARGET}`, Arch `rust-wasm`.\n\
         Behind a mirror, set RUSTUP_DIST_SERVER."
    )
}

/// Installs the npm packages of `folder` from its lock file.
pub fn npm_packages(folder: &Path) -> Result<()> {
    let installed = folder.join("node_modules");
    Fingerprint::default().file(&folder.join("package-lock.json"))?.unless_done(
        &installed.join(".installed-from"),
        &[&installed],
        || {
            say(format_args!("installing the npm packages of {}", folder.display()));
            ensure!(succeeds(npm().arg("--version")), "npm is needed: install Node.js 20 or newer, https://nodejs.org");
            run(npm().args(["ci", "--no-audit", "--no-fund"]).current_dir(folder))
        },
    )
}

fn npm() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

/// Finds or installs Chromium for the browser tests: the one that `CHROMIUM` names, an installed one, Debian's, or
/// Playwright's own. Returns `None` for Playwright's own, which Playwright finds by itself.
pub fn chromium(end2end: &Path) -> Result<Option<PathBuf>> {
    if let Some(named) = env::var_os("CHROMIUM").map(PathBuf::from) {
        ensure!(named.exists(), "CHROMIUM names {}, which does not exist", named.display());
        return Ok(Some(named));
    }
    if let Some(found) = installed_chromium() {
        return Ok(Some(found));
    }
    if is_root() && on_path("apt-get").is_some() {
        say("installing Chromium with apt-get");
        let apt =
            |arguments: &[&str]| run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"));
        let installed = apt(&["update", "-qq"]).and_then(|()| apt(&["install", "-y", "-qq", "chromium"]));
        match (installed, installed_chromium()) {
            (Ok(()), Some(found)) => return Ok(Some(found)),
            (outcome, _) => {
                say(format_args!("apt-get did not install Chromium ({outcome:?}); trying Playwright's own"))
            }
        }
    }
    say("installing Playwright's Chromium");
    run(Command::new("node")
        .args(["node_modules/@playwright/test/cli.js", "install", "chromium"])
        .current_dir(end2end))
    .context("Chromium was not found and could not be installed; install it, or set CHROMIUM to its path")?;
    Ok(None)
}

fn installed_chromium() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].into_iter().find_map(on_path)
}

fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
