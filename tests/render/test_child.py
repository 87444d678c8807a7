"""What making a film in a process of its own promises: the same film, and nothing left over when it goes wrong."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from photodiary.diary.reel import ReelPlan, ReelStyle
from photodiary.errors import BrokenFilm, FrameBroken, RenderFailed, RenderStopped
from photodiary.render.child import render_in_child
from photodiary.render.film import encode

FAR = 200  # photos: by then the encoder has begun to write


def plan_of(root: Path, count: int) -> ReelPlan:
    names = tuple(f"{number:03}.jpg" for number in range(count))
    for number, name in enumerate(names):
        (root / name).write_bytes(cv2.imencode(".jpg", np.full((80, 64, 3), 8 * number, np.uint8))[1].tobytes())
    return ReelPlan(names, 64, 80, ReelStyle())


def long_plan(root: Path) -> ReelPlan:
    """A film that takes far longer than a test waits."""
    short = plan_of(root, 2)
    return replace(short, frames=short.frames * 50_000)


def the_child() -> int:
    (child,) = multiprocessing.active_children()
    assert child.pid is not None
    return child.pid


def go_on() -> bool:
    return False


def test_a_child_makes_the_film(tmp_path: Path) -> None:
    """The film from a child is the same film; the child is nice, ignores Ctrl-C, and loads neither torch nor OpenCV."""
    plan = plan_of(tmp_path, 26)
    encode(plan, tmp_path, tmp_path / "here")
    seen: list[int] = []
    looked: list[tuple[int, str]] = []

    def progress(done: int) -> None:
        seen.append(done)
        if done == 1:
            os.kill(the_child(), signal.SIGSTOP)
            maps = Path(f"/proc/{the_child()}/maps").read_text()
            looked.append((os.getpriority(os.PRIO_PROCESS, the_child()), maps))
            os.kill(the_child(), signal.SIGINT)
            os.kill(the_child(), signal.SIGCONT)

    render_in_child(plan, tmp_path, tmp_path / "there", progress=progress, should_stop=go_on, nice=13)
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()
    assert seen == list(range(1, 27))
    ((niceness, maps),) = looked
    assert niceness >= 13
    assert "/av/" in maps
    assert not any(heavy in maps for heavy in ("/torch/", "/cv2/", "/PIL/"))
    assert multiprocessing.active_children() == []


def test_a_killed_child_is_a_failed_render(tmp_path: Path) -> None:
    """When the child is killed mid-way, the parent says so by name and no file is left."""
    target = tmp_path / "film"

    def progress(done: int) -> None:
        if done == FAR:
            assert target.exists()
            os.kill(the_child(), signal.SIGKILL)

    with pytest.raises(RenderFailed, match=r"making the film .*/film died \(exit code -9\)"):
        render_in_child(long_plan(tmp_path), tmp_path, tmp_path / "film", progress=progress, should_stop=go_on)
    assert not target.exists()
    assert multiprocessing.active_children() == []


def test_a_render_can_be_stopped(tmp_path: Path) -> None:
    """Asked to stop, the render ends at once, without a file and without a process left, even if the child hangs."""
    seen: list[int] = []
    began = time.monotonic()

    def progress(done: int) -> None:
        if done == FAR:
            os.kill(the_child(), signal.SIGSTOP)
        seen.append(done)

    with pytest.raises(RenderStopped):
        render_in_child(long_plan(tmp_path), tmp_path, tmp_path / "film", progress=progress, should_stop=lambda: len(seen) >= FAR)
    assert time.monotonic() - began < 10
    assert not (tmp_path / "film").exists()
    assert multiprocessing.active_children() == []


def test_a_bad_frame_is_named_by_the_child_too(tmp_path: Path) -> None:
    """An error of the child is the same error in the parent, with the same sentence, and no file is left."""
    plan = plan_of(tmp_path, 14)
    (tmp_path / "009.jpg").unlink()
    with pytest.raises(FrameBroken, match=r"009\.jpg is missing"):
        render_in_child(plan, tmp_path, tmp_path / "film", should_stop=go_on)
    assert not (tmp_path / "film").exists()


def test_a_child_checks_its_film(tmp_path: Path) -> None:
    """A file that is not the film when the child reads it back is a broken film, and is gone."""
    plan = plan_of(tmp_path, 2)
    plan = replace(plan, frames=plan.frames * FAR)
    target = tmp_path / "film"

    def progress(done: int) -> None:
        if done == FAR:
            os.kill(the_child(), signal.SIGSTOP)
            target.unlink()
            target.write_bytes(b"something else")
            os.kill(the_child(), signal.SIGCONT)

    with pytest.raises(BrokenFilm, match="/film can't be read back"):
        render_in_child(plan, tmp_path, target, progress=progress, should_stop=go_on)
    assert not target.exists()


def test_a_progress_that_fails_ends_the_child(tmp_path: Path) -> None:
    """An error in the caller's own callback comes through, and takes the child and its file with it."""

    def progress(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_in_child(long_plan(tmp_path), tmp_path, tmp_path / "film", progress=progress, should_stop=go_on)
    assert not (tmp_path / "film").exists()
    assert multiprocessing.active_children() == []


PARENT = """
import multiprocessing, os, signal, sys, time
from pathlib import Path
from photodiary.diary.reel import ReelPlan, ReelStyle
from photodiary.render.child import render_in_child

def progress(done):
    if done == 3:
        (child,) = multiprocessing.active_children()
        print(child.pid, "av" in sys.modules, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    root = Path(sys.argv[1])
    plan = ReelPlan(("000.jpg", "001.jpg", "000.jpg", "stuck.jpg"), 64, 80, ReelStyle())
    render_in_child(plan, root, root / "film", progress=progress, should_stop=lambda: False)
"""


def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    """When the daemon is killed, its encoder goes too, even one that hangs; and the daemon never loaded PyAV."""
    plan_of(tmp_path, 2)
    os.mkfifo(tmp_path / "stuck.jpg")  # opening it waits for ever: the child can't notice anything by itself
    (tmp_path / "parent.py").write_text(PARENT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.run(
        [sys.executable, str(tmp_path / "parent.py"), str(tmp_path)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert parent.returncode == -signal.SIGKILL
    child, loaded = parent.stdout.split()
    assert loaded == "False"
    deadline = time.monotonic() + 10
    while running(int(child)):
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.02)


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")
