"""Promise: a person asks to forget a photo.  No byte of it stays but its hash, it does not come back, and what cannot be reached is listed.

Single steps of it are held where they are done: tests/journeys/test_decisions.py, tests/ledger/test_forgetting.py, tests/run/test_backup.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journeys.test_decisions import NAME, SECRET, frame_of, marks_of, name_of, shows, traces
from tests.promises.switch import Switch
from tests.support.daemon import QUICK, Diary
from tests.support.dots import drop, photo

from photodiary.diary.photo import digest_of
from photodiary.render.segment import unpack

TEST = "test_no_byte_of_a_forgotten_photo_is_left_and_it_does_not_come_back"
SWITCHES = (
    Switch("erasing its files", TEST, "run/deciding.py", "archive.erase(digest)", "archive.sweep_rooms()"),
    Switch("emptying the log and writing the database anew", TEST, "ledger/store.py", 'self._db.execute("VACUUM")', "return"),
    Switch("removing older films", TEST, "archive/store.py", "if str(path.relative_to(self.root)) not in keep:", "if not keep:"),
    Switch("removing the segments that show it", TEST, "render/rendering.py", "segments.thin_out(self.archive.root, needed)", "len(needed)"),
    Switch("removing copies of the ledger", TEST, "ledger/store.py", "                    copy.unlink()", "                    copy.stat()"),
    Switch("ignoring it in the inbox", TEST, "inbox/intake.py", "if known is None and forgetting.is_forgotten(self.ledger, digest):", "if False:"),
)


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    diary = Diary(tmp_path / "me")
    yield diary
    diary.close()


def segments_with(diary: Diary, number: int) -> dict[str, bytes]:
    """Bytes of the segment that shows a photo.  As if a process that died had left some of them, they lie there twice."""
    (path,) = (diary.archive / "segments").glob("*.segment")
    pictures = unpack(path.read_bytes())
    assert pictures is not None
    (picture,) = [coded for coded in pictures.coded if coded.place == number]
    (path.parent / ".tmp-of-a-dead-maker").write_bytes(path.read_bytes())
    return {"its picture in a film": picture.data[8:200], "a segment's name": path.stem.encode()}


def test_no_byte_of_a_forgotten_photo_is_left_and_it_does_not_come_back(diary: Diary, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """After `forget`, beside the daemon, neither archive, film, segments nor ledger with its log and copies holds anything of it; a copy in the inbox is
    ignored, a restored older backup honours it, and the phone, the inbox, backups and models are named as out of reach."""
    for number in range(4):
        drop(diary.inbox, name_of(number), photo(number))
    diary.start()
    diary.until_film_of(4)
    backup = tmp_path / "backup"
    assert diary.call("backup", str(backup)).returncode == 0
    frame, marks, digest = frame_of(diary, SECRET), marks_of(diary, SECRET), digest_of(photo(SECRET))
    (diary.archive / "films" / "older.mp4").write_bytes((diary.archive / "films" / "latest.mp4").read_bytes())
    (diary.archive / "ledger-before-4.sqlite3").write_bytes((diary.archive / "ledger.sqlite3").read_bytes())
    marks |= segments_with(diary, SECRET)
    assert shows(diary, frame) == [SECRET]
    assert traces(diary, marks) >= {"name", "EXIF date", "original", "frame", "left eye", "its picture in a film", "a segment's name"}
    done = diary.call("photos", "forget", "--yes", NAME)
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in ("phone", str(diary.inbox), "backups", "models"))
    diary.until_film_of(3)
    assert traces(diary, marks) == set() and shows(diary, frame) == []
    assert not list(diary.archive.glob("ledger-before-*")) and [path.name for path in (diary.archive / "films").iterdir()] == ["latest.mp4"]
    assert digest.encode() in b"".join(path.read_bytes() for path in diary.archive.glob("ledger.sqlite3*")), "its hash alone stays"
    drop(diary.inbox, "again.jpg", photo(SECRET))
    diary.until(lambda s: s["photos"]["forgotten"] >= 1, "the copy is counted as forgotten")
    assert digest not in {row["sha256"] for row in diary.photos()} and traces(diary, marks) == set()
    assert diary.stop() == 0
    second = Diary(tmp_path / "second", config=QUICK)
    request.addfinalizer(second.close)
    done = second.call("restore", str(backup), "--forgotten", str(diary.archive))
    assert done.returncode == 0, done.stderr
    assert second.call("scan", "--once").returncode == 0
    assert second.me()["reel"]["frames"] == 3 and digest not in {row["sha256"] for row in second.photos()}
    assert traces(second, marks) == set() and (diary.inbox / NAME).read_bytes() == photo(SECRET)
