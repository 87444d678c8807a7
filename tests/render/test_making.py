"""Making a film costs what is new in it, and gives the film that making everything anew gives: picture by picture, and byte by byte."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from photodiary.archive import layout
from photodiary.diary.reel import NEIGHBOURS, Chapter, Coding, ReelPlan, seams
from photodiary.errors import StorageTrouble
from photodiary.render import making
from photodiary.render.coding import headers
from photodiary.render.making import Making
from photodiary.render.segment import pack, unpack

from .films import HEIGHT, SMALL, TICKS, WIDTH, archive, blobs, digest, jpeg, make, name, pixels, plan_of, read, who

COUNT = 60
PHOTOS = list(range(COUNT))
FADING = replace(SMALL, steady=True, crossfade=0.5)
H265 = replace(SMALL, codec="h265")


def fading(photos: list[int], **change: Any) -> ReelPlan:
    """Two pictures of each photo, the second of which the next one shines through."""
    plan = plan_of(photos, 24, FADING, {number: {"pictures": 2} for number in photos})
    return replace(plan, shown=(2,) * len(photos), **change)


PLANS: dict[str, Callable[[list[int]], ReelPlan]] = {
    "h264": plan_of,
    "fading": fading,
    "h265": lambda photos: plan_of(photos, coding=H265),
}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with the frames of 60 photos and 10 more, and all films of the first 60."""
    root = archive(tmp_path_factory.mktemp("making"), COUNT + 10)
    for kind, plan in PLANS.items():
        make(plan(PHOTOS), root, root / kind)
    return root


@pytest.fixture
def root(film: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    archive(tmp_path)
    for folder in (layout.FRAMES, layout.SEGMENTS):
        for path in (film / folder).iterdir():
            if path.name != "CACHEDIR.TAG":
                os.link(path, tmp_path / folder / path.name)
    return tmp_path


def moved(photos: list[int], photo: int, to: int) -> list[int]:
    rest = [number for number in photos if number != photo]
    return [*rest[:to], photo, *rest[to:]]


CHANGES: dict[str, list[int]] = {
    "one more at the end": [*PHOTOS, 60],
    "one more in the middle": [*PHOTOS[:30], 61, *PHOTOS[30:]],
    "one more at the beginning": [62, *PHOTOS],
    "one gone": PHOTOS[:25] + PHOTOS[26:],
    "one dated otherwise": moved(PHOTOS, 12, 44),
    "one corrected": [63 if number == 33 else number for number in PHOTOS],
    "only a few left": PHOTOS[:3],
}


@pytest.mark.parametrize("kind", PLANS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_film_that_grew_is_the_film_made_anew(film: Path, root: Path, kind: str, change: str) -> None:
    """Whatever happens to a diary, the film of what was there and what is new has the bytes of one that is encoded from its first photo to its last."""
    plan = PLANS[kind](CHANGES[change])
    grown = make(plan, root)
    touched = {number for segment in plan.segments if not (film / layout.segment(segment.fingerprint)).exists() for number in map(of, segment.cells)}
    assert grown.encoded == len(touched) < COUNT
    data, shown = (root / "film").read_bytes(), read(root / "film").frames
    assert (grown.bytes, len(data)) == (len(data), grown.bytes)
    for segment in (root / layout.SEGMENTS).glob("*.segment"):
        segment.unlink()
    assert make(plan, root, root / "anew").encoded == len(CHANGES[change])
    assert (root / "anew").read_bytes() == data
    if kind != "fading":
        assert who(shown, range(COUNT + 10)) == CHANGES[change]
    assert pixels(read(root / "anew").frames) == pixels(shown)


def of(cell: Any) -> int:
    return int(Path(cell.frame).stem)


@pytest.mark.parametrize("kind", PLANS)
@pytest.mark.parametrize(
    ("change", "edits"), [("one more at the end", (60,)), ("one more in the middle", (30,)), ("one gone", (25,)), ("one dated otherwise", (12, 44))]
)
def test_only_what_is_touched_is_encoded(root: Path, kind: str, change: str, edits: tuple[int, ...]) -> None:
    """A segment is encoded only where a seam beside the edit may have moved, or where it shows, or fades into, what is new."""
    photos = CHANGES[change]
    encoded: list[int] = []
    plan = PLANS[kind](photos)
    for segment in plan.segments:
        if not (root / layout.segment(segment.fingerprint)).exists():
            encoded += map(of, segment.cells)
    starts = [*seams([digest(number) for number in photos]), len(photos)]
    for start, end in zip(starts, starts[1:], strict=False):
        beside = any(start - NEIGHBOURS - 1 <= edit <= end + NEIGHBOURS + 1 for edit in edits)
        assert beside or not set(photos[start:end]) & set(encoded), f"photos {start} to {end} are far from {edits}"
    assert make(plan, root).encoded == len(encoded) > 0
    assert make(plan, root).encoded == 0


@pytest.mark.parametrize(
    "change",
    [{"timescale": 24 * TICKS}, {"ticks": (5000, *(TICKS,) * (COUNT - 1))}, {"title": "Us"}, {"chapters": (Chapter(0, "2024"), Chapter(7, "2025"))}],
)
def test_another_pace_or_title_encodes_nothing(root: Path, change: dict[str, Any]) -> None:
    """Time, title and chapters are no part of the pictures."""
    plan = plan_of(PHOTOS, **change)
    assert make(plan, root).encoded == 0
    assert who(read(root / "film").frames, PHOTOS) == PHOTOS


@pytest.mark.parametrize("change", [{"crf": 30}, {"preset": "superfast"}, {"rate": 60}, {"width": 32, "height": 40}])
def test_another_look_encodes_everything_and_keeps_the_old_one(root: Path, change: dict[str, Any]) -> None:
    """Segments of another look are never mixed in; those of the old look are there until the new film is."""
    before = {path.name for path in (root / layout.SEGMENTS).iterdir()}
    plan = plan_of(PHOTOS[:20], coding=replace(SMALL, **change))
    assert make(plan, root).encoded == 20
    assert {path.name for path in (root / layout.SEGMENTS).iterdir()} > before


def test_one_look_may_be_asked_for_anew(root: Path) -> None:
    """`full` encodes every segment again, also where each is there."""
    assert make(plan_of(PHOTOS), root, full=True).encoded == COUNT


# -- what is on the disk is not believed --------------------------------------------------------------------------------


def no_file(path: Path, good: bytes) -> None:
    path.unlink()


def written(change: Callable[[bytes], bytes]) -> Callable[[Path, bytes], None]:
    def damage(path: Path, good: bytes) -> None:
        path.unlink()  # a copy shares it
        path.write_bytes(change(good))

    return damage


def by_another_encoder(content: bytes) -> bytes:
    pictures = unpack(content)
    assert pictures is not None
    return pack(replace(pictures, headers=headers(replace(SMALL, preset="medium"))))


def with_a_picture_less(content: bytes) -> bytes:
    pictures = unpack(content)
    assert pictures is not None
    return pack(replace(pictures, coded=pictures.coded[:-1]))


DAMAGES: dict[str, Callable[[Path, bytes], None]] = {
    "gone": no_file,
    "empty": written(lambda good: b""),
    "cut short": written(lambda good: good[:-1]),
    "cut in its head": written(lambda good: good[:100]),
    "a torn head": written(lambda good: good[:70] + b"x" + good[71:]),
    "a torn picture": written(lambda good: good[:-5] + bytes([good[-5] ^ 1]) + good[-4:]),
    "longer": written(lambda good: good + b"more"),
    "of another encoder": written(by_another_encoder),
    "of fewer pictures": written(with_a_picture_less),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_segment_that_is_not_whole_is_encoded_again(film: Path, root: Path, damage: str) -> None:
    """A segment that is gone, cut, torn anywhere or of another encoder is made again: never a broken film, and the very same one in the end."""
    plan = plan_of(PHOTOS)
    path = root / layout.segment(plan.segments[1].fingerprint)
    good = path.read_bytes()
    DAMAGES[damage](path, good)
    make(plan, root)
    assert (root / "film").read_bytes() == (film / "h264").read_bytes()
    assert path.read_bytes() == good


def test_a_segment_that_cannot_be_kept_is_the_disk_s_fault(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read back even after it was made again is told, with the file's name."""
    monkeypatch.setattr(making, "unpack", lambda content: None)
    with pytest.raises(StorageTrouble, match=r"segments/[0-9a-f]{64}\.segment: cannot be read back"):
        make(plan_of(PHOTOS), root)
    assert not (root / "film").exists()


def test_a_full_disk_leaves_what_was_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment that cannot be written is storage trouble; those before it are whole and serve when there is room again."""
    archive(tmp_path, COUNT)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})
    real, left = os.fsync, [4]

    def fsync(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StorageTrouble, match="the disk is full"):
        make(plan_of(PHOTOS), tmp_path)
    assert len(list((tmp_path / layout.SEGMENTS).glob("*.segment"))) == 2
    assert not list((tmp_path / layout.SEGMENTS).glob(".tmp-*"))
    left[0] = 1000
    assert 0 < make(plan_of(PHOTOS), tmp_path).encoded < COUNT


# -- several at once ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_several_threads_make_the_same_film(film: Path, root: Path, codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One processor or many, the same bytes; progress comes photo by photo and reaches the last."""
    for processors in (1, 6):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid, processors=processors: set(range(processors)))
        told: list[int] = []
        made = Making(PLANS[codec](PHOTOS), root, told.append).make(root / "film", full=True)
        assert made.encoded == COUNT and (root / "film").read_bytes() == (film / codec).read_bytes()
        assert told == [*range(COUNT), *[COUNT] * (len(told) - COUNT)] and len(told) > COUNT + len(PLANS[codec](PHOTOS).segments), "copying is work too"


def test_progress_counts_what_is_there_already(root: Path) -> None:
    """Photos whose segments are there count at once."""
    told: list[int] = []
    made = Making(plan_of(CHANGES["one more in the middle"]), root, told.append).make(root / "film")
    assert list(dict.fromkeys(told)) == list(range(COUNT + 1 - made.encoded, COUNT + 2))


def test_the_same_photos_twice_are_encoded_once(tmp_path: Path) -> None:
    """Segments that show the same are one segment."""
    photos = [*range(20), *range(20), *range(20)]
    plan = plan_of(photos)
    made = make(plan, archive(tmp_path, 20))
    assert made.encoded < len(photos) - 10 and len(list((tmp_path / layout.SEGMENTS).glob("*.segment"))) == len({s.fingerprint for s in plan.segments})
    assert who(read(tmp_path / "film").frames, range(20)) == photos


def test_one_reader_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not to be shared between threads is not."""
    used: dict[int, set[int]] = {}
    real = making.FrameReader.read

    def spying(self: making.FrameReader, path: str) -> Any:
        used.setdefault(id(self), set()).add(threading.get_ident())
        time.sleep(0.002)  # or one thread might do all before the next is there
        return real(self, path)

    monkeypatch.setattr(making.FrameReader, "read", spying)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(3)))
    make(plan_of(PHOTOS), archive(tmp_path, COUNT))
    assert len(used) > 1 and all(len(threads) == 1 for threads in used.values())


def test_frames_of_both_kinds_and_sizes_make_one_film(tmp_path: Path) -> None:
    """Frames with 4:2:0 and with 4:4:4 colour take turns, and a film may have another size than its frames."""
    archive(tmp_path)
    for number in range(14):
        name(tmp_path, number).write_bytes(jpeg(blobs(number), "444" if number % 2 else "420"))
    make(plan_of(range(14)), tmp_path)
    assert who(read(tmp_path / "film").frames, range(14)) == list(range(14))
    make(plan_of(range(14), coding=Coding(WIDTH // 2, HEIGHT // 2, WIDTH, HEIGHT)), tmp_path)
    assert {(picture.width, picture.height) for picture in read(tmp_path / "film").frames} == {(WIDTH // 2, HEIGHT // 2)}
