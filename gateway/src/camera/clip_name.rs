use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// Bytes of the digest in a name; twice as many hex digits.
const DIGEST_BYTES: usize = 6;
/// Letters of the source's name that a clip's name keeps.
const STEM_LETTERS: usize = 64;
/// Bytes read at a time.
const CHUNK: usize = 64 * 1024;

/// `vtest-0123456789ab`: what the clip is called, then what it is. Only letters, digits, `-` and
/// `_` stay of the source's name, so that a reference to the clip never needs escaping.
pub(super) fn clip_name(source: &Path, digest: &str) -> String {
    let stem = source.file_stem().unwrap_or_default().to_string_lossy();
    let plain =
        |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    let stem: String = stem.chars().take(STEM_LETTERS).map(plain).collect();
    let stem = if stem.is_empty() { "clip" } else { &stem };
    format!("{stem}-{digest}")
}

/// The beginning of the SHA-256 of the files' names, sizes and contents and the settings, in hex.
/// The name of a single file does not count, so that a renamed video stays what it is.
pub(super) fn digest(files: &[PathBuf], settings: &[String]) -> io::Result<String> {
    let mut hash = Sha256::new();
    for file in files {
        if files.len() > 1 {
            let name = file.file_name().unwrap_or_default().as_encoded_bytes();
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
        }
        hash_content(&mut hash, File::open(file)?)?;
    }
    hash.update(settings.join(" "));
    Ok(hash.finalize().iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect())
}

fn hash_content(hash: &mut Sha256, mut file: File) -> io::Result<()> {
    hash.update(file.metadata()?.len().to_le_bytes());
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        hash.update(&chunk[..read]);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn names_keep_what_needs_no_escaping() {
        let cases = [
            ("/videos/vtest.avi", "vtest-d"),
            ("/videos/Main St. 5%:2.mp4", "Main_St__5__2-d"),
            ("frames/", "frames-d"),
            ("/a/…/..", "clip-d"),
        ];
        for (source, name) in cases {
            assert_eq!(clip_name(Path::new(source), "d"), name);
        }
        assert_eq!(clip_name(Path::new(&"x".repeat(300)), "d").len(), STEM_LETTERS + 2);
    }

    #[test]
    fn a_digest_follows_contents_and_settings() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let (one, same, other) = (file("1.jpg", "a"), file("2.jpg", "a"), file("3.jpg", "b"));
        let digest = |files: &[&PathBuf], settings: &str| {
            let files: Vec<PathBuf> = files.iter().copied().cloned().collect();
            super::digest(&files, &[settings.to_owned()]).unwrap()
        };
        assert_eq!(digest(&[&one], "q3").len(), 12);
        assert_eq!(digest(&[&one], "q3"), digest(&[&same], "q3"));
        assert_ne!(digest(&[&one], "q3"), digest(&[&one], "q4"));
        assert_ne!(digest(&[&one], "q3"), digest(&[&other], "q3"));
        assert_ne!(digest(&[&one, &other], "q3"), digest(&[&same, &other], "q3"));
    }
}
