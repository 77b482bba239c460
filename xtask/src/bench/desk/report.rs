//! What was measured, as a table, and which targets were missed.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::calls::Cost;
use super::load::CLIENTS;
use super::scale::Measured;

/// Milliseconds that a page's median may take.
const PAGE: f64 = 10.0;

/// How many times as long a page may take at the largest desk as at the smallest.
const GROWTH: f64 = 1.3;

/// Bytes of memory that an application may take above the empty desk.
const MEMORY: f64 = 500.0;

/// Seconds until a desk must be ready.
const START: f64 = 0.5;

/// Submissions for each single-row commit of the disk.
const SUBMISSIONS: f64 = 0.048;

/// Items that the desk may write for one application, from submission to decision.
const ITEMS: f64 = 9.0;

pub struct Report {
    /// Durable SQLite commits of one row that the disk did in a second, before and after, the mean.
    pub commits: f64,
    pub empty: Measured,
    /// The smallest first.
    pub desks: Vec<Measured>,
    pub cost: Cost,
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut missed = Vec::new();
        writeln!(f, "single-row SQLite commits a second: {:.0}\n", self.commits)?;
        let columns = || std::iter::once(&self.empty).chain(&self.desks);
        row(f, "applications", columns().map(|desk| desk.applications.to_string()))?;
        row(f, "waiting", columns().map(|desk| desk.waiting.to_string()))?;
        self.pages(f, &mut missed)?;
        row(f, "memory, MB", columns().map(|desk| format!("{:.1}", desk.memory as f64 / 1e6)))?;
        let bytes = |desk: &Measured| (desk.memory as f64 - self.empty.memory as f64) / desk.applications as f64;
        let shown = self.desks.iter().map(|desk| format!("{:.0}", bytes(desk)));
        row(f, "  bytes an application", std::iter::once(String::new()).chain(shown))?;
        if let Some(last) = self.desks.last() {
            missed.extend((bytes(last) > MEMORY).then(|| format!("memory: {:.0} bytes an application", bytes(last))));
        }
        row(f, "start to ready, s", columns().map(|desk| format!("{:.2}", desk.start.as_secs_f64())))?;
        for desk in columns().filter(|desk| desk.start.as_secs_f64() > START) {
            missed.push(format!("start with {} applications: {:.2} s", desk.applications, desk.start.as_secs_f64()));
        }
        row(f, "new read model, s", columns().map(|desk| format!("{:.1}", desk.read_model.as_secs_f64())))?;
        row(f, "submissions a second", columns().map(|desk| format!("{:.0}", desk.rates.submissions)))?;
        row(f, "  of a commit", columns().map(|desk| format!("{:.3}", desk.rates.submissions / self.commits)))?;
        row(f, "  median, ms", columns().map(|desk| format!("{:.0}", milliseconds(desk.rates.median_submission))))?;
        row(f, "callbacks a second", columns().map(|desk| format!("{:.0}", desk.rates.callbacks)))?;
        row(f, "  of a commit", columns().map(|desk| format!("{:.3}", desk.rates.callbacks / self.commits)))?;
        for desk in columns().filter(|desk| desk.rates.submissions / self.commits < SUBMISSIONS) {
            missed.push(format!("submissions with {} applications", desk.applications));
        }
        writeln!(f, "\npages are median / 99th percentile in ms; load is that of {CLIENTS} clients\n")?;
        self.cost(f, &mut missed)?;
        match missed.as_slice() {
            [] => writeln!(f, "\nall targets are met"),
            missed => writeln!(f, "\nmissed targets:\n  {}", missed.join("\n  ")),
        }
    }
}

impl Report {
    fn pages(&self, f: &mut Formatter<'_>, missed: &mut Vec<String>) -> fmt::Result {
        let names = self.desks.iter().flat_map(|desk| &desk.pages).map(|page| page.name);
        let mut known: Vec<&str> = Vec::new();
        for name in names {
            if known.contains(&name) {
                continue;
            }
            known.push(name);
            let page = |desk: &Measured| {
                let page = desk.pages.iter().find(|page| page.name == name)?;
                Some((milliseconds(page.median), milliseconds(page.p99)))
            };
            let shown = std::iter::once(&self.empty)
                .chain(&self.desks)
                .map(|desk| page(desk).map_or_else(String::new, |(median, p99)| format!("{median:.2} / {p99:.2}")));
            row(f, name, shown)?;
            let medians: Vec<f64> = self.desks.iter().filter_map(page).map(|(median, _)| median).collect();
            let (Some(first), Some(last)) = (medians.first(), medians.last()) else { continue };
            missed.extend((*last > PAGE).then(|| format!("{name}: {last:.1} ms")));
            let growth = last / first;
            missed.extend(
                (growth > GROWTH).then(|| format!("{name}: {growth:.2} times as long as at the smallest desk")),
            );
        }
        Ok(())
    }

    fn cost(&self, f: &mut Formatter<'_>, missed: &mut Vec<String>) -> fmt::Result {
        let Cost { calls, items, write_units } = &self.cost;
        writeln!(
            f,
            "one application from submission to decision: {items:.1} items written, {write_units:.1} write units"
        )?;
        let calls = calls.iter().filter(|(_, calls)| **calls >= 0.05);
        let calls: Vec<_> = calls.map(|(operation, calls)| format!("{operation} {calls:.1}")).collect();
        writeln!(f, "  calls: {}", calls.join(", "))?;
        // The calls at rest, which are subtracted, vary a little.
        missed.extend((*items > ITEMS + 0.05).then(|| format!("items written for an application: {items:.1}")));
        Ok(())
    }
}

fn row(f: &mut Formatter<'_>, name: &str, columns: impl Iterator<Item = String>) -> fmt::Result {
    write!(f, "{name:<24}")?;
    for column in columns {
        write!(f, "{column:>16}")?;
    }
    writeln!(f)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
