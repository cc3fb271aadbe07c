"""Bad records of five kinds among good ones, and the dead letters that they must become."""

import json
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Message

import samples
from broker import Position
from topics import header

GOOD_FRAMES = 8
ATTEMPTS = 3


@dataclass(frozen=True)
class Kind:
    """A bad record's value, and what its dead letter says."""

    name: str
    value: bytes
    reason: str
    message: str
    tries: int = 1


KINDS = [
    Kind("not UTF-8", b"\xff\xfeframes:0000.jpg", "MALFORMED_REFERENCE", "not UTF-8"),
    Kind("broken JSON", b'{"uri": "frames:0000.jpg"', "MALFORMED_REFERENCE", "not valid JSON"),
    Kind("outside the buckets", b'{"uri": "/etc/hostname"}', "REFERENCE_NOT_ALLOWED", "bucket"),
    Kind("object missing", b'{"uri": "frames:gone.jpg"}', "OBJECT_NOT_FOUND", "", tries=ATTEMPTS),
    Kind("undecodable", b'{"uri": "frames:torn.jpg"}', "FRAME_UNDECODABLE", "decod"),
]
RETRIES = {"attempts": ATTEMPTS, "backoff": "20ms"}
BY_VALUE = {kind.value: kind for kind in KINDS}


@dataclass(frozen=True)
class Letter:
    """What a dead letter's headers say."""

    id: str
    reason: str
    message: str
    tries: int


def fill(bucket: Path) -> None:
    """The frames of good records, and the torn one."""
    samples.write_numbered(bucket, GOOD_FRAMES, 160, 120, "jpg")
    (bucket / "torn.jpg").write_bytes(samples.truncated_jpeg())


def value(number: int, every: int = 20) -> bytes:
    """The `number`-th record's value: one in `every` is bad, of each kind in turn."""
    turn, place = divmod(number, every)
    if place == every // 2:
        return KINDS[turn % len(KINDS)].value
    record = {"uri": f"frames:{number % GOOD_FRAMES:04}.jpg", "sequence": number}
    return json.dumps(record).encode()


def read(letter: Message) -> Letter:
    """Reads a dead letter's headers; each must be there once."""
    said = {name: header(letter, f"framegate-{name}") for name in WRITTEN}
    place = Position(said["topic"], int(said["partition"]), int(said["offset"]))
    return Letter(place.id(said["model"]), said["reason"], said["message"], int(said["tries"]))


WRITTEN = ("topic", "partition", "offset", "model", "reason", "message", "tries")


def fits(letter: Letter, kind: Kind) -> bool:
    """Whether the letter says what a record of this kind must end as."""
    said = (letter.reason, letter.tries) == (kind.reason, kind.tries)
    return said and kind.message in letter.message
