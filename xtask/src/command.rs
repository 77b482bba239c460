//! Helpers for running other programs.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A cargo command in `folder`, with the environment of a shell.
pub fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    forget_cargo_run(&mut command);
    command.current_dir(folder);
    command
}

/// Removes the variables that `cargo run` sets for xtask's own package. Build scripts that watch them would otherwise
/// run again whenever cargo is called from here instead of from a shell.
pub fn forget_cargo_run(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
}

/// Prints a progress message.
pub fn say(text: impl std::fmt::Display) {
    eprintln!("xtask: {text}");
}

/// Runs `command` with its output passed through. Fails if the command fails.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {}", line(command)))?;
    if status.success() { Ok(()) } else { bail!("{} failed ({status})", line(command)) }
}

/// Whether `command` can be run and succeeds. Its output is discarded.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs `command` with its output passed through. Returns whether it succeeded, and the output.
pub fn run_and_read(command: &mut Command) -> Result<(bool, String)> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", line(command)))?;
    let stdout = child.stdout.take().context("stdout is piped")?;
    let stderr = child.stderr.take().context("stderr is piped")?;
    let (out, err) = std::thread::scope(|scope| {
        let err = scope.spawn(|| show_and_keep(stderr, |text| eprintln!("{text}")));
        let out = show_and_keep(stdout, |text| println!("{text}"));
        (out, err.join().unwrap_or_default())
    });
    let status = child.wait()?;
    Ok((status.success(), out + &err))
}

fn show_and_keep(from: impl Read, show: impl Fn(&str)) -> String {
    let mut kept = String::new();
    let mut reader = BufReader::new(from);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&bytes);
        show(text.trim_end_matches(['\n', '\r']));
        kept.push_str(&text);
        bytes.clear();
    }
    kept
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
