//! `cargo xtask bench`: measures the optimised desk and its engine. The results include the machine's own limits,
//! measured in the same run, so that figures from different machines can be compared.

mod desk;

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::command::{cargo, forget_cargo_run, run};
use crate::project::Project;

/// What to measure.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
struct Parts {
    desk: bool,
    engine: bool,
    crash: bool,
    scale: bool,
    as_built: bool,
}

impl Parts {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut parts = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--desk" => parts.desk = true,
                "--engine" => parts.engine = true,
                "--crash" => parts.crash = true,
                "--scale" => parts.scale = true,
                "--as-built" => (parts.desk, parts.as_built) = (true, true),
                other => {
                    bail!(
                        "bench takes --desk, --as-built, --engine, --crash and --scale, not `{other}`; \
                         the arguments after -- are passed to the engine's load generator"
                    )
                }
            }
        }
        // The crash test measures nothing and the scale test takes half an hour, so they run only if they are named.
        Ok(if parts == Self::default() { Self { desk: true, engine: true, ..parts } } else { parts })
    }
}

/// Runs the benchmarks. `load_flags` are passed to the engine's load generator, for example `--clients 8`.
pub fn bench(project: &Project, arguments: &[String], load_flags: &[String]) -> Result<ExitCode> {
    let parts = Parts::read(arguments)?;
    let loads = [parts.engine, parts.crash, parts.scale].into_iter().filter(|wanted| *wanted).count();
    if !load_flags.is_empty() && loads > 1 {
        bail!("the arguments after -- apply to one of --engine, --crash and --scale: name only one of them");
    }
    let mut fits = true;
    if parts.desk {
        fits = desk::bench(project, parts.as_built)?;
    }
    if parts.engine {
        load(project, "bench", load_flags)?;
    }
    if parts.crash {
        load(project, "crash", load_flags)?;
    }
    if parts.scale {
        load(project, "scale", load_flags)?;
    }
    Ok(if fits { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the engine's example `load` against its example `server`.
fn load(project: &Project, command: &str, flags: &[String]) -> Result<()> {
    let build = ["build", "--release", "--package", "asl-engine", "--example", "server", "--example", "load"];
    run(cargo(&project.root).args(build))?;
    let examples = project.target.join("release/examples");
    let mut load = Command::new(examples.join("load"));
    forget_cargo_run(&mut load);
    load.arg(command).arg("--server").arg(examples.join("server")).arg("--folder").arg(project.notes());
    run(load.args(flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Parts> {
        Parts::read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn desk_and_engine_are_measured_unless_something_is_named() {
        assert!(read(&[]).is_ok_and(|parts| parts == Parts { desk: true, engine: true, ..Parts::default() }));
        assert!(read(&["--crash"]).is_ok_and(|parts| parts == Parts { crash: true, ..Parts::default() }));
        assert!(read(&["--scale"]).is_ok_and(|parts| parts == Parts { scale: true, ..Parts::default() }));
        assert!(read(&["--fast"]).is_err());
    }
}
