use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::errors::{PolicyErrors, Position};
use super::places::Places;
use super::{Policy, parse, text_of};

/// A policy, and what it was read from.
#[derive(Debug, Clone)]
pub struct Document {
    /// What it says.
    pub policy: Policy,
    /// Its text.
    pub text: Arc<str>,
    /// The file whose folder relative paths start from.
    pub file: PathBuf,
}

impl Document {
    /// Reads the policy at `path`.
    ///
    /// # Errors
    /// Those of [`load`](super::load).
    pub fn load(path: &Path) -> Result<Self, PolicyErrors> {
        Self::parse(text_of(path)?, path)
    }

    /// The policy in `text`, as if it stood in `file`.
    ///
    /// # Errors
    /// Those of [`parse`](super::parse).
    pub fn parse(text: String, file: &Path) -> Result<Self, PolicyErrors> {
        let policy = parse(&text, file)?;
        Ok(Self { policy, text: text.into(), file: file.to_owned() })
    }

    /// Where the value of a key stands, such as `server.grpc`; none if it is not written.
    #[must_use]
    pub fn position(&self, key: &str) -> Option<Position> {
        Places::of(&self.text).start_of(key)
    }
}
