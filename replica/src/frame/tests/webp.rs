use std::iter::repeat_n;

use framegate_proto::ErrorCode;
use proptest::prelude::*;

use super::*;
use crate::frame::{
    decode::{Pixels, decode as decode_probed},
    extent::Extent,
    header::{ImageLimits, Scale, probe},
    samples,
};

const LIMITS: ImageLimits = ImageLimits { width: 4000, height: 4000, pixels: 4_000_000 };

/// The samples' gradient in 24 x 16 pixels, lossy (the encoder here is lossless).
const LOSSY: &[u8] = b"\
    RIFFx\x00\x00\x00WEBPVP8 l\x00\x00\x00\xb0\x04\x00\x9d\x01*\x18\x00\x10\x00>1\x16\x89B\xa2!!\
    \x18\x04\x00 \x03\x04\xb6\x00N\x99B8\x1b\xd0?\x15\x7f\x10\x003-`\xdb\xd0\xca\xaa\x0f\x00\x00\
    \xfe\xff \xb4\xe3NI\xc99L\x1d\xad3NB\x06\x7f\x03\x22y!\xa9,7\xe2=\xa6=j\xf4\xb86\x14\xa0\xab\
    \xde\xb3x\xda\x8c\xd3A\x14\x9f$\xde\xcc\x19{n\xf4w\xb4\x92\xb7\xf8\x8a\x01\x80\x00\x00";

const ALPHA: u8 = 0b1_0000;

fn decoded(bytes: &[u8]) -> Result<Pixels, ErrorCode> {
    let header = probe(bytes, &LIMITS).map_err(|error| error.code)?;
    let extent = Extent::whole((header.width, header.height), Scale::Full);
    decode_probed(bytes, &header, extent).map_err(|error| error.code)
}

/// A file of these chunks.
fn file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (name, data) in chunks {
        body.extend_from_slice(*name);
        body.extend((data.len() as u32).to_le_bytes());
        body.extend_from_slice(data);
        body.extend(repeat_n(0, data.len() % 2));
    }
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

/// What an extended header holds.
fn extended(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let side = |side: u32| (side - 1).to_le_bytes();
    [&[flags, 0, 0, 0][..], &side(width)[..3], &side(height)[..3]].concat()
}

/// The lossy sample's own chunk.
fn lossy_chunk() -> &'static [u8] {
    &LOSSY[FILE_HEADER + CHUNK_HEADER..]
}

#[test]
fn lossless_is_exact_and_alpha_is_dropped() {
    for webp in [samples::webp(40, 30), samples::webp_with_alpha(40, 30)] {
        let pixels = decoded(&webp).unwrap();
        assert_eq!(pixels.extent, Extent::whole((40, 30), Scale::Full));
        assert_eq!(pixels.data, samples::rgb(40, 30));
        assert_eq!(pixels.data.capacity(), pixels.data.len());
    }
}

#[test]
fn lossy_is_near() {
    let pixels = decoded(LOSSY).unwrap();
    assert_eq!(pixels.extent, Extent::whole((24, 16), Scale::Full));
    let difference = |(a, b): (&u8, &u8)| a.abs_diff(*b);
    let worst = pixels.data.iter().zip(&samples::rgb(24, 16)).map(difference).max();
    assert!(worst.is_some_and(|worst| worst <= 12), "{worst:?}");
}

#[test]
fn an_extended_file_is_the_same_image() {
    let plain = decoded(LOSSY).unwrap();
    let header = extended(ALPHA, 24, 16);
    // Alpha that is dropped is not decoded either, so its damage does not matter.
    let chunks: [(&[u8; 4], &[u8]); 5] = [
        (b"VP8X", &header),
        (b"ICCP", b"odd"),
        (b"ALPH", b"damaged"),
        (b"VP8 ", lossy_chunk()),
        (b"EXIF", b"where and when"),
    ];
    assert_eq!(decoded(&file(&chunks)).unwrap(), plain);
}

#[test]
fn a_file_cut_behind_its_image_is_not_whole_either() {
    let header = extended(0, 24, 16);
    let chunks: [(&[u8; 4], &[u8]); 3] =
        [(b"VP8X", &header), (b"VP8 ", lossy_chunk()), (b"EXIF", b"where and when")];
    let whole = file(&chunks);
    assert!(decoded(&whole).is_ok());
    for length in 0..whole.len() {
        let cut = decoded(&whole[..length]);
        assert_eq!(cut, Err(ErrorCode::FrameUndecodable), "{length} of {}", whole.len());
    }
}

#[test]
fn the_canvas_and_the_pixels_must_be_of_one_size() {
    for (width, height) in [(25, 16), (24, 17), (1, 1)] {
        let header = extended(0, width, height);
        let bytes = file(&[(b"VP8X", &header), (b"VP8 ", lossy_chunk())]);
        assert_eq!(decoded(&bytes), Err(ErrorCode::FrameUndecodable), "{width} x {height}");
    }
}

#[test]
fn the_larger_claim_counts_for_the_limits() {
    let header = extended(0, 60_000, 60_000);
    let canvas_alone = file(&[(b"VP8X", &header)]);
    let small_canvas = extended(0, 8, 8);
    let mut pixels = lossy_chunk().to_vec();
    pixels[6..10].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    let lossy = file(&[(b"VP8X", &small_canvas), (b"VP8 ", &pixels)]);
    let lossless = file(&[(b"VP8L", b"\x2f\xff\xff\xff\x0f")]);
    for bytes in [canvas_alone, lossy, lossless] {
        assert_eq!(decoded(&bytes), Err(ErrorCode::ImageTooLarge));
    }
}

#[test]
fn an_animated_image_is_refused_and_the_text_says_why() {
    let frame = [&[0; 16][..], &LOSSY[FILE_HEADER..]].concat();
    let flagged = extended(ANIMATION, 24, 16);
    let unflagged = extended(0, 24, 16);
    for chunks in [
        vec![(b"VP8X", flagged.as_slice()), (b"ANIM", &[0; 6]), (b"ANMF", &frame)],
        vec![(b"VP8X", unflagged.as_slice()), (b"ANMF", &frame), (b"ANMF", &frame)],
        vec![(b"VP8X", flagged.as_slice()), (b"VP8 ", lossy_chunk())],
    ] {
        let error = probe(&file(&chunks), &LIMITS).unwrap_err();
        assert_eq!(error.code, ErrorCode::FrameUndecodable);
        assert!(error.message.contains("animated WebP"), "{}", error.message);
    }
}

#[test]
fn what_decoding_takes_is_counted_beforehand() {
    let lossless = samples::webp(40, 30);
    let header = probe(&lossless, &LIMITS).unwrap();
    assert!(header.decoding_bytes(&Extent::whole((40, 30), Scale::Full)) > (3 + 4) * 40 * 30);
    let header = probe(LOSSY, &LIMITS).unwrap();
    assert_eq!(header.working_bytes, 32 * 16 * 3 / 2 + 2 * 108);
}

proptest! {
    #[test]
    fn damaged_images_never_panic(
        changes in prop::collection::vec((0_usize..4000, any::<u8>()), 1..6),
        cut in 0_usize..4000,
    ) {
        for mut image in [LOSSY.to_vec(), samples::webp(24, 16), samples::webp_with_alpha(24, 16)] {
            for (at, byte) in &changes {
                let place = at % image.len();
                image[place] = *byte;
            }
            let _ = decoded(&image);
            image.truncate(cut);
            let _ = decoded(&image);
        }
    }

    #[test]
    fn no_chunks_panic(rest: Vec<u8>, length: u32, name in 0_usize..5, chunk: u32) {
        let name = [b"VP8 ", b"VP8L", b"VP8X", b"ANMF", b"ALPH"][name];
        let length = &length.to_le_bytes()[..];
        let bytes = [b"RIFF", length, b"WEBP", name, &chunk.to_le_bytes(), &rest].concat();
        let _ = decoded(&bytes);
    }
}
