use std::io::Cursor;

use png::{Decoder, InterlaceInfo, Limits, Reader, Transformations, expand_interlaced_row};

use super::DecodeFailure;
use crate::frame::header::{Format, Header};

/// The bytes that the chunks besides the image data may take (palette, colour profile and so on).
const MAX_CHUNK_BYTES: usize = 1 << 20;

/// What every PNG begins with (ISO/IEC 15948, 5.2).
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The length and name of the chunk that comes first.
const HEADER_CHUNK: &[u8] = b"\0\0\0\x0dIHDR";

type Rows<'a> = Reader<Cursor<&'a [u8]>>;

/// The size that a PNG's first chunk tells; `None` if it is none.
pub(in crate::frame) fn header(bytes: &[u8]) -> Option<Header> {
    let chunk = bytes.strip_prefix(SIGNATURE)?.strip_prefix(HEADER_CHUNK)?;
    let (width, rest) = chunk.split_first_chunk()?;
    let (height, _) = rest.split_first_chunk()?;
    let [width, height] = [width, height].map(|side| u32::from_be_bytes(*side));
    Some(Header { format: Format::Png, width, height, working_bytes: 0, has_parts: false })
}

/// Decodes to RGB8: 16-bit samples lose their lower byte, alpha is dropped, and of an animation the
/// first image is taken. The file must be whole to its end.
pub(super) fn decode(bytes: &[u8], header: &Header) -> Result<Vec<u8>, DecodeFailure> {
    let mut reader = decoder(bytes).read_info()?;
    if reader.info().size() != (header.width, header.height) {
        return Err("the size is not the header's".into());
    }
    let samples = reader.output_color_type().0.samples();
    let stride = header.width as usize * 3;
    let mut data = vec![0; stride * header.height as usize];
    if reader.info().interlaced {
        read_passes(&mut reader, samples, &mut data, stride)?;
    } else {
        for line in data.chunks_exact_mut(stride) {
            let row = reader.next_row()?.ok_or("too few rows")?;
            to_rgb(row.data(), samples, line)?;
        }
    }
    reader.finish()?;
    Ok(data)
}

fn decoder(bytes: &[u8]) -> Decoder<Cursor<&[u8]>> {
    let limits = Limits { bytes: MAX_CHUNK_BYTES };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder
}

/// Adam7: each row of a pass is spread over the image at once, so that no second image is held.
fn read_passes(
    reader: &mut Rows,
    samples: usize,
    data: &mut [u8],
    stride: usize,
) -> Result<(), DecodeFailure> {
    let mut line = Vec::with_capacity(stride);
    while let Some(row) = reader.next_interlaced_row()? {
        let InterlaceInfo::Adam7(place) = row.interlace() else {
            return Err("a row outside of the passes".into());
        };
        line.resize(row.data().len() / samples * 3, 0);
        to_rgb(row.data(), samples, &mut line)?;
        expand_interlaced_row(data, stride, &line, place, 24);
    }
    Ok(())
}

/// One row of 8-bit grey, grey and alpha, RGB or RGBA to RGB.
fn to_rgb(row: &[u8], samples: usize, line: &mut [u8]) -> Result<(), DecodeFailure> {
    if row.len() != line.len() / 3 * samples {
        return Err("a row of another length".into());
    }
    let colour = if samples < 3 { 0..1 } else { 0..3 };
    for (rgb, from) in line.chunks_exact_mut(3).zip(row.chunks_exact(samples)) {
        match &from[colour.clone()] {
            [grey] => rgb.fill(*grey),
            colours => rgb.copy_from_slice(colours),
        }
    }
    Ok(())
}
