"""What finding the eyes costs: precision against accuracy, threads, the share of everything but the network, and the start of `locate`.

    python tests/benchmarks/predicting.py [LABELS]

LABELS: a label CSV to measure on (default: thirty made-up selfies with true eyes).  Prints Markdown tables for LOG.md; ratios in one run count,
the milliseconds are those of a shared machine.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "service"), str(ROOT / "deploy")]

import selfies  # noqa: E402

from photodiary.darkroom.darkroom import Darkroom  # noqa: E402
from photodiary.darkroom.limits import DarkroomConfig  # noqa: E402
from photodiary.diary.eyes import EyePair, Point  # noqa: E402
from photodiary.eyenet import registry  # noqa: E402
from photodiary.locate.config import LocateConfig  # noqa: E402
from photodiary.locate.locator import EyeLocator  # noqa: E402
from photodiary.run.predict import developed, read_labels  # noqa: E402


def labelled(folder: Path) -> list[tuple[Path, EyePair]]:
    if len(sys.argv) > 1:
        return read_labels(Path(sys.argv[1]))
    made = []
    for selfie in selfies.month(30):
        (folder / selfie.name).write_bytes(selfie.data)
        made.append((folder / selfie.name, EyePair(*(Point(*eye) for eye in selfie.eyes))))
    return made


def precision(labels: list[tuple[Path, EyePair]]) -> None:
    """Time and accuracy of each precision and number of threads on the same photos, decoded before."""
    entry = registry.current()
    darkroom = Darkroom(DarkroomConfig(workers=1))
    exact: list[EyePair | None] = []
    print("| device | precision | threads | wall ms a photo | core ms of the main process | median error | moved p95 |\n|---|---|---|---|---|---|---|")
    devices = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
    for device, kind, threads in [(d, k, t) for d in devices for k in ("float32", "half") for t in ((1, 2) if d == "cpu" else (1,))]:
        locator = EyeLocator(entry.path, LocateConfig(device=device, threads=threads, precision=kind), sha256=entry.sha256)
        wall, core, found = [], [], []
        for path, _ in labels:
            view = developed(path, darkroom)
            start, busy = time.perf_counter(), time.process_time()
            found.append(locator.locate(view).sighting.eyes)
            wall.append(1000 * (time.perf_counter() - start))
            core.append(1000 * (time.process_time() - busy))
        exact = exact or found
        errors = [1000.0 if eyes is None else 100 * eyes.distance(truth) / truth.iod for eyes, (_, truth) in zip(found, labels, strict=True)]
        moved = [100 * a.distance(b) / b.iod for a, b in zip(found, exact, strict=True) if a is not None and b is not None]
        print(
            f"| {device} | {kind} | {threads} | {statistics.median(wall):.0f} | {statistics.median(core):.0f} | {statistics.median(errors):.3f} % "
            f"| {np.percentile(moved, 95):.3f} % |"
        )
    darkroom.close()


def start(photo: Path) -> None:
    """`locate` on one file against importing torch and timm, alternately."""
    took: dict[str, list[float]] = {"import": [], "locate": []}
    program = [sys.executable, "-m", "photodiary", "locate", str(photo)]
    for _ in range(3):
        for name, command in (("import", [sys.executable, "-c", "import torch, timm"]), ("locate", program)):
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT / "service")})
            took[name].append(time.perf_counter() - started)
    imports, locates = min(took["import"]), min(took["locate"])
    print(f"\nimport torch, timm {imports:.2f} s; `locate` on one file {locates:.2f} s: {locates - imports:.2f} s more")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        labels = labelled(Path(folder))
        precision(labels)
        start(labels[0][0])


if __name__ == "__main__":
    main()
