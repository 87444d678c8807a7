"""Films for tests: small frames, plans made by hand, and all that another program can read from a film."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
import numpy.typing as npt

from photodiary.archive import layout
from photodiary.archive.store import Archive
from photodiary.diary.photo import digest_of
from photodiary.diary.reel import Cell, Coding, ReelPlan, chain
from photodiary.render.made import Made
from photodiary.render.making import Making

WIDTH, HEIGHT = 96, 120
SMALL = Coding(WIDTH, HEIGHT, WIDTH, HEIGHT, preset="ultrafast")
SAMPLING = {"420": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, "444": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444}
TICKS = 1000
Picture = npt.NDArray[np.uint8]  # (height, width, 3) RGB


def jpeg(rgb: Picture, sampling: str = "420") -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, 98, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLING[sampling]]
    return cv2.imencode(".jpg", rgb[..., ::-1], options)[1].tobytes()


def blobs(seed: int, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """A smooth colourful picture, another one for every seed."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def archive(root: Path, count: int = 0, width: int = WIDTH, height: int = HEIGHT) -> Path:
    """An archive with frames 000.jpg, 001.jpg, ..."""
    Archive(root).prepare()
    for seed in range(count):
        name(root, seed).write_bytes(jpeg(blobs(seed, width, height)))
    return root


def name(root: Path, number: int) -> Path:
    return root / frame(number)


def frame(number: int) -> str:
    return f"{layout.FRAMES}/{number:03}.jpg"


def digest(number: int) -> str:
    return digest_of(b"%d" % number)


def plan_of(photos: Sequence[int], rate: int = 12, coding: Coding = SMALL, cells: dict[int, dict[str, Any]] | None = None, **change: Any) -> ReelPlan:
    """A film with one picture of each photo, so many a second.  cells: what is otherwise about the cell of a photo."""
    made = [replace(Cell(frame(number)), **(cells or {}).get(number, {})) for number in photos]
    segments = chain(made, [digest(number) for number in photos], coding)
    plan = ReelPlan(segments, rate * TICKS, (TICKS,) * len(photos), (1,) * len(photos), Fraction(rate))
    return replace(plan, **change)


def unheard(done: int) -> None:
    pass


def make(plan: ReelPlan, root: Path, target: Path | None = None, *, full: bool = False) -> Made:
    """The film of a plan, by default `film` in the archive, made in this process."""
    return Making(plan, root, unheard).make(target or root / "film", full=full)


class Film(NamedTuple):
    """All that another program can read from a film."""

    times: list[Fraction]  # of the packets, in decoding order
    decoded_at: list[Fraction]
    durations: list[Fraction]
    keys: list[bool]
    frames: list[av.VideoFrame]  # in the order they are shown
    length: Fraction  # the stream's, in seconds
    whole: int  # the container's, in microseconds
    metadata: dict[str, str]
    codec: tuple[str, str, str | None]


def read(path: Path) -> Film:
    """Fails when the decoder has any complaint."""
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture() as log, av.open(str(path)) as container:
            stream = container.streams.video[0]
            packets = [packet for packet in container.demux(stream) if packet.pts is not None]
            assert stream.duration is not None
            assert stream.time_base is not None
            assert container.duration is not None
            container.seek(0)
            frames = list(container.decode(stream))
            film = Film(
                [packet.pts * packet.time_base for packet in packets if packet.pts is not None],
                [packet.dts * packet.time_base for packet in packets if packet.dts is not None],
                [(packet.duration or 0) * packet.time_base for packet in packets],
                [packet.is_keyframe for packet in packets],
                frames,
                stream.duration * stream.time_base,
                container.duration,
                {**container.metadata, **stream.metadata},
                (stream.codec_context.name, stream.codec_context.codec_tag, stream.codec_context.profile),
            )
    finally:
        av.logging.set_level(None)
    assert log == []
    return film


def rgb_of(frame: av.VideoFrame) -> npt.NDArray[np.float64]:
    """The colours a player shows: ITU-R BT.709-6, limited range, written out here so that no library has to be believed."""
    y, u, v = (np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width].astype(float) for plane in frame.planes)
    u, v = (np.kron(plane - 128, np.ones((2, 2))) / 224 for plane in (u, v))
    y = (y - 16) / 219
    red, blue = y + 1.5748 * v, y + 1.8556 * u
    green = (y - 0.2126 * red - 0.0722 * blue) / 0.7152
    return np.asarray(np.clip(np.stack([red, green, blue], -1) * 255, 0, 255), np.float64)


def pixels(frames: Sequence[av.VideoFrame]) -> list[bytes]:
    return [frame.to_ndarray().tobytes() for frame in frames]


def who(frames: Sequence[av.VideoFrame], photos: Sequence[int]) -> list[int]:
    """Which of these photos each picture shows."""
    wanted = np.stack([blobs(number).astype(float)[::4, ::4] for number in photos])
    seen = [np.abs(wanted - rgb_of(frame)[::4, ::4]).mean(axis=(1, 2, 3)) for frame in frames]
    assert max(off.min() for off in seen) < 12
    return [photos[int(off.argmin())] for off in seen]


def top_boxes(data: bytes) -> list[bytes]:
    names, offset = [], 0
    while offset < len(data):
        size, box = struct.unpack_from(">I4s", data, offset)
        names.append(box)
        offset += size
    assert offset == len(data)
    return names
