"""The budgets of speed, memory and idling, measured on the real daemon with the shipped model and its default settings.

    .venv/bin/python tests/benchmarks/budgets.py --all            # 20 to 25 minutes on two quiet cores; writes numbers.md and numbers.svg beside this file
    .venv/bin/python tests/benchmarks/budgets.py live memory      # single parts, into the work folder
    .venv/bin/python tests/benchmarks/budgets.py --all --quick    # a few minutes, small counts: does it run at all?

Parts: start, live, backlog, importing, memory, years, rivals.  --work DIR keeps the photos that were made (people's, see phone.py) for the next run, else
they go at the end.  No test: wall times mean something only where nobody else computes; what a photo costs of processor time holds better.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "service"), str(ROOT / "tests/benchmarks")]

import measuring  # noqa: E402
import phone  # noqa: E402
from driving import arrivals, at, calm, drop, finished, idle, linked, rendering  # noqa: E402
from measuring import CONFIG, NO_RENDER, memory, serving, workers  # noqa: E402
from reporting import Results  # noqa: E402

PARTS = ("start", "live", "backlog", "importing", "memory", "years", "rivals")


@dataclass
class Bench:
    """What the parts share.  quick: small counts, so that only the program is tried."""

    work: Path
    quick: bool
    results: Results
    source: Path = phone.ORIGINALS
    made: list[Path] = field(default_factory=list)

    def photos(self, count: int, first: int = 0) -> list[Path]:
        return phone.photos(self.work / "photos", count, source=self.source, first=first)

    def few(self, many: int, quick: int) -> int:
        return quick if self.quick else many

    def folder(self, name: str) -> Path:
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def seed(self) -> Path:
        """The archive of a diary of forty photos, whole and with a film, that large ones are made from."""
        seed = self.folder("seed")
        with serving(seed) as service:
            drop(service, self.photos(40))
            service.start()
            finished(service, 40)
            calm(service)
        return seed / "archive"


# -- the parts -------------------------------------------------------------------------------------------------------------


def start(bench: Bench) -> None:
    """A daemon from nothing to READY, which it says after its model has answered."""
    took, spent, notified = [], [], []
    for number in range(bench.few(5, 2)):
        with serving(bench.folder(f"start{number}")) as service:
            took.append(service.start())
            notified.append(service.by_notify)
            spent.append(sum(service.spent()))
    how = "READY" if all(notified) else "its log says that it watches (no READY came)"
    bench.results.add("start", "start to READY", statistics.median(took), "s", note=f"until {how}; median of {len(took)}; {statistics.median(spent):.1f} s CPU")


def live(bench: Bench) -> None:
    """One photo every two seconds, closed by a rename, until its frame is durable and the diary knows it; then the same while films are made all the time."""
    first, count, busy = bench.few(30, 26), bench.few(100, 8), bench.few(20, 4)
    photos = bench.photos(first + count + busy)
    with serving(bench.folder("live"), CONFIG + NO_RENDER) as service:
        drop(service, photos[:first])
        service.start()
        service.until(lambda: service.through(first), "the first photos")
        before = service.spent()
        quiet = arrivals(service, photos[first : first + count])
        main, readers, _ = (1000 * (b - a) / count for a, b in zip(before, service.spent(), strict=True))
        bench.results.add(
            "live", "closed by rename to durable frame, p50", at(quiet, 50), "ms", at_most=250, note=f"{len(quiet)} photos, one every 2 s, no render"
        )
        bench.results.add("live", "closed by rename to durable frame, p95", at(quiet, 95), "ms", at_most=500, note=f"slowest {max(quiet):.0f} ms")
        bench.results.add("live", "processor time of a live photo", main + readers, "ms", note=f"main process {main:.0f}, readers {readers:.0f}")
        with rendering(service):
            pressed = arrivals(service, photos[first + count :])
        bench.results.add("live", "the same while a film is made, p50", at(pressed, 50), "ms", note=f"{len(pressed)} photos")
        bench.results.add("live", "the same while a film is made, p95", at(pressed, 95), "ms")
        bench.results.keep("latency", {"quiet": quiet, "rendering": pressed})


def backlog(bench: Bench) -> None:
    """What lies in the inbox when the service starts.  The film of the first fifty is made meanwhile, as ever."""
    count = bench.few(300, 30)
    photos = bench.photos(count)
    with serving(bench.folder("backlog")) as service:
        drop(service, photos)
        ready = service.start()
        began, before = time.monotonic(), service.spent()
        framed = service.until(lambda: service.through(count), "the backlog", 1200) - began
        main, readers, films = (1000 * (b - a) / count for a, b in zip((before[0], 0.0, before[2]), service.spent(), strict=True))
        finished(service, count)
        whole = time.monotonic() - began
        first, last = service.ask("SELECT min(received_at), max(framed_at) FROM photos")[0]
        rate = count / (float(str(last)) - float(str(first)))
    bench.results.add("backlog", "backlog in the inbox", rate, "photos/s", at_least=8, note=f"{count} photos, from the first taken in to the last frame")
    bench.results.add("backlog", "the same, from READY on", count / framed, "photos/s", note="5 s of it pass until files count as arrived")
    bench.results.add("backlog", "the same, from the start on", count / (framed + ready), "photos/s", note="loading the model included")
    bench.results.add(
        "backlog", "the same, until the film is there and measured", count / whole, "photos/s", note="from READY; 5 s are waited after the last frame"
    )
    bench.results.add("backlog", "processor time of a photo of a backlog", main + readers, "ms",
                      note=f"main process {main:.0f}, readers {readers:.0f}; the first film besides {films:.0f}")  # fmt: skip


def importing(bench: Bench) -> None:
    """`photodiary import` beside the running service, until it says its report: all frames are there."""
    count = bench.few(300, 30)
    folder = linked(bench.folder("to import"), bench.photos(count))
    with serving(bench.folder("importing")) as service:
        service.start()
        wall, _, _ = service.verb("import", str(folder))
        done = service.framed()
    bench.results.add(
        "importing", "import beside the service", count / wall, "photos/s", at_least=8, note=f"{count} photos, {done} of them with a frame, the verb whole"
    )


def memory_of_a_thousand(bench: Bench) -> None:
    """A thousand photos through one life of the daemon, its film made; what its processes hold then, and what they do while there is nothing to do."""
    count, batch = bench.few(1000, 40), bench.few(250, 40)
    photos = bench.photos(count)
    with serving(bench.folder("memory")) as service:
        service.start()
        at_start = memory(service.pid)
        for first in range(0, count, batch):
            drop(service, photos[first : first + batch])
            service.until(lambda done=first + batch: service.through(done), "photos", 1200)  # type: ignore[misc]
        finished(service, count)
        calm(service)
        main, readers = memory(service.pid), [memory(pid) for pid in workers(service.pid)]
        note = f"at READY {at_start.anonymous:.0f}; its own share of shared pages counted: {main.share:.0f}"
        bench.results.add("memory", f"main process after {count:,} photos, anonymous", main.anonymous, "MB", at_most=550, note=note)
        bench.results.add(
            "memory", f"main process after {count:,} photos, resident", main.resident, "MB", at_most=900, note=f"at READY {at_start.resident:.0f}"
        )
        largest = max(readers, key=lambda reader: reader.resident)
        bench.results.add(
            "memory", "largest of the processes that read photos, resident", largest.resident, "MB", at_most=300, note=f"of {len(readers)}; {largest}"
        )
        share = idle(service, bench.few(180, 20))
        bench.results.add("memory", f"idle with {count:,} known files", share, "% of a core", at_most=0.3, note="all processes; three scans")


def years(bench: Bench) -> None:
    """Diaries of a hundred years: see years.py."""
    import years as large

    large.measure(bench)


def rivals(bench: Bench) -> None:
    """The same photos through what one would pick instead: see rivals.py."""
    import rivals as others

    others.compare(bench)


DO = {"start": start, "live": live, "backlog": backlog, "importing": importing, "memory": memory_of_a_thousand, "years": years, "rivals": rivals}


def main() -> int:
    """Exit status 1 when a budget was missed, 2 when a part failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--work", type=Path, help="a folder to work in, which stays")
    parser.add_argument("--photos", type=Path, default=phone.ORIGINALS, help="originals to make the photos from")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown or not (options.parts or options.all):
        parser.error(f"which parts? {', '.join(PARTS)}, or --all")
    parts, failed = PARTS if options.all else tuple(options.parts), []
    with tempfile.TemporaryDirectory(prefix="photodiary-budgets-") as temporary:
        work = (options.work or Path(temporary)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        bench = Bench(work, options.quick, Results(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", measuring.machine()), options.photos)
        print(f"{bench.results.date}: {bench.results.machine}\nworking in {work}", flush=True)
        for part in parts:
            began = time.monotonic()
            try:
                DO[part](bench)
            except Exception:  # noqa: BLE001 - the other parts are still worth measuring
                failed.append(part)
                traceback.print_exc()
            print(f"  ({part}: {time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.2f})", flush=True)
            for left in work.iterdir():
                if left.name != "photos":
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
        target = Path(__file__).parent if options.all and not options.quick and not failed else work if options.work else None
        if target is not None:
            bench.results.write(target)
    print(f"\n{bench.results.verdict()}" + (f"\nfailed: {', '.join(failed)}" if failed else ""))
    return 2 if failed else int(not bench.results.kept_all())


if __name__ == "__main__":
    sys.exit(main())
