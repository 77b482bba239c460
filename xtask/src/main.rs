//! The commands for development and CI: `cargo xtask serve | test | build | bench`.
//!
//! Each command installs what it needs, reports its progress, and skips what is up to date.

mod bench;
mod build;
mod command;
mod compress;
mod fingerprint;
mod project;
mod serve;
mod server;
mod setup;
mod site;
mod style;
mod test;
mod wasm;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::project::{Mode, Project};

const USAGE: &str = "\
cargo xtask <command>

  serve [--release] [-- FLAGS]  build the desk and serve it at http://127.0.0.1:3000; FLAGS go to `loan-desk serve`
  test [STEP...] [-- FLAGS]     run all checks and tests, or only the named steps: format, licences, lint, engine,
                                rust, browser; FLAGS go to Playwright: `test browser -- submitting --headed`
  build                         build the files to deploy: the optimised server, wasm and static files
  bench [--desk] [--engine]     measure the optimised desk (wasm; pages, memory, load and AWS calls with up to 100,000
                                applications) and the engine (cycles, paused executions)
  bench --small                 measure the optimised desk with few applications only
  bench --as-built              measure the last build of the optimised desk, without its wasm
  bench --crash [-- FLAGS]      kill the engine 50 times under load
  bench --scale [-- FLAGS]      measure the engine with up to a million executions (half an hour)
  help                          show this

With --engine, --crash or --scale, FLAGS go to the engine's load generator; `-- --help` lists them.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode> {
    let Some((command, rest)) = arguments.split_first() else {
        print!("{USAGE}");
        return Ok(ExitCode::FAILURE);
    };
    match command.as_str() {
        "serve" => {
            let (own, desk_flags) = split(rest);
            let mode = match own {
                [] => Mode::Development,
                [flag] if flag == "--release" => Mode::Release,
                _ => bail!("serve takes --release, and the desk's own flags after --, not `{}`", own.join(" ")),
            };
            serve::serve(&Project::find()?, mode, desk_flags)
        }
        "test" => {
            let (steps, playwright_flags) = split(rest);
            test::test(&Project::find()?, steps, playwright_flags)
        }
        "build" => {
            no_arguments(command, rest)?;
            build::build(&Project::find()?).map(|()| ExitCode::SUCCESS)
        }
        "bench" => {
            let (own, load_flags) = split(rest);
            bench::bench(&Project::find()?, own, load_flags)
        }
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        other => bail!("there is no command `{other}`\n\n{USAGE}"),
    }
}

/// Splits the arguments into those of xtask and, after `--`, those of the program that it runs.
fn split(arguments: &[String]) -> (&[String], &[String]) {
    match arguments.iter().position(|argument| argument == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &[]),
    }
}

fn no_arguments(command: &str, rest: &[String]) -> Result<()> {
    if rest.is_empty() { Ok(()) } else { bail!("{command} takes no arguments, not `{}`", rest.join(" ")) }
}
