"""Metrics beside an engine: nothing where nobody wants them, and no trouble of theirs is the service's."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.metrics.test_server import free_port
from tests.support.daemon import Diary
from tests.support.dots import DotLocator, photo

from photodiary.archive.reserve import DiskConfig
from photodiary.diary.photo import digest_of
from photodiary.ledger import photos
from photodiary.metrics.config import MetricsConfig
from photodiary.run import card, observing
from photodiary.run.engine import Engine
from photodiary.run.gathering import Gathering, troubles
from photodiary.run.observing import Observing
from photodiary.settings import Settings, load


class Told:
    """Stands in for the log of observing.py: codes in their order."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def warning(self, sentence: str, code: str) -> None:
        self.codes.append(code)

    info = error = exception = warning


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told()
    monkeypatch.setattr(observing, "log", told)
    monkeypatch.setattr(observing, "WRITE_EVERY_S", 0.05)
    monkeypatch.setattr(observing, "LISTEN_AGAIN_S", 0.0)
    monkeypatch.delenv("LISTEN_FDS", raising=False)
    return told


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """It is not started: it does nothing by itself."""
    engine = Engine(load(Diary(tmp_path / "home").config), lambda settings: DotLocator())
    yield engine
    engine.close()


def having(engine: Engine, **metrics: str) -> Settings:
    return engine.settings.model_copy(update={"metrics": MetricsConfig(**metrics)})


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def get(port: int, path: str, seconds: float = 5) -> tuple[int, str]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)) as line:
        line.request("GET", path)
        answer = line.getresponse()
        return answer.status, answer.read().decode()


def sockets() -> set[str]:
    links = set()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            links.add(os.readlink(f"/proc/self/fd/{number}"))
    return {link for link in links if link.startswith("socket:")}


def threads() -> int:
    return sum(thread.name == "metrics" for thread in threading.enumerate())


def test_nobody_wants_them(engine: Engine, told: Told) -> None:
    """Without file and address there is no thread, no descriptor, and nothing is said."""
    before = set(os.listdir("/proc/self/fd"))
    watching = Observing(having(engine), engine)
    watching.tick(time.monotonic())
    assert threads() == 0 and set(os.listdir("/proc/self/fd")) == before and told.codes == []
    watching.close()


def test_a_file_alone_needs_no_socket(engine: Engine, told: Told, tmp_path: Path) -> None:
    """With a file only, there is a thread and no socket; a folder that is missing is told once, and once that it is there."""
    before = sockets()
    path = tmp_path / "later" / "photodiary.prom"
    watching = Observing(having(engine, textfile=str(path)), engine)
    watching.tick(time.monotonic())
    try:
        until(lambda: "metrics.unwritten" in told.codes)
        time.sleep(0.3)
        assert sockets() == before and threads() == 1
        path.parent.mkdir()
        until(path.exists)
        until(lambda: "metrics.written" in told.codes)
        assert told.codes == ["metrics.unwritten", "metrics.written"]
        watching.tick(time.monotonic())
    finally:
        watching.close()
    assert not path.exists() and threads() == 0


def test_an_address_that_is_taken_is_tried_again(engine: Engine, told: Told) -> None:
    """Another program's port is told once; when it is free, it is answered there."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = int(other.getsockname()[1])
        watching = Observing(having(engine, listen=f"127.0.0.1:{port}"), engine)
        for _ in range(3):
            watching.tick(time.monotonic())
        assert told.codes == ["metrics.unheard"]
    try:
        watching.tick(time.monotonic())
        assert get(port, "/health")[0] == 200 and told.codes == ["metrics.unheard"]
    finally:
        watching.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_faults_of_ours_end_nothing(engine: Engine, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the gathering is told once and answered with 500; a thread that ends is followed by another one; a main thread that stands still is told."""
    port = free_port()
    watching = Observing(having(engine, listen=f"127.0.0.1:{port}"), engine)
    watching.tick(time.monotonic())
    try:
        with monkeypatch.context() as broken:
            broken.setattr(Gathering, "facts", lambda self: 1 / 0)
            assert get(port, "/metrics")[0] == get(port, "/health")[0] == 500
        assert get(port, "/health")[0] == 200
        with monkeypatch.context() as broken:
            broken.setattr(Gathering, "facts", lambda self: exec("raise SystemExit"))
            with pytest.raises((OSError, http.client.HTTPException)):
                get(port, "/metrics", 0.3)
            until(lambda: threads() == 0)
        watching.tick(time.monotonic())
        assert get(port, "/health")[0] == 200 and threads() == 1
        assert told.codes == ["metrics.error", "metrics.ended"]
        watching.tick(time.monotonic() - 500)
        status, said = get(port, "/health")
        assert (status, [reason["reason"] for reason in json.loads(said)["reasons"]]) == (503, ["stalled"])
    finally:
        watching.close()


def test_every_trouble_has_its_code(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `status` tells in words comes out as one of a few codes, all at once and each alone."""
    (house,) = engine.houses

    def codes() -> set[str]:
        return set(troubles(engine, house))

    assert codes() == set()

    def alone(code: str, thing: Any, name: str, value: Any) -> None:
        with monkeypatch.context() as wrong:
            wrong.setattr(thing, name, value)
            assert codes() == {code} and engine.degraded(house), code

    alone("inbox", house.inbox, "problem", "the inbox /home/me/x cannot be read: no")
    alone("model", engine.following, "trouble", "the model x cannot be loaded")
    alone("memory", engine.locator, "trouble", "the graphics card is short of memory")
    alone("card", engine, "_card_trouble", card.TROUBLE)
    alone("trouble", engine.loops[1], "trouble", "something is in the way")
    alone("stalled", engine.loops[2].pulse, "patience_s", -1.0)
    with monkeypatch.context() as full:
        full.setattr(engine, "settings", engine.settings.model_copy(update={"disk": DiskConfig(reserve_mb=1_000_000)}))
        free = os.statvfs(house.archive.root)
        assert codes() == ({"disk"} if free.f_bavail * free.f_frsize < 1e12 else set())
    engine.waiting["anna"] = "its disk refuses"
    monkeypatch.setattr(engine, "settings", engine.settings.model_copy(update={"diary": {**engine.settings.diary, "anna": engine.settings.diary["me"]}}))
    gathering = Gathering(engine)
    assert gathering.facts().troubles == {"anna": ["waiting"]}
    gathering.close()


def test_what_is_dear_is_asked_seldom(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is counted while nobody has written; what is dear waits, after it was asked, a thousand times as long as it took."""
    from photodiary.run import gathering as module

    asked: list[str] = []
    for name in ("quick", "slow"):
        real = getattr(module.metering, name)
        monkeypatch.setattr(module.metering, name, lambda ledger, name=name, real=real: (asked.append(name), real(ledger))[1])
    monkeypatch.setattr(module, "FRESH_S", 0.0)
    monkeypatch.setattr(module, "DEAR_SOONEST_S", 0.0)
    monkeypatch.setattr(module, "DEAR_TIMES", 0.0)
    gathering = Gathering(engine)
    for _ in range(3):
        gathering.facts()
    assert asked == ["quick", "slow"]
    data = photo(1)
    house = engine.houses[0]
    photos.insert_or_name(
        house.ledger, photos.NewPhoto(digest_of(data), len(data), "jpeg", 4, 3, None, None, "originals/x", photos.Stage.UNDATED), b"one.jpg", 5.0
    )
    assert gathering.facts().diaries[0].stages == {**dict.fromkeys(map(str, photos.Stage), 0), "undated": 1}
    assert asked == ["quick", "slow", "quick", "slow"]
    monkeypatch.setattr(module, "DEAR_TIMES", 1e9)
    photos.insert_or_name(house.ledger, photos.NewPhoto("ab" * 32, 9, "jpeg", 4, 3, None, None, "originals/y", photos.Stage.UNDATED), b"two.jpg", 5.0)
    assert (gathering.facts().diaries[0].stages or {})["undated"] == 2
    assert asked == ["quick", "slow", "quick", "slow", "quick"]
    gathering.close()


def test_a_diary_that_comes_while_it_runs_is_counted(engine: Engine) -> None:
    """What is served from now on is in the numbers from now on."""
    gathering = Gathering(engine)
    assert [diary.name for diary in gathering.facts().diaries] == ["me"]
    me = engine.settings.diary["me"]
    anna = replace(me, inbox=me.inbox.parent / "in-anna", archive=me.archive.parent / "anna")
    anna.inbox.mkdir()
    engine.welcome(engine.settings.model_copy(update={"diary": {"me": me, "anna": anna}}), "anna")
    gathering._at = float("-inf")
    assert [(diary.name, sum((diary.stages or {"none": 1}).values())) for diary in gathering.facts().diaries] == [("me", 0), ("anna", 0)]
    gathering.close()
