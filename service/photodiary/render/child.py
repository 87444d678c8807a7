"""Makes a film in a process of its own, which may be stopped or die without harm, and which dies with us.

The daemon itself never loads PyAV: only the child does, and the child loads nothing of what the daemon holds.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from photodiary.diary.reel import ReelPlan
from photodiary.errors import PhotodiaryError, RenderFailed, RenderStopped
from photodiary.render.made import Made

POLL_SECONDS: Final = 0.2
"""How long a stop may go unnoticed."""

JOIN_SECONDS: Final = 5.0
"""How long a killed child may take to go; one that hangs in a dead disk takes longer, and is left to the system."""

Progress = Callable[[int], None]


def unheard(done: int) -> None:
    pass


def render_in_child(
    plan: ReelPlan, root: Path, target: Path, *, full: bool = False, progress: Progress = unheard, should_stop: Callable[[], bool], nice: int = 10
) -> Made:
    """`Making.make` in a child process at niceness `nice` (or the present one, if that is higher).

    `progress` (photos in segments so far) and `should_stop` are called in this process, by the calling thread; the child dies
    with that thread.  Unless this returns, there is no file at `target`; the segments that were finished stay.

    Raises what `make` raises (FrameBroken, StorageTrouble, BrokenFilm, RenderFailed), RenderFailed also when
    the child dies, and RenderStopped within `POLL_SECONDS` of `should_stop()` becoming true.
    """
    context = multiprocessing.get_context("spawn")
    inbox, outbox = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(plan, root, target, full, nice, os.getpid(), outbox), name="render", daemon=True)
    with inbox:
        try:
            with outbox:  # the child's end: closed here once it has it, so that its death ends the pipe
                _start(child)
            made = _follow(child, inbox, target, progress, should_stop)
        except BaseException:
            if child.pid is not None:
                child.kill()
                child.join(JOIN_SECONDS)
            with suppress(OSError):
                target.unlink(missing_ok=True)
            raise
        child.join(JOIN_SECONDS)
    return made


def _start(child: BaseProcess) -> None:
    """Start `child` with SIGINT blocked, which it inherits and keeps: Ctrl-C is for the parent, even while the child loads."""
    resource_tracker.ensure_running()  # by itself it would start below and unblock SIGINT again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        child.start()
    except OSError as error:
        raise RenderFailed(f"No process could be started to make a film: {error.strerror}.") from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _follow(child: BaseProcess, inbox: Connection, target: Path, progress: Progress, should_stop: Callable[[], bool]) -> Made:
    """Hear the child out: return what it made, raise what it says went wrong."""
    while not should_stop():
        if not inbox.poll(POLL_SECONDS):
            continue
        try:
            message: int | PhotodiaryError | Made = inbox.recv()
        except (EOFError, OSError) as error:  # the pipe ends with the child
            child.join(JOIN_SECONDS)
            raise RenderFailed(f"The process that was making the film {target} died (exit code {child.exitcode}).") from error
        if isinstance(message, PhotodiaryError):
            raise message
        if not isinstance(message, int):
            return message
        progress(message)
    raise RenderStopped(f"Making the film {target} was stopped.")


def _child(plan: ReelPlan, root: Path, target: Path, full: bool, nice: int, parent: int, outbox: Connection) -> None:
    """The child's life: tells `outbox` how many photos were taken in, then what it made, or the error."""
    _die_with(parent)
    _keep_memory()
    os.nice(max(0, nice - os.nice(0)))

    from photodiary.render.making import Making  # here, so that the parent need not load PyAV

    said: Made | PhotodiaryError
    try:
        said = Making(plan, root, outbox.send).make(target, full=full)
    except PhotodiaryError as error:
        said = error
    except Exception as error:  # noqa: BLE001 - whatever it was, the parent must be told
        said = RenderFailed(f"The film {target} could not be made: {type(error).__name__}: {error}.")
    with suppress(BrokenPipeError):  # the parent has died, and the kernel is about to end this process too
        outbox.send(said)


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux); go at once if `parent` is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


def _keep_memory() -> None:
    """Have glibc give large blocks out again instead of back to the kernel: each encoder wants 100 MB, and fresh pages cost 5 % of its time."""
    with suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(-3, 1 << 25)  # M_MMAP_THRESHOLD, at its limit
        libc.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD
        libc.mallopt(-8, 1)  # M_ARENA_MAX: the heaps of other threads are given back whatever is said
