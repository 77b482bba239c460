//! Load on the API: clients that submit applications, and a valuation service that calls back.

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::http::{Client, Length, read_length, read_line};
use super::server::until;
use super::stock;

/// Clients that work at the same time.
pub const CLIENTS: usize = 16;

/// How long each kind of load lasts.
const LENGTH: Duration = Duration::from_secs(10);

/// The first number of the submitted applications, above those of any stock.
const FIRST: usize = 50_000_000;

/// How many requests a second the desk answered.
pub struct Rates {
    pub submissions: f64,
    pub callbacks: f64,
    /// The median time of a submission.
    pub median_submission: Duration,
}

/// A valuation service that takes every request and notes where to call back.
pub struct Valuer {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// What the desk asked the valuation service.
#[derive(Clone)]
pub struct Request {
    /// Of the callback URL, with the query.
    path: String,
    valuation_reference: String,
}

impl Request {
    /// Answers the request with a value.
    pub fn call_back(&self, client: &mut Client) -> Result<()> {
        let body = json!({ "valuationReference": self.valuation_reference, "propertyValue": 400_000 }).to_string();
        let answer = client.post(&self.path, &[("Content-Type", "application/json")], body.as_bytes())?;
        match answer.status {
            200..300 => Ok(()),
            status => bail!("a callback was answered {status}: {}", String::from_utf8_lossy(&answer.body)),
        }
    }
}

impl Valuer {
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/", listener.local_addr()?);
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = kept.clone();
                // When a connection breaks, the desk opens another.
                std::thread::spawn(move || serve(stream, &kept));
            }
        });
        Ok(Self { url, requests })
    }

    /// The requests so far, in their order.
    pub fn requests(&self) -> Vec<Request> {
        unpoisoned(&self.requests).clone()
    }

    fn count(&self) -> usize {
        unpoisoned(&self.requests).len()
    }

    /// Waits until so many valuations have been requested.
    pub fn until_asked(&self, count: usize) -> Result<()> {
        until("every valuation has been requested", || Ok(self.count() >= count))
    }
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: TcpStream, requests: &Mutex<Vec<Request>>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    loop {
        read_line(&mut stream)?;
        let Length::Known(length) = read_length(&mut stream)? else { bail!("a chunked request") };
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let request: Value = serde_json::from_slice(&body)?;
        let callback = request["callbackUrl"].as_str().context("no callbackUrl")?;
        // What follows the host.
        let path = callback.splitn(4, '/').nth(3).context("no path")?;
        let valuation_reference = {
            let mut requests = unpoisoned(requests);
            let valuation_reference = format!("bench-{}", requests.len());
            requests.push(Request { path: format!("/{path}"), valuation_reference: valuation_reference.clone() });
            valuation_reference
        };
        let answer = json!({ "valuationReference": valuation_reference }).to_string();
        let head = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length:";
        write!(stream.get_mut(), "{head} {}\r\n\r\n{answer}", answer.len())?;
    }
}

/// Submits applications for a while, then calls back for a while.
pub fn measure(address: &str, valuer: &Valuer) -> Result<Rates> {
    let before = valuer.count();
    let next = AtomicUsize::new(FIRST + before);
    let mut took = clients(address, |client| {
        submit(client, next.fetch_add(1, Ordering::Relaxed))?;
        Ok(true)
    })?;
    took.sort_unstable();
    let submissions = took.len();
    valuer.until_asked(before + submissions)?;
    let requests = valuer.requests();
    let next = AtomicUsize::new(before);
    let called_back = clients(address, |client| {
        let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) else { return Ok(false) };
        request.call_back(client)?;
        Ok(true)
    })?;
    let total: Duration = called_back.iter().sum();
    Ok(Rates {
        submissions: submissions as f64 / LENGTH.as_secs_f64(),
        // The callbacks may run out before the time does.
        callbacks: called_back.len() as f64 / (total.as_secs_f64() / CLIENTS as f64),
        median_submission: took[submissions / 2],
    })
}

/// Submits the application with this number.
pub fn submit(client: &mut Client, number: usize) -> Result<()> {
    let application = stock::application(number).to_string();
    let answer = client.post("/api/applications", &[("Content-Type", "application/json")], application.as_bytes())?;
    match answer.status {
        201 => Ok(()),
        status => bail!("a submission was answered {status}: {}", String::from_utf8_lossy(&answer.body)),
    }
}

/// Lets each client repeat its work until the time is over or it returns that there is none left. Returns how long each
/// piece of work took.
fn clients(address: &str, work: impl Fn(&mut Client) -> Result<bool> + Sync) -> Result<Vec<Duration>> {
    let until = Instant::now() + LENGTH;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| -> Result<Vec<Duration>> {
                    let mut client = Client::connect(address)?;
                    let mut took = Vec::new();
                    while Instant::now() < until {
                        let start = Instant::now();
                        if !work(&mut client)? {
                            break;
                        }
                        took.push(start.elapsed());
                    }
                    Ok(took)
                })
            })
            .collect();
        let mut all = Vec::new();
        for client in clients {
            // A panic of a client is a panic of the bench.
            all.extend(client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(all)
    })
}
