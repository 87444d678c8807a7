"""Every row of the list of promises has its tests here, and every promise test belongs to a row."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# The faults and attacks we say something about, and where it is shown; `.py` and `test_` left out.
ROWS: dict[str, tuple[str, ...]] = {
    "half-written file": ("half_written",),
    "missed event, overflow, dead watcher": ("missed_events",),
    "inbox deleted, unmounted, replaced": ("inbox_gone",),
    "the same photo twice, conflict copies": ("same_photo_twice",),
    "temporary and system files": ("temporary_files",),
    "kill -9 anywhere": ("kill_nine", "torture"),
    "power loss": ("power_loss",),
    "disk full": ("disk_full",),
    "truncated photo": ("truncated_photo",),
    "corrupt, wrong extension, empty, not an image": ("corrupt_or_not_an_image",),
    "decompression bomb": ("decompression_bomb",),
    "decoder crash or exploit": ("decoder_crash", "main_process"),
    "symlink, FIFO, device, path tricks, non-UTF-8 and hostile names": ("path_tricks",),
    "archive inside the inbox, inbox inside the archive, same folder for two diaries": ("nested_folders",),
    "user's photo deleted from the inbox": ("deleted_from_inbox",),
    "wrong clock, time zone, DST, 0000:00:00, future dates": ("wrong_clock",),
    "torn or malicious model file": ("model_file",),
    "GPU lost, out of memory": ("gpu_lost",),
    "a thread dies": ("thread_dies",),
    "the film breaks while rendering": ("film_breaks",),
    "review page exposed": ("review_page_exposed",),
    "two daemons on one diary; page, CLI and retrain beside it": ("two_daemons",),
    "upgrade, downgrade": ("upgrade",),
    "a person asks to forget a photo": ("forget",),
    "network": ("no_network",),
    "slow or stuck disk, suspend and resume": ("slow_disk",),
    "exit codes, SIGTERM, SIGHUP": ("stopping",),
}

# Tests that hold many rows at once, or hold the promise tests themselves.
OTHERS = {"rows", "switches", "security_page", "main_process", "torture", "hostile_bytes", "fault_injection"}

NAMED = sorted({name for held in ROWS.values() for name in held})


def switches_of(path: Path) -> int:
    """How many mechanisms a test file turns off, without running it."""
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target if isinstance(statement, ast.AnnAssign) else None
        if isinstance(target, ast.Name) and target.id == "SWITCHES" and isinstance(statement, ast.Assign | ast.AnnAssign):
            return len(statement.value.elts) if isinstance(statement.value, ast.Tuple | ast.List) else 0
    return 0


@pytest.mark.parametrize("name", NAMED)
def test_a_row_has_a_test_that_notices_when_its_mechanism_is_off(name: str) -> None:
    """The file is there, holds tests, says which promise it is of, and names at least one mechanism whose absence it notices."""
    path = HERE / f"test_{name}.py"
    assert path.is_file()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    if name not in OTHERS:
        assert (ast.get_docstring(tree) or "").startswith("Promise: ")
        assert switches_of(path) >= 1


def test_no_row_is_left_out() -> None:
    """Each of the 26 faults and the ways to stop has its tests; none waits for a later issue."""
    assert len(ROWS) == 27 and all(ROWS.values())


def test_every_promise_test_belongs_to_a_row() -> None:
    """A test file that no row names is forgotten sooner or later."""
    there = {path.stem.removeprefix("test_") for path in HERE.glob("test_*.py")}
    assert there - set(NAMED) - OTHERS == set()
