"""Promise: kill -9 anywhere, and a disk that refuses at any moment: the story of faults.py, each kind and place of effect once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.promises.switch import Switch

TEST = "test_a_scan_that_is_broken_at_any_effect_ends_as_an_undisturbed_one"
SWITCHES = (
    Switch("the janitor at start", TEST, "archive/store.py", "removed = self.sweep_rooms()", "return []"),
    Switch(
        "all steps of a new database in one transaction",
        TEST,
        "ledger/store.py",
        'self._db.execute(f"PRAGMA user_version={number + 1}")',
        'self._db.executescript(f"PRAGMA user_version={number + 1}; COMMIT; BEGIN")',
    ),
    Switch(
        "a leftover of the film's making that cannot be removed",
        TEST,
        "render/rendering.py",
        "with suppress(OSError):  # the next start removes it",
        "with suppress(KeyError):",
    ),
)
DRIVER = Path(__file__).with_name("faults.py")


@pytest.mark.slow
@pytest.mark.timeout(600)  # a limit for what hangs; it takes less than a minute
def test_a_scan_that_is_broken_at_any_effect_ends_as_an_undisturbed_one() -> None:
    """Killed right before or after a write, fsync, rename, commit or encoding, or refused by the disk there, and run again: the same rows and files."""
    with subprocess.Popen([sys.executable, str(DRIVER)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True) as driver:
        try:
            told, _ = driver.communicate(timeout=500)
        except BaseException:
            os.killpg(driver.pid, signal.SIGKILL)
            raise
    print(told)
    assert driver.returncode == 0, "the faults above ended in another state; `faults.py --only WORDS --keep FOLDER` repeats them"
    faults = re.search(r"^(\d+) faults: .*'\[same\]': (\d+)", told, re.MULTILINE)
    assert faults is not None and int(faults[1]) >= 40
    assert int(faults[2]) >= 0.9 * int(faults[1]), "most of the effects must be reached"
