#![allow(clippy::unwrap_used, clippy::expect_used)]

mod described;
mod good;
mod refused_ingest;
mod refused_models;
mod refused_sections;
mod refused_yaml;
mod robust;
mod s3;
mod security;
mod sinks;
mod transactions;

use std::path::Path;

use super::{Policy, PolicyErrors, parse};

/// Stands in a bad policy just before what is blamed.
const MARK: char = '▸';

/// A bad policy with one mark, and how the line of its only problem goes on after `FILE:LINE:COLUMN: `.
type Refused<'a> = (&'a str, &'a str);

/// Parses a policy that stands in /etc/framegate.
fn parse_text(text: &str) -> Result<Policy, PolicyErrors> {
    parse(text, Path::new("/etc/framegate/policy.yaml"))
}

/// Checks that each policy has exactly the problem that it is listed with, where its mark stands.
fn assert_refused(table: &[Refused]) {
    assert_refused_beside("", table);
}

/// The same, where each policy goes on with `rest`, which is right.
fn assert_refused_beside(rest: &str, table: &[Refused]) {
    let misfits: Vec<String> =
        table.iter().filter_map(|(text, line)| misfit(text, rest, line)).collect();
    assert!(misfits.is_empty(), "{}", misfits.join("\n"));
}

/// What was wanted and what came, unless they agree.
fn misfit(marked: &str, rest: &str, line: &str) -> Option<String> {
    let (before, after) = marked.split_once(MARK).expect("a mark");
    let text = format!("{before}{after}\n{rest}");
    let shown =
        parse_text(&text).map_or_else(|errors| errors.to_string(), |_| "accepted".to_owned());
    let row = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
    let wanted = format!("/etc/framegate/policy.yaml:{row}:{column}: {line}");
    let fits = shown.starts_with(&wanted) && shown.lines().count() == 1;
    (!fits).then(|| format!("{text}wanted {wanted}\n   got {shown}\n"))
}
