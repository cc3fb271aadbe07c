use std::{ffi::OsString, fmt, path::PathBuf};

/// How a stream's URL may begin.
const SCHEMES: [&str; 4] = ["rtsp://", "rtsps://", "http://", "https://"];

/// What cameras show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClipSource {
    /// A video, or a folder of JPEG or PNG frames.
    File(PathBuf),
    /// A camera's own stream, which one camera shows as it comes.
    Stream(StreamUrl),
}

/// Where a camera's stream is: RTSP, or HTTP such as MJPEG. As text it is the place alone: it may
/// hold credentials, which are for ffmpeg only.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamUrl(String);

impl ClipSource {
    /// What was written for `--clip`.
    pub(super) fn written(written: OsString) -> Self {
        let is_url = |text: &&str| SCHEMES.iter().any(|scheme| starts_with(text, scheme));
        match written.to_str().filter(is_url) {
            Some(url) => Self::Stream(StreamUrl(url.to_owned())),
            None => Self::File(written.into()),
        }
    }
}

impl From<PathBuf> for ClipSource {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl StreamUrl {
    /// All of it, for ffmpeg.
    pub(super) fn secret(&self) -> &str {
        &self.0
    }

    /// Whether it is RTSP.
    pub(super) fn is_rtsp(&self) -> bool {
        starts_with(&self.0, "rtsp")
    }

    /// Whether it may hold credentials: before an `@`, or in a query.
    pub(super) fn has_secrets(&self) -> bool {
        self.0.contains(['@', '?'])
    }
}

/// The scheme, host, port and path. Where an `@` after a `?` leaves open what is a password, only
/// the scheme is shown.
impl fmt::Display for StreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or_default();
        let (place, query) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
        let place = if query.contains('@') { "…" } else { place };
        let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
        write!(f, "{scheme}://{place}")
    }
}

impl fmt::Debug for StreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn starts_with(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(written: &str) -> String {
        match ClipSource::written(written.into()) {
            ClipSource::Stream(url) => format!("{url}"),
            ClipSource::File(path) => format!("file {}", path.display()),
        }
    }

    #[test]
    fn a_url_is_a_stream_and_the_rest_is_a_file() {
        assert_eq!(shown("rtsp://cam:554/main"), "rtsp://cam:554/main");
        assert_eq!(shown("HTTP://cam/mjpeg"), "HTTP://cam/mjpeg");
        assert_eq!(shown("videos/http:/yard.mp4"), "file videos/http:/yard.mp4");
        assert_eq!(shown("file:///yard.mp4"), "file file:///yard.mp4");
    }

    #[test]
    fn no_part_of_a_secret_is_shown() {
        for url in [
            "rtsp://admin:secret@cam:554/main",
            "rtsp://admin:sec@secret@cam:554/main",
            "rtsp://admin:sec/secret@cam:554/main",
            "rtsp://cam:554/main?password=secret",
            "http://cam:554/main#secret",
        ] {
            assert!(shown(url).ends_with("://cam:554/main"), "{}", shown(url));
        }
        assert_eq!(shown("rtsp://admin:?secret@cam/main"), "rtsp://…");
        assert_eq!(shown("http://cam/main?mail=a@b&password=secret"), "http://…");
    }
}
