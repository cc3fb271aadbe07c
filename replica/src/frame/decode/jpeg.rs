use super::{DecodeFailure, turbo};
use crate::frame::{
    extent::Extent,
    header::{Format, Header},
};

/// The scans that a progressive image may have; encoders write about ten. Each costs a pass over
/// the whole image, however few bytes it has.
const MAX_SCANS: i32 = 100;

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
/// Where a frame header tells how many components a pixel has.
const COMPONENTS: usize = 5;
const PROGRESSIVE: [u8; 2] = [0xc2, 0xca];

/// The marker segments of a JPEG (ISO/IEC 10918-1, Annex B) up to its first scan.
struct Segments<'a> {
    rest: &'a [u8],
}

/// The size that a JPEG's frame header tells; `None` if it is none, or has no such header.
///
/// libjpeg's own reader refuses huge sizes as if they were damage, so it is not asked here.
pub(in crate::frame) fn header(bytes: &[u8]) -> Option<Header> {
    let mut segments = Segments { rest: bytes.strip_prefix(&[0xff, START_OF_IMAGE])? };
    let (marker, frame) = segments.find(|(marker, _)| is_frame_header(*marker))?;
    let [_precision, h1, h0, w1, w0, components, ref sampled @ ..] = *frame else { return None };
    let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
    let first_scan = segments.find(|(marker, _)| *marker == START_OF_SCAN);
    let scanned = first_scan.and_then(|(_, scan)| scan.first());
    let in_one_scan = scanned == Some(&components) && !PROGRESSIVE.contains(&marker);
    let working_bytes = if in_one_scan { 0 } else { coefficients(width, height, components) };
    let (width, height, has_parts) = (width.into(), height.into(), has_parts(sampled));
    Some(Header { format: Format::Jpeg, width, height, working_bytes, has_parts })
}

/// Whether its pixels are of four colours, of which libjpeg makes no RGB.
pub(in crate::frame) fn is_cmyk(bytes: &[u8]) -> bool {
    let rest = bytes.strip_prefix(&[0xff, START_OF_IMAGE]).unwrap_or_default();
    let mut segments = Segments { rest };
    let frame = segments.find(|(marker, _)| is_frame_header(*marker));
    frame.is_some_and(|(_, frame)| frame.get(COMPONENTS) == Some(&4))
}

/// Decodes to RGB8. Any warning of the decoder is an error: a damaged frame gives no result, also
/// where the damage is beside the part.
pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    extent: Extent,
) -> Result<Vec<u8>, DecodeFailure> {
    turbo::decode(bytes, header, extent, MAX_SCANS)
}

/// Whether colours are sampled in one of the ways of which TurboJPEG decodes parts: grey, or the second
/// and the third once in a block of the first's.
fn has_parts(components: &[u8]) -> bool {
    let factors: Vec<u8> = components.chunks_exact(3).map(|component| component[1]).collect();
    let known = [0x11, 0x21, 0x12, 0x22, 0x41, 0x14];
    match *factors {
        [_] => true,
        [first, second, third] => known.contains(&first) && [second, third] == [0x11; 2],
        _ => false,
    }
}

/// An image in several scans is held as 16-bit coefficients until the last one, whatever the
/// scale; at most one for each component of each pixel, in blocks of up to 32 x 32 pixels.
fn coefficients(width: u16, height: u16, components: u8) -> u64 {
    let blocks = |side: u16| u64::from(side).next_multiple_of(32);
    2 * blocks(width) * blocks(height) * u64::from(components)
}

/// The frame headers of lossy images: Huffman or arithmetic, sequential or progressive.
fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xc2 | 0xc9 | 0xca)
}

fn has_no_length(marker: u8) -> bool {
    matches!(marker, 0x01 | 0xd0..=0xd7)
}

impl<'a> Iterator for Segments<'a> {
    /// The marker's code and what the segment holds, without its length.
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&marker, rest) = self.rest.strip_prefix(&[0xff])?.split_first()?;
            match marker {
                // Any number of 0xff may stand before a marker's code.
                0xff => self.rest = &self.rest[1..],
                END_OF_IMAGE => return None,
                marker if has_no_length(marker) => self.rest = rest,
                marker => {
                    let length = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
                    let segment = rest.get(2..length)?;
                    self.rest = &rest[length..];
                    return Some((marker, segment));
                }
            }
        }
    }
}
