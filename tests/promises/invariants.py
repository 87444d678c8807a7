"""What must be true of a diary that has been mistreated, once it has settled."""

from __future__ import annotations

import contextlib
import io
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image
from tests.promises.killer import Killer
from tests.promises.phone import Broken, Phone, look, sha
from tests.support.daemon import Diary

from photodiary.diary.photo import Stage
from photodiary.errors import PhotodiaryError
from photodiary.ledger import reels
from photodiary.ledger.store import FILE, Ledger
from photodiary.run.status import list_photos

SETTLE_S = 300.0  # generous: only a diary that is stuck takes so long


def settle(diary: Diary, phone: Phone, killer: Killer) -> None:
    """Start once more and wait until nothing is on its way."""
    killer.ensure()
    journal, retried, end = killer.journal, 0, time.monotonic() + SETTLE_S
    journal.note("settle", f"{len(phone.must)} photos must be there, {len(phone.may)} may")
    while True:
        killer.ensure()
        waiting = unsettled(diary, phone)
        if not waiting:
            return
        wronged = [row["sha256"] for row in rows_of(diary) if row["stage"] == Stage.QUARANTINED and row["sha256"] in phone.must]
        if wronged and retried < 3:  # we killed two workers over one photo: it counts as dangerous until a person says otherwise
            retried += 1
            done = diary.call("quarantine", "retry", *wronged, timeout=SETTLE_S)
            journal.note("retry", f"{len(wronged)} photos over which two workers were killed: {done.stdout.strip() or done.stderr.strip()}")
        if time.monotonic() > end:
            raise Broken(f"not settled within {SETTLE_S:g} s: {waiting}")
        time.sleep(0.5)


def rows_of(diary: Diary) -> list[dict[str, Any]]:
    try:
        return list_photos(diary.archive)
    except PhotodiaryError:
        return []


def unsettled(diary: Diary, phone: Phone) -> str:
    """What is still to come, in words; empty when all is done."""
    rows = rows_of(diary)
    by_digest = {row["sha256"]: row for row in rows}
    missing = [f"{digest[:12]} (photo {number})" for digest, number in phone.must.items() if digest not in by_digest]
    if missing:
        return f"not in the diary: {', '.join(missing)}"
    if lacking := phone.garbage - by_digest.keys():
        return f"garbage not seen yet: {', '.join(sorted(lacking))}"
    if moving := [row["sha256"][:12] for row in rows if row["stage"] in (Stage.RECEIVED, Stage.LOCATED)]:
        return f"on their way: {', '.join(moving)}"
    if wronged := [f"{row['sha256'][:12]} ({row['reason']})" for row in rows if row["stage"] == Stage.QUARANTINED and row["sha256"] in phone.must]:
        return f"good photos in quarantine: {', '.join(wronged)}"
    named = {row["original"] for row in rows}
    if strays := [path.name for path in (diary.archive / "originals").rglob("*") if path.is_file() and str(path.relative_to(diary.archive)) not in named]:
        return f"originals without a row: {', '.join(sorted(strays))}"
    ledger = Ledger(diary.archive, writable=False)
    try:
        reel, canvas = reels.newest_reel(ledger), reels.current_canvas(ledger)
        frames = [] if canvas is None else reels.film_photos(ledger, canvas.id)
    finally:
        ledger.close()
    if reel is None or reel.frames != len(frames):
        return f"a film of {len(frames)} photos; there is one of {reel.frames if reel else 'none'}"
    held, cut = diary.me()["photos"]["held"], [name for name in phone.cut_for_ever if phone.expected[name][-1] not in by_digest]
    if held != len(cut):  # the others are set aside: we killed two workers over them
        return f"{held} files held, not {len(cut)}"
    return ""


def check(diary: Diary, phone: Phone, killer: Killer) -> None:
    """The invariants, all of them; raises Broken with everything that is wrong."""
    killer.check_swept()
    wrong: list[str] = []
    stopped = diary.stop()
    if stopped != 0:
        wrong.append(f"SIGTERM ended the daemon with exit status {stopped}")
    rows = diary.photos()
    wrong += check_rows(rows, phone)
    wrong += check_files(diary.archive, rows)
    wrong += check_film(diary.archive, [row for row in rows if row["in_film"]], phone)
    wrong += check_inbox(phone)
    wrong += [f"left over: {path}" for path in sorted(killer.temporaries())]
    wrong += [f"the log tells of a surprise: {line}" for line in diary.told().splitlines() if "unexpected error" in line or "Traceback" in line]
    with contextlib.closing(sqlite3.connect(f"file:{diary.archive / FILE}?mode=ro", uri=True)) as db:
        if (sound := db.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
            wrong.append(f"the ledger is damaged: {sound}")
        if loose := db.execute("PRAGMA foreign_key_check").fetchall():
            wrong.append(f"the ledger has loose ends: {loose}")
    doctor = diary.call("doctor", timeout=SETTLE_S)
    if doctor.returncode != 0:
        wrong.append(f"the doctor is not content: {doctor.stdout}{doctor.stderr}")
    if wrong:
        raise Broken("\n  ".join(["promises were broken:", *wrong]))
    killer.journal.note("fine", f"{len(rows)} rows, {sum(row['in_film'] for row in rows)} photos in the film, {len(phone.expected)} files in the inbox")


def check_rows(rows: list[dict[str, Any]], phone: Phone) -> Iterator[str]:
    """Each good photo exactly once, and nothing that nobody sent."""
    times = Counter(row["sha256"] for row in rows)
    yield from (f"photo {number} ({digest[:12]}) is in the diary {times[digest]} times" for digest, number in phone.must.items() if times[digest] != 1)
    for row in rows:
        digest, stage = row["sha256"], row["stage"]
        if digest in phone.must or digest in phone.may:
            should = Stage.EXCLUDED if digest in phone.faceless else Stage.ALIGNED
            if stage != should and not (should is Stage.ALIGNED and stage == Stage.DOUBTFUL and row["in_film"]):
                yield f"{digest[:12]} {row['names']} is {stage} ({row['reason']}), not {should}"
        elif stage != Stage.QUARANTINED:
            yield f"{digest[:12]} {row['names']} is {stage}, and nobody sent it"
        elif digest not in phone.garbage and not (digest in phone.parts and row["reason"] == "crashed_reader"):
            yield f"{digest[:12]} {row['names']} is in quarantine ({row['reason']}): neither garbage nor half a file over which we killed two workers"


def check_files(archive: Path, rows: list[dict[str, Any]]) -> Iterator[str]:
    """Each row has its files, each file its row, originals are byte for byte what came."""
    for kind in ("original", "frame"):
        there = {str(path.relative_to(archive)) for path in (archive / f"{kind}s").rglob("*") if path.is_file()}
        named = Counter(row[kind] for row in rows if row[kind])
        yield from (f"{name} is named by a row, and not there" for name in named.keys() - there)
        yield from (f"{name} has no row" for name in there - named.keys())
        yield from (f"{name} is named by {times} rows" for name, times in named.items() if times > 1)
    for row in rows:
        if row["original"] and (archive / row["original"]).is_file() and sha((archive / row["original"]).read_bytes()) != row["sha256"]:
            yield f"{row['original']} is not what came"


def small(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((48, 48), Image.Resampling.BOX), np.float32)


def check_film(archive: Path, rows: list[dict[str, Any]], phone: Phone) -> Iterator[str]:
    """The film decodes and shows the photos it should, in the order of their days."""
    here = {row["sha256"] for row in rows}
    number = {**phone.may, **phone.must}
    shown = sorted((n, digest) for digest, n in number.items() if digest not in phone.faceless and (digest in here or digest in phone.must))
    if [digest for _, digest in shown] != [row["sha256"] for row in rows]:
        yield f"the diary's order is not that of the days: {[number.get(row['sha256']) for row in rows]}, not {[n for n, _ in shown]}"
    with av.open(str(archive / "films/latest.mp4")) as film:
        seen = np.array([small(frame.to_ndarray(format="rgb24")) for frame in film.decode(video=0)])
    if len(seen) != len(rows):
        yield f"the film has {len(seen)} pictures, not {len(rows)}"
        return
    frames = np.array([small(np.asarray(Image.open(io.BytesIO((archive / row["frame"]).read_bytes())).convert("RGB"))) for row in rows])
    for place, picture in enumerate(seen):
        apart = np.abs(frames - picture).mean(axis=(1, 2, 3))
        if apart[place] > 8 or apart[place] > apart.min() + 1:
            yield f"picture {place} of the film is not photo {place} ({apart[place]:.1f} levels apart) but more like {int(apart.argmin())} ({apart.min():.1f})"


def check_inbox(phone: Phone) -> Iterator[str]:
    """Not a name, byte, time or right in the inbox was changed by anybody but the phone."""
    there = {str(path.relative_to(phone.folder)) for path in phone.folder.rglob("*") if not path.is_dir()}
    yield from (f"{name} is gone from the inbox" for name in phone.expected.keys() - there)
    yield from (f"{name} has come into the inbox, and not from the phone" for name in there - phone.expected.keys())
    for name in there & phone.expected.keys():
        if (now := look(phone.folder / name)) != phone.expected[name]:
            yield f"{name} in the inbox was changed: {phone.expected[name]} before, {now} now"
