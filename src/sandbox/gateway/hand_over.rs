//! How listening sockets get out of a wall: a socket stays in the network that it was made in, whoever holds it.
//!
//! The helper makes them inside and sends them to the gateway outside (`SCM_RIGHTS`, unix(7)), once. The message is
//! [`VERSION`], how many there are, and for each the place of its door in [`doors`]; the answer is `+`, or `-` and why
//! not.

use super::rules::{Door, Leads, PROXY_PORT, doors};
use crate::model::policy::Endpoint;
use rustix::cmsg_space;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketType, recvmsg, sendmsg, sockopt,
};
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use tokio::io::Interest;

const VERSION: u8 = 1;
const MOST: usize = 253;

/// How long the helper waits for the answer.
const ANSWER: Duration = Duration::from_secs(30);

#[cfg(target_os = "linux")]
const CLOSE_ON_EXEC: RecvFlags = RecvFlags::CMSG_CLOEXEC;
#[cfg(not(target_os = "linux"))]
const CLOSE_ON_EXEC: RecvFlags = RecvFlags::empty();

/// Makes every door of these endpoints in the network of this process and hands them to the gateway at `socket`.
/// Blocks until the gateway has them. The loopback device must be up.
///
/// # Errors
/// A door cannot be made, or the gateway does not take them.
pub fn hand_over(socket: &Path, endpoints: &[Endpoint]) -> io::Result<()> {
    let doors = doors(endpoints).map_err(io::Error::other)?;
    let mut made = Vec::new();
    for (place, door) in (0_u8..).zip(&doors) {
        match TcpListener::bind(door.at) {
            Ok(listener) => made.push((place, listener)),
            Err(error) if door.at.is_ipv6() && has_no_ipv6(&error) => {}
            Err(error) => {
                return Err(named(&error, format!("cannot listen on {}", door.at)));
            }
        }
    }
    let stream = UnixStream::connect(socket).map_err(|e| {
        named(
            &e,
            format!("cannot reach the gateway at {}", socket.display()),
        )
    })?;
    send(&stream, &made)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let mut answer = Vec::new();
    (&stream).take(1024).read_to_end(&mut answer)?;
    match answer.split_first() {
        Some((b'+', _)) => Ok(()),
        Some((_, why)) => Err(io::Error::other(format!(
            "the gateway did not take the sockets: {}",
            String::from_utf8_lossy(why)
        ))),
        None => Err(io::Error::other("the gateway did not take the sockets")),
    }
}

fn named(error: &io::Error, what: String) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

fn has_no_ipv6(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(Errno::AFNOSUPPORT.raw_os_error())
}

pub(super) fn send(stream: &UnixStream, made: &[(u8, TcpListener)]) -> io::Result<()> {
    let count = u8::try_from(made.len()).map_err(io::Error::other)?;
    let mut message = vec![VERSION, count];
    message.extend(made.iter().map(|(place, _)| place));
    let sockets: Vec<_> = made.iter().map(|(_, listener)| listener.as_fd()).collect();
    let rights = SendAncillaryMessage::ScmRights(&sockets);
    let mut space = vec![MaybeUninit::uninit(); rights.size()];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(rights) {
        return Err(io::Error::other("too many sockets for one message"));
    }
    let sent = sendmsg(
        stream,
        &[IoSlice::new(&message)],
        &mut control,
        SendFlags::empty(),
    )?;
    if sent < message.len() {
        return Err(io::Error::other("the message did not go out whole"));
    }
    Ok(())
}

/// Takes what [`hand_over`] sends. Sockets that are not the doors they are said to be are refused.
pub(super) async fn take(
    stream: &tokio::net::UnixStream,
    doors: &[Door],
) -> io::Result<Vec<(TcpListener, Leads)>> {
    let (message, sockets) = stream
        .async_io(Interest::READABLE, || receive(stream.as_fd()))
        .await?;
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let [VERSION, count, places @ ..] = &message[..] else {
        return Err(wrong("this is no list of sockets"));
    };
    if usize::from(*count) != places.len() || places.len() != sockets.len() {
        return Err(wrong("the list and the sockets differ in number"));
    }
    let mut taken = Vec::new();
    let mut seen = Vec::new();
    for (place, socket) in places.iter().zip(sockets) {
        let door = doors
            .get(usize::from(*place))
            .filter(|_| !seen.contains(place))
            .ok_or_else(|| wrong("a socket is for no door, or two are for one"))?;
        seen.push(*place);
        let listener = listener(socket)?;
        if listener.local_addr()? != door.at {
            return Err(wrong("a socket is not on the address of its door"));
        }
        taken.push((listener, door.leads.clone()));
    }
    match taken.iter().any(|(_, leads)| *leads == Leads::Proxy) {
        true => Ok(taken),
        false => Err(wrong(&format!("no socket is on port {PROXY_PORT}"))),
    }
}

fn receive(stream: impl AsFd) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut message = [0; MOST + 2];
    let mut space = vec![MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(
        stream,
        &mut [IoSliceMut::new(&mut message)],
        &mut control,
        CLOSE_ON_EXEC,
    )?;
    let mut sockets = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(some) = part {
            sockets.extend(some);
        }
    }
    if got.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::Error::other("more sockets came than fit"));
    }
    Ok((message[..got.bytes].to_vec(), sockets))
}

fn listener(socket: OwnedFd) -> io::Result<TcpListener> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "a socket does not listen");
    if sockopt::socket_type(&socket).map_err(|_| wrong())? != SocketType::STREAM {
        return Err(wrong());
    }
    // Apple's systems have no such option.
    #[cfg(target_os = "linux")]
    if !sockopt::socket_acceptconn(&socket)? {
        return Err(wrong());
    }
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true)?;
    Ok(listener)
}
