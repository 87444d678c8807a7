"""The step from a received photo to a sighting: what each answer leads to, in the ledger and on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from photodiary.archive import layout
from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.calendar import Taken
from photodiary.diary.eyes import DoubtConfig, EyePair, Point, Sighting
from photodiary.diary.photo import Digest, Stage, digest_of
from photodiary.errors import Held, Unreadable, WorkerLost
from photodiary.ledger import photos
from photodiary.ledger.store import Ledger
from photodiary.locate.locating import Locating
from photodiary.locate.views import Locator

NOW = 1_700_000_000.0
EYES = EyePair(Point(30.0, 40.0), Point(60.0, 42.0))


@pytest.fixture(scope="module")
def darkroom() -> Iterator[Darkroom]:
    made = Darkroom(DarkroomConfig(workers=1))
    yield made
    made.close()


@dataclass
class Diary:
    """A diary with real ledger, archive and darkroom."""

    ledger: Ledger
    archive: Archive
    darkroom: Darkroom

    def receive(self, grey: int = 90, *, data: bytes | None = None) -> Digest:
        """A photo of 96 x 72 pixels as intake leaves it."""
        path = self.archive.root / "photo.png"
        Image.new("RGB", (96, 72), (grey, 90, 90)).save(path)
        data = path.read_bytes() if data is None else data
        digest = digest_of(data)
        taken = Taken(datetime(2024, 5, 1, 8) + timedelta(hours=grey), None, "exif")
        original = layout.original(digest, taken.wall, "png")
        self.archive.publish(original, data)
        row = photos.NewPhoto(digest, len(data), "png", 96, 72, taken, NOW, original, Stage.RECEIVED)
        assert photos.insert_or_name(self.ledger, row, f"{grey}.png".encode(), NOW)
        return digest

    def step(self, locator: Locator, now: float = NOW, doubt: DoubtConfig | None = None) -> bool:
        return Locating("me", self.ledger, self.archive, self.darkroom, locator, doubt or DoubtConfig(), {}).step(now)

    def row(self, digest: Digest) -> photos.PhotoRow:
        found = photos.find(self.ledger, digest)
        assert found is not None
        return found

    def sightings(self) -> int:
        with self.ledger.read() as db:
            return int(db.execute("SELECT count(*) FROM sightings").fetchone()[0])


@pytest.fixture
def diary(tmp_path: Path, darkroom: Darkroom) -> Iterator[Diary]:
    archive = Archive(tmp_path / "archive")
    archive.prepare()
    ledger = Ledger(archive.root)
    yield Diary(ledger, archive, darkroom)
    ledger.close()


def test_a_received_photo_becomes_a_located_one(diary: Diary, told) -> None:
    """What the locator said is appended, by name and in full, and the photo moves on; then there is nothing left to do."""
    digest = diary.receive()
    said = Sighting("told-1", EYES, 1.25, None, 1)
    locator = told([said])
    assert diary.step(locator)
    row = diary.row(digest)
    assert (row.stage, row.doubtful, row.reason, row.sighting, row.tries) == (Stage.LOCATED, False, None, said, 0)
    assert locator.seen == [(96, 72)], "the size is that of the upright photo"
    assert not diary.step(locator)
    assert diary.sightings() == 1


def test_without_a_face_a_photo_is_left_out(diary: Diary, told) -> None:
    """No face: excluded with the reason no_face, and that is on record."""
    digest = diary.receive()
    assert diary.step(told([Sighting("told-1", None, None, "no_face", 0)]))
    row = diary.row(digest)
    assert (row.stage, row.doubtful, row.reason) == (Stage.EXCLUDED, False, "no_face")
    assert row.sighting is not None and row.sighting.eyes is None
    assert diary.sightings() == 1


@pytest.mark.parametrize(
    ("expected", "reason", "stage", "doubtful", "shown"),
    [
        (4.99, None, Stage.LOCATED, False, None),
        (5.0, None, Stage.LOCATED, False, None),
        (5.01, None, Stage.LOCATED, True, "unsure"),
        (7.0, "covered", Stage.LOCATED, True, "covered"),
        (10.0, "covered", Stage.LOCATED, True, "covered"),
        (10.01, "cut_by_edge", Stage.DOUBTFUL, True, "cut_by_edge"),
        (900.0, None, Stage.DOUBTFUL, True, "unsure"),
        (1.0, "several_faces", Stage.LOCATED, True, "several_faces"),
        (None, None, Stage.DOUBTFUL, True, "unsure"),
    ],
)
def test_the_expected_error_decides(diary: Diary, told, expected, reason, stage: Stage, doubtful: bool, shown) -> None:
    """Up to ask_above nobody is asked; up to leave_out_above a person is asked and it stays in; above, it waits without a frame."""
    digest = diary.receive()
    assert diary.step(told([Sighting("told-1", EYES, expected, reason, 1)]))
    row = diary.row(digest)
    assert (row.stage, row.doubtful, row.reason, row.frame) == (stage, doubtful, shown, None)


def test_the_limits_are_the_configured_ones(diary: Diary, told) -> None:
    """A stricter diary asks earlier."""
    digest = diary.receive()
    assert diary.step(told([Sighting("told-1", EYES, 2.5, None, 1)]), doubt=DoubtConfig(ask_above=1, leave_out_above=2))
    assert diary.row(digest).stage is Stage.DOUBTFUL


def test_a_photo_that_kills_twice_is_quarantined(diary: Diary, told) -> None:
    """The first death waits and tries again, the second one ends it; other photos are not held up."""
    deadly, harmless = diary.receive(1), diary.receive(2)
    locator = told([WorkerLost("died"), Sighting("told-1", EYES, 1.0), WorkerLost("died")])
    assert diary.step(locator)
    assert (diary.row(deadly).stage, diary.row(deadly).deaths) == (Stage.RECEIVED, 1)
    assert diary.step(locator), "the other one, though it came later"
    assert diary.row(harmless).stage is Stage.LOCATED
    assert not diary.step(locator, NOW + 1), "not at once again"
    assert diary.step(locator, NOW + 11)
    row = diary.row(deadly)
    assert (row.stage, row.reason, row.deaths) == (Stage.QUARANTINED, "crashed_reader", 2)
    assert not diary.step(locator, NOW + 1e6)
    assert diary.archive.read(str(row.original)), "its file stays"


def test_a_worker_that_really_dies_counts(diary: Diary, told) -> None:
    """Real workers that are given no time are lost, once for each try."""
    digest = diary.receive()
    diary.darkroom = Darkroom(DarkroomConfig(workers=1, seconds=0.001))
    for later in (0, 20):
        assert diary.step(told([]), NOW + later)
    diary.darkroom.close()
    assert (diary.row(digest).stage, diary.row(digest).reason) == (Stage.QUARANTINED, "crashed_reader")


@pytest.mark.parametrize(("error", "reason"), [(Unreadable("too_large", "huge"), "too_large"), (Held("cut"), "truncated")])
def test_a_photo_that_cannot_be_read_is_quarantined(diary: Diary, told, error: Exception, reason: str) -> None:
    """What cannot be decoded any more goes to quarantine under its reason."""
    digest = diary.receive()
    assert diary.step(told([error]))
    assert (diary.row(digest).stage, diary.row(digest).reason) == (Stage.QUARANTINED, reason)


def test_a_missing_original_is_tried_again(diary: Diary, told) -> None:
    """When the archive cannot be read just now, nothing is decided and no death is counted."""
    digest = diary.receive()
    path = diary.archive.root / str(diary.row(digest).original)
    path.rename(path.with_suffix(".away"))
    said = Sighting("told-1", EYES, 1.0)
    diary.darkroom = Darkroom(DarkroomConfig(workers=1))  # one that cannot remember it
    assert diary.step(told([said]))
    assert (diary.row(digest).stage, diary.row(digest).deaths, diary.row(digest).tries) == (Stage.RECEIVED, 0, 1)
    path.with_suffix(".away").rename(path)
    assert diary.step(told([said]), NOW + 11)
    diary.darkroom.close()
    assert diary.row(digest).stage is Stage.LOCATED


def test_photos_are_taken_in_the_order_they_came(diary: Diary, told) -> None:
    """The oldest first, each exactly once."""
    digests = [diary.receive(grey) for grey in (9, 3, 7)]
    locator = told([Sighting("told-1", EYES, 1.0 + n) for n in range(3)])
    while diary.step(locator):
        pass
    assert [diary.row(d).sighting.expected_error for d in digests] == [1.0, 2.0, 3.0]
