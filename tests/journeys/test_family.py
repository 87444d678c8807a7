"""A family: four diaries on one daemon with one model, a fifth that comes while it runs, and a photo that was somebody else's."""

from __future__ import annotations

import json
import os
import signal
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import QUICK, WITH_DOTS, Diary
from tests.support.dots import drop, photo

from photodiary.diary.photo import digest_of
from photodiary.ledger.store import FILE, Ledger
from photodiary.run.lock import holder
from photodiary.run.status import gather, list_photos
from photodiary.settings import load

FOUR = ("me", "anna", "ben", "cleo")
TABLES = "".join(f'[diary.{name}]\ninbox = "in-{name}"\narchive = "{name}"\n' for name in FOUR[1:])
CONFIG = f"# ours\n{QUICK}{TABLES}# the end, without a new line"


class Family(Diary):
    """Several diaries in one folder; the first one is `me`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, config=CONFIG)
        for name in FOUR[1:]:
            (folder / f"in-{name}").mkdir()
        program = Path(self.command[1])  # each time a model is loaded it is told
        program.write_text(WITH_DOTS.format(root=str(Path(__file__).parents[2]), service=str(Path(__file__).parents[2] / "service")).replace(
            'lambda config, state="": ', 'lambda config, state="": print("a model is loaded", file=sys.stderr, flush=True) or '
        ))  # fmt: skip
        self.loaded_first = True

    def of(self, name: str) -> dict[str, Any]:
        told: dict[str, Any] = next(diary for diary in json.loads(json.dumps(gather(load(self.config))))["diaries"] if diary["name"] == name)
        return told

    def shown(self, name: str) -> list[str]:
        """The photos that the newest frames of a diary are of, in the film's order."""
        return [each["sha256"] for each in list_photos(load(self.config).diary[name].archive) if each["in_film"]]

    def framed(self, name: str) -> dict[str, float]:
        """When each photo that has a frame got it, in seconds since the epoch."""
        if not (self.folder / name / FILE).exists():
            return {}
        with closing(Ledger(self.folder / name, writable=False)) as ledger, ledger.read() as db:
            return (
                {} if ledger.is_new else {row["sha256"]: row["framed_at"] for row in db.execute("SELECT sha256, framed_at FROM photos WHERE frame IS NOT NULL")}
            )

    def until_films(self, wanted: dict[str, set[int]], seconds: float = 60) -> None:
        """Each diary has a film of exactly these photos, and nothing waits."""
        digests = {name: sorted(digest_of(photo(number)) for number in numbers) for name, numbers in wanted.items()}
        self._until(
            lambda: all(
                (told := self.of(name))["reel"] is not None
                and told["reel"]["frames"] == len(digests[name])
                and sorted(self.shown(name)) == digests[name]
                and told["photos"]["received"] == told["photos"]["located"] == 0
                for name in wanted
            ),
            f"films of {wanted}", seconds,
        )  # fmt: skip

    def _until(self, true: Callable[[], bool], what: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"not within {seconds:g} s: {what}\n{self.told()[-3000:]}"
            time.sleep(0.1)


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    made = Family(tmp_path / "home")
    yield made
    made.close()


def test_a_family_lives_on_one_daemon(family: Family) -> None:
    """Each diary has its own film; one that is added at run time too, in less than a moment for the others; a moved photo is in the other film then."""
    for number, name in enumerate(FOUR):
        for each in range(2):
            drop(family.folder / ("inbox" if name == "me" else f"in-{name}"), f"{each}.jpg", photo(10 * number + each))
    family.start()
    films = {name: {10 * number, 10 * number + 1} for number, name in enumerate(FOUR)}
    family.until_films(films)

    before = family.config.read_bytes()
    nested = family.ask("diary", "add", "dora", "--inbox", str(family.folder / "in-ben/dora"))
    assert nested.returncode == 78 and "lie inside one another" in nested.stderr and family.config.read_bytes() == before
    family.config.write_bytes(before + b'\n[diary.dora]\ninbox = "in-ben/dora"\narchive = "dora"\n')
    os.kill(family.pid, signal.SIGHUP)
    family.until_told("the configuration is kept as it was")
    family.config.write_bytes(before)
    added = family.ask("diary", "add", "dora", "--inbox", str(family.folder / "in-dora"), "--born", "2019-02-03")
    assert added.returncode == 0, added.stderr + family.told()[-2000:]
    assert "the running service watches it now" in added.stdout
    text = family.config.read_bytes()
    assert text.startswith(before) and tomllib.loads(text.decode())["diary"]["dora"] == {
        "inbox": str(family.folder / "in-dora"), "archive": str(family.folder / "dora"), "born": "2019-02-03",
    }  # fmt: skip
    assert holder(family.folder / "dora") == family.pid
    drop(family.folder / "in-dora", "d.jpg", photo(50))
    films["dora"] = {50}

    moved = family.ask("photos", "move", digest_of(photo(11))[:12], "--to", "cleo")  # only anna has it
    assert moved.returncode == 0, moved.stderr
    nobody = family.ask("photos", "move", "f" * 12, "--to", "cleo")
    assert nobody.returncode == 64 and "no other diary has all of these photos" in nobody.stderr
    films["anna"].discard(11)
    films["cleo"].add(11)
    family.until_films(films)
    why = family.ask("photos", "why", digest_of(photo(11))[:12], "--diary", "anna").stdout
    assert "moved to cleo by you on" in why and "moved to another diary" in why
    original = next((family.folder / "cleo/originals").rglob(f"*{digest_of(photo(11))[:12]}*"))
    assert original.read_bytes() == photo(11)
    assert family.told().count("a model is loaded") == 1 and family.told().count("watches me") == 1, "one model, and one life"

    listed = [json.loads(line) for line in family.ask("diary", "list", "--json").stdout.splitlines()]
    assert [(one["name"], one["running"]) for one in listed] == [*((name, True) for name in FOUR), ("dora", True)]
    family.config.write_bytes(before)
    os.kill(family.pid, signal.SIGHUP)
    family._until(lambda: holder(family.folder / "dora") is None and family.told().count("watches me") == 2, "dora is served no more", 30)
    assert len(list((family.folder / "dora/originals").rglob("*.jpg"))) == 1 and (family.folder / "dora/films/latest.mp4").exists()
    assert family.told().count("a model is loaded") == 1
    assert family.stop() == 0


def test_a_photo_of_one_is_framed_while_a_backlog_of_another_waits(family: Family) -> None:
    """Ben's photo of today does not wait for the backlog that lay in Anna's inbox, but for what was in the making just then; nor does Anna's own."""
    many = 90
    for number in range(many):
        (family.folder / "in-anna" / f"{number:02}.jpg").write_bytes(photo(number))
    family.start()
    family._until(lambda: len(family.framed("anna")) >= 4, "the backlog is under way", 60)
    came = time.time()
    drop(family.folder / "in-ben", "ben.jpg", photo(200))
    drop(family.folder / "in-anna", "anna.jpg", photo(201))
    ben, own = digest_of(photo(200)), digest_of(photo(201))
    family._until(lambda: ben in family.framed("ben") and own in family.framed("anna"), "both are framed", 30)
    backlog = family.framed("anna")
    framed = [family.framed("ben")[ben], backlog.pop(own)]
    assert len(backlog) < many, "the backlog still waits: that is what it is about"
    meanwhile = [sum(came < at < mine for at in backlog.values()) for mine in framed]
    assert max(meanwhile) <= 4, f"{meanwhile} photos of the backlog went before them, from the moment they came"
