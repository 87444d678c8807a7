"""Diaries that have grown for a hundred years and more (see filled.py): idling, scanning, answering, taking in what comes.  A part of budgets.py."""

from __future__ import annotations

import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

import measuring
from driving import arrivals, at, calm, idle
from filled import fill
from measuring import CONFIG, Service, serving

if TYPE_CHECKING:
    from budgets import Bench


def measure(bench: Bench) -> None:
    """Diaries that have grown for a hundred years and more: idling, scanning, answering, taking in what comes."""
    seed = bench.seed()
    for count in (1000, bench.few(36_500, 5000), bench.few(100_000, 10_000)):
        folder = bench.folder(f"years{count}")
        folder.mkdir()
        (folder / "config.toml").write_text(CONFIG)
        fill(folder, seed, count)
        with serving(folder) as service:
            ready = service.start()
            calm(service)
            bench.results.add(
                "years", f"one scan of {count:,} files", scan(service, bench.few(6, 3)), "ms of CPU", note="all that a nudge to look at the inbox has done"
            )
            if count == 1000:
                continue
            bench.results.add("years", f"start to READY with {count:,} photos", ready, "s")
            if count in (36_500, 5000):
                share = idle(service, bench.few(180, 20))
                bench.results.add("years", f"idle with {count:,} known files", share, "% of a core", at_most=0.4, note="all processes; three scans")
                took = arrivals(service, bench.photos(bench.few(15, 4), first=200))
                bench.results.add(
                    "years", f"closed by rename to durable frame in a diary of {count:,}, p50", at(took, 50), "ms", note=f"{len(took)} photos, one every 2 s"
                )
        if count in (100_000, 10_000):
            verbs(bench, service, count)
        shutil.rmtree(folder)


def scan(service: Service, times: int) -> float:
    """Milliseconds of processor that a look at the whole inbox costs."""
    spent = []
    for _ in range(times):
        before = measuring.cpu_s(service.pid)
        os.kill(service.pid, signal.SIGUSR1)
        time.sleep(3)
        spent.append(1000 * (measuring.cpu_s(service.pid) - before))
    return min(spent)


def verbs(bench: Bench, service: Service, count: int) -> None:
    """What a user waits for, each in a process of its own, the best of three."""
    day, sha256 = (str(value) for value in service.ask("SELECT substr(taken_wall, 1, 10), sha256 FROM photos ORDER BY id LIMIT 1 OFFSET 400")[0])
    asked: list[tuple[list[str], float | None]] = [(["--help"], None), (["status"], 0.5), (["status", "--json"], 0.5), (["photos", "list"], None)]
    asked += [(["photos", "why", sha256[:12]], None), (["photos", "why", day], None)]
    for arguments, most in asked:
        runs = [
            service.verb(*arguments) if arguments != ["--help"] else measuring.timed([*measuring.PROGRAM, "--help"], measuring.ENVIRONMENT) for _ in range(3)
        ]
        wall, spent, _ = min(runs)
        shown = " ".join(arguments[:2]) + {sha256[:12]: " SHA256", day: " DATE"}.get(arguments[-1], "")
        bench.results.add("years", f"`{shown}` on {count:,} photos", wall, "s", at_most=most, note=f"{spent:.2f} s CPU")
