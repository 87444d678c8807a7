"""Ten thousand small photos through one life of the real daemon: memory, threads, descriptors and the ledger's size over time, as a plot.

    python tests/benchmarks/soak.py [--photos 10000] [--real-model] [--plot FILE.svg]

Photos keep coming in handfuls by rename, as a phone's backlog does, one in fifty is broken, and the film is made again and again meanwhile.
Says at the end whether each curve was flat after the warm-up: the median of its last tenth against that of the tenth after the first fifth.
Memory may grow by a kilobyte a photo: the daemon remembers path, size, time and inode of each file of the inbox, twice while it looks at all of them.
No test: it takes many minutes.  Results are noted in LOG.md beside this file.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "service"), str(ROOT / "deploy")]

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from tests.promises.killer import children  # noqa: E402
from tests.support.daemon import QUICK, Diary  # noqa: E402
from tests.support.dots import eyes_of, jpeg, picture  # noqa: E402

from photodiary.retrain import charts  # noqa: E402

HANDFUL = 20
AHEAD = 200  # photos in the inbox that the diary does not have yet, at most
EVERY_S = 2.0
CONFIG = QUICK.replace("after_quiet_s = 0.5\nat_latest_s = 5.0", "after_quiet_s = 5.0\nat_latest_s = 60.0").replace("320x320", "160x160")
CURVES = {  # what must stay flat: its words, unit, and how much it may grow with each photo: what the daemon remembers of a file in the inbox
    "anonymous memory of the daemon": ("MB", 0.001),
    "resident memory of the darkroom": ("MB", 0.0001),
    "threads": ("", 0.0),
    "open descriptors": ("", 0.0),
}
CSS = (
    "<style>.chart{font:12px sans-serif;background:#fff}.grid{stroke:#ddd;fill:none}.floor{stroke:#333;fill:none}.end{text-anchor:end}"
    ".middle{text-anchor:middle}"
    ".tick,.axis{fill:#444}.data{fill:none;stroke:#1f6fb2;stroke-width:1.5}</style>"
)


@dataclass
class Curves:
    """Samples by name; x is photos in the diary."""

    photos: list[int] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)
    ledger: list[float] = field(default_factory=list)

    def sample(self, diary: Diary, done: int) -> None:
        pid = diary.pid
        anonymous, threads = status_of(pid, "RssAnon"), status_of(pid, "Threads")
        darkroom = sum(status_of(child, "VmRSS") for child, kind in children(pid).items() if kind == "darkroom")
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        self.photos.append(done)
        for name, value in zip(CURVES, (anonymous / 1024, darkroom / 1024, threads, descriptors), strict=True):
            self.values.setdefault(name, []).append(value)
        self.ledger.append(sum(path.stat().st_size for path in diary.archive.glob("ledger.sqlite3*")) / 1e6)


def status_of(pid: int, key: str) -> int:
    with contextlib.suppress(OSError, StopIteration):
        return int(next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(f"{key}:")).split()[1])
    return 0


def small(number: int) -> bytes:
    """Photo `number`, a minute after the one before; every fiftieth is cut short and then left so."""
    moment = np.datetime64("2001-01-01T08:00:00") + np.timedelta64(number * 20, "h")
    data = jpeg(picture(eyes_of(number), seed=number % 997), str(moment).replace("-", ":").replace("T", " "), quality=85)
    return data[: len(data) // 2] if number % 50 == 49 else data


def faces() -> list[np.ndarray]:
    """Small selfies for the shipped model, made from the demo's portrait."""
    import selfies as demo  # type: ignore[import-not-found]

    return [np.asarray(Image.open(io.BytesIO(selfie.data)).convert("RGB").resize((480, 640))) for selfie in demo.month(10) if selfie.name]


def feed(diary: Diary, photos: int, done: list[int], real: bool) -> None:
    """Drop photos in handfuls, never too far ahead of the diary."""
    portraits = faces() if real else []
    for number in range(photos):
        while number - done[0] > AHEAD:
            time.sleep(0.2)
        if real:
            moment = np.datetime64("2001-01-01T08:00:00") + np.timedelta64(number * 20, "h")
            shifted = np.roll(portraits[number % len(portraits)], number % 7, axis=1)
            data = jpeg(shifted, str(moment).replace("-", ":").replace("T", " "), quality=70 + number % 20)
        else:
            data = small(number)
        beside = diary.folder / "beside.jpg"
        beside.write_bytes(data)
        folder = diary.inbox / f"{number // 1000:02}"
        folder.mkdir(exist_ok=True)
        beside.rename(folder / f"{number:05}.jpg")
        if number % HANDFUL == HANDFUL - 1:
            time.sleep(0.05)


def soak(diary: Diary, photos: int, real: bool) -> Curves:
    curves, done = Curves(), [0]
    diary.start()
    diary.until_told("watches", 120)
    feeder = threading.Thread(target=feed, args=(diary, photos, done, real), daemon=True)
    feeder.start()
    wanted = photos if real else photos - photos // 50  # the broken ones are held
    told = 0
    while True:
        time.sleep(EVERY_S)
        state = diary.me()["photos"]
        done[0] = state["total"] if real else state["total"] * 50 // 49  # the broken ones never get a row
        curves.sample(diary, state["total"])
        if state["total"] - told >= 500:
            told = state["total"]
            print(f"{told:6} photos: " + ", ".join(f"{name} {values[-1]:.0f} {CURVES[name][0]}" for name, values in curves.values.items()), flush=True)
        if state["total"] >= wanted and not state["received"] + state["located"]:
            return curves


def verdict(photos: list[int], values: list[float], limit: float) -> tuple[float, float, float, bool]:
    """Median after the warm-up and at the end, growth a photo between them, and whether that is within the limit."""
    tenth, fifth = max(1, len(values) // 10), len(values) // 5
    early, late = statistics.median(values[fifth : fifth + tenth]), statistics.median(values[-tenth:])
    more = statistics.median(photos[-tenth:]) - statistics.median(photos[fifth : fifth + tenth])
    return early, late, (late - early) / max(1, more), late - early <= limit * more + 1e-9


def plot(curves: Curves, path: Path) -> None:
    """All curves, one below the other, in one SVG file."""
    parts, height = [], 190
    series = [*((name, values, CURVES[name][0]) for name, values in curves.values.items()), ("ledger", curves.ledger, "MB")]
    for number, (name, values, unit) in enumerate(series):
        chart = charts.Plot(charts.linear(0, max(curves.photos), "photos in the diary"), charts.linear(0, max(values) * 1.05 or 1, name, about=4), 760, height)
        chart.line(list(zip(curves.photos, values, strict=True)), "data")
        title = f"{name}{f' ({unit})' if unit else ''}"
        inner = chart.svg(title).replace("<svg ", f'<svg x="0" y="{number * (height + 26) + 26}" width="760" height="{height}" ', 1)
        parts.append(f'<text x="46" y="{number * (height + 26) + 20}" font-size="14">{title}</text>{inner}')
    whole = len(series) * (height + 26)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 784 {whole}" width="784" height="{whole}">{CSS}{"".join(parts)}</svg>\n'
    )


def main() -> int:
    """Exit status 1 when a curve was not flat."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--real-model", action="store_true", help="the shipped model and small faces in place of dots")
    parser.add_argument("--plot", type=Path, default=Path(tempfile.gettempdir()) / "photodiary-soak.svg")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="photodiary-soak-") as folder:
        diary = Diary(Path(folder) / "me", config=CONFIG, real_model=options.real_model)
        started = time.monotonic()
        try:
            curves = soak(diary, options.photos, options.real_model)
            seconds = time.monotonic() - started
            plot(curves, options.plot)
            each, films = 1000 * seconds / max(1, curves.photos[-1]), diary.told().count("film of")
            print(f"{curves.photos[-1]:,} photos in {seconds:.0f} s, {each:.0f} ms each; films: {films}")
            bad = 0
            for name, (unit, limit) in CURVES.items():
                early, late, growth, flat = verdict(curves.photos, curves.values[name], limit)
                bad += not flat
                each = f", {1e6 * growth:.0f} bytes a photo" if unit else ""
                print(f"{'flat' if flat else 'GROWS':5} {name}: {early:.0f} {unit} after the warm-up, {late:.0f} at the end{each}")
            print(f"ledger: {curves.ledger[-1]:.1f} MB, {1e6 * curves.ledger[-1] / max(1, curves.photos[-1]):.0f} bytes a photo; plot in {options.plot}")
            print(f"stopped with {diary.stop()}")
            return 1 if bad else 0
        finally:
            diary.close()


if __name__ == "__main__":
    sys.exit(main())
