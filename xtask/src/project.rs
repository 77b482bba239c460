//! Where things are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::command;

/// The name Leptos gives the browser's half; also set in `.cargo/config.toml`, where Leptos' macros read it.
pub const OUTPUT_NAME: &str = "loan-desk";

/// How the desk is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Quick to build.
    Development,
    /// Small and fast.
    Release,
}

pub struct Project {
    /// The repository.
    pub root: PathBuf,
    /// Where cargo puts what it builds.
    pub target: PathBuf,
}

impl Project {
    /// Asks cargo, so that `CARGO_TARGET_DIR` and configuration files are honoured.
    pub fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask stands in the repository")?.to_owned();
        let output = command::cargo(&root)
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("cargo metadata")?;
        ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata's answer")?;
        let target = metadata["target_directory"].as_str().context("cargo metadata names no target directory")?.into();
        Ok(Self { root, target })
    }

    /// What the server serves besides pages: wasm, script, styles, static files.
    pub fn site(&self) -> PathBuf {
        self.target.join("site")
    }

    /// The part of the site that is built.
    pub fn site_pkg(&self) -> PathBuf {
        self.site().join("pkg")
    }

    /// The joined style sheet, where cargo-leptos looks for it.
    pub fn joined_style(&self) -> PathBuf {
        self.target.join("style").join(format!("{OUTPUT_NAME}.css"))
    }

    /// Notes of ours on what was built from what.
    pub fn notes(&self) -> PathBuf {
        self.target.join("xtask")
    }

    pub fn server_binary(&self, mode: Mode) -> PathBuf {
        let folder = match mode {
            Mode::Development => "debug",
            Mode::Release => "release",
        };
        self.target.join(folder).join(format!("loan-desk{}", std::env::consts::EXE_SUFFIX))
    }

    /// A command that runs the desk's server, told where the site is.
    pub fn server(&self, mode: Mode) -> Command {
        let mut server = Command::new(self.server_binary(mode));
        command::forget_cargo_run(&mut server);
        server.current_dir(&self.root).arg("serve").env("LOAN_DESK_SITE_ROOT", self.site());
        server
    }
}
