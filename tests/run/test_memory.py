"""Free memory goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest
from tests.support.daemon import ROOT

PROGRAM = """
import sys
sys.path.insert(0, {service!r})
from pathlib import Path
from photodiary.run import memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

memory.be_modest()
pieces = [bytearray(50_000) for _ in range(2_000)]
for place in range(0, 2_000, 2):
    pieces[place] = bytearray(1)
full = resident()
kept = pieces[-1]
del pieces[:-2]
before = resident()
memory.give_back()
print(full, before, resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_what_is_free_is_given_back() -> None:
    """After many pieces of memory were let go while one behind them stays, giving back frees most of what they took."""
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(service=str(ROOT / "service"))], capture_output=True, text=True, timeout=60, check=True)
    full, before, after = (int(number) for number in done.stdout.split())
    assert after <= before <= full and after < full - 40_000_000
