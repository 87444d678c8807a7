"""Phones' formats on their way in: taken in whole, kept as they are, and waited for when something is missing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.inbox.conftest import Room
from tests.support import phones
from tests.support.dots import eyes_of, picture

from photodiary.darkroom.darkroom import Darkroom, Inspection
from photodiary.diary.photo import Digest, Stage
from photodiary.errors import NoReader
from photodiary.inbox.inbox import Inbox, Nudge

A_DAY = 86_400.0


def file_of(kind: str) -> bytes:
    pixels = picture(eyes_of(1), seed=1)
    main, film = phones.encoded("jpeg", pixels), bytes(range(256)) * 8
    special = {
        "motion": lambda: phones.motion_photo(main, film),
        "ultra": lambda: phones.ultra_hdr(main, phones.encoded("jpeg", pixels[:50, :50]), film),
        "iphone": lambda: phones.heic(pixels, icc=phones.profile()),
    }
    return special[kind]() if kind in special else phones.encoded(kind, pixels)


@pytest.mark.parametrize(
    ("kind", "extension"), [("iphone", "heic"), ("avif", "avif"), ("webp", "webp"), ("png", "png"), ("jpeg", "jpg"), ("motion", "jpg"), ("ultra", "jpg")]
)
def test_every_format_is_kept_as_it_came(room: Room, kind: str, extension: str) -> None:
    """A photo of any format is taken in once, dated by what it says itself, and its copy is identical and named by its content."""
    data = file_of(kind)
    (room.root / "photo").write_bytes(data)
    room.settle()
    ((row, _),) = room.rows()
    assert (row.stage, row.width, row.height) == (Stage.RECEIVED, 400, 300)
    assert row.original is not None and row.original.startswith("originals/2024/2024-05-15_14-39-00_") and row.original.endswith(f".{extension}")
    assert room.archive.read(row.original) == data


@pytest.mark.parametrize("kind", ["iphone", "avif", "webp", "motion", "ultra"])
def test_a_file_is_trusted_at_once_only_when_its_own_lengths_are_complete(room: Room, kind: str) -> None:
    """A file that is closed half-way, at the end of its picture or anywhere else, waits; closed when complete it is in without a wait."""
    data = file_of(kind)
    at_pictures_end = data.rindex(b"\xff\xd9") + 2 if kind in ("motion", "ultra") else len(data) - 1
    for part in (data[: len(data) // 3], data[:at_pictures_end], data[:-1]):
        (room.root / "slow").write_bytes(part)
        room.inbox.notice(Nudge(b"slow", renamed=False))
        room.work()
        room.pass_time(0.5)
        assert room.rows() == []
    (room.root / "slow").write_bytes(data)
    room.inbox.notice(Nudge(b"slow", renamed=False))
    room.work()
    assert [row.stage for row, _ in room.rows()] == [Stage.RECEIVED]


@dataclass
class WithoutHeic:
    """A darkroom on a machine that has no wheel of pillow-heif, until somebody installs it."""

    real: Darkroom
    missing: bool = True
    asked: list[Digest] = field(default_factory=list)

    def inspect(self, digest: Digest, data: bytes) -> Inspection:
        self.asked.append(digest)
        if self.missing:
            raise NoReader("HEIC photos need pillow-heif: pip install 'pillow-heif>=1.8.1'")
        return self.real.inspect(digest, data)


def test_a_photo_whose_library_is_missing_waits_as_long_as_it_takes(room: Room, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not quarantined after a day, the command that helps is said, others come in meanwhile, and once it is installed it is in."""
    fake: Any = WithoutHeic(room.intake.darkroom)
    intake = replace(room.intake, darkroom=fake)
    room.intake, room.inbox = intake, Inbox(room.root, room.inbox.config, intake)
    (room.root / "IMG_1.HEIC").write_bytes(file_of("iphone"))
    room.settle()
    assert "pip install 'pillow-heif>=1.8.1'" in room.inbox._held[b"IMG_1.HEIC"].reason
    for _ in range(30):
        room.pass_time(7 * 3600)
        room.scan()
        room.work()
    assert room.now - 1_718_000_000 > 5 * A_DAY
    assert room.rows() == [] and len(fake.asked) > 20
    fake.missing = False
    room.pass_time(7 * 3600)
    room.scan()
    room.work()
    assert [row.stage for row, _ in room.rows()] == [Stage.RECEIVED]
