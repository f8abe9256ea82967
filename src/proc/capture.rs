//! Bounded reading: lines for the caller, head and tail for the record.

use super::Limits;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The kept bytes of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half: usize,
    /// Bytes seen in all.
    pub total: u64,
}

impl Captured {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            half: (limit / 2).max(1),
            ..Self::default()
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = self.half.saturating_sub(self.head.len());
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(first);
        let rest = &rest[rest.len().saturating_sub(self.half)..];
        let overflow = (self.tail.len() + rest.len()).saturating_sub(self.half);
        self.tail.drain(..overflow.min(self.tail.len()));
        self.tail.extend(rest);
    }

    /// Bytes that were dropped between head and tail.
    pub fn dropped(&self) -> u64 {
        self.total - self.head.len() as u64 - self.tail.len() as u64
    }

    /// The text, with a note where something was cut. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        let (a, b) = self.tail.as_slices();
        let tail = [a, b].concat();
        if self.dropped() == 0 {
            let all = [self.head.as_slice(), &tail].concat();
            return String::from_utf8_lossy(&all).into_owned();
        }
        format!(
            "{}\n[… {} bytes cut …]\n{}",
            String::from_utf8_lossy(&self.head),
            self.dropped(),
            String::from_utf8_lossy(&tail)
        )
    }
}

/// Reads a stream in pieces and hands out lines.
pub(super) struct LineReader<R> {
    source: Option<R>,
    chunk: Vec<u8>,
    filled: usize,
    line: Vec<u8>,
    max_line: usize,
    captured: Captured,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    pub(super) fn new(source: Option<R>, limits: Limits) -> Self {
        Self {
            source,
            chunk: vec![0; 16 << 10],
            filled: 0,
            line: Vec::new(),
            max_line: limits.max_line,
            captured: Captured::new(limits.capture),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.source.is_none()
    }

    /// Reads one piece; false at the end of the stream. Cancel safe.
    pub(super) async fn fill(&mut self) -> bool {
        let Some(source) = self.source.as_mut() else {
            return false;
        };
        match source.read(&mut self.chunk).await {
            Ok(0) | Err(_) => {
                self.source = None;
                self.filled = 0;
                false
            }
            Ok(n) => {
                self.filled = n;
                self.captured.push(&self.chunk[..n]);
                true
            }
        }
    }

    /// Hands out the complete lines of the piece just read.
    pub(super) fn lines(
        &mut self,
        mut each: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let piece = &self.chunk[..std::mem::take(&mut self.filled)];
        let mut flow = ControlFlow::Continue(());
        for part in piece.split_inclusive(|b| *b == b'\n') {
            let (body, complete) = match part.split_last() {
                Some((b'\n', body)) => (body, true),
                _ => (part, false),
            };
            let room = self.max_line.saturating_sub(self.line.len());
            self.line.extend_from_slice(&body[..room.min(body.len())]);
            if complete {
                if flow.is_continue() {
                    flow = each(self.line.strip_suffix(b"\r").unwrap_or(&self.line));
                }
                self.line.clear();
                self.line.shrink_to(64 << 10);
            }
        }
        flow
    }

    /// Hands out a last line that had no line end.
    pub(super) fn last_line(
        &mut self,
        mut each: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if self.line.is_empty() {
            return ControlFlow::Continue(());
        }
        let line = std::mem::take(&mut self.line);
        each(&line)
    }

    pub(super) fn into_captured(self) -> Captured {
        self.captured
    }
}
