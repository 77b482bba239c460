//! `cargo xtask bench`: measures the optimised desk and its engine. The results include the machine's own limits,
//! measured in the same run, so that figures from different machines can be compared.

mod desk;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::command::{cargo, forget_cargo_run, run};
use crate::project::Project;

/// What to measure.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
struct Parts {
    desk: Option<desk::Scope>,
    engine: bool,
    crash: bool,
    scale: bool,
}

impl Parts {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut parts = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--desk" => drop(parts.desk.get_or_insert_default()),
                "--as-built" => parts.desk.get_or_insert_default().as_built = true,
                "--small" => parts.desk.get_or_insert_default().small = true,
                "--engine" => parts.engine = true,
                "--crash" => parts.crash = true,
                "--scale" => parts.scale = true,
                other => {
                    bail!(
                        "bench takes --desk (with --small for few applications, --as-built to compile nothing), --engine, \
                         --crash and --scale, not `{other}`; the arguments after -- are passed to the engine's load \
                         generator"
                    )
                }
            }
        }
        // The crash test measures nothing and the scale test takes half an hour, so they run only if they are named.
        let nothing = parts == Self::default();
        Ok(if nothing { Self { desk: Some(desk::Scope::default()), engine: true, ..parts } } else { parts })
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
    if let Some(scope) = parts.desk {
        fits = desk::bench(project, scope)?;
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
    let mut load = load_program(project);
    load.arg(command).arg("--server").arg(example(project, "server")).arg("--folder").arg(project.notes());
    run(load.args(flags))
}

fn load_program(project: &Project) -> Command {
    let mut load = Command::new(example(project, "load"));
    forget_cargo_run(&mut load);
    load
}

fn example(project: &Project, name: &str) -> PathBuf {
    project.target.join("release/examples").join(name)
}

/// Durable SQLite commits of one row that this disk does in a second.
fn single_row_commits(project: &Project) -> Result<f64> {
    if !example(project, "load").exists() {
        run(cargo(&project.root).args(["build", "--release", "--package", "asl-engine", "--example", "load"]))?;
    }
    let output = load_program(project).arg("commits").arg("--folder").arg(project.notes()).output()?;
    match String::from_utf8_lossy(&output.stdout).trim().parse() {
        Ok(commits) if output.status.success() => Ok(commits),
        _ => bail!("cannot measure the disk: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Parts> {
        Parts::read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn desk_and_engine_are_measured_unless_something_is_named() {
        let desk = Some(desk::Scope::default());
        assert!(read(&[]).is_ok_and(|parts| parts == Parts { desk, engine: true, ..Parts::default() }));
        assert!(read(&["--desk"]).is_ok_and(|parts| parts == Parts { desk, ..Parts::default() }));
        assert!(read(&["--crash"]).is_ok_and(|parts| parts == Parts { crash: true, ..Parts::default() }));
        assert!(read(&["--scale"]).is_ok_and(|parts| parts == Parts { scale: true, ..Parts::default() }));
        assert!(read(&["--fast"]).is_err());
    }

    #[test]
    fn a_scope_of_the_desk_names_the_desk() {
        let small = desk::Scope { small: true, as_built: true };
        assert!(read(&["--small", "--as-built"]).is_ok_and(|p| p == Parts { desk: Some(small), ..Parts::default() }));
    }
}
