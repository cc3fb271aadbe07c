use std::{io, process::Stdio, time::Duration};

use bytes::Bytes;
use tokio::{
    io::BufReader,
    process::{Child, ChildStdout, Command},
    task::JoinHandle,
    time::timeout,
};

use super::{super::clip_source::StreamUrl, parts::next_part};
use crate::camera::ffmpeg::{beginning, settings};

/// The largest frame of a stream, in bytes: what a gateway reads by default.
const FRAME_BYTES: usize = 20 << 20;
/// How long ffmpeg waits for the camera, in its microseconds.
const SILENCE_MICROS: &str = "10000000";
/// How long there may be no frame from ffmpeg, which should have given up by itself before.
const STUCK: Duration = Duration::from_secs(20);
/// How long ffmpeg may take to end, once it gives no more frames.
const ENDING: Duration = Duration::from_secs(2);
/// Letters of ffmpeg's last words that are logged.
const REASON_LETTERS: usize = 300;
/// Parts of what ffmpeg says that may be logged whatever the URL holds.
const KNOWN_REASONS: [&str; 9] = [
    "401 Unauthorized",
    "403 Forbidden",
    "404 Not Found",
    "Server returned 5XX",
    "Connection refused",
    "Connection timed out",
    "Connection reset",
    "No route to host",
    "Invalid data found",
];

/// A running ffmpeg that takes frames from a stream. Dropped, it is killed. It is in a process
/// group of its own, so that Ctrl-C at a terminal is not taken for a broken stream; if this process
/// is killed, it ends with its next frame, which nobody takes, or at its own time limit.
pub(super) struct Stream {
    child: Child,
    frames: BufReader<ChildStdout>,
    said: JoinHandle<io::Result<String>>,
    url: StreamUrl,
}

impl Stream {
    /// Starts ffmpeg; whether it reaches the stream shows with the first frame.
    pub(super) fn open(url: &StreamUrl, quality: u8) -> io::Result<Self> {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-fflags", "nobuffer"]);
        command.args(["-analyzeduration", "1000000"]).args(reach(url));
        command.args(["-i", url.secret(), "-map", "0:v:0"]).args(settings(quality));
        command.args(["-f", "mpjpeg", "-flush_packets", "1", "-"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.process_group(0).kill_on_drop(true).spawn()?;
        let frames = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let said = tokio::spawn(beginning(child.stderr.take()));
        Ok(Self { child, frames: BufReader::new(frames), said, url: url.clone() })
    }

    /// Waits for the next frame.
    ///
    /// Errors say why there are no more; then ffmpeg has ended, or is killed.
    pub(super) async fn next_frame(&mut self) -> Result<Bytes, String> {
        match timeout(STUCK, next_part(&mut self.frames, FRAME_BYTES)).await {
            Ok(Ok(Some(frame))) => Ok(frame),
            Ok(Ok(None)) => Err(self.last_words().await),
            Ok(Err(error)) => {
                let words = self.last_words().await;
                Err(format!("{error}; {words}"))
            }
            Err(_) => Err(format!("no frame for {STUCK:?}")),
        }
    }

    async fn last_words(&mut self) -> String {
        let said = timeout(ENDING, async {
            let _ = self.child.wait().await;
            (&mut self.said).await
        });
        match said.await {
            Ok(Ok(Ok(said))) => reason(&said, &self.url),
            _ => "ffmpeg said nothing".to_owned(),
        }
    }
}

/// The options that say how a stream is reached, and that nothing but the network may be read,
/// whatever the stream points to.
fn reach(url: &StreamUrl) -> Vec<&'static str> {
    if url.is_rtsp() {
        vec!["-rtsp_transport", "tcp", "-timeout", SILENCE_MICROS]
    } else {
        let network = "http,https,httpproxy,tcp,tls,crypto";
        vec!["-protocol_whitelist", network, "-rw_timeout", SILENCE_MICROS]
    }
}

/// What ffmpeg said last. It may repeat the URL: where that holds secrets, only known words are
/// taken.
fn reason(said: &str, url: &StreamUrl) -> String {
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    let Some(last) = last else { return "the stream ended".to_owned() };
    if url.has_secrets() {
        let known = KNOWN_REASONS.iter().find(|known| said.contains(**known));
        return known.map_or_else(
            || "ffmpeg ended; its words are withheld, as the URL may hold secrets".to_owned(),
            |known| (*known).to_owned(),
        );
    }
    last.chars().take(REASON_LETTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::clip_source::ClipSource;

    fn url(written: &str) -> StreamUrl {
        match ClipSource::written(written.into()) {
            ClipSource::Stream(url) => url,
            ClipSource::File(path) => panic!("{} is no URL", path.display()),
        }
    }

    #[test]
    fn words_with_secrets_are_withheld() {
        let secret = url("rtsp://admin:hunter2@cam/main");
        let said = "rtsp://admin:hunter2@cam/main: Server returned 401 Unauthorized (x)\n";
        assert_eq!(reason(said, &secret), "401 Unauthorized");
        assert!(!reason("rtsp://admin:hunter2@cam/main: strange", &secret).contains("hunter2"));
        let open = url("rtsp://cam/main");
        assert_eq!(
            reason("first\n rtsp://cam/main: strange\n\n", &open),
            "rtsp://cam/main: strange"
        );
        for url in [&open, &secret] {
            assert_eq!(reason("\n", url), "the stream ended");
        }
    }
}
