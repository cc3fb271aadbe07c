#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::Path;

use super::policy::{EXAMPLE, excerpts};
use super::{keys, pages};
use crate::policy::{parse, schema};

/// The root of the sources.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn the_committed_pages_are_what_make_docs_writes() {
    let stale = |page: &super::Page| {
        std::fs::read_to_string(root().join(page.path)).unwrap_or_default() != page.text
    };
    let stale: Vec<&str> = pages().into_iter().filter(stale).map(|page| page.path).collect();
    assert!(stale.is_empty(), "{stale:?} are stale; run `make docs` and commit them");
}

#[test]
fn the_example_is_a_policy_that_has_every_section() {
    let policy = parse(EXAMPLE, Path::new("/etc/framegate/example.yaml"));
    assert!(policy.is_ok(), "{}", policy.unwrap_err());
    let shown: BTreeSet<&str> = excerpts().into_iter().map(|(name, _)| name).collect();
    let schema = schema();
    let known: BTreeSet<&str> =
        schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(shown, known, "add the section to example.yaml");
}

#[test]
fn every_key_says_how_it_is_written_and_what_it_means() {
    let schema = schema();
    for section in keys::sections(&schema) {
        for key in section.keys {
            let told = !key.kind.is_empty() && !key.meaning.trim().is_empty();
            assert!(told, "document {}.{} in policy/raw", section.path, key.name);
        }
    }
}
