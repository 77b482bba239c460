//! `cargo xtask serve`: builds what has changed and runs the desk.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::command::say;
use crate::project::{Mode, Project};
use crate::{server, site};

pub fn serve(project: &Project, mode: Mode, flags: &[String]) -> Result<ExitCode> {
    site::build(project, mode)?;
    server::build(project, mode)?;
    say("starting the desk; press Ctrl-C to stop it");
    // Read the workflow from its file instead of the compiled-in copy, so that edits apply at the next start.
    become_(project.server(mode).env("LOAN_DESK_WORKFLOW_DIR", project.root.join("infra")).args(flags))
}

/// Replaces this process with the desk, so that the desk receives signals and sets the exit code.
#[cfg(unix)]
fn become_(command: &mut Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(command.exec().into())
}

#[cfg(not(unix))]
fn become_(command: &mut Command) -> Result<ExitCode> {
    crate::command::run(command).map(|()| ExitCode::SUCCESS)
}
