"""What a supervisor is told, and when its watchdog is fed."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from tests.support.supervisor import Listener

from photodiary.errors import StorageTrouble
from photodiary.ledger import glance, wishes
from photodiary.ledger.glance import Glance
from photodiary.ledger.store import Ledger
from photodiary.run import headline, pulse, supervisor
from photodiary.run.pulse import Pulse
from photodiary.run.supervisor import Feeding, Supervisor

BERLIN, AUCKLAND = ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Auckland")


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as made:
        yield made


def heard(listener: Listener, count: int) -> list[dict[str, str]]:
    listener.until(lambda: len(listener.heard) >= count, f"{count} messages", 10)
    return [one.fields for one in listener.heard]


def test_where_nobody_listens_nothing_is_said(tmp_path: Path) -> None:
    """Without the variable, with one that is no address of ours, where nobody is, or where nobody reads: no word, no error, and nobody waits for long."""
    for address in (None, "", "vsock:2:1234", "relative", str(tmp_path / "nowhere"), "/" + 200 * "long", "@", "/tmp/\0"):
        made = Supervisor({} if address is None else {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
        made.ready()
        made.status("words")
        made.alive()
        made.reloading()
        made.stopping()
        assert made.listens == (address is not None and address.startswith(("/", "@")))


def test_a_listener_that_does_not_read_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When its socket is full, a word is given up after a moment, and what has to be heard is said again as soon as it reads."""
    monkeypatch.setattr(supervisor, "SEND_S", 0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "s"))
        made = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "s")})
        end.settimeout(5)
        sent = 0
        while made._send("WATCHDOG=1"):
            sent += 1
        began = time.monotonic()
        made.status("words")
        made.ready()
        assert time.monotonic() - began < 5
        for _ in range(sent):
            end.recv(100)
        for _ in range(2):
            made.status("words")
            made.ready()
        assert [end.recv(100), end.recv(100)] == [b"STATUS=words", b"READY=1"]


def test_each_word_is_said_once(listener: Listener) -> None:
    """A line of how it goes when it changes, ready when it has become so, stopping once; a reason with a line break, or letters that are none, stays one
    line."""
    made = Supervisor({"NOTIFY_SOCKET": listener.address})
    for words in ("a", "a", "b\nREADY=1", "b READY=1", "c \udcff"):
        made.status(words)
    for _ in range(2):
        made.ready()
    made.reloading()
    for _ in range(2):
        made.ready()
        made.stopping()
    assert heard(listener, 7)[:5] == [{"STATUS": "a"}, {"STATUS": "b READY=1"}, {"STATUS": "c ?"}, {"READY": "1"}, listener.heard[4].fields]
    assert listener.heard[4].fields["RELOADING"] == "1" and abs(int(listener.heard[4].fields["MONOTONIC_USEC"]) / 1e6 - time.monotonic()) < 60
    assert [one.fields for one in listener.heard[5:]] == [{"READY": "1"}, {"STOPPING": "1"}]


def test_no_process_of_ours_is_handed_the_socket(monkeypatch: pytest.MonkeyPatch, listener: Listener) -> None:
    """What we start sees none of the variables, and the watchdog of another process is not ours."""
    for name, value in (("NOTIFY_SOCKET", listener.address), ("WATCHDOG_USEC", "2000000"), ("WATCHDOG_PID", str(os.getpid()))):
        monkeypatch.setenv(name, value)
    assert Supervisor().interval_s == 2.0
    seen = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
    assert "NOTIFY_SOCKET" not in seen and "WATCHDOG" not in seen
    for usec, pid in (("2000000", str(os.getpid() + 1)), ("0", ""), ("-5", ""), ("soon", "")):
        assert Supervisor({"NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": usec, "WATCHDOG_PID": pid}).interval_s is None
    assert Supervisor({"WATCHDOG_USEC": "2000000"}).interval_s is None


class Thread:
    """One that may be late."""

    thread: int | None = None

    def __init__(self, called: str) -> None:
        self.called, self.late, self.patience_s = called, False, 0.0


class Mouth:
    """Counts what the watchdog is fed."""

    interval_s = 3.0

    def __init__(self) -> None:
        self.fed = 0

    def alive(self) -> None:
        self.fed += 1


def test_the_watchdog_is_fed_while_nobody_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """One late thread is enough; it is named once, and so is its recovery.  Whoever was frozen as a whole gets a turn to show life first."""
    mouth, now = Mouth(), [100.0]
    feeding = Feeding(mouth, lambda: now[0])  # type: ignore[arg-type]
    loop, watcher = Thread("the align loop"), Thread("the watcher of here")

    def look(seconds: float = 1.0) -> int:
        now[0] += seconds
        before = mouth.fed
        feeding.look()
        return mouth.fed - before

    told: list[tuple[str, str]] = []
    for level in ("error", "info"):
        monkeypatch.setattr(supervisor.log, level, lambda words, *, code, thread, at="": told.append((code, thread)), raising=False)
    feeding.watch([loop, watcher], 7.5)
    assert (loop.patience_s, watcher.patience_s) == (7.5, 7.5)
    assert [look(), look()] == [1, 1]
    loop.late = True
    assert [look(), look()] == [0, 0]
    watcher.late, loop.late = True, False
    assert [look(), look()] == [0, 0]
    watcher.late = False
    assert look() == 1
    loop.late = True
    assert look(60.0) == 1, "nobody could have shown life"
    assert look() == 0
    assert look(60.0) == 0, "who was late before stays so"
    stalled, recovered = "watchdog.stalled", "watchdog.recovered"
    assert told == [
        (stalled, "the align loop"),
        (stalled, "the watcher of here"),
        (recovered, "the align loop"),
        (recovered, "the watcher of here"),
        (stalled, "the align loop"),
    ]


def test_how_late_a_thread_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten minutes with our units as without a watchdog; a reader of photos that may take longer than usual has its time twice."""
    ours = Feeding(Supervisor({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "240000000"}))
    alone = Feeding(Supervisor({}))
    assert ours.patience_s(pulse.USUAL_S, 30.0, 30.0) == alone.patience_s(pulse.USUAL_S, 30.0, 30.0) == 600.0
    assert ours.patience_s(pulse.USUAL_S, 1800.0, 30.0) == 600.0 + 2 * 1770.0 and alone.patience_s(pulse.USUAL_S, 5.0, 30.0) == 600.0
    now = [0.0]
    monkeypatch.setattr(pulse, "time", SimpleNamespace(monotonic=lambda: now[0]))
    one = Pulse("one")
    one.patience_s = 10.0
    one.beat(30.0)
    for now[0], late in ((0.0, False), (39.9, False), (40.1, True)):
        assert one.late == late
    one.beat()
    assert not one.late and pulse.where(one.thread).endswith("(where)") and pulse.where(None) == ""


def test_how_it_goes_in_one_line() -> None:
    """Numbers of all diaries, the newest film on the clock of its own diary and with its day when that is over, and what is wrong before all."""
    now = datetime(2026, 11, 26, 2, 30, tzinfo=UTC)
    film = datetime(2026, 11, 26, 2, 0, tzinfo=UTC).timestamp()
    assert headline.line([(Glance(1204, 2, 0, film), BERLIN)], [], now) == "1,204 frames, 2 to check, film 03:00"
    assert headline.line([], [], now) == "0 frames, 0 to check, no film yet"
    assert headline.line([(Glance(1, 0, 312, None), BERLIN)], [], now) == "1 frame, 0 to check, 312 waiting, no film yet"
    both = [(Glance(1204, 2, 1, film), BERLIN), (Glance(10, 1, 2, film + 60), AUCKLAND)]
    assert headline.line(both, [], now) == "1,214 frames, 3 to check, 3 waiting, film 15:01"
    assert headline.line(both[:1], [], datetime(2026, 11, 27, tzinfo=UTC)).endswith("film 26 Nov 2026 03:00")
    assert headline.line(both[:1], ["the disk is full", "more"], now) == "the disk is full; 1,204 frames, 2 to check, 1 waiting, film 03:00"
    assert headline.line([], ["x" * 500], now) == "x" * 119 + "…", "no numbers where none could be read"


def test_a_diary_is_counted_again_when_something_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By this connection or another one; otherwise what was counted is true still.  Files on their way are told at once."""
    asked: list[Ledger] = []
    real = glance._counted

    def counted(ledger: Ledger) -> Glance:
        asked.append(ledger)
        return real(ledger)

    monkeypatch.setattr(glance, "_counted", counted)
    ledger, other, glances = Ledger(tmp_path), Ledger(tmp_path), headline.Glances()
    for _ in range(3):
        assert glances.of("me", ledger) == Glance()
    wishes.note(other, held=3)
    assert glances.of("me", ledger).waiting == 3 and len(asked) == 1
    for number, by in enumerate((ledger, other), 2):
        wishes.make(by, "render", {}, 1.0)
        assert glances.of("me", ledger) == glances.of("me", ledger) and len(asked) == number

    def refused(ledger: Ledger) -> Glance:
        raise StorageTrouble("the disk does not answer")

    monkeypatch.setattr(glance, "glance", refused)
    wishes.note(ledger, held=9)
    assert glances.of("me", ledger).waiting == 3, "as it was when it could be read last"
    with pytest.raises(StorageTrouble):
        headline.Glances().of("me", ledger)
    ledger.close()
    other.close()
