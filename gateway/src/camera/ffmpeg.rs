use std::{
    ffi::OsString,
    io,
    path::Path,
    process::{ExitStatus, Stdio},
};

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncRead, AsyncReadExt, copy, sink},
    process::Command,
};

/// The most frames taken from one video: an hour at 27 frames/s.
const MAX_FRAMES: u32 = 100_000;
/// Bytes kept of what a tool prints.
const MAX_OUTPUT: u64 = 16 * 1024;

/// What a tool left behind.
struct Ended {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

/// The arguments that decide what the frames of a video look like.
pub(super) fn settings(quality: u8) -> Vec<String> {
    let quality = quality.to_string();
    // Each frame once, as it was timed; 4:2:0 as cameras send it.
    [
        "-an",
        "-sn",
        "-fps_mode",
        "passthrough",
        "-c:v",
        "mjpeg",
        "-pix_fmt",
        "yuvj420p",
        "-q:v",
        &quality,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// What ffmpeg says of itself.
///
/// # Errors
/// When it cannot be started.
pub(crate) async fn version() -> anyhow::Result<String> {
    let mut command = Command::new("ffmpeg");
    command.arg("-version");
    let ended = run(command).await?;
    ensure!(ended.status.success(), "ffmpeg does not run: {}", ended.stderr.trim());
    Ok(ended.stdout.lines().next().unwrap_or_default().to_owned())
}

/// Writes the video's frames as `000001.jpg`… into the folder, at their own size and rate.
pub(super) async fn extract_frames(video: &Path, folder: &Path, quality: u8) -> anyhow::Result<()> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-i"]).arg(input(video)).args(["-map", "0:v:0"]);
    command.args(settings(quality)).args(["-frames:v", &MAX_FRAMES.to_string()]);
    // The pattern is relative to the folder, whose path may hold a `%` itself.
    command.args(["-f", "image2", "%06d.jpg"]).current_dir(folder);
    let ended = run(command).await?;
    ensure!(
        ended.status.success(),
        "ffmpeg cannot take frames from {}: {}",
        video.display(),
        ended.stderr.trim()
    );
    let any = folder.join("000001.jpg").exists();
    ensure!(any, "ffmpeg found no frames in {}: give another --clip", video.display());
    Ok(())
}

/// The video's average frames per second, or none if it does not say.
pub(super) async fn frame_rate(video: &Path) -> anyhow::Result<Option<f64>> {
    let mut command = Command::new("ffprobe");
    command.args([
        "-v",
        "error",
        "-select_streams",
        "v:0",
        "-show_entries",
        "stream=avg_frame_rate",
    ]);
    command.args(["-of", "default=noprint_wrappers=1:nokey=1"]).arg(input(video));
    let ended = run(command).await?;
    ensure!(
        ended.status.success(),
        "ffmpeg cannot read {}: {}",
        video.display(),
        ended.stderr.trim()
    );
    ensure!(
        !ended.stdout.trim().is_empty(),
        "{} holds no video: give another --clip",
        video.display()
    );
    Ok(parse_rate(ended.stdout.trim()))
}

/// A path that ffmpeg cannot take for a protocol or an option.
fn input(video: &Path) -> OsString {
    let mut input = OsString::from("file:");
    input.push(video);
    input
}

/// `30000/1001` as a number; `0/0` stands for unknown.
fn parse_rate(text: &str) -> Option<f64> {
    let (frames, seconds) = text.split_once('/')?;
    let rate = frames.parse::<f64>().ok()? / seconds.parse::<f64>().ok()?;
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

/// Runs a tool to its end; it is killed if the caller stops waiting.
async fn run(mut command: Command) -> anyhow::Result<Ended> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let tool = command.as_std().get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().with_context(|| {
        format!("cannot start {tool}: install the package ffmpeg (apt-get install ffmpeg), which must be on the PATH")
    })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr, status) =
        tokio::try_join!(beginning(stdout), beginning(stderr), child.wait())?;
    Ok(Ended { status, stdout, stderr })
}

/// Reads to the end, and keeps the beginning.
pub(super) async fn beginning(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<String> {
    let Some(mut pipe) = pipe else { return Ok(String::new()) };
    let mut kept = Vec::new();
    (&mut pipe).take(MAX_OUTPUT).read_to_end(&mut kept).await?;
    copy(&mut pipe, &mut sink()).await?;
    Ok(String::from_utf8_lossy(&kept).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_fractions() {
        assert_eq!(parse_rate("10/1"), Some(10.0));
        assert_eq!(parse_rate("30000/1001"), Some(30_000.0 / 1001.0));
        assert_eq!(parse_rate("0/0"), None);
        assert_eq!(parse_rate("25"), None);
    }
}
