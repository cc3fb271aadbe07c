use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context;
use framegate::reference;

use super::{failed, output};

#[derive(clap::Args)]
pub struct Options {
    /// The root of Framegate's sources.
    root: PathBuf,
}

/// Writes the generated pages of Framegate's own repository.
pub fn run(options: &Options) -> ExitCode {
    for page in reference::pages() {
        let path = options.root.join(page.path);
        let written =
            fs::write(&path, page.text).with_context(|| format!("cannot write {}", path.display()));
        if let Err(failure) = written {
            return failed(&failure);
        }
        output::line(page.path);
    }
    ExitCode::SUCCESS
}
