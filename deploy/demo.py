"""The whole way on your machine: a month of made-up selfies goes through the real daemon and comes out as a film.

`make demo` runs this from the repository's root.  The portrait is scikit-image's astronaut (Eileen Collins, NASA, public
domain), read from the installed package; nothing is downloaded.  Everything lies in `.demo/`, made afresh each time.
Exit status 0 only if every check holds.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import shutil
import signal
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import cv2
from PIL import Image, ImageDraw, ImageFont, ImageOps
from selfies import Eyes, Selfie, month

from photodiary.diary.eyes import REASONS
from photodiary.run.lock import holder

DEMO = Path(__file__).resolve().parent.parent / ".demo"
MARKER, CONFIG, ARCHIVE, INBOX = DEMO / "made-by-make-demo", DEMO / "config.toml", DEMO / "archive", DEMO / "inbox"
FILM, SHEET = ARCHIVE / "films" / "latest.mp4", DEMO / "contact-sheet.jpg"
PHOTODIARY = Path(sysconfig.get_path("scripts")) / "photodiary"
SETTINGS = """\
timezone = "Europe/Berlin"

[diary.demo]
inbox = "inbox"
archive = "archive"

[render]
after_quiet_s = 3.0    # a minute by default; a demo is watched
"""

PHOTOS, AT_ONCE = 30, 26  # the rest arrives, morning by morning, when the first film is there
PATIENCE_S = 240.0
MEDIAN_LIMIT, WORST_LIMIT = 3.0, 8.0  # % of the eyes' distance
PICTURED = (2, 6, 7, 8, 16, 18, 20, 22)  # photos of the README's picture
PAPER, INK, FAINT, LINE, GAP = "#f6f8fa", "#1f2328", "#6e7781", (0, 255, 255, 120), 6


class DemoFailed(Exception):
    """A check did not hold; the text says which."""


def make_afresh() -> None:
    """`.demo/` with its settings and an empty inbox.  Raises DemoFailed rather than touch a folder that the demo did not make."""
    if DEMO.is_symlink() or (DEMO.exists() and not MARKER.is_file() and any(DEMO.iterdir())):
        raise DemoFailed(f"{DEMO} is not the demo's own folder; move it away first")
    if (process := holder(ARCHIVE)) is not None:
        raise DemoFailed(f"another demo is running (process {process}); wait for it or stop it")
    DEMO.mkdir(exist_ok=True)
    MARKER.write_text("Everything in this folder is removed by the next `make demo`.\n")
    for old in DEMO.iterdir():
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        elif old != MARKER:
            old.unlink()
    INBOX.mkdir()
    CONFIG.write_text(SETTINGS)


def arrive(photo: Selfie) -> None:
    """As Syncthing does it: written under a temporary name, renamed when whole."""
    temporary = INBOX / f".syncthing.{photo.name}.tmp"
    temporary.write_bytes(photo.data)
    temporary.rename(INBOX / photo.name)


def photodiary(*arguments: str) -> str:
    """What a verb says on stdout."""
    answer = subprocess.run([PHOTODIARY, *arguments, "--config", CONFIG], env=clean(), capture_output=True, text=True, timeout=60)
    if answer.returncode != 0:
        raise DemoFailed(f"`photodiary {' '.join(arguments)}` ended with status {answer.returncode}: {answer.stderr.strip()}")
    return answer.stdout


def clean() -> dict[str, str]:
    """The environment without settings that are meant for somebody's real diary."""
    return {key: value for key, value in os.environ.items() if not key.upper().startswith("PHOTODIARY_")}


@contextmanager
def daemon() -> Iterator[subprocess.Popen[bytes]]:
    """`photodiary run`, its log lines on our stderr; ended as systemd would, by SIGTERM.  Raises DemoFailed when that is not exit status 0."""
    process = subprocess.Popen([PHOTODIARY, "run", "--config", CONFIG], env=clean())
    try:
        yield process
    except KeyboardInterrupt:  # the terminal has told the daemon too; told twice, it would leave its work lying
        process.wait(40)
        raise
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise DemoFailed(f"`photodiary run` ended with status {process.returncode} after SIGTERM")


def wait_until_through(process: subprocess.Popen[bytes], photos: int, deadline: float) -> None:
    """Until so many photos are through and the film shows each that is in it.  Raises DemoFailed when that takes too long."""
    diary: dict[str, Any] = {}
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DemoFailed(f"`photodiary run` ended by itself with status {process.returncode}; its last words are above")
        diary = json.loads(photodiary("status", "--json"))["diaries"][0]
        count, reel = diary["photos"], diary["reel"]
        if count["total"] == photos and not count["received"] + count["located"] + count["held"] and (reel or {}).get("frames", 0) == count["in_film"]:
            return
        time.sleep(1.5)
    raise DemoFailed(f"not through after {PATIENCE_S:.0f} s; `photodiary status` says: {json.dumps(diary)}")


def check_film(photos: int) -> str:
    """Read the film back, every frame of it.  Returns what it is, in words; raises DemoFailed when it is something else."""
    with av.open(str(FILM)) as container:
        stream = container.streams.video[0]
        codec, pixels, rate = stream.codec_context.name, stream.codec_context.pix_fmt, stream.average_rate
        frames = sum(1 for _ in container.decode(stream))
        size = f"{stream.codec_context.width} x {stream.codec_context.height}"
    if (codec, pixels, frames) != ("h264", "yuv420p", photos):
        raise DemoFailed(f"the film has {frames} frames of {codec} {pixels}, not {photos} of h264 yuv420p")
    return f"{frames} frames at {rate} a second, {size}, H.264"


def landings(listed: Sequence[dict[str, Any]], truth: dict[str, Eyes]) -> tuple[list[float], list[float]]:
    """For each photo, in % of the eyes' distance and of its worse eye: how far the true eyes land from the canvas points, and from the median photo's."""
    off = []  # per photo both eyes' ways from their canvas points
    for photo in listed:
        (a, b, c), (d, e, f) = photo["matrix"]
        points = [complex(*photo["canvas"][side]) for side in ("left", "right")]
        landed = [complex(a * x + b * y + c, d * x + e * y + f) for x, y in truth[photo["names"][0]]]
        off.append([100 * (there - point) / abs(points[1] - points[0]) for there, point in zip(landed, points, strict=True)])
    usual = [complex(statistics.median(way.real for way in ways), statistics.median(way.imag for way in ways)) for ways in zip(*off, strict=True)]
    missed = [max(map(abs, ways)) for ways in off]
    moved = [max(abs(way - there) for way, there in zip(ways, usual, strict=True)) for ways in off]
    return missed, moved


def tiles(pictures: Sequence[Image.Image], columns: int, cell: tuple[int, int]) -> Image.Image:
    """Pictures in rows, each as large as its cell allows."""
    (width, height), rows = cell, math.ceil(len(pictures) / columns)
    board = Image.new("RGB", (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP), PAPER)
    for number, picture in enumerate(pictures):
        board.paste(ImageOps.pad(picture, cell, Image.Resampling.LANCZOS, color=PAPER), (number % columns * (width + GAP), number // columns * (height + GAP)))
    return board


def before_after(listed: Sequence[dict[str, Any]], columns: int, cell_width: int) -> tuple[Image.Image, Image.Image]:
    """The photos as they came, and their frames with thin lines through the points where the eyes should be."""
    canvas = next(photo["canvas"] for photo in listed if photo["canvas"])
    scale = cell_width / canvas["width"]
    cell = cell_width, round(canvas["height"] * scale)
    before = tiles([ImageOps.exif_transpose(Image.open(INBOX / photo["names"][0])) for photo in listed], columns, cell)
    after = tiles([Image.open(ARCHIVE / photo["frame"]) if photo["frame"] else Image.new("RGB", cell, PAPER) for photo in listed], columns, cell)
    lines = ImageDraw.Draw(after, "RGBA")
    for row in range(math.ceil(len(listed) / columns)):
        level = round(row * (cell[1] + GAP) + (canvas["left"][1] + 0.5) * scale - 0.5)
        lines.line([(0, level), (after.width, level)], LINE)
    for column in range(columns):
        for eye in (canvas["left"], canvas["right"]):
            upright = round(column * (cell[0] + GAP) + (eye[0] + 0.5) * scale - 0.5)
            lines.line([(upright, 0), (upright, after.height)], LINE)
    return before, after


def sheet(panels: Sequence[Image.Image], *, beside: bool) -> Image.Image:
    """Two panels with their titles, beside or below each other, on light paper."""
    margin, head, foot = 24, 34, 30
    width, height = max(panel.width for panel in panels), max(panel.height for panel in panels)
    across, down = (len(panels), 1) if beside else (1, len(panels))
    paper = Image.new("RGB", (across * (width + margin) + margin, down * (height + margin + head) + margin // 2 + foot), PAPER)
    pen = ImageDraw.Draw(paper)
    for number, (title, panel) in enumerate(zip(("As the phone took them", "As they are in the film"), panels, strict=True)):
        x, y = (margin + number * (width + margin), margin) if beside else (margin, margin + number * (height + margin + head))
        pen.text((x, y - 6), title, INK, ImageFont.load_default(22))
        paper.paste(panel, (x, y + head))
    credit = "Portrait of Eileen Collins: NASA, public domain"
    pen.text((paper.width - margin, paper.height - 12), credit, FAINT, ImageFont.load_default(13), anchor="rs")
    return paper


def save_within(picture: Image.Image, path: Path, kilobytes: int) -> None:
    """As JPEG, as good as the size allows."""
    for quality in range(90, 30, -2):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
        if file.tell() <= kilobytes * 1000:
            break
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.getvalue())


def demo(picture: Path | None) -> None:
    """All of it.  Raises DemoFailed at the first check that does not hold."""
    started = time.monotonic()
    make_afresh()
    say(f"Making {PHOTOS} mornings of selfies from one portrait (Eileen Collins, NASA, public domain) ...")
    try:
        selfies = month(PHOTOS)
    except FileNotFoundError as error:
        raise DemoFailed(f"scikit-image is installed without its astronaut ({error.filename})") from error
    for photo in selfies[:AT_ONCE]:
        arrive(photo)
    say(f"{AT_ONCE} are in {shown(INBOX)}.  Starting {shown(PHOTODIARY)} run --config {shown(CONFIG)}")
    deadline = time.monotonic() + PATIENCE_S
    with daemon() as process:
        wait_until_through(process, AT_ONCE, deadline)
        say(f"The first film is there.  {PHOTOS - AT_ONCE} more mornings, while it runs:")
        for photo in selfies[AT_ONCE:]:
            arrive(photo)
            time.sleep(0.7)
        wait_until_through(process, PHOTOS, deadline)
        say("All through.  Stopping it.")
    listed = [json.loads(line) for line in photodiary("photos", "list", "--json").splitlines()]
    shown_photos = [photo for photo in listed if photo["in_film"]]
    out = ", ".join(f"{photo['names'][0]} ({REASONS.get(photo['reason'], photo['reason'])})" for photo in listed if not photo["in_film"])
    if len(shown_photos) < PHOTOS - 1:
        raise DemoFailed(f"only {len(shown_photos)} of {PHOTOS} photos are in the film; left out: {out}")
    film = check_film(len(shown_photos))
    missed, moved = landings(shown_photos, {photo.name: photo.eyes for photo in selfies})
    median, worst = statistics.median(missed), max(missed)
    save_within(sheet(before_after(listed, 10, 150), beside=False), SHEET, 1500)
    if picture is not None:
        save_within(sheet(before_after([listed[number] for number in PICTURED], 4, 136), beside=True), picture, 60)
    where = f"{median:.1f} % of their distance from where they should be (median; worst {worst:.1f} %)"
    still = f"The eyes are {where}; from photo to photo they stir by {statistics.median(moved):.1f} % (worst {max(moved):.1f} %)"
    if median > MEDIAN_LIMIT or worst > WORST_LIMIT:
        raise DemoFailed(f"{still}; allowed are {MEDIAN_LIMIT:.0f} % and {WORST_LIMIT:.0f} %")
    say(
        f"""Done in {time.monotonic() - started:.0f} s: {len(shown_photos)} of {PHOTOS} photos are in the film{f" (left out: {out})" if out else ""}.
{still}.

  film           {shown(FILM)}   ({film})
  frames         {shown(ARCHIVE / "frames")}
  before, after  {shown(SHEET)}

Next, your own diary:  {shown(PHOTODIARY)} init ~/photodiary-data"""
    )


def say(text: str) -> None:
    print(f"\n{text}", flush=True)


def shown(path: Path) -> str:
    """A path as one would type it here."""
    return os.path.relpath(path)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the real daemon on a month of made-up selfies, in .demo/.")
    parser.add_argument("--picture", type=Path, metavar="PATH", help="also make the README's picture")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that the daemon ends with us
    cv2.setNumThreads(2)  # a service is starting on the same cores
    try:
        demo(options.picture)
    except (DemoFailed, OSError, subprocess.TimeoutExpired) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
