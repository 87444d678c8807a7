"""A diary with real ledger, archive and darkroom, and photos with dots for eyes."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from photodiary.align.aligning import Aligning
from photodiary.align.config import AlignConfig
from photodiary.archive import layout
from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.calendar import Taken
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.photo import Digest, Stage, digest_of
from photodiary.ledger import photos
from photodiary.ledger.store import Ledger

NOW = 1_700_000_000.0


def eyes_of(number: int) -> EyePair:
    """Where the dots of photo `number` are: every photo a little different in size, place and tilt."""
    rng = np.random.default_rng(number)
    iod, tilt = 44 + rng.uniform(-4, 4), rng.normal(0, 0.12)
    x, y = 130 + rng.uniform(-6, 6), 150 + rng.uniform(-6, 6)
    half = math.cos(tilt) * iod / 2, math.sin(tilt) * iod / 2
    return EyePair(Point(x - half[0], y - half[1]), Point(x + half[0], y + half[1]))


def photo_of(number: int) -> bytes:
    """A PNG of 260 x 330 pixels: soft red and blue dots on grey."""
    y, x = np.mgrid[:330, :260].astype(np.float64)
    out = np.full((330, 260, 3), 110.0)
    for eye, channel in zip(eyes_of(number), (0, 2), strict=True):
        bump = np.exp(-((x - eye.x) ** 2 + (y - eye.y) ** 2) / (2 * 4.0**2))
        out += bump[..., None] * (np.eye(3)[channel] * 255 - 110)
    data = io.BytesIO()
    Image.fromarray(np.round(out).astype(np.uint8)).save(data, "PNG")
    return data.getvalue()


@dataclass
class Diary:
    ledger: Ledger
    archive: Archive
    darkroom: Darkroom
    config: AlignConfig = field(default_factory=lambda: AlignConfig("160x200"))

    def locate(self, number: int, *, expected: float | None = 1.0, doubtful: bool = False, by: str = "model-1", data: bytes | None = None) -> Digest:
        """Photo `number` with a sighting of its eyes, as intake and the locator leave it."""
        data = photo_of(number) if data is None else data
        digest = digest_of(data)
        taken = Taken(datetime(2024, 1, 1, 9) + timedelta(days=number), None, "exif")
        original = layout.original(digest, taken.wall, "png")
        self.archive.publish(original, data)
        new = photos.NewPhoto(digest, len(data), "png", 260, 330, taken, NOW, original, Stage.RECEIVED)
        assert photos.insert_or_name(self.ledger, new, f"{number}.png".encode(), NOW)
        self.see(digest, eyes_of(number), expected=expected, doubtful=doubtful, by=by)
        return digest

    def see(self, digest: Digest, eyes: EyePair, *, expected: float | None = 1.0, doubtful: bool = False, by: str = "model-1") -> None:
        row = self.row(digest)
        if row.stage is not Stage.RECEIVED:
            with self.ledger.write() as db:
                photos.move(db, row, Stage.RECEIVED)
        sighting = Sighting(by, eyes, expected, None, 1)
        photos.append_sighting(self.ledger, self.row(digest), sighting, Stage.LOCATED, doubtful=doubtful, reason=None, now=NOW)

    @property
    def aligning(self) -> Aligning:
        return Aligning("me", self.ledger, self.archive, self.darkroom, self.config, {})

    def step(self, now: float = NOW, quiet_s: float = 3600.0) -> bool:
        return self.aligning.step(now, quiet_s)

    def finish(self, now: float = NOW, quiet_s: float = 3600.0) -> int:
        done = 0
        while self.step(now, quiet_s):
            done += 1
            assert done < 500, "it never ends"
        return done

    def row(self, digest: Digest) -> photos.PhotoRow:
        found = photos.find(self.ledger, digest)
        assert found is not None
        return found

    def rows(self) -> list[photos.PhotoRow]:
        return [row for row, _ in photos.everything(self.ledger)]

    def frames_on_disk(self) -> set[str]:
        root = self.archive.root
        return {str(path.relative_to(root)) for path in (root / "frames").rglob("*") if path.is_file() and path.name != "CACHEDIR.TAG"}

    def frame(self, digest: Digest) -> NDArray[np.uint8]:
        return np.asarray(Image.open(io.BytesIO(self.archive.read(str(self.row(digest).frame)))))

    def dots(self, picture: NDArray[np.uint8]) -> EyePair:
        """Centroids of the red and the blue dot."""
        found = []
        for channel in (0, 2):
            light = np.clip(picture[..., channel].astype(float) - picture[..., 1].astype(float) - 25, 0, None)
            y, x = np.mgrid[: light.shape[0], : light.shape[1]]
            found.append(Point(float((light * x).sum() / light.sum()), float((light * y).sum() / light.sum())))
        return EyePair(*found)


@pytest.fixture(scope="module")
def darkroom() -> Iterator[Darkroom]:
    made = Darkroom(DarkroomConfig(workers=1))
    yield made
    made.close()


@pytest.fixture
def diary(tmp_path: Path, darkroom: Darkroom) -> Iterator[Diary]:
    archive = Archive(tmp_path / "archive")
    archive.prepare()
    ledger = Ledger(archive.root)
    yield Diary(ledger, archive, darkroom)
    ledger.close()


@pytest.fixture
def true_eyes() -> Callable[[int], EyePair]:
    return eyes_of
