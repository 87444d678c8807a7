"""Promise: exit codes; SIGTERM finishes the current publish and stops within 30 s, a second one leaves at once; SIGHUP keeps the old
configuration when the new one is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.promises.switch import Switch
from tests.support.daemon import Diary
from tests.support.dots import drop, photo

SWITCHES = (
    Switch(
        "hearing signals from the first moment",
        "test_asked_to_stop_while_it_is_still_loading_it_says_goodbye",
        "run/verbs.py",
        "asked.listen()",
        "pass",
    ),
    Switch("leaving at the second signal", "test_a_second_signal_leaves_at_once", "run/signals.py", "os._exit(1)", "return"),
    Switch(
        "the bound on waiting for a thread that is stuck", "test_a_stuck_thread_does_not_hold_up_stopping", "run/engine.py",
        "timeout: float = 25.0", "timeout: float = 300.0"
    ),
    Switch(
        "keeping the old configuration",
        "test_a_wrong_configuration_is_refused_and_the_old_one_stays",
        "run/daemon.py",
        'log.error(f"the configuration is kept as it was: {line}", code="config.refused")\n            return False',
        "raise",
    ),
    Switch(
        "the exit status of a wrong configuration", "test_the_exit_status_says_what_kind_of_trouble_it_is", "cli.py",
        "EXIT_AGAIN, EXIT_CONFIG = 64, 75, 78", "EXIT_AGAIN, EXIT_CONFIG = 64, 75, 1"),
)  # fmt: skip

WITHIN_S = 30.0  # the promise


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    diary = Diary(tmp_path / "me")
    yield diary
    diary.close()


def change_locator(diary: Diary, lines: str) -> None:
    """Let the daemon's program do more before it begins."""
    program = Path(diary.command[1])
    program.write_text(program.read_text().replace("    models.resident", f"{lines}    models.resident"))


def ended(diary: Diary, *signals: int) -> tuple[int, float]:
    """The exit status after these signals, and how many seconds it took from the last one."""
    assert diary._process is not None
    for number, one in enumerate(signals):
        if number:
            time.sleep(0.5)
        os.kill(diary.pid, one)
    began = time.monotonic()
    return diary._process.wait(120), time.monotonic() - began


def test_the_exit_status_says_what_kind_of_trouble_it_is(diary: Diary) -> None:
    """0 fine, 64 for a verb that was called wrongly, 78 for a wrong configuration or model; 75, somebody else at work: see test_two_daemons."""
    assert diary.call("check-config").returncode == 0
    assert diary.call("photos", "no-such-verb").returncode == 64
    assert diary.call("import", str(diary.folder / "nowhere")).returncode == 64
    good = diary.config.read_text()
    for wrong in (good + "\n[film2]\n", good.replace('archive = "archive"', 'archive = "inbox/archive"'), "no toml ["):
        diary.config.write_text(wrong)
        for verb in ("check-config", "run", "status"):
            done = diary.call(verb, timeout=60)
            assert (done.returncode, "config.toml" in done.stderr) == (78, True), (verb, done.stderr)


def test_asked_to_stop_while_it_is_still_loading_it_says_goodbye(diary: Diary) -> None:
    """SIGTERM while the model is being loaded is not lost: it stops with status 0, its locks free, having begun nothing."""
    program = Path(diary.command[1])
    program.write_text("import time\n" + program.read_text().replace("DotLocator.in_force(state)", "(time.sleep(4), DotLocator())[1]"))
    drop(diary.inbox, "1.jpg", photo(1))
    diary.start()
    diary.until_told("configuration: ")
    time.sleep(1)
    assert "watches" not in diary.told()
    status, seconds = ended(diary, signal.SIGTERM)
    assert (status, seconds < WITHIN_S) == (0, True), diary.told()
    assert "photodiary stopped" in diary.told()


def test_a_second_signal_leaves_at_once(diary: Diary) -> None:
    """While it waits for a photo that takes for ever, a second SIGTERM ends it at once, and the next start goes on where it was."""
    change_locator(diary, "    import time; DotLocator.locate_all = lambda *_: time.sleep(600)\n")
    drop(diary.inbox, "1.jpg", photo(1))
    diary.start()
    diary.until(lambda s: s["photos"]["received"] == 1, "taken in")
    time.sleep(0.5)
    status, seconds = ended(diary, signal.SIGTERM, signal.SIGTERM)
    assert (status, seconds < 5) == (1, True), (status, seconds)
    program = Path(diary.command[1])
    program.write_text(program.read_text().replace("time.sleep(600)", "None").replace("DotLocator.locate_all = ", "unused = "))
    diary.start()
    diary.until_film_of(1)
    assert diary.stop() == 0


def test_a_stuck_thread_does_not_hold_up_stopping(diary: Diary) -> None:
    """With a thread that never comes back, SIGTERM still ends the daemon within 30 seconds."""
    change_locator(diary, "    import time; DotLocator.locate_all = lambda *_: time.sleep(600)\n")
    drop(diary.inbox, "1.jpg", photo(1))
    diary.start()
    diary.until(lambda s: s["photos"]["received"] == 1, "taken in")
    time.sleep(0.5)
    status, seconds = ended(diary, signal.SIGTERM)
    assert (status, seconds < WITHIN_S) == (0, True), (status, seconds)
    assert "still busy while stopping: locate" in diary.told()


def test_what_is_being_published_is_finished(diary: Diary) -> None:
    """SIGTERM in the middle of the work leaves nothing half: no temporary, no row without its file, and the film made by the next start shows all."""
    for number in range(12):
        drop(diary.inbox, f"{number}.jpg", photo(number))
    diary.start()
    diary.until(lambda s: s["photos"]["total"] >= 3, "work has begun")
    status, seconds = ended(diary, signal.SIGTERM)
    assert (status, seconds < WITHIN_S) == (0, True), diary.told()
    left = [path for path in diary.archive.rglob(".tmp-*") if path.is_file()]
    assert not left
    assert all((diary.archive / row[kind]).exists() for row in diary.photos() for kind in ("original", "frame") if row[kind])
    diary.start()
    diary.until_film_of(12)
    assert "tidied up" not in diary.told()
    assert diary.stop() == 0


def test_a_wrong_configuration_is_refused_and_the_old_one_stays(diary: Diary) -> None:
    """SIGHUP with a wrong configuration is told and changes nothing; with a right one the new values count, without a restart."""
    diary.start()
    diary.until_told("watches")
    good = diary.config.read_text()
    diary.config.write_text(good.replace('preset = "ultrafast"', 'preset = "fastest"'))
    os.kill(diary.pid, signal.SIGHUP)
    diary.until_told("the configuration is kept as it was")
    diary.config.write_text(good)  # for the verbs; the daemon is not told
    drop(diary.inbox, "1.jpg", photo(1))
    diary.until_film_of(1)
    (diary.folder / "other").mkdir()
    (diary.folder / "other" / "2.jpg").write_bytes(photo(2))
    diary.config.write_text(good.replace('inbox = "inbox"', 'inbox = "other"'))
    before = diary.pid
    os.kill(diary.pid, signal.SIGHUP)
    diary.until_told("configuration read again")
    diary.until_film_of(2)
    assert diary.pid == before and diary.stop() == 0


def test_a_nudge_while_it_loads_is_no_reason_to_die(diary: Diary) -> None:
    """SIGUSR1, which verbs send, and SIGHUP are survived from the first moment on."""
    diary.start()
    diary.until_told("configuration: ")
    for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGUSR1):
        os.kill(diary.pid, number)
    diary.until_told("watches")
    assert subprocess.run(["kill", "-0", str(diary.pid)], check=False).returncode == 0
    assert diary.stop() == 0
