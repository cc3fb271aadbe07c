use proptest::prelude::*;

use super::*;
use crate::frame::header::Scale;

/// Each channel is a straight line over the frame, which bilinear resizing keeps.
fn ramp(full_width: u32, full_height: u32, scale: Scale) -> Pixels {
    let (width, height) = (scale.of(full_width), scale.of(full_height));
    let at = |index: u32| (f64::from(index) + 0.5) * f64::from(scale.denominator());
    let pixel = |index: u32| colour(at(index % width), at(index / width), full_width, full_height);
    let data = (0..width * height).flat_map(pixel).collect();
    let extent = Extent::whole((full_width, full_height), scale);
    Pixels { full_width, full_height, extent, data }
}

fn colour(x: f64, y: f64, width: u32, height: u32) -> [u8; 3] {
    let (right, down) = (x / f64::from(width) * 250.0, y / f64::from(height) * 250.0);
    [right.round() as u8, down.round() as u8, ((right + down) / 2.0).round() as u8]
}

fn geometry(width: u32, height: u32, fit: Fit) -> InputGeometry {
    InputGeometry { width, height, fit }
}

/// The largest difference from the ramp at the places that the mapping tells, borders aside.
fn worst(pixels: &Pixels, region: Option<Region>, geometry: &InputGeometry) -> i32 {
    let input = prepare(pixels, region, geometry).unwrap();
    let area = Region::within(region, pixels.full_width, pixels.full_height).unwrap();
    let target = Placement::new(area, geometry).target;
    let mut worst = 0;
    for y in target.y + 1..(target.y + target.height).saturating_sub(1) {
        for x in target.x + 1..(target.x + target.width).saturating_sub(1) {
            let (fx, fy) = input.mapping.to_frame(x as f32 + 0.5, y as f32 + 0.5);
            let wanted = colour(fx.into(), fy.into(), pixels.full_width, pixels.full_height);
            let at = (y * geometry.width + x) as usize * 3;
            for (is, wanted) in input.data[at..at + 3].iter().zip(wanted) {
                worst = worst.max((i32::from(*is) - i32::from(wanted)).abs());
            }
        }
    }
    worst
}

#[test]
fn every_fit_shows_the_frame_where_its_mapping_says() {
    let region = Region { x: 301, y: 203, width: 700, height: 399 };
    for scale in [Scale::Full, Scale::Half, Scale::Quarter] {
        let pixels = ramp(1283, 717, scale);
        for fit in
            [Fit::Letterbox { fill: [9; 3] }, Fit::CenterCrop { short_side: 128 }, Fit::Stretch]
        {
            let geometry = geometry(104, 96, fit);
            for part in [None, Some(region)] {
                let worst = worst(&pixels, part, &geometry);
                assert!(worst <= 2, "{scale:?} {fit:?} {part:?}: {worst}");
            }
        }
    }
}

#[test]
fn a_letterbox_is_filled_around_the_frame() {
    let white = Pixels { data: vec![255; 40 * 20 * 3], ..ramp(40, 20, Scale::Full) };
    let input = prepare(&white, None, &geometry(8, 8, Fit::Letterbox { fill: [1, 2, 3] })).unwrap();
    for (index, rgb) in input.data.chunks_exact(3).enumerate() {
        let inside = (2..6).contains(&(index / 8));
        assert_eq!(rgb, if inside { [255; 3] } else { [1, 2, 3] }, "row {}", index / 8);
    }
}

#[test]
fn pixels_are_those_of_pillow() {
    // Pillow 13's `resize((5, 3), BILINEAR)`, and `resize((7, 6), BILINEAR).crop((1, 1, 5, 5))`.
    let stretched = [104, 116, 146, 131, 100, 127, 157, 141, 126, 125, 131, 154, 122, 123, 118];
    let cropped = [136, 116, 158, 151, 169, 177, 186, 115, 147, 138, 113, 105, 122, 152, 110, 107];
    let grey = |at: u32| ((at % 9).pow(2) * 37 + at / 9 * 91 + at % 9 * (at / 9) * 13) as u8;
    let data = (0..9 * 8).flat_map(|at| [grey(at); 3]).collect();
    let pixels = Pixels { data, ..ramp(9, 8, Scale::Full) };
    let crop = geometry(4, 4, Fit::CenterCrop { short_side: 6 });
    for (geometry, wanted) in [(geometry(5, 3, Fit::Stretch), &stretched[..]), (crop, &cropped)] {
        let input = prepare(&pixels, None, &geometry).unwrap();
        let near = |(is, wanted): (&u8, &u8)| is.abs_diff(*wanted) <= 1;
        let is: Vec<u8> = input.data.chunks_exact(3).map(|rgb| rgb[0]).collect();
        assert!(is.iter().zip(wanted).all(near), "{is:?} is not {wanted:?}");
    }
}

#[test]
fn an_equal_size_is_an_exact_copy() {
    let pixels = ramp(61, 47, Scale::Full);
    let region = Region { x: 5, y: 7, width: 32, height: 24 };
    let input = prepare(&pixels, Some(region), &geometry(32, 24, Fit::Stretch)).unwrap();
    for row in 0..24 {
        let from = ((7 + row) * 61 + 5) * 3;
        assert_eq!(input.data[row * 96..][..96], pixels.data[from..][..96], "row {row}");
    }
}

#[test]
fn a_region_outside_of_the_frame_is_refused() {
    let region = Region { x: 30, y: 0, width: 11, height: 5 };
    let refused = prepare(&ramp(40, 20, Scale::Half), Some(region), &geometry(8, 8, Fit::Stretch));
    assert_eq!(refused.unwrap_err().code, ErrorCode::RegionOutsideFrame);
}

#[test]
fn an_invalid_geometry_is_refused() {
    for bad in [geometry(0, 8, Fit::Stretch), geometry(9, 8, Fit::CenterCrop { short_side: 8 })] {
        let refused = prepare(&ramp(40, 20, Scale::Full), None, &bad);
        assert_eq!(refused.unwrap_err().code, ErrorCode::Internal);
    }
}

proptest! {
    #[test]
    fn any_region_of_any_frame_can_be_prepared(
        (width, height) in (1_u32..90, 1_u32..90),
        (x, y, across, down) in (0_u32..90, 0_u32..90, 1_u32..90, 1_u32..90),
        scale in prop::sample::select(vec![Scale::Full, Scale::Half, Scale::Quarter, Scale::Eighth]),
        fit in prop::sample::select(vec![Fit::Letterbox { fill: [0; 3] }, Fit::CenterCrop { short_side: 30 }, Fit::Stretch]),
        (wide, high) in (1_u32..30, 1_u32..30),
    ) {
        let (x, y) = (x % width, y % height);
        let region = Region { x, y, width: across.min(width - x), height: down.min(height - y) };
        let input = prepare(&ramp(width, height, scale), Some(region), &geometry(wide, high, fit));
        prop_assert_eq!(input.unwrap().data.len() as u32, wide * high * 3);
    }

    #[test]
    fn an_end_never_lies_beyond_the_side(side in 1_u32..70_000, start in 0.0..1.0_f64, length in 0.0..1.0_f64) {
        let start = start * f64::from(side);
        let cut = within(start, length * f64::from(side) * 2.0, side);
        prop_assert!(start + cut <= f64::from(side));
    }
}
