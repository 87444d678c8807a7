"""One real daemon with everything: a file, an address of its own, and a socket that systemd opened.  What it says is true, and documented."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from tests.metrics.documents import documented_metrics
from tests.metrics.test_server import free_port
from tests.support.daemon import QUICK, Diary
from tests.support.dots import drop, photo

from photodiary.metrics.facts import REASONS

AS_SYSTEMD = """
import os, socket, sys
sock = socket.create_server(("127.0.0.1", int(sys.argv[1])))
os.dup2(sock.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass
class Observed:
    diary: Diary
    own: int  # ports
    passed: int
    textfile: Path

    def configure(self, port: int) -> None:
        quick = QUICK.replace("scan_every = 5.0", "scan_every = 1.0")
        self.diary.config.write_text(f'{quick}[metrics]\ntextfile = "{self.textfile}"\nlisten = "127.0.0.1:{port}"\n')
        self.own = port

    def get(self, path: str, port: int | None = None, method: str = "GET", **headers: str) -> tuple[int, str]:
        with closing(http.client.HTTPConnection("127.0.0.1", port or self.own, timeout=10)) as line:
            line.request(method, path, headers={"Host": f"127.0.0.1:{port or self.own}", **headers})
            answer = line.getresponse()
            return answer.status, answer.read().decode()

    def health(self) -> tuple[int, dict[str, Any]]:
        status, body = self.get("/health")
        return status, json.loads(body)

    def samples(self) -> dict[tuple[str, ...], float]:
        return samples(families(self.get("/metrics")[1]))


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """With two photos in the film, one without a face, and a film of them."""
    folder = tmp_path_factory.mktemp("observed")
    diary = Diary(folder / "home")
    (folder / "collected").mkdir()
    made = Observed(diary, 0, free_port(), folder / "collected" / "photodiary.prom")
    made.configure(free_port())
    (folder / "as-systemd.py").write_text(AS_SYSTEMD)
    diary.command = [sys.executable, str(folder / "as-systemd.py"), str(made.passed), *diary.command]
    for number in (1, 2, 3):
        drop(diary.inbox, f"IMG_PRIVATE_{number}.jpg", photo(number, face=number < 3))
    diary.start()
    try:
        diary.until_film_of(2)
        until(lambda: made.get("/metrics")[0] == 200, "an answer")
        yield made
    finally:
        diary.close()


def until(true: Callable[[], bool], what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while True:
        with suppress(OSError):
            if true():
                return
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)


def families(text: str) -> dict[str, Metric]:
    """By name as the text has it: the parser takes _total off counters."""
    return {family.name + ("_total" if family.type == "counter" else ""): family for family in text_string_to_metric_families(text)}


def samples(found: dict[str, Metric]) -> dict[tuple[str, ...], float]:
    return {(s.name, *(s.labels[key] for key in sorted(s.labels))): s.value for family in found.values() for s in family.samples}


def test_the_numbers_are_those_of_status(observed: Observed) -> None:
    """Photos by state, the film, what is to check and when the inbox was looked at are what `status` says; work that was done has been timed."""
    until(lambda: observed.samples()[("photodiary_to_check", "me")] == 1, "what is dear to count has been counted again")
    said, me = observed.samples(), observed.diary.me()
    stages = ("received", "located", "aligned", "doubtful", "undated", "excluded", "quarantined")
    assert {stage: said[("photodiary_photos_total", "me", stage)] for stage in stages} == {stage: me["photos"][stage] for stage in stages}
    assert sum(value for key, value in said.items() if key[0] == "photodiary_photos_total") == me["photos"]["total"] == 3
    assert said[("photodiary_last_film_frames", "me")] == 2 and said[("photodiary_last_film_bytes", "me")] == me["reel"]["bytes"]
    assert said[("photodiary_to_check", "me")] == me["asked"] == 1
    assert abs(said[("photodiary_last_scan_timestamp_seconds", "me")] - time.time()) < 20
    assert abs(said[("photodiary_last_film_timestamp_seconds", "me")] - time.time()) < 120
    assert said[("photodiary_inference_seconds_count", "me")] == 3 and said[("photodiary_inference_seconds_sum", "me")] > 0
    assert said[("photodiary_disk_bytes", "me", "originals")] == me["disk"]["originals"] > 0
    free = os.statvfs(observed.diary.archive)
    assert abs(said[("photodiary_disk_free_bytes", "me")] - free.f_bavail * free.f_frsize) < 2e9
    assert said[("photodiary_darkroom_worker_starts_total",)] >= 1 and said[("photodiary_degraded_reasons", "me")] == 0
    assert {key[1] for key in said if key[0] == "photodiary_loop_age_seconds"} == {"intake", "locate", "align", "render"}
    assert all(0 <= value < 60 for key, value in said.items() if key[0] == "photodiary_loop_age_seconds")


def test_what_it_says_is_documented(observed: Observed) -> None:
    """deploy/guide/metrics.md names exactly the families that there are, each with its type and labels."""
    found = families(observed.get("/metrics")[1])
    told = documented_metrics()
    assert set(found) == set(told)
    for name, family in found.items():
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert (family.type, labels) == told[name], name


def test_the_file_says_the_same_to_others(observed: Observed) -> None:
    """Everybody may read the file; it has the same families, and no path, no file's name and nothing of a photo; nothing lies beside it."""
    until(observed.textfile.exists, "the file")
    until(lambda: "photodiary_last_film_frames" in observed.textfile.read_text(), "a film in the file")
    assert stat.S_IMODE(observed.textfile.stat().st_mode) == 0o644
    assert os.listdir(observed.textfile.parent) == [observed.textfile.name]
    text = observed.textfile.read_text()
    assert families(text).keys() == families(observed.get("/metrics")[1]).keys()
    for said in (text, observed.get("/metrics")[1], observed.get("/health")[1]):
        assert str(observed.diary.folder) not in said and not re.search(r"PRIVATE|/inbox|/archive|\.jpg", said)
        assert not any(row["sha256"] in said for row in observed.diary.photos())


def test_only_this_machine_is_answered(observed: Observed) -> None:
    """It listens on loopback alone; a name of a stranger's, another method and any other path get nothing."""
    table = Path(f"/proc/{observed.diary.pid}/net/tcp").read_text().splitlines()[1:]
    mine = {line.split()[1] for line in table if line.split()[3] == "0A" and int(line.split()[1].split(":")[1], 16) in (observed.own, observed.passed)}
    assert {place.split(":")[0] for place in mine} == {"0100007F"} and len(mine) == 2
    assert observed.get("/metrics", Host="evil.example")[0] == 403
    assert observed.get("/metrics", method="POST")[0] == 405
    assert observed.get("/")[0] == observed.get("/metrics/")[0] == 404
    assert observed.get("/metrics", method="HEAD") == (200, "")


def test_slow_clients_hold_up_no_scrape(observed: Observed) -> None:
    """With more clients than there are places, none of which says anything, a scrape is answered within a moment."""
    silent = [socket.create_connection(("127.0.0.1", observed.own)) for _ in range(20)]
    began = time.monotonic()
    assert observed.get("/metrics")[0] == 200
    assert time.monotonic() - began < 2.0
    for sock in silent:
        sock.close()


def test_health_tells_that_the_inbox_is_gone_and_back(observed: Observed) -> None:
    """All is well: 200.  Without its inbox: 503 with the diary and the reason; with it again: 200."""
    assert observed.health() == (200, {"status": "ok", "version": observed.health()[1]["version"], "diaries": ["me"], "reasons": []})
    assert observed.get("/healthz") == observed.get("/health")
    away = observed.diary.inbox.rename(observed.diary.folder / "away")
    try:
        until(lambda: observed.health()[0] == 503, "it is noticed")
        status, said = observed.health()
        assert (said["status"], said["reasons"]) == ("degraded", [{"diary": "me", "reason": "inbox", "what": REASONS["inbox"]}])
        now = observed.samples()
        assert now[("photodiary_degraded", "me", "inbox")] == now[("photodiary_degraded_reasons", "me")] == 1
    finally:
        away.rename(observed.diary.inbox)
    until(lambda: observed.health()[0] == 200, "it is back")


def test_a_new_configuration_takes_the_old_address_away(observed: Observed) -> None:
    """After SIGHUP the new address answers and the old one does not; what systemd opened answers on, and the same address again is no trouble."""
    old = observed.own
    assert observed.get("/metrics", observed.passed)[0] == observed.get("/metrics", old)[0] == 200
    observed.configure(free_port())
    os.kill(observed.diary.pid, signal.SIGHUP)
    until(lambda: observed.get("/health")[0] == 200, "the new address answers")
    with pytest.raises(ConnectionRefusedError):
        observed.get("/metrics", old)
    assert observed.get("/metrics", observed.passed)[0] == 200
    os.kill(observed.diary.pid, signal.SIGHUP)
    until(lambda: observed.diary.told().count("configuration read again") == 2, "read again")
    until(lambda: observed.get("/health")[0] == 200, "it answers")
    assert "metrics cannot be had" not in observed.diary.told()


def test_it_leaves_nothing_behind(observed: Observed) -> None:
    """The last of them: when the service ends its file goes, so that nobody takes it for alive, and all addresses are free."""
    until(observed.textfile.exists, "the file")
    assert observed.diary.stop() == 0
    assert not observed.textfile.exists() and os.listdir(observed.textfile.parent) == []
    for port in (observed.own, observed.passed):
        with pytest.raises(ConnectionRefusedError):
            observed.get("/metrics", port)
    assert "unexpected" not in observed.diary.told()
