//! Why a policy is refused: `FILE:LINE:COLUMN: key.path: reason`, one line for each problem.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_saphyr::Location;

use super::places::Places;

/// The longest piece of the policy that a reason repeats, in characters.
const QUOTED: usize = 60;
/// How many problems are reported; of more, only the number.
const REPORTED: usize = 100;

/// Every problem found in one policy, in the order of the file; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyErrors {
    file: PathBuf,
    problems: Vec<Problem>,
}

/// One reason to refuse a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands; none when it is the file's as a whole.
    pub position: Option<Position>,
    /// The path of the offending key, such as `models.detector.num_threads`; empty at the top.
    pub key: String,
    /// What is wrong and what to write instead, in one line.
    pub reason: String,
}

/// A place in the policy's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Counted from 1.
    pub line: u64,
    /// In characters, counted from 1.
    pub column: u64,
}

/// A problem as it is found: where it stands, but not yet the path of its key.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    pub position: Option<Position>,
    pub subject: Subject,
    pub reason: String,
}

/// What stands at a finding's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// A value, or else a key that does not belong in the mapping around it.
    Value,
    /// A key that names something, such as a model.
    Name,
    /// Something within a mapping that lacks a key.
    Lacking,
}

impl PolicyErrors {
    /// The problems, in the order of the file.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    pub(super) fn new(file: &Path, text: &str, mut findings: Vec<Finding>) -> Self {
        findings.sort();
        findings.dedup(); // an anchor's value is checked wherever it is used
        let left_out = findings.len().saturating_sub(REPORTED);
        let places = Places::of(text);
        let mut problems: Vec<Problem> =
            findings.into_iter().take(REPORTED).map(|finding| finding.locate(&places)).collect();
        if left_out > 0 {
            problems.push(Problem::of_file(format!("and {left_out} more problems")));
        }
        Self { file: file.to_owned(), problems }
    }

    /// Reading the policy has panicked, which it never should.
    pub(crate) fn of_panic(file: &Path) -> Self {
        Self::of_file(file, "reading it has panicked; the log says where".into())
    }

    pub(super) fn of_file(file: &Path, reason: String) -> Self {
        Self { file: file.to_owned(), problems: vec![Problem::of_file(reason)] }
    }
}

impl Problem {
    fn of_file(reason: String) -> Self {
        Self { position: None, key: String::new(), reason }
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            let line_break = if i == 0 { "" } else { "\n" };
            write!(f, "{line_break}{}{problem}", self.file.display())?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}

/// What follows the file's name.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        let separator = if self.key.is_empty() { "" } else { ": " };
        write!(f, ": {}{separator}{}", self.key, self.reason)
    }
}

impl Finding {
    fn locate(self, places: &Places) -> Problem {
        let at = self.position;
        let key = at.and_then(|position| match self.subject {
            Subject::Value | Subject::Lacking => places.value_at(position),
            Subject::Name => places.name_at(position),
        });
        let lacking = key.filter(|_| matches!(self.subject, Subject::Lacking));
        let position = lacking.and_then(|key| places.start_of(key)).or(at);
        Problem { position, key: key.unwrap_or_default().to_owned(), reason: self.reason }
    }
}

impl Position {
    /// None for a location that the reader does not know.
    pub(super) fn of(location: Location) -> Option<Self> {
        (location != Location::UNKNOWN)
            .then(|| Self { line: location.line(), column: location.column() })
    }
}

/// A piece of the policy inside a reason: in backticks, without control characters, cut when long.
pub(super) fn quote(text: &str) -> String {
    let shown: String = text.chars().take(QUOTED).flat_map(char::escape_debug).collect();
    let cut = if text.chars().nth(QUOTED).is_some() { "…" } else { "" };
    format!("`{}{cut}`", shown.replace("\\\"", "\"").replace("\\'", "'"))
}
