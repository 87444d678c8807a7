"""From eyes to published frames, with real ledger, archive, darkroom and photos."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from photodiary.align.config import AlignConfig
from photodiary.align.framing import ENOUGH, FIRST_QUIET_S
from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.canvas import apply
from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.photo import Stage
from photodiary.diary.picking import EYES, Marks, score
from photodiary.errors import IllegalMove, StorageTrouble
from photodiary.ledger import deciding, facings, looks, photos, reels

NOW = 1_700_000_000.0


def test_both_eyes_land_on_the_canvas_points(diary, true_eyes) -> None:
    """In every published frame, read back from disk, both dots are within 0.3 px of where the format wants them."""
    digests = [diary.locate(number) for number in range(5)]
    assert diary.finish() == 5
    canvas = AlignConfig("160x200").fixed()
    for number, digest in enumerate(digests):
        row, picture = diary.row(digest), diary.frame(digest)
        assert (row.stage, row.doubtful, row.in_film) == (Stage.ALIGNED, False, True)
        assert picture.shape == (200, 160, 3)
        seen = diary.dots(picture)
        assert seen.distance(EyePair(canvas.left, canvas.right)) < 0.3
        assert row.matrix is not None
        for eye, target in zip(true_eyes(number), (canvas.left, canvas.right), strict=True):
            assert math.dist(apply(row.matrix, eye), target) < 1e-6
    assert diary.frames_on_disk() == {row.frame for row in diary.rows()}
    assert len(diary.frames_on_disk()) == 5
    assert [photo.frame for photo in reels.film_photos(diary.ledger, reels.current_canvas(diary.ledger).id)] == [diary.row(d).frame for d in digests]


def test_nothing_to_do_is_said(diary) -> None:
    """Without located photos a step finds nothing, and it makes each frame once."""
    assert not diary.step()
    diary.locate(1)
    assert [diary.step(), diary.step()] == [True, False]


def test_frames_follow_the_eyes(diary) -> None:
    """New eyes make a new frame under a new name; the old file goes, and the photo has exactly one frame throughout."""
    digest = diary.locate(3)
    diary.finish()
    old = diary.row(digest).frame
    diary.see(digest, EyePair(Point(100.0, 140.0), Point(150.0, 140.0)), by="placed", expected=None)
    assert diary.row(digest).frame == old, "the old frame stays until the new one is there"
    assert diary.finish() == 1
    assert diary.row(digest).frame != old
    assert diary.frames_on_disk() == {diary.row(digest).frame}


def turn(diary, digest, mirrored: bool, turned: int | None) -> None:
    facings.say(diary.ledger, [diary.row(digest)], mirrored, turned, facings.BY, NOW)
    while deciding.heed(diary.ledger, UTC, NOW):
        pass


def test_a_mirrored_frame_shows_the_other_side(diary) -> None:
    """Read back from disk, a mirrored frame is the plain one seen in a mirror, its dots on the canvas points of the other eye; undone, it is the old one."""
    digest = diary.locate(3)
    diary.finish()
    old, plain = diary.row(digest).frame, diary.frame(digest)
    turn(diary, digest, True, None)
    assert diary.row(digest).frame == old, "the old frame stays until the new one is there"
    assert diary.finish() == 1
    mirrored = diary.frame(digest)
    canvas = AlignConfig("160x200").fixed()
    assert diary.dots(mirrored).distance(EyePair(canvas.right, canvas.left)) < 0.3
    assert np.abs(mirrored[:, ::-1].astype(float) - plain).max() < 12
    assert np.abs(mirrored.astype(float) - plain).max() > 100
    (a, b, _), (d, e, _) = diary.row(digest).matrix
    assert a * e - b * d < 0
    assert diary.frames_on_disk() == {diary.row(digest).frame} != {old}
    turn(diary, digest, False, None)
    diary.finish()
    assert diary.frames_on_disk() == {old}
    assert (diary.frame(digest) == plain).all()


def test_a_photo_said_to_stand_on_its_head_is_turned_round(diary) -> None:
    """With eyes that a person placed the frame turns by half a circle; the eyes stay where they are in the original."""
    digest = diary.locate(4, by="placed", expected=None)
    diary.finish()
    plain, eyes = diary.frame(digest), diary.row(digest).sighting.eyes
    turn(diary, digest, False, 180)
    assert diary.finish() == 1
    canvas = AlignConfig("160x200").fixed()
    assert diary.dots(diary.frame(digest)).distance(EyePair(canvas.right, canvas.left)) < 0.3
    assert diary.row(digest).sighting.eyes == eyes
    assert np.abs(diary.frame(digest).astype(float) - plain).max() > 100


def test_which_way_round_stays_when_the_format_changes(diary) -> None:
    """Another picture format makes every frame again, the mirrored one mirrored."""
    digest = diary.locate(3)
    turn(diary, digest, True, None)
    diary.finish()
    diary.config = AlignConfig("120x120")
    diary.finish()
    canvas = AlignConfig("120x120").fixed()
    assert diary.frame(digest).shape == (120, 120, 3)
    assert diary.dots(diary.frame(digest)).distance(EyePair(canvas.right, canvas.left)) < 0.3


def test_a_repeated_step_changes_nothing(diary) -> None:
    """Making the same frame again, as after a crash between file and ledger, ends with the same single file."""
    digest = diary.locate(2)
    diary.finish()
    before, data = diary.row(digest).frame, diary.archive.read(diary.row(digest).frame)
    with diary.ledger.write() as db:
        photos.move(db, diary.row(digest), Stage.LOCATED)
    assert diary.finish() == 1
    assert diary.row(digest).frame == before
    assert diary.archive.read(before) == data
    assert diary.frames_on_disk() == {before}


def test_a_doubtful_photo_stays_a_question(diary) -> None:
    """A photo that a person is asked about gets its frame, is in the film, and is still asked about."""
    digest = diary.locate(1, expected=7.0, doubtful=True)
    diary.finish()
    row = diary.row(digest)
    assert (row.stage, row.doubtful, row.in_film) == (Stage.DOUBTFUL, True, True)
    assert diary.frames_on_disk() == {row.frame}


def test_another_written_format_makes_all_frames_again(diary) -> None:
    """Changing the format in the configuration replaces every frame; meanwhile each photo keeps one."""
    digests = [diary.locate(number) for number in range(4)]
    diary.finish()
    old = diary.frames_on_disk()
    diary.config = AlignConfig("120x120")
    for _ in range(4):
        assert diary.step()
        assert len(diary.frames_on_disk()) == 4
    assert not diary.step()
    assert diary.frames_on_disk().isdisjoint(old)
    assert {diary.frame(d).shape for d in digests} == {(120, 120, 3)}
    assert {row.frame for row in diary.rows()} == diary.frames_on_disk()


def test_refit_makes_all_frames_again(diary) -> None:
    """The user's wish chooses the format anew from all photos, re-makes the frames and removes the old ones."""
    diary.config = AlignConfig()
    diary.locate(0)
    diary.finish()
    first = reels.current_canvas(diary.ledger)
    with diary.ledger.write() as db:  # as if it had been chosen for good from other photos
        db.execute("UPDATE canvases SET frozen = 1, width = 200, height = 240, left_x = 70, right_x = 130, left_y = 90, right_y = 90")
        photos.move(db, diary.rows()[0], Stage.LOCATED)
    diary.finish()
    digests = [row.sha256 for row in diary.rows()] + [diary.locate(number) for number in (1, 2, 3)]
    assert diary.finish() == 3
    old = diary.frames_on_disk()
    words = diary.aligning.refit(NOW)
    assert "chosen from 4 photos" in words
    now = reels.current_canvas(diary.ledger)
    assert now.words == words
    assert (now.canvas.width, now.canvas.height) == (first.canvas.width, first.canvas.height)
    assert diary.finish() == 4
    assert diary.frames_on_disk().isdisjoint(old)
    assert {row.frame for row in diary.rows()} == diary.frames_on_disk()
    for digest in digests:
        assert diary.dots(diary.frame(digest)).distance(EyePair(now.canvas.left, now.canvas.right)) < 0.3


def test_refit_does_not_overrule_the_configuration(diary) -> None:
    """With a format written in the configuration a refit keeps it, and says so instead of making frames for another one."""
    diary.locate(0)
    diary.finish()
    before = diary.row(diary.rows()[0].sha256).frame
    words = diary.aligning.refit(NOW)
    assert "configuration" in words
    assert diary.finish() == 0
    assert diary.row(diary.rows()[0].sha256).frame == before


def test_refit_without_photos_says_so(diary) -> None:
    """There is nothing to choose from, in words."""
    diary.config = AlignConfig()
    assert "no photos" in diary.aligning.refit(NOW)
    assert reels.current_canvas(diary.ledger) is None


def test_a_provisional_format_is_replaced_at_24_photos(diary) -> None:
    """From a few photos a first format; at enough photos nothing is aligned until things are quiet, then it is chosen for good."""
    diary.config = AlignConfig()
    for number in range(3):
        diary.locate(number)
    assert not diary.step(quiet_s=FIRST_QUIET_S - 0.1), "what is arriving is waited for"
    assert diary.finish(quiet_s=FIRST_QUIET_S) == 3
    provisional = reels.current_canvas(diary.ledger)
    assert not provisional.frozen
    for number in range(3, ENOUGH - 1):
        diary.locate(number)
    assert diary.finish(quiet_s=0.0) == ENOUGH - 4, "few enough: more frames in the provisional format"
    diary.locate(ENOUGH - 1)
    assert not diary.step(quiet_s=0.0), "enough: no frame for a format that is about to go"
    assert not diary.step(quiet_s=4.9)
    assert len(diary.frames_on_disk()) == ENOUGH - 1
    assert diary.step(quiet_s=5.0)
    final = reels.current_canvas(diary.ledger)
    assert final.frozen
    diary.finish(quiet_s=5.0)
    assert {row.stage for row in diary.rows()} == {Stage.ALIGNED}
    assert {row.canvas_id for row in diary.rows()} == {final.id}
    assert {row.frame for row in diary.rows()} == diary.frames_on_disk()
    assert len(diary.frames_on_disk()) == ENOUGH
    for number in range(ENOUGH, ENOUGH + 2):
        diary.locate(number)
    assert diary.finish(quiet_s=0.0) == 2, "a format for good does not wait"
    assert reels.current_canvas(diary.ledger) == final


def test_a_photo_that_kills_twice_is_quarantined(diary) -> None:
    """The first death waits and tries again, the second ends it; its frame is not made, the others are."""
    deadly = diary.locate(0)
    reader = diary.darkroom
    diary.darkroom = Darkroom(DarkroomConfig(workers=1, seconds=0.001))
    assert diary.step(NOW)
    assert (diary.row(deadly).stage, diary.row(deadly).deaths) == (Stage.LOCATED, 1)
    assert not diary.step(NOW + 1), "not at once again"
    assert diary.step(NOW + 11)
    diary.darkroom.close()
    row = diary.row(deadly)
    assert (row.stage, row.reason, row.deaths, row.frame) == (Stage.QUARANTINED, "crashed_reader", 2, None)
    assert not diary.step(NOW + 1e6)
    diary.darkroom = reader
    other = diary.locate(1)
    assert diary.finish(NOW + 1e6) == 1
    assert diary.frames_on_disk() == {diary.row(other).frame}


@pytest.fixture
def two_readers(diary) -> Iterator[Darkroom]:
    alone, diary.darkroom = diary.darkroom, Darkroom(DarkroomConfig(workers=2))
    yield diary.darkroom
    diary.darkroom.close()
    diary.darkroom = alone


def backlog(diary, *numbers: int) -> list[str]:
    """Photos of a backlog, with eyes."""
    digests = [diary.locate(number) for number in numbers]
    with diary.ledger.write() as db:
        db.executemany("UPDATE photos SET backlog = 1 WHERE sha256 = ?", [(digest,) for digest in digests])
    return digests


def test_as_many_frames_are_made_at_a_time_as_there_are_readers(diary, two_readers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two readers work on one photo each at the same time, the newest of a backlog first; all end as frames of their own photos."""
    digests = backlog(diary, *range(5))
    together, asked, developed = Barrier(2, timeout=30), [], two_readers.developed

    def met(digest: str, *rest: Any) -> Any:
        asked.append(digest)
        if len(asked) <= 4:
            together.wait()
        return developed(digest, *rest)

    monkeypatch.setattr(two_readers, "developed", met)
    assert diary.finish() == 3
    assert [set(asked[:2]), set(asked[2:4]), asked[4:]] == [set(digests[3:]), set(digests[1:3]), digests[:1]]
    canvas = AlignConfig("160x200").fixed()
    assert all(diary.dots(diary.frame(digest)).distance(EyePair(canvas.left, canvas.right)) < 0.3 for digest in digests)


def test_one_that_arrives_now_does_not_wait_for_a_backlogs(diary, two_readers, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes first, and takes nothing of a backlog along, which would make it wait."""
    old, now = backlog(diary, 0, 1), diary.locate(2)
    asked: list[str] = []
    developed = two_readers.developed
    monkeypatch.setattr(two_readers, "developed", lambda digest, *rest: asked.append(digest) or developed(digest, *rest))
    assert diary.step() and asked == [now]
    assert diary.step() and set(asked[1:]) == set(old)


@pytest.mark.parametrize("trouble", [StorageTrouble("the disk is full"), IllegalMove("somebody moved it")])
def test_trouble_with_one_frame_loses_no_other(diary, two_readers, monkeypatch: pytest.MonkeyPatch, trouble: Exception) -> None:
    """A frame that finds no room is tried again in its time; the one that was made beside it is published, and the step counts as work."""
    digests, publish = backlog(diary, 0, 1), diary.archive.publish
    monkeypatch.setattr(type(diary.archive), "publish", lambda self, path, data: refuse(trouble) if digests[1][:8] in path else publish(path, data))
    assert diary.step()
    assert [diary.row(digest).stage for digest in digests] == [Stage.ALIGNED, Stage.LOCATED]
    monkeypatch.undo()
    assert diary.finish(NOW + 1e6) == 1 and diary.row(digests[1]).stage is Stage.ALIGNED


def test_trouble_with_all_frames_is_told(diary, two_readers, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop hears of it, waits, and says so in `status`."""
    backlog(diary, 0, 1)
    monkeypatch.setattr(type(diary.archive), "publish", lambda self, path, data: refuse(StorageTrouble("the disk is full")))
    with pytest.raises(StorageTrouble, match="full"):
        diary.step()


@pytest.mark.parametrize("where", ["developed", "publish"])
def test_what_nobody_foresaw_is_told_once_the_others_are_published(diary, two_readers, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """A mistake of ours, or of the system's, with one photo costs the one beside it nothing, and is no secret."""
    digests, publish, developed = backlog(diary, 0, 1), diary.archive.publish, two_readers.developed
    if where == "developed":
        monkeypatch.setattr(
            two_readers, "developed", lambda digest, *rest: refuse(OSError("too many open files")) if digest == digests[0] else developed(digest, *rest)
        )
    else:
        refused = OSError("too many open files")
        monkeypatch.setattr(type(diary.archive), "publish", lambda self, path, data: refuse(refused) if digests[0][:8] in path else publish(path, data))
    with pytest.raises(OSError, match="too many"):
        diary.step()
    assert [diary.row(digest).stage for digest in digests] == [Stage.LOCATED, Stage.ALIGNED]


def refuse(error: Exception) -> Any:
    raise error


def test_it_says_whether_frames_are_made(diary) -> None:
    """Not before there is a format, and not while one that was chosen from a few photos is about to be replaced."""
    diary.config = AlignConfig("auto")
    assert not diary.aligning.makes_frames()
    for number in range(ENOUGH - 1):
        diary.locate(number)
    assert not diary.aligning.makes_frames()
    assert diary.step() and diary.aligning.makes_frames()
    diary.locate(ENOUGH)
    assert not diary.aligning.makes_frames(), "there are enough for a choice for good"
    assert diary.step() and diary.aligning.makes_frames()


def test_an_original_that_no_longer_decodes_is_quarantined(diary) -> None:
    """A copy that was damaged on disk is told by its reason; nothing is published of it."""
    digest = diary.locate(0)
    path: Path = diary.archive.root / diary.row(digest).original
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)
    diary.darkroom = Darkroom(DarkroomConfig(workers=1))
    assert diary.step()
    diary.darkroom.close()
    assert (diary.row(digest).stage, diary.row(digest).reason) == (Stage.QUARANTINED, "damaged")
    assert diary.frames_on_disk() == set()


def test_eyes_on_one_point_are_no_crash(diary) -> None:
    """A sighting from which no picture can be made ends in quarantine, not in a loop."""
    digest = diary.locate(0)
    diary.see(digest, EyePair(Point(5.0, 5.0), Point(5.0, 5.0)))
    assert diary.step()
    assert diary.row(digest).stage is Stage.QUARANTINED


def test_what_a_photo_does_not_cover_is_filled(diary) -> None:
    """A face at the edge makes a frame without black corners."""
    digest = diary.locate(0)
    diary.see(digest, EyePair(Point(12.0, 20.0), Point(70.0, 24.0)))
    diary.finish()
    assert diary.frame(digest).min() > 60


def test_what_a_frame_cost_is_counted(diary) -> None:
    """The seconds that earlier steps noted for a photo are used up by its log line, so the list does not grow."""
    digest = diary.locate(0)
    spent = {digest: 1.0}
    assert replace(diary.aligning, spent=spent).step(NOW, 3600.0)
    assert spent == {}
    assert np.isfinite(diary.frame(digest)).all()


def test_frames_come_with_what_they_look_like(diary) -> None:
    """Each frame is measured when it is made, and anew when it is made again; what is stored is of the frame that is there."""
    digest = diary.locate(3, expected=2.0)
    diary.finish()
    assert looks.waiting(diary.ledger) == 0
    first = looked_at(diary, digest)
    assert first["frame"] == diary.row(digest).frame and len(first["eyes"]) == EYES and json.loads(first["tone"])
    marks = Marks(**json.loads(first["marks"]))
    assert first["score"] == score(marks, 2.0).value
    diary.see(digest, EyePair(Point(100.0, 140.0), Point(150.0, 140.0)), by="placed", expected=None)
    diary.finish()
    again = looked_at(diary, digest)
    assert again["frame"] == diary.row(digest).frame != first["frame"]
    assert again["score"] == score(Marks(**json.loads(again["marks"])), None).value, "what a person placed is sure"


def test_older_frames_are_measured_while_nothing_else_waits(diary) -> None:
    """Once each, not while photos arrive; what cannot be read is passed over; they look as they did when they were made."""
    digests = [diary.locate(number) for number in range(4)]
    diary.finish()
    before = looked_at(diary, digests[0])
    with diary.ledger.write() as db:
        db.execute("DELETE FROM looks")
    (diary.archive.root / diary.row(digests[2]).frame).write_bytes(b"no frame")
    aligning = diary.aligning
    assert not aligning.step(NOW, 0.0) and looks.waiting(diary.ledger) == 4
    assert aligning.step(NOW, 3600.0)
    assert not aligning.step(NOW, 3600.0) and not aligning.step(NOW, 3600.0)
    assert [one.sha256 for one in looks.lacking(diary.ledger, 10)] == [digests[2]]
    after = looked_at(diary, digests[0])
    assert after["frame"] == before["frame"] and abs(after["score"] - before["score"]) < 0.3


def looked_at(diary, digest) -> dict[str, object]:
    with diary.ledger.read() as db:
        return dict(db.execute("SELECT l.* FROM looks l JOIN photos p ON p.id = l.photo_id WHERE p.sha256 = ?", (digest,)).fetchone())
