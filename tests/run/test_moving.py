"""Bringing photos of a source into a diary, some at a time: what is spooled, when it goes again, and what becomes of trouble on the way."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.support.dots import photo
from tests.support.takeout import zipped

from photodiary.archive.reserve import DiskConfig
from photodiary.archive.store import TEMPORARY, Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.errors import StorageTrouble
from photodiary.inbox.importing import Importing
from photodiary.inbox.intake import Intake
from photodiary.ledger import photos, wishes
from photodiary.ledger.store import Ledger
from photodiary.moving.http import Unreachable
from photodiary.moving.source import NotBrought, Offer, Survey, Target
from photodiary.moving.takeout import Takeout
from photodiary.run import moving
from photodiary.run.importing import _same_files
from photodiary.run.moving import Moving, duration
from photodiary.run.tree import trees


class House:
    """A diary whose wishes are acted on as soon as somebody is woken for them."""

    def __init__(self, root: Path, darkroom: Darkroom) -> None:
        self.archive = Archive(root)
        self.archive.prepare()
        self.ledger = Ledger(root)
        self._importing = Importing(Intake("me", self.ledger, self.archive, darkroom, DarkroomConfig(), ZoneInfo("Europe/Berlin"), {}), ())
        self.spooled: list[list[Path]] = []  # at each call

    def work(self) -> None:
        self.spooled.append(sorted(path for path in (self.archive.root / "work").rglob("[0-9]*")))
        while self._importing.step(1_718_000_000.0):
            pass

    def moving(self, *, poke: Callable[[], None] | None = None, sees_files: bool = True, disk: DiskConfig | None = None) -> Moving:
        return Moving(self.archive, self.ledger, disk or DiskConfig(), poke=poke or self.work, check=lambda: None, sees_files=sees_files, full=False)

    def left(self) -> list[Path]:
        return list((self.archive.root / "work").glob(f"{TEMPORARY}*"))


@pytest.fixture(scope="module")
def darkroom() -> Iterator[Darkroom]:
    made = Darkroom(DarkroomConfig(workers=1))
    yield made
    made.close()


@pytest.fixture
def house(tmp_path: Path, darkroom: Darkroom) -> Iterator[House]:
    made = House(tmp_path / "archive", darkroom)
    yield made
    made.ledger.close()


class Sent:
    """Photos that have to be fetched; some cannot be."""

    name = words = "elsewhere"

    def __init__(self, *contents: bytes | Exception | type[BaseException]) -> None:
        self.contents = contents
        self.fetched: Counter[str] = Counter()

    def survey(self) -> Survey:
        return Survey([(str(number), "1", 10) for number in range(len(self.contents))], skipped=Counter({"videos": 2}))

    def offers(self) -> Iterator[Offer]:
        for number, content in enumerate(self.contents):

            def fetch(target: Target, number: int = number, content: bytes | Exception | type[BaseException] = content) -> None:
                self.fetched[str(number)] += 1
                target.write(b"torn off")
                target.begin_again()
                if not isinstance(content, bytes):
                    raise content
                target.write(content)

            yield Offer(f"{number}.jpg", str(number), "1", 10, fetch=fetch)


def bring(house: House, source: Sent, **how: bool) -> moving.Outcome:
    made = house.moving(**how)  # type: ignore[arg-type]
    try:
        made.bring(source, source.survey())
        return made.outcome
    finally:
        made.close()


def test_downloads_are_spooled_privately_and_removed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never more than two batches lie there, nobody else can read them, nothing is left afterwards; a photo that cannot be had is one photo less."""
    monkeypatch.setattr(moving, "BATCH", 2)
    source = Sent(*(photo(number) for number in range(3)), NotBrought("the server answers 404"), *(photo(number) for number in range(3, 6)))
    modes = []

    def poke() -> None:
        modes.extend(stat.S_IMODE(path.parent.stat().st_mode) for path in (house.archive.root / "work").rglob("[0-9]*"))
        house.work()

    made = house.moving(poke=poke)
    made.bring(source, source.survey())
    made.close()
    assert (made.outcome.counts["new"], made.outcome.counts["failed"], made.outcome.total) == (6, 1, 7)
    assert made.outcome.unreadable == [{"file": "3.jpg", "why": "the server answers 404"}] and made.outcome.skipped == {"videos": 2}
    assert max(len(lying) for lying in house.spooled) <= 4 and set(modes) == {0o700}
    assert house.left() == []
    again = bring(house, source)
    assert source.fetched == {"3": 2, **{str(number): 1 for number in (0, 1, 2, 4, 5, 6)}} and again.counts["known"] == 6


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_brings_is_for_the_diarys_owner(house: House) -> None:
    """`sudo photodiary import` beside a service of another user: it can read what is handed to it."""
    os.chown(house.archive.root, 4321, 4322)
    owners: set[int] = set()

    def poke() -> None:
        owners.update(path.stat().st_uid for path in (house.archive.root / "work").rglob("*") if path.name != "CACHEDIR.TAG")
        house.work()

    made = house.moving(poke=poke)
    made.bring(source := Sent(photo(1)), source.survey())
    made.close()
    assert owners == {4321} and made.outcome.counts["new"] == 1


def test_what_an_interruption_left_goes_with_the_next_import(house: House) -> None:
    """A room that nobody holds any more, once no wish can ask for what is in it."""
    room = house.archive.temporary("")
    room.mkdir()
    (room / "0000001").write_bytes(b"left")
    wish = wishes.make(house.ledger, "import", {"items": [], "source": "x", "more": True}, 1.0)
    made = house.moving(poke=lambda: None)
    made.close()
    assert house.left() == [room]
    wishes.fulfil(house.ledger, wish, {}, 2.0)
    bring(house, Sent(photo(1)))
    assert house.left() == []


def test_ctrl_c_keeps_what_is_here(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    """What was fetched before is handed over and taken in, and how to go on is said."""
    with pytest.raises(KeyboardInterrupt):
        bring(house, Sent(photo(0), photo(1), KeyboardInterrupt, photo(2)))
    assert "interrupted: 2 of 4 photos are done with; the same command goes on where it stopped" in capsys.readouterr().err
    assert photos.total(house.ledger) == 2 and house.left() == []


def test_a_server_that_goes_away_loses_nothing_that_is_here(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    """What was fetched before it went is handed over and taken in, and the trouble is raised."""
    with pytest.raises(Unreachable, match="nobody listens"):
        bring(house, Sent(photo(0), Unreachable("nobody listens there")))
    assert "stopped: 1 of 2 photos are done with; the same command goes on where it stopped" in capsys.readouterr().err
    assert photos.total(house.ledger) == 1 and house.left() == []


def test_a_full_disk_is_told_before_a_download(house: House) -> None:
    """Nothing is fetched that has no room; what there is of it is taken in first."""
    source = Sent(photo(0))
    made = house.moving(disk=DiskConfig(reserve_mb=1_000_000))
    with pytest.raises(StorageTrouble, match="are kept free.*call this again then"):
        made.bring(source, source.survey())
    made.close()
    assert not source.fetched and house.left() == []


def test_files_that_the_service_cannot_see_are_copied_for_it(house: House, tmp_path: Path) -> None:
    """By default it reads them where they lie; kept from a home, or in a container, it gets copies, and a link or what cannot be read is told."""
    folder = tmp_path / "home"
    folder.mkdir()
    for number in range(2):
        (folder / f"{number}.jpg").write_bytes(photo(number))
    (tree,) = trees([str(folder)], ())
    survey = tree.survey()
    (folder / "1.jpg").unlink()
    os.symlink(folder / "0.jpg", folder / "1.jpg")
    made = house.moving(sees_files=False)
    made.bring(tree, survey)
    made.close()
    assert [len(lying) for lying in house.spooled] == [1]
    assert (made.outcome.counts["new"], made.outcome.counts["failed"]) == (1, 1)
    assert [names for _, names in photos.everything(house.ledger)] == [[b"0.jpg"]]
    (folder / "2.jpg").write_bytes(photo(2))
    (tree,) = trees([str(folder)], ())
    direct = house.moving()
    direct.bring(tree, tree.survey())
    direct.close()
    assert house.spooled[-1] == [] and direct.outcome.counts["new"] == 1 and direct.outcome.counts["known"] == 1


def test_who_lives_among_other_mounts_sees_other_files() -> None:
    """As a service does whose unit keeps it from homes; of one that cannot be asked it is not assumed that it sees the same."""
    assert _same_files(os.getpid()) and not _same_files(2**22 + 1)
    away = subprocess.Popen(["unshare", "--mount", "--map-root-user", "sh", "-c", "echo there; exec sleep 60"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert away.stdout is not None
        if away.stdout.readline() != b"there\n":
            pytest.skip("this machine gives out no namespaces")
        assert not _same_files(away.pid)
    finally:
        away.kill()
        away.communicate()


def test_single_files_of_a_folder_are_one_source(tmp_path: Path) -> None:
    """Named files are taken whatever they are called, and known by their folder; a folder brings its photos, and counts what is none."""
    for name in ("a.jpg", "b.bin", "c.gif", "sub/d.heic", "e"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(photo(1) if name == "e" else b"x")
    named = trees([str(tmp_path / "a.jpg"), str(tmp_path / "c.gif"), str(tmp_path / "sub")], ())
    assert [(tree.name, [item for item, *_ in tree.survey().photos]) for tree in named] == [
        (f"{tmp_path}/sub", ["d.heic"]),
        (str(tmp_path), ["a.jpg", "c.gif"]),
    ]
    (whole,) = trees([str(tmp_path)], ())
    survey = whole.survey()
    assert [item for item, *_ in survey.photos] == ["a.jpg", "e", "sub/d.heic"], "content decides where no name does"
    assert sum(survey.skipped.values()) == 2


def test_waits_as_people_say_them() -> None:
    assert [duration(seconds) for seconds in (3, 70, 3000, 7000, 200_000)] == [
        "less than a minute", "about 1 minute", "about 50 minutes", "about 2 hours", "about 2 days",
    ]  # fmt: skip


def test_a_disk_that_takes_half_of_a_piece_is_full(tmp_path: Path) -> None:
    """The system says so only to who writes the rest: without that, half a photo would count as a whole one."""
    spool, before = moving._Spool(tmp_path / "photo"), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, before[1]))
    try:
        with pytest.raises(StorageTrouble):
            spool.write(bytes(1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        spool.close()


def test_a_file_that_grows_while_it_is_copied_is_left_for_the_next_time(house: House, tmp_path: Path) -> None:
    """Half of it would be taken for a broken photo."""
    (tmp_path / "card").mkdir()
    (tmp_path / "card/1.jpg").write_bytes(photo(1)[:5000])
    (tree,) = trees([str(tmp_path / "card")], ())
    survey = tree.survey()
    (tmp_path / "card/1.jpg").write_bytes(photo(1))
    made = house.moving(sees_files=False)
    try:
        made.bring(tree, survey)
    finally:
        made.close()
    assert (made.outcome.counts["failed"], photos.total(house.ledger)) == (1, 0)


def test_what_goes_away_before_its_turn_is_told(house: House, tmp_path: Path) -> None:
    """A stick that is pulled out in the middle: nobody may believe that all of it is in the diary."""
    packed = zipped(tmp_path / "takeout.zip", {"Takeout/Google Photos/Trip/1.jpg": photo(1)})
    source = Takeout([packed], ZoneInfo("Europe/Berlin"), most=1e9)
    survey = source.survey()
    packed.unlink()
    made = house.moving()
    try:
        made.bring(source, survey)
    finally:
        made.close()
    assert (made.outcome.done, made.outcome.counts["failed"], [entry["file"] for entry in made.outcome.unreadable]) == (1, 1, ["Trip/1.jpg"])


def test_a_folder_whose_name_is_no_text(house: House, tmp_path: Path) -> None:
    """Is brought, and known the next time; what is said of it can be printed anywhere."""
    folder = os.path.join(tmp_path, os.fsdecode(b"\xe9t\xe9"))
    os.mkdir(folder)
    Path(folder, os.fsdecode(b"\xe0.jpg")).write_bytes(photo(1))
    (tree,) = trees([folder], ())
    tree.words.encode()
    made = house.moving()
    try:
        made.bring(tree, tree.survey())
        made.bring(tree, tree.survey())
    finally:
        made.close()
    assert (made.outcome.counts["new"], made.outcome.counts["known"]) == (1, 1)


def test_an_import_ends_when_its_last_photos_cannot_be_had(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch before them said that more follows: nobody waits a minute for that."""
    monkeypatch.setattr(moving, "BATCH", 2)
    source, waited = Sent(photo(1), photo(2), NotBrought("the server answers 404")), list[None]()

    def check() -> None:
        waited.append(None)
        assert len(waited) < 5, "it waits for what does not come"

    made = Moving(house.archive, house.ledger, DiskConfig(), poke=house.work, check=check, sees_files=True, full=False)
    try:
        made.bring(source, source.survey())
    finally:
        made.close()
    assert (made.outcome.counts["new"], made.outcome.counts["failed"]) == (2, 1)
