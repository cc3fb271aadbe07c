"""Images that the tests need: good, damaged, and lying about their size."""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image

from places import FRAMES

JPEG_SOF0 = b"\xff\xc0"


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    """An image as JPEG (4:2:0)."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=2)
    return buffer.getvalue()


def png(image: Image.Image) -> bytes:
    """An image as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def webp(image: Image.Image, **how: object) -> bytes:
    """An image as WebP, lossless if nothing else is said."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", **(how or {"lossless": True, "exact": True, "method": 0}))
    return buffer.getvalue()


def reference(name: str) -> Image.Image:
    """One of the nine reference frames."""
    return Image.open(FRAMES / name).convert("RGB")


def street(width: int, height: int) -> Image.Image:
    """A real picture of this size."""
    return reference("vtest_050.png").resize((width, height), Image.Resampling.LANCZOS)


def truncated_jpeg() -> bytes:
    """The first two thirds of a JPEG."""
    whole = jpeg(street(640, 480))
    return whole[: len(whole) * 2 // 3]


def truncated_png() -> bytes:
    """The first two thirds of a PNG."""
    whole = png(street(640, 480))
    return whole[: len(whole) * 2 // 3]


def truncated_webp() -> bytes:
    """The first two thirds of a lossy WebP."""
    whole = webp(street(640, 480), quality=80)
    return whole[: len(whole) * 2 // 3]


def damaged_webp() -> bytes:
    """A lossless WebP whose pixels are overwritten from the middle on."""
    whole = webp(street(64, 48))
    return whole[: len(whole) // 2] + b"\xff" * (len(whole) - len(whole) // 2)


def cmyk_jpeg() -> bytes:
    """A whole JPEG in the colours of printers."""
    file = io.BytesIO()
    street(64, 48).convert("CMYK").save(file, "JPEG")
    return file.getvalue()


def animated_webp() -> bytes:
    """A WebP of two images."""
    images = [street(64, 48), street(65, 48).crop((1, 0, 65, 48))]
    return webp(images[0], save_all=True, append_images=images[1:], duration=100)


def huge_webp_header(side: int = 16_384) -> bytes:
    """A lossless WebP of a few bytes which says that it has side x side pixels, at most 16384."""
    data = b"\x2f" + struct.pack("<I", (side - 1) | (side - 1) << 14)
    chunk = b"VP8L" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def huge_webp_canvas(side: int = 60_000) -> bytes:
    """A WebP whose extended header says that it has side x side pixels, with a small image in it."""
    image = webp(street(64, 48), quality=80)[12:]
    canvas = struct.pack("<I", side - 1)[:3]
    chunk = b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas * 2 + image
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def huge_png_header() -> bytes:
    """A PNG of a few bytes which says that it has 60,000 x 60,000 pixels."""
    return png_header(60_000, 60_000)


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes which says that it has so many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def huge_jpeg_header(side: int = 60_000) -> bytes:
    """A small JPEG whose frame header says that it has side x side pixels."""
    data = bytearray(jpeg(street(64, 48)))
    frame_header = data.index(JPEG_SOF0)
    struct.pack_into(">HH", data, frame_header + 5, side, side)
    return bytes(data)


def write_numbered(bucket: Path, count: int, width: int, height: int, form: str) -> list[str]:
    """Different frames of one size in a bucket; their keys."""
    base = street(width + count, height)
    keys = []
    for number in range(count):
        crop = base.crop((number, 0, number + width, height))
        key = f"{number:04}.{form}"
        (bucket / key).write_bytes(jpeg(crop) if form == "jpg" else png(crop))
        keys.append(key)
    return keys


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
