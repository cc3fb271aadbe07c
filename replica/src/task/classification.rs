use crate::{Class, Classification, ModelOutput, artifact::Labels};

/// The `top_k` best classes of each entry, best first; NaN counts as the worst.
pub(super) fn read(
    scores: &[&[f32]],
    embeddings: Option<Vec<&[f32]>>,
    labels: &Labels,
    top_k: usize,
) -> Vec<ModelOutput> {
    let embedding = |entry: usize| embeddings.as_ref().map(|embeddings| embeddings[entry].to_vec());
    let results = scores.iter().enumerate().map(|(entry, scores)| Classification {
        classes: best(scores, labels, top_k),
        embedding: embedding(entry),
    });
    results.map(ModelOutput::Classification).collect()
}

fn best(scores: &[f32], labels: &Labels, top_k: usize) -> Vec<Class> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    let rank = |index: &usize| if scores[*index].is_nan() { f32::MIN } else { scores[*index] };
    let best_first = |a: &usize, b: &usize| rank(b).total_cmp(&rank(a));
    // A thousand classes are not put in order for the sake of five.
    if (1..order.len()).contains(&top_k) {
        order.select_nth_unstable_by(top_k - 1, best_first);
        order.truncate(top_k);
    }
    order.sort_unstable_by(best_first);
    let class = |index: usize| Class {
        label: labels[index].clone(),
        index: u32::try_from(index).unwrap_or(u32::MAX),
        score: scores[index],
    };
    order.into_iter().take(top_k).map(class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_classes_come_first() {
        let labels: Labels = ["a", "b", "c", "d"].map(Into::into).into();
        let classes = best(&[0.1, 0.6, f32::NAN, 0.3], &labels, 3);
        let found: Vec<_> = classes.iter().map(|class| (&*class.label, class.index)).collect();
        assert_eq!(found, [("b", 1), ("d", 3), ("a", 0)]);
    }
}
