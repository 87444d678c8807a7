"""A supervisor hears the truth, from a real daemon: when it is ready, how it goes, that it reads its configuration again, that it stops."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.daemon import QUICK, Diary
from tests.support.dots import drop, photo
from tests.support.supervisor import Listener

SLOW = """
    import time
    from photodiary.run import daemon
    daemon.CHECK_EVERY_S = 0.3
    real = DotLocator.locate
    def slowly(self, view, gallery=None):
        if not Path({answered!r}).exists():
            time.sleep(2)
            Path({answered!r}).touch()
        return real(self, view, gallery)
    DotLocator.locate = slowly
"""


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    diary = Diary(tmp_path / "me", config=QUICK.replace("scan_every = 5.0", "scan_every = 1.0"))
    diary.loaded_first = True
    yield diary
    diary.close()


def test_a_supervisor_hears_the_truth_from_the_start_to_the_end(diary: Diary) -> None:
    """Ready only after the model has answered, which takes two seconds here; each word about how it goes is true when it is said; a new configuration, a
    wrong one and the end are announced; and no process of the daemon's is handed the socket."""
    answered = diary.folder / "answered"
    program = Path(diary.command[1])
    program.write_text(program.read_text().replace("    models.resident", f"{SLOW.format(answered=str(answered))}    models.resident"))
    with Listener(answered.exists) as supervisor:
        diary.environment |= {"NOTIFY_SOCKET": supervisor.address, "WATCHDOG_USEC": "30000000"}
        diary.start()
        supervisor.until(lambda: supervisor.told("READY") == ["1"], "ready")
        ready = next(heard for heard in supervisor.heard if "READY" in heard.fields)
        assert ready.witness, "the model had not answered"
        assert supervisor.told("STATUS")[:2] == ["loading the model", "0 frames, 0 to check, no film yet"]
        assert not supervisor.heard[0].witness and supervisor.heard[0].fields == {"STATUS": "loading the model"}
        assert all(heard.at >= ready.at for heard in supervisor.heard if "WATCHDOG" in heard.fields)

        for number in range(3):
            drop(diary.inbox, f"{number}.jpg", photo(number))
        diary.until_film_of(3)
        made = diary.me()["reel"]["rendered_at"]
        supervisor.until(lambda: supervisor.told("STATUS")[-1].startswith("3 frames, 0 to check, film "), "three frames")
        hour, minute = (int(part) for part in supervisor.told("STATUS")[-1][-5:].split(":"))
        assert (minute, (hour - int(made[11:13])) % 24 in (1, 2)) == (int(made[14:16]), True), "on the clock of Berlin"
        seen = [int(words.split(" ", 1)[0]) for words in supervisor.told("STATUS")[1:]]
        assert seen == sorted(seen) and len(set(supervisor.told("STATUS"))) == len(supervisor.told("STATUS")), "said when it changes"

        (diary.folder / "inbox").rename(diary.folder / "gone")
        supervisor.until(lambda: supervisor.told("STATUS")[-1].startswith(f"the inbox {diary.inbox} cannot be read"), "what is the matter")
        assert "3 frames" in supervisor.told("STATUS")[-1]
        (diary.folder / "gone").rename(diary.folder / "inbox")
        supervisor.until(lambda: supervisor.told("STATUS")[-1].startswith("3 frames"), "that it is there again")

        good = diary.config.read_text()
        for text, words in ((good + "[film2]\n", "the configuration is kept as it was"), (good, "configuration read again")):
            before = len(supervisor.heard)
            diary.config.write_text(text)
            os.kill(diary.pid, signal.SIGHUP)
            supervisor.until(lambda before=before: any("READY" in heard.fields for heard in supervisor.heard[before:]), "ready again")  # type: ignore[misc]
            told = [heard for heard in supervisor.heard[before:] if heard.fields.keys() & {"RELOADING", "READY"}]
            assert [sorted(heard.fields) for heard in told] == [["MONOTONIC_USEC", "RELOADING"], ["READY"]]
            assert told[0].at - 10 < int(told[0].fields["MONOTONIC_USEC"]) / 1e6 <= told[0].at
            assert words in diary.told()

        drop(diary.inbox, "3.jpg", photo(3))
        diary.until_film_of(4)  # workers, and what makes films
        family = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and _parent(int(pid)) == diary.pid]
        assert family and not [pid for pid in family if b"NOTIFY_SOCKET" in Path(f"/proc/{pid}/environ").read_bytes()]
        assert diary.stop() == 0
        assert supervisor.heard[-1].fields == {"STOPPING": "1"} and supervisor.told("STOPPING") == ["1"]


def _parent(pid: int) -> int:
    try:
        return int(re.sub(r".*\)", "", Path(f"/proc/{pid}/stat").read_text()).split()[1])
    except OSError:
        return 0
