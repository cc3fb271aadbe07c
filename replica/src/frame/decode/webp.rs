use std::io::Cursor;

use image_webp::WebPDecoder;

use super::DecodeFailure;
use crate::frame::header::{Format, Header};

/// Bytes that a lossless image's code tables may take for each of its encoded bytes, at most. Real
/// images need few of them, but which ones do shows only while they are read.
const TABLE_BYTES: u64 = 512;

/// A code tables' image, a predictor's and a colour transform's besides the pixels themselves, which
/// are held a second time as RGBA.
const LOSSLESS_BYTES: u64 = 6;

/// The bit of an extended header that stands for an animation.
const ANIMATION: u8 = 0b10;

/// The bytes before the first chunk: `RIFF`, the length of all that follows, `WEBP`.
const FILE_HEADER: usize = 12;

/// The bytes before a chunk's own: its name and length.
const CHUNK_HEADER: usize = 8;

/// The container of a WebP image (RFC 9649, 2).
#[derive(Default)]
struct Container<'a> {
    /// Width and height that an extended header tells; 0 without one.
    canvas: (u32, u32),
    animated: bool,
    image: Option<ImageChunk<'a>>,
    /// Whether the file goes on to the end that its beginning tells.
    whole: bool,
}

/// The chunk that holds the pixels.
#[derive(Clone, Copy)]
struct ImageChunk<'a> {
    lossless: bool,
    /// Where its header begins in the file.
    start: usize,
    /// What it holds, as far as the file goes.
    data: &'a [u8],
}

/// The size that a WebP image tells; `None` if it is none. Where its canvas and its pixels tell
/// different ones, the larger: such an image is over a limit or cannot be decoded.
pub(in crate::frame) fn header(bytes: &[u8]) -> Option<Header> {
    let container = Container::read(bytes)?;
    let (width, height) = container.image.and_then(|image| image.size()).unwrap_or_default();
    let (width, height) = (width.max(container.canvas.0), height.max(container.canvas.1));
    let working_bytes = container.image.map_or(0, |image| image.working_bytes(width, height));
    Some(Header { format: Format::WebP, width, height, working_bytes, has_parts: false })
}

/// Whether a WebP image has several frames, which no camera's frame has.
pub(in crate::frame) fn is_animated(bytes: &[u8]) -> bool {
    Container::read(bytes).is_some_and(|container| container.animated)
}

/// Decodes to RGB8; alpha is dropped. The file must be whole to its end.
pub(super) fn decode(bytes: &[u8], header: &Header) -> Result<Vec<u8>, DecodeFailure> {
    let container = Container::read(bytes).filter(|container| container.whole);
    let container = container.ok_or("the file is not whole")?;
    let image = container.image.ok_or("there is no image in the file")?;
    let size = (header.width, header.height);
    if image.size() != Some(size) || ![size, (0, 0)].contains(&container.canvas) {
        return Err("the size is not the header's".into());
    }
    let file = image.alone(bytes);
    let mut decoder = WebPDecoder::new(Cursor::new(file.as_slice()))?;
    let length = decoder.output_buffer_size().ok_or("too many bytes")?;
    // Metadata is not read, so that nothing but the image takes memory.
    decoder.set_memory_limit(length);
    let mut data = vec![0; length];
    decoder.read_image(&mut data)?;
    if decoder.has_alpha() {
        drop_alpha(&mut data);
    }
    Ok(data)
}

impl<'a> Container<'a> {
    /// Reads the chunks up to the image's, or as far as the file goes.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (length, form) = bytes.strip_prefix(b"RIFF")?.split_first_chunk()?;
        form.strip_prefix(b"WEBP")?;
        let end = CHUNK_HEADER.checked_add(u32::from_le_bytes(*length) as usize)?;
        let file = &bytes[..end.clamp(FILE_HEADER, bytes.len())];
        let mut container = Self { whole: end <= bytes.len(), ..Self::default() };
        let mut start = FILE_HEADER;
        while let Some((name, length)) = chunk_header(file, start) {
            let begin = start + CHUNK_HEADER;
            let next = begin.checked_add(length)?;
            let data = &file[begin..next.min(file.len())];
            container.whole &= next <= file.len();
            match &name {
                b"VP8X" => container.extend(data),
                b"ANIM" | b"ANMF" => container.animated = true,
                b"VP8 " | b"VP8L" => {
                    container.image = Some(ImageChunk { lossless: name == *b"VP8L", start, data });
                    break;
                }
                _ => {}
            }
            // A chunk of an odd length is followed by a byte that belongs to none.
            start = next.checked_add(length % 2)?;
        }
        Some(container)
    }

    fn extend(&mut self, data: &[u8]) {
        let [flags, _, _, _, w0, w1, w2, h0, h1, h2, ..] = *data else { return };
        let side = |bytes: [u8; 3]| 1 + u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
        self.canvas = (side([w0, w1, w2]), side([h0, h1, h2]));
        self.animated |= flags & ANIMATION != 0;
    }
}

impl ImageChunk<'_> {
    /// Width and height, which stand in the first ten bytes.
    fn size(&self) -> Option<(u32, u32)> {
        if self.lossless {
            let [0x2f, b0, b1, b2, b3, ..] = *self.data else { return None };
            let bits = u32::from_le_bytes([b0, b1, b2, b3]);
            return Some((1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff)));
        }
        let [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = *self.data else { return None };
        let side = |bytes: [u8; 2]| u32::from(u16::from_le_bytes(bytes) & 0x3fff);
        Some((side([w0, w1]), side([h0, h1])))
    }

    /// What decoding takes besides the pixels and the file.
    fn working_bytes(&self, width: u32, height: u32) -> u64 {
        let encoded = self.data.len() as u64;
        if self.lossless {
            let pixels = u64::from(width) * u64::from(height);
            return LOSSLESS_BYTES * pixels + TABLE_BYTES * encoded;
        }
        // One plane of the full size and two of a quarter of it, in blocks of 16 x 16; the chunk is
        // copied into its partitions.
        let blocks = |side: u32| u64::from(side).next_multiple_of(16);
        blocks(width) * blocks(height) * 3 / 2 + 2 * encoded
    }

    /// A file of nothing but this image: without alpha of its own and metadata there is nothing
    /// else to decode, nor to be damaged.
    fn alone(&self, bytes: &[u8]) -> Vec<u8> {
        let chunk = &bytes[self.start..self.start + CHUNK_HEADER + self.data.len()];
        let padding = chunk.len() % 2;
        // Both came out of a file whose length is a u32.
        let length = u32::try_from(4 + chunk.len() + padding).unwrap_or(u32::MAX);
        let parts = [b"RIFF", &length.to_le_bytes()[..], b"WEBP", chunk, &[0][..padding]];
        parts.concat()
    }
}

fn chunk_header(file: &[u8], start: usize) -> Option<([u8; 4], usize)> {
    let (name, rest) = file.get(start..)?.split_first_chunk()?;
    let (length, _) = rest.split_first_chunk()?;
    Some((*name, u32::from_le_bytes(*length) as usize))
}

/// RGBA8 to RGB8, in place.
fn drop_alpha(data: &mut Vec<u8>) {
    let pixels = data.len() / 4;
    for pixel in 0..pixels {
        data.copy_within(4 * pixel..4 * pixel + 3, 3 * pixel);
    }
    data.truncate(3 * pixels);
    data.shrink_to_fit();
}

#[cfg(test)]
#[path = "../tests/webp.rs"]
mod tests;
