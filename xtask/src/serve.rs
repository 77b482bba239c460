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
    become_(project.server(mode).args(flags))
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
