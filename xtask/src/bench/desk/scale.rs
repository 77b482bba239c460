//! A desk with a number of applications: its pages, its memory, its start, and how much load it bears.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

use super::http::Client;
use super::load::{self, Rates, Valuer};
use super::server::{Desk, free_address};
use super::stock::{self, Stock};
use crate::command::say;
use crate::project::Project;

/// How many applications wait for a valuation; half of all where that is less.
const WAITING: usize = 3_000;

/// Requests of each page that are measured, and requests before them that are not.
const SAMPLES: usize = 200;
const WARM_UP: usize = 20;

/// What was measured of a desk.
pub struct Measured {
    pub applications: usize,
    pub waiting: usize,
    pub pages: Vec<Page>,
    /// Resident bytes, after all pages were shown.
    pub memory: u64,
    /// How long it took to be ready with all data in place.
    pub start: Duration,
    /// How long it took to fill a new read model.
    pub read_model: Duration,
    pub rates: Rates,
}

pub struct Page {
    pub name: &'static str,
    pub median: Duration,
    pub p99: Duration,
}

/// Measures a desk with `applications` applications.
pub fn measure(project: &Project, applications: usize) -> Result<Measured> {
    let waiting = WAITING.min(applications / 2);
    say(format_args!("a desk with {applications} applications, {waiting} waiting"));
    let data = project.notes().join("bench-data");
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let stock = Stock { applications, waiting, now };
    fill(project, &data, &stock)?;
    let read_model = make_read_model(project, &data)?;

    let valuer = Valuer::start()?;
    let flags = ["--valuation-service-url", &valuer.url];
    let desk = Desk::start(project, &data, &flags, "loan_desk::read_model=debug")?;
    desk.until_the_pass_is_over()?;
    let mut client = desk.client()?;
    let pages = pages(&stock).into_iter().map(|(name, path)| measure_page(&mut client, name, &path));
    let pages = pages.collect::<Result<Vec<_>>>()?;
    let memory = desk.memory()?;
    let rates = load::measure(desk.address(), &valuer)?;
    Ok(Measured { applications, waiting, pages, memory, start: desk.start, read_model, rates })
}

/// Makes a new data folder with the stock in it.
fn fill(project: &Project, data: &Path, stock: &Stock) -> Result<()> {
    if data.exists() {
        std::fs::remove_dir_all(data)?;
    }
    let aws = free_address()?;
    let _desk = Desk::start(project, data, &["--aws-endpoint", &aws], "")?;
    stock.store(&aws)
}

/// Deletes the read model and returns how long the desk takes to fill a new one.
fn make_read_model(project: &Project, data: &Path) -> Result<Duration> {
    for suffix in ["", "-wal", "-shm"] {
        let file = data.join(format!("read-model.sqlite{suffix}"));
        if file.exists() {
            std::fs::remove_file(file)?;
        }
    }
    let begun = Instant::now();
    Desk::start(project, data, &[], "")?.until_lists_are_complete()?;
    Ok(begun.elapsed())
}

/// The pages by name. A desk without applications has no page of one.
fn pages(stock: &Stock) -> Vec<(&'static str, String)> {
    let mut pages = vec![
        ("today", "/".to_owned()),
        ("applications", "/applications".to_owned()),
        ("search", "/applications?q=turing+mill".to_owned()),
        ("search without hits", "/applications?q=xyzzy".to_owned()),
        ("sorted by amount", "/applications?sort=-amount".to_owned()),
        ("waiting", "/waiting".to_owned()),
        ("new application", "/applications/new".to_owned()),
    ];
    if stock.waiting > 0 {
        // Even numbers wait on staff.
        let number = (stock.waiting - 1) / 2 * 2;
        pages.push(("one application", format!("/applications/{}", stock::reference(number))));
        pages.push(("manual valuation", format!("/manual-valuations/{}", stock::task_id(number))));
    }
    pages
}

fn measure_page(client: &mut Client, name: &'static str, path: &str) -> Result<Page> {
    let mut times = Vec::with_capacity(SAMPLES);
    for sample in 0..WARM_UP + SAMPLES {
        let begun = Instant::now();
        let answer = client.get(path)?;
        if answer.status != 200 {
            bail!("{path} was answered {}", answer.status);
        }
        if sample >= WARM_UP {
            times.push(begun.elapsed());
        }
    }
    times.sort_unstable();
    Ok(Page { name, median: times[SAMPLES / 2], p99: times[SAMPLES * 99 / 100] })
}
