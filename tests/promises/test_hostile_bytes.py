"""Promise: whatever lies in the inbox, a photo may be hostile bytes: the daemon goes on, within its memory, and every file gets an answer."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.promises import corpus
from tests.promises.switch import Switch
from tests.support.daemon import Diary
from tests.support.dots import photo

from photodiary.darkroom import extents
from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.eyes import REASONS
from photodiary.diary.photo import digest_of
from photodiary.errors import Held, Unreadable, WorkerLost

LIMITS = DarkroomConfig(workers=1)
FLAT = 60_000_000  # bytes by which a process that only passes photos on may grow beside the photo itself

SWITCHES = (
    Switch(
        "an answer to whatever goes wrong in a worker",
        "test_every_hostile_file_gets_an_answer",
        "darkroom/worker.py",
        "except Exception as error:  # noqa: BLE001 - whatever",
        "except ZeroDivisionError as error:  # whatever",
    ),
    Switch(
        "the most markers of a JPEG",
        "test_millions_of_tiny_parts_cost_the_daemon_nothing",
        "darkroom/extents.py",
        "for _ in range(MOST_MARKERS):",
        "while True:",
    ),
    Switch(
        "the most parts of a HEIC or AVIF",
        "test_millions_of_tiny_parts_cost_the_daemon_nothing",
        "darkroom/boxes.py",
        "if self._left < 0:",
        "if False:",
    ),
    Switch(
        "the most scans of a JPEG",
        "test_what_keeps_a_decoder_busy_is_refused_or_given_up",
        "darkroom/extents.py",
        "or markers.count(0xDA) > MOST_SCANS",
        "",
    ),
    Switch(
        "one file's trouble is not the others'",
        "test_a_hostile_inbox_is_accounted_for_and_a_good_photo_still_gets_into_the_film",
        "inbox/inbox.py",
        "except (Held, WorkerLost) as error:",
        "except WorkerLost as error:",
    ),
)


@pytest.fixture(scope="module")
def darkroom() -> Iterator[Darkroom]:
    made = Darkroom(LIMITS)
    yield made
    made.close()


def peak(pid: int | str) -> int:
    """The most memory a process has held since the count was last begun, in bytes."""
    return next(int(line.split()[1]) * 1024 for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))


def begin_peak() -> int:
    Path("/proc/self/clear_refs").write_text("5")
    return peak("self")


def worker_of(darkroom: Darkroom) -> int:
    process = darkroom._workers[0]._process
    assert process is not None
    return process.pid


def outcome(darkroom: Darkroom, data: bytes) -> str:
    """read, Held, Unreadable or WorkerLost, the sentence of which is one that a person can be shown."""
    try:
        darkroom.inspect(digest_of(data), data)
    except (Held, Unreadable, WorkerLost) as error:
        sentence = str(error)
        assert 5 < len(sentence) <= 300 and sentence.isprintable(), sentence
        return type(error).__name__
    return "read"


def test_every_hostile_file_gets_an_answer(darkroom: Darkroom) -> None:
    """Hundreds of broken, lying and exploding files through a real worker: read, waited for or refused with a sentence, by one process, within its memory."""
    files = corpus.files()
    assert outcome(darkroom, corpus.base("jpeg")) == "read"
    pid, before = worker_of(darkroom), begin_peak()
    told = {name: outcome(darkroom, data) for name, data in files.items()}
    assert {name for name, what in told.items() if what == "WorkerLost"} == set()
    assert worker_of(darkroom) == pid
    assert peak("self") - before < FLAT
    assert peak(pid) < LIMITS.memory_mb << 20
    assert len(files) > 400
    assert min(sum(what == wanted for what in told.values()) for wanted in ("read", "Held", "Unreadable")) > 50, "the corpus has something of each"
    for name in ("bomb-30000x30000.png", "really-TIFF.jpg", "absurd-grid.heic", "many-scans.jpg", "many-boxes.avif", "iccp-bomb.png", "thin-1x30000.png"):
        assert told[name] == "Unreadable", name
    for name in ("animated.png", "animated.avif", "cmyk.jpg", "16bit.png", "exif-loop.jpg", "icc-noise.jpg", "date-3.jpg", "polyglot-zip.jpg"):
        assert told[name] == "read", name


@settings(max_examples=150, derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(corpus.KINDS), seed=st.integers(0, 2**32), cut=st.one_of(st.none(), st.integers(0, 3000)))
def test_random_damage_gets_an_answer(darkroom: Darkroom, kind: str, seed: int, cut: int | None) -> None:
    """Random damage to a photo of each format: an answer each time, from the same worker."""
    assert outcome(darkroom, corpus.mutated(corpus.base(kind), seed)[:cut]) in {"read", "Held", "Unreadable"}


def test_millions_of_tiny_parts_cost_the_daemon_nothing(darkroom: Darkroom) -> None:
    """What the daemon itself looks at (where a file says that it ends) takes neither memory nor time, however many parts a file has; nor does reading it."""
    for name, data in corpus.swollen().items():
        before, started = begin_peak(), time.monotonic()
        extents.whole(data)
        assert peak("self") - before < FLAT, name
        assert time.monotonic() - started < 5, name  # 0.03 s at most, measured; without limits minutes
        assert outcome(darkroom, data) in {"Held", "Unreadable"}, name


@pytest.mark.timeout(300)
def test_what_keeps_a_decoder_busy_is_refused_or_given_up(darkroom: Darkroom) -> None:
    """Pictures made to take long end by the wall-clock limit, and too many scans are refused before any is read."""
    for name, data in corpus.slow().items():
        started = time.monotonic()
        outcome(darkroom, data)
        assert time.monotonic() - started < 3 * LIMITS.seconds, name
    assert outcome(darkroom, corpus.scan_bomb((1000, 1000), 3000)) == "Unreadable"
    hasty = Darkroom(DarkroomConfig(workers=1, seconds=0.2))
    assert outcome(hasty, corpus.scan_bomb((9_000, 9_000), 99)) == "WorkerLost"  # seconds, on any machine
    hasty.close()


@pytest.fixture(scope="module")
def diary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Diary]:
    """A daemon with the corpus in its inbox, but for four of five of the damaged ones."""
    diary = Diary(tmp_path_factory.mktemp("hostile") / "me")
    for number, (name, data) in enumerate(corpus.files().items()):
        if number % 5 == 0 or not name.startswith(("cut-", "flip-", "mutated-", "icc-", "date-")):
            (diary.inbox / name).write_bytes(data)
    diary.start()
    yield diary
    diary.close()


def rows(diary: Diary, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(f"file:{diary.archive}/ledger.sqlite3?mode=ro", uri=True) as db:
        found = db.execute(query).fetchall()
    db.close()
    return found


def looked_at(diary: Diary) -> set[bytes]:
    return {bytes(row[0]) for row in rows(diary, "SELECT path FROM files UNION SELECT path FROM arrivals")}  # type: ignore[call-overload]


def seen(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode) for path in folder.iterdir()}


def frames(diary: Diary, photo_name: str) -> int:
    return len(rows(diary, f"SELECT 1 FROM photos JOIN names ON photos.id = photo_id WHERE name = CAST('{photo_name}' AS BLOB) AND frame IS NOT NULL"))


def wait_for_frame(diary: Diary, name: str, seconds: float = 90) -> None:
    """Wait until a photo has its frame and the newest film shows it."""
    diary.until(lambda s: bool(frames(diary, name)) and s["reel"] is not None and s["reel"]["frames"] == s["photos"]["in_film"], f"{name} in the film", seconds)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_hostile_inbox_is_accounted_for_and_a_good_photo_still_gets_into_the_film(diary: Diary) -> None:
    """The whole corpus in the inbox of a real daemon: each file is a row, set aside with a reason or held; none is touched; the next photo is shown."""
    before, pid = seen(diary.inbox), diary.pid
    names = {os.fsencode(name) for name in before}
    diary.until(lambda _: looked_at(diary) >= names, "every file looked at", 200)
    reasons = rows(diary, "SELECT reason, original FROM photos WHERE stage = 'quarantined'")
    assert len(reasons) > 100
    assert {reason for reason, _ in reasons} <= {"damaged", "not_a_photo", "too_large"} <= REASONS.keys()
    assert all(row[0] for row in rows(diary, "SELECT reason FROM arrivals"))
    assert "Traceback" not in diary.told() and "unexpected error" not in diary.told()
    (diary.inbox / "good.jpg").write_bytes(photo(40))
    wait_for_frame(diary, "good.jpg")
    after = seen(diary.inbox)
    assert after.pop("good.jpg")[0] == photo(40)
    assert after == before
    assert diary.pid == pid and Path(f"/proc/{pid}").exists()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_bomb_of_megabytes_leaves_the_daemon_within_its_memory(diary: Diary) -> None:
    """Real bombs within the limits, hundreds of megabytes once decoded, cost only their worker memory, and the next photo is soon in the film."""
    diary.until_told("watches")
    resting = peak(diary.pid)
    for kind in ("PNG", "JPEG", "AVIF"):
        (diary.inbox / f"full.{kind.lower()}").write_bytes(corpus.full_bomb(kind))
    diary.until(lambda _: looked_at(diary) >= {b"full.png", b"full.jpeg", b"full.avif"}, "the bombs looked at", 120)
    (diary.inbox / "after.jpg").write_bytes(photo(41))
    wait_for_frame(diary, "after.jpg")
    assert peak(diary.pid) - resting < 2 * FLAT
    workers = [int(child) for task in Path(f"/proc/{diary.pid}/task").iterdir() for child in (task / "children").read_text().split()]
    workers = [child for child in workers if b"darkroom.worker" in Path(f"/proc/{child}/cmdline").read_bytes()]
    assert workers and max(peak(worker) for worker in workers) < LIMITS.memory_mb << 20
    assert diary.stop() == 0
