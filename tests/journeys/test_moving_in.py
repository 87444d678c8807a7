"""Moving in: a Google Takeout, an Immich server that is left in the middle, a folder twice; with the dots locator."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.support.daemon import Diary
from tests.support.dots import eyes_of, jpeg, photo, picture
from tests.support.immich import KEY, Asset, Immich
from tests.support.takeout import folder, sidecar, zipped

DAY_S = 86_400
FIRST = 1_709_280_000  # 1 March 2024, 9:00 in Berlin


def undated(number: int) -> bytes:
    return jpeg(picture(eyes_of(number), seed=number), None)


@pytest.fixture
def immich() -> Iterator[Immich]:
    made = Immich()
    yield made
    made.close()


def dates(diary: Diary) -> dict[str, tuple[str, str]]:
    return {found["names"][0]: (found["taken_at"], found["taken_from"]) for found in diary.photos()}


def spools(diary: Diary) -> list[Path]:
    """What an import has left in the work folder; the film that the daemon makes just now is none of it."""
    return [path for path in (diary.archive / "work").rglob("*") if path.name != "CACHEDIR.TAG" and path.suffix != ".mp4"]


def test_a_takeout_moves_in(diary: Diary, tmp_path: Path) -> None:
    """Folder and zip together, without a daemon: dates from sidecars across parts, an edited photo, the bin, albums; again brings nothing, and a corrected
    date of a later export is heard."""
    files = {
        "Photos from 2024/a.jpg": undated(0), "Photos from 2024/a-edited.jpg": undated(10), "Photos from 2024/b.jpg": photo(1),
        "Photos from 2024/c.jpg": photo(2), "Photos from 2024/film.mp4": b"film", "Trip/b.jpg": photo(1), "Bin/gone.jpg": photo(7),
    }  # fmt: skip
    sidecars = {
        "Photos from 2024/a.jpg.supplemental-metadata.json": sidecar(FIRST),
        "Photos from 2024/b.jpg.supplemental-metadata.json": sidecar(FIRST + DAY_S),  # as the camera says, but for the hour
        "Photos from 2024/c.jpg.supplemental-metadata.json": sidecar(FIRST + 30 * DAY_S),  # corrected there
        "Bin/gone.jpg.json": sidecar(FIRST, trashed=True),
    }
    parts = [str(folder(tmp_path / "unpacked", files)), str(zipped(tmp_path / "takeout-002.zip", sidecars))]
    dry = diary.ask("import", "--takeout", "--dry-run", *parts)
    assert "6 photos" not in dry.stdout and "5 photos" in dry.stdout and "1 would not be brought: in the bin there" in dry.stdout, dry.stdout
    done = diary.call("import", "--takeout", *parts)
    assert done.returncode == 0, done.stderr
    assert "5 files looked at: 4 new photos, 1 known already" in done.stdout and "1 not brought: videos" in done.stdout
    assert dates(diary) == {
        "Photos from 2024/a.jpg": ("2024-03-01T09:00:00", "takeout"), "Photos from 2024/a-edited.jpg": ("2024-03-01T09:00:00", "takeout"),
        "Photos from 2024/b.jpg": ("2024-03-02T08:30:00", "exif"), "Photos from 2024/c.jpg": ("2024-03-31T10:00:00", "takeout"),
    }  # fmt: skip
    why = diary.ask("photos", "why", "2024-03-31").stdout
    assert "31 March 2024 10:00:00, as Google Photos knew it (from the Takeout export)" in why
    assert diary.me()["reel"]["frames"] == 4
    corrected = zipped(tmp_path / "takeout-003.zip", {**sidecars, **files, "Photos from 2024/a.jpg.supplemental-metadata.json": sidecar(FIRST - DAY_S)})
    again = diary.call("import", "--takeout", parts[0], str(corrected))
    assert "0 new photos" in again.stdout, again.stdout
    assert dates(diary)["Photos from 2024/a.jpg"] == ("2024-02-29T09:00:00", "takeout")


def test_an_immich_moves_in_beside_the_daemon_and_goes_on_after_a_kill(diary: Diary, immich: Immich, tmp_path: Path) -> None:
    """The importing verb is killed in the middle: what it had brought is there, the next call downloads only the rest, nothing is left in work/, and the
    key stands nowhere in the archive, the log or the process table."""
    for number in range(80):
        immich.add(Asset(undated(number) if number == 50 else photo(number), f"IMG_{number}.jpg", f"2024-07-{1 + number % 28:02}T08:30:00.000Z"))
    immich.seconds = 0.03
    key = tmp_path / "key"
    key.write_text(f"{KEY}\n")
    key.chmod(0o600)
    diary.start()
    diary.until(lambda s: s["running"], "running")
    command = ["import", "--immich", immich.url, "--key-file", str(key), "--config", str(diary.config)]
    verb = subprocess.Popen([*diary.command, *command], env=diary.environment, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while len(immich.downloads()) < 68 and time.monotonic() < end:
        time.sleep(0.02)
    assert KEY not in Path(f"/proc/{verb.pid}/cmdline").read_text()
    verb.send_signal(signal.SIGKILL)
    verb.communicate()
    before = len(immich.downloads())
    assert before < 80
    diary.until(lambda s: s["photos"]["total"] == 64, "the first batch is in")  # what was handed over is taken in, whoever is dead
    immich.seconds = 0.0
    done = diary.call(*command[:-2])
    assert done.returncode == 0, done.stderr
    fetched = immich.downloads()
    assert len(fetched) - before == 16 and set(fetched[before:]).isdisjoint(fetched[:64])
    assert "80 files looked at: 16 new photos, 64 known already" in done.stdout
    assert dates(diary)["IMG_50.jpg"] == ("2024-07-23T08:30:00", "immich"), "no date in the photo"
    assert diary.me()["photos"]["aligned"] == 80
    assert "0 new photos, 80 known already" in diary.call(*command[:-2]).stdout and len(immich.downloads()) == len(fetched)
    assert spools(diary) == []
    assert diary.stop() == 0
    assert KEY not in diary.told() + done.stderr + done.stdout
    assert not [path for path in diary.folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_an_interrupted_import_says_how_to_go_on(diary: Diary, immich: Immich, tmp_path: Path) -> None:
    """Ctrl-C: what is here is taken in, 130, and the sentence; a wrong key, and options that do not go together, exit 64."""
    for number in range(80):
        immich.add(Asset(photo(number), f"IMG_{number}.jpg"))
    immich.seconds = 0.05
    environment = {**diary.environment, "IMMICH_API_KEY": KEY}
    command = [*diary.command, "import", "--immich", immich.url, "--config", str(diary.config)]
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # what runs in the background of a shell was started deaf to it
    verb = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    end = time.monotonic() + 60
    while len(immich.downloads()) < 10 and time.monotonic() < end:
        time.sleep(0.02)
    verb.send_signal(signal.SIGINT)
    _, said = verb.communicate(timeout=60)
    assert verb.returncode == 130, said
    told = re.search(r"interrupted: (\d+) of 80 photos are done with; the same command goes on where it stopped", said)
    assert told and 9 <= int(told[1]) <= 79, said
    with sqlite3.connect(diary.archive / "ledger.sqlite3") as db:
        assert db.execute("SELECT count(*) FROM brought").fetchone()[0] == int(told[1])
    db.close()
    assert spools(diary) == []
    (diary.folder / "x.zip").write_bytes(b"")
    (tmp_path / "key").write_text("W" * 40)
    wrong = diary.ask("import", "--immich", immich.url, "--key-file", str(tmp_path / "key"))
    assert wrong.returncode == 64 and "does not know this key" in wrong.stderr and "W" * 40 not in wrong.stderr
    assert "others on this machine can read" in wrong.stderr or os.umask(0o022) == 0o077
    for arguments in (["--immich", immich.url, "x.jpg"], ["--album", "x", "x.jpg"], [], ["--takeout", "--labels", "x.csv"], [str(diary.folder / "x.zip")]):
        assert diary.ask("import", *arguments).returncode == 64


def test_a_folder_is_brought_once(diary: Diary, tmp_path: Path) -> None:
    """The second time nothing is read and no model loaded; what was added is; `--full` reads all; GIFs, videos and texts are counted, not taken in."""
    old = tmp_path / "old"
    old.mkdir()
    for number in range(3):
        (old / f"{number}.jpg").write_bytes(photo(number))
    for name in ("a.gif", "b.mp4", "c.txt", "0.jpg.json"):
        (old / name).write_bytes(b"nothing")
    first = diary.call("import", str(old))
    assert "3 new photos" in first.stdout and "1 not brought: videos" in first.stdout and "1 not brought: files that are no photos" in first.stdout
    assert "has 1 JSON files of a Google Takeout; with --takeout the dates in them are heeded" in first.stderr
    began = time.monotonic()
    second = diary.ask("import", str(old))  # by a process that could load no locator but the real one
    assert "0 new photos, 3 known already" in second.stdout and second.returncode == 0, second.stderr
    assert time.monotonic() - began < 20
    dry = diary.ask("import", "--dry-run", str(old))
    assert "3 of them were brought before" in dry.stdout and "nothing new to bring" in dry.stdout
    assert "3 known already" in diary.call("import", "--full", str(old)).stdout
