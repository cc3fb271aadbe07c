"""Requests that are refused because of their frame, and a bucket that holds what they refer to."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import samples

OBJECT_LIMIT = 1 << 20


@dataclass(frozen=True)
class Case:
    """A bad request and how it is refused; its entry is counted for `model`, unless it never becomes one."""

    name: str
    code: str
    reason: str
    uri: str | None = None
    data: Callable[[], bytes] | None = None
    model: str = "classifier"
    region: tuple[int, int, int, int] | None = None
    counted_as: str | None = "classifier"

    def fields(self, bucket: Path, port: str) -> dict[str, object]:
        """The request, as `api.request` takes it."""
        frame = {"data": self.data()} if self.data else {"uri": self.uri.format(bucket=bucket, port=port)}
        return {"models": (self.model,), "region": self.region, **frame}


CASES = [
    Case("unknown model", "NOT_FOUND", "UNKNOWN_MODEL", "frames:good.jpg", model="unknown", counted_as="-"),
    Case("reference without a form", "INVALID_ARGUMENT", "MALFORMED_REFERENCE", "good.jpg"),
    Case("empty reference", "INVALID_ARGUMENT", "MALFORMED_REFERENCE", ""),
    Case("reference with an empty segment", "INVALID_ARGUMENT", "MALFORMED_REFERENCE", "frames:a//good.jpg"),
    Case("reference with a NUL", "INVALID_ARGUMENT", "MALFORMED_REFERENCE", "frames:good\0.jpg"),
    Case(
        "encoded dots in a reference",
        "INVALID_ARGUMENT",
        "MALFORMED_REFERENCE",
        "file://{bucket}/%2e%2e/secret.jpg",
    ),
    Case("..", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "frames:../secret.jpg"),
    Case(".. in an absolute path", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "{bucket}/../secret.jpg"),
    Case("absolute path elsewhere", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "/etc/hostname"),
    Case("file URL elsewhere", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "file:///etc/hostname"),
    Case(
        "folder that begins like the bucket",
        "PERMISSION_DENIED",
        "REFERENCE_NOT_ALLOWED",
        "{bucket}_private/secret.jpg",
    ),
    Case("bucket of no such name", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "private:secret.jpg"),
    Case("http scheme", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "http://127.0.0.1:{port}/good.jpg"),
    Case("s3 of no bucket", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "s3://frames/good.jpg"),
    Case("symlink out", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "frames:link.jpg"),
    Case("folder symlinked out", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "frames:outside/secret.jpg"),
    Case("missing object", "NOT_FOUND", "OBJECT_NOT_FOUND", "frames:none.jpg"),
    Case("folder as object", "NOT_FOUND", "OBJECT_NOT_FOUND", "frames:folder"),
    Case("FIFO as object", "NOT_FOUND", "OBJECT_NOT_FOUND", "frames:fifo.jpg"),
    Case("truncated JPEG", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", "frames:truncated.jpg"),
    Case("truncated JPEG inline", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", data=samples.truncated_jpeg),
    Case("truncated PNG", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", data=samples.truncated_png),
    Case("truncated WebP", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", data=samples.truncated_webp),
    Case("damaged lossless WebP", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", data=samples.damaged_webp),
    Case("CMYK JPEG", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", data=samples.cmyk_jpeg),
    Case("animated WebP", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", data=samples.animated_webp),
    Case("text named .jpg", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", "frames:text.jpg"),
    Case("empty object", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", "frames:empty.jpg"),
    Case("60000x60000 PNG header", "OUT_OF_RANGE", "IMAGE_TOO_LARGE", "frames:huge.png"),
    Case("image too wide", "OUT_OF_RANGE", "IMAGE_TOO_LARGE", data=lambda: samples.png_header(16_385, 1)),
    Case("image too high", "OUT_OF_RANGE", "IMAGE_TOO_LARGE", data=lambda: samples.png_header(1, 16_385)),
    Case(
        "too many pixels", "OUT_OF_RANGE", "IMAGE_TOO_LARGE", data=lambda: samples.png_header(16_000, 16_000)
    ),
    Case("60000x60000 JPEG header", "OUT_OF_RANGE", "IMAGE_TOO_LARGE", "frames:huge.jpg"),
    Case("16384x16384 WebP header", "OUT_OF_RANGE", "IMAGE_TOO_LARGE", data=samples.huge_webp_header),
    Case("60000x60000 WebP canvas", "OUT_OF_RANGE", "IMAGE_TOO_LARGE", data=samples.huge_webp_canvas),
    Case("object above the limit", "OUT_OF_RANGE", "OBJECT_TOO_LARGE", "frames:large.jpg"),
    Case(
        "region outside the frame",
        "INVALID_ARGUMENT",
        "REGION_OUTSIDE_FRAME",
        "frames:good.jpg",
        region=(600, 0, 100, 100),
    ),
    Case("empty region", "INVALID_ARGUMENT", "REGION_OUTSIDE_FRAME", "frames:good.jpg", region=(0, 0, 0, 10)),
    Case(
        "region that overflows",
        "INVALID_ARGUMENT",
        "REGION_OUTSIDE_FRAME",
        "frames:good.jpg",
        region=(2**32 - 1, 0, 2, 2),
    ),
]


def fill(bucket: Path) -> None:
    """A good frame, the bad ones, and things that must not be reached."""
    (bucket / "folder").mkdir(parents=True)
    private = bucket.parent / "bucket_private"
    private.mkdir()
    good = samples.jpeg(samples.street(640, 480))
    for secret in (bucket.parent / "secret.jpg", private / "secret.jpg"):
        secret.write_bytes(good)
    (bucket / "good.jpg").write_bytes(good)
    (bucket / "truncated.jpg").write_bytes(samples.truncated_jpeg())
    (bucket / "text.jpg").write_text("this is no picture\n" * 40)
    (bucket / "empty.jpg").touch()
    (bucket / "huge.png").write_bytes(samples.huge_png_header())
    (bucket / "huge.jpg").write_bytes(samples.huge_jpeg_header())
    (bucket / "large.jpg").write_bytes(good + bytes(OBJECT_LIMIT))
    (bucket / "link.jpg").symlink_to("../secret.jpg")
    (bucket / "outside").symlink_to(bucket.parent)
    os.mkfifo(bucket / "fifo.jpg")
