"""Fault injection: a real scan is broken at one effect after the other, run again, and must end in the state of an undisturbed one.

    python tests/promises/faults.py [--all] [--jobs N] [--only WORDS] [--keep FOLDER] | --journal

Two stories: a first scan into an empty archive, and a scan that adds photos to a diary whose film is of yesterday.  An undisturbed run of each tells which
effects there are (effects.py).  Then, for each effect, a run in which the process dies right before or right after it, in which the disk is full at it once, or
in which every effect from it on fails; and an undisturbed run after that.  Without --all each kind and place of effect has its turn once, the ways in rotation.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [path for path in (str(ROOT), str(ROOT / "service")) if path not in sys.path]

from tests.promises.effects import KILLED, WAYS, Layer, Point  # noqa: E402

CONFIG = """
[diary.me]
inbox = "inbox"
archive = "archive"
[inbox]
wait_until_unchanged = 0.5
[darkroom]
workers = 1
[film]
preset = "ultrafast"
[align]
canvas = "96x96 eyes 30% apart at 44%"
"""
IN_CHILD = "FAULTS_IN_RENDERING_CHILD"  # not PHOTODIARY_..., which the service would refuse as a misspelt setting
FILM = "the film's child: "
LONGEST_S = 120
A_DAY = 86_400


def scan(folder: Path, point: Point | None) -> int:
    """`photodiary scan --once` in a process of its own, forked from this one, with the layer around it.  Returns its exit status."""
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            log = os.open(folder / "told", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            journal = folder / "journal"
            told = {"root": str(folder / "archive"), "journal": str(journal), "point": None if point is None else asdict(point)}
            os.environ[IN_CHILD] = json.dumps(told)
            _impatient()
            from photodiary import cli

            Layer(folder / "archive", journal, point).stand()
            status = cli.main(["scan", "--once", "--config", str(folder / "config.toml")])
        except SystemExit as error:
            status = int(error.code or 0)
        except BaseException:  # noqa: BLE001 - a surprise is found in what the run told
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return -1


def _impatient() -> None:
    """Waits between tries are made short; how often something is tried is left alone."""
    from tests.support.dots import DotLocator

    from photodiary.ledger import photos
    from photodiary.run import loop, models, once

    loop.TROUBLE_SLEEP_S, once.PATIENCE_S, once.POLL_S = 0.05, 1.0, 0.05
    photos.retry_wait = lambda tries: 0.05
    models.resident = lambda config, state="": DotLocator()


def in_rendering_child() -> None:
    """The child that makes the film has effects of its own: each photo encoded, each segment published, the film's fsync, the checking."""
    told = json.loads(os.environ[IN_CHILD])
    point = None if told["point"] is None else Point(**told["point"])
    layer = Layer(Path(told["root"]), Path(told["journal"]), point, FILM)
    for name in ("fsync", "unlink"):
        layer._on_one(name)
    layer._on_two("rename")
    layer._on_open()
    from photodiary.render import making

    encode, verify = making.encode, making.verify

    def fail(code: int) -> BaseException:
        return OSError(code, os.strerror(code))

    def encoding(segment: Any, picture: Any, blend: Any, progress: Any) -> Any:
        return encode(segment, picture, blend, lambda: layer.effect("encode", progress, fail))

    making.encode = encoding
    making.verify = lambda target, plan: layer.effect("verify", lambda: verify(target, plan), fail)


# -- the stories -------------------------------------------------------------------------------------------------------------------


def empty(folder: Path) -> None:
    """Two photos, and a file that is none, wait for the first scan."""
    from tests.support.dots import photo

    (folder / "inbox").mkdir(parents=True)
    (folder / "config.toml").write_text(CONFIG)
    for number in (1, 2):
        (folder / "inbox" / f"{number}.jpg").write_bytes(photo(number))
    (folder / "inbox" / "note.jpg").write_bytes(b"dear diary")


def grown(folder: Path) -> None:
    """A diary of two photos and yesterday's film, and a third photo; a frame of the first was lost."""
    from tests.support.dots import photo

    empty(folder)
    if scan(folder, None) != 0:
        raise RuntimeError((folder / "told").read_text())
    (folder / "inbox" / "3.jpg").write_bytes(photo(3))
    with closing(sqlite3.connect(folder / "archive/ledger.sqlite3")) as db, db:
        db.execute("UPDATE reels SET rendered_at = rendered_at - ?", (A_DAY,))
        db.execute("UPDATE photos SET framed_at = framed_at - ?", (A_DAY,))
    film = folder / "archive/films/latest.mp4"
    os.utime(film, (film.stat().st_mtime - A_DAY,) * 2)
    (folder / "archive/films/2020-01-01.mp4").write_bytes(b"an old film")
    (folder / "archive/films/2020-01-02.mp4").write_bytes(b"another")
    (folder / "journal").unlink()


STORIES = {"first scan": empty, "grown": grown}


def end_state(folder: Path) -> dict[str, Any]:
    """All that lasts, without times: rows, what was said, files with their SHA-256, the film as it decodes."""
    import av

    from photodiary.run.status import list_photos

    archive = folder / "archive"
    files = {}
    for path in sorted(archive.rglob("*")):
        if path.is_file() and not path.name.startswith(("ledger.sqlite3", "ledger.lock", "daemon.lock")):
            name = str(path.relative_to(archive))
            files["films/yesterday.mp4" if name.startswith("films/2") and not name.startswith("films/2020") else name] = _sha(path)
    with closing(sqlite3.connect(archive / "ledger.sqlite3")) as db:
        rows = {
            table: sorted(map(str, db.execute(f"SELECT {columns} FROM {table}")))
            for table, columns in (
                ("names JOIN photos ON photos.id = photo_id", "sha256, name"), ("files JOIN photos ON photos.id = photo_id", "sha256, path"),
                ("arrivals", "path"), ("sightings JOIN photos ON photos.id = photo_id", "sha256, by, left_x, right_y"), ("canvases", "words"),
            )
        }  # fmt: skip
        rows["film"] = list(map(str, db.execute("SELECT frames, fingerprint, bytes, sha256 FROM reels ORDER BY id DESC LIMIT 1")))
        rows["sound"] = list(map(str, db.execute("PRAGMA integrity_check")))
    with av.open(str(archive / "films/latest.mp4")) as film:
        shown = [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest() for frame in film.decode(video=0)]
    photos = sorted(list_photos(archive), key=lambda photo: photo["sha256"])
    return {"photos": photos, "rows": rows, "files": files, "film": shown}


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# -- one fault after the other -----------------------------------------------------------------------------------------------------


def effects_of(journal: Path) -> Counter[str]:
    return Counter(journal.read_text().splitlines())


def points(effects: Counter[str], every: bool, turn: int, done: set[str]) -> list[Point]:
    """All, or each kind and place once that an earlier story has not done, the ways in rotation."""
    if every:
        return [Point(label, number + 1, way) for label, times in sorted(effects.items()) for number in range(times) for way in WAYS]
    fresh = [item for item in sorted(effects.items()) if item[0] not in done]
    return [Point(label, (times + 1) // 2, WAYS[(turn + number) % len(WAYS)]) for number, (label, times) in enumerate(fresh)]


def disturbed(start: Path, point: Point, wanted: dict[str, Any], folder: Path) -> str:
    """The story with one fault, then once more without.  Returns what is wrong, or how it went in brackets."""
    shutil.copytree(start, folder, symlinks=True)
    status = scan(folder, point)
    effects = effects_of(folder / "journal")
    if effects[point.label] < point.occurrence:
        return "[not reached]" if status == 0 else f"exit status {status} though nothing happened"
    own = not point.label.startswith(FILM)
    if status not in ((KILLED,) if own and point.way.startswith("kill") else (0, 75)):
        return f"exit status {status} of the disturbed run"
    status = scan(folder, None)
    if status != 0:
        return f"exit status {status} of the run after it"
    found = end_state(folder)
    differ = [key for key in wanted if found[key] != wanted[key]]
    told = (folder / "told").read_text()
    if "Traceback" in told or "unexpected error" in told:
        return "a surprise in the log"
    return f"not the same end state: {differ}: {[*map(str, differing(found, wanted))]}" if differ else "[same]"


def differing(found: dict[str, Any], wanted: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Which entries are not the same, for people."""
    for key in wanted:
        one, other = found[key], wanted[key]
        if isinstance(one, dict):
            yield from ((f"{key} {name}", one.get(name), other.get(name)) for name in one.keys() | other.keys() if one.get(name) != other.get(name))
        elif one != other:
            yield key, one, other


def main() -> int:
    """Exit status 1 when a run did not end as the undisturbed one did."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="every effect in every way")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)) + 1)
    parser.add_argument("--only", default="", help="points whose words contain this")
    parser.add_argument("--journal", action="store_true", help="only print the effects of an undisturbed first scan, in their order")
    parser.add_argument("--keep", type=Path, help="a folder for the diaries of failing runs")
    options = parser.parse_args()
    began = time.monotonic()
    for heavy in ("photodiary.run.once", "photodiary.run.verbs", "tests.support.dots"):
        importlib.import_module(heavy)  # before the first fork

    base = Path(tempfile.mkdtemp(prefix="photodiary-faults-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    try:
        jobs: list[tuple[str, Point, dict[str, Any]]] = []
        done: set[str] = set()
        for turn, (name, prepare) in enumerate(STORIES.items()):
            prepare(base / name)
            shutil.copytree(base / name, base / f"{name} undisturbed")
            if (status := scan(base / f"{name} undisturbed", None)) != 0:
                print(f"{name}: exit status {status} undisturbed\n{(base / f'{name} undisturbed' / 'told').read_text()}")
                return 1
            if options.journal:
                print((base / f"{name} undisturbed" / "journal").read_text(), end="")
                return 0
            effects = effects_of(base / f"{name} undisturbed" / "journal")
            wanted = end_state_of(base / f"{name} undisturbed")
            chosen = [point for point in points(effects, options.all, turn, done) if options.only in f"{name} {point}"]
            done |= effects.keys()
            print(f"{name}: {effects.total()} effects of {len(effects)} kinds and places, {len(chosen)} faults", flush=True)
            jobs += [(name, point, wanted) for point in chosen]
        bad, outcomes = 0, Counter[str]()
        for (name, point, _), said in run_all(base, jobs, options.jobs):
            outcomes[said if said.startswith("[") else "BAD"] += 1
            if not said.startswith("["):
                bad += 1
                print(f"BAD {name}, {point}: {said}", flush=True)
                if options.keep is not None:
                    shutil.copytree(base / _folder(name, point), options.keep / _folder(name, point), dirs_exist_ok=True)
            shutil.rmtree(base / _folder(name, point), ignore_errors=True)
        print(f"{len(jobs)} faults: {dict(outcomes)}; {time.monotonic() - began:.0f} s")
        return 1 if bad or not jobs else 0
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _folder(name: str, point: Point) -> str:
    return hashlib.sha256(f"{name} {point}".encode()).hexdigest()[:12]


def run_all(base: Path, jobs: list[tuple[str, Point, dict[str, Any]]], at_once: int) -> Any:
    """Each fault in a process forked from this one, several at once; yields what came of them."""
    waiting, running = list(jobs), {}
    while waiting or running:
        while waiting and len(running) < at_once:
            job = waiting.pop(0)
            folder = base / _folder(job[0], job[1])
            pid = os.fork()
            if pid == 0:
                said = "died"
                try:
                    said = disturbed(base / job[0], job[1], job[2], folder)
                except BaseException:  # noqa: BLE001 - told like any other outcome
                    said = traceback.format_exc()
                finally:
                    (base / f"{folder.name}.said").write_text(said)
                    os._exit(0)
            running[pid] = job
        pid, _ = os.wait()
        if pid in running:
            job = running.pop(pid)
            said = base / f"{_folder(job[0], job[1])}.said"
            yield job, said.read_text() if said.exists() else "the process died"


def end_state_of(folder: Path) -> dict[str, Any]:
    """`end_state` in a process of its own: this one stays without PyAV and its threads."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            with os.fdopen(writer, "w") as out:
                json.dump(end_state(folder), out)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as inbox:
        answer: dict[str, Any] = json.load(inbox)
    os.waitpid(pid, 0)
    return answer


if __name__ == "__mp_main__" and IN_CHILD in os.environ:  # the rendering child imports this file again
    in_rendering_child()
if __name__ == "__main__":
    sys.exit(main())
