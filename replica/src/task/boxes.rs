use super::detection::{Candidate, Rule, highest};

/// The candidates of one entry: `boxes` holds 4 values per anchor, `scores` one per class and
/// anchor.
pub(super) fn candidates(rule: &Rule, boxes: &[f32], scores: &[f32]) -> Vec<Candidate> {
    let anchors = boxes.chunks_exact(4).zip(scores.chunks_exact(rule.labels.len()));
    let candidate = |(edges, scores): (&[f32], &[f32])| {
        let (class, score) = highest(scores.iter().copied())?;
        let edges = [edges[0], edges[1], edges[2], edges[3]];
        let wanted = rule.wants(score) && edges.iter().all(|edge| edge.is_finite());
        wanted.then_some(Candidate { class, score, edges, landmarks: Vec::new() })
    };
    anchors.filter_map(candidate).collect()
}
