//! `cargo xtask test`: all checks and tests. A failure does not stop the others, and a summary is printed at the end.

use std::fs;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command::{cargo, run, run_and_read, say, succeeds};
use crate::project::{Mode, Project};
use crate::{server, setup, site, wasm};

/// The steps by name, in the order in which they run: the fastest first.
const STEPS: [(&str, Step); 6] = [
    ("format", Step::Format),
    ("licences", Step::Licences),
    ("lint", Step::Lint),
    ("engine", Step::Engine),
    ("rust", Step::Rust),
    ("browser", Step::Browser),
];

#[derive(Clone, Copy)]
enum Step {
    Format,
    Licences,
    Lint,
    Engine,
    Rust,
    Browser,
}

/// The result of a check or a test suite.
struct Report {
    what: &'static str,
    passed: u32,
    failed: u32,
    note: String,
}

pub fn test(project: &Project, wanted: &[String], playwright_flags: &[String]) -> Result<ExitCode> {
    if let Some(unknown) = wanted.iter().find(|name| STEPS.iter().all(|(step, _)| step != name)) {
        bail!("there is no step `{unknown}`; the steps are {}", STEPS.map(|(name, _)| name).join(", "));
    }
    let mut rows = Vec::new();
    for (name, step) in STEPS {
        if !wanted.is_empty() && !wanted.iter().any(|step| step == name) {
            continue;
        }
        let start = Instant::now();
        let reports = match step {
            Step::Format => format(project),
            Step::Licences => licences(project),
            Step::Lint => lint(project),
            Step::Engine => engine(project),
            Step::Rust => rust(project),
            Step::Browser => browser(project, playwright_flags),
        };
        let reports = reports
            .unwrap_or_else(|error| vec![Report { what: name, passed: 0, failed: 1, note: format!("{error:#}") }]);
        let took = start.elapsed();
        rows.extend(reports.into_iter().map(|report| (report, took)));
    }
    Ok(if summarise(&rows) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the results. The totals in the last line count each check as one test.
fn summarise(rows: &[(Report, Duration)]) -> bool {
    println!("\n{:<22}{:>8}{:>8}{:>9}", "", "passed", "failed", "step");
    for (report, took) in rows {
        println!(
            "{:<22}{:>8}{:>8}{:>8.0}s  {}",
            report.what,
            report.passed,
            report.failed,
            took.as_secs_f64(),
            report.note
        );
    }
    let passed: u32 = rows.iter().map(|(report, _)| report.passed).sum();
    let failed: u32 = rows.iter().map(|(report, _)| report.failed).sum();
    println!("\n{passed} passed, {failed} failed");
    failed == 0
}

fn check(what: &'static str, command: &mut Command) -> Report {
    say(format_args!("checking {what}"));
    match run(command) {
        Ok(()) => Report { what, passed: 1, failed: 0, note: String::new() },
        Err(error) => Report { what, passed: 0, failed: 1, note: format!("{error:#}") },
    }
}

fn format(project: &Project) -> Result<Vec<Report>> {
    Ok(vec![check("format", cargo(&project.root).args(["fmt", "--all", "--check"]))])
}

/// Checks dependencies with cargo-deny, if it is installed.
///
/// Security advisories do not block: a new one should not fail an unrelated change, and cargo-deny needs network access
/// to fetch them.
fn licences(project: &Project) -> Result<Vec<Report>> {
    let deny = |arguments: &[&str]| {
        let mut command = cargo(&project.root);
        command.arg("deny").args(arguments);
        command
    };
    if !succeeds(&mut deny(&["--version"])) {
        return Ok(vec![deny_is_missing("licences"), deny_is_missing("advisories")]);
    }
    Ok(vec![
        check("licences", &mut deny(&["check", "licenses", "bans", "sources"])),
        not_blocking(check("advisories", &mut deny(&["check", "advisories"]))),
    ])
}

fn deny_is_missing(what: &'static str) -> Report {
    let note = "skipped: cargo-deny is not installed; run `cargo install --locked cargo-deny`".into();
    Report { what, passed: 0, failed: 0, note }
}

/// Turns the failure of a check into a note.
fn not_blocking(report: Report) -> Report {
    match report.failed {
        0 => report,
        _ => Report { failed: 0, note: format!("not blocking: {}; see above", report.note), ..report },
    }
}

fn lint(project: &Project) -> Result<Vec<Report>> {
    setup::wasm_target()?;
    let clippy = |what, arguments: &[&str]| {
        check(what, cargo(&project.root).arg("clippy").args(arguments).args(["--", "-D", "warnings"]))
    };
    Ok(vec![
        clippy("lint, server", &["--all-targets"]),
        clippy("lint, client", &wasm::CARGO_ARGUMENTS),
        clippy("lint, xtask", &["--all-targets", "-p", "xtask"]),
    ])
}

/// The engine is a crate in its own right, so it must also compile without features, and the links in its documentation
/// must resolve.
fn engine(project: &Project) -> Result<Vec<Report>> {
    let package = ["-p", "asl-engine"];
    let features = ["check", "--no-default-features"];
    let documentation = ["doc", "--no-deps"];
    Ok(vec![
        check("engine, no features", cargo(&project.root).args(features).args(package)),
        check(
            "engine, documentation",
            cargo(&project.root).args(documentation).args(package).env("RUSTDOCFLAGS", "-D warnings"),
        ),
    ])
}

/// Tests xtask separately. Otherwise cargo would unify the features of its dependencies with the desk's and recompile
/// nearly everything that `cargo xtask serve` has compiled.
fn rust(project: &Project) -> Result<Vec<Report>> {
    let desk = rust_tests(project, "tests, Rust", &[])?;
    Ok(vec![
        Report { note: [desk.note, untested()].join(" ").trim().to_owned(), ..desk },
        documentation_tests(project)?,
        rust_tests(project, "tests, xtask", &["-p", "xtask"])?,
    ])
}

/// A note on what the tests skip on this machine. If `CI` is set, those tests fail instead.
fn untested() -> String {
    let mount = ["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/tmp"];
    if succeeds(Command::new("unshare").args(mount)) {
        return String::new();
    }
    "full disks are not tested here: `unshare` cannot create a small filesystem".into()
}

fn rust_tests(project: &Project, what: &'static str, packages: &[&str]) -> Result<Report> {
    say(format_args!("running {what}"));
    if succeeds(cargo(&project.root).args(["nextest", "--version"])) {
        let run = ["nextest", "run", "--no-fail-fast"];
        let (succeeded, output) = run_and_read(cargo(&project.root).args(run).args(packages))?;
        return Ok(report(what, succeeded, nextest_counts(&output)));
    }
    let run = ["test", "--lib", "--bins", "--tests", "--no-fail-fast"];
    let (succeeded, output) = run_and_read(cargo(&project.root).args(run).args(packages))?;
    Ok(report(what, succeeded, cargo_test_counts(&output)))
}

fn documentation_tests(project: &Project) -> Result<Report> {
    let what = "tests, documentation";
    say(format_args!("running {what}"));
    let (succeeded, output) = run_and_read(cargo(&project.root).args(["test", "--doc", "--no-fail-fast"]))?;
    Ok(report(what, succeeded, cargo_test_counts(&output)))
}

fn browser(project: &Project, flags: &[String]) -> Result<Vec<Report>> {
    site::build(project, Mode::Development)?;
    server::build(project, Mode::Development)?;
    let end2end = project.root.join("end2end");
    setup::npm_packages(&end2end)?;
    let chromium = setup::chromium(&end2end)?;
    say("testing in the browser");
    let results = project.notes().join("browser-tests.json");
    fs::create_dir_all(project.notes())?;
    // Results of an earlier run must not be mistaken for this run's.
    let _ = fs::remove_file(&results);
    let mut playwright = Command::new("node");
    playwright
        .args(["node_modules/@playwright/test/cli.js", "test"])
        .args(flags)
        .current_dir(&end2end)
        .env("LOAN_DESK_BINARY", project.server_binary(Mode::Development))
        .env("LOAN_DESK_SITE_ROOT", project.site())
        .env("PLAYWRIGHT_JSON_OUTPUT_NAME", &results);
    if let Some(chromium) = chromium {
        playwright.env("CHROMIUM", chromium);
    }
    let succeeded = run(&mut playwright).is_ok();
    let text = fs::read_to_string(&results).context("Playwright wrote no results")?;
    Ok(vec![report("tests, browser", succeeded, playwright_counts(&text)?)])
}

/// A suite that failed without a failing test (because it did not compile or found no tests) counts as one failure.
fn report(what: &'static str, succeeded: bool, (passed, failed): (u32, u32)) -> Report {
    if succeeded || failed > 0 {
        return Report { what, passed, failed, note: String::new() };
    }
    Report { what, passed, failed: 1, note: "did not run to completion, see above".into() }
}

/// Parses `Summary [ 0.1s] 5 tests run: 4 passed, 1 failed, 0 skipped` into the number of passed tests and of all
/// others that ran.
fn nextest_counts(output: &str) -> (u32, u32) {
    let summary = output.lines().rev().find(|line| line.contains(" run: ") && line.contains("Summary"));
    let Some((before, after)) = summary.and_then(|line| line.split_once(" run: ")) else { return (0, 0) };
    let run = number_before(before, " test").unwrap_or(0);
    let passed = number_before(after, " passed").unwrap_or(0);
    (passed, run.saturating_sub(passed))
}

/// Adds up all lines like `test result: ok. 3 passed; 0 failed; …`.
fn cargo_test_counts(output: &str) -> (u32, u32) {
    let results = output.lines().filter(|line| line.starts_with("test result: "));
    results.fold((0, 0), |(passed, failed), line| {
        let count = |word| number_before(line, word).unwrap_or(0);
        (passed + count(" passed"), failed + count(" failed"))
    })
}

fn playwright_counts(results: &str) -> Result<(u32, u32)> {
    let results: serde_json::Value = serde_json::from_str(results).context("cannot parse Playwright's results")?;
    let count = |name: &str| results["stats"][name].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
    Ok((count("expected"), count("unexpected") + count("flaky")))
}

fn number_before(text: &str, word: &str) -> Option<u32> {
    let before = &text[..text.find(word)?];
    before.rsplit(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_does_not_block_reports_its_failure_as_a_note() {
        let report = |failed, note: &str| Report { what: "advisories", passed: 1 - failed, failed, note: note.into() };
        let failed = not_blocking(report(1, "cargo deny failed"));
        assert_eq!((failed.passed, failed.failed), (0, 0));
        assert_eq!(failed.note, "not blocking: cargo deny failed; see above");
        let passed = not_blocking(report(0, ""));
        assert_eq!((passed.passed, passed.failed, passed.note.as_str()), (1, 0, ""));
    }

    #[test]
    fn nextest_summaries_are_counted() {
        let output =
            "noise\n     Summary [   0.003s] 5 tests run: 3 passed (1 slow), 1 failed, 1 timed out, 2 skipped\n";
        assert_eq!(nextest_counts(output), (3, 2));
        assert_eq!(nextest_counts("     Summary [   0.1s] 1 test run: 1 passed, 0 skipped"), (1, 0));
        assert_eq!(nextest_counts("error: could not compile"), (0, 0));
    }

    #[test]
    fn cargo_test_results_are_added_up() {
        let output =
            "test result: ok. 3 passed; 0 failed; 1 ignored\ntest result: FAILED. 1 passed; 2 failed; 0 ignored\n";
        assert_eq!(cargo_test_counts(output), (4, 2));
    }

    #[test]
    fn a_flaky_browser_test_counts_as_failed() {
        let results = r#"{"stats":{"expected":7,"unexpected":1,"flaky":1,"skipped":2}}"#;
        assert_eq!(playwright_counts(results).ok(), Some((7, 2)));
    }

    #[test]
    fn a_suite_that_did_not_complete_has_failed() {
        assert_eq!(report("tests", false, (0, 0)).failed, 1);
        assert_eq!(report("tests", true, (2, 0)).failed, 0);
        assert_eq!(report("tests", false, (2, 1)).failed, 1);
    }
}
