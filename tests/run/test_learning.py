"""When the daemon has the model learn: by the clock, by enough new labels, or because a person asked; never two at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from photodiary.diary.calendar import Taken
from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.photo import Digest, Stage
from photodiary.ledger import labels, photos
from photodiary.ledger.labels import Label
from photodiary.ledger.photos import NewPhoto
from photodiary.ledger.store import Ledger
from photodiary.run import learning
from photodiary.run.learning import COUNT_EVERY_S, Learning
from photodiary.settings import Settings, load

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp()
EYES = EyePair(Point(10.0, 20.0), Point(30.0, 20.0))


class Started:
    """Stands in for processes: what was started, and what each answers when asked whether it has ended."""

    def __init__(self, status: int = 0) -> None:
        self.commands: list[list[str]] = []
        self.status = status
        self.ended = False

    def __call__(self, command: list[str]) -> subprocess.Popen[bytes]:
        self.commands.append(command)
        ended, status = f"import sys; sys.exit({self.status})", "import time; time.sleep(600)"
        process = subprocess.Popen([sys.executable, "-c", ended if self.ended else status])
        if self.ended:
            process.wait()
        return process


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "archive").mkdir()
    path = tmp_path / "config.toml"
    path.write_text('[diary.me]\ninbox = "inbox"\narchive = "archive"\n[retrain]\nafter_labels = 2\nat = "03:30"\n')
    return load(path)


def place(settings: Settings, number: int, by: str = "placed", shift: float = 0.0) -> None:
    """A photo with a label in the diary."""
    ledger = Ledger(settings.diary["me"].archive)
    try:
        sha256 = Digest(f"{number:064x}")
        taken = Taken(datetime(2026, 2, 1 + number), None, "exif")
        photos.insert_or_name(ledger, NewPhoto(sha256, 1, "jpeg", 40, 40, taken, 0.0, "originals/a.jpg", Stage.RECEIVED), b"a", AT)
        row = photos.find(ledger, sha256)
        assert row is not None
        eyes = EyePair(Point(EYES.left.x + shift, EYES.left.y), EYES.right)
        labels.place(ledger, [Label(row, eyes, by)], AT)
    finally:
        ledger.close()


def known(settings: Settings) -> None:
    """As if all labels so far had been learnt from."""
    folder = Path(settings.state) / "retrain"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "outcome.json").write_text(json.dumps({"labels": learning.fingerprints(settings), "reason": "fine"}))


@pytest.fixture
def started() -> Started:
    return Started()


@pytest.fixture
def at_work(settings: Settings, started: Started, monkeypatch: pytest.MonkeyPatch) -> Learning:
    monkeypatch.setattr("photodiary.run.learning.time.time", lambda: AT)
    return Learning(Path("config.toml"), settings, started)


def test_only_new_placed_labels_count(settings: Settings) -> None:
    """A placed label is new until it was learnt from, and again when it is placed elsewhere; one tap on proposed eyes is no news."""
    place(settings, 1)
    place(settings, 2, "confirmed")
    assert learning.new_labels(settings) == 1
    known(settings)
    assert learning.new_labels(settings) == 0
    place(settings, 1, shift=2.0)
    assert learning.new_labels(settings) == 1


def test_enough_new_labels_are_learnt_from_at_once(settings: Settings, at_work: Learning, started: Started) -> None:
    """As soon as there are as many as the configuration says, within the minutes between two counts, and not before."""
    place(settings, 1)
    at_work.check(AT + COUNT_EVERY_S + 1)
    assert not started.commands
    place(settings, 2)
    at_work.check(AT + COUNT_EVERY_S + 2)
    assert not started.commands  # just counted
    at_work.check(AT + 2 * COUNT_EVERY_S + 2)
    assert len(started.commands) == 1 and started.commands[0][2:5] == ["photodiary", "retrain", "--json"]
    assert at_work.at_work
    at_work.check(AT + 9 * COUNT_EVERY_S)
    assert len(started.commands) == 1  # one at a time
    at_work.stop()
    assert not at_work.at_work


@pytest.mark.parametrize(("by", "begins"), [("daemon", True), ("timer", False), ("hand", False)])
def test_by_the_clock_one_label_is_enough(settings: Settings, started: Started, monkeypatch: pytest.MonkeyPatch, by: str, begins: bool) -> None:
    """At the time of day a single new label is learnt from, unless a timer or a person does that."""
    from dataclasses import replace

    monkeypatch.setattr("photodiary.run.learning.time.time", lambda: AT)
    settings = settings.model_copy(update={"retrain": replace(settings.retrain, by=by)})
    learner = Learning(Path("config.toml"), settings, started)
    place(settings, 1)
    learner.check(datetime(2026, 3, 2, 3, 29, tzinfo=UTC).timestamp())
    assert not started.commands
    learner.check(datetime(2026, 3, 2, 3, 30, 1, tzinfo=UTC).timestamp())
    assert bool(started.commands) == begins
    learner.stop()


def test_without_news_nothing_is_learnt(settings: Settings, at_work: Learning, started: Started) -> None:
    """Nights pass without new labels, and nothing is computed."""
    place(settings, 1)
    known(settings)
    for night in range(3):
        at_work.check(datetime(2026, 3, 2 + night, 3, 31, tzinfo=UTC).timestamp())
    assert not started.commands


def test_a_person_who_asks_is_heard(settings: Settings, at_work: Learning, started: Started) -> None:
    """The page's button begins it with the next look, whatever there is to learn from."""
    learning.wish_now(settings)
    assert learning.wanted(settings)
    at_work.check(AT + 1)
    assert len(started.commands) == 1
    at_work.stop()


def test_one_that_fails_is_not_tried_without_end(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failure an hour passes before the next one, even where a person asked."""
    monkeypatch.setattr("photodiary.run.learning.time.time", lambda: AT)
    failing = Started(status=1)
    failing.ended = True
    learner = Learning(Path("config.toml"), settings, failing)
    learning.wish_now(settings)
    learner.check(AT + 1)
    learner.check(AT + 11)
    learner.check(AT + 21)
    assert len(failing.commands) == 1
    learner.check(AT + 11 + 3601)
    assert len(failing.commands) == 2
    learner.stop()


def test_a_diary_that_cannot_be_read_teaches_nothing(settings: Settings, at_work: Learning, started: Started) -> None:
    """A damaged database or outcome ends neither the daemon nor the other diaries' learning."""
    place(settings, 1)
    (Path(settings.state) / "retrain").mkdir(parents=True)
    (Path(settings.state) / "retrain" / "outcome.json").write_text("[")
    (settings.diary["me"].archive / "ledger.sqlite3").write_bytes(b"torn" * 2000)
    at_work.check(AT + COUNT_EVERY_S + 1)
    assert not started.commands
