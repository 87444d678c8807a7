"""Promise: power loss.  The order of what a real scan does to the disk, as the recording file layer of effects.py saw it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.promises.switch import Switch

SWITCHES = (
    Switch("fsync of a file before its rename", "test_originals_are_durable_before_their_rows test_frames_are_durable_before_their_rows", "archive/store.py",
           "os.fsync(handle.fileno())", "pass"),
    Switch("fsync of the folder after the rename", "test_originals_are_durable_before_their_rows test_frames_are_durable_before_their_rows", "archive/store.py",
           "            beside.rename(target)\n            sync_folder(target.parent)", "            beside.rename(target)"),
    Switch("fsync of a new folder's name", "test_originals_are_durable_before_their_rows test_frames_are_durable_before_their_rows", "archive/store.py",
           "sync_folder(target.parent.parent)", "pass"),
    Switch("fsync of the archive's own folder", "test_the_folders_themselves_are_durable_before_the_first_row", "archive/store.py",
           "sync_folder(self.root)", "pass"),
    Switch("fsync of the film", "test_the_film_is_durable_before_its_row", "render/film.py", "os.fsync(written.fileno())", "pass"),
    Switch("fsync of films/ after the rename", "test_the_film_is_durable_before_its_row", "archive/store.py",
           "            temporary.rename(target)\n            sync_folder(target.parent)", "            temporary.rename(target)"),
    Switch("commits that wait for the disk", "test_every_commit_waits_for_the_disk", "ledger/store.py", "PRAGMA synchronous=FULL", "PRAGMA synchronous=NORMAL"),
)  # fmt: skip

PHOTOS = 2  # of the first story of faults.py


@pytest.fixture(scope="module")
def journal() -> list[str]:
    driver = Path(__file__).with_name("faults.py")
    done = subprocess.run([sys.executable, str(driver), "--journal"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def about(journal: list[str], folder: str, commit: str) -> list[str]:
    return [line for line in journal if folder in line.replace("/", " ").split() or line == commit]


def published(folder: str) -> list[str]:
    return [
        f"open {folder}/temporary", f"write {folder}/temporary", f"fsync {folder}/temporary",
        f"rename {folder}/temporary -> {folder}/file", f"fsync folder/{folder}",
    ]  # fmt: skip


def begun(folder: str) -> list[str]:
    """With the first file the folder of its year is made, whose name is durable before anything is in it."""
    return [f"mkdir {folder}/file", f"fsync folder/{folder}"]


def test_originals_are_durable_before_their_rows(journal: list[str]) -> None:
    """The bytes of an original are fsynced under another name, it is renamed, its folder is fsynced; only then its row is committed."""
    row = "commit photos.insert_or_name"
    seen = about(journal, "originals", row)
    spare = [place for place, line in enumerate(seen) if line == row and (place == 0 or seen[place - 1] == row)]
    assert len(spare) == 1, "the file that is no photo has a row and no original"
    del seen[spare[0]]
    assert seen == ["mkdir originals", *begun("originals"), *[*published("originals"), row] * PHOTOS]


def test_frames_are_durable_before_their_rows(journal: list[str]) -> None:
    """The same for frames."""
    row = "commit reels.publish_frame"
    assert about(journal, "frames", row) == ["mkdir frames", *begun("frames"), *[*published("frames"), row] * PHOTOS]


def test_the_folders_themselves_are_durable_before_the_first_row(journal: list[str]) -> None:
    """What a first start makes is durable in the archive before the database knows of anything."""
    made = [journal.index(f"mkdir {folder}") for folder in ("originals", "frames", "films", "segments", "work")]
    assert max(made) < journal.index("fsync folder") < min(place for place, line in enumerate(journal) if line.startswith("commit"))


def test_segments_are_durable_before_a_film_is_made_of_them(journal: list[str]) -> None:
    """A segment is fsynced under another name and its folder after the rename, in the child, before the film is: what is found later is whole."""
    child = "the film's child: "
    seen = [line.removeprefix(child) for line in journal if line.startswith(child) and "encode" not in line]
    film = ["fsync work/temporary", "verify"]
    assert seen == [*published("segments"), *film] * (len(seen) // 7) and seen


def test_the_film_is_durable_before_its_row(journal: list[str]) -> None:
    """A film is whole and fsynced where it was made, read back, renamed onto the old one, its folder fsynced; then its row is committed."""
    steps = [
        "the film's child: fsync work/temporary", "the film's child: verify", "rename work/temporary -> films/latest.mp4", "fsync folder/films",
        "commit reels.publish_reel",
    ]  # fmt: skip
    seen = [line for line in journal if line in steps]
    assert seen[: len(steps)] == steps
    assert set(seen[len(steps) :]) <= {steps[-1]}, "a film that shows the same again is only noted"


def test_every_commit_waits_for_the_disk(journal: list[str]) -> None:
    """Each commit was made with synchronous=FULL."""
    assert [line for line in journal if "careless" in line] == []
    assert sum(line.startswith("commit ") for line in journal) > 10
