//! A light HTTP/1.1 client with a single connection, so that mainly the server is measured.

use std::{
    fmt,
    io::{self, ErrorKind, Write},
    net::SocketAddr,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A persistent connection for one request at a time.
pub struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    /// The part of the answer that has been read.
    answer: Vec<u8>,
}

/// The answer of an operation.
pub type Answer = Result<Value, Fault>;

/// An error in the AWS JSON protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub status: u16,
    /// `__type`, for example `TaskTimedOut`.
    pub code: String,
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.message)
    }
}

/// Distinguishes an error from a result.
pub fn read_answer(status: u16, body: &[u8]) -> io::Result<Answer> {
    let body: Value = serde_json::from_slice(body)?;
    if status == 200 {
        return Ok(Ok(body));
    }
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    Ok(Err(Fault { status, code: text("__type"), message: text("message") }))
}

impl Connection {
    pub async fn open(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, request: Vec::with_capacity(2048), answer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When the connection breaks. It is unknown then whether the request was processed.
    pub async fn ask(&mut self, operation: &str, body: &Value) -> io::Result<Answer> {
        let (status, body) = self.exchange(operation, body.to_string().as_bytes()).await?;
        read_answer(status, body)
    }

    /// Sends a request and returns the raw answer.
    pub async fn exchange(&mut self, operation: &str, body: &[u8]) -> io::Result<(u16, &[u8])> {
        self.request.clear();
        write!(
            self.request,
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: AWSStepFunctions.{operation}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )?;
        self.request.extend_from_slice(body);
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        let head = loop {
            self.read_more().await?;
            if let Some(end) = self.answer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let (status, length) = read_head(&self.answer[..head]).ok_or(ErrorKind::InvalidData)?;
        while self.answer.len() < head + length {
            self.read_more().await?;
        }
        Ok((status, &self.answer[head..head + length]))
    }

    async fn read_more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.answer).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Parses the status and the length of the body.
fn read_head(head: &[u8]) -> Option<(u16, usize)> {
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })?;
    Some((status, length))
}
