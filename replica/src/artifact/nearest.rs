/// What to say after refusing `word` where only `known` are valid: the nearest of them, or all.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let distances = known.iter().map(|other| (strsim::osa_distance(word, other), *other));
    match distances.min() {
        // More than a third of the letters wrong is another word.
        Some((edits, near)) if edits <= (word.chars().count() / 3).max(1) => {
            format!("did you mean `{near}`?")
        }
        _ => format!("there are: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_named_else_all() {
        let known = ["boxes", "center_points"];
        assert_eq!(did_you_mean("centre_points", known), "did you mean `center_points`?");
        assert_eq!(did_you_mean("anchors", known), "there are: boxes, center_points");
    }
}
