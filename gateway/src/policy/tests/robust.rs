//! Whatever the text, there is a policy or a list of reasons, each on its own line.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::parse_text;
use crate::policy::load;

const DEMO: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../configs/demo.yaml"));

/// Reads `text`; on refusal every problem is one line that begins with the file's name.
fn check(text: &str) {
    if let Err(errors) = parse_text(text) {
        assert!(!errors.problems().is_empty());
        let shown = errors.to_string();
        assert_eq!(shown.lines().count(), errors.problems().len(), "{shown:?}");
        assert!(
            shown.lines().all(|line| line.starts_with("/etc/framegate/policy.yaml:")),
            "{shown:?}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_arrangement_of_tokens_is_read_without_panic(
        tokens in prop::collection::vec(
            prop::sample::select(&[
                "models", "m", "server", "ingest", "kafka", "sinks", "jsonl", "topics", "simulated", "artifact",
                "min_replicas", ": ", ":\n  ", "\n", "\n    ", "- ", "{", "}", "[", "]", ", ", "&a ", "*a", "<<", "? ",
                "!!int ", "!x ", "~", "null", "5", "5ms", "1e999", ".nan", "\"", "'", "|\n", "#", "---\n", "\t", "^[", "%",
            ][..]),
            0..60,
        ),
    ) {
        check(&tokens.concat());
    }

    #[test]
    fn a_damaged_policy_is_read_without_panic(at in 0..DEMO.len(), cut in 0..40usize, put in "\\PC{0,12}") {
        let bytes = [&DEMO.as_bytes()[..at], put.as_bytes(), &DEMO.as_bytes()[(at + cut).min(DEMO.len())..]].concat();
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_value_is_read_without_panic(value in "\\PC{0,40}") {
        let value = value.replace('\'', "''");
        for key in ["artifact", "num_threads", "batch_wait_timeout", "ingest_share", "backend"] {
            check(&format!("models: {{ '{value}': {{ {key}: '{value}' }} }}"));
        }
        check(&format!("models: {{ m: {{}} }}\nbuckets: [{{ name: '{value}', url: 'file:{value}' }}]"));
        check(&format!("models: {{ m: {{}} }}\ningest: [kafka: {{ brokers: '{value}', topics: '^{value}', group: g }}]"));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("binary"), [0xff, 0xfe]).unwrap();
    fs::write(file("long"), "#".repeat((256 << 10) + 1)).unwrap();
    for (name, reason) in [
        ("none", "cannot be read: No such file"),
        ("binary", "is not UTF-8 text"),
        ("long", "is longer than 256KiB"),
    ] {
        let path = file(name);
        let errors = load(&path).unwrap_err();
        assert!(
            errors.to_string().starts_with(&format!("{}: {reason}", path.display())),
            "{errors}"
        );
    }
    assert!(load(Path::new("")).is_err());
}
