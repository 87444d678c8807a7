"""What a film costs: making all of it, and one photo more at its end and in its middle.  Ratios of one run; see LOG.md.

    python tests/benchmarks/film.py FRAMES_FOLDER [--photos 3650] [--size 1080x1350] [--ffmpeg]

FRAMES_FOLDER: JPEG pictures (an archive's frames/), which are scaled and re-dated, one every other day, until there are enough.  --ffmpeg: the same film by
ffmpeg's program, with the settings that x264 wrote into ours.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "service")]

import cv2  # noqa: E402

from photodiary.archive import layout  # noqa: E402
from photodiary.archive.store import Archive  # noqa: E402
from photodiary.diary.canvas import Canvas  # noqa: E402
from photodiary.diary.eyes import EyePair, Point  # noqa: E402
from photodiary.diary.photo import Digest  # noqa: E402
from photodiary.ledger import reels  # noqa: E402
from photodiary.ledger.store import Ledger  # noqa: E402

MOST_LINKS = 60_000
FIRST = datetime(1930, 1, 1, 8)
BT709 = "colorspace=ispace=bt470bg:irange=pc:itrc=bt709:iprimaries=bt709:space=bt709:range=tv:trc=bt709:primaries=bt709:fast=1:format=yuv420p"


def diary_of(folder: Path, pictures: Sequence[Path], photos: int, size: tuple[int, int]) -> None:
    """A diary whose archive holds so many frames, without originals: the film asks for none."""
    from photodiary.darkroom.tone import tone

    width, height = size
    (folder / "inbox").mkdir(parents=True)
    (folder / "config.toml").write_text(f'[diary.me]\ninbox = "inbox"\narchive = "archive"\n[align]\ncanvas = "{width}x{height}"\n')
    archive = Archive(folder / "archive")
    archive.prepare()
    canvas = Canvas(width, height, Point(width * 0.31, height * 0.43), Point(width * 0.69, height * 0.43))
    kinds = []
    for path in pictures:
        picture = cv2.resize(cv2.imread(str(path)), size, interpolation=cv2.INTER_AREA)
        measured = tone(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), tuple(canvas.left), tuple(canvas.right))
        kinds.append([cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 93])[1].tobytes(), str(measured), None])
    ledger = Ledger(folder / "archive")
    reels.adopt_canvas(ledger, canvas, frozen=True, source=f"{width}x{height}", words="", now=1.0)
    with ledger.write() as db:
        for number in range(photos):
            wall, digest, kind = FIRST + timedelta(days=2 * number), hashlib.sha256(f"{number}".encode()).hexdigest(), kinds[number % len(kinds)]
            frame = layout.frame(Digest(digest), wall, EyePair(Point(1, 1), Point(2, 1)), canvas)
            put(folder / "archive" / frame, kind)
            db.execute(
                "INSERT INTO photos (sha256, bytes, format, width, height, taken_wall, taken_utc, taken_from, received_at, stage, frame, matrix, canvas_id,"
                " framed_at, frame_bytes) VALUES (?, 1, 'jpeg', ?, ?, ?, ?, 'exif', 1, 'aligned', ?, '[[1, 0, 0], [0, 1, 0]]', 1, 2, ?)",
                (digest, width, height, wall.isoformat(), wall.timestamp(), frame, len(kind[0])),
            )
            db.execute("INSERT INTO looks (photo_id, frame, tone, marks) VALUES (last_insert_rowid(), ?, ?, '{}')", (frame, kind[1]))
    ledger.close()


def put(path: Path, kind: list) -> None:  # type: ignore[type-arg]
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind[2] is None or os.stat(kind[2]).st_nlink >= MOST_LINKS:
        path.write_bytes(kind[0])
        kind[2] = path
    else:
        os.link(kind[2], path)


def one_more(folder: Path, share: float) -> None:
    """A photo of the day after the one at that share of the film."""
    with sqlite3.connect(folder / "archive/ledger.sqlite3") as db:
        rows = db.execute("SELECT id, taken_wall, frame FROM photos ORDER BY taken_wall").fetchall()
        like = rows[round(share * (len(rows) - 1))]
        wall = datetime.fromisoformat(like[1]) + timedelta(days=1)
        columns = [row[1] for row in db.execute("PRAGMA table_info(photos)") if row[1] != "id"]
        row = dict(zip(columns, db.execute(f"SELECT {', '.join(columns)} FROM photos WHERE id = ?", (like[0],)).fetchone(), strict=True))
        digest = hashlib.sha256(f"more {share} {time.time()}".encode()).hexdigest()
        frame = f"frames/{wall:%Y}/{wall:%Y-%m-%d_%H-%M-%S}_{digest[:16]}_00000000.jpg"
        other = rows[round(share * (len(rows) - 1)) - 3]
        (folder / "archive" / frame).parent.mkdir(exist_ok=True)
        shutil.copyfile(folder / "archive" / other[2], folder / "archive" / frame)
        row |= {"sha256": digest, "taken_wall": wall.isoformat(), "taken_utc": wall.timestamp(), "frame": frame, "framed_at": time.time()}
        db.execute(f"INSERT INTO photos ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
        db.execute(
            "INSERT INTO looks (photo_id, frame, tone, marks) SELECT last_insert_rowid(), ?, tone, '{}' FROM looks WHERE photo_id = ?", (frame, other[0])
        )


def timed(command: list[str]) -> tuple[float, float, str]:
    """Wall and processor seconds of a program and its children, and what it said last."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, spent, (said.stderr.strip().splitlines() or [""])[-1]


def by_ffmpeg(folder: Path, target: Path) -> tuple[float, float, str]:
    """The same film by ffmpeg's program with its default threads, and the settings that stand in our film."""
    film = (folder / "archive" / layout.LATEST).read_bytes()
    peak = re.search(rb"vbv_maxrate=(\d+) vbv_bufsize=(\d+)", film)
    assert peak is not None
    params = f"vbv-maxrate={peak[1].decode()}:vbv-bufsize={peak[2].decode()}:keyint=11:scenecut=0:chromaloc=1"
    listed = folder / "list"
    listed.mkdir()
    with sqlite3.connect(folder / "archive/ledger.sqlite3") as db:
        for number, (frame,) in enumerate(db.execute("SELECT frame FROM photos ORDER BY taken_wall")):
            (listed / f"{number:06}.jpg").symlink_to(folder / "archive" / frame)
    source = ["-framerate", "30", "-i", str(listed / "%06d.jpg"), "-vf", BT709]
    ours = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-profile:v", "high", "-level", "4.1", "-x264-params", params]
    return timed(["nice", "-n", "10", "ffmpeg", "-v", "error", "-y", *source, *ours, "-movflags", "+faststart", str(target)])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("frames", type=Path)
    parser.add_argument("--photos", type=int, default=3650)
    parser.add_argument("--size", default="1080x1350")
    parser.add_argument("--ffmpeg", action="store_true")
    parser.add_argument("--folder", type=Path, help="where to put the diary, which stays")
    options = parser.parse_args()
    width, _, height = options.size.partition("x")
    pictures = sorted(options.frames.rglob("*.jpg"))[:60]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary) / "diary"
        if not folder.exists():
            diary_of(folder, pictures, options.photos, (int(width), int(height)))
        render = [sys.executable, "-m", "photodiary", "--config", str(folder / "config.toml"), "render"]
        whole = timed([*render, "--full"])
        print(f"{options.photos:,} photos, {options.size}: {whole[0]:.1f} s, {whole[1]:.1f} s of processor\n  {whole[2]}", flush=True)
        for where, share in (("end", 1.0), ("middle", 0.5), ("end", 1.0)):
            one_more(folder, share)
            more = timed(render)
            print(
                f"one more at the {where}: {more[0]:.2f} s, {more[1]:.2f} s of processor, {100 * more[1] / whole[1]:.2f} % of the whole\n  {more[2]}",
                flush=True,
            )
        if options.ffmpeg:
            theirs = by_ffmpeg(folder, Path(temporary) / "theirs.mp4")
            print(f"ffmpeg: {theirs[0]:.1f} s, {theirs[1]:.1f} s of processor; ours takes {whole[0] / theirs[0]:.3f} of its time", flush=True)


if __name__ == "__main__":
    main()
