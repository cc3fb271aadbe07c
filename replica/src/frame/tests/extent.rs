use framegate_proto::ErrorCode;
use proptest::prelude::*;
use turbojpeg::Subsamp;

use super::*;
use crate::frame::{
    decode::decode,
    fit::prepare,
    geometry::Fit,
    header::{ImageLimits, probe},
    samples,
};

const LIMITS: ImageLimits = ImageLimits { width: 4000, height: 4000, pixels: 4_000_000 };
const CROP: InputGeometry =
    InputGeometry { width: 224, height: 224, fit: Fit::CenterCrop { short_side: 256 } };
const LETTERBOX: InputGeometry =
    InputGeometry { width: 416, height: 416, fit: Fit::Letterbox { fill: [0; 3] } };

fn header(bytes: &[u8]) -> Header {
    probe(bytes, &LIMITS).unwrap()
}

#[test]
fn a_centre_crop_needs_the_middle_alone() {
    let header = header(&samples::jpeg(1280, 720));
    let extent = Extent::needed(&header, None, &[CROP]).unwrap();
    // Of 640 x 360, 224 / 256 of the rows and as many columns, what the filter reads around them, and the
    // rest of a block on the left.
    assert_eq!(extent.scale, Scale::Half);
    assert_eq!(extent.part, Region { x: 144, y: 17, width: 483 - 144, height: 360 - 17 });
    assert_eq!(extent.bytes(), 3 * 339 * 343);
}

#[test]
fn a_part_serves_all_models_of_a_request() {
    let header = header(&samples::jpeg(1280, 720));
    let both = Extent::needed(&header, None, &[CROP, LETTERBOX]).unwrap();
    assert_eq!(both, Extent::whole((1280, 720), Scale::Half));
    let region = Region { x: 640, y: 320, width: 64, height: 64 };
    let one = Extent::needed(&header, Some(region), &[LETTERBOX]).unwrap();
    let part = Region { x: 608, y: 315, width: 709 - 608, height: 720 - 315 };
    assert_eq!(one, Extent { scale: Scale::Full, part });
    let outside = Region { x: 1280, ..region };
    let refused = Extent::needed(&header, Some(outside), &[LETTERBOX]);
    assert_eq!(refused.unwrap_err().code, ErrorCode::RegionOutsideFrame);
}

#[test]
fn other_formats_are_whole() {
    for bytes in [samples::png(640, 480), samples::webp(640, 480)] {
        let extent = Extent::needed(&header(&bytes), None, &[CROP]).unwrap();
        assert_eq!(extent, Extent::whole((640, 480), Scale::Full));
    }
}

#[test]
fn damage_beside_the_part_is_told() {
    let whole = samples::noisy_jpeg(640, 480, Subsamp::Sub2x2, false);
    let header = header(&whole);
    let region = Region { x: 256, y: 200, width: 64, height: 64 };
    let extent = Extent::needed(&header, Some(region), &[CROP]).unwrap();
    assert!(extent.part.width < 200 && extent.part.y > 150, "{extent:?}");
    assert!(decode(&whole, &header, extent).is_ok());
    // Past the headers, above and below what is looked at.
    for length in [whole.len() / 8, whole.len() * 7 / 8, whole.len() - 3] {
        let cut = decode(&whole[..length], &header, extent);
        assert_eq!(cut.unwrap_err().code, ErrorCode::FrameUndecodable, "{length}");
    }
}

fn any_fit() -> impl Strategy<Value = Fit> {
    prop_oneof![
        Just(Fit::Letterbox { fill: [7; 3] }),
        Just(Fit::CenterCrop { short_side: 48 }),
        Just(Fit::Stretch)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_part_gives_the_same_input_as_the_whole_image(
        (width, height) in (1_u32..330, 1_u32..250),
        (x, y, across, down) in (0_u32..330, 0_u32..250, 1_u32..330, 1_u32..250),
        sampling in prop::sample::select(samples::SAMPLINGS.to_vec()),
        progressive: bool,
        inputs in prop::collection::vec((1_u32..48, 1_u32..48, any_fit()), 1..3),
    ) {
        let bytes = samples::noisy_jpeg(width, height, sampling, progressive);
        let header = header(&bytes);
        prop_assert!(header.has_parts);
        let (x, y) = (x % width, y % height);
        let region = Region { x, y, width: across.min(width - x), height: down.min(height - y) };
        let inputs: Vec<InputGeometry> =
            inputs.iter().map(|&(width, height, fit)| InputGeometry { width, height, fit }).collect();
        let extent = Extent::needed(&header, Some(region), &inputs).unwrap();
        let part = decode(&bytes, &header, extent).unwrap();
        let all = decode(&bytes, &header, Extent::whole((width, height), extent.scale)).unwrap();
        prop_assert_eq!(part.data.len() as u64, extent.bytes());
        for input in &inputs {
            let of = |pixels| prepare(pixels, Some(region), input).unwrap();
            prop_assert_eq!(of(&part), of(&all));
        }
    }
}
