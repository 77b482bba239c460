//! Measures the desk: what it sends, how fast its pages are, how much memory it takes, how much load it bears, and what
//! one application costs in calls of AWS.

mod calls;
mod http;
mod load;
mod report;
mod scale;
mod server;
mod stock;

use anyhow::Result;

use self::report::Report;
use super::single_row_commits;
use crate::project::Project;
use crate::{build, wasm};

/// Bytes of gzipped wasm above which pages would no longer feel instant on a slow line.
const WASM_LIMIT: usize = 150_000;

/// How many applications a desk has, each time.
const SIZES: [usize; 3] = [1_000, 20_000, 100_000];

/// How much of the desk to measure.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Only a desk with few applications.
    pub small: bool,
    /// The server that was built last, and no wasm.
    pub as_built: bool,
}

/// Returns whether the wasm is within its limit.
pub fn bench(project: &Project, scope: Scope) -> Result<bool> {
    let mut fits = true;
    if !scope.as_built {
        build::build(project)?;
        let size = wasm::gzipped_size(project)?;
        fits = size <= WASM_LIMIT;
        let verdict = if fits { "within" } else { "OVER" };
        println!("wasm, gzipped {:.1} kB, {verdict} the limit of {} kB", size as f64 / 1e3, WASM_LIMIT / 1000);
    }
    let commits_before = single_row_commits(project)?;
    let empty = scale::measure(project, 0)?;
    let sizes = if scope.small { &SIZES[..1] } else { &SIZES[..] };
    let desks = sizes.iter().map(|size| scale::measure(project, *size)).collect::<Result<Vec<_>>>()?;
    let cost = calls::measure(project)?;
    let commits = f64::midpoint(commits_before, single_row_commits(project)?);
    print!("{}", Report { commits, empty, desks, cost });
    Ok(fits)
}
