use std::env;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_saphyr::Spanned;

use super::super::checks::Checks;
use super::super::errors::quote;
use super::super::node::Node;
use super::super::paths::Base;
use super::super::raw::{RawSecret, Text};

/// The longest secret, in bytes.
const LONGEST: u64 = 64 << 10;

/// Something that nobody may read: what is shown of it is only that it is there.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for the client that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Read from where `raw` says. What is written is never repeated where it might be the secret itself.
    pub(super) fn resolve(raw: &Spanned<Node>, base: &Base, checks: &mut Checks) -> Self {
        match RawSecret::of(&raw.value) {
            Some(RawSecret::Env(name)) => Self::of_variable(&name, checks),
            Some(RawSecret::File(path)) => Self::of_file(&path, base, checks),
            None => {
                checks.wrong(
                    raw,
                    "a secret does not stand in a policy; write { env: NAME } or { file: PATH }",
                );
                Self::default()
            }
        }
    }

    fn of_variable(name: &Text, checks: &mut Checks) -> Self {
        if !is_variable(&name.value) {
            let reason = "the name of a variable of the environment, such as KAFKA_PASSWORD";
            checks.wrong(name, reason);
            return Self::default();
        }
        let shown = quote(&name.value);
        let Some(value) = env::var_os(&name.value) else {
            let reason =
                format!("the environment has no variable {shown}; set it, or name another");
            checks.wrong(name, reason);
            return Self::default();
        };
        let value = value.into_string().map_err(|_| "is not UTF-8 text");
        Self::checked(value, &format!("the variable {shown}"), name, checks)
    }

    fn of_file(path: &Text, base: &Base, checks: &mut Checks) -> Self {
        let file = base.path(path, checks);
        if !checks.sound(&[Some(path)]) {
            return Self::default();
        }
        match read(&file, LONGEST) {
            Ok(bytes) => {
                let value = String::from_utf8(bytes).map_err(|_| "is not UTF-8 text");
                Self::checked(value.map(without_line_break), "the file", path, checks)
            }
            Err(error) => {
                checks.wrong(path, format!("cannot be read: {error}"));
                Self::default()
            }
        }
    }

    fn checked(value: Result<String, &str>, holder: &str, at: &Text, checks: &mut Checks) -> Self {
        let value = value.and_then(|value| match value {
            empty if empty.is_empty() => Err("is empty"),
            broken if broken.contains('\0') => Err("holds a NUL"),
            sound => Ok(sound),
        });
        match value {
            Ok(value) => Self(value),
            Err(reason) => {
                checks.wrong(at, format!("{holder} {reason}; put the secret there"));
                Self::default()
            }
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl RawSecret {
    /// `{ env: NAME }` or `{ file: PATH }`; anything else is none.
    fn of(node: &Node) -> Option<Self> {
        let Node::Mapping(entries) = node else { return None };
        let [(key, value)] = entries.as_slice() else { return None };
        let Node::Text(text) = &value.value else { return None };
        let text = Text::from(Spanned::new(text.clone(), value.referenced, value.defined));
        match key.value.as_str() {
            "env" => Some(Self::Env(text)),
            "file" => Some(Self::File(text)),
            _ => None,
        }
    }
}

/// What `path` holds; an error when it is more than `longest` bytes.
pub(super) fn read(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(longest + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > longest {
        return Err(io::Error::other(format!("it has more than {longest} bytes")));
    }
    Ok(bytes)
}

fn without_line_break(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

fn is_variable(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty() && name.chars().all(plain)
}
