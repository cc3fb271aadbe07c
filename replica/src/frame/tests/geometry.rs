use proptest::prelude::*;

use super::*;

const LETTERBOX: InputGeometry =
    InputGeometry { width: 416, height: 416, fit: Fit::Letterbox { fill: [0; 3] } };
const CROP: InputGeometry =
    InputGeometry { width: 224, height: 224, fit: Fit::CenterCrop { short_side: 256 } };
const STRETCH: InputGeometry = InputGeometry { width: 100, height: 50, fit: Fit::Stretch };

fn whole_frame(width: u32, height: u32) -> Region {
    Region { x: 0, y: 0, width, height }
}

#[test]
fn letterboxes_round_like_pillow() {
    // width, height of the frame; x, y, width, height by Python's own rounding.
    for (frame, target) in [
        ((1920, 1080), (0, 91, 416, 234)),
        ((768, 576), (0, 52, 416, 312)),
        ((640, 272), (0, 119, 416, 177)),
        ((272, 640), (119, 0, 177, 416)),
        ((512, 512), (0, 0, 416, 416)),
        ((832, 5), (0, 207, 416, 2)),
        ((832, 7), (0, 206, 416, 4)),
        ((16384, 1), (0, 207, 416, 1)),
    ] {
        let placement = Placement::new(whole_frame(frame.0, frame.1), &LETTERBOX);
        let (x, y, width, height) = target;
        assert_eq!(placement.target, Region { x, y, width, height }, "{frame:?}");
    }
}

#[test]
fn a_center_crop_takes_what_pillow_would() {
    // 768x576 is resized to 341x256; columns 58 to 282 and rows 16 to 240 are taken.
    let placement = Placement::new(whole_frame(768, 576), &CROP);
    let (across, down) = (768.0 / 341.0, 576.0 / 256.0);
    let expected = [58.0 * across, 16.0 * down, 224.0 * across, 224.0 * down];
    for (is, wanted) in placement.source.iter().zip(expected) {
        assert!((is - wanted).abs() < 1e-9, "{placement:?}");
    }
}

#[test]
fn the_scale_is_that_of_the_side_that_has_more() {
    let needed = |(width, height), input| Placement::new(whole_frame(width, height), input).scale();
    assert!((needed((1664, 936), &LETTERBOX) - 0.25).abs() < 1e-12);
    assert!((needed((1664, 936), &CROP) - 256.0 / 936.0).abs() < 1e-3);
    assert!((needed((200, 200), &STRETCH) - 0.5).abs() < 1e-12);
    assert!(needed((100, 100), &LETTERBOX) > 4.0);
    let region = Region { x: 0, y: 0, width: 832, height: 416 };
    let scale = Placement::new(region, &LETTERBOX).scale();
    assert!((scale - 0.5).abs() < 1e-12, "a region needs more of the frame: {scale}");
}

#[test]
fn regions_lie_within_the_frame() {
    let within = |x, y, width, height| {
        let region = Region { x, y, width, height };
        Region::within(Some(region), 100, 80).map_err(|error| error.code)
    };
    assert!(within(0, 0, 100, 80).is_ok());
    assert!(within(99, 79, 1, 1).is_ok());
    for (x, y, width, height) in [
        (0, 0, 0, 1),
        (0, 0, 1, 0),
        (100, 0, 1, 1),
        (1, 0, 100, 1),
        (0, 1, 1, 80),
        (u32::MAX, 0, 2, 1),
    ] {
        assert_eq!(within(x, y, width, height), Err(ErrorCode::RegionOutsideFrame));
    }
}

#[test]
fn points_map_back_to_the_frame() {
    let region = Region { x: 100, y: 50, width: 832, height: 416 };
    let mapping = Mapping::new(&Placement::new(region, &LETTERBOX), region);
    assert_eq!(mapping.to_frame(0.0, 104.0), (100.0, 50.0));
    assert_eq!(mapping.to_frame(416.0, 312.0), (932.0, 466.0));
    assert_eq!(mapping.to_frame(208.0, 0.0), (516.0, -158.0));
    assert_eq!(mapping.clip(516.0, -158.0), (516.0, 50.0));
    assert_eq!(mapping.clip(933.0, 467.0), (932.0, 466.0));
}

#[test]
fn impossible_geometries_are_known() {
    assert!(LETTERBOX.is_valid() && CROP.is_valid() && STRETCH.is_valid());
    assert!(!InputGeometry { width: 0, ..LETTERBOX }.is_valid());
    assert!(!InputGeometry { height: 257, ..CROP }.is_valid());
}

#[test]
fn fits_are_written_in_yaml() {
    let read = |text| serde_saphyr::from_str::<Fit>(text);
    assert_eq!(
        read("{ letterbox: { fill: [1, 2, 3] } }").unwrap(),
        Fit::Letterbox { fill: [1, 2, 3] }
    );
    assert_eq!(read("{ center_crop: { short_side: 256 } }").unwrap(), CROP.fit);
    assert_eq!(read("stretch").unwrap(), Fit::Stretch);
    for text in
        ["squash", "{ center_crop: { side: 2 } }", "letterbox", "{ letterbox: { fill: [0, 0] } }"]
    {
        assert!(read(text).is_err(), "{text}");
    }
}

fn any_input() -> impl Strategy<Value = InputGeometry> {
    let fit = prop_oneof![
        Just(Fit::Stretch),
        Just(LETTERBOX.fit),
        (0_u32..300).prop_map(|more| Fit::CenterCrop { short_side: 300 + more })
    ];
    (1_u32..300, 1_u32..300, fit).prop_map(|(width, height, fit)| InputGeometry {
        width,
        height,
        fit,
    })
}

proptest! {
    #[test]
    fn placements_stay_inside_and_map_back(
        (x, y, width, height) in (0_u32..50, 0_u32..50, 1_u32..5000, 1_u32..5000),
        input in any_input(),
    ) {
        let area = Region { x, y, width, height };
        let placement = Placement::new(area, &input);
        let Region { x, y, width, height } = placement.target;
        prop_assert!(width > 0 && height > 0 && x + width <= input.width && y + height <= input.height);
        let [left, top, across, down] = placement.source;
        prop_assert!(left >= f64::from(area.x) && top >= f64::from(area.y));
        prop_assert!(left + across <= f64::from(area.x + area.width) + 1e-6);
        prop_assert!(top + down <= f64::from(area.y + area.height) + 1e-6);
        let mapping = Mapping::new(&placement, area);
        let near = |a: (f32, f32), b: (f64, f64)| (f64::from(a.0) - b.0).abs() + (f64::from(a.1) - b.1).abs() < 0.01;
        prop_assert!(near(mapping.to_frame(x as f32, y as f32), (left, top)));
        let corner = mapping.to_frame((x + width) as f32, (y + height) as f32);
        prop_assert!(near(corner, (left + across, top + down)));
    }
}
