//! As much HTTP/1.1 as a load generator needs: requests built beforehand, answers with a length.
//! It shares the processors with what it measures, so it parses next to nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 20;

/// One answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Whether the server keeps the connection open.
    pub(super) keeps: bool,
}

/// A request without a body.
pub(super) fn get(path: &str, key: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\napikey: {key}\r\n\r\n").into_bytes()
}

/// A request with a body; `headers` are whole lines, each with its line end.
pub(super) fn post(path: &str, key: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\napikey: {key}\r\n{headers}content-length: {length}\r\n\r\n"
    );
    let mut request = Vec::with_capacity(head.len() + length);
    request.extend_from_slice(head.as_bytes());
    request.extend_from_slice(body);
    request
}

/// Sends one request on a connection of its own and waits.
pub(super) fn once(address: SocketAddr, request: &[u8]) -> anyhow::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(90)))?;
    stream.write_all(request)?;
    let mut reader = Reader::default();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            bail!("the server closed the connection before its answer was whole");
        }
        reader.push(&buffer[..count]);
        if let Some(answer) = reader.take()? {
            return Ok(answer);
        }
    }
}

/// Puts an answer together from what comes.
#[derive(Debug, Default)]
pub(super) struct Reader {
    buffer: Vec<u8>,
    head: Option<Head>,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    status: u16,
    /// Bytes of the head with its empty line.
    length: usize,
    body: usize,
    keeps: bool,
}

impl Reader {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether a part of an answer is here.
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The answer, once it is whole.
    pub(super) fn take(&mut self) -> anyhow::Result<Option<Answer>> {
        let head = match self.head {
            Some(head) => head,
            None => {
                let Some(head) = parse_head(&self.buffer)? else { return Ok(None) };
                *self.head.insert(head)
            }
        };
        if self.buffer.len() < head.length + head.body {
            return Ok(None);
        }
        self.head = None;
        let mut body = std::mem::take(&mut self.buffer);
        // Nothing is pipelined, so nothing follows.
        body.drain(..head.length);
        Ok(Some(Answer { status: head.status, body, keeps: head.keeps }))
    }
}

fn parse_head(bytes: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        if bytes.len() > 64 << 10 {
            bail!("the head of an answer does not end");
        }
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).context("the head of an answer is no text")?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let mut head = Head {
        status: status.parse().context("an answer without a status")?,
        length: end + 4,
        body: 0,
        keeps: true,
    };
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            head.body = value.parse().context("an answer's length")?;
        } else if name.eq_ignore_ascii_case("connection") {
            head.keeps = !value.eq_ignore_ascii_case("close");
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("an answer in chunks, which this client does not read");
        }
    }
    if head.body > MAX_ANSWER {
        bail!("an answer of {} bytes", head.body);
    }
    Ok(Some(head))
}

/// What moving bytes came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    /// The kernel has to be waited for.
    Waits,
    /// Everything that was wanted.
    Done,
    /// The other side is gone.
    Closed,
}

/// Writes from `*written` on, as much as the kernel takes.
pub(super) fn write_some(
    stream: &mut TcpStream,
    bytes: &[u8],
    written: &mut usize,
) -> std::io::Result<Moved> {
    while let Some(rest @ [_, ..]) = bytes.get(*written..) {
        match stream.write(rest) {
            Ok(0) => return Ok(Moved::Closed),
            Ok(count) => *written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Moved::Waits),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Moved::Done)
}

/// Reads what is there.
pub(super) fn read_some(
    stream: &mut TcpStream,
    scratch: &mut [u8],
    reader: &mut Reader,
) -> std::io::Result<Moved> {
    loop {
        match stream.read(scratch) {
            Ok(0) => return Ok(Moved::Closed),
            Ok(count) => reader.push(&scratch[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Moved::Waits),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_put_together_from_pieces() {
        let mut reader = Reader::default();
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
        for byte in &whole[..whole.len() - 1] {
            reader.push(&[*byte]);
            assert!(reader.take().unwrap().is_none());
        }
        reader.push(b"o");
        let answer = reader.take().unwrap().unwrap();
        assert_eq!((answer.status, answer.keeps), (200, false));
        assert_eq!(answer.body, b"hello");
        assert!(reader.is_empty());
    }

    #[test]
    fn an_answer_in_chunks_is_refused() {
        let mut reader = Reader::default();
        reader.push(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(reader.take().is_err());
    }
}
