//! The nearest valid word to a mistyped one.

use super::errors::quote;

/// Words longer than this, in characters, are not compared.
const LONGEST: usize = 64;

/// What to say after refusing `word` where only `known` are valid: the nearest of them, or all.
pub(super) fn instead<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(word, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "none are known here".to_owned(),
        None => format!(
            "write one of {}",
            known.iter().map(|word| quote(word)).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// The word of `known` with the fewest edits from `word`, if they are at most a third of its characters.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let length = word.chars().count();
    if length > LONGEST {
        return None;
    }
    let distances = known.iter().map(|candidate| (edits(word, candidate), *candidate));
    distances
        .filter(|(distance, _)| *distance <= (length / 3).max(1))
        .min_by_key(|pair| pair.0)
        .map(|pair| pair.1)
}

/// How many characters to insert, remove, replace or swap with their neighbour (optimal string alignment).
fn edits(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut fewest = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                fewest = fewest.min(rows[i - 2][j - 2] + 1);
            }
            row.push(fewest);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_count_insertions_removals_replacements_and_swaps() {
        for (from, to, want) in [
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("kitten", "sitting", 3),
            ("abc", "", 3),
            ("gprc", "grpc", 1),
        ] {
            assert_eq!(edits(from, to), want, "{from} {to}");
        }
    }

    #[test]
    fn only_a_near_word_is_offered() {
        let known = ["max_batch_size", "num_threads", "device"];
        assert_eq!(nearest("max_batch_sise", &known), Some("max_batch_size"));
        assert_eq!(nearest("latency_slo", &known), None);
        assert_eq!(nearest(&"x".repeat(100_000), &known), None);
    }
}
