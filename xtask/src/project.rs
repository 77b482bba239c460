//! Paths of the project.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::command;

/// The name of the client's files. `.cargo/config.toml` also sets it, for the macros of Leptos.
pub const OUTPUT_NAME: &str = "loan-desk";

/// The build mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Fast to build.
    Development,
    /// Small and fast.
    Release,
}

pub struct Project {
    /// The repository.
    pub root: PathBuf,
    /// Cargo's target directory.
    pub target: PathBuf,
}

impl Project {
    /// Asks cargo for the paths, so that `CARGO_TARGET_DIR` and configuration files are honoured.
    pub fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?.to_owned();
        let output = command::cargo(&root)
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("cargo metadata")?;
        ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        let metadata: serde_json::Value =
            serde_json::from_slice(&output.stdout).context("cannot parse the output of cargo metadata")?;
        let target = metadata["target_directory"].as_str().context("cargo metadata gives no target directory")?.into();
        Ok(Self { root, target })
    }

    /// The static files of the server: wasm, script, style sheet, images.
    pub fn site(&self) -> PathBuf {
        self.target.join("site")
    }

    /// The folder of generated files within the site.
    pub fn site_pkg(&self) -> PathBuf {
        self.site().join("pkg")
    }

    /// The combined style sheet, at the path where cargo-leptos looks for it.
    pub fn joined_style(&self) -> PathBuf {
        self.target.join("style").join(format!("{OUTPUT_NAME}.css"))
    }

    /// The folder of xtask's own files, such as fingerprints.
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

    /// A command that runs the server with the site's path.
    pub fn server(&self, mode: Mode) -> Command {
        let mut server = Command::new(self.server_binary(mode));
        command::forget_cargo_run(&mut server);
        server.current_dir(&self.root).arg("serve").env("LOAN_DESK_SITE_ROOT", self.site());
        server
    }
}
