"""Promise: a thread dies.  Every thread is checked: a loop that ends, gives up or is stuck is seen, systemd's watchdog is fed only while none is, and
a restart mends it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.promises.switch import Switch
from tests.support.daemon import QUICK, Diary
from tests.support.dots import photo
from tests.support.supervisor import Listener

SWITCHES = (
    Switch(
        "looking whether every loop is alive",
        "test_a_loop_that_ends_makes_the_daemon_leave_and_the_next_one_goes_on",
        "run/daemon.py",
        "if loop.gave_up or not loop.alive:",
        "if False:",
    ),
    Switch(
        "giving up after the same surprise again and again",
        "test_a_loop_that_fails_for_ever_gives_up",
        "run/loop.py",
        "if failures >= MOST_FAILURES:",
        "if False:",
    ),
    Switch(
        "looking whether the schedule is alive",
        "test_a_schedule_that_ends_makes_the_daemon_leave",
        "run/daemon.py",
        "if not schedule.alive:",
        "if False:",
    ),
    Switch(
        "noticing a loop that is stuck",
        "test_a_loop_that_is_stuck_is_told_in_status_and_one_that_works_is_not",
        "run/loop.py",
        "if self.pulse.late:",
        "if False:",
    ),
    Switch(
        "a film that says how far it is",
        "test_a_loop_that_is_stuck_is_told_in_status_and_one_that_works_is_not",
        "run/filming.py",
        "self.beat()",
        "pass",
    ),
    Switch(
        "arming a watcher again whose thread is gone",
        "test_a_watcher_that_dies_costs_no_photo_and_is_there_again",
        "inbox/watcher.py",
        "return self._reader.is_alive() and self.is_alive() and all(e.is_alive() for e in self.emitters)",
        "return True",
    ),
    Switch(
        "feeding the watchdog only while every thread is fresh",
        "test_the_watchdog_is_fed_only_while_every_thread_is_fresh",
        "run/supervisor.py",
        "if not self._stuck:",
        "if True:",
    ),
    Switch("asking the watchers whether they hear", "test_the_watchdog_is_fed_only_while_every_thread_is_fresh", "run/daemon.py", "watcher.ask()", "pass"),
    Switch(
        "having the schedule show life",
        "test_the_watchdog_is_fed_only_while_every_thread_is_fresh",
        "run/schedule.py",
        "self.pulse.beat(self._life_every_s)",
        "self.pulse.beat(1e9)",
    ),
)

IMPATIENT = "    from photodiary.run import daemon, loop; import threading, time\n    daemon.CHECK_EVERY_S = 0.5; loop.TROUBLE_SLEEP_S = 0.01\n"


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    diary = Diary(tmp_path / "me", config=QUICK.replace("scan_every = 5.0", "scan_every = 3.0"))
    yield diary
    diary.close()


def changed(diary: Diary, lines: str) -> str:
    """Let the daemon's program do this before it begins.  Returns the program as it was."""
    program = Path(diary.command[1])
    before = program.read_text()
    program.write_text(before.replace("    models.resident", f"{IMPATIENT}{lines}    models.resident"))
    return before


def left(diary: Diary, seconds: float = 60) -> int | None:
    """The exit status of a daemon that leaves by itself, None when it does not."""
    assert diary._process is not None
    end = time.monotonic() + seconds
    while diary._process.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    return diary._process.poll()


def test_a_loop_that_ends_makes_the_daemon_leave_and_the_next_one_goes_on(diary: Diary) -> None:
    """When a thread ends without a word, the daemon says which and leaves with status 1; the next start goes on with the photo it had."""
    before = changed(diary, "    DotLocator.locate_all = lambda *_: sys.exit('this ends the thread and nothing else')\n")
    (diary.inbox / "1.jpg").write_bytes(photo(1))
    diary.start()
    assert left(diary, 30) == 1, diary.told()
    assert "the locate loop has stopped; leaving, so that a restart mends it" in diary.told()
    Path(diary.command[1]).write_text(before)
    diary.start()
    diary.until_film_of(1)
    assert diary.stop() == 0


def test_a_loop_that_fails_for_ever_gives_up(diary: Diary) -> None:
    """The same surprise again and again is a broken invariant: each is told with its traceback, then the daemon leaves with status 1."""
    changed(diary, "    from photodiary.inbox.inbox import Inbox\n    Inbox.wait_s = lambda *_: 1 / 0\n")
    diary.start()
    assert left(diary, 30) == 1, diary.told()
    assert diary.told().count("ZeroDivisionError") >= 20
    assert "the intake loop has stopped" in diary.told()


def test_a_schedule_that_ends_makes_the_daemon_leave(diary: Diary) -> None:
    """The schedule's thread is checked like the loops."""
    changed(
        diary,
        "    from apscheduler.schedulers.background import BackgroundScheduler as B\n    import os\n    process = B._process_jobs\n"
        f"    B._process_jobs = lambda self: sys.exit('ended') if os.path.exists({str(diary.folder / 'end')!r}) else (process(self), 0.2)[1]\n",
    )
    diary.start()
    diary.until_told("watches")
    time.sleep(1)
    assert left(diary, 0) is None
    (diary.folder / "end").touch()
    assert left(diary, 30) == 1, diary.told()
    assert "the schedule has stopped" in diary.told()


def test_a_loop_that_is_stuck_is_told_in_status_and_one_that_works_is_not(diary: Diary) -> None:
    """A thread that hangs in one photo is named in `status`, which is not well then; a long film, which goes on frame by frame, is not taken for one."""
    changed(
        diary,
        "    from photodiary.run import pulse\n    pulse.USUAL_S = 5.0; loop.LONGEST_SLEEP_S = 0.5; real = DotLocator.locate_all\n"
        f"    DotLocator.locate_all = lambda *a: time.sleep(600) if Path({str(diary.folder / 'hang')!r}).exists() else real(*a)\n"
        "    from photodiary.render import rendering\n    rendered = rendering.Rendering.render\n"
        "    def slowly(self, now, *, progress, **more):\n"
        "        for done in range(40):\n            time.sleep(0.25)\n            progress(done)\n"
        "        return rendered(self, now, progress=progress, **more)\n"
        "    rendering.Rendering.render = slowly\n",
    )
    (diary.inbox / "1.jpg").write_bytes(photo(1))
    diary.start()
    seen: list[str] = []
    diary.until(lambda s: bool(seen.extend(diary.status()["degraded"]) or s["reel"] is not None), "a slow film")
    assert seen == [], "a film that takes twice as long as a stuck thread may is no stuck thread"
    assert diary.call("status", "--check").returncode == 0
    (diary.folder / "hang").touch()
    (diary.inbox / "2.jpg").write_bytes(photo(2))
    end = time.monotonic() + 40
    while not (told := diary.status()["degraded"]) and time.monotonic() < end:
        time.sleep(0.3)
    assert [reason.partition(" has not moved")[0] for reason in told] == ["the locate loop"]
    assert diary.call("status", "--check").returncode == 1


def test_a_watcher_that_dies_costs_no_photo_and_is_there_again(diary: Diary) -> None:
    """When the thread that watches the inbox dies, a photo is found by the next look at the inbox, and the watcher is brought back by it."""
    changed(
        diary,
        "    from watchdog.observers.api import BaseObserver as O\n    import os\n    dispatch = O.dispatch_events\n"
        f"    O.dispatch_events = lambda self, q: sys.exit(0) if os.path.exists({str(diary.folder / 'die')!r}) else dispatch(self, q)\n"
        "    started = O.start\n"
        f"    O.start = lambda self: (started(self), open({str(diary.folder / 'armed')!r}, 'a').write('armed '))\n",
    )
    diary.start()
    diary.until_told("watches")
    both = "armed armed "  # of the inbox, and of the folder that uploads come into
    assert (diary.folder / "armed").read_text() == both
    (diary.folder / "die").touch()
    (diary.inbox / "1.jpg").write_bytes(photo(1))
    diary.until_film_of(1)
    os.unlink(diary.folder / "die")
    end = time.monotonic() + 60
    while (diary.folder / "armed").read_text() == both and time.monotonic() < end:
        time.sleep(0.1)
    assert (diary.folder / "armed").read_text().count("armed") > 2, "watched again"
    (diary.inbox / "2.jpg").write_bytes(photo(2))
    diary.until_film_of(2)
    assert diary.stop() == 0


STALLS = """
    from photodiary.run import schedule
    from photodiary.inbox import watcher
    loop.LONGEST_SLEEP_S = 0.3
    def stalling(real, thread):
        def stalled(*given, **named):
            while Path({folder!r}, thread).exists():
                time.sleep(0.02)
            return real(*given, **named)
        return stalled
    begin = loop.Loop.__init__
    loop.Loop.__init__ = lambda self, name, step, *more: begin(self, name, stalling(step, name), *more)
    for owner, name, thread in (
        (schedule.BackgroundScheduler, "_process_jobs", "schedule"), (schedule.Schedule, "_show_life", "job"), (watcher.InotifyFD, "handle_event", "reader"),
        (watcher._Emitter, "build_and_queue_event", "emitter"), (watcher._Handler, "on_any_event", "observer"), (daemon.Learning, "check", "main"),
    ):
        setattr(owner, name, stalling(getattr(owner, name), thread))
"""
THREADS = {
    "intake": "the intake loop", "locate": "the locate loop", "align": "the align loop", "render": "the render loop", "schedule": "the schedule",
    "job": "the schedule", "reader": "the watcher of ", "emitter": "the watcher of ", "observer": "the watcher of ", "main": "the main thread",
}  # fmt: skip
TOGETHER = (("intake", "job", "reader"), ("locate", "observer"), ("align", "schedule", "emitter"), ("render", "main"))  # to wait less
INTERVAL_S = 0.9


def test_the_watchdog_is_fed_only_while_every_thread_is_fresh(diary: Diary) -> None:
    """Whichever kind of thread is stalled, it is named in the log, once, the watchdog hears nothing more, and hears again when all go on."""
    diary.loaded_first = True
    changed(diary, STALLS.format(folder=str(diary.folder)).lstrip("\n"))
    with Listener() as supervisor:
        diary.environment |= {"NOTIFY_SOCKET": supervisor.address, "WATCHDOG_USEC": str(int(INTERVAL_S * 1e6))}
        diary.start()
        supervisor.until(lambda: len(supervisor.told("WATCHDOG")) > 3, "that all threads are fresh")
        for threads in TOGETHER:
            before, called = len(diary.told()), [THREADS[thread] for thread in threads]

            def told(before: int = before) -> list[str]:
                return diary.told()[before:].splitlines()

            for thread in threads:
                (diary.folder / thread).touch()
            supervisor.until(lambda told=told, called=called: all(f"error: {one}" in "".join(told()) for one in called), f"stalled: {called}", 30)  # type: ignore[misc]
            fed = len(supervisor.told("WATCHDOG"))
            time.sleep(1.5 * INTERVAL_S)
            assert len(supervisor.told("WATCHDOG")) == fed, called
            for one in called:
                assert sum(f"error: {one}" in line for line in told()) == (2 if "watcher" in one else 1), told()  # of the inbox, and of the drop folder
            for thread in threads:
                os.unlink(diary.folder / thread)
            supervisor.until(lambda fed=fed: len(supervisor.told("WATCHDOG")) > fed, f"go on: {called}", 30)  # type: ignore[misc]
            assert all(any(one in line and "moves again" in line for line in told()) for one in called)
        assert diary.stop() == 0
