use std::io::{self, ErrorKind};

use bytes::Bytes;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// More than a part's header line takes, in bytes.
const LONGEST_LINE: u64 = 1024;
/// The header that says how many bytes a part has.
const LENGTH: &str = "content-length:";

/// The next part of what ffmpeg's `mpjpeg` writes, at most `limit` bytes; none at the end. Each
/// part says its length, so no byte of a frame is ever taken for its end.
pub(super) async fn next_part(
    reader: &mut (impl AsyncBufRead + Unpin),
    limit: usize,
) -> io::Result<Option<Bytes>> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        if (&mut *reader).take(LONGEST_LINE).read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') {
            return Err(broken("a line has no end"));
        }
        let line = String::from_utf8_lossy(&line).trim().to_ascii_lowercase();
        if let Some(written) = line.strip_prefix(LENGTH) {
            length = written.trim().parse::<usize>().ok();
        }
        match length {
            Some(length) if length > limit => return Err(broken("a frame is too large")),
            Some(length) if line.is_empty() => {
                let mut bytes = vec![0; length];
                reader.read_exact(&mut bytes).await?;
                return Ok(Some(bytes.into()));
            }
            _ => {}
        }
    }
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    async fn parts(mut written: &[u8]) -> (Vec<Bytes>, io::Result<()>) {
        let mut parts = Vec::new();
        loop {
            match next_part(&mut written, 8).await {
                Ok(Some(part)) => parts.push(part),
                Ok(None) => return (parts, Ok(())),
                Err(error) => return (parts, Err(error)),
            }
        }
    }

    #[tokio::test]
    async fn a_part_is_as_long_as_it_says() {
        let (parts, end) = parts(
            b"--ffmpeg\r\nContent-type: image/jpeg\r\nContent-length: 5\r\n\r\n\xff\xd8\r\n\xd9\r\n\
              --ffmpeg\r\nContent-Length: 2\r\n\r\n\n\n\r\n--ffmpeg\r\n",
        )
        .await;
        assert_eq!(parts, [&b"\xff\xd8\r\n\xd9"[..], b"\n\n"]);
        assert!(end.is_ok());
    }

    #[tokio::test]
    async fn what_is_cut_or_too_large_is_no_part() {
        for written in [
            "Content-length: 5\r\n\r\n123",
            "Content-length: 9\r\n\r\n123456789",
            "Content-length: 99999999999999\r\n\r\n1",
            &"x".repeat(2000),
        ] {
            let (parts, end) = parts(written.as_bytes()).await;
            assert!(parts.is_empty() && end.is_err(), "{written}");
        }
    }
}
