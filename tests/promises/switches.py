"""Turns off each mechanism behind a promise in turn, and fails when the promise's test stays green without it.

    python tests/promises/switches.py [--only WORD] [--jobs N] [--list]

Each `SWITCHES` in the test files of this folder names a mechanism, the text in the service that makes it work, and the test that must notice.
The text is replaced in a copy of the project, never in the project itself, and the test runs there with real processes as always.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
sys.path[:0] = [path for path in (str(ROOT), str(ROOT / "service")) if path not in sys.path]

from tests.promises.switch import Switch  # noqa: E402

LEFT_BEHIND = {".git", ".venv", ".rivals", ".train", ".hypothesis", ".mypy_cache", ".ruff_cache", ".pytest_cache", "__pycache__"}
LINKED = "base.safetensors"  # 12 MB, and nothing that could be turned off
LONGEST_S = 400.0
FAILED = 1  # pytest's exit status when a test failed; anything else but 0 says that the test could not be run


@dataclass(frozen=True)
class Outcome:
    """How a test fared without its mechanism; `noticed` is what we want."""

    noticed: bool
    words: str
    output: str


def collect(folder: Path = HERE) -> list[tuple[Path, Switch]]:
    """Every switch with the test file it stands in."""
    found: list[tuple[Path, Switch]] = []
    for path in sorted(set(folder.glob("test_*.py")) - {folder / "test_switches.py"}):
        spec = importlib.util.spec_from_file_location(f"switches_of_{path.stem}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        found += [(path, switch) for switch in getattr(module, "SWITCHES", ())]
    return found


def wrong_with(switch: Switch, test_file: Path, root: Path = ROOT) -> str | None:
    """Why a switch cannot work: its text or its test is not there (any more)."""
    source = root / "service/photodiary" / switch.file
    if not source.is_file():
        return f"{switch.file} is not there"
    times = source.read_text(encoding="utf-8").count(switch.old)
    if times != 1:
        return f"{switch.file} has {switch.old!r} {times} times"
    text = test_file.read_text(encoding="utf-8")
    missing = [name for name in switch.test.split() if f"def {name}(" not in text]
    return f"{test_file.name} has no {', '.join(missing)}" if missing else None


def turn_off(switch: Switch, root: Path) -> None:
    """Replace the mechanism's text in the project at `root`."""
    source = root / "service/photodiary" / switch.file
    source.write_text(source.read_text(encoding="utf-8").replace(switch.old, switch.new), encoding="utf-8")


def copy_project(target: Path) -> None:
    shutil.copytree(ROOT, target, ignore=lambda folder, names: {name for name in names if name in LEFT_BEHIND or name == LINKED})
    below = Path("service/photodiary/eyenet") / LINKED
    (target / below).symlink_to(ROOT / below)


def try_without(switch: Switch, test_file: Path) -> Outcome:
    """Run the test in a copy of the project that lacks the mechanism."""
    with tempfile.TemporaryDirectory(prefix="photodiary-switch-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / "main"
        copy_project(copy)
        turn_off(switch, copy)
        tests = [f"{copy / test_file.relative_to(ROOT)}::{name}" for name in switch.test.split()]
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--rootdir", str(copy), "-c", str(copy / "pyproject.toml"), *tests]
        environment = {**os.environ, "PYTHONPATH": str(copy / "service")}
        with subprocess.Popen(
            command, cwd=copy, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        ) as run:  # fmt: skip
            try:
                output, _ = run.communicate(timeout=LONGEST_S)
            except subprocess.TimeoutExpired:
                os.killpg(run.pid, signal.SIGKILL)
                return Outcome(False, f"the test did not end within {LONGEST_S:g} s", "")
        with_us = [line for line in output.splitlines() if "INTERNALERROR" in line]
        if run.returncode == FAILED and not with_us:
            return Outcome(True, "noticed", output)
        return Outcome(False, "STAYS GREEN" if run.returncode == 0 else f"the test could not be run (pytest's exit status {run.returncode})", output)


def main() -> int:
    """Exit status 1 when a test stays green without its mechanism, or a switch fits no more."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="those whose words, file or test contain this")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--list", action="store_true", help="say what there is, run nothing")
    options = parser.parse_args()
    chosen = [(path, switch) for path, switch in collect() if options.only in f"{path.name} {switch.what} {switch.file} {switch.test}"]
    if not chosen:
        print(f"no switch has {options.only!r}")
        return 1
    unfit = {switch: why for path, switch in chosen if (why := wrong_with(switch, path)) is not None}
    for switch, why in unfit.items():
        print(f"DOES NOT FIT  {switch.what}: {why}")
    if options.list or unfit:
        print("\n".join(f"{path.stem.removeprefix('test_')}: {switch.what} ({switch.file})" for path, switch in chosen))
        return 1 if unfit else 0
    started, bad = time.monotonic(), 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for (path, switch), outcome in zip(chosen, pool.map(lambda item: try_without(item[1], item[0]), chosen), strict=True):
            print(f"{'ok' if outcome.noticed else 'BAD':4} without {switch.what}: {path.stem} {outcome.words}", flush=True)
            if not outcome.noticed:
                bad += 1
                print(outcome.output[-3000:], flush=True)
    print(f"{len(chosen) - bad} of {len(chosen)} mechanisms are missed by their tests when they are off; {time.monotonic() - started:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
