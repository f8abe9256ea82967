//! As much of HTTP/1.1 as clients of models need, and every way to break it that a script asks for.

use crate::script::{At, Place};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// Longest head and body of a request.
const MAX_HEAD: u64 = 256 << 10;
const MAX_BODY: u64 = 256 << 20;

#[derive(Debug)]
pub struct Request {
    pub method: String,
    /// With the query.
    pub path: String,
    /// Names in small letters, in the order in which they came.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(k, _)| k == name);
        found.map(|(_, v)| v.as_str())
    }
}

/// What is sent, and how.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Body,
    pub fault: Fault,
    /// Bytes of a piece; None: as it comes.
    pub piece: Option<usize>,
    /// Between pieces.
    pub pause: Option<Duration>,
}

#[derive(Debug)]
pub enum Body {
    None,
    /// With its length told; one event.
    Whole(Vec<u8>),
    /// In chunks, an event each.
    Events(Vec<Vec<u8>>),
}

impl Body {
    pub fn whole(bytes: Vec<u8>) -> Self {
        Self::Whole(bytes)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    Cut(Place),
    Stall(Place),
}

/// What becomes of a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum After {
    Open,
    Closed,
}

impl Response {
    pub fn bare(status: u16, body: Body) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
            fault: Fault::None,
            piece: None,
            pause: None,
        }
    }

    pub fn json(status: u16, body: &Value) -> Self {
        let mut response = Self::bare(status, Body::whole(body.to_string().into_bytes()));
        response
            .headers
            .push(("content-type".to_owned(), "application/json".to_owned()));
        response
    }
}

/// One client.
pub struct Connection {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Connection {
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        let writer = stream.try_clone()?;
        Ok(Self {
            reader: BufReader::new(stream),
            writer,
        })
    }

    /// The next request; None when the client is done.
    pub fn request(&mut self) -> io::Result<Option<Request>> {
        let mut head = (&mut self.reader).take(MAX_HEAD);
        let mut line = String::new();
        if head.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (Some(method), Some(path)) = (words.next(), words.next()) else {
            return Ok(None);
        };
        let mut headers = Vec::new();
        loop {
            line.clear();
            if head.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut request = Request {
            method,
            path,
            headers,
            body: Vec::new(),
        };
        if request.header("expect").is_some() {
            self.writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.body = match request.header("content-length") {
            Some(length) => {
                let length: u64 = length.parse().map_err(io::Error::other)?;
                if length > MAX_BODY {
                    return Err(io::Error::other("the body is too long"));
                }
                crate::read_bounded(&mut self.reader, length)?
            }
            None if request
                .header("transfer-encoding")
                .is_some_and(|t| t.eq_ignore_ascii_case("chunked")) =>
            {
                self.chunked()?
            }
            None => Vec::new(),
        };
        Ok(Some(request))
    }

    fn chunked(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            (&mut self.reader).take(64).read_line(&mut line)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
            if body.len() as u64 + size > MAX_BODY {
                return Err(io::Error::other("the body is too long"));
            }
            body.append(&mut crate::read_bounded(&mut self.reader, size)?);
            line.clear();
            (&mut self.reader).take(64).read_line(&mut line)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    /// Sends an answer, with what goes wrong on its way.
    ///
    /// # Errors
    /// The client left before it had everything that it was to get.
    pub fn send(&mut self, response: &Response) -> io::Result<After> {
        if let Fault::Cut(place) | Fault::Stall(place) = response.fault
            && place.at == At::Nothing
        {
            return self.break_off(response.fault);
        }
        let (events, chunked) = match &response.body {
            Body::None => (Vec::new(), false),
            Body::Whole(bytes) => (vec![bytes.as_slice()], false),
            Body::Events(events) => (events.iter().map(Vec::as_slice).collect(), true),
        };
        let whole: usize = events.iter().map(|e| e.len()).sum();
        let (until, broken) = match response.fault {
            Fault::None => (whole, false),
            Fault::Cut(place) | Fault::Stall(place) => match place.at {
                At::Nothing => (0, true),
                At::Events(n) => (events.iter().take(n).map(|e| e.len()).sum(), true),
                At::Bytes(n) => (n.min(whole), true),
            },
        };
        let clean = matches!(response.fault, Fault::Cut(place) if place.clean);
        let length = if clean { until } else { whole };
        self.head(response, chunked, length)?;
        self.body(response, &events, chunked, until)?;
        if broken && !clean {
            return self.break_off(response.fault);
        }
        if chunked {
            self.writer.write_all(b"0\r\n\r\n")?;
        }
        self.writer.flush()?;
        Ok(After::Open)
    }

    fn head(&mut self, response: &Response, chunked: bool, length: usize) -> io::Result<()> {
        let mut head = format!(
            "HTTP/1.1 {} {}\r\n",
            response.status,
            reason(response.status)
        );
        for (name, value) in &response.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match (&response.body, chunked) {
            (Body::None, _) => head.push_str("content-length: 0\r\n"),
            (_, true) => head.push_str("transfer-encoding: chunked\r\n"),
            (_, false) => head.push_str(&format!("content-length: {length}\r\n")),
        }
        head.push_str("\r\n");
        self.writer.write_all(head.as_bytes())?;
        self.writer.flush()
    }

    /// The first `until` bytes, in pieces; without `piece`, an event at a time.
    fn body(
        &mut self,
        response: &Response,
        events: &[&[u8]],
        chunked: bool,
        until: usize,
    ) -> io::Result<()> {
        let joined;
        let pieces: Box<dyn Iterator<Item = &[u8]>> = match response.piece {
            None => {
                let mut left = until;
                Box::new(events.iter().map(move |event| {
                    let n = event.len().min(left);
                    left -= n;
                    &event[..n]
                }))
            }
            Some(n) => {
                joined = events.concat();
                Box::new(joined[..until].chunks(n))
            }
        };
        for (at, piece) in pieces.filter(|p| !p.is_empty()).enumerate() {
            if let (Some(pause), true) = (response.pause, at > 0) {
                std::thread::sleep(pause);
            }
            if chunked {
                let mut framed = format!("{:x}\r\n", piece.len()).into_bytes();
                framed.extend_from_slice(piece);
                framed.extend_from_slice(b"\r\n");
                self.writer.write_all(&framed)?;
            } else {
                self.writer.write_all(piece)?;
            }
            self.writer.flush()?;
        }
        Ok(())
    }

    fn break_off(&mut self, fault: Fault) -> io::Result<After> {
        if matches!(fault, Fault::Stall(_)) {
            // Silent until the client leaves; what it may still say is not heard.
            io::copy(&mut self.reader, &mut io::sink())?;
            return Err(io::Error::other("the client left"));
        }
        let _ = self.writer.shutdown(Shutdown::Both);
        Ok(After::Closed)
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Payload Too Large",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}
