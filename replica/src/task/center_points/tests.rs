use proptest::prelude::*;

use super::*;
use crate::{
    artifact::Labels,
    frame::{Extent, Fit, InputGeometry, Pixels, Region, Scale, prepare},
    task::detection::intersection_over_union,
};

const ROWS: usize = 3;
const COLUMNS: usize = 4;
const CELLS: usize = ROWS * COLUMNS;

fn points(axes: Axes, size: SizeRule, offset_from: OffsetFrom) -> CenterPoints {
    CenterPoints {
        heatmap: "heatmap".to_owned(),
        scale: "scale".to_owned(),
        offset: "offset".to_owned(),
        landmarks: Some("landmarks".to_owned()),
        stride: 4,
        rows: ROWS,
        columns: COLUMNS,
        axes,
        size,
        offset_from,
    }
}

fn labels() -> Labels {
    ["face", "hand"].map(Into::into).into()
}

fn rule(labels: &Labels) -> Rule<'_> {
    Rule { labels, score_threshold: 0.5, iou_threshold: 0.3 }
}

/// Planes that are 0 but for these values at the cell in row 1, column 2.
fn planes(values: &[f32]) -> Vec<f32> {
    let mut planes = vec![0.0; values.len() * CELLS];
    for (plane, value) in values.iter().enumerate() {
        planes[plane * CELLS + COLUMNS + 2] = *value;
    }
    planes
}

/// The mapping of a 16 x 12 input that shows a region of 32 x 24 pixels of a frame.
fn mapping(region: Region) -> Mapping {
    let (width, height) = (region.x + region.width, region.y + region.height);
    let data = vec![0; 3 * (width * height) as usize];
    let extent = Extent::whole((width, height), Scale::Full);
    let pixels = Pixels { full_width: width, full_height: height, extent, data };
    let geometry = InputGeometry { width: 16, height: 12, fit: Fit::Stretch };
    prepare(&pixels, Some(region), &geometry).unwrap().mapping
}

/// One object at row 1, column 2: score 0.9 of class 1, and the numbers of the case.
fn only(points: &CenterPoints, scale: [f32; 2], offset: [f32; 2], at: [f32; 2]) -> Candidate {
    let (heatmap, scale, offset) = (planes(&[0.2, 0.9]), planes(&scale), planes(&offset));
    let landmarks = planes(&at);
    let grids = Grids { heatmap: &heatmap, scale: &scale, offset: &offset, landmarks: &landmarks };
    let labels = labels();
    let [candidate] = candidates(&rule(&labels), points, &grids).try_into().unwrap();
    candidate
}

#[test]
fn an_object_is_where_its_cell_and_offset_say() {
    use OffsetFrom::{Center, Corner};
    use SizeRule::{Exponential, Linear};
    let ln2 = 2.0_f32.ln();
    // Center: ((2 + from + offset) * 4, (1 + from + offset) * 4); sides: cells * 4.
    let cases = [
        (Axes::Xy, Linear, Corner, [3.0, 2.0], [0.25, 0.5], [3.0, 2.0, 15.0, 10.0]),
        (Axes::Yx, Linear, Corner, [2.0, 3.0], [0.5, 0.25], [3.0, 2.0, 15.0, 10.0]),
        (Axes::Yx, Linear, Center, [2.0, 3.0], [0.0, -0.25], [3.0, 2.0, 15.0, 10.0]),
        (Axes::Xy, Exponential, Center, [0.0, ln2], [0.0, 0.0], [8.0, 2.0, 12.0, 10.0]),
        (Axes::Yx, Exponential, Center, [0.0, ln2], [0.0, 0.0], [6.0, 4.0, 14.0, 8.0]),
        // No side is less than nothing.
        (Axes::Xy, Linear, Center, [-1.0, 1.0], [0.0, 0.0], [10.0, 4.0, 10.0, 8.0]),
    ];
    for (axes, size, from, scale, offset, edges) in cases {
        let found = only(&points(axes, size, from), scale, offset, [0.0, 0.0]);
        assert_eq!((found.class, found.score), (1, 0.9));
        let far = found.edges.iter().zip(edges).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1e-4, "{axes:?} {size:?} {from:?}: {:?}", found.edges);
    }
}

#[test]
fn landmarks_are_parts_of_the_box() {
    let corner = OffsetFrom::Corner;
    // The box is [3, 2, 15, 10]: 12 wide and 8 high.
    let xy = points(Axes::Xy, SizeRule::Linear, corner);
    let found = only(&xy, [3.0, 2.0], [0.25, 0.5], [0.25, 0.75]);
    assert_eq!(found.landmarks, [[6.0, 8.0]]);
    let yx = points(Axes::Yx, SizeRule::Linear, corner);
    let found = only(&yx, [2.0, 3.0], [0.5, 0.25], [0.75, 1.25]);
    assert_eq!(found.landmarks, [[18.0, 8.0]]);
}

#[test]
fn what_is_no_finite_box_is_no_object() {
    let points = points(Axes::Xy, SizeRule::Exponential, OffsetFrom::Center);
    let labels = labels();
    let good = planes(&[0.0, 0.0]);
    for (scale, offset) in [([1000.0, 0.0], [0.0, 0.0]), ([0.0, 0.0], [0.0, f32::NAN])] {
        let (heatmap, scale, offset) = (planes(&[0.9, 0.0]), planes(&scale), planes(&offset));
        let grids = Grids { heatmap: &heatmap, scale: &scale, offset: &offset, landmarks: &good };
        assert_eq!(candidates(&rule(&labels), &points, &grids), []);
    }
    let heatmap = planes(&[f32::NAN, 0.4]);
    let grids = Grids { heatmap: &heatmap, scale: &good, offset: &good, landmarks: &[] };
    assert_eq!(candidates(&rule(&labels), &points, &grids), []);
}

#[test]
fn landmarks_are_pairs_of_channels() {
    let tensor =
        |shape: &[usize]| Tensor { shape: shape.to_vec(), values: crate::task::Values::Fp32(&[]) };
    assert_eq!(landmark_channels(&tensor(&[1, 10, 3, 4])).unwrap(), 10);
    for shape in [&[1, 9, 3, 4][..], &[1], &[]] {
        assert!(landmark_channels(&tensor(shape)).is_err());
    }
}

proptest! {
    #[test]
    fn what_is_found_is_sorted_apart_and_inside(
        values in prop::collection::vec(-2.0_f32..3.0, 10 * CELLS),
        exponential: bool,
        x in 0_u32..20,
        y in 0_u32..20,
    ) {
        let size = if exponential { SizeRule::Exponential } else { SizeRule::Linear };
        let points = points(Axes::Yx, size, OffsetFrom::Center);
        let (heatmap, rest) = values.split_at(2 * CELLS);
        let (scale, rest) = rest.split_at(2 * CELLS);
        let (offset, landmarks) = rest.split_at(2 * CELLS);
        let grids = Grids { heatmap, scale, offset, landmarks };
        let labels = labels();
        let rule = rule(&labels);
        let candidates = candidates(&rule, &points, &grids);
        prop_assert!(candidates.iter().all(|found| found.score >= 0.5));
        let region = Region { x, y, width: 32, height: 24 };
        let mapping = mapping(region);
        let found = rule.detections(&mapping, candidates.clone());
        prop_assert_eq!(found.is_empty(), candidates.is_empty());
        prop_assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        for (at, one) in found.iter().enumerate() {
            prop_assert_eq!(one.landmarks.len(), 2);
            for other in found[..at].iter().filter(|other| other.index == one.index) {
                let edges = |bounds: Bounds| [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max];
                let overlap = intersection_over_union(&edges(one.bounds), &edges(other.bounds));
                prop_assert!(overlap <= 0.3 + 1e-3);
            }
            let Bounds { x_min, y_min, x_max, y_max } = clip(&mapping, one.bounds);
            prop_assert!(x as f32 <= x_min && x_min <= x_max && x_max <= (x + 32) as f32);
            prop_assert!(y as f32 <= y_min && y_min <= y_max && y_max <= (y + 24) as f32);
        }
    }
}
