//! Load on the machine interface: clients that submit applications, and a valuer that calls back.

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::fill;
use super::http::{Client, Length, read_length, read_line};

/// Clients that work at the same time.
const CLIENTS: usize = 16;

/// How long each kind of load goes on.
const LENGTH: Duration = Duration::from_secs(10);

/// Numbers of applications that no stock has.
const FIRST: usize = 50_000_000;

/// What was done each second.
pub struct Rates {
    pub submissions: f64,
    pub callbacks: f64,
    /// Half of the submissions took no longer.
    pub median_submission: Duration,
}

/// A valuation service: takes every request, and keeps where to call back.
pub struct Valuer {
    pub url: String,
    requests: Arc<Mutex<Vec<(String, String)>>>,
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
                // A connection that breaks off is the desk's to open again.
                std::thread::spawn(move || serve(stream, &kept));
            }
        });
        Ok(Self { url, requests })
    }
}

fn serve(stream: TcpStream, requests: &Mutex<Vec<(String, String)>>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    loop {
        read_line(&mut stream)?;
        let Length::Known(length) = read_length(&mut stream)? else { bail!("a chunked request") };
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let request: Value = serde_json::from_slice(&body)?;
        let callback = request["callbackUrl"].as_str().context("no callbackUrl")?;
        // Behind the host.
        let path = callback.splitn(4, '/').nth(3).context("no path")?;
        let reference = {
            let mut requests = requests.lock().expect("nobody panics with it");
            let reference = format!("bench-{}", requests.len());
            requests.push((format!("/{path}"), reference.clone()));
            reference
        };
        let answer = json!({ "valuationReference": reference }).to_string();
        let head = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length:";
        write!(stream.get_mut(), "{head} {}\r\n\r\n{answer}", answer.len())?;
    }
}

/// Submits for a while, then calls back for a while.
pub fn measure(address: &str, valuer: &Valuer) -> Result<Rates> {
    let next = AtomicUsize::new(FIRST);
    let headers = [("Content-Type", "application/json")];
    let mut took = clients(address, |client| {
        let application = fill::application(next.fetch_add(1, Ordering::Relaxed)).to_string();
        let answer = client.post("/api/applications", &headers, application.as_bytes())?;
        if answer.status == 201 { Ok(true) } else { bail!("a submission was answered {}", answer.status) }
    })?;
    took.sort_unstable();
    let submissions = took.len();
    let deadline = Instant::now() + Duration::from_secs(120);
    while valuer.requests.lock().expect("nobody panics with it").len() < submissions {
        if Instant::now() > deadline {
            bail!("not every valuation was requested");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let next = AtomicUsize::new(0);
    let called_back = clients(address, |client| {
        let request =
            valuer.requests.lock().expect("nobody panics with it").get(next.fetch_add(1, Ordering::Relaxed)).cloned();
        let Some((path, reference)) = request else { return Ok(false) };
        let body = json!({ "valuationReference": reference, "propertyValue": 400_000 }).to_string();
        let answer = client.post(&path, &headers, body.as_bytes())?;
        if (200..300).contains(&answer.status) { Ok(true) } else { bail!("a callback was answered {}", answer.status) }
    });
    let started = called_back?;
    let total: Duration = started.iter().sum();
    Ok(Rates {
        submissions: submissions as f64 / LENGTH.as_secs_f64(),
        // All clients work at the same time; the last requests may run out before the time does.
        callbacks: started.len() as f64 / (total.as_secs_f64() / CLIENTS as f64),
        median_submission: took[submissions / 2],
    })
}

/// Lets each client do its work again and again, until the time is over or it says that there is no more.
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
            all.extend(client.join().expect("it does not panic")?);
        }
        Ok(all)
    })
}
