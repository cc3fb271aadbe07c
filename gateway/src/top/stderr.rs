use std::{
    fs::File,
    io::{self, IsTerminal, Read, Seek, SeekFrom, Write},
    os::fd::{AsFd, OwnedFd},
};

use rustix::stdio::dup2_stderr;

/// Stderr while it is kept off the screen: whatever is written to it, by the log, a panic or a
/// library, goes into a file, and its end is shown when this is dropped.
pub struct HeldStderr {
    terminal: OwnedFd,
    log: File,
}

/// How much of the log is shown at the end, in bytes.
const SHOWN: u64 = 16 << 10;

impl HeldStderr {
    /// Redirects stderr into `log`, if it is the terminal: elsewhere it disturbs nothing.
    ///
    /// # Errors
    /// When the system refuses to.
    pub fn hold(log: File) -> io::Result<Option<Self>> {
        let stderr = io::stderr();
        if !stderr.is_terminal() {
            return Ok(None);
        }
        let terminal = stderr.as_fd().try_clone_to_owned()?;
        dup2_stderr(&log)?;
        Ok(Some(Self { terminal, log }))
    }
}

impl Drop for HeldStderr {
    fn drop(&mut self) {
        // Nothing more can be done about a terminal that is gone.
        let _ = dup2_stderr(&self.terminal);
        let _ = end(&mut self.log).and_then(|text| io::stderr().write_all(&text));
    }
}

/// The end of a log, from the beginning of a line.
fn end(log: &mut File) -> io::Result<Vec<u8>> {
    let length = log.seek(SeekFrom::End(0))?;
    let skipped = length.saturating_sub(SHOWN);
    log.seek(SeekFrom::Start(skipped))?;
    let mut text = Vec::new();
    log.take(SHOWN).read_to_end(&mut text)?;
    if skipped > 0 {
        let line = text.iter().position(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        text.drain(..line);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_short_log_is_shown_whole() {
        let mut log = tempfile::tempfile().unwrap();
        log.write_all(b"one\ntwo\n").unwrap();
        assert_eq!(end(&mut log).unwrap(), b"one\ntwo\n");
    }

    #[test]
    fn a_long_log_is_shown_from_the_beginning_of_a_line() {
        let mut log = tempfile::tempfile().unwrap();
        for number in 0..SHOWN {
            writeln!(log, "line {number}").unwrap();
        }
        let text = String::from_utf8(end(&mut log).unwrap()).unwrap();
        assert!(text.len() as u64 <= SHOWN && text.starts_with("line "), "{}", &text[..20]);
        assert!(text.ends_with(&format!("line {}\n", SHOWN - 1)));
    }
}
