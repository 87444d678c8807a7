"""What lies in an archive is told as it is; rooms are their process's until it is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from photodiary.archive import health
from photodiary.archive.store import Archive, in_use
from photodiary.diary.photo import digest_of


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path / "archive")
    made.prepare()
    return made


def test_files_are_told_with_what_they_are(archive: Archive) -> None:
    """Everything but the tag is told; temporaries, and all in work/, are told as such."""
    archive.publish("originals/2024/a.jpg", b"a")
    for path in ("frames/.tmp-1", "work/b.mp4"):
        (archive.root / path).write_bytes(b"b")
    assert {file.path: file.temporary for file in health.files(archive)} == {"originals/2024/a.jpg": False, "frames/.tmp-1": True, "work/b.mp4": True}
    assert health.digest_of_file(archive, "originals/2024/a.jpg") == digest_of(b"a")
    with pytest.raises(OSError, match="No such file"):
        health.digest_of_file(archive, "originals/b.jpg")


def test_a_room_is_kept_while_its_process_lives(archive: Archive) -> None:
    """Nobody sweeps or tells of a room in use, also of another process; it is gone afterwards."""
    with archive.room() as room:
        (room / "ledger.sqlite3").write_bytes(b"x")
        asked = f"import sys; sys.path.insert(0, {str(Path(health.__file__).parents[2])!r})\n"
        asked += f"from pathlib import Path\nfrom photodiary.archive.store import Archive\nprint(Archive(Path({str(archive.root)!r})).sweep(set()))"
        swept = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60).stdout
        assert swept == "[]\n" and in_use(room) and list(health.files(archive)) == []
    assert not room.exists() and not in_use(room)


def test_a_room_that_was_left_is_swept(archive: Archive) -> None:
    """A database copied for a backup that died may know of a forgotten photo: it goes at the next start, and whenever a photo is erased."""
    for sweep in (lambda: archive.sweep(set()), lambda: archive.erase(digest_of(b"a"))):
        left = archive.root / "work/.tmp-left"
        left.mkdir()
        (left / "ledger.sqlite3").write_bytes(b"x")
        assert [file.path for file in health.files(archive)] == ["work/.tmp-left/ledger.sqlite3"]
        sweep()
        assert os.listdir(archive.root / "work") == ["CACHEDIR.TAG"]
