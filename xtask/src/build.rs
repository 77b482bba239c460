//! `cargo xtask build`: builds the files to deploy.

use anyhow::Result;

use crate::command::say;
use crate::project::{Mode, Project};
use crate::{server, site, wasm};

pub fn build(project: &Project) -> Result<()> {
    site::build(project, Mode::Release)?;
    server::build(project, Mode::Release)?;
    say(format_args!("server: {}", project.server_binary(Mode::Release).display()));
    say(format_args!("site: {} (set --site-root or LOAN_DESK_SITE_ROOT to this path)", project.site().display()));
    say(format_args!("wasm: {:.1} kB gzipped", wasm::gzipped_size(project)? as f64 / 1000.0));
    Ok(())
}
