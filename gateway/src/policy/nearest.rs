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

/// The word of `known` with the fewest edits (optimal string alignment) from `word`, if they are at most a third of its characters.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let length = word.chars().count();
    if length > LONGEST {
        return None;
    }
    let distances =
        known.iter().map(|candidate| (strsim::osa_distance(word, candidate), *candidate));
    distances
        .filter(|(distance, _)| *distance <= (length / 3).max(1))
        .min_by_key(|pair| pair.0)
        .map(|pair| pair.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_word_is_offered() {
        let known = ["max_batch_size", "num_threads", "device"];
        assert_eq!(nearest("max_batch_sise", &known), Some("max_batch_size"));
        // Two letters that changed places are one edit.
        assert_eq!(nearest("gprc", &["grpc"]), Some("grpc"));
        assert_eq!(nearest("keep_alive", &known), None);
        assert_eq!(nearest(&"x".repeat(100_000), &known), None);
    }
}
