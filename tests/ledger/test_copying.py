"""A copy of the database is one moment of it, knows nothing of forgotten photos, and takes an empty one's place."""

from __future__ import annotations

from pathlib import Path

import pytest

from photodiary.diary.photo import Stage
from photodiary.errors import StorageTrouble
from photodiary.ledger import copying, forgetting, health, photos, reels
from photodiary.ledger.store import FILE, Ledger

from .conftest import TakeIn


@pytest.fixture
def room(tmp_path: Path) -> Path:
    (tmp_path / "room").mkdir()
    return tmp_path / "room"


def test_a_copy_is_the_database_of_that_moment(ledger: Ledger, take_in: TakeIn, room: Path) -> None:
    """What is committed is in the copy, also when it is still only in the log, and what comes later is not."""
    first = take_in(1)
    copying.take(ledger, room)
    take_in(2)
    copy = Ledger(room)
    assert [row for row, _ in photos.everything(copy)] == [first] and health.problems(copy) == []
    assert copying.said(copy) == {"photos": 1, "corrections": 0, "decisions": 0}
    copy.close()


def test_what_is_to_be_forgotten_is_struck_out(ledger: Ledger, take_in: TakeIn, room: Path) -> None:
    """Neither row nor name nor page of a forgotten photo is left in a copy, only that it is forgotten, for good and done with."""
    here, also, stays = take_in(1), take_in(2), take_in(3)
    forgetting.wish(ledger, [here.sha256], 5.0)
    copying.take(ledger, room)
    copy = Ledger(room)
    copying.strike_forgotten(copy, [also.sha256], 6.0)
    assert copying.originals(copy) == [copying.Kept(stays.sha256, "originals/3.jpg", 1003)]
    assert health.forgotten(copy) == dict.fromkeys((here.sha256, also.sha256), health.Forgotten(True, True, False))
    copy.close()
    data = (room / FILE).read_bytes()
    assert b"IMG_3.jpg" in data and b"IMG_1.jpg" not in data and b"IMG_2.jpg" not in data
    assert health.forgotten(ledger) == {here.sha256: health.Forgotten(False, False, True)}


@pytest.mark.parametrize(
    ("stage", "becomes"), [(Stage.ALIGNED, Stage.LOCATED), (Stage.DOUBTFUL, Stage.LOCATED), (Stage.RECEIVED, Stage.RECEIVED), (Stage.EXCLUDED, Stage.EXCLUDED)]
)
def test_every_frame_is_to_be_made_again(ledger: Ledger, take_in: TakeIn, stage: Stage, becomes: Stage) -> None:
    """Photos with a frame go back to where one is made, those that are left out stay so, and there is no film."""
    take_in(1, stage)
    with ledger.write() as db:
        db.execute("UPDATE photos SET frame = 'frames/1.jpg', framed_at = 3, doubtful = 1")
    reels.publish_reel(ledger, reels.ReelRow("films/latest.mp4", 1, 0.1, "x", 9, 4.0))
    copying.without_frames(ledger)
    [(row, _)] = photos.everything(ledger)
    assert (row.stage, row.frame, row.doubtful) == (becomes, None, True) and reels.newest_reel(ledger) is None


def test_a_doubt_without_a_frame_stays(ledger: Ledger, take_in: TakeIn) -> None:
    """Whoever waits for a person without a frame goes on waiting for the person."""
    take_in(1, Stage.DOUBTFUL)
    copying.without_frames(ledger)
    assert next(photos.everything(ledger))[0].stage is Stage.DOUBTFUL


def test_a_database_takes_the_place_of_an_empty_one(ledger: Ledger, take_in: TakeIn, room: Path, tmp_path: Path) -> None:
    """Nothing of the old one, its log included, shows through the new one."""
    row = take_in(1)
    copying.take(ledger, room)
    Ledger(tmp_path / "new").close()
    (tmp_path / "new" / f"{FILE}-wal").write_bytes(b"old")
    copying.replace(room / FILE, tmp_path / "new")
    new = Ledger(tmp_path / "new")
    assert photos.find(new, row.sha256) == row and not (room / FILE).exists()
    new.close()
    with pytest.raises(StorageTrouble, match="cannot be written"):
        copying.replace(room / FILE, tmp_path / "new")
