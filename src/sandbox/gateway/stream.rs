//! Bytes between two connections, every wait bounded.

use super::http::{self, Body, MAX_HEAD};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt,
};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::time::timeout;

/// Bounds on a head or a first message of TLS, on finding and reaching a host, and on one of its addresses.
pub(super) const HEAD_TIME: Duration = Duration::from_secs(30);
const CONNECT_TIME: Duration = Duration::from_secs(20);
const ADDRESS_TIME: Duration = Duration::from_secs(6);
/// A connection on which nothing has moved for this long is ended. Models think for minutes.
const IDLE: Duration = Duration::from_secs(15 * 60);

const CHUNK_LINE: usize = 4096;

/// A head with its blank line, and what came after it. `bytes` were read before.
pub(super) async fn head(
    from: &mut (impl AsyncRead + Unpin),
    mut bytes: Vec<u8>,
) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let reading = async {
        let mut seen = 0;
        loop {
            // The end may lie across two reads.
            let start = usize::saturating_sub(seen, 3);
            if let Some(at) = bytes[start..].windows(4).position(|w| w == b"\r\n\r\n") {
                let rest = bytes.split_off(start + at + 4);
                return Ok((bytes, rest));
            }
            seen = bytes.len();
            if seen >= MAX_HEAD {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            if from.read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    };
    timeout(HEAD_TIME, reading)
        .await
        .unwrap_or_else(|_| Err(slow()))
}

pub(super) async fn bounded<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(CONNECT_TIME, work)
        .await
        .unwrap_or_else(|_| Err(slow()))
}

fn slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "nobody answered in time")
}

pub(super) async fn first_of(addresses: impl Iterator<Item = SocketAddr>) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match timeout(ADDRESS_TIME, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // As on the client's side.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = slow(),
        }
    }
    Err(last)
}

/// Bytes both ways until both ends are done; the end of one way is passed on.
pub(super) async fn relay(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    first: Vec<u8>,
    server: TcpStream,
    early: &[u8],
) -> io::Result<()> {
    let (mut answers, mut out) = server.into_split();
    let activity = Notify::new();
    let up = async {
        out.write_all(&first).await?;
        pump(from, &mut out, None, &activity).await?;
        out.shutdown().await
    };
    let down = async {
        to.write_all(early).await?;
        pump(&mut answers, to, None, &activity).await?;
        to.shutdown().await
    };
    tokio::select! {
        done = async { tokio::try_join!(up, down) } => done.map(drop),
        () = idle(&activity) => Err(slow()),
    }
}

/// Returns when nothing has moved for too long.
pub(super) async fn idle(activity: &Notify) {
    while timeout(IDLE, activity.notified()).await.is_ok() {}
}

/// Copies to the end, or so many bytes; fewer are an error.
pub(super) async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    count: Option<u64>,
    activity: &Notify,
) -> io::Result<()> {
    let mut left = count.unwrap_or(u64::MAX);
    let mut buffer = vec![0; 16 << 10];
    while left > 0 {
        let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let got = from.read(&mut buffer[..most]).await?;
        match (got, count) {
            (0, None) => return Ok(()),
            (0, Some(_)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => to.write_all(&buffer[..got]).await?,
        }
        left -= got as u64;
        activity.notify_one();
    }
    Ok(())
}

/// Sends a body and nothing after it: what would follow is another request, which nobody has looked at.
pub(super) async fn send_body(
    from: &mut (impl AsyncBufRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    body: Body,
    activity: &Notify,
) -> io::Result<()> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "a chunk is broken");
    if let Body::Length(length) = body {
        return pump(from, to, Some(length), activity).await;
    }
    loop {
        let line = line(from).await?;
        let size = http::chunk_size(&line).ok_or_else(broken)?;
        to.write_all(&line).await?;
        if size == 0 {
            break;
        }
        pump(from, to, Some(size), activity).await?;
        let mut end = [0; 2];
        from.read_exact(&mut end).await?;
        if end != *b"\r\n" {
            return Err(broken());
        }
        to.write_all(&end).await?;
    }
    // Trailers.
    for _ in 0..64 {
        let line = line(from).await?;
        to.write_all(&line).await?;
        if line == b"\r\n" {
            return Ok(());
        }
    }
    Err(broken())
}

async fn line(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.take(CHUNK_LINE as u64)
        .read_until(b'\n', &mut line)
        .await?;
    match line.ends_with(b"\r\n") {
        true => Ok(line),
        false => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a line has no end",
        )),
    }
}
