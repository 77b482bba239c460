//! `cargo xtask serve`: build what has changed, run the desk.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::command::say;
use crate::project::{Mode, Project};
use crate::{server, site};

pub fn serve(project: &Project, mode: Mode, flags: &[String]) -> Result<ExitCode> {
    site::build(project, mode)?;
    server::build(project, mode)?;
    say("starting the desk; Ctrl-C ends it");
    // From the file rather than as compiled in: a workflow that was edited is there at the next start.
    become_(project.server(mode).env("LOAN_DESK_WORKFLOW_DIR", project.root.join("infra")).args(flags))
}

/// Replaces this process, so that signals and the exit code are the desk's own.
#[cfg(unix)]
fn become_(command: &mut Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(command.exec().into())
}

#[cfg(not(unix))]
fn become_(command: &mut Command) -> Result<ExitCode> {
    crate::command::run(command).map(|()| ExitCode::SUCCESS)
}
