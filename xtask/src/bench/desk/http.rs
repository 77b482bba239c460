//! As much of HTTP as the measurements need. A client keeps its connection, so that only the answer is measured.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A connection to one server.
pub struct Client {
    address: String,
    stream: BufReader<TcpStream>,
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Client {
    pub fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { address: address.to_owned(), stream: BufReader::new(stream) })
    }

    pub fn get(&mut self, path: &str) -> Result<Answer> {
        self.send("GET", path, &[("Accept", "text/html")], &[])
    }

    pub fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer> {
        self.send("POST", path, headers, body)
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer> {
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n", self.address, body.len());
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request)?;
        read_answer(&mut self.stream).with_context(|| format!("{method} {path}"))
    }
}

fn read_answer(stream: &mut impl BufRead) -> Result<Answer> {
    let status_line = read_line(stream)?;
    let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.with_context(|| format!("not an answer: {status_line}"))?;
    let length = read_length(stream)?;
    let mut body = Vec::new();
    match length {
        Length::Known(length) => {
            body.resize(length, 0);
            stream.read_exact(&mut body)?;
        }
        Length::Chunked => loop {
            let size = read_line(stream)?;
            let size = usize::from_str_radix(size.split(';').next().unwrap_or_default(), 16)?;
            let start = body.len();
            body.resize(start + size, 0);
            stream.read_exact(&mut body[start..])?;
            read_line(stream)?;
            if size == 0 {
                break;
            }
        },
    }
    Ok(Answer { status, body })
}

pub enum Length {
    Known(usize),
    Chunked,
}

/// Reads headers up to and including the empty line after them.
pub fn read_length(stream: &mut impl BufRead) -> Result<Length> {
    let mut length = Length::Known(0);
    loop {
        let line = read_line(stream)?.to_ascii_lowercase();
        if line.is_empty() {
            return Ok(length);
        }
        if let Some(bytes) = line.strip_prefix("content-length:") {
            length = Length::Known(bytes.trim().parse()?);
        } else if line.starts_with("transfer-encoding:") {
            length = Length::Chunked;
        }
    }
}

pub fn read_line(stream: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        bail!("the connection was closed");
    }
    Ok(line.trim_end().to_owned())
}
