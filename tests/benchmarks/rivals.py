"""The same photos through photodiary and through what one would pick instead, in turn, in one run.

    .venv/bin/python tests/benchmarks/rivals.py [--photos 210] [--rounds 2]

facelapse (PyPI, MediaPipe's landmarks, similarity from five points, mp4v) in an environment of its own under .rivals/, as it comes, which makes a small film,
and once told to align to the size of our frames; and the original notebooks' way (`notebook.py`).  Ours: `photodiary import` beside the running service,
whose model is loaded (the film is made then too), and once without a service, from nothing to the film.  210 photos: from 200 on the picture format is chosen
without waiting for more.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "service"), str(ROOT / "tests/benchmarks")]

from driving import finished, linked  # noqa: E402
from measuring import ENVIRONMENT, memory, serving  # noqa: E402

if TYPE_CHECKING:
    from budgets import Bench

FACELAPSE = "facelapse==0.1.1"
SAME_SIZE = ("--width", "1080", "--height", "1350", "--save-aligned-images")


def facelapse() -> Path:
    """The program, installed if need be.  Raises CalledProcessError where the package cannot be had."""
    where = ROOT / ".rivals/facelapse"
    if not (where / "bin/facelapse").exists():
        venv.create(where, with_pip=True, clear=True)
        subprocess.run([where / "bin/pip", "install", "--quiet", "--disable-pip-version-check", FACELAPSE], check=True, stderr=subprocess.DEVNULL)
    return where / "bin/facelapse"


@dataclass(frozen=True)
class Run:
    """Wall and processor seconds, the most memory in MB; of ours the wall seconds to the film too."""

    wall: float
    cpu: float
    memory: float
    film: float = 0.0

    def __str__(self) -> str:
        return f"{self.wall:.1f} s{f' to the last frame, {self.film:.1f} s to the film' if self.film else ''}, {self.cpu:.1f} s CPU"


def watched(command: list[str]) -> Run:
    """A program to its end.  Raises RuntimeError when it fails."""
    began = time.monotonic()
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{Path(command[0]).name} ended with {os.waitstatus_to_exitcode(status)}")
    return Run(time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)


def compare(bench: Bench, photos: int | None = None, rounds: int | None = None) -> None:
    count, program, turns = photos or bench.few(210, 30), str(facelapse()), rounds or bench.few(2, 1)
    folder = linked(bench.folder("the photos"), bench.photos(count))
    ours, theirs = list[Run](), list[Run]()
    for number in range(turns):
        ours.append(served(bench, folder, count))
        theirs.append(watched([program, "-i", str(folder), "-o", str(bench.folder("theirs"))]))
        print(f"  round {number + 1}: ours {ours[-1]}; facelapse {theirs[-1]}", flush=True)
    large = watched([program, "-i", str(folder), "-o", str(bench.folder("large")), *SAME_SIZE])
    old = watched([sys.executable, str(ROOT / "tests/benchmarks/notebook.py"), str(folder), str(bench.work / "old.avi")])
    alone = once(bench, folder)
    frames, film, small = (
        statistics.median(run.wall for run in ours),
        statistics.median(run.film for run in ours),
        statistics.median(run.wall for run in theirs),
    )

    def add(what: str, value: float, unit: str, note: str, at_least: float | None = None) -> None:
        bench.results.add("rivals", what, value, unit, at_least=at_least, note=note)

    add("ours beside facelapse making frames of the same size", large.wall / frames, "times as fast", f"{count} photos, to the last frame of each", 3.5)
    add(
        "ours beside facelapse as it comes",
        small / frames,
        "times as fast",
        f"its film is small; {count / frames:.1f} and {count / small:.1f} a second",
        3.5,
    )
    add("ours, its film too, beside facelapse making frames of the same size", large.wall / film, "times as fast", "5 quiet seconds before our film included")
    add("ours without a service, from nothing to the film, beside the same", large.wall / alone, "times as fast", "both load their models")
    for name, run in (("facelapse as it comes", theirs[-1]), ("facelapse, frames of our size", large), ("the original notebooks' way", old)):
        add(name, 1000 * run.wall / count, "ms a photo", f"{1000 * run.cpu / count:.0f} ms CPU, at most {run.memory:,.0f} MB resident")
    bars = [
        ("photodiary, service running", film, True),
        ("photodiary, from nothing", alone, True),
        ("facelapse 0.1.1, frames of our size", large.wall, False),
        ("facelapse 0.1.1 as it comes", small, False),
        ("the notebooks' way", old.wall, False),
    ]
    bench.results.keep("rivals", [(what, 1000 * seconds / count, mine) for what, seconds, mine in bars])


def served(bench: Bench, folder: Path, count: int) -> Run:
    """`photodiary import` beside a service whose model is loaded and whose diary is empty: to the last frame, and to the film."""
    with serving(bench.folder("ours")) as service:
        service.start()
        before, began = service.spent(), time.monotonic()
        service.verb("import", str(folder))
        framed = time.monotonic() - began
        finished(service, count)
        return Run(framed, sum(service.spent()) - sum(before), memory(service.pid).resident, time.monotonic() - began)


def once(bench: Bench, folder: Path) -> float:
    """Seconds of `photodiary import` without a service, its model loaded and the film made."""
    with serving(bench.folder("alone")) as service:
        return service.verb("import", str(folder))[0]


def main() -> int:
    from budgets import Bench
    from measuring import machine
    from reporting import Results

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=int, default=210)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--work", type=Path, required=True, help="a folder for the photos (people's: outside the tree), which stays")
    options = parser.parse_args()
    bench = Bench(options.work, False, Results("", machine()))
    print(bench.results.machine)
    compare(bench, options.photos, options.rounds)
    print(bench.results.verdict())
    return int(not bench.results.kept_all())


if __name__ == "__main__":
    sys.exit(main())
