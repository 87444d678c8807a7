"""The torture journey, short enough for every day: see torture.py for what is done, and how to do more of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SEED = os.environ.get("TORTURE_SEED", "1844")  # not PHOTODIARY_..., which the service would refuse as a misspelt setting; 1844: the first photo book
DRIVER = Path(__file__).with_name("torture.py")


@pytest.mark.slow
@pytest.mark.timeout(1200)  # a limit for what hangs; it takes about a minute
def test_thirty_kills_lose_nothing_and_double_nothing() -> None:
    """Kills at any moment, a full disk and an inbox that goes away lose no photo, double none, leave nothing over, and touch nothing in the inbox."""
    command = [sys.executable, str(DRIVER), "--kills", "30", "--seed", SEED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True) as driver:
        try:
            told, _ = driver.communicate(timeout=1100)
        except BaseException:
            os.killpg(driver.pid, signal.SIGKILL)
            raise
    print(told)
    assert driver.returncode == 0, f"seed {SEED}: promises were broken, the log above says which and how to repeat it"
    assert len(re.findall(r"  kill +daemon ", told)) >= 12
    assert len(re.findall(r"  kill ", told)) == 30
    if os.geteuid() == 0:
        assert "NOT DONE" not in told, "as root nothing is left out"
