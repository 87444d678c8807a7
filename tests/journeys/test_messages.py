"""Messages come beside the service: a film, a doubt, a day without a photo, a better model; once each, whoever is restarted."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.support.daemon import QUICK, Diary
from tests.support.dots import drop, eyes_of, jpeg, photo, picture
from tests.support.posted import Posted

from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.hours import day_of
from photodiary.diary.photo import digest_of
from photodiary.retrain.labels import name_of

NOTIFY = """
[review]
url = "https://diary.example.org"
[notify]
urls = ["{url}"]
exec = ["/bin/sh", "-c", "cat >> {heard}; echo >> {heard}"]
quiet_from = ""
quiet_until = ""
look_every_s = 1.0
"""


@pytest.fixture
def server() -> Iterator[Posted]:
    with Posted() as posted:
        yield posted


@pytest.fixture
def diary(tmp_path: Path, server: Posted) -> Iterator[Diary]:
    made = Diary(tmp_path / "me", config=QUICK + NOTIFY.format(url=server.url, heard=tmp_path / "heard"))
    yield made
    made.close()


class Teller:
    """`photodiary notify` in a process of its own."""

    def __init__(self, diary: Diary) -> None:
        self.log = diary.folder / "notify.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*diary.command, "notify", "--config", str(diary.config)], env=diary.environment, stdout=log, stderr=log)

    def until_kept(self, title: str, seconds: float = 60) -> None:
        """Wait until the command, which comes last, has a message and that is written down."""
        end = time.monotonic() + seconds
        while f"command sh: photodiary: {title}: done" not in self.log.read_text():
            assert time.monotonic() < end and self.process.poll() is None, self.log.read_text()[-3000:]
            time.sleep(0.05)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.mark.slow
def test_messages_come_once_each_while_the_service_goes_on(diary: Diary, server: Posted, tmp_path: Path) -> None:
    """The first film, a label that looks like a slip, a day without a photo and a promoted model are told to a server and a command, with the page
    that they are about; a notifier that is killed and one that begins anew repeat nothing; the service does not notice any of it."""
    yesterday = datetime.combine(day_of(time.time(), ZoneInfo("Europe/Berlin")) - timedelta(days=1), datetime.min.time()).replace(hour=12)
    drop(diary.inbox, "yesterday.jpg", jpeg(picture(eyes_of(1), seed=1), yesterday.strftime("%Y:%m:%d %H:%M:%S")))
    drop(diary.inbox, "2.jpg", photo(2))
    diary.start()
    teller = Teller(diary)
    try:
        diary.until_film_of(2)
        teller.until_kept("your new film is ready")

        left, right = eyes_of(2)
        labels = tmp_path / "labelled"
        labels.mkdir()
        (labels / name_of(2, EyePair(Point(left.x + 60, left.y), Point(right.x + 60, right.y)))).write_bytes(photo(2))
        done = diary.call("labels", "import", str(labels))
        assert "far from where the model is sure" in done.stdout, done.stderr
        teller.until_kept("a photo needs two taps")
        teller.process.kill()
        teller.process.wait()
        taps = next(message for message in server.messages if "two taps" in message["title"])
        assert "your eyes lie far from where the model is sure they are" in taps["message"]
        assert taps["message"].endswith(f"https://diary.example.org/diary/me/photo/{digest_of(photo(2))}")

        (diary.folder / "state/retrain").mkdir(parents=True)
        said = {"finished_at": time.time(), "placed": 12, "promoted": True, "before": {"median": 1.3}, "after": {"median": 0.7}}
        (diary.folder / "state/retrain/outcome.json").write_text(json.dumps(said))
        diary.config.write_text(diary.config.read_text() + 'remind_at = "04:00"\n')
        teller = Teller(diary)
        teller.until_kept("no photo today yet")
        teller.until_kept("your eyes are found better now")
        assert teller.stop() == 0

        done = diary.call("notify", "--once")
        assert done.returncode == 0, done.stderr
        assert len(server.titles()) == len(set(server.titles())) == 4
        heard = [json.loads(line)["title"] for line in (tmp_path / "heard").read_text().splitlines()]
        assert sorted(heard) == sorted(server.titles())
        told = teller.log.read_text() + (diary.folder / "state/notify/sent.json").read_text() + done.stderr
        assert "geheim" not in told and "token-4711" not in told
        assert diary.alive and "notify" not in diary.told()
    finally:
        teller.close()
    assert diary.stop() == 0
