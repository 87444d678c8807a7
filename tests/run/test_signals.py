"""Signals are heard whatever they interrupt, also each other."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.support.daemon import ROOT

from photodiary.run.signals import Signals

STORM = f"""
import os, signal, sys, threading, time
sys.path.insert(0, {str(ROOT / "service")!r})
from photodiary.run.signals import Signals
asked = Signals()
asked.listen()
print("listening", flush=True)
heard = 0
while not asked.stop:
    asked.wait(10)
    heard += asked.nudged
    asked.nudged = False
print(heard > 0, flush=True)
"""


def test_a_storm_of_nudges_does_not_deafen() -> None:
    """Thousands of nudges that come while others are being heard, and then the wish to stop: it stops at once.

    A page with several visitors nudges with every tap; an Event set in a handler that interrupts its own `set` waits for itself for ever.
    """
    process = subprocess.Popen([sys.executable, "-c", STORM], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "listening\n"
    kill = f"import os, signal\nfor _ in range(20000): os.kill({process.pid}, signal.SIGUSR1), os.kill({process.pid}, signal.SIGHUP)"
    storms = [subprocess.Popen([sys.executable, "-c", kill]) for _ in range(2)]
    for storm in storms:
        assert storm.wait(60) == 0
    process.terminate()
    told, _ = process.communicate(timeout=20)
    assert process.returncode == 0 and told == "True\n"


def test_waiting_ends_with_time_or_with_a_signal() -> None:
    """Without a signal it takes as long as it was told; a signal that came before it is not slept through, and many count as one."""
    asked = Signals()
    began = time.monotonic()
    asked.wait(0.05)
    assert time.monotonic() - began >= 0.05
    for _ in range(3):
        asked._on_nudge(10, None)
    began = time.monotonic()
    asked.wait(30)
    assert time.monotonic() - began < 10 and asked.nudged
    began = time.monotonic()
    asked.wait(0.05)
    assert time.monotonic() - began >= 0.05
