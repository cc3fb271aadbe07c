//! Decoding by TurboJPEG, of which the safe crate lacks the decoding of a part.

use std::ffi::CStr;

use turbojpeg::raw;

use super::DecodeFailure;
use crate::frame::{extent::Extent, header::Header};

/// A decompressor of its own.
struct Handle(raw::tjhandle);

/// Decodes what is told of a JPEG to RGB8, row by row. Any warning is an error.
///
/// # Errors
/// Also for one that has another size than its header told, more scans than `max_scans`, or no such
/// part.
pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    Extent { scale, part }: Extent,
    max_scans: i32,
) -> Result<Vec<u8>, DecodeFailure> {
    let handle = Handle::new()?;
    // SAFETY: the bytes are read as far as they are told to go.
    let read =
        unsafe { raw::tj3DecompressHeader(handle.0, bytes.as_ptr(), bytes.len() as raw::size_t) };
    handle.check(read)?;
    let side = |parameter| u32::try_from(handle.get(parameter)).unwrap_or(0);
    let size = (side(raw::TJPARAM_TJPARAM_JPEGWIDTH), side(raw::TJPARAM_TJPARAM_JPEGHEIGHT));
    if size != (header.width, header.height) {
        return Err("the size is not the header's".into());
    }
    handle.set(raw::TJPARAM_TJPARAM_SCANLIMIT, max_scans)?;
    let factor = raw::tjscalingfactor { num: 1, denom: scale.denominator().cast_signed() };
    // SAFETY: plain numbers, which it checks.
    handle.check(unsafe { raw::tj3SetScalingFactor(handle.0, factor) })?;
    if part != Extent::whole(size, scale).part {
        let [x, y, w, h] = [part.x, part.y, part.width, part.height].map(u32::cast_signed);
        // SAFETY: plain numbers; a part that is not within the image at its scale is refused.
        handle
            .check(unsafe { raw::tj3SetCroppingRegion(handle.0, raw::tjregion { x, y, w, h }) })?;
    }
    let pitch = 3 * part.width as usize;
    let mut data = vec![0; pitch * part.height as usize];
    // SAFETY: it writes the rows of the part, or of the whole image at its scale, of the size that was
    // read from the same bytes and compared above: as many as `data` has room for.
    let decoded = unsafe {
        raw::tj3Decompress8(
            handle.0,
            bytes.as_ptr(),
            bytes.len() as raw::size_t,
            data.as_mut_ptr(),
            i32::try_from(pitch)?,
            raw::TJPF_TJPF_RGB,
        )
    };
    handle.check(decoded)?;
    Ok(data)
}

impl Handle {
    fn new() -> Result<Self, DecodeFailure> {
        // SAFETY: it takes a number, and answers null if it cannot.
        let handle = unsafe { raw::tj3Init(raw::TJINIT_TJINIT_DECOMPRESS.cast_signed()) };
        if handle.is_null() { Err("no decompressor".into()) } else { Ok(Self(handle)) }
    }

    fn get(&self, parameter: raw::TJPARAM) -> i32 {
        // SAFETY: the handle is whole as long as this is.
        unsafe { raw::tj3Get(self.0, parameter.cast_signed()) }
    }

    fn set(&self, parameter: raw::TJPARAM, value: i32) -> Result<(), DecodeFailure> {
        // SAFETY: as in `get`; a value that is out of range is refused.
        self.check(unsafe { raw::tj3Set(self.0, parameter.cast_signed(), value) })
    }

    /// What the last call has answered: 0, or the handle knows why not.
    fn check(&self, answer: i32) -> Result<(), DecodeFailure> {
        if answer == 0 {
            return Ok(());
        }
        // SAFETY: a text that ends with NUL and stays until the next call.
        let why = unsafe { CStr::from_ptr(raw::tj3GetErrorStr(self.0)) };
        Err(why.to_string_lossy().into())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: nobody has it any more.
        unsafe { raw::tj3Destroy(self.0) };
    }
}
