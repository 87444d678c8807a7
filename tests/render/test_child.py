"""What making a film in a process of its own promises: the same film, and nothing left over when it goes wrong but what serves the next one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from photodiary.archive import layout
from photodiary.diary.reel import Cell, ReelPlan, chain
from photodiary.errors import BrokenFilm, FrameBroken, RenderFailed, RenderStopped
from photodiary.render.child import render_in_child

from .films import SMALL, TICKS, archive, digest, frame, make, name, plan_of, read, who

FAR = 200  # photos: by then some segments are finished


def long_plan(root: Path, photos: int = 30_000) -> ReelPlan:
    """A film that takes far longer than a test waits."""
    archive(root, 10)
    cells = [Cell(frame(number % 10)) for number in range(photos)]
    return ReelPlan(chain(cells, [digest(number) for number in range(photos)], SMALL), 12 * TICKS, (TICKS,) * photos, (1,) * photos)


def the_child() -> int:
    (child,) = multiprocessing.active_children()
    assert child.pid is not None
    return child.pid


def go_on() -> bool:
    return False


def segments_of(root: Path) -> list[Path]:
    return sorted((root / layout.SEGMENTS).glob("*.segment"))


def test_a_child_makes_the_film(tmp_path: Path) -> None:
    """The film from a child is the same film; the child is nice, ignores Ctrl-C, and loads neither torch nor OpenCV."""
    plan = plan_of(range(26))
    make(plan, archive(tmp_path, 26), tmp_path / "here")
    for segment in segments_of(tmp_path):
        segment.unlink()
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

    made = render_in_child(plan, tmp_path, tmp_path / "there", progress=progress, should_stop=go_on, nice=13)
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()
    assert list(dict.fromkeys(seen)) == list(range(27))
    assert (made.encoded, made.bytes) == (26, (tmp_path / "there").stat().st_size)
    ((niceness, maps),) = looked
    assert niceness >= 13
    assert "/av/" in maps
    assert not any(heavy in maps for heavy in ("/torch/", "/cv2/", "/PIL/"))
    assert multiprocessing.active_children() == []
    assert render_in_child(plan, tmp_path, tmp_path / "again", should_stop=go_on).encoded == 0
    assert render_in_child(plan, tmp_path, tmp_path / "again", full=True, should_stop=go_on).encoded == 26


def test_a_killed_child_is_a_failed_render_and_the_next_goes_on_from_there(tmp_path: Path) -> None:
    """When the child is killed mid-way, the parent says so by name and no film is left; what was encoded until then is not encoded again."""
    target = tmp_path / "film"

    def progress(done: int) -> None:
        if done >= FAR and segments_of(tmp_path):
            os.kill(the_child(), signal.SIGKILL)

    with pytest.raises(RenderFailed, match=r"making the film .*/film died \(exit code -9\)"):
        render_in_child(long_plan(tmp_path), tmp_path, target, progress=progress, should_stop=go_on)
    assert not target.exists()
    assert multiprocessing.active_children() == []
    finished = segments_of(tmp_path)
    shorter = long_plan(tmp_path, 400)
    made = render_in_child(shorter, tmp_path, target, should_stop=go_on)
    assert len(finished) > 3 and made.encoded < 400
    assert who(read(target).frames, range(10)) == [number % 10 for number in range(400)]


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
    assert time.monotonic() - began < 20
    assert not (tmp_path / "film").exists()
    assert multiprocessing.active_children() == []


def test_a_bad_frame_is_named_by_the_child_too(tmp_path: Path) -> None:
    """An error of the child is the same error in the parent, with the same sentence and the frame's name, and no file is left."""
    name(archive(tmp_path, 14), 9).unlink()
    with pytest.raises(FrameBroken, match=r"009\.jpg is missing") as told:
        render_in_child(plan_of(range(14)), tmp_path, tmp_path / "film", should_stop=go_on)
    assert told.value.frame == frame(9) and not (tmp_path / "film").exists()


def test_a_broken_film_of_the_child_is_gone(tmp_path: Path) -> None:
    """A film that cannot be what its plan says is a broken film here too, and no file is left."""
    plan = replace(plan_of(range(14), cells={number: {"pictures": 2} for number in range(14)}), shown=(1,) * 14)  # the encoder was not told of repetitions
    with pytest.raises(BrokenFilm, match=r"repetitions of frames/000.jpg in the film cannot be left out"):
        render_in_child(plan, archive(tmp_path, 14), tmp_path / "film", should_stop=go_on)
    assert not (tmp_path / "film").exists()


def test_a_surprise_in_the_child_is_a_failed_render(tmp_path: Path) -> None:
    """Whatever goes wrong in the child, the parent hears of it in a sentence."""
    plan = plan_of(range(14))
    wrong = replace(plan, shown=plan.shown[:-1])
    with pytest.raises(RenderFailed, match=r"The film .*/film could not be made: ValueError: "):
        render_in_child(wrong, archive(tmp_path, 14), tmp_path / "film", should_stop=go_on)


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
from photodiary.diary.reel import Cell, Coding, ReelPlan, chain
from photodiary.render.child import render_in_child

def progress(done):
    if done == 3 and len(sys.argv) == 2:
        (child,) = multiprocessing.active_children()
        print(child.pid, "av" in sys.modules, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    root = Path(sys.argv[1])
    cells = [Cell(f"frames/{name}.jpg") for name in ("000", "001", "001", *(sys.argv[2:] or ["stuck"]))]
    plan = ReelPlan(chain(cells, ["d", "c", "b", "e"], Coding(96, 120, 96, 120)), 12000, (1000,) * 4, (1,) * 4)
    made = render_in_child(plan, root, root / "film", progress=progress, should_stop=lambda: False)
    print(made.encoded, *(module for module in ("av", "numpy", "photodiary.render.making") if module in sys.modules))
"""


def parent_of_a_child(root: Path, *last: str) -> subprocess.CompletedProcess[str]:
    """A process that makes a film of four photos in a child, and is killed at the third unless it is told what the last one is."""
    (root / "parent.py").write_text(PARENT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(root / "parent.py"), str(root), *last]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=60, check=False)


def test_who_has_a_film_made_loads_nothing_that_makes_films(tmp_path: Path) -> None:
    """Also when it has heard what was made, the daemon has loaded neither PyAV nor anything that reads pictures."""
    parent = parent_of_a_child(archive(tmp_path, 2), "001")
    assert (parent.returncode, parent.stdout.split()) == (0, ["4"])


def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    """When the daemon is killed, its encoder goes too, even one that hangs; and the daemon never loaded PyAV."""
    os.mkfifo(archive(tmp_path, 2) / "frames/stuck.jpg")  # opening it waits for ever: the child can't notice anything by itself
    parent = parent_of_a_child(tmp_path)
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
