"""`photodiary notify` beside a diary as its database tells it: what is gathered, sent once, kept, and what stands in its way."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.support.posted import Posted

from photodiary.cli import main
from photodiary.ledger import wishes
from photodiary.ledger.reels import ReelRow, publish_reel
from photodiary.ledger.store import Ledger
from photodiary.notify import words
from photodiary.notify.facts import Facts
from photodiary.review import paths
from photodiary.run import facts, telling
from photodiary.run.lock import DaemonLock
from photodiary.settings import load

DOUBTFUL, NO_FACE, UNDATED = "d" * 64, "f" * 64, "0" * 64


class Home:
    """A configuration, an archive with a database in it, and a command that notes what it is told."""

    def __init__(self, folder: Path) -> None:
        self.config, self.archive, self.state = folder / "config.toml", folder / "archive", folder / "state"
        self.told = folder / "told"
        (folder / "inbox").mkdir()
        self.ledger = Ledger(self.archive)
        self.say()

    def say(self, more: str = "", urls: list[str] | None = None) -> None:
        table = f"[notify]\nurls = {json.dumps(urls or [])}\nexec = {json.dumps(['/bin/sh', '-c', f'cat >> {self.told}; echo >> {self.told}'])}\n"
        text = f'timezone = "Europe/Berlin"\n[diary.me]\ninbox = "inbox"\narchive = "archive"\n[review]\nurl = "https://diary.example.org"\n{table}'
        self.config.write_text(f'{text}quiet_from = ""\nquiet_until = ""\n{more}\n')

    def photo(self, sha256: str, stage: str, reason: str | None = None, taken: str | None = None, received_at: float = 0.0) -> None:
        with self.ledger.write() as db:
            db.execute(
                "INSERT INTO photos (sha256, bytes, taken_wall, received_at, stage, reason, doubtful) VALUES (?, 1, ?, ?, ?, ?, ?)",
                (sha256, taken, received_at, stage, reason, int(stage == "doubtful")),
            )

    def film(self, fingerprint: str = "film", frames: int = 3) -> None:
        publish_reel(self.ledger, ReelRow("films/latest.mp4", frames, frames / 12, fingerprint, 10, time.time()))

    def learnt(self, **more: Any) -> None:
        (self.state / "retrain").mkdir(parents=True, exist_ok=True)
        said = {"finished_at": time.time(), "placed": 50, "promoted": True, "before": {"median": 1.3}, "after": {"median": 0.7}}
        (self.state / "retrain/outcome.json").write_text(json.dumps({**said, **more}))

    def facts(self) -> list[Facts]:
        return facts.gather(load(self.config), time.time())

    def once(self) -> int:
        return main(["notify", "--once", "--config", str(self.config)])

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.told.read_text().splitlines()] if self.told.exists() else []

    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.events()]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_what_is_due_is_sent_once(home: Home) -> None:
    """A doubt, a film and a better model are told with their links; a second look, in another process' life, tells nothing again."""
    home.photo(DOUBTFUL, "doubtful", "covered", "2024-05-15T08:30:00")
    home.film()
    home.learnt()
    assert home.once() == 0
    taps, film, model = home.events()
    assert taps["title"] == "photodiary: a photo needs two taps" and "the eyes may be covered" in taps["text"] and taps["waiting"] == 1
    assert taps["link"] == f"https://diary.example.org/diary/me/photo/{DOUBTFUL}"
    assert film["text"] == "3 photos, 0.2 s." and film["path"] == str(home.archive / "films/latest.mp4")
    assert model["before"] == 1.3 and model["after"] == 0.7 and model["link"] == "https://diary.example.org/learning"
    assert home.once() == 0 and len(home.events()) == 3
    kept = home.state / "notify/sent.json"
    assert kept.stat().st_mode & 0o077 == 0 and (home.state / "notify").stat().st_mode & 0o077 == 0


def test_links_are_those_of_the_page(home: Home) -> None:
    """What a message opens is where the review page has it."""
    home.photo(DOUBTFUL, "doubtful")
    home.film()
    home.learnt()
    assert home.once() == 0
    links = [event["link"].removeprefix("https://diary.example.org") for event in home.events()]
    assert links == [paths.photo("me", DOUBTFUL), paths.film("me"), paths.LEARNING]
    home.say("", None)
    home.config.write_text(home.config.read_text().replace("https://diary.example.org", ""))
    assert {one.link for one in home.facts()} == {""}


def test_facts_are_what_the_ledger_says(home: Home) -> None:
    """Photos without a face do not count as photos of a day, those without a date make the day unknown, the newest doubt comes first."""
    home.photo("1" * 64, "aligned", None, "2024-05-13T23:00:00")
    home.photo(NO_FACE, "excluded", "no_face", "2024-05-15T08:00:00")
    home.photo(UNDATED, "undated", "undated", None, 4711.0)
    home.photo("2" * 64, "doubtful", "unsure", "2024-05-13T09:00:00")
    home.photo("3" * 64, "doubtful", "covered", "2024-05-14T02:00:00")
    mine, everyone = home.facts()
    assert [(one.sha256[0], one.reason, one.day) for one in mine.doubts] == [("3", "covered", date(2024, 5, 13)), ("2", "unsure", date(2024, 5, 13))]
    assert (mine.latest.newest, mine.latest.faceless, mine.latest.unplaced_at) == (date(2024, 5, 13), {date(2024, 5, 15)}, 4711.0)
    assert mine.film is None and mine.troubles == () and not mine.watched and everyone.diary == ""


def test_an_inbox_is_watched_when_a_service_that_is_well_looked_at_it_lately(home: Home) -> None:
    """Running, no trouble with the inbox, and the last look not long ago: all three."""
    wishes.note(home.ledger, last_scan=round(time.time()), inbox_problem=None, held=2)
    assert not home.facts()[0].watched
    lock = DaemonLock(home.archive)
    try:
        assert home.facts()[0].watched and home.facts()[0].arriving == 2
        wishes.note(home.ledger, inbox_problem="the inbox is gone")
        assert not home.facts()[0].watched
        wishes.note(home.ledger, inbox_problem=None, last_scan=round(time.time()) - 400)
        assert not home.facts()[0].watched
    finally:
        lock.release()


def test_a_diary_is_busy_while_a_running_service_works_on_photos(home: Home) -> None:
    """A photo that waits for its frame, with a service and without one; a frame that is newer than the film."""
    home.photo("1" * 64, "located", None, "2024-05-13T23:00:00")
    assert not home.facts()[0].busy and not home.facts()[0].behind
    lock = DaemonLock(home.archive)
    try:
        assert home.facts()[0].busy
    finally:
        lock.release()
    home.film()
    with home.ledger.write() as db:
        db.execute("UPDATE photos SET stage = 'aligned', frame = 'frames/1.jpg', framed_at = ?", (time.time() + 1,))
    assert home.facts()[0].behind


def test_a_service_that_stopped_is_missed(home: Home) -> None:
    """A quarter of an hour after its last look, and only where one was running: who scans by a timer is not told so."""
    wishes.note(home.ledger, last_scan=round(time.time()) - 1000)
    assert home.facts()[0].troubles == ()
    wishes.note(home.ledger, degraded=[])
    assert home.facts()[0].troubles == ("the service is not running, so new photos are not taken in",)
    lock = DaemonLock(home.archive)
    try:
        wishes.note(home.ledger, degraded=["the graphics card broke down"])
        assert home.facts()[0].troubles == ("the graphics card broke down",)
    finally:
        lock.release()


@pytest.mark.parametrize("text", ["{", "[]", '{"promoted": true}', '{"promoted": true, "finished_at": "now", "placed": 1}', "\x00", "[" * 100_000])
def test_an_outcome_that_makes_no_sense_is_no_message(home: Home, text: str) -> None:
    """A torn or strange file of the retraining is passed over."""
    home.learnt()
    (home.state / "retrain/outcome.json").write_text(text)
    assert home.facts()[-1].learnt is None and home.once() == 0 and home.events() == []


def test_a_model_that_was_refused_is_no_message(home: Home) -> None:
    """Only what was promoted made anything better."""
    home.learnt(promoted=False, before=None, after=None)
    assert home.once() == 0 and home.events() == []


def test_what_failed_is_left_for_the_next_time(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """A server that refuses: 75, the command has the message once; when its time has come and the server is well it gets it, the command nothing more."""
    home.photo(DOUBTFUL, "doubtful")
    with Posted(503) as server:
        home.say(urls=[server.url])
        assert home.once() == 75 and home.kinds() == ["needs_two_taps"]
        assert home.once() == 75 and len(server.messages) == 1, "not before its time"
        kept = home.state / "notify/sent.json"
        said = json.loads(kept.read_text())
        assert "geheim" not in kept.read_text() and server.url not in kept.read_text()
        said["diaries"]["me"]["told"]["needs_two_taps"]["next_try"] = time.time() - 1
        kept.write_text(json.dumps(said))
        server.status = 200
        assert home.once() == 0
        assert server.titles() == ["photodiary: a photo needs two taps"] * 2 and home.kinds() == ["needs_two_taps"]


def test_a_test_message_goes_to_every_target(home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    """One line a target with what happened; exit 1 when one failed, 0 otherwise; nothing of it is remembered."""
    with Posted() as well, Posted(401) as ill:
        home.say(urls=[well.url, ill.url])
        assert main(["notify", "--test", "--config", str(home.config)]) == 1
        out, err = capfd.readouterr()
        assert out.splitlines() == ["URL 1 (json): sent", "URL 2 (json): refused (HTTP status 401)", "command sh: done"]
        assert "geheim" not in out + err and "token-4711" not in out + err
        home.say(urls=[well.url])
        assert main(["notify", "--test", "--config", str(home.config)]) == 0
        assert well.titles() == [words.trial().title] * 2
    assert home.kinds() == ["test", "test"] and not (home.state / "notify/sent.json").exists()


def test_without_a_target_the_configuration_is_wrong(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 78, so that systemd does not try again and again, and what to set."""
    home.config.write_text('[diary.me]\ninbox = "inbox"\narchive = "archive"\n')
    assert home.once() == 78 and "set notify.urls or notify.exec" in capsys.readouterr().err


def test_a_wrong_setting_does_not_show_the_others(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """`check-config` says what is wrong in the table, not what secrets stand in it."""
    home.say('events = ["breakfast"]', urls=["json://me:geheim@example.org/token-4711", "token-4711"])
    assert main(["check-config", "--config", str(home.config)]) == 78
    told = capsys.readouterr().err
    assert "notify.urls: must be Apprise URLs" in told and "notify.events: must be some of needs_two_taps" in told
    assert "geheim" not in told and "token-4711" not in told


def test_two_at_once_would_tell_everything_twice(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """The second one leaves with 75; `--test` may be used beside it."""
    from photodiary.run.notify import _alone

    with _alone(home.state):
        assert home.once() == 75 and "another `photodiary notify`" in capsys.readouterr().err
        assert main(["notify", "--test", "--config", str(home.config)]) == 0


def test_a_memory_that_was_torn_is_begun_anew(home: Home) -> None:
    """It is said in the log, and what is true is told once more."""
    home.photo(DOUBTFUL, "doubtful")
    assert home.once() == 0
    (home.state / "notify/sent.json").write_text('{"version"')
    assert home.once() == 0 and home.kinds() == ["needs_two_taps"] * 2
    assert home.once() == 0 and len(home.events()) == 2


def test_a_disk_that_refuses_is_told_by_a_process_that_remembers(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be kept in a file is remembered while the process lives; `--once` would forget it, so it sends nothing and answers 75."""
    from photodiary.errors import StorageTrouble
    from photodiary.notify.targets import targets_of

    home.photo(DOUBTFUL, "doubtful")

    def refuse(*_: object) -> None:
        raise StorageTrouble("state/notify/sent.json: no room")

    monkeypatch.setattr(telling.Archive, "publish", refuse)
    assert home.once() == 75 and home.events() == []
    settings = load(home.config)
    teller = telling.Teller(settings, targets_of(settings.notify))
    teller.restore(patient=True)
    for minute in range(3):
        teller.try_to_tell(time.time() + 60 * minute, lambda: False)
    assert home.kinds() == ["needs_two_taps"]


def test_a_configuration_read_again_keeps_what_was_told(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """SIGHUP: other targets and events count from then on, nothing is repeated; a wrong configuration, or another state folder, changes nothing."""
    from photodiary.notify.targets import targets_of
    from photodiary.run.notify import _read_again

    options = argparse.Namespace(config=str(home.config))
    home.photo(DOUBTFUL, "doubtful")
    settings = load(home.config)
    teller = telling.Teller(settings, targets_of(settings.notify))
    teller.restore(patient=True)
    assert not teller.tell(time.time()) and home.kinds() == ["needs_two_taps"]
    with Posted() as server:
        home.film()
        home.say(urls=[server.url])
        again = _read_again(home.config, options, teller)
        assert again.names == ["URL 1 (json)", "command sh"] and not again.tell(time.time())
        assert server.titles() == ["photodiary: your new film is ready"] and home.kinds() == ["needs_two_taps", "film_ready"]
    for wrong in ("[notify]\nurls = 5\n", f'state = "elsewhere"\n{home.config.read_text()}', '[diary.me]\ninbox = "inbox"\narchive = "archive"\n'):
        home.config.write_text(wrong)
        assert _read_again(home.config, options, again) is again


def test_who_is_asked_to_stop_sends_the_rest_later(home: Home) -> None:
    """What was due when it was stopped is left, and sent by the next one."""
    from photodiary.notify.targets import targets_of

    home.photo(DOUBTFUL, "doubtful")
    settings = load(home.config)
    teller = telling.Teller(settings, targets_of(settings.notify))
    assert teller.tell(time.time(), stopping=lambda: True) and home.events() == []
    later = telling.Teller(settings, targets_of(settings.notify))
    later.restore()
    assert not later.tell(time.time() + 61) and home.kinds() == ["needs_two_taps"]


def test_telling_loads_nothing_heavy_and_no_network(home: Home) -> None:
    """The process that watches knows neither torch nor numpy, and Apprise only the program that sends."""
    home.photo(DOUBTFUL, "doubtful")
    environment = {**os.environ, "PYTHONPATH": str(Path(telling.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "photodiary", "notify", "--once", "--config", str(home.config)],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and home.kinds() == ["needs_two_taps"]
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "photodiary" in loaded and not loaded & {"torch", "numpy", "cv2", "av", "PIL", "apprise", "requests", "urllib3"}
