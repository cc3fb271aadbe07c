use std::fmt;

use serde::Serialize;

/// What was found of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Such as `NVIDIA driver`.
    pub part: &'static str,
    /// Whether it is there.
    pub found: bool,
    /// What is there, or why it is not.
    pub detail: String,
    /// What cannot be had without it; empty for what is only told.
    pub enables: &'static str,
    /// How it is got.
    pub get: &'static str,
}

/// What was found of all parts.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// In the order in which one needs the other.
    pub findings: Vec<Finding>,
}

/// Columns of the names of parts.
const NAMES: usize = 28;

/// A line for each part, and for those that are missing two more.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { part, found, detail, enables, get } in &self.findings {
            if *found {
                writeln!(f, "{part:NAMES$}{detail}")?;
            } else {
                writeln!(f, "{part:NAMES$}MISSING: {detail}")?;
                writeln!(f, "{:NAMES$}  enables: {enables}", "")?;
                writeln!(f, "{:NAMES$}  get it:  {get}", "")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_says_what_for_and_how_to_get_it() {
        let there = Finding {
            part: "processor",
            found: true,
            detail: "2 cores".to_owned(),
            enables: "",
            get: "",
        };
        let missing = Finding {
            part: "ffmpeg",
            found: false,
            detail: "it is not on PATH".to_owned(),
            enables: "videos",
            get: "apt-get install ffmpeg",
        };
        let text = Report { findings: vec![there, missing] }.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(lines[0], format!("{:NAMES$}2 cores", "processor"));
        assert_eq!(lines[1], format!("{:NAMES$}MISSING: it is not on PATH", "ffmpeg"));
        assert_eq!(lines[2..], ["enables: videos", "get it:  apt-get install ffmpeg"]);
    }
}
