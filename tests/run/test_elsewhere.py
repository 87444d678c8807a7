"""A photo that is somebody else's goes into that diary with all that a person said of it, and is never in neither."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from tests.support.daemon import QUICK, Diary
from tests.support.dots import eyes_of, photo
from tests.support.visitor import Visitor, seeded, site_of

from photodiary.darkroom.darkroom import Darkroom
from photodiary.diary.facing import Facing
from photodiary.diary.photo import Digest, Stage, digest_of
from photodiary.inbox.intake import Intake
from photodiary.ledger import deciding, facings, forgetting, labels, lives, moved, photos, placed, verdicts, wishes
from photodiary.ledger.labels import Label
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import Ledger
from photodiary.run import elsewhere
from photodiary.run.opening import open_diary
from photodiary.settings import load

CONFIG = f'{QUICK}[diary.anna]\ninbox = "in-anna"\narchive = "anna"\n'
WALL = datetime(2019, 7, 1, 12, 30)


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Diary:
    return seeded(tmp_path_factory.mktemp("family") / "me", photos=3, config=CONFIG)


@pytest.fixture
def home(seed: Diary, tmp_path: Path) -> Path:
    shutil.copytree(seed.folder, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def diary(seed: Diary, home: Path) -> Iterator[Diary]:
    """The verbs on that copy."""
    shutil.rmtree(seed.folder.parent / "tool", ignore_errors=True)
    made = Diary(seed.folder.parent / "tool", config=CONFIG)
    made.config, made.archive = home / "config.toml", home / "archive"
    yield made
    made.close()


def row(home: Path, archive: str, digest: Digest) -> PhotoRow | None:
    with closing(Ledger(home / archive, writable=False)) as ledger:
        return photos.find(ledger, digest)


def spoken_about(home: Path, digest: Digest) -> None:
    """A person dates a photo, places its eyes and says that it is mirrored."""
    with closing(Ledger(home / "archive")) as ledger:
        found = photos.find(ledger, digest)
        assert found is not None
        labels.place(ledger, [Label(found, eyes_of(7), "placed")], 1.0)
        facings.mirror(ledger, [found], True, facings.BY, 2.0)
        deciding.decide(ledger, [found], verdicts.REDATED, WALL, 3.0)


def test_it_goes_with_all_that_was_said_and_comes_back(diary: Diary, home: Path) -> None:
    """Without a service too: bytes, names, date, eyes and facing are the other diary's then; here it is left out and says where it went, and comes back."""
    one, two = digest_of(photo(0)), digest_of(photo(1))
    spoken_about(home, one)
    done = diary.call("photos", "move", "IMG_0000.jpg", two[:10], "--to", "anna", "--diary", "me")
    assert done.returncode == 0, done.stderr
    assert f"{one[:12]}: moved to anna" in done.stdout and "`photodiary scan --once` makes them now" in done.stdout
    here, there = row(home, "archive", one), row(home, "anna", one)
    assert here is not None and (here.stage, here.reason) == (Stage.EXCLUDED, "moved")
    assert here.original is not None and (home / "archive" / here.original).read_bytes() == photo(0)
    assert there is not None and there.original is not None and (home / "anna" / there.original).read_bytes() == photo(0)
    assert there.taken is not None and (there.taken.wall, there.taken.source) == (WALL, "person") and there.facing == Facing(mirrored=True)
    with closing(Ledger(home / "anna", writable=False)) as ledger:
        assert lives.of(ledger, there).names == [b"IMG_0000.jpg"]
        with ledger.read() as db:
            label = placed.newest(db, there.id)
        assert label is not None and label.by == "placed" and label.eyes is not None and label.eyes.distance(eyes_of(7)) < 1e-9
    other = row(home, "anna", two)
    assert other is not None and other.taken is not None and other.taken.source == "exif"

    assert diary.call("scan", "--once").returncode == 0
    there, other = row(home, "anna", one), row(home, "anna", two)
    assert there is not None and there.in_film and there.sighting is not None and there.sighting.by == "placed" and other is not None and other.in_film
    assert [(found := row(home, "archive", digest_of(photo(number)))) is not None and found.in_film for number in range(3)] == [False, False, True]

    back = diary.ask("photos", "move", one[:12], "--to", "me")  # there is only one other
    assert back.returncode == 0, back.stderr
    there = row(home, "anna", one)
    assert there is not None and there.reason == "moved"
    with closing(Ledger(home / "archive", writable=False)) as ledger, ledger.read() as db:
        found = photos.find_within(db, one)
        assert found is not None and verdicts.in_force(db, found.id).excluded is False, "what was moved away and back is in the film again"
    restored = diary.ask("photos", "restore", two[:12], "--diary", "me")
    assert restored.returncode == 0 and (found := row(home, "archive", two)) is not None and found.stage is not Stage.EXCLUDED


def test_a_wish_of_the_page_waits_for_who_serves_both(diary: Diary, home: Path) -> None:
    """Whoever works on one diary only leaves it; whoever works on both moves the photo, and ends when that is done."""
    digest = digest_of(photo(2))
    with closing(Ledger(home / "archive")) as ledger:
        found = photos.find(ledger, digest)
        assert found is not None
        number = moved.wish(ledger, [found], "anna", time.time())
        assert diary.call("scan", "--once", "--diary", "me").returncode == 0
        assert wishes.get(ledger, number).outcome is None and row(home, "anna", digest) is None
        assert diary.call("scan", "--once").returncode == 0
        assert wishes.get(ledger, number).outcome is not None and (there := row(home, "anna", digest)) is not None and there.in_film


def test_what_cannot_be_moved_is_refused_before_anything_happens(diary: Diary, home: Path) -> None:
    """Into no diary, its own, or one whose person had it forgotten; a file that could not be read has nothing to move.  Others named with it stay too."""
    one, two = digest_of(photo(0)), digest_of(photo(1))
    with closing(Ledger(home / "anna")) as ledger:
        forgetting.wish(ledger, [one], 1.0)
    for arguments, words in (
        ((two[:12], "--to", "ben"), "there is no other diary ben; there is anna"),
        ((two[:12], "--to", "me"), "there is no other diary me"),
        ((two[:12], one[:12], "--to", "anna"), "was forgotten in anna by a person's wish, and stays so"),
        ((two[:12], "broken.jpg", "--to", "anna"), "there is nothing to move"),
    ):
        done = diary.ask("photos", "move", *arguments, "--diary", "me")
        assert done.returncode == 64 and words in done.stderr, done.stderr
    assert (found := row(home, "archive", two)) is not None and found.in_film and row(home, "anna", two) is None


def test_whoever_is_interrupted_leaves_it_in_both(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At whatever step it ends, the photo is in one diary's film or both's; whoever goes on with the wish finishes it, and nothing is doubled."""
    settings, digest = load(home / "config.toml"), digest_of(photo(0))
    spoken_about(home, digest)
    darkroom = Darkroom(settings.darkroom)
    mine, other = open_diary(settings, "me", [], []), open_diary(settings, "anna", [], [])
    there = Intake("anna", other.ledger, other.archive, darkroom, settings.darkroom, settings.zone("anna"), {})
    found = photos.find(mine.ledger, digest)
    assert found is not None
    number = moved.wish(mine.ledger, [found], "anna", time.time())

    def go_on(times: int = 1) -> None:
        for _ in range(times):
            elsewhere.go_on("me", mine.ledger, mine.archive.root, there, wishes.get(mine.ledger, number), time.time())

    try:
        for place in ("moved.settle_in", "wishes.report", "moved.done"):
            with monkeypatch.context() as power:
                module, name = place.split(".")
                power.setattr({"moved": moved, "wishes": wishes}[module], name, lambda *_, **__: 1 / 0)
                with pytest.raises(ZeroDivisionError):
                    go_on(3)
            with mine.ledger.read() as db:
                assert verdicts.in_force(db, found.id).excluded is None, "it stays here until it is there for good"
            assert (target := photos.find(other.ledger, digest)) is not None and target.original is not None
        while wishes.get(mine.ledger, number).outcome is None:
            go_on()
        with other.ledger.read() as db:
            counts = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("photos", "names", "sightings", "facings")]
        assert counts == [1, 1, 1, 1]
        with mine.ledger.read() as db:
            assert verdicts.in_force(db, found.id).reason == "moved"
    finally:
        darkroom.close()


def test_what_could_not_be_read_there_stays_here(home: Path) -> None:
    """The other diary has the photo, and set it aside: left out here it would be in neither film."""
    settings, digest = load(home / "config.toml"), digest_of(photo(0))
    darkroom = Darkroom(settings.darkroom)
    mine, other = open_diary(settings, "me", [], []), open_diary(settings, "anna", [], [])
    there = Intake("anna", other.ledger, other.archive, darkroom, settings.darkroom, settings.zone("anna"), {})
    try:
        found = photos.find(mine.ledger, digest)
        assert found is not None and found.original is not None
        there.take(os.fsencode(mine.archive.root / found.original), b"a.jpg", now=time.time(), live=False, trusting=True)
        target = photos.find(other.ledger, digest)
        assert target is not None
        photos.quarantine(other.ledger, target, "crashed_reader")
        number = moved.wish(mine.ledger, [found], "anna", time.time())
        while (outcome := wishes.get(mine.ledger, number).outcome) is None:
            elsewhere.go_on("me", mine.ledger, mine.archive.root, there, wishes.get(mine.ledger, number), time.time())
        assert outcome["moved"] == 0 and "could not be read there" in outcome["failed"][0]["why"]
        with mine.ledger.read() as db:
            assert verdicts.in_force(db, found.id).excluded is None
    finally:
        darkroom.close()


def test_an_original_that_is_damaged_is_not_moved(diary: Diary, home: Path) -> None:
    """What lies here is no longer the photo: it is not made another one there; it says so, and stays."""
    digest = digest_of(photo(0))
    found = row(home, "archive", digest)
    assert found is not None and found.original is not None
    (home / "archive" / found.original).write_bytes(photo(2))
    done = diary.ask("photos", "move", digest[:12], "--to", "anna", "--diary", "me")
    assert done.returncode == 1 and "its original is missing or damaged" in done.stdout
    assert (found := row(home, "archive", digest)) is not None and found.in_film


def test_the_page_offers_it_and_wishes_for_it(home: Path) -> None:
    """A plain form on the photo's page, only where there is another diary; what cannot be is refused in words."""
    digest = digest_of(photo(0))
    site = site_of(home / "config.toml")
    try:
        visitor, where = Visitor(site), f"/diary/me/photo/{digest}"
        assert "This is anna: move it there" in visitor.get(where).text
        for to in ("ben", "me", ""):
            assert visitor.submit(f"{where}/move", to=to).status_code == 400
        assert visitor.post(f"{where}/move", data={"to": "anna"}).status_code == 403, "no form of ours"
        answer = visitor.submit(f"{where}/move", to="anna")
        assert answer.status_code == 303 and answer.headers["location"] == where
        text = visitor.get(where).text
        assert "it is moved to anna as soon as photodiary runs" in text and "The service is not running" in text
        with closing(Ledger(home / "archive", writable=False)) as ledger:
            wish = wishes.oldest_open(ledger, moved.KIND)
        assert wish is not None and wish.details == {"to": "anna", "sha256": [digest]}
        with closing(Ledger(home / "anna")) as ledger:
            forgetting.wish(ledger, [digest], 1.0)
        refused = visitor.submit(f"{where}/move", to="anna")
        assert refused.status_code == 409 and "was forgotten in anna" in refused.text
    finally:
        site.darkroom.close()
